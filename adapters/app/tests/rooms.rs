//! Rooms, one or several at once, and single sockets by their ids.

mod common;

use std::sync::{Arc, Mutex};

use common::World;
use sockeye_app::core::Room;
use sockeye_app::{App, Io, Socket};

/// Lets a client join the rooms that it names.
fn joining() -> App {
    App::new()
        .on("join", |socket: Socket, rooms: Vec<String>| socket.join(rooms))
        .on("tell", |io: Io| io.to(["red", "blue"]).emit("once", ()))
}

#[test]
fn rooms_are_named_by_texts_and_lists_of_them() {
    let app = joining();
    let io = app.io();
    let mut world = World::new(app);
    let (a, b, c) = (world.connect(), world.connect(), world.connect());
    world.say(a, r#"42["join",["red","blue"]]"#);
    world.say(b, r#"42["join",["blue"]]"#);
    for ws in [a, b, c] {
        world.texts(ws);
    }
    let (text, room) = (String::from("red"), Room::from("red"));
    let names = vec![String::from("red"), String::from("blue")];

    assert_eq!(io.to("red").count(), 1);
    assert_eq!(io.to(&text).count(), 1);
    assert_eq!(io.to(text).count(), 1);
    assert_eq!(io.to(&room).count(), 1);
    assert_eq!(io.in_(room).count(), 1);
    assert_eq!(io.to(["red", "blue"]).count(), 2);
    let both = [String::from("red"), String::from("blue")];
    assert_eq!(io.to(&both).count(), 2);
    assert_eq!(io.to(both).count(), 2);
    assert_eq!(io.to(&names[..]).count(), 2);
    assert_eq!(io.to(&names).except("red").count(), 1);
    assert_eq!(io.except(names).count(), 1);

    world.say(c, r#"42["tell"]"#);
    assert_eq!(world.texts(a), [r#"42["once"]"#]);
    assert_eq!(world.texts(b), [r#"42["once"]"#]);
    assert_eq!(world.texts(c), [""; 0]);
}

#[test]
fn a_name_of_a_room_may_ask_the_server_when_it_is_converted() {
    struct Asking(Io);
    impl AsRef<str> for Asking {
        fn as_ref(&self) -> &str {
            if self.0.is_empty() { "nobody" } else { "somebody" }
        }
    }
    let app = joining();
    let io = app.io();
    let mut world = World::new(app);
    let a = world.connect();
    world.say(a, r#"42["join",["somebody"]]"#);

    assert_eq!(io.to([Asking(io.clone())]).count(), 1);
    assert_eq!(io.except([Asking(io.clone())]).count(), 0);
}

#[test]
fn a_socket_is_found_by_its_id_in_its_own_namespace() {
    let app = App::new().of("other", |namespace| namespace.on_connect(|_: Socket| ()));
    let io = app.io();
    let mut world = World::new(app);
    world.connect();
    let socket = io.sockets().remove(0);

    assert_eq!(io.socket(socket.id()), Some(socket.clone()));
    assert_eq!(io.of("/other").socket(socket.id()), None);
    assert_eq!(io.socket("unknown"), None);

    socket.disconnect(true);
    assert_eq!(io.socket(socket.id()), None);
}

#[test]
fn a_slash_before_the_name_of_a_namespace_may_be_left_out() {
    let app = App::new().of("other", |namespace| namespace.on_connect(|_: Socket| ()));
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.open();
    world.say(ws, "40/other,");

    assert_eq!(io.of("other").len(), 1);
    assert_eq!(io.of("/other").len(), 1);
}

#[test]
fn a_socket_knows_whether_it_is_in_a_room_until_it_has_left() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let app = joining()
        .on_disconnecting({
            let log = Arc::clone(&log);
            move |socket: Socket| log.lock().expect("no panic").push(socket.is_in("red"))
        })
        .on_disconnect(move |socket: Socket| {
            log.lock().expect("no panic").push(socket.is_in("red"));
        });
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, r#"42["join",["red"]]"#);
    let socket = io.sockets().remove(0);

    assert!(socket.is_in("red") && socket.is_in(socket.id()));
    assert!(!socket.is_in("blue"));
    socket.leave("red");
    assert!(!socket.is_in("red"));
    socket.join("red");
    world.say(ws, "41");

    assert_eq!(*seen.lock().expect("no panic"), [true, false]);
    assert!(!socket.is_in("red") && !socket.is_in(socket.id()));
}
