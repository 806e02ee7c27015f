//! Events and acknowledgements in both directions; the payload of CONNECT, headers and cookies.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

mod pair;

use std::collections::BTreeMap;
use std::sync::Arc;

use pair::{POLLING, Pair, WEBSOCKET, secs};
use sockeye_core::client::{Auth, AuthError, Client, Config, Event, Input, Output, SocketConfig};
use sockeye_core::engineio::Transport;
use sockeye_core::{EmitError, EmitOptions, EncodeError, Frame, RespondError, Value};
use sockeye_msgpack::MsgpackParser;

#[test]
fn a_client_connects_by_polling_and_upgrades_to_a_websocket() {
    let mut pair = Pair::new();

    let id = pair.open("/");
    pair.run(secs(2));

    assert_eq!(pair.told(), ["opened by polling", "connected", "upgraded"]);
    assert_eq!(pair.heard(), ["connected / []", "upgraded"]);
    assert!(pair.socket(id).is_connected());
    assert!(pair.socket(id).sid().is_some());
    assert!(pair.client.is_connected());
    pair.finish();
}

#[test]
fn the_transport_is_known_while_a_connection_is_open() {
    let mut pair = Pair::new();
    assert_eq!(pair.client.transport(), None);
    pair.open("/");
    assert_eq!(pair.client.transport(), None, "it is being opened");
    pair.run(secs(2));
    assert_eq!(pair.client.transport(), Some(WEBSOCKET));
    pair.finish();
    assert_eq!(pair.client.transport(), None);
}

#[test]
fn binary_values_are_base64_on_a_websocket_only_if_the_options_say_so() {
    for (force_base64, expected) in [(false, "<binary>"), (true, "bAQI=")] {
        let change = |config: &mut Config| {
            config.transports = vec![WEBSOCKET];
            config.force_base64 = force_base64;
        };
        let mut pair = Pair::with(change, |_| {});
        let (id, _) = pair.join("/");
        pair.emit(id, "b", &Value::Bytes([1, 2][..].into()));
        assert_eq!(pair.net.written.last().unwrap(), expected);
    }
}

#[test]
fn events_go_both_ways_on_every_transport() {
    for mut pair in [Pair::new(), Pair::polling(), Pair::websocket()] {
        let (id, peer) = pair.join("/");
        pair.clear();

        pair.emit(id, "none", &());
        pair.emit(id, "two", &(1, "x"));
        pair.emit(id, "list", &vec![1, 2]);
        pair.serve(peer, "none", &());
        pair.serve(peer, "two", &(1, "é\u{1e}"));
        pair.run(secs(1));

        assert_eq!(pair.heard(), ["none[]", "two[1,\"x\"]", "list[[1,2]]"]);
        assert_eq!(pair.told(), ["none[]", "two[1,\"é\\u001e\"]"]);
        pair.finish();
    }
}

#[test]
fn binary_values_go_both_ways_at_any_depth_on_every_transport() {
    let bytes = |bytes: &'static [u8]| Value::Bytes(bytes.into());
    let deep = Value::Object(vec![
        ("a".to_owned(), bytes(b"\x01\x02")),
        ("b".to_owned(), Value::Array(vec![Value::Null, bytes(b""), bytes(b"\xff")])),
    ]);
    let words = "deep[{\"a\":{\"_placeholder\":true,\"num\":0},\"b\":[null,\
        {\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":2}]}]+0102++ff";
    for mut pair in [
        Pair::new(),
        Pair::polling(),
        Pair::websocket(),
        Pair::with(|config| config.force_base64 = true, |_| {}),
    ] {
        let (id, peer) = pair.join("/");
        pair.clear();

        pair.emit(id, "deep", &deep);
        pair.emit(id, "after", &());
        pair.serve(peer, "deep", &deep);
        pair.serve(peer, "after", &());
        pair.run(secs(1));

        assert_eq!(pair.heard(), [words, "after[]"]);
        let Some(Event::Received { args, .. }) = pair.client_events().into_iter().next() else {
            panic!("no event");
        };
        assert_eq!(args.get::<Value>(0).unwrap(), deep);
        pair.finish();
    }
}

#[test]
fn the_server_acknowledges_events_of_the_client() {
    for mut pair in [Pair::new(), Pair::polling()] {
        pair.server_acks = true;
        let (id, _) = pair.join("/");
        pair.clear();
        let now = pair.now;

        let first = pair.socket(id).emit_with_ack("a", &(1, 2), None, now).unwrap();
        let second = pair.socket(id).emit_with_ack("b", &(), Some(secs(5)), now).unwrap();
        pair.run(secs(1));

        let acked = |event: Event| match event {
            Event::Acked { ack, result, .. } => (ack, result.unwrap().iter().collect::<String>()),
            other => panic!("no ack: {other:?}"),
        };
        let acks: Vec<_> = pair.client_events().into_iter().map(acked).collect();
        assert_eq!(acks, [(first, "12".to_owned()), (second, String::new())]);
        pair.finish();
    }
}

#[test]
fn a_cancelled_acknowledgement_is_not_waited_for() {
    for mut pair in [Pair::new(), Pair::polling()] {
        pair.server_acks = true;
        let (id, _) = pair.join("/");
        pair.clear();
        let now = pair.now;
        let first = pair.socket(id).emit_with_ack("a", &1, Some(secs(5)), now).unwrap();
        let second = pair.socket(id).emit_with_ack("b", &2, None, now).unwrap();

        pair.socket(id).cancel_ack(first);
        pair.socket(id).cancel_ack(first);
        assert_eq!(pair.client.counts().acks, 1);
        pair.run(secs(10));

        let acked = |event: Event| match event {
            Event::Acked { ack, .. } => ack,
            other => panic!("no ack: {other:?}"),
        };
        let acks: Vec<_> = pair.client_events().into_iter().map(acked).collect();
        assert_eq!(acks, [second]);
        pair.finish();
    }
}

#[test]
fn the_client_acknowledges_events_of_the_server() {
    let mut pair = Pair::new();
    let (id, peer) = pair.join("/");
    pair.clear();
    let now = pair.now;
    pair.server.socket(peer).unwrap().emit_with_ack("q", &7, None, now).unwrap();
    pair.settle();
    pair.run(secs(1));

    let Some(Event::Received { name, args, ack: Some(ack), .. }) = pair.client_events().pop()
    else {
        panic!("no event that asks");
    };
    assert_eq!((name.as_str(), args.get::<u8>(0).unwrap()), ("q", 7));
    let now = pair.now;
    assert!(pair.socket(id).ack(ack, &("yes", Value::Bytes("!".into())), now).unwrap());
    pair.settle();
    pair.run(secs(1));

    assert_eq!(pair.heard(), ["acked [\"yes\",{\"_placeholder\":true,\"num\":0}]+21"]);
}

#[test]
fn a_responder_is_refused_by_any_other_socket_than_that_of_the_event() {
    let mut pair = Pair::websocket();
    let (id, peer) = pair.join("/");
    let (other, _) = pair.join("/admin");
    pair.clear();
    let now = pair.now;
    pair.server.socket(peer).unwrap().emit_with_ack("q", &7, None, now).unwrap();
    pair.settle();
    pair.run(secs(1));
    let Some(Event::Received { socket, ack: Some(ack), .. }) = pair.client_events().pop() else {
        panic!("no event that asks");
    };
    assert_eq!(socket, id);

    let now = pair.now;
    let refused = pair.socket(other).ack(ack, &(), now).unwrap_err();

    assert!(matches!(refused, RespondError::OtherSocket), "{refused:?}");
    pair.settle();
    pair.run(secs(1));
    assert!(pair.heard().is_empty());
}

#[test]
fn an_acknowledgement_of_an_event_of_an_earlier_connection_is_not_sent() {
    let mut pair = Pair::websocket();
    let (id, peer) = pair.join("/");
    let now = pair.now;
    pair.server.socket(peer).unwrap().emit_with_ack("q", &7, None, now).unwrap();
    pair.settle();
    pair.run(secs(1));
    let Some(Event::Received { ack: Some(ack), .. }) = pair.client_events().pop() else {
        panic!("no event that asks");
    };

    pair.cut();
    pair.run(secs(10));
    assert!(pair.socket(id).is_connected());
    let now = pair.now;

    assert!(!pair.socket(id).ack(ack, &(), now).unwrap());
}

#[test]
fn a_fixed_payload_is_sent_with_each_connect() {
    let mut pair = Pair::new();
    let auth = Auth::value(&BTreeMap::from([("token", "a")])).unwrap();
    assert!(!format!("{auth:?}").contains("token"), "secrets are not shown");
    let id = pair.open_with("/", SocketConfig::default().auth(auth));
    pair.run(secs(2));
    pair.socket(id).set_auth(Auth::value(&BTreeMap::from([("token", "b")])).unwrap());
    pair.cut();
    pair.run(secs(10));

    let heard: Vec<_> =
        pair.heard().into_iter().filter(|line| line.starts_with("connected")).collect();
    assert_eq!(heard, ["connected / [{\"token\":\"a\"}]", "connected / [{\"token\":\"b\"}]"]);
}

#[test]
fn the_application_can_be_asked_for_the_payload_of_each_connect() {
    let mut pair = Pair::new();
    let config = SocketConfig::default().auth(Auth::ask());
    let id = pair.open_with("/", config);
    pair.run(secs(5));
    assert_eq!(pair.told()[..2], ["opened by polling", "authenticating"]);

    let now = pair.now;
    let wrong = pair.socket(id).authenticate("text", now);
    assert!(matches!(wrong, Err(AuthError::NotAnObject)));
    let token = |n| BTreeMap::from([("n", n)]);
    pair.socket(id).authenticate(&token(1), now).unwrap();
    pair.settle();
    pair.run(secs(1));
    assert_eq!(pair.told(), ["connected"]);
    pair.socket(id).authenticate(&token(7), now).unwrap();
    pair.cut();
    pair.run(secs(10));
    assert!(pair.told().contains(&"authenticating".to_owned()));
    let now = pair.now;
    pair.socket(id).authenticate(&token(2), now).unwrap();
    pair.settle();
    pair.run(secs(1));

    let heard: Vec<_> =
        pair.heard().into_iter().filter(|line| line.starts_with("connected")).collect();
    assert_eq!(heard, ["connected / [{\"n\":1}]", "connected / [{\"n\":2}]"]);
}

#[test]
fn a_connection_lost_while_the_payload_is_asked_for_asks_again() {
    let mut pair = Pair::websocket();
    let config = SocketConfig::default().auth(Auth::ask());
    let id = pair.open_with("/", config);
    pair.run(secs(1));
    pair.cut();
    pair.run(secs(10));

    let asked = pair.told().iter().filter(|line| *line == "authenticating").count();
    assert_eq!(asked, 2);
    let now = pair.now;
    pair.socket(id).authenticate(&(), now).unwrap();
    pair.settle();
    pair.run(secs(1));
    assert_eq!(pair.told(), ["connected"]);
}

#[test]
fn an_event_that_cannot_be_sent_is_an_error_without_effect() {
    let mut pair = Pair::new();
    let (id, _) = pair.join("/");
    pair.clear();
    let now = pair.now;
    let mut socket = pair.socket(id);
    let many: Vec<_> = (0..11).map(|_| Value::Bytes("x".into())).collect();
    let options = EmitOptions::default();

    let reserved = socket.emit("disconnect", &(), options, now);
    assert!(matches!(reserved, Err(EmitError::Encode(EncodeError::Reserved))));
    let many = socket.emit("e", &many, options, now);
    assert!(matches!(
        many,
        Err(EmitError::Encode(EncodeError::TooManyAttachments { count: 11, limit: 10 }))
    ));
    pair.settle();
    pair.run(secs(1));

    assert_eq!(pair.heard(), Vec::<String>::new());
    pair.finish();
}

#[test]
fn headers_query_and_path_are_those_of_the_options() {
    let change = |config: &mut Config| {
        config.query = vec![("room".to_owned(), "a b".to_owned())];
        config.extra_headers = vec![("authorization".into(), "Bearer x".into())];
        config.transports = vec![POLLING];
    };
    let mut pair = Pair::with(change, |server| server.engine.keep_handshakes = true);
    let (_, peer) = pair.join("/");

    let socket = pair.server.socket(peer).unwrap();
    let handshake = socket.handshake().expect("it is kept");
    assert_eq!(handshake.query("room").as_deref(), Some("a b"));
    assert_eq!(handshake.header("authorization"), Some("Bearer x"));
    let all = pair.net.headers.iter();
    assert!(all.clone().count() > 2);
    assert!(all.clone().all(|headers| headers.iter().any(|(name, _)| name == "authorization")));
}

#[test]
fn only_requests_with_a_body_have_a_content_type() {
    let mut pair = Pair::polling();
    let (id, _) = pair.join("/");
    pair.emit(id, "e", &());
    pair.run(secs(1));

    for (asked, headers) in pair.net.asked.iter().zip(&pair.net.headers) {
        let kind = headers.iter().find(|(name, _)| name == "Content-Type");
        let expected = (asked == "POST polling").then_some("text/plain;charset=UTF-8");
        assert_eq!(kind.map(|(_, value)| &**value), expected, "{asked}");
    }
    assert!(pair.net.asked.contains(&"POST polling".to_owned()));
}

#[test]
fn cookies_are_sent_back_if_the_options_say_so() {
    for wanted in [true, false] {
        let mut pair = Pair::with(
            |config| config.cookies = wanted,
            |server| server.engine.cookie = Some(sockeye_core::engineio::Cookie::default()),
        );
        pair.join("/");
        let with = |headers: &&sockeye_core::Headers| {
            headers.iter().any(|(name, value)| name == "Cookie" && value.starts_with("io="))
        };
        let count = pair.net.headers.iter().filter(with).count();
        assert_eq!(count, if wanted { pair.net.headers.len() - 1 } else { 0 });
    }
}

#[test]
fn a_request_has_one_cookie_header_with_the_cookies_of_the_user_and_of_the_server() {
    let mut pair = Pair::with(
        |config| {
            config.cookies = true;
            config.extra_headers.push(("cookie".into(), "own=1".into()));
        },
        |server| server.engine.cookie = Some(sockeye_core::engineio::Cookie::default()),
    );
    pair.join("/");
    for (index, headers) in pair.net.headers.iter().enumerate() {
        let is_cookie = |name: &str| name.eq_ignore_ascii_case("cookie");
        let cookies: Vec<_> = headers.iter().filter(|(name, _)| is_cookie(name)).collect();
        assert_eq!(cookies.len(), 1);
        let value = &cookies[0].1;
        assert!(value == "own=1" || index > 0 && value.starts_with("own=1; io="), "{value}");
    }
}

#[test]
fn another_parser_can_be_used_by_both_sides() {
    let mut pair = Pair::with(
        |config| config.parser = Arc::new(MsgpackParser),
        |server| server.parser = Arc::new(MsgpackParser),
    );
    pair.server_acks = true;
    let auth = Auth::value(&BTreeMap::from([("token", "a")])).unwrap();
    let id = pair.open_with("/", SocketConfig::default().auth(auth));
    pair.run(secs(2));
    assert_eq!(pair.heard(), ["connected / [{\"token\":\"a\"}]", "upgraded"]);
    pair.clear();
    let peer = pair.peer(id);
    let data = (1, Value::Bytes("xy".into()));
    let now = pair.now;
    pair.socket(id).emit_with_ack("e", &data, None, now).unwrap();
    pair.serve(peer, "s", &data);
    pair.run(secs(1));

    let args = "[1,{\"_placeholder\":true,\"num\":0}]+7879";
    assert_eq!(pair.told(), [format!("s{args}"), format!("acked {args}")]);
    pair.finish();
}

#[test]
fn no_event_is_delivered_after_the_application_has_disconnected_the_socket() {
    let config = Config::default().transports(vec![Transport::WebSocket]);
    let mut client = Client::new(config, [1; 32]).unwrap();
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    let now = std::time::Instant::now();
    let id = client.open("/", SocketConfig::default(), now).unwrap();
    let Some(Output::Open { ws, .. }) = client.poll_output() else { panic!("it connects") };
    client.handle(Input::Opened { ws }, now);
    let open = r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    for text in [open, r#"40{"sid":"x"}"#, r#"42["a"]"#, r#"42["b"]"#, r#"42["c"]"#] {
        client.handle(Input::Frame { ws, frame: Frame::from(text) }, now);
    }
    let mut heard = Vec::new();
    while let Some(output) = client.poll_output() {
        match output {
            Output::Event(Event::Received { name, .. }) => {
                heard.push(name.to_string());
                client.socket(id).unwrap().disconnect(now);
            }
            Output::Event(Event::Disconnected { reason, .. }) => heard.push(reason.to_string()),
            _ => {}
        }
    }
    assert_eq!(heard, ["a", "io client disconnect"]);
}
