//! Sending everybody away over a time.

mod common;

use std::time::Duration;

use common::{Harness, secs};

#[test]
fn retire_closes_connections_evenly_oldest_first() {
    let mut h = Harness::new();
    let clients: Vec<_> = (0..4).map(|_| h.connect_websocket("/")).collect();
    let now = h.now;
    h.server.retire(secs(40), now);

    let mut gone = Vec::new();
    for _ in 0..4 {
        gone.push(h.told());
        h.advance(secs(10));
    }

    let expected = (1..=4).map(|n| vec![format!("#{n} disconnected: server shutting down")]);
    assert_eq!(gone, expected.collect::<Vec<_>>());
    assert!(clients.iter().all(|client| !h.is_open(client.ws)));
    assert!(h.server.is_idle());
}

#[test]
fn retire_refuses_new_connections() {
    let mut h = Harness::new();
    let (_first, second) = (h.connect_websocket("/"), h.connect_websocket("/"));
    let now = h.now;
    h.server.retire(secs(40), now);

    let req = h.request("GET", "/socket.io/?EIO=4&transport=polling", &[]);
    assert_eq!(h.response(req).status, 503);
    assert_eq!(h.server.totals().engine.sessions_refused, 1);
    h.frame(second.ws, r#"42["still here"]"#);

    assert!(h.told().contains(&"#2 still here[]".to_owned()));
}

#[test]
fn retire_delivers_packets_sent_before() {
    let mut h = Harness::new();
    let client = h.connect_polling("/");
    h.emit(client.socket, "last words", &());
    let now = h.now;

    h.server.retire(Duration::ZERO, now);

    assert_eq!(h.told(), ["#1 disconnected: server shutting down"]);
    assert_eq!(h.fetch(&client.sid), r#"42["last words"]"#);
}

#[test]
fn a_client_that_leaves_during_retire_keeps_its_reason_and_the_schedule() {
    let mut h = Harness::new();
    let clients: Vec<_> = (0..4).map(|_| h.connect_websocket("/")).collect();
    let now = h.now;
    h.server.retire(secs(40), now);
    h.told();

    h.closed(clients[1].ws, sockeye_core::CloseCause::Peer);
    assert_eq!(h.told(), ["#2 disconnected: transport close"]);
    h.advance(Duration::from_millis(19_900));
    assert!(h.is_open(clients[2].ws));
    h.advance(Duration::from_millis(100));

    assert!(!h.is_open(clients[2].ws));
    assert!(h.is_open(clients[3].ws));
}

#[test]
fn retire_accepts_a_huge_duration() {
    let mut h = Harness::new();
    let clients: Vec<_> = (0..3).map(|_| h.connect_websocket("/")).collect();
    let now = h.now;

    h.server.retire(Duration::MAX, now);
    h.frame(clients[2].ws, r#"42["e"]"#);
    assert!(h.is_open(clients[2].ws));
    let now = h.now;
    h.server.shut_down(now);

    assert!(!h.is_open(clients[2].ws));
    let counts = h.server.counts();
    assert_eq!((counts.engine.timers, counts.timers), (0, 0));
}
