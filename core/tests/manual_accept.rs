//! Handshakes that the application decides about, and those that it keeps.

mod common;

use common::{Harness, secs};
use sockeye_core::engineio::{
    Admission, Cookie, Cors, Engine, EngineConfig, Event, Handshake, HandshakeId, Origins,
};
use sockeye_core::{Input, Output, Request, RequestId, Server, WsId};

const POLLING: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";
const BAD_REQUEST: &str = r#"400 {"code":3,"message":"Bad request"}"#;
const BUSY: &str = r#"503 {"code":3,"message":"Too many sessions"}"#;

fn engine() -> Harness<Engine> {
    engine_with(EngineConfig::default())
}

fn engine_with(config: EngineConfig) -> Harness<Engine> {
    Harness::engine(config.manual_accept(true))
}

/// The handshake that the application is asked about.
fn asked(h: &mut Harness<Engine>) -> (HandshakeId, Handshake) {
    match h.events().pop() {
        Some(Event::HandshakeRequested { id, handshake }) => (id, handshake),
        other => panic!("the application was not asked: {other:?}"),
    }
}

fn poll(h: &mut Harness<Engine>) -> (RequestId, HandshakeId) {
    let req = h.request("GET", POLLING, &[]);
    (req, asked(h).0)
}

fn upgrade(h: &mut Harness<Engine>) -> (WsId, HandshakeId) {
    let ws = h.upgrade_with(WEBSOCKET, &[]);
    (ws, asked(h).0)
}

fn allow(h: &mut Harness<Engine>, id: HandshakeId, admission: Admission) {
    let now = h.now;
    h.server.accept_handshake(id, admission, now);
}

fn named(sid: &str) -> Admission {
    Admission { sid: Some(sid.to_owned()), ..Admission::default() }
}

#[test]
fn a_handshake_waits_until_it_is_accepted() {
    let mut h = engine();
    let (req, id) = poll(&mut h);
    let (ws, other) = upgrade(&mut h);
    assert!(h.is_waiting(req));
    assert!(h.is_asking(ws));

    allow(&mut h, other, ().into());
    allow(&mut h, id, ().into());

    assert!(h.answer(req).starts_with("200 0{\"sid\":\""));
    assert!(h.is_open(ws));
    assert!(h.received(ws)[0].starts_with("0{\"sid\":\""));
    assert_eq!(h.told(), ["opened", "opened"]);
}

#[test]
fn a_rejected_handshake_is_403_with_the_message_of_the_application() {
    let mut h = engine();
    let (req, id) = poll(&mut h);
    let (ws, other) = upgrade(&mut h);

    h.server.reject_handshake(id, "say \"please\"");
    h.server.reject_handshake(other, "not you");
    h.server.reject_handshake(id, "again");
    allow(&mut h, id, ().into());

    assert_eq!(h.answer(req), r#"403 {"code":4,"message":"say \"please\""}"#);
    assert_eq!(h.refusal(ws), "403 not you");
    assert!(h.told().is_empty());
    assert!(h.server.is_idle());
}

#[test]
fn requests_of_a_session_are_not_asked_about() {
    let mut h = engine();
    let (req, id) = poll(&mut h);
    allow(&mut h, id, ().into());
    let sid = h.answer(req).split('"').nth(3).unwrap().to_owned();
    h.events();

    let get = h.get(&sid);
    let post = h.post(&sid, "4hi");
    let ws = h.upgrade(&sid);

    assert!(h.is_waiting(get));
    assert_eq!(h.answer(post), "200 ok");
    assert!(h.is_open(ws));
    assert_eq!(h.told(), ["hi"]);
}

#[test]
fn invalid_handshakes_are_not_asked_about() {
    let mut h = engine();

    for target in ["/engine.io/", "/engine.io/?EIO=3&transport=polling"] {
        let req = h.request("GET", target, &[]);
        assert_eq!(h.response(req).status, 400);
    }
    let req = h.request("POST", POLLING, &[]);
    assert_eq!(h.response(req).status, 400);

    assert!(h.told().is_empty());
}

#[test]
fn the_application_may_choose_the_id_and_add_headers() {
    let mut h = engine();
    let headers = vec![("x-node".into(), "7".into()), ("x-bad".into(), "a\r\nb: c".into())];
    let admission = Admission { sid: Some("my-own_ID".to_owned()), headers };

    let (req, id) = poll(&mut h);
    allow(&mut h, id, admission.clone());
    let (ws, id) = upgrade(&mut h);
    allow(&mut h, id, Admission { sid: None, ..admission });

    assert!(h.answer(req).starts_with("200 0{\"sid\":\"my-own_ID\","));
    let headers = h.response(req).headers;
    assert!(headers.contains(&("x-node".into(), "7".into())), "{headers:?}");
    assert!(!headers.iter().any(|(name, _)| name == "x-bad"), "{headers:?}");
    assert_eq!(h.handshake_headers(ws), [("x-node".into(), "7".into())]);
    let post = h.post("my-own_ID", "4hi");
    assert_eq!(h.answer(post), "200 ok");
    assert_eq!(h.told(), ["opened", "hi"], "the first one was taken with the question");
}

#[test]
fn an_invalid_custom_id_rejects_the_handshake() {
    let mut h = engine();
    let (req, id) = poll(&mut h);
    allow(&mut h, id, named("taken"));
    assert_eq!(h.response(req).status, 200);
    let long = "x".repeat(256);

    for sid in ["taken", "", "a b", "a\"b", "a/b", "é", "a\r\nb", "a#b", &long] {
        let (req, id) = poll(&mut h);
        allow(&mut h, id, named(sid));
        assert_eq!(h.answer(req), BAD_REQUEST, "{sid}");
        let (ws, id) = upgrade(&mut h);
        allow(&mut h, id, named(sid));
        assert_eq!(h.refusal(ws), "400 Bad request", "{sid}");
    }

    assert!(h.told().is_empty());
    assert_eq!(h.server.counts().sessions, 1);
}

#[test]
fn an_id_can_be_used_again_when_its_session_is_over() {
    let mut h = engine();
    let (ws, id) = upgrade(&mut h);
    allow(&mut h, id, named("again"));
    h.closed(ws, sockeye_core::CloseCause::Peer);

    let (req, id) = poll(&mut h);
    allow(&mut h, id, named("again"));

    assert_eq!(h.response(req).status, 200);
}

#[test]
fn a_handshake_aborted_before_the_decision_leaves_nothing() {
    let mut h = engine();
    let (req, id) = poll(&mut h);
    let (ws, other) = upgrade(&mut h);

    h.abort(req);
    h.given_up(ws);
    assert_eq!(h.server.poll_timeout(), None);
    allow(&mut h, id, named("free"));
    h.server.reject_handshake(other, "too late");

    assert_eq!(h.told(), ["aborted", "aborted"]);
    let (req, id) = poll(&mut h);
    allow(&mut h, id, named("free"));
    assert_eq!(h.response(req).status, 200);
}

#[test]
fn aborting_a_handshake_removes_that_one_only() {
    let mut h = engine();
    let waiting: Vec<_> = (0..300).map(|_| (poll(&mut h), upgrade(&mut h))).collect();

    for ((req, _), (ws, _)) in waiting[1..].iter().rev() {
        h.abort(*req);
        h.given_up(*ws);
    }
    assert_eq!(h.told(), vec!["aborted"; 2 * 299]);

    let ((req, id), (ws, other)) = waiting[0];
    for ((_, id), (_, other)) in &waiting {
        allow(&mut h, *id, ().into());
        allow(&mut h, *other, ().into());
    }
    assert_ne!(id, other);
    assert_eq!(h.response(req).status, 200);
    assert!(h.is_open(ws));
    assert_eq!(h.told(), ["opened", "opened"]);
    assert_eq!(h.server.counts().sessions, 2);
}

#[test]
fn a_request_and_a_websocket_of_the_same_number_are_two_handshakes() {
    let mut h = engine();
    let request =
        |target| Request { method: "GET", target, headers: &[], remote: None, secure: false };
    let (req, ws) = (RequestId(1), WsId(1));
    h.server.handle(Input::Request { req, request: request(POLLING) }, h.now);
    h.server.handle(Input::Upgrade { ws, request: request(WEBSOCKET) }, h.now);
    while h.server.poll_output().is_some() {}

    h.server.handle(Input::Aborted { req }, h.now);
    h.server.handle_timeout(h.now + secs(20));

    let mut aborted = 0;
    let outputs = std::iter::from_fn(|| h.server.poll_output());
    let others = outputs.filter(|output| {
        let is_aborted = matches!(output, Output::Event(Event::HandshakeAborted { .. }));
        aborted += usize::from(is_aborted);
        !is_aborted
    });
    let others: Vec<_> = others.collect();
    assert!(matches!(&others[..], [Output::Refuse { ws: WsId(1), .. }]));
    assert_eq!(aborted, 2);
}

#[test]
fn an_undecided_handshake_is_403_after_handshake_timeout() {
    let mut h = engine();
    let (req, id) = poll(&mut h);
    let (ws, _) = upgrade(&mut h);

    h.advance(secs(19));
    assert!(h.is_waiting(req));
    h.advance(secs(1));

    assert_eq!(h.answer(req), r#"403 {"code":4,"message":"Forbidden"}"#);
    assert_eq!(h.refusal(ws), "403 Forbidden");
    allow(&mut h, id, ().into());
    assert_eq!(h.told(), ["aborted", "aborted"]);
}

#[test]
fn handshakes_that_wait_count_against_the_limit_of_sessions() {
    let mut h = engine_with(EngineConfig::default().max_sessions(2));
    let (first, id) = poll(&mut h);
    let (_, other) = upgrade(&mut h);

    let req = h.request("GET", POLLING, &[]);
    assert_eq!(h.answer(req), BUSY);
    let ws = h.upgrade_with(WEBSOCKET, &[]);
    assert_eq!(h.refusal(ws), "503 Too many sessions");
    assert!(h.told().is_empty());
    h.server.reject_handshake(other, "no");
    let (second, next) = poll(&mut h);
    allow(&mut h, id, ().into());
    allow(&mut h, next, ().into());

    assert_eq!(h.response(first).status, 200);
    assert_eq!(h.response(second).status, 200);
    let req = h.request("GET", POLLING, &[]);
    assert_eq!(h.answer(req), BUSY);
}

#[test]
fn shut_down_rejects_undecided_handshakes() {
    let mut h = engine();
    let (req, id) = poll(&mut h);
    let (ws, other) = upgrade(&mut h);

    let now = h.now;
    h.server.shut_down(now);
    allow(&mut h, id, ().into());
    allow(&mut h, other, ().into());

    assert_eq!(h.answer(req), BUSY);
    assert_eq!(h.refusal(ws), "503 Too many sessions");
    assert!(h.server.is_idle());
    assert_eq!(h.server.poll_timeout(), None);
    assert_eq!(h.told(), ["aborted", "aborted"]);
}

#[test]
fn answers_have_their_headers_whatever_is_decided() {
    let mut h = engine_with(
        EngineConfig::default().cors(Cors::new(Origins::Any)).cookie(Cookie::default()),
    );
    let (denied, id) = poll(&mut h);
    h.server.reject_handshake(id, "no");
    let (allowed, id) = poll(&mut h);
    allow(&mut h, id, named("chosen"));

    let star = ("Access-Control-Allow-Origin".into(), "*".into());
    let headers = h.response(denied).headers;
    assert!(headers.contains(&star));
    assert!(!headers.iter().any(|(name, _)| name == "Set-Cookie"));
    let headers = h.response(allowed).headers;
    assert!(headers.contains(&star));
    let cookie = "io=chosen; Path=/; HttpOnly; SameSite=Lax";
    assert!(headers.contains(&("Set-Cookie".into(), cookie.into())), "{headers:?}");
}

#[test]
fn the_application_sees_what_the_client_sent() {
    let mut h = engine();
    let target = format!("{POLLING}&token=a+b%20c%C3%A9&x=1&x=2&empty&bad=%zz");
    let headers: [(&str, &[u8]); 4] =
        [("Cookie", b"a=b"), ("X-Two", b"1"), ("x-two", b"2"), ("X-Binary", b"\xff")];
    let request = Request {
        method: "GET",
        target: &target,
        headers: &headers,
        remote: Some(([192, 0, 2, 1], 4711).into()),
        secure: true,
    };
    let ws = WsId(1000);
    h.server.handle(Input::Upgrade { ws, request }, h.now);
    // Over the wrong way, so nobody is asked.
    assert!(matches!(h.server.poll_output(), Some(Output::Refuse { .. })));
    let req = RequestId(1001);
    h.server.handle(Input::Request { req, request }, h.now);

    let asked = h.server.poll_output().map(Output::into_event::<()>);
    let Some(Ok(Event::HandshakeRequested { id, handshake })) = asked else {
        panic!("the application was not asked");
    };
    h.server.handle(Input::Aborted { req }, h.now);
    h.server.reject_handshake(id, "gone");
    assert_eq!(handshake.target, target);
    assert_eq!(handshake.query("token").as_deref(), Some("a b cé"));
    assert_eq!(handshake.query("x").as_deref(), Some("2"));
    assert_eq!(handshake.query("empty").as_deref(), Some(""));
    assert_eq!(handshake.query("bad").as_deref(), Some("%zz"));
    assert_eq!(handshake.query("transport").as_deref(), Some("polling"));
    assert_eq!(handshake.query("missing"), None);
    assert_eq!(handshake.query_pairs().count(), 7);
    assert_eq!(handshake.header("COOKIE"), Some("a=b"));
    assert_eq!(handshake.header("x-two"), Some("1"));
    assert_eq!(handshake.header("x-binary"), None);
    assert_eq!(handshake.headers[0].0, "cookie");
    assert_eq!(handshake.remote, Some(([192, 0, 2, 1], 4711).into()));
    assert!(handshake.secure);
}

#[test]
fn opened_has_the_handshake_if_it_is_kept() {
    for (manual_accept, keep) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut h = Harness::engine(
            EngineConfig::default().manual_accept(manual_accept).keep_handshakes(keep),
        );
        let req = h.request("GET", POLLING, &[("X-A", b"b")]);
        if manual_accept {
            let (id, _) = asked(&mut h);
            allow(&mut h, id, ().into());
        }
        assert_eq!(h.response(req).status, 200);

        let handshake = match h.events().pop() {
            Some(Event::Opened { handshake, .. }) => handshake,
            other => panic!("no session was opened: {other:?}"),
        };

        assert_eq!(handshake.is_some(), keep);
        if let Some(handshake) = handshake {
            assert_eq!(handshake.header("x-a"), Some("b"));
        }
    }
}

#[test]
fn sockets_know_the_request_that_opened_their_connection() {
    let mut h = Harness::<Server>::with(|config| config.engine.keep_handshakes = true);
    let ws = h.upgrade_with("/socket.io/?EIO=4&transport=websocket&room=7", &[("X-A", b"b")]);
    h.received(ws);
    let (first, _) = h.join(ws, "/");
    let (second, _) = h.join(ws, "/admin");

    for socket in [first, second] {
        let socket = h.socket(socket);
        let handshake = socket.handshake().unwrap();
        assert_eq!(handshake.query("room").as_deref(), Some("7"));
        assert_eq!(handshake.header("x-a"), Some("b"));
    }

    let mut h = Harness::<Server>::new();
    let client = h.connect_websocket("/");
    assert_eq!(h.socket(client.socket).handshake(), None);
}

#[test]
fn a_server_reports_handshakes_to_its_application() {
    let mut h = Harness::<Server>::with(|config| config.engine.manual_accept = true);
    let requested = |h: &mut Harness<Server>| match h.events().pop() {
        Some(sockeye_core::Event::HandshakeRequested { id, .. }) => id,
        other => panic!("the application was not asked: {other:?}"),
    };
    let ws = h.upgrade_with("/socket.io/?EIO=4&transport=websocket", &[]);
    let id = requested(&mut h);
    let now = h.now;
    h.server.accept_handshake(id, Admission::default(), now);
    assert_eq!(h.received(ws).len(), 1);
    h.join(ws, "/");
    let req = h.request("GET", "/socket.io/?EIO=4&transport=polling", &[]);
    let id = requested(&mut h);
    h.server.reject_handshake(id, "no");

    assert_eq!(h.answer(req), r#"403 {"code":4,"message":"no"}"#);
    let req = h.request("GET", "/socket.io/?EIO=4&transport=polling", &[]);
    let id = requested(&mut h);
    h.server.shut_down(now);
    assert_eq!(h.answer(req), BUSY);
    h.server.accept_handshake(id, Admission::default(), now);
    assert_eq!(h.told(), ["aborted", "#1 disconnected: server shutting down"]);
}
