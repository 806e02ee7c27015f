//! Long-polling by script elements (JSONP), for clients of protocol 3.

mod common;

use common::Harness;
use sockeye_core::engineio::{Encoded, Engine, EngineConfig, Event};
use sockeye_core::{SessionId, WsId};

const BAD_REQUEST: &str = r#"400 {"code":3,"message":"Bad request"}"#;

fn engine() -> Harness<Engine> {
    Harness::engine(EngineConfig::default().allow_v3(true))
}

fn engine_with_scripts() -> Harness<Engine> {
    let config = EngineConfig::default().allow_v3(true).allow_jsonp(true);
    Harness::engine(config)
}

fn target(transport: &str, sid: &str, more: &str) -> String {
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    format!("/engine.io/?EIO=3&transport={transport}{sid}{more}")
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
        Some(Event::Opened { session, .. }) => session,
        other => panic!("no session was opened: {other:?}"),
    }
}

/// Opens a session; returns its id on the wire, its handle and the answer to the handshake.
fn open_polling(h: &mut Harness<Engine>, more: &str) -> (String, SessionId, String) {
    let req = h.request("GET", &target("polling", "", more), &[]);
    let open = h.answer(req);
    let sid = open.replace('\\', "");
    let sid = sid.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
    (sid.expect("OPEN holds a sid").to_owned(), opened(h), open)
}

fn open_websocket(h: &mut Harness<Engine>, more: &str) -> (WsId, SessionId) {
    let ws = h.upgrade_with(&target("websocket", "", more), &[]);
    assert_eq!(h.received(ws).len(), 1);
    (ws, opened(h))
}

#[test]
fn a_script_is_refused_unless_it_is_allowed() {
    let mut h = engine();
    for query in ["&j=0", "&j=", "&j=x"] {
        let req = h.request("GET", &target("polling", "", query), &[]);
        assert_eq!(h.answer(req), BAD_REQUEST, "{query}");
    }
    let (sid, session, _) = open_polling(&mut h, "");
    send(&mut h, session, "news");

    for method in ["GET", "POST"] {
        let req = h.request(method, &target("polling", &sid, "&j=0"), &[]);
        assert_eq!(h.answer(req), BAD_REQUEST, "{method}");
    }

    let req = h.request("GET", &target("polling", &sid, ""), &[]);
    assert_eq!(h.answer(req), "200 5:4news", "the session is as it was");
    assert!(h.told().is_empty());
    let ws = h.upgrade_with(&target("websocket", &sid, "&j=0"), &[]);
    assert!(h.is_open(ws), "to a WebSocket it means nothing");
}

#[test]
fn scripts_are_for_clients_of_protocol_3_alone() {
    let mut h = Harness::engine(EngineConfig::default().allow_jsonp(true));
    let req = h.request("GET", &target("polling", "", "&j=0"), &[]);
    assert_eq!(h.answer(req), r#"400 {"code":5,"message":"Unsupported protocol version"}"#);

    let mut h = engine_with_scripts();
    let req = h.request("GET", "/engine.io/?EIO=4&transport=polling&j=0", &[]);
    assert!(h.answer(req).starts_with("200 0{\"sid\""));
    let (ws, session) = open_websocket(&mut h, "&j=0");
    send_binary(&mut h, session, &[1]);
    assert_eq!(h.received(ws), ["<04 01>"], "a WebSocket takes binary data");
}

#[test]
fn a_script_gets_its_payload_as_a_call() {
    let mut h = engine_with_scripts();

    let (sid, session, open) = open_polling(&mut h, "&j=0");
    assert!(open.starts_with("200 ___eio[0](\"118:0{\\\"sid\\\":\\\""), "{open}");
    assert!(open.ends_with("}\");"), "{open}");
    send(&mut h, session, "\"\\\n\u{2028}\u{2029}</script>é");
    send_binary(&mut h, session, &[1, 2, 3]);

    let req = h.request("GET", &target("polling", &sid, "&j=12"), &[]);

    assert_eq!(
        h.answer(req),
        "200 ___eio[12](\"16:4\\\"\\\\\\n\\u2028\\u2029</script>é6:b4AQID\");"
    );
    assert_eq!(h.response(req).headers[0].1, "text/plain; charset=UTF-8");
    let req = h.request("GET", &target("polling", &sid, "&j=0);alert(1"), &[]);
    send(&mut h, session, "x");
    assert_eq!(h.answer(req), "200 ___eio[01](\"2:4x\");", "only digits are taken");
}

#[test]
fn a_script_posts_a_form() {
    let mut h = engine_with_scripts();
    let (sid, ..) = open_polling(&mut h, "&j=0");
    let post = |h: &mut Harness<Engine>, body: &str| {
        let headers = [("content-type", &b"application/x-www-form-urlencoded"[..])];
        let req = h.request("POST", &target("polling", &sid, "&j=1"), &headers);
        h.body(req, body.to_owned());
        h.answer(req)
    };

    assert_eq!(post(&mut h, "d=4%3A4a+b6%3Ab4AQID"), "200 ok");
    assert_eq!(post(&mut h, "d=4:4a%5Cnb"), "200 ok");
    assert_eq!(post(&mut h, "d=5:4a%5C%5Cnb"), "200 ok");
    assert_eq!(post(&mut h, "x=1&d=3:4%E2%82%AC%00"), "200 ok");
    assert_eq!(h.told(), ["a b", "<01 02 03>", "a\nb", "a\\nb", "€\0"]);
    assert_eq!(post(&mut h, "x=1"), "400");
    assert_eq!(h.told(), ["closed: parse error"]);
}
