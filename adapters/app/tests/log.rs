//! What goes to the log. One test, for there is one log in a process.
#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::collections::HashMap;
use std::sync::Mutex;

use common::World;
use log::{Level, LevelFilter, Log, Metadata, Record};
use sockeye_app::{AckSender, App, Auth};

/// The levels and texts of everything that was logged.
struct Collector(Mutex<Vec<(Level, String)>>);

static LOG: Collector = Collector(Mutex::new(Vec::new()));

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

#[test]
fn what_a_client_sends_wrong_is_counted_and_logged_for_debugging_only() {
    log::set_logger(&LOG).expect("there is no other logger");
    log::set_max_level(LevelFilter::Trace);
    let app = App::new()
        .on("number", |_: u32| ())
        .on("answer me", |ack: AckSender| ack.send(1))
        .on("fail", || Err::<(), _>("our own fault"))
        .on_connect(|_: Auth<HashMap<String, u32>>| ());
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.open();
    world.say(ws, r#"40{"token":"none"}"#);
    world.say(ws, r#"40{"token":7}"#);
    for event in [r#"42["number","five"]"#, r#"42["number"]"#, r#"42["answer me"]"#] {
        world.say(ws, event);
    }
    assert_eq!(io.snapshot().argument_errors, 4);
    let logged = std::mem::take(&mut *LOG.0.lock().unwrap());
    let of_clients = logged.iter().filter(|(level, _)| *level == Level::Debug);
    assert_eq!(of_clients.filter(|(_, text)| text.contains("event")).count(), 4, "{logged:?}");
    assert!(logged.iter().all(|(level, _)| *level >= Level::Debug), "{logged:?}");

    world.say(ws, r#"42["fail"]"#);
    let logged = std::mem::take(&mut *LOG.0.lock().unwrap());
    let error = logged.iter().find(|(level, _)| *level == Level::Error);
    assert!(error.is_some_and(|(_, text)| text.contains("our own fault")), "{logged:?}");
    assert_eq!(io.snapshot().argument_errors, 4);
}
