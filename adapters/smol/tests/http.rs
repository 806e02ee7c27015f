//! What depends on the bytes of HTTP.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use sockeye_smol::core::ServerConfig;
use sockeye_smol::core::engineio::{Cors, Origins};
use sockeye_smol::{Limits, Serve};
use support::client::{open, poll, poll_head, post_head, session_exists, sid_of};
use support::wire::handshake_with;
use support::{Bystander, PATIENCE, TestServer, Wire, eventually, quick};

#[test]
fn a_head_that_does_not_arrive_ends_the_connection() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let begun = Instant::now();
    let mut wire = Wire::connect(server.address);
    wire.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: te");
    // A byte now and then does not help.
    let trickle = quick().head_timeout / 5;
    while begun.elapsed() < quick().head_timeout {
        wire.try_send("s");
        thread::sleep(trickle);
    }
    wire.rest();
    assert!(begun.elapsed() < PATIENCE / 2);
    bystander.assert_works();
}

#[test]
fn a_head_without_measure_is_refused() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let one_long = format!("X: {}\r\n", "x".repeat(100_000));
    let many = "X: y\r\n".repeat(200);
    for headers in [one_long, many] {
        let mut wire = Wire::connect(server.address);
        wire.try_send(format!("GET /socket.io/?EIO=4 HTTP/1.1\r\n{headers}\r\n"));
        assert_eq!(wire.answer().status, 431);
        wire.rest();
    }
    let mut wire = Wire::connect(server.address);
    wire.try_send(poll_head(&format!("&t={}", "x".repeat(20_000))));
    assert_eq!(wire.answer().status, 431);
    bystander.assert_works();
}

#[test]
fn one_connection_carries_many_requests() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head(""));
    let sid = sid_of(&wire.answer());
    for packet in ["40", "42[\"echo\",1]", "42[\"echo\",2]"] {
        wire.send(post_head(&sid, &format!("Content-Length: {}\r\n", packet.len())));
        wire.send(packet);
        assert_eq!(wire.answer().text(), "ok", "{packet}");
    }
    wire.send(poll_head(&format!("&sid={sid}")));
    assert!(wire.answer().text().starts_with("40{"));
}

#[test]
fn a_connection_goes_on_after_an_answer_that_did_not_wait_for_the_body() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    for framing in ["Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n"] {
        wire.send(post_head("nobody", framing));
        thread::sleep(Duration::from_millis(20));
        wire.send(if framing.contains("chunked") { "4\r\n4abc\r\n0\r\n\r\n" } else { "4abcdefgh" });
        assert_eq!(wire.answer().status, 400, "{framing}");
    }
    wire.send(poll_head(""));
    sid_of(&wire.answer());
}

#[test]
fn a_connection_that_cannot_go_on_after_an_answer_says_so() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(post_head("nobody", "Content-Length: 100000\r\n"));
    let answer = wire.answer();
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    wire.send("4");
    assert_eq!(wire.rest_without_reset(), b"");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(format!(
        "{}GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n{}",
        poll_head(""),
        poll_head("")
    ));
    let first = sid_of(&wire.answer());
    assert_eq!(wire.answer().status, 404);
    assert_ne!(sid_of(&wire.answer()), first);
}

#[test]
fn a_client_that_says_it_has_finished_still_gets_an_answer_that_is_ready() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head(""));
    wire.end_sending();
    let sid = sid_of(&wire.answer());
    assert_eq!(wire.rest(), b"");

    let mut wire = Wire::connect(server.address);
    wire.send(format!("{}40", post_head(&sid, "Content-Length: 2\r\n")));
    wire.end_sending();
    assert_eq!(wire.answer().text(), "ok");
    assert_eq!(wire.rest(), b"");
    assert!(poll(server.address, &format!("&sid={sid}")).text().starts_with("40{"));
}

#[test]
fn a_client_that_leaves_a_held_poll_ends_its_session() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let leave: [fn(Wire); 3] = [drop, Wire::reset, |wire| wire.end_sending()];
    for leave in leave {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(poll_head(&format!("&sid={sid}")));
        bystander.echo("the poll is under way");
        assert!(session_exists(server.address, &sid));
        leave(wire);
        eventually("the session ends", || !session_exists(server.address, &sid));
    }
    bystander.assert_works();
}

#[test]
fn requests_that_make_no_sense_are_refused_and_hurt_nobody() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for (query, code) in [
        ("", 0),
        ("EIO=4", 0),
        ("EIO=4&transport=POLLING", 0),
        ("EIO=4&transport=__proto__", 0),
        ("transport=polling", 5),
        ("EIO=3&transport=polling", 5),
        ("EIO=04&transport=polling", 5),
        ("EIO=4&transport=polling&sid=", 1),
        ("EIO=4&transport=polling&sid=doesnotexist", 1),
        ("EIO=4&transport=polling&sid=%00%0d%0a", 1),
        ("EIO=4&EIO=3&transport=polling", 3),
        ("EIO=4&transport=websocket", 3),
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let answer = wire.answer();
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with(&format!("{{\"code\":{code},")), "{query}: {answer:?}");
    }
    for method in ["POST", "PUT", "HEAD"] {
        let mut wire = Wire::connect(server.address);
        let head = poll_head("").replacen("GET", method, 1);
        wire.send(head.replacen("Host", "Content-Length: 0\r\nConnection: close\r\nHost", 1));
        let answer = wire.until(b"\r\n\r\n");
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{method}");
    }
    bystander.assert_works();
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

// How long a connection may wait.

const HOUR: Duration = Duration::from_secs(3600);

fn ask(wire: &mut Wire) {
    wire.send(poll_head("&sid=unknown"));
    assert_eq!(wire.answer().status, 400);
}

#[test]
fn a_connection_may_wait_longer_between_two_requests_than_for_a_head() {
    let short = Duration::from_millis(200);
    let limits = Limits { head_timeout: short, idle_timeout: HOUR, ..quick() };
    let server = TestServer::with(limits);
    let mut wire = Wire::connect(server.address);
    for _ in 0..2 {
        ask(&mut wire);
        thread::sleep(short * 2);
    }
    ask(&mut wire);
    // A head that has begun does not come to its end.
    wire.send("GET / HT");
    assert_eq!(wire.rest(), b"");
    // Nor does one that came with the end of a body.
    let mut wire = Wire::connect(server.address);
    wire.send(format!("{}40GET", post_head("unknown", "Content-Length: 2\r\n")));
    assert_eq!(wire.answer().status, 400);
    assert_eq!(wire.rest(), b"");
    // Nor does one that has not begun.
    assert_eq!(Wire::connect(server.address).rest(), b"");
}

#[test]
fn a_connection_that_waits_too_long_between_two_requests_ends() {
    let limits = Limits { head_timeout: HOUR, idle_timeout: quick().head_timeout, ..quick() };
    let server = TestServer::with(limits);
    let mut wire = Wire::connect(server.address);
    ask(&mut wire);
    let begun = Instant::now();
    assert_eq!(wire.rest(), b"");
    assert!(begun.elapsed() < PATIENCE / 2);
}

#[test]
fn a_poll_that_is_held_is_not_idle() {
    let limits = Limits { idle_timeout: Duration::from_millis(50), ..quick() };
    let server = TestServer::with(limits);
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head(&format!("&sid={sid}")));
    thread::sleep(Duration::from_millis(200));
    let echo = "42[\"echo\",1]";
    assert_eq!(support::client::post(server.address, &sid, echo).text(), "ok");
    assert_eq!(wire.answer().text(), echo);
}

#[test]
fn limits_may_be_so_long_that_they_never_come() {
    let never = Duration::MAX;
    let server = TestServer::with(Limits {
        head_timeout: never,
        idle_timeout: never,
        body_timeout: never,
        write_timeout: never,
        close_timeout: never,
        shutdown_timeout: never,
        ..quick()
    });
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    assert_eq!(support::client::post(server.address, &sid, "42[\"echo\"]").text(), "ok");
    assert_eq!(poll(server.address, &format!("&sid={sid}")).text(), "42[\"echo\"]");
    bystander.assert_works();
    drop(bystander);
    assert_eq!(support::client::post(server.address, &sid, "1").text(), "ok");
}

// What the HTTP library takes for no request.

#[test]
fn characters_that_should_be_escaped_in_a_query_are_understood() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    for query in ["{\"a\":1}", "<a>", "\"", "<\"><\">"] {
        let query = format!("&q={query}");
        wire.send(poll_head(&query));
        let sid = sid_of(&wire.answer());
        let body = "42[\"echo\",\"GET /?\\\"<> HTTP/1.1\"]";
        for packet in ["40", body] {
            wire.send(post_head(&sid, &format!("Content-Length: {}\r\n", packet.len())));
            wire.send(packet);
            assert_eq!(wire.answer().text(), "ok", "{query}");
        }
        wire.send(poll_head(&format!("&sid={sid}{query}")));
        let answer = wire.answer();
        assert!(answer.text().ends_with(body), "{query}: {answer:?}");
        Wire::websocket(server.address, &query);
    }
}

#[test]
fn what_is_no_request_gets_the_words_of_the_protocol() {
    let server = TestServer::start(|| {
        let mut config = ServerConfig::default();
        config.engine.cors = Some(Cors::new(Origins::Any));
        let app = support::peer_app::app().config(config);
        app.bind("127.0.0.1:0").expect("a free port").limits(quick())
    });
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let without_key = handshake_with("", "Sec-WebSocket-Version: 13\r\n");
    let encoded = post_head("x", "Transfer-Encoding: gzip, chunked\r\n");
    for (request, status) in [
        ("GET / HTTP/1.1\r\nX : y\r\n\r\n", 400),
        ("GET /\0 HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\r\n\r\n", 400),
        (&*long, 431),
        (&*without_key, 400),
        (&*encoded, 400),
    ] {
        for first in [false, true] {
            let mut wire = Wire::connect(server.address);
            if !first {
                ask(&mut wire);
            }
            wire.try_send(request);
            let answer = wire.answer();
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
            assert_eq!(answer.text(), "{\"code\":3,\"message\":\"Bad request\"}", "{request:.40}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert!(answer.header("date").is_some());
            assert_eq!(wire.rest_without_reset(), b"", "{request:.40}");
        }
    }
}
