//! Engine.IO alone.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::sync::{Arc, Mutex};

use common::World;
use sockeye_app::core::Frame;
use sockeye_app::core::engineio::{EngineConfig, Handshake};
use sockeye_app::{App, EngineApp, Session};

fn config() -> EngineConfig {
    EngineConfig::default().path("/socket.io")
}

#[test]
fn messages_come_and_go_without_names() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let app = EngineApp::new()
        .config(config())
        .on_open(|session: &Session| session.send("welcome"))
        .on_message(|session: &Session, message: Frame| match message.as_text() {
            Some("bye") => session.close(),
            Some("panic") => panic!("in a handler"),
            Some(_) | None => session.send(message),
        })
        .on_close(move |_: &Session, reason| seen.lock().unwrap().push(reason.to_string()));
    let mut world = World::new(app);
    let ws = world.accept();
    assert_eq!(world.texts(ws)[1..], ["4welcome"]);
    world.say(ws, "4hello");
    world.say_binary(ws, b"data");
    std::panic::set_hook(Box::new(|_| {}));
    world.say(ws, "4panic");
    drop(std::panic::take_hook());
    world.say(ws, "4still here");
    assert_eq!(world.texts(ws), ["4hello", "data", "4still here"]);
    world.say(ws, "4bye");
    assert!(world.is_closed(ws));
    let ws = world.accept();
    world.hang_up(ws);
    assert_eq!(*log.lock().unwrap(), ["forced close", "transport close"]);
}

#[test]
fn a_connection_can_be_denied() {
    let app = EngineApp::new().config(config()).allow_request(|handshake: Handshake| async move {
        handshake.header("cookie").map(drop).ok_or("no cookie")
    });
    let mut world = World::new(app);
    let (status, body) = world.request("/socket.io/?EIO=4&transport=polling");
    assert_eq!((status, &*body), (403, r#"{"code":4,"message":"no cookie"}"#));
}

#[test]
fn two_endpoints_share_a_port() {
    let messages = EngineApp::new().on_open(|session: &Session| session.send("messages"));
    let mut world = World::new((App::new(), messages));
    assert!(world.shard.matches("/socket.io/") && world.shard.matches("/engine.io/"));
    let (status, body) = world.request("/engine.io/?EIO=4&transport=polling");
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"0{"sid":"#), "{body}");
    let ws = world.connect();
    assert!(world.texts(ws)[0].starts_with(r#"40{"sid":"#));
}
