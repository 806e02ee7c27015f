//! Joining and leaving namespaces, from both sides.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

mod common;

use common::{Harness, secs};
use serde_json::json;
use sockeye_core::{CloseCause, EmitOptions, Event, Selector, Server, SocketId};

fn server() -> Harness<Server> {
    Harness::new()
}

fn asked(h: &mut Harness<Server>) -> SocketId {
    match h.events().pop() {
        Some(Event::Connecting { socket, .. }) => socket,
        other => panic!("nobody asked: {other:?}"),
    }
}

#[test]
fn connect_is_answered_with_the_id_and_reported_with_the_auth() {
    for (packet, told, reply) in [
        ("40", "#1 connected / []", "40{\"sid\":\"SID\"}"),
        ("40{}", "#1 connected / [{}]", "40{\"sid\":\"SID\"}"),
        ("40/,", "#1 connected / []", "40{\"sid\":\"SID\"}"),
        ("40/,{}", "#1 connected / [{}]", "40{\"sid\":\"SID\"}"),
        ("401{}", "#1 connected / [{}]", "40{\"sid\":\"SID\"}"),
        ("40/admin", "#1 connected /admin []", "40/admin,{\"sid\":\"SID\"}"),
        ("40/admin,", "#1 connected /admin []", "40/admin,{\"sid\":\"SID\"}"),
        (
            "40/admin,{\"token\":\"é\"}",
            "#1 connected /admin [{\"token\":\"é\"}]",
            "40/admin,{\"sid\":\"SID\"}",
        ),
    ] {
        let mut h = server();
        let ws = h.open_websocket();

        h.frame(ws, packet);

        let received = h.received(ws).concat();
        let sid = received.rsplit('"').nth(1).unwrap().to_owned();
        assert_eq!(sid.len(), 20);
        assert_eq!(received, reply.replace("SID", &sid), "{packet}");
        assert_eq!(h.told(), [told], "{packet}");
    }
}

#[test]
fn the_id_of_a_socket_is_not_that_of_its_session() {
    let mut h = server();

    let client = h.connect_polling("/");

    assert_ne!(client.sid, client.id);
    let found = h.server.find(&client.id);
    assert_eq!(found, Some(client.socket));
    let found = h.server.find(&client.sid);
    assert_eq!(found, None);
}

#[test]
fn a_connect_packet_with_other_data_than_an_object_ends_the_connection() {
    for packet in ["40[]", "40\"x\"", "40null", "401", "40{", "40 {}", "40{}x", "40admin,"] {
        let mut h = server();
        let ws = h.open_websocket();

        h.frame(ws, packet);

        // An ack id makes no sense here, but official parsers take it.
        assert_eq!(h.is_open(ws), packet == "401", "{packet}");
    }
}

#[test]
fn connect_for_an_unknown_namespace_is_refused() {
    let mut h = server();
    let ws = h.open_websocket();

    for (packet, reply) in [
        ("40/unknown,", r#"44/unknown,{"message":"Invalid namespace"}"#),
        ("40/unknown,{\"a\":1}", r#"44/unknown,{"message":"Invalid namespace"}"#),
        ("40/admin{}", r#"44/admin{},{"message":"Invalid namespace"}"#),
        ("40//a,", r#"44//a,{"message":"Invalid namespace"}"#),
        ("40/a?x=1,{}", r#"44/a?x=1,{"message":"Invalid namespace"}"#),
        ("40/é\",", r#"44/é",{"message":"Invalid namespace"}"#),
        ("40/Admin,", r#"44/Admin,{"message":"Invalid namespace"}"#),
    ] {
        h.frame(ws, packet);
        assert_eq!(h.received(ws), [reply], "{packet}");
    }

    assert_eq!(h.told().len(), 0);
    h.join(ws, "/");
}

#[test]
fn an_invalid_namespace_name_ends_the_connection() {
    for name in [
        "/\0".to_owned(),
        "/a\nb".to_owned(),
        "/\u{1e}".to_owned(),
        format!("/{}", "x".repeat(255)),
        format!("/{}", "?".repeat(255)),
        format!("/{}", "x".repeat(1_000_000)),
    ] {
        let mut h = server();
        let ws = h.open_websocket();

        h.frame(ws, format!("40{name},"));

        assert!(!h.is_open(ws));
        assert_eq!(h.received(ws).len(), 0);
    }
    let mut h = server();
    let ws = h.open_websocket();
    h.frame(ws, format!("40/{},", "x".repeat(254)));
    assert!(h.is_open(ws));
}

#[test]
fn namespaces_of_one_connection_are_independent() {
    let mut h = server();
    let client = h.connect_websocket("/");
    let (admin, _) = h.join(client.ws, "/admin");

    h.frame(client.ws, "42/admin,[\"a\"]");
    h.frame(client.ws, "41/admin,");
    h.frame(client.ws, "42[\"b\"]");
    h.emit(client.socket, "c", &());

    assert_eq!(h.told(), ["#2 a[]", "#2 disconnected: client namespace disconnect", "#1 b[]"]);
    assert_eq!(h.received(client.ws), [r#"42["c"]"#]);
    assert!(h.server.socket(admin).is_none());
}

#[test]
fn a_client_may_leave_and_join_again_as_a_new_socket() {
    let mut h = server();
    let client = h.connect_websocket("/");

    h.frame(client.ws, "41");
    let (socket, id) = h.join(client.ws, "/");

    assert_ne!(socket, client.socket);
    assert_ne!(id, client.id);
    assert!(h.server.socket(client.socket).is_none());
}

#[test]
fn a_packet_to_a_namespace_that_was_never_joined_ends_the_connection() {
    for packet in [
        "42/admin,[\"x\"]",
        "42/unknown,[\"x\"]",
        "43/admin,1[]",
        "41/admin,",
        "451-/admin,[{\"_placeholder\":true,\"num\":0}]",
        "40",
    ] {
        let mut h = server();
        let client = h.connect_websocket("/");

        h.frame(client.ws, packet);

        assert!(!h.is_open(client.ws), "{packet}");
        assert_eq!(h.told(), ["#1 disconnected: forced close"], "{packet}");
    }
}

#[test]
fn a_packet_before_any_connect_ends_the_connection() {
    for packet in ["42[\"x\"]", "431[]", "41", "451-[\"x\"]", "44", "44{}", "44\"x\""] {
        let mut h = server();
        let ws = h.open_websocket();

        h.frame(ws, packet);

        assert!(!h.is_open(ws), "{packet}");
        assert_eq!(h.told().len(), 0);
    }
}

#[test]
fn a_connect_error_from_a_client_ends_the_connection() {
    for packet in ["44", "44{}", "44\"x\"", "44/admin,{}"] {
        let mut h = server();
        let client = h.connect_websocket("/");

        h.frame(client.ws, packet);

        assert_eq!(h.told(), ["#1 disconnected: forced close"]);
    }
}

#[test]
fn a_disconnect_packet_with_data_ends_the_connection() {
    for packet in ["41[]", "41null", "41{}", "412"] {
        let mut h = server();
        let client = h.connect_websocket("/");

        h.frame(client.ws, packet);

        assert_eq!(h.told(), ["#1 disconnected: forced close"], "{packet}");
    }
}

#[test]
fn the_server_removes_a_client_from_one_namespace() {
    let mut h = server();
    let client = h.connect_websocket("/");
    let (admin, _) = h.join(client.ws, "/admin");
    h.emit(admin, "bye", &());

    let now = h.now;
    h.socket(admin).disconnect(false, now);

    assert_eq!(h.told(), ["#2 disconnected: server namespace disconnect"]);
    assert_eq!(h.received(client.ws), [r#"42/admin,["bye"]"#, "41/admin,"]);
    assert!(h.is_open(client.ws));
    h.frame(client.ws, "42[\"a\"]");
    assert_eq!(h.told(), ["#1 a[]"]);
}

#[test]
fn the_server_ends_the_whole_connection_of_a_socket() {
    let mut h = server();
    let client = h.connect_websocket("/");
    let (admin, _) = h.join(client.ws, "/admin");

    let now = h.now;
    h.socket(admin).disconnect(true, now);

    assert_eq!(
        h.told(),
        [
            "#1 disconnected: server namespace disconnect",
            "#2 disconnected: server namespace disconnect"
        ]
    );
    assert_eq!(h.received(client.ws), ["41", "41/admin,"]);
    assert!(!h.is_open(client.ws));
}

#[test]
fn packets_sent_before_a_server_disconnect_arrived_are_ignored() {
    let mut h = server();
    let client = h.connect_websocket("/");
    let (admin, _) = h.join(client.ws, "/admin");
    let now = h.now;
    h.socket(admin).disconnect(false, now);
    h.told();

    h.frame(client.ws, "42/admin,1[\"late\"]");
    h.frame(client.ws, "43/admin,0[]");
    h.frame(client.ws, "451-/admin,[\"late\",{\"_placeholder\":true,\"num\":0}]");
    h.binary(client.ws, vec![1]);
    h.frame(client.ws, "41/admin,");
    assert!(h.is_open(client.ws));
    assert_eq!(h.told().len(), 0);

    let (again, _) = h.join(client.ws, "/admin");
    assert_ne!(again, admin);
    h.frame(client.ws, "41/admin,");
    h.told();
    h.frame(client.ws, "42/admin,[\"late\"]");
    assert_eq!(h.told().len(), 0);
    assert!(h.is_open(client.ws), "so it is when the client left by itself");
}

#[test]
fn a_connect_for_a_namespace_that_is_joined_ends_the_connection() {
    let mut h = server();
    let client = h.connect_websocket("/");

    h.frame(client.ws, "40");

    assert!(!h.is_open(client.ws));
    assert_eq!(h.told(), ["#1 disconnected: forced close"]);
}

// Namespaces that decide.

#[test]
fn a_client_waits_until_it_is_accepted() {
    let mut h = server();
    let ws = h.open_websocket();

    h.frame(ws, "40/secret,{\"token\":1}");
    assert_eq!(h.told(), ["#1 connecting /secret [{\"token\":1}]"]);
    assert_eq!(h.received(ws).len(), 0);
    assert_eq!(h.server.socket_count("/secret"), 0);
    let socket = h.last_socket();
    h.server.accept(socket);
    h.server.accept(socket);

    assert_eq!(h.told(), ["#1 connected /secret [{\"token\":1}]"]);
    let id = h.sid(socket);
    assert_eq!(h.received(ws), [format!("40/secret,{{\"sid\":\"{id}\"}}")]);
    assert_eq!(h.server.socket_count("/secret"), 1);
}

#[test]
fn a_rejected_client_gets_the_reason_and_may_connect_again() {
    let mut h = server();
    let ws = h.open_websocket();
    h.frame(ws, "40/secret,");
    let socket = asked(&mut h);

    let why = json!({ "message": "not authorized", "data": { "code": 7 } });
    h.server.reject(socket, "not authorized", &why["data"]).unwrap();

    let received = h.received(ws).concat();
    assert!(received.starts_with("44/secret,{"), "{received}");
    let read: serde_json::Value = serde_json::from_str(&received[10..]).unwrap();
    assert_eq!(read, why);
    assert_eq!(h.told().len(), 0, "who rejects knows it");
    assert!(h.server.socket(socket).is_none());
    h.server.reject(socket, "not authorized", &why["data"]).unwrap();
    h.server.accept(socket);
    h.frame(ws, "40/secret,");
    let second = asked(&mut h);
    h.server.accept(second);
    assert_eq!(h.told(), ["#2 connected /secret []"]);
}

#[test]
fn an_unserializable_rejection_leaves_the_client_waiting() {
    let mut h = server();
    let ws = h.open_websocket();
    h.frame(ws, "40/secret,");
    let socket = asked(&mut h);

    let map = std::collections::BTreeMap::from([(vec![1], 1)]);
    assert!(h.server.reject(socket, "no", &map).is_err());

    h.server.accept(socket);
    assert_eq!(h.server.socket_count("/secret"), 1);
}

#[test]
fn a_client_that_leaves_before_the_decision_is_reported_as_aborted() {
    let mut h = server();
    let ws = h.open_websocket();
    h.frame(ws, "40/secret,");
    let socket = asked(&mut h);

    h.closed(ws, CloseCause::Peer);

    assert_eq!(h.told(), ["#1 withdrawn"]);
    h.server.accept(socket);
    h.server.reject(socket, "no", &()).unwrap();
    assert_eq!(h.told().len(), 0);
}

#[test]
fn an_event_before_connect_is_accepted_ends_the_connection() {
    for packet in ["42/secret,[\"x\"]", "43/secret,0[]", "451-/secret,[\"x\"]"] {
        let mut h = server();
        let client = h.connect_websocket("/");
        h.frame(client.ws, "40/secret,");
        asked(&mut h);

        h.frame(client.ws, packet);

        assert!(!h.is_open(client.ws), "{packet}");
        assert_eq!(h.told(), ["#1 disconnected: forced close", "#2 withdrawn"]);
    }
}

#[test]
fn a_second_connect_before_the_decision_replaces_the_first() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.told();
    h.frame(client.ws, "40/secret,{\"try\":1}");
    let first = asked(&mut h);

    h.frame(client.ws, "40/secret,{\"try\":2}");
    assert_eq!(h.told(), ["#2 withdrawn", "#3 connecting /secret [{\"try\":2}]"]);
    h.frame(client.ws, "41/secret,");
    assert_eq!(h.told(), ["#3 withdrawn"]);
    h.frame(client.ws, "40/secret,");
    let last = asked(&mut h);
    h.server.accept(first);
    assert_eq!(h.told().len(), 0);
    h.server.accept(last);

    assert_eq!(h.told(), ["#4 connected /secret []"]);
    assert!(h.is_open(client.ws));
}

#[test]
fn a_hundred_refusals_within_a_minute_end_the_connection() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.told();
    for _ in 0..150 {
        h.frame(client.ws, "40/nowhere,");
        h.advance(secs(1));
        h.frame(client.ws, "3");
    }
    assert!(h.is_open(client.ws));
    for _ in 0..150 {
        if h.is_open(client.ws) {
            h.frame(client.ws, "40/nowhere,");
        }
    }
    assert_eq!(h.told(), ["#1 disconnected: forced close"]);
}

#[test]
fn an_undecided_connect_is_refused_after_decision_timeout() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.frame(client.ws, "40/secret,");
    asked(&mut h);
    h.received(client.ws);

    for _ in 0..2 {
        h.advance(secs(25));
        h.frame(client.ws, "3");
    }

    assert_eq!(h.told(), ["#2 withdrawn"]);
    let received = h.received(client.ws);
    assert!(received.contains(&"44/secret,{\"message\":\"Timed out\"}".to_owned()), "{received:?}");
    assert!(h.is_open(client.ws));
}

#[test]
fn auth_is_limited_by_max_auth_bytes() {
    let mut h = Harness::<Server>::with(|config| config.max_auth_bytes = 20);
    let ws = h.open_websocket();
    h.frame(ws, format!("40{{\"a\":\"{}\"}}", "x".repeat(12)));
    assert_eq!(h.told().len(), 1);
    h.received(ws);

    h.frame(ws, format!("40/admin,{{\"a\":\"{}\"}}", "x".repeat(13)));

    assert_eq!(h.received(ws), ["44/admin,{\"message\":\"Auth is too large\"}"]);
    assert!(h.told().is_empty());
    assert!(h.is_open(ws));
}

#[test]
fn an_undecided_socket_is_not_selected_and_cannot_be_emitted_to() {
    let mut h = server();
    let ws = h.open_websocket();
    h.frame(ws, "40/secret,");
    let socket = asked(&mut h);
    let id = h.sid(socket);
    h.socket(socket).join("room");

    assert!(!h.socket(socket).is_connected());
    let emitted = h.socket(socket).emit("x", &(), EmitOptions::default());
    assert!(matches!(emitted, Err(sockeye_core::EmitError::Disconnected)));
    let now = h.now;
    let emitted = h.socket(socket).emit_with_ack("x", &(), None, now);
    assert!(matches!(emitted, Err(sockeye_core::EmitError::Disconnected)));
    for selector in [Selector::all(), Selector::all().to("room"), Selector::all().to(id.as_str())] {
        assert_eq!(h.server.select("/secret", &selector), []);
    }
    h.server.accept(socket);
    assert_eq!(h.server.select("/secret", &Selector::all().to("room")), [socket]);
    assert_eq!(h.server.select("/secret", &Selector::all().to(id.as_str())), [socket]);
}

#[test]
fn a_client_may_wait_for_several_answers_and_get_them_in_any_order() {
    let mut h = Harness::with(|config| {
        for namespace in &mut config.namespaces {
            namespace.manual_accept = true;
        }
    });
    let ws = h.open_websocket();
    for packet in ["40", "40/admin,", "40/secret,"] {
        h.frame(ws, packet);
    }
    let asked: Vec<_> = h
        .events()
        .iter()
        .map(|event| match event {
            Event::Connecting { socket, .. } => *socket,
            other => panic!("{other:?}"),
        })
        .collect();

    h.server.accept(asked[2]);
    h.server.reject(asked[0], "no", &()).unwrap();
    h.server.accept(asked[1]);

    let received = h.received(ws);
    assert!(received[0].starts_with("40/secret,"));
    assert_eq!(received[1], r#"44{"message":"no"}"#);
    assert!(received[2].starts_with("40/admin,"));
}
