//! Heads of requests, as somebody might send them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sockeye_core::engineio::{Cookie, Cors, Engine, EngineConfig, Origins};
use sockeye_core::{CloseCause, Headers, Input, Output, Request, RequestId, WsId};

/// Feeds requests: each is a line `METHOD target`, then lines `name: value`, until an empty line.
/// The method `WS` stands for the handshake of a WebSocket. Bodies are the packet `2`.
///
/// # Panics
///
/// If the engine does what it never should.
pub(crate) fn heads(data: &[u8]) {
    let config = EngineConfig::default()
        .path("/socket.io")
        .allow_v3(true)
        .allow_jsonp(true)
        .cors((Cors::new(Origins::List(vec!["http://a".to_owned()]))).credentials(true))
        .cookie(Cookie::default())
        .keep_handshakes(true);
    let mut engine = Engine::new(config, [7; 32]).expect("a valid configuration");
    let mut now = super::epoch();
    let mut open = BTreeMap::new();
    let text = String::from_utf8_lossy(data);
    for (n, request) in (0..).zip(text.split("\n\n").take(64)) {
        let mut lines = request.lines();
        let line = lines.next().unwrap_or_default();
        let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
        let headers: Vec<(&str, &[u8])> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        let head = Request { method, target, headers: &headers, remote: None, secure: n % 2 == 0 };
        open.insert(n, method == "WS");
        if method == "WS" {
            engine.handle(
                Input::Upgrade { ws: WsId(n), request: Request { method: "GET", ..head } },
                now,
            );
        } else {
            engine.handle(Input::Request { req: RequestId(n), request: head }, now);
        }
        drain(&mut engine, &mut open, now);
    }
    for (n, websocket) in open {
        engine.handle(
            match websocket {
                true => Input::Closed { ws: WsId(n), cause: CloseCause::Peer },
                false => Input::Aborted { req: RequestId(n) },
            },
            now,
        );
    }
    while engine.poll_output().is_some() {}
    while let Some(due) = engine.poll_timeout() {
        assert!(due > now, "no busy loop");
        now = due;
        engine.handle_timeout(now);
        while engine.poll_output().is_some() {}
    }
    assert!(engine.is_idle());
    assert!(now <= super::epoch() + Duration::from_secs(3600), "everybody is soon forgotten");
}

fn drain(engine: &mut Engine, open: &mut BTreeMap<u64, bool>, now: std::time::Instant) {
    while let Some(output) = engine.poll_output() {
        match output {
            Output::Respond { req, response } => {
                assert_eq!(open.remove(&req.0), Some(false), "one answer for each request");
                assert!((200..600).contains(&response.status), "{response:?}");
                check(&response.headers);
            }
            Output::Refuse { ws, response } => {
                assert_eq!(open.remove(&ws.0), Some(true), "one answer for each handshake");
                assert!((400..600).contains(&response.status), "{response:?}");
                check(&response.headers);
            }
            Output::Accept { headers, .. } => check(&headers),
            Output::Abort { req } => assert_eq!(open.remove(&req.0), Some(false)),
            Output::Close { ws } => assert_eq!(open.remove(&ws.0), Some(true)),
            Output::ReadBody { req, .. } => {
                engine.handle(Input::Body { req, body: Bytes::from_static(b"2") }, now);
            }
            Output::Send { ws, .. } => engine.handle(Input::Drained { ws }, now),
            Output::Pause { .. } | Output::Resume { .. } => panic!("nobody has asked for it"),
            Output::Event(_) => {}
        }
    }
}

/// What a client sent must not become a header of its own.
fn check(headers: &Headers) {
    for (name, value) in headers {
        let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        assert!(plain && !name.is_empty(), "{name:?}");
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
}
