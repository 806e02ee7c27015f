//! Events with types of the application's own.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::sync::{Arc, Mutex};

use common::World;
use serde::{Deserialize, Serialize};
use sockeye_app::core::Args;
use sockeye_app::{App, Bytes, Error, Socket, TypedEvent, events};

events! {
    /// A line of the chat.
    pub struct Line = "line" { text: String };

    /// Asks for a sum.
    pub struct Add = "add" { a: i64, b: i64 } -> i64;

    /// Sends a file.
    pub struct Upload = "upload" { user: User, data: Bytes } -> (usize, String);

    /// Has the server ask and tell.
    pub struct Ping = "ping" {};
}

/// Who it is from.
#[derive(Serialize, Deserialize)]
pub struct User {
    name: String,
    tags: Vec<u8>,
}

fn app() -> (App, Arc<Mutex<Vec<String>>>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let errors = Arc::clone(&log);
    let app = App::new()
        .on_error(move |error: Error| errors.lock().unwrap().push(error.to_string()))
        .on_event(|socket: Socket, Line { text }: Line| {
            socket.emit_event(Line { text: text.to_uppercase() });
        })
        .on_event(|_: Socket, Add { a, b }: Add| async move { a.checked_add(b).ok_or("too much") })
        .on_event(|_: Socket, Upload { user, data }: Upload| (data.len(), user.name))
        .on_event(|socket: Socket, Ping {}: Ping| async move {
            let sum = socket.ask(Add { a: 1, b: 2 }).await;
            socket.io().emit_event(Line { text: format!("{sum:?}") });
        });
    (app, log)
}

#[test]
fn handlers_take_and_return_the_types_of_the_event() {
    let (app, log) = app();
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, r#"42["line","hello"]"#);
    world.say(ws, r#"421["add",40,2]"#);
    assert_eq!(world.texts(ws), [r#"42["line","HELLO"]"#, "431[42]"]);
    world.say(ws, r#"451-2["upload",{"name":"x","tags":[]},{"_placeholder":true,"num":0}]"#);
    world.say_binary(ws, b"data");

    assert_eq!(world.texts(ws), [r#"432[4,"x"]"#]);
    assert_eq!(*log.lock().unwrap(), [""; 0]);
}

#[test]
fn answers_of_clients_have_the_type_of_the_event() {
    let (app, _) = app();
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, r#"42["ping"]"#);
    assert_eq!(world.texts(ws), [r#"420["add",1,2]"#]);
    world.say(ws, "430[3]");

    assert_eq!(world.texts(ws), [r#"42["line","Ok(3)"]"#]);
}

#[test]
fn what_does_not_fit_is_reported_with_event_field_and_socket() {
    let (app, log) = app();
    let mut world = World::new(app);
    let ws = world.connect();
    let sid = world.texts(ws)[0].split('"').nth(3).unwrap().to_owned();

    world.say(ws, r#"421["add",1,"two"]"#);
    world.say(ws, r#"42["upload",{"name":"x","tags":[1,300]},""]"#);
    world.say(ws, r#"42["line"]"#);
    world.say(ws, &format!(r#"422["add",{},1]"#, i64::MAX));

    let told = log.lock().unwrap().clone();
    let event = |name: &str| format!("event {name:?} of socket {sid} in /: ");
    assert!(told[0].starts_with(&(event("add") + "argument 1, field `b`: invalid type: string")));
    let tags = event("upload") + "argument 0, field `user.tags[1]`: invalid value: integer `300`";
    assert!(told[1].starts_with(&tags), "{told:?}");
    assert_eq!(told[2], event("line") + "argument 0, field `text`: missing");
    assert_eq!(told[3], event("add") + "too much");
    assert_eq!(world.texts(ws), [""; 0], "the client gets nothing");
}

#[test]
fn a_definition_reads_what_it_writes() {
    let args = Args::of(&Add { a: 1, b: -2 }).unwrap();
    let Add { a, b } = Add::from_args(&args).unwrap();
    assert_eq!((a, b), (1, -2));
    assert!(Args::of(&Ping {}).unwrap().is_empty());
    assert_eq!(Upload::NAME, "upload");
}
