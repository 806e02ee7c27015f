//! Packets that break the rules, by TCP: they end their connection and no other, and nothing of
//! them stays.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sockeye_smol::{App, Args, Io, Namespace, Serve, ServerConfig, Socket};
use support::client::{open, poll, post, session_exists};
use support::wire::handshake;
use support::{Bystander, Frame, Opcode, TestServer, Wire, eventually, quick};

/// A server that can be asked what it remembers.
fn watched() -> (TestServer, Io) {
    let (sender, receiver) = mpsc::channel();
    let server = TestServer::start(move || {
        let app = support::peer_app::app();
        sender.send(app.io()).expect("the test waits for it");
        app.bind("127.0.0.1:0").expect("a free port").limits(quick())
    });
    (server, receiver.recv().expect("the server starts"))
}

/// One message of a client.
enum Sent {
    Text(&'static str),
    Binary(&'static [u8]),
}
use Sent::{Binary, Text};

const PLACEHOLDER: &str = r#"451-["e",{"_placeholder":true,"num":0}]"#;

/// Waits until only this many sessions are left, and nothing else.
fn only_these_are_left(io: &Io, sessions: usize) {
    eventually("the others are forgotten", || {
        let counts = io.snapshot().counts;
        let left = (
            counts.engine.sessions,
            counts.engine.websockets,
            counts.sockets,
            counts.engine.requests,
        );
        left == (sessions, sessions, sessions, 0) && counts.engine.buffered == 0 && counts.acks == 0
    });
}

#[test]
fn packets_that_break_the_rules_end_their_connection_and_no_other() {
    let (server, io) = watched();
    let mut bystander = Bystander::new(server.address);
    let scripts: Vec<Vec<Sent>> = vec![
        // Packets of the connection.
        vec![Text("")],
        vec![Text("7")],
        vec![Text("B")],
        vec![Text(" 4")],
        vec![Text("\0")],
        vec![Text("\u{e9}abcd")],
        vec![Text("2")],
        vec![Text("2probe")],
        vec![Text("1")],
        vec![Text("4")],
        vec![Text("b====")],
        vec![Text("bAQ ID")],
        vec![Text("b-_8")],
        vec![Text("2:40")],
        // Packets of Socket.IO.
        vec![Text("49")],
        vec![Text("4-1")],
        vec![Text("40[]")],
        vec![Text("40null")],
        vec![Text("40")],
        vec![Text("40admin,")],
        vec![Text("40/\0,")],
        vec![Text("41[]")],
        vec![Text("42")],
        vec![Text("42[]")],
        vec![Text("42{}")],
        vec![Text("42[null]")],
        vec![Text(r#"42[{"toString":"foo"}]"#)],
        vec![Text(r#"42["disconnect"]"#)],
        vec![Text(r#"42 ["a"]"#)],
        vec![Text(r#"42999999999999999999999["a"]"#)],
        vec![Text(r#"42-1["a"]"#)],
        vec![Text(r#"42["a"]x"#)],
        vec![Text("42[\"a\u{1e}\"]")],
        vec![Text(r#"42/custom,["a"]"#)],
        vec![Text("43[]")],
        vec![Text("431{}")],
        vec![Text("44{}")],
        // Packets with binary values.
        vec![Binary(b"nobody waits for it")],
        vec![Text("45[\"a\"]")],
        vec![Text("45-[\"a\"]"), Binary(b"x")],
        vec![Text("450-[\"a\"]"), Binary(b"x")],
        vec![Text("451e1-[\"a\"]")],
        vec![Text("4501-[\"a\"]")],
        vec![Text("4511-[\"a\"]")],
        vec![Text("45999999999-[\"a\"]")],
        vec![Text("4518446744073709551617-[\"a\"]")],
        vec![Text(PLACEHOLDER), Text("42[\"b\"]")],
        vec![Text(PLACEHOLDER), Text(PLACEHOLDER)],
        vec![Text(PLACEHOLDER), Binary(b"x"), Binary(b"y")],
        vec![Text(r#"451-["e",{"_placeholder":true,"num":"splice"}]"#), Binary(b"x")],
        vec![Text(r#"451-["e",{"_placeholder":true,"num":-1}]"#), Binary(b"x")],
        vec![Text(r#"451-["e",{"_placeholder":true,"num":0.5}]"#), Binary(b"x")],
        vec![Text("451-"), Binary(b"x")],
        vec![Text("461-[]"), Binary(b"x")],
    ];
    for script in scripts {
        let mut wire = Bystander::new(server.address).wire;
        for message in &script {
            let frame = match message {
                Text(text) => Frame::text(text),
                Binary(data) => Frame::new(Opcode::BINARY, data),
            };
            wire.try_send(frame.bytes());
        }
        wire.close_code();
    }
    only_these_are_left(&io, 1);
    bystander.echo("still here");
}

#[test]
fn what_comes_before_the_first_namespace_is_not_kept() {
    let (server, io) = watched();
    for first in ["42[\"a\"]", "431[]", "41", PLACEHOLDER, "44{}"] {
        let mut wire = Wire::websocket(server.address, "");
        assert!(wire.text().starts_with("0{"));
        wire.try_send(Frame::text(first).bytes());
        for _ in 0..10 {
            wire.try_send(Frame::new(Opcode::BINARY, [0; 10_000]).bytes());
        }
        wire.close_code();
    }
    only_these_are_left(&io, 0);
}

#[test]
fn packets_without_a_meaning_cost_nothing_and_change_nothing() {
    let (server, io) = watched();
    let mut client = Bystander::new(server.address);
    for noise in
        ["3", "3probe", "3garbage", "5", "6", "0{\"sid\":\"x\"}", "430[]", "4399[1]", "43123456[]"]
    {
        client.wire.send(Frame::text(noise).bytes().repeat(1_000));
        client.echo("still here");
    }
    let counts = io.snapshot().counts;
    assert_eq!((counts.engine.sessions, counts.sockets, counts.acks, counts.rooms), (1, 1, 0, 0));
}

#[test]
fn what_javascript_can_write_and_rust_finds_odd_comes_back_as_it_was() {
    let (server, _) = watched();
    let mut client = Bystander::new(server.address);
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let many: Vec<String> = (0..20_000).map(|number| format!("\"{number}\":0")).collect();
    for data in [
        r#""\ud800""#,
        "1e400",
        "-0",
        "18446744073709551616",
        "1.0",
        r#"{"x":1,"x":2}"#,
        r#"{"__proto__":{"a":1},"constructor":null}"#,
        r#"{"_placeholder":true,"num":0}"#,
        "\"\\u0000\\u001e\u{2028}</script>\"",
        &*nested,
        &format!("{{{}}}", many.join(",")),
    ] {
        let event = format!(r#"42["echo",{data}]"#);
        client.wire.send_frame(&Frame::text(&event));
        assert_eq!(client.wire.text(), event);
    }
}

#[test]
fn nesting_without_measure_ends_the_connection_and_not_the_process() {
    let (server, io) = watched();
    let mut bystander = Bystander::new(server.address);
    for depth in [129, 10_000, 499_000] {
        for event in ["42", "40/custom,", "421"] {
            let mut wire = Bystander::new(server.address).wire;
            let data = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            let packet = match event {
                "40/custom," => format!("{event}{{\"a\":{data}}}"),
                event => format!("{event}[\"echo\",{data}]"),
            };
            wire.try_send(Frame::text(packet).bytes());
            wire.close_code();
        }
    }
    only_these_are_left(&io, 1);
    bystander.assert_works();
}

#[test]
fn payloads_that_break_the_rules_end_their_session_and_no_other() {
    let (server, io) = watched();
    let mut bystander = Bystander::new(server.address);
    let unsound: [&[u8]; 13] = [
        b"",
        b"\x1e",
        b"42[\"a\"]\x1e",
        b"42[\"a\"]\x1e\x1e42[\"b\"]",
        b"4\xff\xfe",
        b"4\x00\xd8",
        b"\xef\xbb\xbf40",
        b"2",
        b"9",
        b"b!!!!",
        b"6:4hello",
        b"451-[\"a\"]\x1e42[\"b\"]",
        b"\xc3\xa9abcd",
    ];
    for body in unsound {
        let sid = open(server.address);
        assert!([200, 400].contains(&post(server.address, &sid, body).status), "{body:?}");
        // It may have to fetch the news first.
        poll(server.address, &format!("&sid={sid}"));
        eventually("the session ends", || !session_exists(server.address, &sid));
    }
    only_these_are_left(&io, 1);
    bystander.assert_works();
}

// Frames.

#[test]
fn kinds_of_frames_that_nobody_knows_close_with_1002() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    for opcode in (3..=7).chain(11..=15) {
        let mut wire = Bystander::new(server.address).wire;
        wire.try_send(Frame::new(Opcode(opcode), "x").bytes());
        assert_eq!(wire.close_code(), Some(1002), "{opcode}");
    }
    bystander.assert_works();
}

#[test]
fn a_close_frame_is_answered_with_its_code_or_with_1002() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let answer = |payload: &[u8]| {
        let mut wire = Bystander::new(server.address).wire;
        wire.try_send(Frame::new(Opcode::CLOSE, payload).bytes());
        let code = wire.close_code();
        assert_eq!(wire.rest(), b"");
        code
    };
    for code in [0_u16, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_eq!(answer(&code.to_be_bytes()), Some(1002), "{code}");
        assert_eq!(bystander.hears_leave(), "transport error", "{code}");
    }
    for code in [1000_u16, 1001, 1002, 3000, 4999] {
        assert_eq!(answer(&code.to_be_bytes()), Some(code), "{code}");
        assert_eq!(bystander.hears_leave(), "transport close", "{code}");
    }
    let no_text = [&1000_u16.to_be_bytes()[..], b"\xff\xfe"].concat();
    assert_eq!(answer(&no_text), Some(1007));
    assert_eq!(bystander.hears_leave(), "transport error");
    bystander.assert_works();
}

#[test]
fn a_message_in_very_many_pieces_is_taken_unless_it_costs_too_much() {
    let server = TestServer::new();
    let mut client = Bystander::new(server.address);
    let in_pieces = |message: &str| -> Vec<u8> {
        let (first, rest) = message.as_bytes().split_at(1);
        let (last, rest) = rest.split_last().expect("two bytes");
        let piece = |byte: &u8| Frame::new(Opcode::CONTINUATION, [*byte]);
        let mut bytes = Frame::text(first).part().bytes();
        rest.iter().for_each(|byte| bytes.extend(piece(byte).part().bytes()));
        bytes.extend(piece(last).bytes());
        bytes
    };
    let event = format!(r#"42["echo","{}"]"#, "x".repeat(100_000));
    client.wire.send(in_pieces(&event));
    assert_eq!(client.wire.text(), event);

    let mut wire = Bystander::new(server.address).wire;
    wire.try_send(in_pieces(&format!(r#"42["echo","{}"]"#, "x".repeat(900_000))));
    assert_eq!(wire.close_code(), Some(1008));
    client.assert_works();
}

#[test]
fn a_peer_that_reads_byte_by_byte_is_given_up() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut slow = TcpStream::connect(server.address).expect("the server listens");
    let joined = r#"42["echo","joined"]"#;
    let mut opening = handshake("").into_bytes();
    for message in ["40", r#"42["join","slow"]"#, joined] {
        opening.extend(Frame::text(message).bytes());
    }
    slow.write_all(&opening).expect("the server reads");
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(joined.as_bytes()) {
        slow.read_exact(&mut byte).expect("the server answers");
        heard.push(byte[0]);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_over);
    let reading = thread::spawn(move || {
        while !until.load(Ordering::Relaxed) && slow.read(&mut byte).is_ok_and(|read| read == 1) {
            thread::sleep(Duration::from_millis(1));
        }
    });
    let word = "x".repeat(500_000);
    // More than the kernel buffers on the way, and less than the server holds for one client.
    for _ in 0..24 {
        let event = format!(r#"42["to others in room","slow","{word}"]"#);
        bystander.wire.send_frame(&Frame::text(event));
    }
    assert_eq!(bystander.hears_leave(), "transport error");
    is_over.store(true, Ordering::Relaxed);
    reading.join().expect("it only reads");
    bystander.assert_works();
}

// What the application does.

#[test]
fn a_handler_that_takes_long_does_not_stop_the_heartbeat() {
    let server = TestServer::start(|| {
        let mut config = ServerConfig::default();
        config.engine.ping_interval = Duration::from_millis(50);
        let app = support::peer_app::app().config(config);
        app.bind("127.0.0.1:0").expect("a free port")
    });
    let mut wire = Bystander::new(server.address).wire;
    wire.send_frame(&Frame::text(r#"421["wait",1000,"done"]"#));
    let mut pings = 0;
    loop {
        let text = wire.text();
        if text != "2" {
            assert_eq!(text, r#"431["done"]"#);
            break;
        }
        pings += 1;
        wire.send_frame(&Frame::text("3"));
    }
    assert!(pings >= 3, "{pings} pings meanwhile");
}

#[test]
fn a_namespace_whose_connect_handler_panics_takes_no_other_along() {
    let echo = |namespace: Namespace| {
        namespace.on("echo", |socket: Socket, args: Args| socket.emit("echo", args))
    };
    let server = TestServer::start(move || {
        let bad = move |namespace| echo(namespace).on_connect(|| -> () { panic!("as asked") });
        let app = App::new().of("/", echo).of("/a", echo).of("/bad", bad).of("/b", echo);
        app.of("/c", echo).bind("127.0.0.1:0").expect("a free port").limits(quick())
    });
    let mut wire = Wire::websocket(server.address, "");
    assert!(wire.text().starts_with("0{"));
    let namespaces = ["/a,", "/bad,", "/b,", "", "/c,"];
    for namespace in namespaces {
        wire.send_frame(&Frame::text(format!("40{namespace}")));
        let joined = wire.text();
        assert!(joined.starts_with(&format!("40{namespace}{{\"sid\":")), "{joined}");
    }
    for namespace in namespaces {
        let event = format!("42{namespace}[\"echo\",1]");
        wire.send_frame(&Frame::text(&event));
        assert_eq!(wire.text(), event);
    }
}

#[test]
fn a_message_in_pieces_of_nothing_is_cut_off_although_there_are_pings_between_them() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut flood = Frame::text("").part().bytes();
    for _ in 0..20 {
        flood.extend(Frame::new(Opcode::CONTINUATION, "").part().bytes().repeat(100_000));
        flood.extend(Frame::new(Opcode::PING, "x").bytes());
    }
    let mut wire = Bystander::new(server.address).wire;
    wire.try_send(flood);
    assert_eq!(wire.close_code(), Some(1008));
    bystander.assert_works();
}
