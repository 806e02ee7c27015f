//! What depends on the bodies of requests, and on how they are framed.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use sockeye_tiny_http::Limits;
use support::client::{open, poll, poll_head, post, post_head, session_exists};
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
    for length in
        ["1000000000000000", "70000000000000", "9223372036854775807", "18446744073709551615"]
    {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, &format!("Content-Length: {length}\r\n")));
        wire.send("40abc");
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
        assert_eq!(wire.rest_without_reset(), b"");
        let mut wire = Wire::connect(server.address);
        wire.send(format!("GET /x HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\nx"));
        assert_eq!(wire.answer().status, 413);
    }
    bystander.assert_works();
}

#[test]
fn lengths_that_are_no_lengths_are_refused_and_end_the_connection() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    for length in ["-5", "+5", "0x5", "5, 5", "5,6", "5 5", "", "5\r\nContent-Length: 6"] {
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
        "Transfer-Encoding: identity\r\nContent-Length: 4\r\n",
    ] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, framing));
        wire.send("2\r\n40\r\n0\r\n\r\nGET /socket.io/?smuggled HTTP/1.1\r\nHost: test\r\n\r\n");
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
        assert_eq!(wire.rest(), b"", "what follows is no request");
    }
    bystander.assert_works();
}

#[test]
fn a_body_that_nobody_wanted_is_no_request() {
    let server = TestServer::new();
    let smuggled = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n";
    let length = smuggled.len();
    for head in [
        format!("GET /nothing HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"),
        format!(
            "POST /nothing HTTP/1.1\r\nConnection: upgrade\r\nContent-Length: {length}\r\n\r\n"
        ),
        format!(
            "POST /nothing HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{smuggled}\r\n\
             0\r\nTrailer: x\r\n\r\nGET /a HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"
        ),
    ] {
        let mut wire = Wire::connect(server.address);
        let requests = head.matches("HTTP/1.1").count() - usize::from(head.contains("chunked"));
        wire.send(format!("{head}{smuggled}GET /b HTTP/1.1\r\nHost: test\r\n\r\n"));
        for _ in 0..=requests {
            assert_eq!(wire.answer().status, 404);
        }
        wire.end_sending();
        assert_eq!(wire.rest(), b"");
    }
}

#[test]
fn an_encoding_that_is_not_understood_is_refused() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    for encoding in ["identity", "xchunked", "chunked, gzip", "chunked;q=1", "chunked, chunked"] {
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, &format!("Transfer-Encoding: {encoding}\r\n")));
        wire.try_send("2\r\n40\r\n0\r\n\r\n");
        assert_eq!(wire.answer().status, 400, "{encoding:?}");
        assert_eq!(wire.rest(), b"", "{encoding:?}");
    }
    bystander.assert_works();
}

#[test]
fn chunks_that_are_none_are_refused() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let zeros = format!("{}1\r\n4\r\n0\r\n\r\n", "0".repeat(100_000));
    let extension = format!("1;{}", "x".repeat(100_000));
    let trailers = format!("0\r\n{}", "X: y\r\n".repeat(100_000));
    for chunks in
        ["-1\r\n4\r\n", "+1\r\n4\r\n", "1 \r\n4\r\n", "0x1\r\n4\r\n", "1\n4\n", "1\r\n40\r\n"]
            .into_iter()
            .chain([&*zeros, &*extension, &*trailers, "FFFFFFFFFFFFFFFFF\r\n"])
    {
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
        wire.try_send(chunks);
        let answer = wire.answer();
        assert!([400, 413].contains(&answer.status), "{answer:?}");
        assert_eq!(wire.rest(), b"");
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
        for reset in [false, true] {
            let sid = open(server.address);
            let mut wire = Wire::connect(server.address);
            wire.send(post_head(&sid, framing));
            wire.send(body);
            if reset {
                thread::sleep(Duration::from_millis(20));
                wire.reset();
            } else {
                wire.end_sending();
                assert_eq!(wire.rest(), b"");
            }
            eventually("the session ends", || !session_exists(server.address, &sid));
        }
    }
    // Nothing that was cut came through: the echo is the next thing to arrive.
    bystander.assert_works();
}

#[test]
fn a_body_that_does_not_arrive_ends_the_connection_and_the_session() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let begun = Instant::now();
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 2000\r\n"));
    while begun.elapsed() < quick().body_timeout {
        wire.try_send("4");
        thread::sleep(quick().body_timeout / 5);
    }
    assert_eq!(wire.answer().status, 408);
    assert_eq!(wire.rest(), b"");
    assert!(begun.elapsed() < PATIENCE / 2);
    eventually("the session ends", || !session_exists(server.address, &sid));
    bystander.assert_works();
}

#[test]
fn a_body_that_does_not_arrive_for_anything_else_is_answered_with_408() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send("POST /elsewhere HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhello");
    assert_eq!(wire.answer().status, 408);
    assert_eq!(wire.rest(), b"");
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
fn overlapping_posts_end_the_session_and_the_connection_of_the_first() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for begun in ["", "42["] {
        let sid = open(server.address);
        let mut first = Wire::connect(server.address);
        first.send(post_head(&sid, "Content-Length: 100\r\n"));
        first.send(begun);
        bystander.echo("the first is under way");
        eventually("it is", || post(server.address, &sid, "3").status == 400);
        assert_eq!(first.rest(), b"");
        assert!(!session_exists(server.address, &sid));
    }
    bystander.assert_works();
}

#[test]
fn a_post_to_no_session_is_refused_before_its_body_arrives_and_ends_its_connection() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head("unknown", "Content-Length: 100\r\n"));
    let answer = wire.answer();
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    wire.try_send(poll_head(""));
    assert_eq!(wire.rest_without_reset(), b"", "what follows is no request");
    bystander.assert_works();
}

#[test]
fn a_body_may_come_in_pieces_and_the_next_request_behind_it() {
    let server = TestServer::new();
    let sid = open(server.address);
    let packet = r#"42["echo","in pieces"]"#;
    let mut wire = Wire::connect(server.address);
    let head = post_head(&sid, &format!("Content-Length: {}\r\n", packet.len()));
    let all = format!("{head}{packet}{}", poll_head(&format!("&sid={sid}")));
    for piece in all.as_bytes().chunks(7) {
        wire.send(piece);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(wire.answer().text(), "ok");
    assert_eq!(wire.answer().text(), packet);
}

#[test]
fn characters_in_pieces_are_put_together() {
    let server = TestServer::new();
    let sid = open(server.address);
    let packet = "42[\"echo\",\"\u{20ac}\u{1f642}\"]".as_bytes();
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, &format!("Content-Length: {}\r\n", packet.len())));
    for byte in packet {
        wire.send([*byte]);
    }
    assert_eq!(wire.answer().text(), "ok");
    wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
    packet.iter().for_each(|byte| wire.send([b"1\r\n", &[*byte][..], b"\r\n"].concat()));
    wire.send("0\r\n\r\n");
    assert_eq!(wire.answer().text(), "ok");
    let twice = [packet, b"\x1e", packet].concat();
    assert_eq!(poll(server.address, &format!("&sid={sid}")).body, twice);
}

#[test]
fn bodies_that_make_no_sense_end_their_session_and_no_other() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let unsound: [&[u8]; 8] =
        [b"", b"4\xff\xfe", b"\xef\xbb\xbf40", b"4\x001", b"\x1e", b"2", b"9", b"\xc3\xa9abcd"];
    for body in unsound {
        let sid = open(server.address);
        post(server.address, &sid, body);
        // It may have to fetch the news first.
        poll(server.address, &format!("&sid={sid}"));
        eventually("the session ends", || !session_exists(server.address, &sid));
    }
    for header in ["Content-Type: application/octet-stream", "Content-Encoding: gzip"] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        let head = post_head(&sid, "Content-Length: 2\r\n");
        wire.send(head.replace("Content-Type: text/plain;charset=UTF-8", header));
        wire.send("\x1f\u{b}");
        assert!([400, 415].contains(&wire.answer().status), "{header}");
    }
    bystander.assert_works();
}

#[test]
fn a_client_that_does_not_read_its_answer_is_let_go() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    let mut deaf = Wire::connect(server.address);
    deaf.take_in(4096);
    let large = format!(r#"42["echo","{}"]"#, "x".repeat(900_000));
    for _ in 0..10 {
        assert_eq!(post(server.address, &sid, &large).text(), "ok");
    }
    deaf.send(format!(
        "GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: test\r\n\r\n"
    ));
    bystander.assert_works();
    thread::sleep(quick().write_timeout * 2);
    // What comes for a connection that is gone is answered by a reset.
    eventually("it is let go", || !deaf.try_send("x"));
    bystander.assert_works();
}
