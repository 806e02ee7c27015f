//! How sessions end, what is still delivered then, and which reason everybody is told.

mod common;

use common::{Harness, secs};
use sockeye_core::engineio::{Encoded, Engine, EngineConfig};
use sockeye_core::{CloseCause, Server};

fn engine() -> Harness<Engine> {
    Harness::engine(EngineConfig::default())
}

#[test]
fn closing_a_session_tells_a_get_that_waits() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    let get = h.get(&sid);

    h.server.close(session, h.now);

    assert_eq!(h.answer(get), "200 1");
    assert_eq!(h.told(), ["closed: forced close"]);
    assert!(h.server.is_idle());
}

#[test]
fn closing_a_session_without_a_get_tells_the_next_one() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    h.post(&sid, "6");

    h.server.close(session, h.now);
    assert_eq!(h.told(), ["closed: forced close"]);

    assert_eq!(h.fetch(&sid), "6\x1e1");
    assert!(h.server.is_idle());
}

#[test]
fn what_was_sent_before_closing_is_delivered_over_polling() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    h.server.send(session, &Encoded::text("bye"), false);

    h.server.close(session, h.now);
    assert!(!h.server.send(session, &Encoded::text("late"), false));

    assert_eq!(h.fetch(&sid), "4bye");
    assert_eq!(h.fetch(&sid), "6\x1e1", "the farewell comes alone");
}

#[test]
fn what_was_sent_before_closing_is_delivered_over_a_websocket() {
    let mut h = engine();
    let (ws, session) = h.open_websocket();
    h.stall(ws);
    for text in ["a", "b"] {
        h.server.send(session, &Encoded::text(text), false);
    }

    h.server.close(session, h.now);
    assert!(h.is_open(ws));
    h.drained(ws);

    assert_eq!(h.received(ws), ["4a", "4b"]);
    assert!(!h.is_open(ws));
}

#[test]
fn a_websocket_that_is_ready_is_closed_at_once() {
    let mut h = engine();
    let (ws, session) = h.open_websocket();

    h.server.close(session, h.now);

    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["closed: forced close"]);
}

#[test]
fn a_closing_session_ends_after_close_timeout() {
    let mut h = engine();
    let (sid, polling) = h.open_polling();
    h.post(&sid, "6");
    let (ws, stalled) = h.open_websocket();
    h.stall(ws);
    for _ in 0..2 {
        h.server.send(stalled, &Encoded::text("x"), false);
    }
    h.server.close(polling, h.now);
    h.server.close(stalled, h.now);

    h.advance(secs(29));
    assert!(h.is_open(ws));
    h.advance(secs(1));

    assert!(!h.is_open(ws));
    assert!(h.server.is_idle());
    let get = h.get(&sid);
    assert!(h.answer(get).starts_with("400"));
    assert_eq!(h.told(), ["closed: forced close"; 2]);
}

#[test]
fn messages_of_a_closing_session_are_dropped() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    let early = h.post_head(&sid);
    h.server.close(session, h.now);

    h.body(early, "4a");
    let late = h.post(&sid, "4b");

    assert_eq!(h.answer(early), "200 ok");
    assert_eq!(h.answer(late), "200 ok");
    assert_eq!(h.told(), ["closed: forced close"]);
}

#[test]
fn closing_twice_is_idempotent() {
    let mut h = engine();
    let (_, session) = h.open_polling();

    h.server.close(session, h.now);
    h.server.close(session, h.now);
    h.server.shut_down(h.now);

    assert_eq!(h.told(), ["closed: forced close"]);
}

#[test]
fn a_close_packet_over_a_websocket_ends_the_session_at_once() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();

    h.frame(ws, "1");

    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["closed: transport close"]);
}

#[test]
fn a_malformed_engine_packet_over_a_websocket_is_a_parse_error() {
    for text in ["", "7", "9", "a", "B", " ", "\0", "éabcd", "b====", "bAQ ID", "b-_8", "2:40"] {
        let mut h = engine();
        let (ws, _) = h.open_websocket();

        h.frame(ws, text);

        assert!(!h.is_open(ws), "{text:?}");
        assert_eq!(h.told(), ["closed: parse error"], "{text:?}");
    }
    let mut h = engine();
    let (ws, _) = h.open_websocket();
    h.frame(ws, vec![b'4', 0xff]);
    assert_eq!(h.told(), ["closed: parse error"]);
}

#[test]
fn open_and_noop_packets_are_ignored_over_a_websocket() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();

    for text in ["0{\"sid\":\"x\"}", "5", "6", "3", "3probe"] {
        h.frame(ws, text);
    }
    h.frame(ws, "bAQID");
    h.binary(ws, vec![]);

    assert!(h.is_open(ws));
    assert_eq!(h.told(), ["<01 02 03>", "<>"]);
}

#[test]
fn a_ping_from_a_client_over_a_websocket_is_an_error_of_the_transport() {
    for ping in ["2", "2probe"] {
        let mut h = engine();
        let (ws, _) = h.open_websocket();

        h.frame(ws, ping);

        assert_eq!(h.told(), ["closed: transport error"]);
    }
}

#[test]
fn inputs_for_what_is_closed_are_ignored() {
    let mut h = engine();
    let (ws, _) = h.open_websocket();
    h.frame(ws, "1");
    h.told();

    h.frame(ws, "4a");
    h.feed(sockeye_core::Input::Drained { ws });
    h.feed(sockeye_core::Input::Closed { ws, cause: CloseCause::Error });

    assert_eq!(h.told().len(), 0);
}

// Socket.IO.

#[test]
fn a_websocket_that_closes_or_breaks_is_told_apart() {
    for (cause, reason) in [
        (CloseCause::Peer, "#1 disconnected: transport close"),
        (CloseCause::Error, "#1 disconnected: transport error"),
    ] {
        let mut h: Harness<Server> = Harness::new();
        let client = h.connect_websocket("/");

        h.closed(client.ws, cause);

        assert_eq!(h.told(), [reason]);
    }
}

#[test]
fn every_end_has_its_reason() {
    type End = fn(&mut Harness<Server>, &common::WebSocketClient);
    let ends: [(End, &str); 9] = [
        (|h, c| h.frame(c.ws, "1"), "transport close"),
        (|h, c| h.frame(c.ws, "2"), "transport error"),
        (|h, c| h.frame(c.ws, "7"), "parse error"),
        (|h, c| h.frame(c.ws, "4x"), "forced close"),
        (|h, c| h.frame(c.ws, "42/admin,[\"x\"]"), "forced close"),
        (|h, c| h.frame(c.ws, "41"), "client namespace disconnect"),
        (
            |h, c| {
                let now = h.now;
                h.socket(c.socket).disconnect(false, now);
            },
            "server namespace disconnect",
        ),
        (|h, _| h.advance(secs(45)), "ping timeout"),
        (|h, _| h.server.shut_down(h.now), "server shutting down"),
    ];
    for (end, reason) in ends {
        let mut h = Harness::new();
        let client = h.connect_websocket("/");

        end(&mut h, &client);

        assert_eq!(h.told(), [format!("#1 disconnected: {reason}")]);
    }
}

#[test]
fn the_end_of_a_connection_ends_all_its_namespaces() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");
    h.join(client.ws, "/admin");
    h.frame(client.ws, "40/secret,");
    h.told();

    h.closed(client.ws, CloseCause::Peer);

    assert_eq!(
        h.told(),
        ["#1 disconnected: transport close", "#2 disconnected: transport close", "#3 withdrawn"]
    );
}

#[test]
fn nothing_arrives_after_a_violation_in_the_same_payload() {
    for violation in ["4x", "42/admin,[\"x\"]", "40"] {
        let mut h: Harness<Server> = Harness::new();
        let client = h.connect_polling("/");

        let body = format!("42[\"a\"]\x1e{violation}\x1e42[\"evil\"]\x1e40/admin,\x1e1");
        let post = h.post(&client.sid, body);

        assert_eq!(h.answer(post), "200 ok");
        assert_eq!(h.told(), ["#1 a[]", "#1 disconnected: forced close"]);
    }
}

#[test]
fn a_violation_over_polling_is_answered_with_noop_and_close() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");

    h.post(&client.sid, "40");

    assert_eq!(h.fetch(&client.sid), "6\x1e1");
}

#[test]
fn shut_down_disconnects_all_clients_and_refuses_new_ones() {
    let mut h: Harness<Server> = Harness::new();
    let polling = h.connect_polling("/");
    let websocket = h.connect_websocket("/");
    h.emit(polling.socket, "bye", &());
    h.emit(websocket.socket, "bye", &());

    h.server.shut_down(h.now);

    assert_eq!(
        h.told(),
        ["#1 disconnected: server shutting down", "#2 disconnected: server shutting down"]
    );
    assert!(!h.server.is_idle());
    assert_eq!(h.received(websocket.ws), ["42[\"bye\"]"]);
    assert!(!h.is_open(websocket.ws));
    assert_eq!(h.fetch(&polling.sid), "42[\"bye\"]");
    assert_eq!(h.fetch(&polling.sid), "6\x1e1");
    assert!(h.server.is_idle());
    let late = h.upgrade_with(&Harness::<Server>::target("websocket", None), &[]);
    assert_eq!(h.refusal(late), "503 Too many sessions");
    assert_eq!(h.server.poll_timeout(), None);
}

#[test]
fn a_client_that_joins_no_namespace_in_time_is_closed() {
    let mut h: Harness<Server> = Harness::new();
    let silent = h.open_websocket();
    let refused = h.open_websocket();
    h.frame(refused, "40/unknown,");
    h.received(refused);
    let joined = h.connect_websocket("/");
    h.frame(joined.ws, "41");

    h.advance(secs(25));
    for ws in [silent, refused, joined.ws] {
        h.frame(ws, "3");
    }
    h.advance(secs(19));
    assert!(h.is_open(silent));
    h.advance(secs(1));

    assert!(!h.is_open(silent));
    assert!(!h.is_open(refused));
    assert!(h.is_open(joined.ws), "it has joined once");
}
