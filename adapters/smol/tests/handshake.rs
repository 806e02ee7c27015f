//! What depends on the bytes of a WebSocket handshake.

mod support;

use support::client::{open, session_exists};
use support::wire::{ACCEPT, KEY, handshake, handshake_with};
use support::{Bystander, Frame, Opcode, TestServer, Wire};

#[test]
fn frames_glued_to_the_handshake_are_heard() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    let mut segment = handshake("").into_bytes();
    segment.extend(Frame::text("40").bytes());
    segment.extend(Frame::text(r#"42["echo","at once"]"#).bytes());
    wire.send(segment);
    assert_eq!(wire.answer().status, 101);
    assert!(wire.text().starts_with("0{"));
    assert!(wire.text().starts_with("40{"));
    assert_eq!(wire.text(), r#"42["echo","at once"]"#);
    wire.send_frame(&Frame::new(Opcode::CLOSE, 1000_u16.to_be_bytes()));
    assert_eq!(wire.close_code(), Some(1000));
    assert_eq!(wire.rest(), b"");
}

#[test]
fn junk_glued_to_the_handshake_ends_that_connection_alone() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(format!("{}test", handshake("")));
    assert_eq!(wire.answer().status, 101);
    assert_eq!(wire.close_code(), Some(1002));

    // The same, disguised as the body of the handshake.
    let mut wire = Wire::connect(server.address);
    let with_body = handshake("").replacen("Host", "Content-Length: 4\r\nHost", 1);
    wire.send(format!("{with_body}test"));
    assert_eq!(wire.answer().status, 400);
    wire.rest();
    bystander.assert_works();
}

#[test]
fn a_handshake_without_a_proper_key_is_a_bad_request() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sound = format!("Sec-WebSocket-Key: {KEY}\r\n");
    for key in [
        "",
        "Sec-WebSocket-Key:\r\n",
        "Sec-WebSocket-Key: short\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n",
        &sound.repeat(2),
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(handshake_with("", &format!("Sec-WebSocket-Version: 13\r\n{key}")));
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{key:?}");
        assert_eq!(wire.rest(), b"", "{key:?}");
    }
    bystander.assert_works();
}

#[test]
fn a_handshake_of_another_version_is_told_the_right_one() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for version in ["", "Sec-WebSocket-Version: 12\r\n", "Sec-WebSocket-Version: 8\r\n"] {
        let mut wire = Wire::connect(server.address);
        wire.send(handshake_with("", &format!("Sec-WebSocket-Key: {KEY}\r\n{version}")));
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")));
        assert_eq!(wire.rest(), b"");
    }
    bystander.assert_works();
}

#[test]
fn what_only_looks_like_a_handshake_is_refused_as_a_request() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sound = handshake("");
    for request in [
        sound.replacen("Connection: Upgrade", "Connection: keep-alive", 1),
        sound.replacen("Upgrade: websocket", "Upgrade: h2c", 1),
        sound.replacen("GET", "POST", 1).replacen("Host", "Content-Length: 0\r\nHost", 1),
        sound.replacen("HTTP/1.1", "HTTP/1.0", 1),
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(&request);
        assert_eq!(wire.answer().status, 400, "{request}");
    }
    bystander.assert_works();
}

#[test]
fn a_handshake_for_an_unknown_session_is_refused_and_the_connection_closed() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut wire = Wire::connect(server.address);
    let mut segment = handshake("&sid=unknown").into_bytes();
    segment.extend(Frame::text("2probe").bytes());
    wire.send(segment);
    let answer = wire.answer();
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert_eq!(wire.rest(), b"");

    let mut wire = Wire::connect(server.address);
    wire.send(handshake("&sid=unknown"));
    wire.reset();
    bystander.assert_works();
}

#[test]
fn extensions_are_never_agreed_on() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for offer in ["permessage-deflate", "constructor", "permessage-deflate; client_max_window_bits"]
    {
        let mut wire = Wire::connect(server.address);
        let sound = format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n");
        wire.send(handshake_with("", &format!("{sound}Sec-WebSocket-Extensions: {offer}\r\n")));
        let answer = wire.answer();
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("sec-websocket-extensions"), None);
        wire.send_frame(&Frame { reserved: 4, ..Frame::text("40") });
        assert_eq!(wire.close_code(), Some(1002));
    }
    bystander.assert_works();
}

#[test]
fn the_answer_to_a_handshake_is_that_of_the_rfc() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(handshake("").replacen("Connection: Upgrade", "Connection: keep-alive, upgrade", 1));
    let answer = wire.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("connection"), Some("upgrade"));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("sec-websocket-accept"), Some(&*ACCEPT.to_lowercase()));
    assert_eq!(answer.header("content-length"), None);
}

#[test]
fn a_session_by_long_polling_becomes_one_by_websocket() {
    let server = TestServer::new();
    let sid = open(server.address);
    let mut wire = Wire::websocket(server.address, &format!("&sid={sid}"));
    wire.send_frame(&Frame::text("2probe"));
    assert_eq!(wire.text(), "3probe");
    wire.send_frame(&Frame::text("5"));
    wire.send_frame(&Frame::text(r#"42["echo","upgraded"]"#));
    assert_eq!(wire.text(), r#"42["echo","upgraded"]"#);
}

#[test]
fn an_upgrade_that_dies_before_it_is_complete_leaves_the_session_alone() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let die: [fn(Wire); 3] = [drop, Wire::reset, |wire| wire.end_sending()];
    for die in die {
        let sid = open(server.address);
        let mut wire = Wire::websocket(server.address, &format!("&sid={sid}"));
        wire.send_frame(&Frame::text("2probe"));
        assert_eq!(wire.text(), "3probe");
        die(wire);
        bystander.echo("meanwhile");
        assert!(session_exists(server.address, &sid));
    }
    bystander.assert_works();
}
