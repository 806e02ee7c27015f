//! What happens at each limit, and one beyond it; and that nothing remains of those who left.

mod common;

use bytes::Bytes;
use common::{Harness, cost, secs};
use sockeye_core::{
    CloseCause, Counts, EmitError, EmitOptions, EncodeError, Input, OnExceeded, RateLimit,
    RespondError, Server,
};

fn placeholder(num: usize) -> String {
    format!("{{\"_placeholder\":true,\"num\":{num}}}")
}

#[test]
fn a_body_is_read_up_to_max_payload() {
    let mut h = Harness::with(|config| config.engine.max_payload = 100);
    let client = h.connect_polling("/");

    let post = h.post_head(&client.sid);
    assert_eq!(h.wants_body(post), Some(100));
    h.feed(Input::BodyTooLarge { req: post });

    assert_eq!(h.answer(post), "413");
    assert_eq!(h.told(), ["#1 disconnected: transport error"]);
}

#[test]
fn a_client_may_fall_behind_by_max_buffered() {
    let behind = |bytes: usize| {
        let mut h = Harness::with(|config| config.engine.max_buffered = 2000);
        let client = h.connect_websocket("/");
        h.stall(client.ws);
        h.emit(client.socket, "in flight", &"x".repeat(1000));
        let in_flight = h.socket(client.socket).buffered();
        assert!(in_flight > 1000);
        let text = "x".repeat(bytes - in_flight - cost(r#"42["e",""]"#));
        let sent = h.emit(client.socket, "e", &text);
        assert_eq!(h.is_open(client.ws), sent);
        (sent, h.told())
    };

    assert_eq!(behind(2000), (true, vec![]));
    assert_eq!(behind(2001), (false, vec!["#1 disconnected: transport error".to_owned()]));
}

#[test]
fn the_ping_of_the_server_may_wait_behind_one_message_beyond_max_buffered() {
    let mut h = Harness::with(|config| config.engine.max_buffered = 2000);
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "in flight", &"x".repeat(5000));
    h.advance(secs(26));
    assert!(h.is_open(client.ws));

    h.emit(client.socket, "e", &());
    assert_eq!(h.told(), ["#1 disconnected: transport error"]);
}

#[test]
fn volatile_events_wait_as_long_as_no_more_than_max_buffered_does() {
    let dropped = |bytes: usize| {
        let mut h = Harness::with(|config| config.engine.max_buffered = 2000);
        let client = h.connect_websocket("/");
        h.stall(client.ws);
        h.emit(client.socket, "in flight", &());
        assert!(h.emit_volatile(client.socket, "v"));
        let taken = cost(r#"42["in flight"]"#) + cost(r#"42["v"]"#);
        let text = "x".repeat(bytes - taken - cost(r#"42["e",""]"#));
        assert!(h.emit(client.socket, "e", &text));
        h.server.totals().engine.dropped
    };

    assert_eq!(dropped(2000), 0);
    assert_eq!(dropped(2001), 1);
}

#[test]
fn an_overflow_only_affects_its_own_client() {
    let mut h = Harness::with(|config| config.engine.max_buffered = 2000);
    let slow = h.connect_websocket("/");
    let polling = h.connect_polling("/");
    let fast = h.connect_websocket("/");
    h.stall(slow.ws);

    for _ in 0..20 {
        h.emit_to(&sockeye_core::Selector::all(), "news");
        h.collect();
    }

    assert_eq!(h.told(), ["#1 disconnected: transport error", "#2 disconnected: transport error"]);
    assert_eq!(h.received(fast.ws).len(), 20);
    assert!(h.server.socket(polling.socket).is_none());
}

#[test]
fn a_question_to_a_client_that_falls_behind_with_it_is_answered_once() {
    let mut h = Harness::with(|config| config.engine.max_buffered = 10);
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "in flight", &());

    let now = h.now;
    h.socket(client.socket).emit_with_ack("much too long", &(), Some(secs(1)), now).unwrap();

    assert_eq!(
        h.told(),
        ["#1 not acked: socket has been disconnected", "#1 disconnected: transport error"]
    );
}

#[test]
fn a_packet_may_have_max_attachments_in_and_out() {
    for limit in [0, 3] {
        let mut h = Harness::with(|config| config.max_attachments = limit);
        let client = h.connect_websocket("/");
        let data = |n: usize| vec![Bytes::from_static(&[1]); n];

        if limit > 0 {
            h.emit(client.socket, "e", &data(limit));
            h.frame(client.ws, format!("45{limit}-[\"e\"]"));
            for _ in 0..limit {
                h.binary(client.ws, vec![1]);
            }
            h.arrived();
        }
        let error = h
            .socket(client.socket)
            .emit("e", &data(limit + 1), EmitOptions::default())
            .unwrap_err();
        assert!(
            matches!(error, EmitError::Encode(EncodeError::TooManyAttachments { count, limit: l })
                if count == limit + 1 && l == limit)
        );
        assert!(h.is_open(client.ws));
        h.frame(client.ws, format!("45{}-[\"e\"]", limit + 1));

        assert_eq!(h.told(), ["#1 disconnected: forced close"]);
    }
}

#[test]
fn an_ack_has_the_same_limit_of_attachments() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");
    h.frame(client.ws, "421[\"q\"]");
    let (socket, _, _, ack) = h.arrived();

    let result = h.socket(socket).ack(ack.unwrap(), &vec![Bytes::new(); 11]);

    assert!(matches!(
        result,
        Err(RespondError::Encode(EncodeError::TooManyAttachments { count: 11, limit: 10 }))
    ));
}

#[test]
fn a_packet_with_its_attachments_may_have_max_packet_bytes() {
    let header = format!("[\"e\",{}]", placeholder(0));
    let send = |bytes: usize| {
        let mut h = Harness::with(|config| config.max_packet_bytes = 100);
        let client = h.connect_websocket("/");
        h.frame(client.ws, format!("452-{header}"));
        h.binary(client.ws, vec![0; 10]);
        h.binary(client.ws, vec![0; bytes - header.len() - 10]);
        h.is_open(client.ws)
    };

    assert!(send(100));
    assert!(!send(101));
}

#[test]
fn a_packet_of_text_has_the_same_limit() {
    let send = |bytes: usize, binary: bool| {
        let mut h = Harness::with(|config| config.max_packet_bytes = 100);
        let client = h.connect_websocket("/");
        let kind = if binary { "51-" } else { "2" };
        h.frame(client.ws, format!("4{kind}[\"{}\"]", "x".repeat(bytes - 4)));
        h.is_open(client.ws)
    };

    for binary in [false, true] {
        assert!(send(100, binary));
        assert!(!send(101, binary));
    }
}

#[test]
fn attachments_must_come_in_time() {
    let mut h = Harness::with(|config| config.attachment_timeout = secs(10));
    let client = h.connect_websocket("/");
    for _ in 0..3 {
        h.frame(client.ws, format!("452-[\"e\",{}]", placeholder(0)));
        h.binary(client.ws, vec![1]);
        h.advance(secs(9));
        h.binary(client.ws, vec![2]);
    }
    assert_eq!(h.told().len(), 3);

    h.frame(client.ws, format!("452-[\"e\",{}]", placeholder(0)));
    h.advance(secs(9));
    h.binary(client.ws, vec![1]);
    assert!(h.is_open(client.ws));
    h.advance(secs(1));

    assert!(!h.is_open(client.ws), "one more attachment buys no time");
    assert_eq!(h.told(), ["#1 disconnected: forced server close"]);
}

#[test]
fn a_namespace_must_be_joined_in_time() {
    let mut h = Harness::with(|config| config.connect_timeout = secs(10));
    let ws = h.open_websocket();
    let waiting = h.open_websocket();
    h.frame(waiting, "40/secret,");
    h.told();

    h.advance(secs(9));
    assert!(h.is_open(ws));
    h.advance(secs(1));

    assert!(!h.is_open(ws));
    assert!(!h.is_open(waiting), "asking is not joining");
    assert_eq!(h.told(), ["#1 withdrawn"]);
}

#[test]
fn a_client_may_join_max_namespaces_per_client() {
    let mut h = Harness::with(|config| config.max_namespaces_per_client = 2);
    let client = h.connect_websocket("/");
    h.join(client.ws, "/admin");
    h.frame(client.ws, "41/admin,");
    h.join(client.ws, "/admin");
    h.told();

    h.frame(client.ws, "40/secret,");

    assert!(!h.is_open(client.ws));
}

#[test]
fn a_client_may_ask_as_many_times_for_what_does_not_exist() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");

    for n in 0..100 {
        h.frame(client.ws, format!("40/x{n},"));
    }
    assert_eq!(h.received(client.ws).len(), 100);
    h.frame(client.ws, "40/x,");

    assert!(!h.is_open(client.ws));
    assert_eq!(h.received(client.ws).len(), 0);
    assert_eq!(h.told(), ["#1 disconnected: forced close"]);
}

#[test]
fn a_socket_may_have_max_pending_acks() {
    let mut h = Harness::with(|config| config.max_pending_acks = 2);
    let client = h.connect_websocket("/");
    let now = h.now;
    let ask = |h: &mut Harness<Server>| {
        h.socket(client.socket).emit_with_ack("q", &(), Some(secs(5)), now)
    };
    ask(&mut h).unwrap();
    ask(&mut h).unwrap();

    assert!(matches!(ask(&mut h), Err(EmitError::TooManyAcks { limit: 2 })));
    h.frame(client.ws, "430[]");
    ask(&mut h).unwrap();
    assert!(ask(&mut h).is_err());
    h.advance(secs(5));
    ask(&mut h).unwrap();

    assert_eq!(h.received(client.ws).len(), 4);
}

#[test]
fn requests_with_unknown_session_ids_leave_nothing() {
    let mut h: Harness<Server> = Harness::new();
    for n in 0..1000 {
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={n:020}");
        h.request("GET", &target, &[]);
        let target = format!("/socket.io/?EIO=4&transport=websocket&sid={n:020}");
        h.upgrade_with(&target, &[]);
    }
    assert_eq!(h.server.counts(), Counts::default());
}

#[test]
fn counts_are_zero_once_all_clients_are_gone() {
    let mut h: Harness<Server> = Harness::new();
    for round in 0..50 {
        let websocket = h.connect_websocket("/");
        let polling = h.connect_polling("/admin");
        h.join(websocket.ws, "/admin");
        h.frame(websocket.ws, "40/secret,");
        h.frame(websocket.ws, format!("452-[\"e\",{}]", placeholder(0)));
        h.get(&polling.sid);
        h.post_head(&polling.sid);
        let probing = h.upgrade(&polling.sid);
        h.frame(probing, "2probe");
        let now = h.now;
        for socket in [websocket.socket, polling.socket] {
            h.socket(socket).join("a");
            h.socket(socket).join(&format!("room {round}"));
            h.socket(socket).emit_with_ack("q", &(), Some(secs(5)), now).unwrap();
            h.socket(socket).emit_with_ack("q", &(), None, now).unwrap();
        }
    }
    let counts = h.server.counts();
    assert_eq!((counts.engine.sessions, counts.sockets), (100, 200));
    assert_eq!((counts.engine.websockets, counts.engine.requests), (100, 50));
    assert_eq!((counts.rooms, counts.acks), (102, 200));

    h.everybody_leaves();

    assert_eq!(h.server.counts(), Counts::default());
    assert_eq!(h.server.poll_timeout(), None);
}

#[test]
fn ids_are_not_used_twice() {
    let mut h: Harness<Server> = Harness::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let client = h.connect_websocket("/");
        assert!(seen.insert(client.socket));
        h.closed(client.ws, CloseCause::Peer);
        assert!(h.server.socket(client.socket).is_none());
    }
}

#[test]
fn a_violation_of_the_protocol_is_reported_with_its_cause() {
    for (packets, violation) in [
        (&["4"][..], "malformed packet: unknown packet type"),
        (&["42{}"], "malformed packet: invalid payload"),
        (&["42/admin,[\"e\"]"], "a packet for a namespace that the client is not in"),
        (&["40"], "a second CONNECT for a namespace"),
        (&["40/a\u{1},"], "CONNECT for an invalid name"),
        (&["40/x,", "40/y,", "40/z,"], "too many namespaces, or refused too often"),
        (&["42[1]", "42[2]", "42[3]"], "more packets than the rate allows"),
    ] {
        let mut h = Harness::with(|config| {
            config.max_namespaces_per_client = 2;
            let rate = if packets[0] == "42[1]" { 2 } else { 100 };
            config.rate = Some(RateLimit::per_second(rate).on_exceeded(OnExceeded::Disconnect));
        });
        let client = h.connect_websocket("/");
        for packet in packets {
            h.frame(client.ws, *packet);
        }
        assert_eq!(h.violations(), [violation]);
        assert!(!h.is_open(client.ws));
        let counted = u64::from(!violation.starts_with("more packets"));
        assert_eq!(h.server.totals().violations, counted, "{violation}");
    }
}
