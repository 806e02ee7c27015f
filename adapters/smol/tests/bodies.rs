//! What depends on the bodies of requests, and on how they are framed.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use sockeye_smol::Limits;
use support::client::{open, poll, post, post_head, session_exists};
use support::{Bystander, PATIENCE, TestServer, Wire, eventually, quick};

const LIMIT: usize = 1_000_000;

#[test]
fn a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let body = |length| format!(r#"42["swallow","{}"]"#, "x".repeat(length - 16));
    assert_eq!(body(LIMIT).len(), LIMIT);

    let sid = open(server.address);
    let taken = post(server.address, &sid, body(LIMIT));
    assert_eq!((taken.status, taken.text()), (200, "ok"));

    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, &format!("Content-Length: {}\r\n", LIMIT + 1)));
    wire.send(body(LIMIT + 1));
    assert_eq!(wire.answer().status, 413);
    assert_eq!(wire.rest_without_reset(), b"");
    bystander.assert_works();
}

#[test]
fn a_client_may_go_on_sending_what_was_refused_and_the_answer_is_not_lost() {
    let server = TestServer::with(Limits { close_timeout: PATIENCE, ..quick() });
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 2000000\r\n"));
    assert_eq!(wire.answer().status, 413);
    // A reset comes with the next packet after the one that provoked it.
    for _ in 0..20 {
        wire.send([b'x'; 1000]);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(wire.rest_without_reset(), b"");
}

#[test]
fn a_body_in_chunks_is_bounded_like_any_other() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..17 {
        wire.try_send(&chunk);
    }
    assert_eq!(wire.answer().status, 413);
    wire.rest();
    bystander.assert_works();
}

#[test]
fn a_body_declared_as_huge_is_refused_by_its_head_alone() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 1000000000000000\r\n"));
    wire.send("40abc");
    let answer = wire.answer();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(wire.rest(), b"");
    bystander.assert_works();
}

#[test]
fn lengths_that_are_no_lengths_are_refused_and_end_the_connection() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    for length in
        ["-5", "+5", "0x5", "5,6", "18446744073709551616", "5 5", "", "5\r\nContent-Length: 6"]
    {
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, &format!("Content-Length: {length}\r\n")));
        wire.try_send("42[1]");
        assert_eq!(wire.answer().status, 400, "{length:?}");
        assert_eq!(wire.rest(), b"", "{length:?}");
    }
    assert!(session_exists(server.address, &sid), "none of them was a request of this session");
    bystander.assert_works();
}

#[test]
fn a_request_with_two_framings_ends_its_connection() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, framing));
        wire.send("2\r\n40\r\n0\r\n\r\nGET /socket.io/?smuggled HTTP/1.1\r\nHost: test\r\n\r\n");
        let answer = wire.answer();
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
        assert_eq!(wire.rest(), b"", "what follows is no request");
    }
    bystander.assert_works();
}

#[test]
fn an_encoding_that_is_not_understood_is_refused() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    for encoding in ["identity", "xchunked", "chunked, gzip"] {
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, &format!("Transfer-Encoding: {encoding}\r\n")));
        wire.try_send("2\r\n40\r\n0\r\n\r\n");
        assert_eq!(wire.answer().status, 400, "{encoding:?}");
        assert_eq!(wire.rest(), b"", "{encoding:?}");
    }
    bystander.assert_works();
}

#[test]
fn a_body_cut_short_is_not_taken_for_whole_and_ends_the_session() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let cut = [
        ("Content-Length: 2000\r\n", "42[\"to all\",\"cut\"]"),
        ("Transfer-Encoding: chunked\r\n", "ff\r\n42[\"to all\",\"cut\"]"),
        ("Transfer-Encoding: chunked\r\n", "12\r\n42[\"to all\",\"cut\"]\r\n"),
    ];
    for (framing, body) in cut {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, framing));
        wire.send(body);
        wire.end_sending();
        assert_eq!(wire.rest(), b"");
        eventually("the session ends", || !session_exists(server.address, &sid));
    }
    // Nothing that was cut came through: the echo is the next thing to arrive.
    bystander.assert_works();
}

#[test]
fn a_body_in_too_many_chunks_ends_the_session_with_413() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
    wire.try_send("1\r\n4\r\n".repeat(10_001) + "0\r\n\r\n");
    assert_eq!(wire.answer().status, 413);
    eventually("the session ends", || !session_exists(server.address, &sid));
    bystander.assert_works();
}

#[test]
fn a_body_that_does_not_arrive_ends_the_session() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let begun = Instant::now();
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 100\r\n"));
    wire.send("42[");
    assert_eq!(wire.answer().status, 408);
    assert_eq!(wire.rest(), b"");
    assert!(begun.elapsed() >= quick().body_timeout);
    eventually("the session ends", || !session_exists(server.address, &sid));
    bystander.assert_works();
}

#[test]
fn a_client_that_waits_for_permission_gets_it_for_a_body_within_the_limit_only() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);

    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 2\r\nExpect: 100-continue\r\n"));
    assert_eq!(wire.until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n");
    wire.send("3x");
    assert_eq!(wire.answer().status, 200);

    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 2000000\r\nExpect: 100-continue\r\n"));
    assert_eq!(wire.answer().status, 413);
    assert_eq!(wire.rest(), b"");

    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 2\r\nExpect: a-miracle\r\n"));
    assert_eq!(wire.answer().status, 417);
    bystander.assert_works();
}

#[test]
fn a_character_split_between_segments_or_chunks_arrives_whole() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let event = "42[\"echo\",\"\u{20ac}\u{1f642}\"]".as_bytes();
    for chunked in [false, true] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        let framing = match chunked {
            true => "Transfer-Encoding: chunked\r\n".to_owned(),
            false => format!("Content-Length: {}\r\n", event.len()),
        };
        wire.send(post_head(&sid, &framing));
        for byte in event {
            if chunked {
                wire.send("1\r\n");
            }
            wire.send([*byte]);
            if chunked {
                wire.send("\r\n");
            }
            thread::yield_now();
        }
        if chunked {
            wire.send("0\r\n\r\n");
        }
        assert_eq!(wire.answer().text(), "ok");
        let echo = poll(server.address, &format!("&sid={sid}"));
        assert_eq!(echo.body, event);
    }
    bystander.assert_works();
}

#[test]
fn overlapping_posts_end_the_session_and_the_connection_of_the_first() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut first = Wire::connect(server.address);
    first.send(post_head(&sid, "Content-Length: 100\r\n"));
    first.send("42[");
    bystander.echo("the first is under way");
    assert_eq!(post(server.address, &sid, "3").status, 400);
    first.rest();
    assert!(!session_exists(server.address, &sid));
    bystander.assert_works();
}
