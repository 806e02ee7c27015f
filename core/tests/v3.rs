//! Protocol 3 of Engine.IO, where it is allowed.

mod common;

use common::{Harness, secs};
use sockeye_core::engineio::{Encoded, Engine, EngineConfig};
use sockeye_core::{RequestId, SessionId, WsId};

const BAD_REQUEST: &str = r#"400 {"code":3,"message":"Bad request"}"#;
const OCTETS: [(&str, &[u8]); 1] = [("content-type", b"application/octet-stream")];

fn engine() -> Harness<Engine> {
    Harness::engine(EngineConfig::default().allow_v3(true))
}

fn target(transport: &str, sid: &str, more: &str) -> String {
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    format!("/engine.io/?EIO=3&transport={transport}{sid}{more}")
}

fn get(h: &mut Harness<Engine>, sid: &str) -> RequestId {
    h.request("GET", &target("polling", sid, ""), &[])
}

fn fetch(h: &mut Harness<Engine>, sid: &str) -> String {
    let req = get(h, sid);
    h.answer(req)
}

fn post(h: &mut Harness<Engine>, sid: &str, body: &str) -> String {
    let req = h.request("POST", &target("polling", sid, ""), &[]);
    h.body(req, body.to_owned());
    h.answer(req)
}

fn send(h: &mut Harness<Engine>, session: SessionId, text: &str) {
    assert!(h.server.send(session, &Encoded::text(text), false));
}

fn send_binary(h: &mut Harness<Engine>, session: SessionId, data: &'static [u8]) {
    assert!(h.server.send(session, &Encoded::binary(data.into()), false));
}

/// The session that was opened last.
fn opened(h: &mut Harness<Engine>) -> SessionId {
    match h.events().pop() {
        Some(sockeye_core::engineio::Event::Opened { session, .. }) => session,
        other => panic!("no session was opened: {other:?}"),
    }
}

fn open_polling(h: &mut Harness<Engine>, more: &str) -> (String, SessionId) {
    let req = h.request("GET", &target("polling", "", more), &[]);
    let open = h.answer(req);
    let sid = open.split('"').nth(3).expect("OPEN holds a sid").to_owned();
    (sid, opened(h))
}

fn open_websocket(h: &mut Harness<Engine>, more: &str) -> (WsId, SessionId) {
    let ws = h.upgrade_with(&target("websocket", "", more), &[]);
    assert_eq!(h.received(ws).len(), 1);
    (ws, opened(h))
}

#[test]
fn protocol_3_is_refused_unless_it_is_allowed() {
    let mut h = Harness::engine(EngineConfig::default());

    for query in ["EIO=3&", "", "EIO=2&", "EIO=&"] {
        let req = h.request("GET", &format!("/engine.io/?{query}transport=polling"), &[]);
        assert_eq!(h.answer(req), r#"400 {"code":5,"message":"Unsupported protocol version"}"#);
        let ws = h.upgrade_with(&format!("/engine.io/?{query}transport=websocket"), &[]);
        assert_eq!(h.refusal(ws), "400 Unsupported protocol version");
    }

    assert!(h.told().is_empty());
}

#[test]
fn the_handshake_over_polling_is_a_payload_with_a_length() {
    let mut h = engine();

    let req = h.request("GET", &target("polling", "", ""), &[]);

    let response = h.response(req);
    let body = String::from_utf8(response.body.to_vec()).unwrap();
    let sid = body.split('"').nth(3).unwrap();
    assert_eq!(
        body,
        format!(
            "118:0{{\"sid\":\"{sid}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}}"
        )
    );
    let headers: Vec<_> = response.headers.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        headers,
        [("Content-Type", "text/plain; charset=UTF-8"), ("Cache-Control", "no-store")]
    );
    let session = opened(&mut h);
    assert_eq!(h.server.protocol(session), Some(3));
}

#[test]
fn the_handshake_over_a_websocket_is_a_packet_as_in_protocol_4() {
    let mut h = engine();

    let ws = h.upgrade_with(&target("websocket", "", ""), &[]);

    let open = h.received(ws).concat();
    assert!(open.starts_with("0{\"sid\":\""), "{open}");
    assert!(open.contains("\"upgrades\":[],"), "{open}");
}

#[test]
fn requests_without_eio_4_are_protocol_3() {
    let mut h = engine();

    for query in ["EIO=3&", "", "EIO=2&", "EIO=&", "EIO=04&"] {
        let req = h.request("GET", &format!("/engine.io/?{query}transport=polling"), &[]);
        assert!(h.answer(req).starts_with("200 118:0{"), "{query}");
        let session = opened(&mut h);
        assert_eq!(h.server.protocol(session), Some(3), "{query}");
    }
    let (_, session) = h.open_polling();
    assert_eq!(h.server.protocol(session), Some(4));
}

#[test]
fn a_session_is_not_for_requests_of_the_other_protocol() {
    let mut h = engine();
    let (old, _) = open_polling(&mut h, "");
    let (new, _) = h.open_polling();

    assert_eq!(fetch(&mut h, &new), BAD_REQUEST);
    let req = h.get(&old);
    assert_eq!(h.answer(req), BAD_REQUEST);
    let ws = h.upgrade(&old);
    assert_eq!(h.refusal(ws), "400 Bad request");
    let ws = h.upgrade_with(&target("websocket", &new, ""), &[]);
    assert_eq!(h.refusal(ws), "400 Bad request");

    assert_eq!(post(&mut h, &old, "2:4a"), "200 ok");
    assert_eq!(h.told(), ["a"], "the session lives on");
}

#[test]
fn a_ping_of_the_client_is_answered_with_a_pong_and_the_server_sends_none() {
    let mut h = engine();
    let (ws, _) = open_websocket(&mut h, "");
    let (sid, _) = open_polling(&mut h, "");

    for _ in 0..4 {
        h.advance(secs(44));
        h.frame(ws, "2");
        assert_eq!(h.received(ws), ["3"]);
        let req = get(&mut h, &sid);
        assert_eq!(post(&mut h, &sid, "1:2"), "200 ok");
        assert_eq!(h.answer(req), "200 1:3");
    }

    assert!(h.told().is_empty());
}

#[test]
fn a_ping_may_carry_data_which_is_not_sent_back() {
    let mut h = engine();
    let (ws, _) = open_websocket(&mut h, "");
    let (sid, _) = open_polling(&mut h, "");

    for ping in ["2hello", "2probe", "22", "2€"] {
        h.advance(secs(44));
        h.frame(ws, ping);
        assert_eq!(h.received(ws), ["3"], "{ping}");
        let body = format!("{}:{ping}", ping.chars().count());
        assert_eq!(post(&mut h, &sid, &body), "200 ok");
        assert_eq!(fetch(&mut h, &sid), "200 1:3", "{ping}");
    }

    assert!(h.told().is_empty());
}

#[test]
fn a_client_that_sends_no_ping_for_interval_and_timeout_is_closed() {
    let mut h = engine();
    let (ws, _) = open_websocket(&mut h, "");

    h.advance(secs(20));
    h.frame(ws, "2");
    h.advance(secs(20));
    h.frame(ws, "4messages do not count");
    assert_eq!(h.told(), ["messages do not count"]);
    h.advance(secs(24));
    assert!(h.is_open(ws));
    h.advance(secs(1));

    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["closed: ping timeout"]);
}

#[test]
fn a_pong_of_the_client_ends_the_session() {
    let mut h = engine();
    let (ws, _) = open_websocket(&mut h, "");
    h.frame(ws, "3");
    assert_eq!(h.told(), ["closed: transport error"]);

    let (sid, _) = open_polling(&mut h, "");
    assert_eq!(post(&mut h, &sid, "1:3"), "200 ok");
    assert_eq!(h.told(), ["closed: transport error"]);
}

#[test]
fn lengths_of_text_are_utf16_units_in_both_directions() {
    let mut h = engine();
    let (sid, session) = open_polling(&mut h, "");

    assert_eq!(post(&mut h, &sid, "6:4hello2:4€3:4😀1:41:6"), "200 ok");
    assert_eq!(h.told(), ["hello", "€", "😀", ""]);
    for text in ["hello", "€uro", "a😀b", ""] {
        send(&mut h, session, text);
    }

    assert_eq!(fetch(&mut h, &sid), "200 6:4hello5:4€uro5:4a😀b1:4");
}

#[test]
fn a_get_that_waits_gets_a_payload_of_one_packet() {
    let mut h = engine();
    let (sid, session) = open_polling(&mut h, "");
    let req = get(&mut h, &sid);
    assert!(h.is_waiting(req));

    send(&mut h, session, "now");

    assert_eq!(h.answer(req), "200 4:4now");
}

#[test]
fn one_binary_packet_makes_the_whole_payload_binary() {
    let mut h = engine();
    let (sid, session) = open_polling(&mut h, "");
    send(&mut h, session, "é");
    send_binary(&mut h, session, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    send(&mut h, session, "");

    let req = get(&mut h, &sid);

    let response = h.response(req);
    assert_eq!(response.headers[0], ("Content-Type".into(), "application/octet-stream".into()));
    let mut expected = vec![0, 3, 0xff, b'4', 0xc3, 0xa9];
    expected.extend([1, 1, 0, 0xff, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expected.extend([0, 1, 0xff, b'4']);
    assert_eq!(response.body, expected);
    send(&mut h, session, "text again");
    assert_eq!(fetch(&mut h, &sid), "200 11:4text again");
}

#[test]
fn a_binary_body_holds_text_and_binary_packets() {
    let mut h = engine();
    let (sid, _) = open_polling(&mut h, "");

    let mut body = vec![0, 3, 0xff, b'4', 0xc3, 0xa9];
    body.extend([1, 1, 1, 0xff, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    body.extend([1, 1, 0xff, 4]);
    let req = h.request("POST", &target("polling", &sid, ""), &OCTETS);
    h.body(req, body);

    assert_eq!(h.answer(req), "200 ok");
    assert_eq!(h.told(), ["é", "<01 02 03 04 05 06 07 08 09 00>", "<>"]);
}

#[test]
fn a_client_that_takes_no_binary_gets_and_sends_base64() {
    let mut h = engine();
    let (sid, session) = open_polling(&mut h, "&b64=1");
    send(&mut h, session, "text");
    send_binary(&mut h, session, &[1, 2, 3]);
    send_binary(&mut h, session, &[0xff]);

    let req = get(&mut h, &sid);
    assert_eq!(h.answer(req), "200 5:4text6:b4AQID6:b4/w==");
    assert_eq!(h.response(req).headers[0].1, "text/plain; charset=UTF-8");
    assert_eq!(post(&mut h, &sid, "6:b4AQID6:b4/w==2:b4"), "200 ok");
    assert_eq!(h.told(), ["<01 02 03>", "<ff>", "<>"]);
}

#[test]
fn binary_on_a_websocket_has_its_type_as_the_first_byte() {
    let mut h = engine();
    let (ws, session) = open_websocket(&mut h, "");

    send_binary(&mut h, session, &[1, 2]);
    send_binary(&mut h, session, &[]);
    h.binary(ws, vec![4, 9, 8]);
    h.binary(ws, vec![4]);
    h.frame(ws, "b4AQID");
    h.frame(ws, "4text");

    assert_eq!(h.received(ws), ["<04 01 02>", "<04>"]);
    assert_eq!(h.told(), ["<09 08>", "<>", "<01 02 03>", "text"]);
}

#[test]
fn a_websocket_client_that_takes_no_binary_gets_base64() {
    let mut h = engine();
    let (ws, session) = open_websocket(&mut h, "&b64=1");

    send_binary(&mut h, session, &[1, 2, 3]);
    send(&mut h, session, "text");

    assert_eq!(h.received(ws), ["b4AQID", "4text"]);
}

#[test]
fn a_malformed_payload_is_a_parse_error() {
    for body in [
        "",
        "2:40,",
        "4hello",
        ":4",
        "3:4a",
        "-1:4",
        "1:",
        "0:",
        "1:7",
        "2:b!",
        "6:b5AQID",
        "1 :4",
        "+1:4",
        "0x1:4",
        "99999999999999999999:4",
        "2:4😀",
        "1:4x",
        "2:4a2:",
    ] {
        let mut h = engine();
        let (sid, _) = open_polling(&mut h, "");
        assert_eq!(post(&mut h, &sid, body), "400", "{body}");
        assert_eq!(h.told().pop().unwrap(), "closed: parse error", "{body}");
    }
}

#[test]
fn a_malformed_binary_payload_is_a_parse_error() {
    for body in [
        &b""[..],
        b"\x00",
        b"\x00\xff4",
        b"\x00\x01",
        b"\x00\x0a\xff4",
        b"\x00\x02\xff4",
        b"\x02\x01\xff4",
        b"\x01\x01\xff\x05",
        b"\x01\x00\xff",
        b"\x00\x02\xff4\xff",
        b"\x00\x01\xff4\x00",
        b"2:4a",
    ] {
        let mut h = engine();
        let (sid, _) = open_polling(&mut h, "");
        let req = h.request("POST", &target("polling", &sid, ""), &OCTETS);
        h.body(req, body.to_vec());
        assert_eq!(h.answer(req), "400", "{body:?}");
        assert_eq!(h.told().pop().unwrap(), "closed: parse error", "{body:?}");
    }
}

#[test]
fn a_malformed_packet_on_a_websocket_is_a_parse_error() {
    let mut h = engine();
    for text in ["", "7", "b", "b5AQID", "b4!", "7:4a", "é"] {
        let (ws, _) = open_websocket(&mut h, "");
        h.frame(ws, text);
        assert!(!h.is_open(ws), "{text}");
        assert_eq!(h.told(), ["closed: parse error"], "{text}");
    }
    for data in [&[][..], &[0], &[b'4', 1], &[5]] {
        let (ws, _) = open_websocket(&mut h, "");
        h.binary(ws, data.to_vec());
        assert!(!h.is_open(ws), "{data:?}");
        assert_eq!(h.told(), ["closed: parse error"], "{data:?}");
    }
}

#[test]
fn payloads_of_protocol_3_mean_nothing_in_protocol_4() {
    let mut h = engine();
    let (mut sid, _) = h.open_polling();

    for body in ["6:4hello", "2:40"] {
        let req = h.post(&sid, body);
        assert_eq!(h.answer(req), "400", "{body}");
        assert_eq!(h.told(), ["closed: parse error"], "{body}");
        sid = h.open_polling().0;
        h.told();
    }
}

#[test]
fn a_payload_of_very_many_packets_takes_time_in_proportion_to_its_length() {
    let mut h = engine();
    let (sid, _) = open_polling(&mut h, "");

    assert_eq!(post(&mut h, &sid, &"1:6".repeat(333_000)), "200 ok");

    assert!(h.told().is_empty());
}

#[test]
fn a_session_goes_over_to_a_websocket() {
    let mut h = engine();
    let (sid, session) = open_polling(&mut h, "");
    let req = get(&mut h, &sid);

    let ws = h.upgrade_with(&target("websocket", &sid, ""), &[]);
    h.frame(ws, "2probe");
    assert_eq!(h.received(ws), ["3probe"]);
    assert_eq!(h.answer(req), "200 1:6");
    assert_eq!(post(&mut h, &sid, "2:4a"), "200 ok");
    h.frame(ws, "5");
    send_binary(&mut h, session, &[1]);
    h.frame(ws, "4b");
    h.frame(ws, "2");

    assert_eq!(h.received(ws), ["<04 01>", "3"]);
    assert_eq!(h.told(), ["a", "upgraded", "b"]);
}

#[test]
fn a_session_that_is_closed_says_so_in_a_payload() {
    let mut h = engine();
    let (sid, session) = open_polling(&mut h, "");
    let req = get(&mut h, &sid);

    h.server.close(session, h.now);

    assert_eq!(h.answer(req), "200 1:1");
    assert_eq!(h.told(), ["closed: forced close"]);
    let (sid, _) = open_polling(&mut h, "");
    let req = get(&mut h, &sid);
    assert_eq!(post(&mut h, &sid, "1:1"), "200 ok");
    assert_eq!(h.answer(req), "200 1:6");
    assert_eq!(h.told(), ["closed: transport close"]);
}
