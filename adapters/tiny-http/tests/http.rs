//! What depends on the bytes of HTTP.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use sockeye_tiny_http::core::engineio::{Cookie, Cors, Origins};
use sockeye_tiny_http::{HeaderHook, HttpConfig, Limits, ServeBlocking, ServerConfig};
use support::client::{open, poll, poll_head, post_head, session_exists, sid_of};
use support::{Bystander, PATIENCE, TestServer, Wire, eventually, quick};

#[test]
fn a_head_that_does_not_arrive_ends_the_connection() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let begun = Instant::now();
    let mut wire = Wire::connect(server.address);
    wire.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: te");
    // A byte now and then does not help.
    while begun.elapsed() < quick().head_timeout {
        wire.try_send("s");
        thread::sleep(quick().head_timeout / 5);
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
fn what_is_no_http_is_refused() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for (noise, status) in [
        ("GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505),
        ("GET / HTTP/3.0\r\nHost: test\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: test\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\nHost: test\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET /\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0\u{1}\u{3}\u{3}", 400),
        ("GET / HTTP/1.1 junk\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n x: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n:v\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\nX: y\n\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\u{e9}: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n", 400),
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(noise);
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
        assert_eq!(wire.rest_without_reset(), b"", "{noise:?}");
    }
    bystander.assert_works();
}

#[test]
fn one_connection_carries_many_requests() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head(""));
    let sid = sid_of(&wire.answer());
    for word in ["one", "two", "three"] {
        wire.send(post_head(&sid, "Content-Length: 2\r\n"));
        wire.send("40");
        assert_eq!(wire.answer().text(), "ok", "{word}");
    }
    wire.send(poll_head(&format!("&sid={sid}")));
    assert!(wire.answer().text().starts_with("40{"));
}

#[test]
fn a_connection_ends_after_the_answer_if_the_client_wants_it() {
    let server = TestServer::new();
    let last = poll_head("").replace("Host", "Connection: close\r\nHost");
    let old = poll_head("").replace("HTTP/1.1", "HTTP/1.0");
    for head in [last, old] {
        let mut wire = Wire::connect(server.address);
        wire.send(head);
        let answer = wire.answer();
        assert_eq!(answer.header("connection"), Some("close"));
        sid_of(&answer);
        assert_eq!(wire.rest_without_reset(), b"");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(format!(
        "{}GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n\r\n{}",
        poll_head(""),
        poll_head("")
    ));
    let first = sid_of(&wire.answer());
    assert_eq!(wire.answer().status, 404);
    assert_ne!(sid_of(&wire.answer()), first);
}

#[test]
fn a_post_behind_a_held_poll_waits_for_its_end_and_holds_up_nobody() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    let packet = r#"42["echo","late"]"#;
    let head = post_head(&sid, &format!("Content-Length: {}\r\n", packet.len()));
    wire.send(format!("{}{head}{packet}", poll_head(&format!("&sid={sid}"))));
    bystander.assert_works();
    let early = r#"42["echo","early"]"#;
    assert_eq!(support::client::post(server.address, &sid, early).text(), "ok");
    assert_eq!(wire.answer().text(), early);
    assert_eq!(wire.answer().text(), "ok");
    assert_eq!(poll(server.address, &format!("&sid={sid}")).text(), packet);
}

#[test]
fn a_client_that_says_it_has_finished_still_gets_an_answer_that_is_ready() {
    let server = TestServer::new();
    for _ in 0..50 {
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
fn expectations_are_met_or_refused() {
    let server = TestServer::new();
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 18\r\nExpect: 100-continue\r\n"));
    assert_eq!(wire.until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n");
    wire.send(r#"42["echo","told"] "#);
    assert_eq!(wire.answer().text(), "ok");
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 2000000\r\nExpect: 100-continue\r\n"));
    assert_eq!(wire.answer().status, 413);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 2\r\nExpect: foo\r\n"));
    assert_eq!(wire.answer().status, 417);
    assert_eq!(wire.rest_without_reset(), b"");
}

#[test]
fn a_burst_of_connections_is_served_to_the_last() {
    let server = TestServer::new();
    for _ in 0..10 {
        let mut crowd: Vec<Wire> = (0..40).map(|_| Wire::connect(server.address)).collect();
        crowd.iter_mut().for_each(|wire| wire.send(poll_head("")));
        let sids: Vec<String> = crowd.iter_mut().map(|wire| sid_of(&wire.answer())).collect();
        for (wire, sid) in crowd.iter_mut().zip(&sids) {
            wire.send(format!("{}40", post_head(sid, "Content-Length: 2\r\n")));
        }
        crowd.iter_mut().for_each(|wire| assert_eq!(wire.answer().text(), "ok"));
    }
}

#[test]
fn names_of_headers_are_written_as_the_rfcs_do_and_those_of_the_application_as_it_did() {
    let mut config = ServerConfig::default();
    config.engine.cookie = Some(Cookie::default());
    config.engine.cors = Some(Cors::new(Origins::Any));
    let http = HttpConfig::default().header_hook(HeaderHook::new(|_, _, headers| {
        headers.push(("X-Request-ID".into(), "7".into()));
        headers.push(("x-lower".into(), "8".into()));
    }));
    let app = support::peer_app::app().config(config).http(http);
    let server = TestServer::start(app.bind("127.0.0.1:0").expect("a free port").limits(quick()));
    let names = |request: String| {
        let mut wire = Wire::connect(server.address);
        wire.send(request);
        let head = String::from_utf8(wire.until(b"\r\n\r\n")).expect("a head in ASCII");
        let names = head.lines().filter_map(|line| Some(line.split_once(": ")?.0.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let common =
        ["Access-Control-Allow-Origin", "Content-Length", "Content-Type", "Date", "Server"];
    let own = ["Cache-Control", "Set-Cookie", "X-Request-ID", "x-lower"];
    let mut expected = [&common[..], &own].concat();
    expected.sort_unstable();
    assert_eq!(names(poll_head("")), expected);
    assert_eq!(names(poll_head("&sid=unknown")), common);
    assert!(names(poll_head("").replacen("/?", "/socket.io.js?", 1)).contains(&"ETag".to_owned()));
    let refused = names("what?\r\n\r\n".to_owned());
    let expected = ["Access-Control-Allow-Origin", "Connection", "Content-Length", "Content-Type"];
    assert_eq!(refused, expected);
}

// How long a connection may wait.

const HOUR: Duration = Duration::from_secs(3600);

fn ask(wire: &mut Wire) {
    wire.send(poll_head("&sid=unknown"));
    assert_eq!(wire.answer().status, 400);
}

#[test]
fn a_connection_may_wait_longer_between_two_requests_than_for_a_head() {
    let short = Duration::from_millis(300);
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
    let sid = open(server.address);
    assert_eq!(support::client::post(server.address, &sid, "42[\"echo\"]").text(), "ok");
    assert_eq!(poll(server.address, &format!("&sid={sid}")).text(), "42[\"echo\"]");
    assert_eq!(support::client::post(server.address, &sid, "1").text(), "ok");
}

// What does not reach the machine.

#[test]
fn characters_that_should_be_escaped_in_a_query_are_understood() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    for query in ["{\"a\":1}", "<a>", "\"", "<\"><\">"] {
        wire.send(poll_head(&format!("&q={query}")));
        sid_of(&wire.answer());
    }
}

#[test]
fn what_is_no_request_gets_the_words_of_the_protocol() {
    let server = TestServer::new();
    for (request, status) in [
        ("GET / HTTP/1.1\r\nX : y\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nExpect: a-miracle\r\n\r\n", 417),
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(request);
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
        assert_eq!(answer.text(), "{\"code\":3,\"message\":\"Bad request\"}", "{request}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}
