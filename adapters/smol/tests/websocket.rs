//! What depends on the bytes of WebSocket frames.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use sockeye_smol::Limits;
use support::{Bystander, Frame, Opcode, PATIENCE, TestServer, Wire, quick};

const LIMIT: usize = 1_000_000;
const EMPTY_ECHO: &str = r#"42["echo",""]"#;

/// Sends frames on a connection of their own; gives the code that it is closed with.
fn closed_after(server: &TestServer, frames: &[Frame]) -> Option<u16> {
    let mut wire = Bystander::new(server.address).wire;
    for frame in frames {
        wire.try_send(frame.bytes());
    }
    let code = wire.close_code();
    assert_eq!(wire.rest_without_reset(), b"", "nothing comes after a Close frame");
    code
}

#[test]
fn violations_of_the_protocol_close_with_1002() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let text = || Frame::text("3");
    let control = |payload| Frame::new(Opcode::PING, vec![b'x'; payload]);
    let violations: Vec<(&str, Vec<Frame>)> = vec![
        ("unmasked", vec![Frame { masked: false, ..text() }]),
        ("first reserved bit", vec![Frame { reserved: 4, ..text() }]),
        ("second reserved bit", vec![Frame { reserved: 2, ..text() }]),
        ("third reserved bit", vec![Frame { reserved: 1, ..text() }]),
        ("reserved data opcode 3", vec![Frame::new(Opcode(3), "x")]),
        ("reserved data opcode 7", vec![Frame::new(Opcode(7), "x")]),
        ("reserved control opcode 11", vec![Frame::new(Opcode(11), "x")]),
        ("reserved control opcode 15", vec![Frame::new(Opcode(15), "x")]),
        ("control frame too long", vec![control(126)]),
        ("control frame in parts", vec![control(1).part()]),
        ("continuation of nothing", vec![Frame::new(Opcode::CONTINUATION, "x")]),
        ("message within a message", vec![text().part(), text()]),
        ("close frame of one byte", vec![Frame::new(Opcode::CLOSE, [3])]),
        ("close code that is none", vec![Frame::new(Opcode::CLOSE, 999_u16.to_be_bytes())]),
        ("close code for nobody", vec![Frame::new(Opcode::CLOSE, 1005_u16.to_be_bytes())]),
    ];
    for (name, frames) in violations {
        assert_eq!(closed_after(&server, &frames), Some(1002), "{name}");
    }
    bystander.assert_works();
}

#[test]
fn text_that_is_no_utf_8_closes_with_1007() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let (head, tail) = "4\u{20ac}".as_bytes().split_at(2);
    for (name, frames) in [
        ("stray bytes", vec![Frame::text([0x34, 0xff, 0xfe])]),
        ("surrogate", vec![Frame::text([0x34, 0xed, 0xa0, 0x80])]),
        ("overlong", vec![Frame::text([0x34, 0xc0, 0xaf])]),
        (
            "cut for good",
            vec![Frame::text(head).part(), Frame::new(Opcode::CONTINUATION, &tail[..1])],
        ),
    ] {
        assert_eq!(closed_after(&server, &frames), Some(1007), "{name}");
    }
    bystander.assert_works();
}

#[test]
fn a_character_split_between_frames_is_fine() {
    let server = TestServer::new();
    let mut client = Bystander::new(server.address);
    let event = "42[\"echo\",\"\u{20ac}\"]";
    let (head, tail) = event.as_bytes().split_at(11);
    client.wire.send_frame(&Frame::text(head).part());
    client.wire.send_frame(&Frame::new(Opcode::PING, "in between"));
    client.wire.send_frame(&Frame::new(Opcode::CONTINUATION, &tail[..1]).part());
    client.wire.send_frame(&Frame::new(Opcode::CONTINUATION, &tail[1..]));
    let pong = client.wire.frame();
    assert_eq!((pong.opcode, &*pong.payload), (Opcode::PONG, &b"in between"[..]));
    assert_eq!(client.wire.text(), event);
}

#[test]
fn a_message_of_exactly_the_limit_is_taken() {
    let server = TestServer::new();
    let mut client = Bystander::new(server.address);
    let event = format!(r#"42["echo","{}"]"#, "x".repeat(LIMIT - EMPTY_ECHO.len()));
    assert_eq!(event.len(), LIMIT);
    client.wire.send_frame(&Frame::text(&event));
    assert!(client.wire.text() == event);
}

#[test]
fn a_message_over_the_limit_closes_with_1009_before_it_arrives() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let announced = |length| Frame { announced: Some(length), ..Frame::text("4") };
    let half = "x".repeat(LIMIT / 2);
    let continued = |payload: &str| Frame::new(Opcode::CONTINUATION, payload);
    for (name, frames) in [
        ("one more", vec![announced(LIMIT as u64 + 1)]),
        ("2^63 - 1", vec![announced((1 << 63) - 1)]),
        ("2^63", vec![announced(1 << 63)]),
        ("2^64 - 1", vec![announced(u64::MAX)]),
        ("one more, sent", vec![Frame::text("x".repeat(LIMIT + 1))]),
        ("in parts", vec![Frame::text(&half).part(), continued(&half).part(), continued("x")]),
    ] {
        assert_eq!(closed_after(&server, &frames), Some(1009), "{name}");
    }
    bystander.assert_works();
}

#[test]
fn a_message_in_pieces_of_nothing_is_cut_off() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut flood = Frame::text("").part().bytes();
    flood.extend(Frame::new(Opcode::CONTINUATION, "").part().bytes().repeat(500_000));
    let mut wire = Bystander::new(server.address).wire;
    wire.try_send(flood);
    assert_eq!(wire.close_code(), Some(1008));
    bystander.assert_works();
}

#[test]
fn a_flood_of_pings_closes_with_1008() {
    let limits = Limits { max_control_frames: 10, ..quick() };
    let server = TestServer::with(limits);
    let mut bystander = Bystander::new(server.address);
    for opcode in [Opcode::PING, Opcode::PONG] {
        let flood = vec![Frame::new(opcode, "x"); 1000];
        assert_eq!(closed_after(&server, &flood), Some(1008));
    }
    bystander.assert_works();
}

#[test]
fn a_ping_is_answered_and_a_pong_is_not() {
    let server = TestServer::new();
    let mut client = Bystander::new(server.address);
    client.wire.send_frame(&Frame::new(Opcode::PONG, "unasked"));
    client.wire.send_frame(&Frame::new(Opcode::PING, "hello"));
    let pong = client.wire.frame();
    assert_eq!((pong.opcode, &*pong.payload), (Opcode::PONG, &b"hello"[..]));
    client.assert_works();
}

#[test]
fn a_connection_that_ends_in_the_middle_of_a_frame_ends_the_session() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let event = Frame::text(r#"42["to all","cut"]"#).bytes();
    let parts = [&event[..1], &event[..4], &event[..event.len() - 1]];
    let leave: [fn(Wire); 2] = [drop, Wire::reset];
    for part in parts {
        for leave in leave {
            let mut wire = Bystander::new(server.address).wire;
            wire.send(part);
            leave(wire);
            let reason = bystander.hears_leave();
            assert!(["transport close", "transport error"].contains(&&*reason), "{reason}");
        }
    }
    let mut wire = Bystander::new(server.address).wire;
    wire.send_frame(&Frame::text(r#"42["to all","#).part());
    drop(wire);
    assert_eq!(bystander.hears_leave(), "transport close");
    bystander.assert_works();
}

#[test]
fn what_comes_after_a_close_frame_is_ignored() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let frames = [
        Frame::new(Opcode::CLOSE, 1000_u16.to_be_bytes()),
        Frame::text(r#"42["to all","a word from beyond"]"#),
    ];
    assert_eq!(closed_after(&server, &frames), Some(1000));
    assert_eq!(bystander.hears_leave(), "transport close");
    bystander.assert_works();
}

#[test]
fn a_peer_that_does_not_answer_a_close_frame_is_dropped() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut wire = Bystander::new(server.address).wire;
    let begun = Instant::now();
    wire.send_frame(&Frame::text(r#"42["hang up on me"]"#));
    assert_eq!(wire.text(), "41");
    assert_eq!(wire.close_code(), None);
    wire.rest();
    let taken = begun.elapsed();
    assert!(taken >= quick().close_timeout && taken < PATIENCE / 2, "{taken:?}");
    bystander.assert_works();
}

#[test]
fn a_peer_that_answers_a_close_frame_is_let_go_at_once() {
    let server = TestServer::with(Limits { close_timeout: PATIENCE * 2, ..quick() });
    let mut wire = Bystander::new(server.address).wire;
    wire.send_frame(&Frame::text(r#"42["hang up on me"]"#));
    assert_eq!(wire.text(), "41");
    assert_eq!(wire.close_code(), None);
    wire.send_frame(&Frame::new(Opcode::CLOSE, ""));
    assert_eq!(wire.rest(), b"");
}

#[test]
fn a_peer_that_is_closed_amid_its_own_messages_gets_all_that_was_sent_to_it() {
    let server = TestServer::new();
    for (last, code) in [(r#"42["hang up on me"]"#, None), ("4nonsense", None)] {
        let mut bystander = Bystander::new(server.address);
        let mut wire = Bystander::new(server.address).wire;
        let word = "x".repeat(100);
        let echo = Frame::text(format!(r#"42["echo","{word}"]"#)).bytes();
        let mut bytes = echo.repeat(500);
        bytes.extend(Frame::text(last).bytes());
        bytes.extend(echo.repeat(20_000));
        wire.try_send(bytes);

        for number in 0..500 {
            assert_eq!(wire.text(), format!(r#"42["echo","{word}"]"#), "{number}");
        }
        assert_eq!(wire.close_code(), code);
        wire.rest_without_reset();
        bystander.assert_works();
    }
}

#[test]
fn a_peer_that_sends_a_close_frame_gets_one_and_is_let_go_at_once() {
    let server = TestServer::with(Limits { close_timeout: PATIENCE * 2, ..quick() });
    let mut wire = Bystander::new(server.address).wire;
    wire.send_frame(&Frame::new(Opcode::CLOSE, 1000_u16.to_be_bytes()));
    assert_eq!(wire.close_code(), Some(1000));
    assert_eq!(wire.rest(), b"");
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut wire = Bystander::new(server.address).wire;
    wire.send_frame(&Frame::text(r#"42["join","deaf"]"#));
    wire.send_frame(&Frame::text(r#"42["echo","joined"]"#));
    assert_eq!(wire.text(), r#"42["echo","joined"]"#);
    let word = "x".repeat(LIMIT / 2);
    let begun = Instant::now();
    // More than the kernel buffers on the way, and less than the server holds for one client.
    for _ in 0..24 {
        let event = format!(r#"42["to others in room","deaf","{word}"]"#);
        bystander.wire.send_frame(&Frame::text(event));
    }
    assert_eq!(bystander.hears_leave(), "transport error");
    assert!(begun.elapsed() >= quick().write_timeout);
    drop(wire);
    bystander.assert_works();
}

#[test]
fn a_slow_reader_that_makes_progress_gets_everything() {
    let limits = Limits { write_timeout: Duration::from_secs(2), ..quick() };
    let server = TestServer::with(limits);
    let mut client = Bystander::new(server.address);
    let word = "x".repeat(LIMIT / 2);
    for _ in 0..12 {
        client.wire.send_frame(&Frame::text(format!(r#"42["echo","{word}"]"#)));
    }
    for _ in 0..12 {
        thread::sleep(Duration::from_millis(20));
        assert_eq!(client.wire.text().len(), word.len() + EMPTY_ECHO.len());
    }
    client.assert_works();
}

#[test]
fn a_flood_of_events_does_not_keep_others_waiting() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let address = server.address;
    let flooding = thread::spawn(move || {
        let mut wire = Bystander::new(address).wire;
        let burst = Frame::text(r#"42["swallow"]"#).bytes().repeat(1_000);
        for _ in 0..20 {
            wire.send(&burst);
        }
        wire.send_frame(&Frame::text(r#"42["echo","done"]"#));
        assert_eq!(wire.text(), r#"42["echo","done"]"#);
    });
    let mut slowest = Duration::ZERO;
    while !flooding.is_finished() {
        let begun = Instant::now();
        bystander.echo("meanwhile");
        slowest = slowest.max(begun.elapsed());
    }
    flooding.join().expect("the flood was swallowed");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[test]
fn many_events_at_once_are_answered_in_order() {
    let server = TestServer::new();
    let mut client = Bystander::new(server.address);
    let events = (0..1000).map(|number| format!(r#"42["echo",{number}]"#));
    let segment: Vec<u8> = events.clone().flat_map(|event| Frame::text(event).bytes()).collect();
    client.wire.send(segment);
    for event in events {
        assert_eq!(client.wire.text(), event);
    }
}

#[test]
fn binary_messages_travel_both_ways() {
    let server = TestServer::new();
    let mut client = Bystander::new(server.address);
    let event = r#"451-["echo",{"_placeholder":true,"num":0}]"#;
    client.wire.send_frame(&Frame::text(event));
    client.wire.send_frame(&Frame::new(Opcode::BINARY, [0, 255, 1]));
    assert_eq!(client.wire.text(), event);
    let attachment = client.wire.frame();
    assert_eq!((attachment.opcode, &*attachment.payload), (Opcode::BINARY, &[0, 255, 1][..]));
}
