//! Upgrades that go wrong, by TCP: the session goes on by long-polling, and nothing is lost.

mod support;

use support::client::{open, poll, post, session_exists};
use support::wire::handshake;
use support::{Bystander, Frame, TestServer, Wire};

/// Fetches news until there is some: while an upgrade seems to be under way there is none.
fn news(server: &TestServer, sid: &str) -> String {
    loop {
        let answer = poll(server.address, &format!("&sid={sid}"));
        if answer.text() != "6" {
            return answer.text().to_owned();
        }
    }
}

#[test]
fn an_upgrade_may_break_off_after_any_byte() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let event = r#"42["echo","not lost"]"#;
    let head = |sid: &str| handshake(&format!("&sid={sid}")).into_bytes();
    let probe = Frame::text("2probe").bytes();
    let script = [probe, Frame::text("5").bytes()].concat();
    for sent in 0..script.len() {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send([&head(&sid), &script[..sent]].concat());
        assert_eq!(wire.answer().status, 101, "after {sent} bytes");
        assert_eq!(post(server.address, &sid, event).text(), "ok", "after {sent} bytes");
        if sent % 2 == 0 {
            wire.reset();
        } else {
            drop(wire);
        }
        assert_eq!(news(&server, &sid), event, "after {sent} bytes");
    }
    for sent in (1..head("x").len()).step_by(7) {
        let sid = open(server.address);
        let mut wire = Wire::connect(server.address);
        wire.send(&head(&sid)[..sent]);
        drop(wire);
        assert!(session_exists(server.address, &sid), "after {sent} bytes");
    }
    bystander.assert_works();
}

#[test]
fn an_upgrade_that_does_not_wait_for_any_answer_takes_over() {
    let server = TestServer::new();
    let sid = open(server.address);
    let echo = r#"42["echo","at once"]"#;
    let mut segment = handshake(&format!("&sid={sid}")).into_bytes();
    for text in ["2probe", "5", echo] {
        segment.extend(Frame::text(text).bytes());
    }
    let mut wire = Wire::connect(server.address);
    wire.send(segment);
    assert_eq!(wire.answer().status, 101);
    assert_eq!(wire.text(), "3probe");
    assert_eq!(wire.text(), echo);
    assert_eq!(poll(server.address, &format!("&sid={sid}")).status, 400);
}

#[test]
fn a_handshake_for_long_polling_becomes_no_websocket() {
    let server = TestServer::new();
    let sid = open(server.address);
    for query in [String::new(), format!("&sid={sid}")] {
        let mut wire = Wire::connect(server.address);
        let head = handshake(&query).replacen("transport=websocket", "transport=polling", 1);
        wire.send(head);
        wire.try_send(Frame::text("40").bytes());
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{query}");
        assert_eq!(wire.rest(), b"");
    }
    assert!(session_exists(server.address, &sid));
}

#[test]
fn a_second_upgrade_is_turned_away_and_the_first_one_ends_well() {
    let server = TestServer::new();
    let sid = open(server.address);
    let query = format!("&sid={sid}");
    let mut first = Wire::websocket(server.address, &query);
    first.send_frame(&Frame::text("2probe"));
    assert_eq!(first.text(), "3probe");
    for _ in 0..3 {
        let mut second = Wire::connect(server.address);
        second.send(handshake(&query));
        second.try_send(Frame::text("2probe").bytes());
        assert!(!String::from_utf8_lossy(&second.rest()).contains("3probe"));
    }
    first.send_frame(&Frame::text("5"));
    let echo = r#"42["echo","first come"]"#;
    first.send_frame(&Frame::text(echo));
    assert_eq!(first.text(), echo);
}
