//! Heads and bodies at the edge of HTTP, by TCP: what is refused, what is read after all, and that
//! nothing is ever taken for a request that was none.

mod support;

use std::thread;
use std::time::Instant;

use support::client::{open, poll, poll_head, post_head, session_exists};
use support::wire::Answer;
use support::{Bystander, PATIENCE, TestServer, Wire, eventually, quick};

const ECHO: &str = r#"42["echo","sound"]"#;

/// Sends a head with this framing and a body to a session, and then asks for the session's news on
/// the same connection. Gives the first answer, and the second one if there is any.
fn post_and_poll(server: &TestServer, framing: &str, body: &str) -> (Answer, Option<String>) {
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, framing));
    wire.try_send(body);
    wire.try_send(poll_head(&format!("&sid={sid}")));
    let first = wire.answer();
    if first.status != 200 {
        assert_eq!(wire.rest(), b"", "{framing:?}: nothing follows a refusal");
        return (first, None);
    }
    let second = wire.answer().text().to_owned();
    (first, Some(second))
}

#[test]
fn framing_that_is_sound_is_read_whatever_it_looks_like() {
    let server = TestServer::new();
    let length = ECHO.len();
    let chunks = format!("{length:x}\r\n{ECHO}\r\n0\r\n");
    for (framing, body) in [
        (format!("Content-Length:   {length}  \r\n"), ECHO.to_owned()),
        (format!("Content-Length: 000{length}\r\n"), ECHO.to_owned()),
        (format!("Connection: upgrade\r\nContent-Length: {length}\r\n"), ECHO.to_owned()),
        (
            format!("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: {length}\r\n"),
            ECHO.to_owned(),
        ),
        ("Transfer-Encoding: Chunked\r\n".to_owned(), format!("{chunks}\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{chunks}X: y\r\nLength: 3\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("000{chunks}\r\n")),
    ] {
        let (answer, news) = post_and_poll(&server, &framing, &body);
        assert_eq!((answer.status, answer.text()), (200, "ok"), "{framing:?} {body:?}");
        assert_eq!(news.as_deref(), Some(ECHO), "{framing:?} {body:?}");
    }
}

#[test]
fn lengths_that_no_body_has_are_refused_before_it_arrives() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for length in ["9223372036854775807", "18446744073709551614", "18446744073709551615"] {
        let (answer, _) = post_and_poll(&server, &format!("Content-Length: {length}\r\n"), "40");
        assert!([400, 413, 431].contains(&answer.status), "{length}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{length}");
    }
    bystander.assert_works();
}

#[test]
fn an_encoding_other_than_chunked_is_refused() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let body = format!("{:x}\r\n{ECHO}\r\n0\r\n\r\n", ECHO.len());
    for encoding in [
        "gzip, chunked",
        "chunked, chunked",
        "chunked;q=1",
        "",
        "chunked\r\nTransfer-Encoding: chunked",
        "identity\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity",
    ] {
        let framing = format!("Transfer-Encoding: {encoding}\r\n");
        let (answer, _) = post_and_poll(&server, &framing, &body);
        assert_eq!(
            (answer.status, answer.header("connection")),
            (400, Some("close")),
            "{encoding}"
        );
    }
    bystander.assert_works();
}

#[test]
fn heads_that_are_not_quite_heads_are_refused() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sound = poll_head("");
    let header = |line: &str| sound.replacen("Host", &format!("{line}\r\nHost"), 1);
    for head in [
        header(" x: y"),
        header("X: y\r\n folded"),
        header(":v"),
        header("no colon"),
        header("X : y"),
        header("X: a\0b"),
        header("X: a\rb"),
        header("\u{e9}: y"),
        header("Transfer-Encoding : chunked"),
        sound.replacen("HTTP/1.1", "HTTP/2.0", 1),
        sound.replacen("HTTP/1.1", "HTTP/3.0", 1),
        sound.replacen("HTTP/1.1", "HTTP/1.2", 1),
        sound.replacen("HTTP/1.1", "HTTP/0.9", 1),
        sound.replacen("HTTP/1.1", "HTTP/1.1 junk", 1),
        sound.replacen(" HTTP/1.1", "", 1),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0\u{1}\u{3}\u{3}".to_owned(),
    ] {
        let begun = Instant::now();
        let mut wire = Wire::connect(server.address);
        wire.send(&head);
        wire.try_send(&sound);
        let rest = wire.rest();
        let text = String::from_utf8_lossy(&rest);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{head:?}: {text}");
        assert!(text.matches("HTTP/1.1 ").count() <= 1, "{head:?}: {text}");
        assert!(begun.elapsed() < quick().head_timeout, "{head:?}: it is refused at once");
    }
    bystander.assert_works();
}

#[test]
fn lines_may_end_without_a_carriage_return_and_mean_the_same() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(poll_head("").replace("\r\n", "\n"));
    support::client::sid_of(&wire.answer());
}

#[test]
fn sizes_of_chunks_that_are_none_are_no_sizes() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let rest = format!("\r\n{ECHO}\r\n0\r\n\r\n");
    let size = format!("{:x}", ECHO.len());
    for size in [
        format!(" {size}"),
        format!("{size} x"),
        format!("{size}\n"),
        format!("-{size}"),
        format!("{size};{}", "x".repeat(1 << 20)),
        String::new(),
        ";x".to_owned(),
    ] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
        wire.try_send(format!("{size}{rest}{}", poll_head("")));
        let answers = String::from_utf8_lossy(&wire.rest()).into_owned();
        assert!(!answers.contains(" 200 "), "{size:.20}: {answers}");
        eventually("the session ends", || !session_exists(server.address, &sid));
    }
    bystander.assert_works();
}

#[test]
fn a_chunk_size_with_room_around_it_is_read_and_one_without_end_takes_no_memory() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let chunks = format!("{:x}  \r\n{ECHO}\r\n0\r\n\r\n", ECHO.len());
    let zeros = "0".repeat(1 << 20);
    for body in [chunks.clone(), format!("{zeros}{chunks}")] {
        let (answer, news) = post_and_poll(&server, "Transfer-Encoding: chunked\r\n", &body);
        assert_eq!((answer.text(), news.as_deref()), ("ok", Some(ECHO)));
    }
    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
    let begun = Instant::now();
    while begun.elapsed() < quick().body_timeout * 2 && !wire.is_answered() {
        wire.try_send(&zeros[..1 << 12]);
        thread::sleep(quick().body_timeout / 20);
    }
    assert_eq!(wire.answer().status, 408);
    assert_eq!(wire.rest(), b"");
    assert!(!session_exists(server.address, &sid));
    bystander.assert_works();
}

#[test]
fn a_body_that_trickles_in_ends_its_session_in_time() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for (framing, piece) in
        [("Content-Length: 2000\r\n", "4"), ("Transfer-Encoding: chunked\r\n", "1\r\n4\r\n")]
    {
        let sid = open(server.address);
        let begun = Instant::now();
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, framing));
        while begun.elapsed() < quick().body_timeout && !wire.is_answered() {
            wire.try_send(piece);
            thread::sleep(quick().body_timeout / 5);
        }
        assert_eq!(wire.answer().status, 408);
        assert_eq!(wire.rest(), b"");
        assert!(begun.elapsed() < PATIENCE / 2);
        eventually("the session ends", || !session_exists(server.address, &sid));
    }
    bystander.assert_works();
}

#[test]
fn a_body_that_breaks_off_with_a_reset_says_nothing_and_ends_the_session() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let event = r#"42["to all","cut"]"#;
    for (framing, body) in [
        ("Content-Length: 2000\r\n", event.to_owned()),
        ("Transfer-Encoding: chunked\r\n", format!("{:x}\r\n{event}\r\n", event.len())),
    ] {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(post_head(&sid, framing));
        wire.send(body);
        bystander.echo("it is under way");
        wire.reset();
        eventually("the session ends", || !session_exists(server.address, &sid));
        assert_eq!(poll(server.address, &format!("&sid={sid}")).status, 400);
    }
    bystander.echo("nothing came before this");
}
