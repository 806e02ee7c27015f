//! Pings, pongs, and clients that fall silent.

mod common;

use common::{Harness, secs};
use sockeye_core::engineio::{Encoded, Engine, EngineConfig};

fn engine() -> Harness<Engine> {
    Harness::engine(EngineConfig::default())
}

#[test]
fn a_ping_comes_an_interval_after_the_opening_and_then_after_each_pong() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();

    h.advance(secs(24));
    assert_eq!(h.received(ws).len(), 0);
    h.advance(secs(1));
    assert_eq!(h.received(ws), ["2"]);
    h.advance(secs(10));
    h.frame(ws, "3");
    h.advance(secs(24));
    assert_eq!(h.received(ws).len(), 0);
    h.advance(secs(1));

    assert_eq!(h.received(ws), ["2"]);
}

#[test]
fn a_session_without_a_pong_ends_after_the_timeout() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();

    h.advance(secs(44));
    assert!(h.is_open(ws));
    h.advance(secs(1));

    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["closed: ping timeout"]);
}

#[test]
fn a_get_that_waits_when_a_session_times_out_is_told_to_close() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let ping = h.get(&sid);
    h.advance(secs(25));
    assert_eq!(h.answer(ping), "200 2");

    let waiting = h.get(&sid);
    h.advance(secs(20));

    assert_eq!(h.answer(waiting), "200 1");
    assert_eq!(h.told(), ["closed: ping timeout"]);
}

#[test]
fn a_pong_over_polling_counts() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    for _ in 0..10 {
        let ping = h.get(&sid);
        h.advance(secs(25));
        assert_eq!(h.answer(ping), "200 2");
        h.post(&sid, "3");
    }
    assert_eq!(h.told().len(), 0);
}

#[test]
fn unexpected_pongs_are_ignored() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();

    h.advance(secs(20));
    for _ in 0..1000 {
        h.frame(ws, "3");
    }
    h.advance(secs(5));
    assert_eq!(h.received(ws), ["2"]);
    h.frame(ws, "3garbage");
    h.advance(secs(5));
    h.frame(ws, "3");
    h.advance(secs(20));

    assert_eq!(h.received(ws), ["2"]);
}

#[test]
fn another_packet_extends_the_pong_deadline_once() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();
    h.advance(secs(25));

    h.advance(secs(15));
    h.frame(ws, "4a");
    h.advance(secs(15));
    h.frame(ws, "4b");
    assert!(h.is_open(ws));
    h.advance(secs(5));

    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["a", "b", "closed: ping timeout"]);
}

#[test]
fn after_a_late_pong_the_next_ping_comes_earlier() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();
    h.advance(secs(25));
    assert_eq!(h.received(ws), ["2"]);

    h.advance(secs(18));
    h.frame(ws, "3");
    h.advance(secs(17));

    assert_eq!(h.received(ws), ["2"], "a client gives up 45 s after a ping");
}

#[test]
fn a_client_that_was_paused_for_long_is_pinged_again() {
    let mut h = engine();
    let (ws, session) = h.open_websocket();
    h.advance(secs(25));
    assert_eq!(h.received(ws), ["2"]);
    for _ in 0..10 {
        let now = h.now;
        h.server.pause(session, true, now);
        h.advance(secs(18));
        let now = h.now;
        h.server.pause(session, false, now);
        assert_eq!(h.received(ws), ["2"]);
        h.server.pause(session, true, now);
        h.server.pause(session, false, now);
        assert_eq!(h.received(ws).len(), 0, "but not all the time");
    }
    assert!(h.is_open(ws));
}

#[test]
fn the_pong_deadline_continues_across_an_upgrade() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    h.advance(secs(20));
    let ws = h.upgrade(&sid);
    h.frame(ws, "2probe");
    h.advance(secs(5));
    assert_eq!(h.fetch(&sid), "2");
    h.frame(ws, "5");

    h.advance(secs(19));
    assert!(h.is_open(ws));
    h.advance(secs(1));

    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["upgraded", "closed: ping timeout"]);
}

#[test]
fn a_ping_that_waits_goes_over_the_websocket_and_its_pong_counts() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    h.advance(secs(25));
    let ws = h.upgrade(&sid);
    h.frame(ws, "2probe");
    h.frame(ws, "5");
    assert_eq!(h.received(ws), ["3probe", "2"]);

    h.frame(ws, "3");
    h.advance(secs(25));

    assert_eq!(h.received(ws), ["2"]);
}

#[test]
fn a_ping_does_not_overtake_waiting_packets() {
    let mut h = engine();
    let (ws, session) = h.open_websocket();
    h.stall(ws);
    h.server.send(session, &Encoded::text("a"), false);
    h.server.send(session, &Encoded::text("b"), false);

    h.advance(secs(25));
    h.drained(ws);

    assert_eq!(h.received(ws), ["4a", "4b", "2"]);
}

#[test]
fn handle_timeout_may_be_called_early_late_and_twice() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();
    let due = h.server.poll_timeout().unwrap();

    h.server.handle_timeout(h.now);
    h.server.handle_timeout(h.now);
    assert_eq!(h.server.poll_timeout(), Some(due));
    assert_eq!(h.received(ws).len(), 0);
    h.now = due + secs(3600);
    h.server.handle_timeout(h.now);
    h.server.handle_timeout(h.now);

    assert_eq!(h.received(ws), ["2"], "a late driver gives clients their time");
    assert_eq!(h.server.poll_timeout(), Some(h.now + secs(20)));
}

#[test]
fn an_idle_session_has_one_deadline() {
    let mut h: Harness<sockeye_core::Server> = Harness::new();
    h.connect_polling("/");
    h.connect_websocket("/");

    let counts = h.server.counts();
    assert_eq!((counts.engine.timers, counts.timers), (2, 0));
}
