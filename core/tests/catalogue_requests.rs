//! What clients may do with sessions, requests and packets that no other file has: rows of a list
//! of bad inputs that was gone through one by one; see the page `hostile` of the documentation.

mod common;

use std::net::SocketAddr;

use common::{Harness, secs, unpack};
use serde_json::Value;
use sockeye_core::engineio::{Encoded, Engine, EngineConfig};
use sockeye_core::{Input, Output, Request, RequestId, Server};

fn engine() -> Harness<Engine> {
    Harness::engine(EngineConfig::default())
}

#[test]
fn a_session_goes_with_its_client_to_another_address() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");
    let target = Harness::<Server>::target("polling", Some(&client.sid));
    for (number, remote) in [(1_001, "192.0.2.1:1"), (1_002, "[2001:db8::1]:2")] {
        h.emit(client.socket, "news", &number);
        let remote: SocketAddr = remote.parse().expect("an address");
        let (method, target, headers) = ("GET", &*target, &[][..]);
        let request = Request { method, target, headers, remote: Some(remote), secure: true };
        h.server.handle(Input::Request { req: RequestId(number), request }, h.now);
        match h.server.poll_output() {
            Some(Output::Respond { response, .. }) => {
                assert_eq!(response.body, format!("42[\"news\",{number}]"));
            }
            other => panic!("no answer: {other:?}"),
        }
    }
}

#[test]
fn a_post_that_arrives_twice_counts_twice() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");
    for _ in 0..2 {
        let post = h.post(&client.sid, r#"42["pay",1]"#);
        assert_eq!(h.answer(post), "200 ok");
    }
    // Nothing in the protocol tells a second event from the same one sent twice.
    assert_eq!(h.told(), ["#1 pay[1]", "#1 pay[1]"]);
}

#[test]
fn a_query_without_measure_is_read_once_and_names_nothing() {
    let mut h: Harness<Server> = Harness::new();
    for query in [
        "&a=b".repeat(10_000),
        format!("&t={}", "x".repeat(1_000_000)),
        format!("&sid{}=1", "%".repeat(100_000)),
        "&&&===&%zz=%ff&+%".to_owned(),
        "&b64=1&j=x".to_owned(),
    ] {
        let target = format!("/socket.io/?EIO=4&transport=polling{query}");
        let req = h.request("GET", &target, &[]);
        assert!(h.answer(req).starts_with("200 0{"), "{query:.40}");
    }
    assert_eq!(h.server.counts().engine.sessions, 5);
}

#[test]
fn an_object_of_very_many_keys_arrives_and_of_equal_ones_the_last_counts() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");
    let keys: Vec<String> = (0..60_000).map(|number| format!("\"{number:05}\":1")).collect();
    h.frame(client.ws, format!("42[\"e\",{{{}}}]", keys.join(",")));
    let (_, _, args, _) = h.arrived();
    let (value,): (Value,) = args.parse().expect("an object");
    assert_eq!(value.as_object().map(serde_json::Map::len), Some(60_000));

    h.frame(client.ws, r#"42["e",{"x":1,"x":2}]"#);
    let (value,): (Value,) = h.arrived().2.parse().expect("an object");
    assert_eq!(value["x"], 2);
}

#[test]
fn auth_may_be_long_but_not_deep() {
    let auth = |value: String| {
        let mut h: Harness<Server> = Harness::new();
        let ws = h.open_websocket();
        h.frame(ws, format!("40{{\"token\":{value}}}"));
        h.told();
        h.is_open(ws)
    };
    assert!(auth(format!("\"{}\"", "x".repeat(65_000))));
    assert!(auth(format!("{}{}", "[".repeat(100), "]".repeat(100))));
    assert!(!auth(format!("{}{}", "[".repeat(500), "]".repeat(500))));
}

#[test]
fn a_second_connect_while_the_first_is_being_decided_takes_its_place() {
    let mut h: Harness<Server> = Harness::new();
    let ws = h.open_websocket();
    h.frame(ws, "40/secret,");
    h.frame(ws, "40/secret,{\"again\":true}");
    assert!(h.is_open(ws));
    let told =
        ["#1 connecting /secret []", "#1 withdrawn", "#2 connecting /secret [{\"again\":true}]"];
    assert_eq!(h.told(), told);
}

#[test]
fn a_clock_jump_of_hours_causes_one_ping_and_one_timeout() {
    let mut h: Harness<Server> = Harness::new();
    let clients: Vec<_> = (0..10).map(|_| h.connect_websocket("/")).collect();
    h.now += secs(10 * 3600);
    h.server.handle_timeout(h.now);
    h.collect();
    for client in &clients {
        assert_eq!(h.received(client.ws), ["2"], "one ping, however many were missed");
    }
    assert!(h.server.poll_timeout().is_some_and(|due| due > h.now), "no busy loop");
    h.now += secs(10 * 3600);
    h.server.handle_timeout(h.now);
    let told = h.told();
    assert_eq!(told.len(), clients.len());
    assert!(told.iter().all(|it| it.ends_with("disconnected: ping timeout")), "{told:?}");
}

#[test]
fn unanswered_events_with_ack_ids_leave_nothing() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");
    let before = h.server.counts();
    for id in 0..20_000 {
        h.frame(client.ws, format!("42{id}[\"e\"]"));
        drop(h.events());
    }
    assert_eq!(h.server.counts(), before);
}

#[test]
fn parameters_of_old_protocols_change_no_answer_to_a_poll() {
    let mut h: Harness<Server> = Harness::new();
    let packet = r#"451-["e",{"_placeholder":true,"num":0}]"#;
    let data = serde_bytes::Bytes::new(&[1, 2, 3]);
    // What cannot take binary frames gets text, as it always did.
    for (old, binary) in [("&j=0", "<01 02 03>"), ("&j=x", "<01 02 03>"), ("&b64=1", "bAQID")] {
        let client = h.connect_polling("/");
        h.emit(client.socket, "e", data);
        let target = Harness::<Server>::target("polling", Some(&client.sid)) + old;
        let req = h.request("GET", &target, &[]);
        assert_eq!(h.answer(req), format!("200 {packet}\u{1e}bAQID"), "{old}");

        let target = Harness::<Server>::target("websocket", None) + old;
        let ws = h.upgrade_with(&target, &[]);
        h.received(ws);
        let (socket, _) = h.join(ws, "/");
        h.emit(socket, "e", data);
        assert_eq!(h.received(ws), [packet, binary], "{old}");
    }
}

#[test]
fn a_websocket_handshake_for_an_unknown_session_changes_nothing() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");
    h.emit(client.socket, "news", &1);
    let target = Harness::<Server>::target("websocket", Some(&client.sid));
    for method in ["GET", "POST"] {
        let req = h.request(method, &target, &[]);
        assert_eq!(h.answer(req), r#"400 {"code":3,"message":"Bad request"}"#, "{method}");
    }
    assert_eq!(h.fetch(&client.sid), r#"42["news",1]"#);
}

#[test]
fn packets_begin_with_one_of_eight_characters() {
    for first in (0..=u8::MAX).filter(|first| !b"0123456b\x1e".contains(first)) {
        let mut h = engine();
        let (ws, _) = h.open_websocket();
        h.frame(ws, vec![first, b'4']);
        assert!(!h.is_open(ws), "{first}");
        assert_eq!(h.told(), ["closed: parse error"], "{first}");
        let (sid, _) = h.open_polling();
        let post = h.post(&sid, vec![first, b'4']);
        assert_eq!(h.answer(post), "400", "{first}");
        assert_eq!(h.told(), ["closed: parse error"], "{first}");
    }
}

#[test]
fn a_body_in_utf_16_is_malformed() {
    let text = "\u{feff}42[\"e\"]";
    let marked: [Vec<u8>; 2] = [
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ];
    for body in marked.iter().flat_map(|marked| [marked.clone(), marked[2..].to_vec()]) {
        let mut h: Harness<Server> = Harness::new();
        let client = h.connect_polling("/");
        h.post(&client.sid, body);
        let told = h.told();
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("#1 disconnected: "), "{told:?}");
    }
}

#[test]
fn a_binary_value_in_text_is_bounded_as_text_and_as_what_it_stands_for() {
    let digits = |count: usize| format!("b{}", "AAAA".repeat(count / 4));
    // A body is read up to its limit as it is, and what it stands for is shorter.
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let post = h.post_head(&sid);
    assert_eq!(h.wants_body(post), Some(1_000_000));
    h.body(post, digits(999_988));
    assert_eq!(h.answer(post), "200 ok");
    assert_eq!(h.told(), [format!("<{}>", vec!["00"; 749_991].join(" "))]);

    // What a packet may be in all is counted in bytes, however they were sent.
    let event = r#"451-["e",{"_placeholder":true,"num":0}]"#;
    let told = |limit: usize| {
        let mut h = Harness::with(|config| config.max_packet_bytes = limit);
        let client = h.connect_polling("/");
        h.post(&client.sid, format!("{event}\x1e{}", digits(400)));
        h.told().concat()
    };
    let whole = event.len() - "451-".len() + 300;
    assert!(told(whole).starts_with("#1 e["));
    assert_eq!(told(whole - 1), "#1 disconnected: forced close");
}

#[test]
fn an_upgrade_ends_although_messages_never_do() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    let mut sent = 0;
    let mut busy = |h: &mut Harness<Engine>| {
        for _ in 0..1_000 {
            assert!(h.server.send(session, &Encoded::text(&sent.to_string()), false));
            sent += 1;
        }
    };
    let mut arrived = Vec::new();
    let keep = |arrived: &mut Vec<String>, packets: &[&str]| {
        arrived.extend(packets.iter().filter(|it| it.starts_with('4')).map(ToString::to_string));
    };
    busy(&mut h);
    let ws = h.upgrade(&sid);
    busy(&mut h);
    keep(&mut arrived, &unpack(&h.fetch(&sid)));
    busy(&mut h);
    h.frame(ws, "2probe");
    busy(&mut h);
    // The client finishes its polling, which always brings something.
    keep(&mut arrived, &unpack(&h.fetch(&sid)));
    let get = h.get(&sid);
    busy(&mut h);
    keep(&mut arrived, &unpack(h.answer(get).trim_start_matches("200 ")));
    h.frame(ws, "5");
    busy(&mut h);

    assert_eq!(h.told(), ["upgraded"]);
    let frames = h.received(ws);
    keep(&mut arrived, &frames.iter().map(String::as_str).collect::<Vec<_>>());
    let expected: Vec<String> = (0..6_000).map(|number| format!("4{number}")).collect();
    assert_eq!(arrived, expected);
}
