//! What depends on what a request asks for: paths, queries, methods, and polls at once.

mod support;

use std::future::pending;
use std::time::Duration;

use sockeye_tiny_http::core::engineio::{Admission, Handshake};
use sockeye_tiny_http::{App, Io, ServeBlocking, ServerConfig};
use support::client::{open, poll, poll_head, post, session_exists, sid_of};
use support::{Bystander, TestServer, Wire, eventually, quick};

#[test]
fn requests_that_make_no_sense_are_refused_and_hurt_nobody() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let long = format!("EIO=4&transport=polling&sid={}", "x".repeat(10_000));
    for (query, code) in [
        ("", 0),
        ("EIO=4", 0),
        ("EIO=4&transport=", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport=POLLING", 0),
        ("EIO=4&transport=__proto__", 0),
        ("EIO=4&transport=webtransport", 0),
        ("EIO=4&transport=websocket", 0),
        ("transport=polling", 5),
        ("EIO=3&transport=polling", 5),
        ("EIO=04&transport=polling", 5),
        ("EIO=4%20&transport=polling", 5),
        ("EIO=4&transport=polling&sid=", 1),
        ("EIO=4&transport=polling&sid=doesnotexist", 1),
        ("EIO=4&transport=polling&sid=__proto__", 1),
        ("EIO=4&transport=polling&sid=%00%0d%0a", 1),
        ("EIO=4&transport=polling&sid=a+b%zz%ff%", 1),
        (&long, 1),
        ("EIO=4&EIO=3&transport=polling", 3),
        ("EIO=4&transport=polling&sid=a&sid=b", 3),
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let answer = wire.answer();
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with(&format!("{{\"code\":{code},")), "{query}: {answer:?}");
    }
    for method in ["POST", "PUT", "HEAD", "DELETE", "BREW"] {
        let mut wire = Wire::connect(server.address);
        let head = poll_head("").replacen("GET", method, 1);
        wire.send(head.replacen("Host", "Content-Length: 0\r\nConnection: close\r\nHost", 1));
        let answer = wire.rest_without_reset();
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{method}");
        assert_eq!(answer.ends_with(b"\r\n\r\n"), method == "HEAD", "{method}");
    }
    bystander.assert_works();
}

#[test]
fn a_method_that_is_none_leaves_the_session_alone() {
    let server = TestServer::new();
    let sid = open(server.address);
    for method in ["PUT", "DELETE", "HEAD"] {
        let mut wire = Wire::connect(server.address);
        wire.send(poll_head(&format!("&sid={sid}")).replacen("GET", method, 1));
        assert!(wire.until(b"\r\n\r\n").starts_with(b"HTTP/1.1 4"), "{method}");
    }
    assert!(session_exists(server.address, &sid));
}

#[test]
fn what_means_nothing_here_is_ignored() {
    let server = TestServer::new();
    for query in ["&j=0", "&j=x", "&b64=1", "&t=abc", "&x=%zz&=&&%", &"&a=b".repeat(2_000)] {
        sid_of(&poll(server.address, query));
    }
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head("").replace("Host", "Cookie: io=abc\r\nX-Name: J\u{f6}rg\r\nHost"));
    assert_ne!(sid_of(&wire.answer()), sid);
}

#[test]
fn a_websocket_is_refused_at_once_whatever_it_says() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let session = format!("&sid={sid}");
    for (transport, query) in
        [("websocket", ""), ("websocket", &*session), ("polling", ""), ("polling", &session)]
    {
        let mut wire = Wire::connect(server.address);
        wire.send(format!(
            "GET /socket.io/?EIO=4&transport={transport}{query} HTTP/1.1\r\nHost: test\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ));
        assert_eq!(wire.answer().status, 400, "{transport} {query}");
    }
    let handshake = poll(server.address, "");
    assert!(handshake.text().contains(r#""upgrades":[]"#), "{handshake:?}");
    assert!(session_exists(server.address, &sid));
    bystander.assert_works();
}

#[test]
fn a_foreign_page_can_not_use_what_it_opens_by_polling() {
    let server = TestServer::new();
    let page = "Origin: https://evil.example\r\nCookie: session=1\r\nHost:";
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head("").replacen("Host:", page, 1));
    let answer = wire.answer();
    assert_eq!(answer.status, 200);
    assert!(!answer.head.contains("access-control"), "it learns no id");
    let blind = format!("Content-Type: text/plain\r\nContent-Length: 2\r\n{page}");
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head("").replacen("GET", "POST", 1).replacen("Host:", &blind, 1) + "40");
    let answer = wire.answer();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), r#"{"code":2,"message":"Bad handshake method"}"#);
}

#[test]
fn paths_that_are_not_the_endpoint_are_not_found() {
    let server = TestServer::new();
    for path in ["/socket.iox/", "//socket.io/", "/SOCKET.IO/", "/socket.io/../admin", "/", "*"] {
        let mut wire = Wire::connect(server.address);
        wire.send(format!("GET {path}?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert!([400, 404].contains(&wire.answer().status), "{path}");
    }
    for path in ["/socket.io", "/socket.io/", "http://test/socket.io/"] {
        let mut wire = Wire::connect(server.address);
        wire.send(format!("GET {path}?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n"));
        sid_of(&wire.answer());
    }
}

#[test]
fn the_client_script_is_handed_out() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send("GET /socket.io/socket.io.js HTTP/1.1\r\nHost: test\r\n\r\n");
    let script = wire.answer();
    assert_eq!(script.status, 200);
    assert!(script.body.len() > 10_000);
    let etag = script.header("etag").expect("a tag").to_owned();
    wire.send(format!(
        "GET /socket.io/socket.io.js HTTP/1.1\r\nHost: test\r\nIf-None-Match: {etag}\r\n\r\n"
    ));
    assert!(wire.until(b"\r\n\r\n").starts_with(b"HTTP/1.1 304"));
    // Nothing follows an answer that has no body.
    wire.send("GET /socket.io/socket.io.js HTTP/1.0\r\nHost: test\r\n\r\n");
    assert_eq!(wire.answer().status, 200);
}

/// A server that can be asked what it remembers.
fn watched() -> (TestServer, Io) {
    let app = support::peer_app::app();
    let io = app.io();
    let server = app.bind("127.0.0.1:0").expect("a free port").limits(quick());
    (TestServer::start(server), io)
}

#[test]
fn two_polls_at_once_end_the_session() {
    let (server, io) = watched();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let query = format!("&sid={sid}");
    let mut first = Wire::connect(server.address);
    first.send(poll_head(&query));
    eventually("the poll is under way", || io.snapshot().counts.engine.requests == 1);
    assert_eq!(poll(server.address, &query).status, 400);
    assert_eq!(first.answer().text(), "1");
    assert_eq!(poll(server.address, &query).status, 400);
    bystander.assert_works();
}

#[test]
fn a_client_that_closes_its_session_is_answered_everywhere() {
    let (server, io) = watched();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut held = Wire::connect(server.address);
    held.send(poll_head(&format!("&sid={sid}")));
    eventually("the poll is under way", || io.snapshot().counts.engine.requests == 1);
    assert_eq!(post(server.address, &sid, "1\u{1e}42[\"to all\",\"late\"]").status, 200);
    assert_eq!(held.answer().text(), "6");
    eventually("the session ends", || !session_exists(server.address, &sid));
    bystander.assert_works();
}

#[test]
fn a_request_of_another_protocol_version_is_refused_and_leaves_the_session_alone() {
    let server = TestServer::new();
    let sid = open(server.address);
    for version in ["EIO=3&", "EIO=5&", "EIO=abc&", ""] {
        for method in ["GET", "POST"] {
            let mut wire = Wire::connect(server.address);
            let head = poll_head(&format!("&sid={sid}")).replacen("EIO=4&", version, 1);
            wire.send(head.replacen("GET", method, 1));
            let answer = wire.answer();
            assert_eq!(answer.status, 400, "{method} {version}");
            assert_eq!(answer.text(), r#"{"code":3,"message":"Bad request"}"#);
        }
    }
    let word = r#"42["echo","still here"]"#;
    assert_eq!(post(server.address, &sid, word).text(), "ok");
    assert_eq!(poll(server.address, &format!("&sid={sid}")).text(), word);
}

#[test]
fn a_session_goes_with_its_client_to_another_address() {
    let server = TestServer::new();
    let sid = open(server.address);
    let mut wire = Wire::connect_from([127, 0, 0, 2].into(), server.address);
    let word = r#"42["echo","from elsewhere"]"#;
    let head = support::client::post_head(&sid, &format!("Content-Length: {}\r\n", word.len()));
    wire.send(format!("{head}{word}"));
    assert_eq!(wire.answer().text(), "ok");
    assert_eq!(poll(server.address, &format!("&sid={sid}")).text(), word);
}

#[test]
fn a_handshake_that_is_denied_or_not_decided_about_is_forbidden() {
    let mut config = ServerConfig::default();
    config.engine.handshake_timeout = Duration::from_millis(200);
    let app = App::new().config(config).allow_request(|handshake: Handshake| async move {
        match handshake.header("x-wish") {
            Some("denied") => return Err("not you"),
            Some("panic") => panic!("as asked"),
            Some("silence") => pending().await,
            _ => {}
        }
        Ok(Admission::default())
    });
    let io = app.io();
    let server = app.bind("127.0.0.1:0").expect("a free port").limits(quick());
    let server = TestServer::start(server);
    let ask = |wish: &str| {
        let mut wire = Wire::connect(server.address);
        wire.send(poll_head("").replace("Host", &format!("X-Wish: {wish}\r\nHost")));
        wire
    };
    // Those that are not decided about hold up nobody.
    let mut waiting: Vec<Wire> = (0..50).map(|_| ask("silence")).collect();
    for (wish, message) in [("denied", "not you"), ("panic", "Forbidden")] {
        let answer = ask(wish).answer();
        assert_eq!(answer.status, 403, "{wish}");
        assert_eq!(answer.text(), format!(r#"{{"code":4,"message":"{message}"}}"#));
    }
    sid_of(&ask("nothing").answer());
    ask("silence").reset();
    for wire in &mut waiting {
        assert_eq!(wire.answer().status, 403);
    }
    eventually("only the one that was let in is left", || {
        let counts = io.snapshot().counts;
        (counts.engine.sessions, counts.engine.requests) == (1, 0)
    });
}

#[test]
fn a_client_that_never_polls_is_let_go_by_the_heartbeat() {
    let app = support::peer_app::impatient_app();
    let server = TestServer::start(app.bind("127.0.0.1:0").expect("a free port"));
    let sid = sid_of(&poll(server.address, ""));
    assert!(session_exists(server.address, &sid));
    eventually("the session ends", || !session_exists(server.address, &sid));
}
