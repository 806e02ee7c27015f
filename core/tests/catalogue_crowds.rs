//! Rooms, broadcasts and questions in great numbers: what they cost, and that nothing of them stays.

mod common;

use common::{Harness, WebSocketClient, secs};
use sockeye_core::{CloseCause, Selector, Server};

fn crowd(size: usize) -> (Harness<Server>, Vec<WebSocketClient>) {
    let mut h: Harness<Server> = Harness::new();
    let clients = (0..size).map(|_| h.connect_websocket("/")).collect();
    (h, clients)
}

#[test]
fn a_socket_in_very_many_rooms_leaves_none_of_them_behind() {
    let (mut h, clients) = crowd(1);
    let client = &clients[0];
    for number in 0..20_000 {
        h.socket(client.socket).join(&format!("room {number}"));
    }
    assert_eq!(h.server.counts().rooms, 20_000);
    h.socket(client.socket).leave("never joined");
    assert_eq!(h.server.counts().rooms, 20_000);
    h.closed(client.ws, CloseCause::Peer);
    h.events();
    assert_eq!(h.server.counts().rooms, 0);
}

#[test]
fn a_room_may_be_called_anything() {
    let (mut h, clients) = crowd(2);
    let long = "x".repeat(1_000_000);
    for name in ["", "/", "\0", "__proto__", "#1", "é€😀", &long] {
        h.socket(clients[0].socket).join(name);
        h.emit_to(&Selector::all().to(name), "e");
        assert_eq!(h.received(clients[0].ws).len(), 1, "{name:.20}");
        assert!(h.received(clients[1].ws).is_empty(), "{name:.20}");
        h.socket(clients[0].socket).leave(name);
    }
    assert_eq!(h.server.counts().rooms, 0);
}

#[test]
fn no_packet_of_a_client_makes_a_room() {
    let (mut h, clients) = crowd(1);
    for packet in [r#"42["join","room"]"#, r#"42["subscribe",["room"]]"#, r#"43["room"]"#] {
        h.frame(clients[0].ws, packet);
    }
    h.events();
    assert_eq!(h.server.counts().rooms, 0);
}

#[test]
fn a_broadcast_reaches_each_remaining_socket_once_while_half_of_them_leave() {
    let (mut h, clients) = crowd(1_000);
    let (stay, leave): (Vec<_>, Vec<_>) =
        clients.iter().enumerate().partition(|(number, _)| number % 2 == 0);
    // The events for those who leave are on their way, or still wait.
    for (_, client) in &leave {
        h.stall(client.ws);
    }
    for round in 0..3 {
        h.emit_to(&Selector::all(), &format!("news {round}"));
        for (_, client) in leave.iter().skip(round).step_by(3) {
            h.closed(client.ws, CloseCause::Peer);
        }
    }
    for (_, client) in &stay {
        let news = [0, 1, 2].map(|round| format!("42[\"news {round}\"]"));
        assert_eq!(h.received(client.ws), news);
    }
    assert_eq!(h.events().len(), leave.len());
    let counts = h.server.counts();
    assert_eq!((counts.sockets, counts.engine.buffered), (stay.len(), 0));
}

#[test]
fn a_broadcast_with_ack_has_one_deadline() {
    let (mut h, clients) = crowd(1_000);
    let before = h.server.counts();
    let now = h.now;
    h.server
        .emit_with_ack("/", &Selector::all(), "q", &(), Some(secs(5)), now)
        .expect("it can be sent");
    h.collect();
    let counts = h.server.counts();
    assert_eq!(counts.acks, clients.len());
    assert!(counts.timers <= before.timers + 1, "{} and {}", before.timers, counts.timers);
    h.advance(secs(5));
    assert_eq!(h.told(), [format!("gathered [], 0 lost, {} late", clients.len())]);
    assert_eq!((h.server.counts().acks, h.server.counts().timers), (0, before.timers));
}

#[test]
fn rooms_that_are_named_again_and_again_cost_no_more_than_their_names() {
    let (mut h, clients) = crowd(200);
    for client in &clients {
        h.socket(client.socket).join("room");
    }
    let names = || vec!["room".into(); 40_000];
    let to = Selector { rooms: names(), ..Selector::default() };
    let except = Selector { rooms: names(), except: names(), ..Selector::default() };
    let mut receivers = Vec::new();

    let measured = allocation_counter::measure(|| {
        for selector in [&to, &except] {
            receivers.push(h.server.select("/", selector).len());
        }
    });

    assert_eq!(receivers, [200, 0]);
    assert!(measured.bytes_max < 2 << 20, "{} bytes", measured.bytes_max);
}

#[test]
fn many_rooms_and_exceptions_select_each_socket_once() {
    let (mut h, clients) = crowd(300);
    for (number, client) in clients.iter().enumerate() {
        for other in [number, number / 2, 1000] {
            h.socket(client.socket).join(&format!("room {other}"));
        }
    }
    let rooms = |range: std::ops::Range<usize>| {
        range.map(|number| format!("room {number}").into()).collect::<Vec<_>>()
    };
    let every = Selector { rooms: rooms(0..2000), ..Selector::default() };
    let some = Selector { except: rooms(0..100), ..every.clone() };

    assert_eq!(h.server.select("/", &every).len(), 300);
    let expected: Vec<_> = clients[200..].iter().map(|client| client.socket).collect();
    assert_eq!(h.server.select("/", &some), expected);
}
