//! Connection state recovery: the same socket on another connection, with the missed events.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "most events are of no interest here")]

mod pair;

use pair::{Pair, WEBSOCKET, millis, secs};
use sockeye_core::client::{Event, Input};
use sockeye_core::{EmitOptions, RecoveryConfig, Selector, SocketId};

fn recovering() -> Pair {
    Pair::with(
        |config| config.transports = vec![WEBSOCKET],
        |server| server.recovery = Some(RecoveryConfig::default()),
    )
}

fn serve_volatile(pair: &mut Pair, peer: SocketId, name: &str, data: &str) {
    let options = EmitOptions::default().volatile(true);
    assert!(pair.server.socket(peer).unwrap().emit(name, data, options).unwrap());
    pair.settle();
    pair.run(millis(100));
}

/// The events with their first arguments, without offsets.
fn events(pair: &mut Pair) -> Vec<String> {
    let words = |event: Event| match event {
        Event::Received { name, args, .. } => {
            Some(format!("{name} {}", args.iter().next().unwrap_or("")))
        }
        Event::Connected { recovered, .. } => {
            Some(if recovered { "recovered" } else { "connected" }.to_owned())
        }
        _ => None,
    };
    pair.client_events().into_iter().filter_map(words).collect()
}

#[test]
fn a_client_that_returns_soon_is_recovered_with_the_missed_events() {
    let mut pair = recovering();
    let (id, peer) = pair.join("/");
    pair.server.socket(peer).unwrap().join("room");
    pair.serve(peer, "e", &1);
    pair.run(secs(1));
    let sid = pair.socket(id).sid().unwrap().clone();
    assert!(!pair.socket(id).is_recovered());
    events(&mut pair);

    pair.serve(peer, "lost on the way", &2);
    pair.cut();
    pair.run(millis(1));
    pair.server
        .emit("/", &Selector::all().to("room"), "missed", &3, EmitOptions::default())
        .unwrap();
    pair.server.emit("/", &Selector::all().to("other"), "no", &4, EmitOptions::default()).unwrap();
    pair.emit(id, "buffered", &());
    pair.run(secs(10));

    assert_eq!(events(&mut pair), ["recovered", "lost on the way 2", "missed 3"]);
    assert_eq!(*pair.socket(id).sid().unwrap(), sid);
    assert!(pair.socket(id).is_recovered());
    assert!(pair.heard().contains(&"buffered[]".to_owned()));
    let peer = pair.peer(id);
    assert_eq!(pair.server.socket(peer).unwrap().rooms().count(), 1);
    pair.finish();
}

#[test]
fn a_socket_that_left_before_it_was_recovered_is_new() {
    let mut pair = recovering();
    pair.join("/");
    let (id, peer) = pair.join("/admin");
    pair.serve(peer, "e", &1);
    pair.run(secs(1));
    // The server does not notice that the connection is lost, so it does not recover yet.
    pair.net.silent = (true, true);
    pair.feed(Input::Offline);
    pair.net.written.clear();
    pair.net.heal();
    pair.feed(Input::Online);
    while !pair.net.written.last().is_some_and(|packet| packet.starts_with("40/admin")) {
        pair.run(millis(1));
    }
    pair.disconnect(id);
    pair.run(secs(60));
    pair.server.emit("/admin", &Selector::all(), "missed", &2, EmitOptions::default()).unwrap();
    events(&mut pair);

    pair.connect(id);
    pair.run(secs(1));

    // On a connection on which the socket has left, events before the answer to CONNECT are not for
    // it.
    assert_eq!(events(&mut pair), ["connected"]);
    pair.finish();
}

#[test]
fn a_socket_can_be_recovered_repeatedly() {
    let mut pair = recovering();
    let (id, peer) = pair.join("/");
    pair.serve(peer, "e", &0);
    pair.run(secs(1));
    for n in 1..5 {
        events(&mut pair);
        let peer = pair.peer(id);
        pair.serve(peer, "e", &n);
        pair.cut();
        pair.run(secs(20));
        assert_eq!(events(&mut pair), ["recovered".to_owned(), format!("e {n}")]);
    }
}

#[test]
fn events_without_an_offset_do_not_prevent_the_recovery() {
    let mut pair = recovering();
    let (id, peer) = pair.join("/");
    pair.serve(peer, "e", &1);
    pair.run(secs(1));
    serve_volatile(&mut pair, peer, "status", "on");
    serve_volatile(&mut pair, peer, "text", "a text with spaces");
    serve_volatile(&mut pair, peer, "activity", "running");
    serve_volatile(&mut pair, peer, "activity", "running");
    let now = pair.now;
    pair.server.socket(peer).unwrap().emit_with_ack("q", "question", None, now).unwrap();
    pair.settle();
    pair.run(secs(1));
    events(&mut pair);

    pair.cut();
    pair.run(secs(10));

    assert_eq!(events(&mut pair), ["recovered"]);
    assert!(pair.socket(id).is_recovered());
}

#[test]
fn without_an_offset_nothing_is_recovered() {
    let mut pair = recovering();
    let (id, _) = pair.join("/");
    let sid = pair.socket(id).sid().unwrap().clone();
    events(&mut pair);
    pair.cut();
    pair.run(secs(10));
    assert_eq!(events(&mut pair), ["connected"]);
    assert_ne!(*pair.socket(id).sid().unwrap(), sid);
}

#[test]
fn a_client_that_returns_too_late_or_to_a_new_server_is_not_recovered() {
    for restart in [false, true] {
        let mut pair = recovering();
        let (id, peer) = pair.join("/");
        pair.serve(peer, "e", &1);
        pair.run(secs(1));
        events(&mut pair);
        if restart {
            pair.restart();
        } else {
            pair.net.down = true;
            pair.cut();
            pair.run(secs(200));
            pair.net.down = false;
        }
        pair.run(secs(10));
        assert_eq!(events(&mut pair), ["connected"]);
        assert!(!pair.socket(id).is_recovered());

        let peer = pair.peer(id);
        pair.serve(peer, "e", &2);
        pair.run(secs(1));
        pair.cut();
        pair.run(secs(10));
        assert_eq!(events(&mut pair), ["e 2", "recovered"], "the new key works");
    }
}

#[test]
fn a_client_that_has_disconnected_is_not_recovered() {
    let mut pair = recovering();
    let (id, peer) = pair.join("/");
    pair.serve(peer, "e", &1);
    pair.run(secs(1));
    events(&mut pair);
    pair.disconnect(id);
    pair.run(secs(1));
    pair.connect(id);
    pair.run(secs(5));
    assert_eq!(events(&mut pair), ["connected"]);
}

#[test]
fn a_connection_that_is_lost_during_the_recovery_loses_nothing() {
    for cut_after in [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70] {
        let mut pair = recovering();
        let (id, peer) = pair.join("/");
        pair.serve(peer, "e", &0);
        pair.run(secs(1));
        pair.cut();
        for n in 1..4 {
            pair.server.emit("/", &Selector::all(), "e", &n, EmitOptions::default()).unwrap();
        }
        while !pair.client.is_connected() {
            pair.run(millis(1));
        }
        pair.run(millis(cut_after));
        pair.cut();
        pair.run(secs(30));

        let events: Vec<_> =
            events(&mut pair).into_iter().filter(|line| line.starts_with('e')).collect();
        assert_eq!(events, ["e 0", "e 1", "e 2", "e 3"], "cut after {cut_after} ms");
        assert!(pair.socket(id).is_recovered());
    }
}
