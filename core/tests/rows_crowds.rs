//! Rooms, broadcasts and questions in great numbers: what they cost, and that nothing of them stays.

mod common;

use common::{Harness, WebSocketClient, secs};
use sockeye_core::{Closure, Selector, Server};

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
    h.closed(client.ws, Closure::Peer);
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
fn a_broadcast_reaches_everybody_who_stays_once_while_half_of_them_leave() {
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
            h.closed(client.ws, Closure::Peer);
        }
    }
    for (_, client) in &stay {
        let news = [0, 1, 2].map(|round| format!("42[\"news {round}\"]"));
        assert_eq!(h.received(client.ws), news);
    }
    assert_eq!(h.events().len(), leave.len());
    let counts = h.server.counts();
    assert_eq!((counts.sockets, counts.buffered), (stay.len(), 0));
}

#[test]
fn a_question_to_very_many_has_one_deadline_and_is_forgotten_after_it() {
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
