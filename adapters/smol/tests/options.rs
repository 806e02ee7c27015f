//! What the options of the core look like on the wire.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use sockeye_smol::core::engineio::{
    Cookie, Cors, EngineConfig, Handshake, Origins, WebSocketOrigins,
};
use sockeye_smol::core::{Frame as Message, ServerConfig};
use sockeye_smol::{App, EngineApp, HeaderHook, HttpConfig, Serve, Session, Socket, Stage};
use support::frames::{Frame, Opcode};
use support::wire::Answer;
use support::{TestServer, Wire};

fn server(change: impl FnOnce(&mut EngineConfig) + Send + 'static) -> TestServer {
    TestServer::start(move || {
        let mut config = ServerConfig::default();
        config.engine.close_timeout = Duration::from_millis(100);
        change(&mut config.engine);
        let http = HttpConfig::default().header_hook(HeaderHook::new(|_, stage, headers| {
            let stage = if stage == Stage::Handshake { "handshake" } else { "session" };
            headers.push(("x-stage".into(), stage.into()));
        }));
        let app = App::new()
            .config(config)
            .http(http)
            .allow_request(|handshake: Handshake| async move {
                let denied = handshake.query("deny").is_some();
                if denied { Err("not today") } else { Ok(()) }
            })
            .on_connect(|socket: Socket| socket.emit("long", "x".repeat(5000)));
        let echo = EngineApp::new()
            .on_message(|session: &Session, message: Message| session.send(message));
        (app, echo).bind("127.0.0.1:0").expect("a free port")
    })
}

fn ask(address: SocketAddr, line: &str, headers: &str) -> Answer {
    let mut wire = Wire::connect(address);
    wire.send(format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n"));
    wire.answer()
}

const HANDSHAKE: &str = "GET /socket.io/?EIO=4&transport=polling";

#[test]
fn cross_origin_headers_are_on_every_answer() {
    let allowed = Origins::List(vec!["https://good.example".to_owned()]);
    let server = server(|config| {
        config.cors = Some(Cors::new(allowed).credentials(true));
    });
    let origin = "Origin: https://good.example\r\n";
    let preflight = ask(
        server.address,
        "OPTIONS /socket.io/?EIO=4&transport=polling&sid=x",
        &format!("{origin}Access-Control-Request-Headers: x-token\r\n"),
    );
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-token"));
    for line in [HANDSHAKE, "GET /socket.io/", "GET /socket.io/socket.io.js"] {
        let answer = ask(server.address, line, origin);
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://good.example"), "{line}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{line}");
    }
    let foreign = ask(server.address, HANDSHAKE, "Origin: https://good.example.evil\r\n");
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    assert_eq!(foreign.header("vary"), Some("origin"));
}

#[test]
fn cookies_and_hooked_headers_are_on_the_handshake() {
    let server = server(|config| config.cookie = Some(Cookie::default()));
    let answer = ask(server.address, HANDSHAKE, "");
    let sid = answer.text().split('"').nth(3).expect("a sid").to_owned();
    // The test's client reads heads in lower case.
    let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax").to_lowercase();
    assert_eq!(answer.header("set-cookie"), Some(&*cookie));
    assert_eq!(answer.header("x-stage"), Some("handshake"));
    let mut wire = Wire::connect(server.address);
    let line = "POST /socket.io/?EIO=4&transport=polling&sid=";
    wire.send(format!("{line}{sid} HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n40"));
    let answer = wire.answer();
    assert_eq!((answer.status, answer.header("x-stage")), (200, Some("session")));
    assert_eq!(answer.header("set-cookie"), None);
}

#[test]
fn a_vetoed_handshake_is_forbidden_with_its_reason() {
    let server = server(|_| {});
    let answer = ask(server.address, &format!("{HANDSHAKE}&deny=1"), "");
    assert_eq!((answer.status, answer.text()), (403, r#"{"code":4,"message":"not today"}"#));
    let mut wire = Wire::connect(server.address);
    wire.send(support::wire::handshake("&deny=1"));
    let answer = wire.answer();
    assert_eq!((answer.status, answer.text()), (403, "not today"));
    let mut bystander = Wire::connect(server.address);
    bystander.shake_hands("");
    assert!(bystander.text().starts_with("0{"), "others are let in");
}

/// Asks for a WebSocket with these headers besides those that make it one, as a new session or for
/// one that is there.
fn ask_for_websocket(address: SocketAddr, query: &str, headers: &str) -> Answer {
    let mut wire = Wire::connect(address);
    let head = support::wire::handshake(query);
    let (line, rest) = head.split_once("\r\n").expect("a request has lines");
    wire.send(format!("{line}\r\n{headers}{rest}"));
    wire.answer()
}

#[test]
fn foreign_pages_open_no_websocket_with_the_cookies_of_their_user() {
    let server = server(|_| {});
    let sid = support::client::sid_of(&ask(server.address, HANDSHAKE, ""));
    let session = format!("&sid={sid}");
    for (headers, status) in [
        ("Origin: https://evil.example\r\nCookie: session=1\r\n", 403),
        ("Origin: null\r\nCookie: session=1\r\n", 403),
        ("Origin: https://evil.example\r\nAuthorization: Basic dTpw\r\n", 403),
        ("Origin: https://test\r\nOrigin: null\r\nCookie: session=1\r\n", 403),
        ("Origin: https://TEST:8443\r\nCookie: session=1\r\n", 101),
        ("Origin: https://a.b\r\nX-Forwarded-Host: a.b\r\nCookie: session=1\r\n", 101),
        ("Origin: https://evil.example\r\n", 101),
        ("Cookie: session=1\r\n", 101),
    ] {
        for query in [&session, ""] {
            let answer = ask_for_websocket(server.address, query, headers);
            assert_eq!(answer.status, status, "{headers}");
            if status == 403 {
                assert_eq!(answer.text(), "Origin not allowed");
                assert_eq!(answer.header("content-type"), Some("text/html"));
            }
        }
    }
}

#[test]
fn foreign_origins_open_no_websocket_where_that_is_wanted() {
    let server = server(|config| {
        let allowed = Origins::Fixed("https://good.example".to_owned());
        config.websocket_origins = WebSocketOrigins::Only(allowed);
    });
    for (headers, status) in [
        ("Origin: https://evil.example\r\n", 403),
        ("Origin: https://good.example\r\n", 101),
        ("", 101),
    ] {
        assert_eq!(ask_for_websocket(server.address, "", headers).status, status, "{headers}");
    }
}

#[test]
fn a_foreign_page_can_not_use_what_it_opens_by_polling() {
    let server = server(|_| {});
    let page = "Origin: https://evil.example\r\nCookie: session=1\r\n";
    let answer = ask(server.address, HANDSHAKE, page);
    assert_eq!(answer.status, 200);
    assert!(!answer.head.contains("access-control"), "it learns no id");
    let blind = format!("{page}Content-Type: text/plain\r\nContent-Length: 0\r\n");
    let answer = ask(server.address, &HANDSHAKE.replacen("GET", "POST", 1), &blind);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), r#"{"code":2,"message":"Bad handshake method"}"#);
}

#[test]
fn long_answers_are_compressed_for_those_who_accept_it() {
    let server = server(|_| {});
    for (accept, encoding) in [("gzip", Some("gzip")), ("deflate", Some("deflate")), ("br", None)] {
        let accept = format!("Accept-Encoding: {accept}\r\n");
        let sid = support::client::sid_of(&ask(server.address, HANDSHAKE, &accept));
        assert_eq!(support::client::post(server.address, &sid, "40").status, 200);
        let answer = ask(server.address, &format!("{HANDSHAKE}&sid={sid}"), &accept);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-encoding"), encoding);
        assert_eq!(answer.body.len() < 1000, encoding.is_some());
        let file = ask(server.address, "GET /socket.io/socket.io.min.js", &accept);
        assert_eq!(file.header("content-encoding"), encoding);
    }
}

#[test]
fn the_client_script_is_not_sent_to_those_who_have_it() {
    let server = server(|_| {});
    let line = "GET /socket.io/socket.io.min.js";
    let answer = ask(server.address, line, "");
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/javascript; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=0"));
    let etag = answer.header("etag").expect("an etag").to_owned();
    for tag in [etag.clone(), format!("W/{etag}")] {
        let answer = ask(server.address, line, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (304, 0));
    }
    for line in ["GET /socket.io/../Cargo.toml", "GET /socket.io/constructor"] {
        assert_eq!(ask(server.address, line, "").status, 404, "{line}");
    }
}

#[test]
fn messages_without_socket_io_come_back_beside_it() {
    let server = server(|_| {});
    let mut wire = Wire::connect(server.address);
    let head = support::wire::handshake("").replace("/socket.io/", "/engine.io/");
    wire.send(head);
    assert_eq!(wire.answer().status, 101);
    assert!(wire.text().starts_with("0{"));
    wire.send_frame(&Frame::text("4hello"));
    assert_eq!(wire.text(), "4hello");
    wire.send_frame(&Frame::new(Opcode::BINARY, b"data"));
    assert_eq!(wire.frame().payload, b"data");
}
