//! Requests that break the rules, by TCP: they are answered, hurt nobody, and nothing of them stays.

mod support;

use std::future::pending;
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use sockeye_smol::core::ServerConfig;
use sockeye_smol::core::engineio::{Admission, Handshake};
use sockeye_smol::{App, Io, Serve};
use support::client::{open, poll, poll_head, post, post_head, session_exists, sid_of};
use support::wire::{KEY, handshake, handshake_with};
use support::{Bystander, Frame, TestServer, Wire, eventually, quick};

fn watched(build: impl FnOnce() -> App + Send + 'static) -> (TestServer, Io) {
    let (sender, receiver) = mpsc::channel();
    let server = TestServer::start(move || {
        let app = build();
        sender.send(app.io()).expect("the test waits for it");
        app.bind("127.0.0.1:0").expect("a free port").limits(quick())
    });
    (server, receiver.recv().expect("the server starts"))
}

#[test]
fn a_handshake_that_is_denied_or_not_decided_about_is_forbidden_and_forgotten() {
    let (server, io) = watched(|| {
        let mut config = ServerConfig::default();
        config.engine.handshake_timeout = Duration::from_millis(200);
        App::new().config(config).allow_request(|handshake: Handshake| async move {
            match handshake.header("x-wish") {
                Some("denied") => return Err("not you"),
                Some("panic") => panic!("as asked"),
                Some("silence") => pending().await,
                _ => {}
            }
            Ok(Admission::default())
        })
    });
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
    waiting.iter_mut().for_each(|wire| assert_eq!(wire.answer().status, 403));
    eventually("only the one that was let in is left", || {
        let counts = io.snapshot().counts;
        (counts.engine.sessions, counts.engine.requests) == (1, 0)
    });
}

#[test]
fn a_request_of_another_protocol_version_is_refused_and_leaves_the_session_alone() {
    let server = TestServer::new();
    let sid = open(server.address);
    for version in ["EIO=3&", "EIO=5&", "EIO=abc&", ""] {
        let mut wire = Wire::connect(server.address);
        wire.send(poll_head(&format!("&sid={sid}")).replacen("EIO=4&", version, 1));
        assert_eq!(wire.answer().text(), r#"{"code":3,"message":"Bad request"}"#);
        let mut wire = Wire::connect(server.address);
        wire.send(handshake(&format!("&sid={sid}")).replacen("EIO=4&", version, 1));
        assert_eq!(wire.answer().status, 400);
    }
    assert_eq!(post(server.address, &sid, r#"42["echo","still here"]"#).text(), "ok");
    let answer = poll(server.address, &format!("&sid={sid}"));
    assert_eq!(answer.text(), r#"42["echo","still here"]"#);
}

#[test]
fn methods_that_no_session_knows_leave_it_alone() {
    let server = TestServer::new();
    let sid = open(server.address);
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "BREW"] {
        let mut wire = Wire::connect(server.address);
        let head = poll_head(&format!("&sid={sid}")).replacen("GET", method, 1);
        wire.send(head.replacen("Host", "Connection: close\r\nHost", 1));
        let answer = wire.rest();
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{method}");
        assert!(method != "HEAD" || answer.ends_with(b"\r\n\r\n"), "it has no body");
    }
    assert!(session_exists(server.address, &sid));
}

#[test]
fn files_are_those_of_a_list_whatever_a_path_looks_like() {
    let server = TestServer::new();
    for path in [
        "/socket.io/../../etc/passwd",
        "/socket.io/%2e%2e/%2e%2e/etc/passwd",
        "/socket.io/socket.io.js/",
        "/socket.io/socket.io.js/../x",
        "/socket.io/constructor",
        "/socket.io//socket.io.js",
        "/socket.io/socket.io.js%00",
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert!([400, 404].contains(&wire.answer().status), "{path}");
    }
    let with_tag = |tag: &str| {
        let mut wire = Wire::connect(server.address);
        wire.send(format!(
            "GET /socket.io/socket.io.js?x HTTP/1.1\r\nHost: test\r\nIf-None-Match: {tag}\r\n\r\n"
        ));
        wire.answer().status
    };
    assert_eq!([with_tag("\"other\""), with_tag(&"x".repeat(10_000))], [200, 200]);
}

#[test]
fn bodies_that_are_framed_wrongly_are_no_requests() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let smuggled = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n";
    let extension = format!("1;{}", "x".repeat(100_000));
    let trailers = format!("0\r\n{}", "X: y\r\n".repeat(100_000));
    for chunks in [
        "-1\r\n4\r\n",
        "+1\r\n4\r\n",
        "0x1\r\n4\r\n",
        "FFFFFFFFFFFFFFFFF\r\n4\r\n",
        "1\r\n40\r\n",
        &*extension,
        &trailers,
    ] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
        wire.try_send(chunks);
        wire.try_send(smuggled);
        let rest = wire.rest();
        let text = String::from_utf8_lossy(&rest);
        assert!(!text.contains("\"sid\""), "{chunks:.20}: {text}");
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{chunks:.20}: {text}");
    }
    bystander.assert_works();
}

#[test]
fn what_follows_a_body_that_nobody_wanted_is_the_next_request() {
    let server = TestServer::new();
    let smuggled = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n";
    let length = smuggled.len();
    for head in [
        format!("GET /nothing HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"),
        format!(
            "POST /nothing HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\n\
             Content-Length: {length}\r\n\r\n"
        ),
        post_head("unknown", &format!("Content-Length: {length}\r\n")),
        post_head("unknown", "Transfer-Encoding: chunked\r\n") + &format!("{length:x}\r\n"),
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(format!("{head}{smuggled}"));
        wire.try_send(if head.contains("chunked") { "\r\n0\r\nTrailer: x\r\n\r\n" } else { "" });
        wire.end_sending();
        let rest = String::from_utf8_lossy(&wire.rest()).into_owned();
        assert!(!rest.contains("\"sid\""), "{head}: {rest}");
        assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{head}: {rest}");
    }
}

#[test]
fn an_expectation_that_nobody_knows_and_an_encoding_that_nobody_reads_are_harmless() {
    let (server, io) = watched(support::peer_app::app);
    for header in ["Expect: foo", "Content-Encoding: gzip", "Connection: upgrade"] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, &format!("Content-Length: 6\r\n{header}\r\n")));
        wire.try_send("\x1f\u{b}\x08\0\0\0");
        let status = wire.answer().status;
        assert!([400, 415, 417].contains(&status), "{header}: {status}");
    }
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    let head = post_head(&sid, "Content-Length: 2\r\n");
    wire.send(head.replace("text/plain;charset=UTF-8", "application/octet-stream"));
    wire.send("40");
    assert_eq!(wire.answer().status, 400);
    eventually("the session ends", || !session_exists(server.address, &sid));
    assert_eq!(io.snapshot().counts.engine.requests, 0);
}

#[test]
fn a_post_behind_a_held_poll_holds_up_nobody() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    let packet = r#"42["echo","late"]"#;
    let head = post_head(&sid, &format!("Content-Length: {}\r\n", packet.len()));
    wire.send(format!("{}{head}{packet}", poll_head(&format!("&sid={sid}"))));
    bystander.echo("meanwhile");
    let early = r#"42["echo","early"]"#;
    assert_eq!(post(server.address, &sid, early).text(), "ok");
    assert_eq!(wire.answer().text(), early);
    assert_eq!(wire.answer().text(), "ok");
    assert_eq!(poll(server.address, &format!("&sid={sid}")).text(), packet);
}

#[test]
fn a_client_that_does_not_read_its_answer_is_let_go() {
    let server = TestServer::new();
    let sid = open(server.address);
    let large = format!(r#"42["echo","{}"]"#, "x".repeat(900_000));
    for _ in 0..14 {
        assert_eq!(post(server.address, &sid, &large).text(), "ok");
    }
    let mut deaf = TcpStream::connect(server.address).expect("the server listens");
    let query = format!("&sid={sid}");
    deaf.write_all(poll_head(&query).as_bytes()).expect("the server reads");
    // What comes for a connection that is gone is answered by a reset.
    eventually("it is let go", || deaf.write_all(b"x").is_err());
    Bystander::new(server.address).assert_works();
}

#[test]
fn a_client_that_does_not_read_its_answer_loses_its_session_by_the_heartbeat() {
    let (server, io) = watched(|| {
        let mut config = ServerConfig::default();
        config.engine.ping_interval = Duration::from_secs(1);
        config.engine.ping_timeout = Duration::from_secs(2);
        support::peer_app::app().config(config)
    });
    let sid = open(server.address);
    (0..14).for_each(|_| io.emit("large", "x".repeat(900_000)));
    let mut deaf = TcpStream::connect(server.address).expect("the server listens");
    deaf.write_all(poll_head(&format!("&sid={sid}")).as_bytes()).expect("the server reads");
    assert!(session_exists(server.address, &sid));
    eventually("the connection is let go", || deaf.write_all(b"x").is_err());
    eventually("the session ends", || !session_exists(server.address, &sid));
    eventually("nothing is kept", || {
        let counts = io.snapshot().counts;
        (counts.engine.sessions, counts.engine.requests, counts.engine.buffered) == (0, 0, 0)
    });
}

#[test]
fn a_burst_of_connections_is_served_to_the_last() {
    let server = TestServer::new();
    for _ in 0..5 {
        let mut crowd: Vec<Wire> = (0..40).map(|_| Wire::connect(server.address)).collect();
        crowd.iter_mut().for_each(|wire| wire.send(poll_head("")));
        crowd.iter_mut().for_each(|wire| drop(sid_of(&wire.answer())));
    }
}

#[test]
fn two_polls_at_once_end_the_session_and_both_are_answered() {
    let (server, io) = watched(support::peer_app::app);
    let mut bystander = Bystander::new(server.address);
    let query = format!("&sid={}", open(server.address));
    let mut first = Wire::connect(server.address);
    first.send(poll_head(&query));
    eventually("the poll is under way", || io.snapshot().counts.engine.requests == 1);
    assert_eq!(poll(server.address, &query).status, 400);
    assert_eq!(first.answer().text(), "1");
    assert_eq!(poll(server.address, &query).status, 400);
    assert_eq!(io.snapshot().counts.engine.requests, 0);
    bystander.assert_works();
}

#[test]
fn a_session_that_went_over_to_a_websocket_takes_no_requests_and_no_second_one() {
    let (server, io) = watched(support::peer_app::app);
    let mut client = Bystander::new(server.address);
    let sid = open(server.address);
    let query = format!("&sid={sid}");
    let mut wire = Wire::websocket(server.address, &query);
    wire.send_frame(&Frame::text("2probe"));
    assert_eq!(wire.text(), "3probe");
    wire.send_frame(&Frame::text("5"));
    wire.send_frame(&Frame::text(r#"42["echo","over"]"#));
    assert_eq!(wire.text(), r#"42["echo","over"]"#);
    for _ in 0..3 {
        assert_eq!(poll(server.address, &query).status, 400);
        assert_eq!(post(server.address, &sid, r#"42["to all","smuggled"]"#).status, 400);
        let mut second = Wire::connect(server.address);
        second.send(handshake(&query));
        second.try_send(Frame::text("2probe").bytes());
        assert!(!String::from_utf8_lossy(&second.rest()).contains("3probe"));
    }
    wire.send_frame(&Frame::text(r#"42["echo","still"]"#));
    assert_eq!(wire.text(), r#"42["echo","still"]"#);
    client.echo("nothing was smuggled");
    eventually("what was refused is gone", || io.snapshot().counts.engine.websockets == 2);
}

#[test]
fn headers_of_a_handshake_without_measure_are_refused_or_ignored() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sound = format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n");
    for (padding, accepted) in [(1_000, true), (60_000, false)] {
        let protocols = format!("Sec-WebSocket-Protocol: a,{}b\r\n", " ".repeat(padding));
        let mut wire = Wire::connect(server.address);
        wire.try_send(handshake_with("", &format!("{sound}{protocols}")));
        let answer = wire.answer();
        assert_eq!(answer.status, if accepted { 101 } else { 431 }, "{padding}");
        let chosen = accepted.then_some("a");
        assert_eq!(answer.header("sec-websocket-protocol"), chosen, "{padding}");
    }
    bystander.assert_works();
}
