//! Plays bytes from anywhere against the machines: what the fuzz targets and the replay of their
//! corpora have in common.
//!
//! The bytes are lines. That keeps corpora readable, and lets mutations of whole messages happen.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the run")]

pub(crate) mod client;
pub(crate) mod cost;
pub(crate) mod heads;
pub(crate) mod packed;
pub(crate) mod server;
mod tape;
pub(crate) mod texts;
pub(crate) mod values;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockeye_core::engineio::{Encoded, Engine, EngineConfig};
use sockeye_core::{
    CloseCause, Counts, EmitOptions, Event, Frame, Input, NamespaceConfig, Output, Request,
    RequestId, Selector, Server, ServerConfig, WsId, engineio,
};

/// Feeds each line as a WebSocket message to a client that has joined `/`: a binary one if it
/// begins with `<`, otherwise one of text. An application answers everything.
///
/// # Panics
///
/// If the server does what it never should.
pub(crate) fn packets(data: &[u8]) {
    let mut namespaces = vec![NamespaceConfig::new("/"), NamespaceConfig::new("/admin")];
    namespaces.push(NamespaceConfig::new("/secret"));
    namespaces[2].manual_accept = true;
    let config = ServerConfig::default().namespaces(namespaces);
    let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
    let mut now = epoch();
    let ws = WsId(1);
    let request = request("GET", "/socket.io/?EIO=4&transport=websocket");
    server.handle(Input::Upgrade { ws, request }, now);
    let mut open = true;
    let hello = Frame::Text(Bytes::from_static(b"40"));
    let lines = data.split(|&byte| byte == b'\n').map(|line| match line {
        [b'<', data @ ..] => Frame::Binary(Bytes::copy_from_slice(data)),
        text => Frame::Text([b"4", text].concat().into()),
    });
    for frame in std::iter::once(hello).chain(lines) {
        server.handle(Input::Frame { ws, frame }, now);
        while let Some(output) = server.poll_output() {
            match output {
                Output::Send { ws, frames } => {
                    assert!(open, "nothing is sent after the end");
                    assert!(frames.as_slice().iter().all(is_valid), "{frames:?}");
                    server.handle(Input::Drained { ws }, now);
                }
                Output::Close { .. } => open = false,
                Output::Event(event) => react(&mut server, event, now),
                other => assert!(matches!(other, Output::Accept { .. }), "{other:?}"),
            }
        }
        check(&server.counts(), open);
        if !open {
            break;
        }
    }
    server.handle(Input::Closed { ws, cause: CloseCause::Peer }, now);
    while server.poll_output().is_some() {}
    while let Some(due) = server.poll_timeout() {
        assert!(due > now, "no busy loop");
        now = due;
        server.handle_timeout(now);
        while server.poll_output().is_some() {}
    }
    assert_eq!(server.counts(), Counts::default());
}

fn react(server: &mut Server, event: Event, now: Instant) {
    match event {
        Event::Connecting { socket, .. } => server.accept(socket),
        Event::Connected { socket, auth, .. } => {
            if let Some(mut socket) = server.socket(socket) {
                socket.join("room");
                let _ = socket.emit_with_ack("question", &auth, Some(Duration::from_secs(1)), now);
            }
        }
        Event::Received { socket, name, args, ack } => {
            assert_eq!(args.len(), args.iter().count());
            let _ = args.get::<serde_json::Value>(0);
            let _ = args.parse::<(String, Option<Bytes>)>();
            if let Some(mut socket) = server.socket(socket) {
                let _ = socket.emit(&name, &args, EmitOptions::default());
                let _ = socket.emit("nested", &(&args, 1), EmitOptions::default().volatile(true));
                if let Some(ack) = ack {
                    let _ = socket.ack(ack, &args);
                }
            }
            let room = Selector::all().to("room");
            let _ = server.emit("/admin", &room, &name, &args, EmitOptions::default());
        }
        _ => {}
    }
}

/// One client that reads everything has little that has to be remembered.
fn check(counts: &Counts, open: bool) {
    let namespaces = if open { 3 } else { 0 };
    assert!(counts.engine.sessions <= 1 && counts.engine.websockets <= 1, "{counts:?}");
    assert!(counts.sockets <= namespaces && counts.rooms <= namespaces, "{counts:?}");
    assert!(counts.engine.requests == 0, "{counts:?}");
    assert!(open || counts.acks == 0, "{counts:?}");
    // A heartbeat, a join, a binary packet; and one for each question.
    assert!(counts.engine.timers + counts.timers <= 3 + counts.acks, "{counts:?}");
}

fn is_valid(frame: &Frame) -> bool {
    match frame {
        Frame::Text(text) => std::str::from_utf8(text).is_ok(),
        Frame::Binary(_) => true,
    }
}

/// Feeds each line as the body of a POST to a session that always has a GET waiting.
///
/// # Panics
///
/// If the engine does what it never should.
pub(crate) fn payloads(data: &[u8]) {
    let mut engine = Engine::new(EngineConfig::default(), [7; 32]).expect("a valid configuration");
    let mut now = epoch();
    let handshake = request("GET", "/engine.io/?EIO=4&transport=polling");
    engine.handle(Input::Request { req: RequestId(0), request: handshake }, now);
    let mut open = None;
    let mut answered = BTreeSet::new();
    let mut drain = |engine: &mut Engine, open: &mut Option<_>| {
        while let Some(output) = engine.poll_output() {
            match output {
                Output::Respond { req, .. } => assert!(answered.insert(req), "answered once"),
                Output::Event(engineio::Event::Opened { session, .. }) => *open = Some(session),
                Output::Event(engineio::Event::Closed { .. }) => *open = None,
                Output::Event(engineio::Event::Message { session, message }) => {
                    assert!(open.is_some(), "nothing arrives after the end");
                    assert!(is_valid(&message), "{message:?}");
                    let echo = match &message {
                        Frame::Text(text) => {
                            Encoded::text(std::str::from_utf8(text).expect("it was checked"))
                        }
                        Frame::Binary(data) => Encoded::binary(data.clone()),
                    };
                    engine.send(session, &echo, false);
                }
                Output::ReadBody { .. } | Output::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
        answered.len()
    };
    drain(&mut engine, &mut open);
    let session = open.expect("the handshake opens a session");
    let sid = engine.sid(session).expect("it is open").to_string();
    let target = format!("/engine.io/?EIO=4&transport=polling&sid={sid}");
    for (n, line) in (0..).zip(data.split(|&byte| byte == b'\n')) {
        let (polled, posted) = (RequestId(2 * n + 1), RequestId(2 * n + 2));
        engine.handle(Input::Request { req: polled, request: request("GET", &target) }, now);
        engine.handle(Input::Request { req: posted, request: request("POST", &target) }, now);
        let body = Bytes::copy_from_slice(line);
        engine.handle(Input::Body { req: posted, body }, now);
        drain(&mut engine, &mut open);
        if open.is_none() {
            break;
        }
        // The GET may wait on; the next one must not overlap with it.
        engine.send(session, &Encoded::text("release"), false);
        let count = drain(&mut engine, &mut open);
        assert_eq!(count as u64, posted.0 + 1, "every request has its answer");
    }
    while let Some(due) = engine.poll_timeout() {
        assert!(due > now, "no busy loop");
        now = due;
        engine.handle_timeout(now);
        drain(&mut engine, &mut open);
    }
    assert!(engine.is_idle());
}

fn request<'a>(method: &'a str, target: &'a str) -> Request<'a> {
    Request { method, target, headers: &[], remote: None, secure: false }
}

fn epoch() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    Instant::now()
}
