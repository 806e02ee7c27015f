//! The app that the tests talk to.
#![allow(unreachable_pub, reason = "an example uses it, too")]

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use sockeye_tiny_http::{
    Ack, AckSender, App, Args, Auth, Bytes, DisconnectReason, Namespace, ServerConfig, Socket,
};

/// An app whose events do what they are called.
pub fn app() -> App {
    App::new()
        .of("/", events)
        .of("/custom", |namespace| {
            events(namespace).on_connect(|socket: Socket, auth: Auth<HashMap<String, String>>| {
                socket.emit("auth", auth.0);
            })
        })
        .on_disconnect(|socket: Socket, reason: DisconnectReason| {
            socket.io().emit("left", (socket.id(), reason.as_str()));
        })
}

/// The same, but it wants an answer to its pings almost at once.
#[allow(dead_code, reason = "only some tests need it")]
pub fn impatient_app() -> App {
    let mut config = ServerConfig::default();
    config.engine.ping_interval = Duration::from_millis(50);
    config.engine.ping_timeout = Duration::from_secs(1);
    app().config(config)
}

fn events(namespace: Namespace) -> Namespace {
    rooms(endings(namespace))
        .on("echo", |socket: Socket, args: Args| socket.emit("echo", args))
        .on("ack", |args: Args| Ack(args))
        .on("swallow", || ())
        .on("numbers", |socket: Socket, count: u32| {
            (0..count).for_each(|number| socket.emit("number", number));
        })
        .on("ask me", |socket: Socket, question: Args| async move {
            let asked = socket.timeout(Duration::from_secs(1));
            match asked.emit_with_ack::<(i64, Bytes)>("question", question).await {
                Ok(answer) => socket.emit("answered", answer),
                Err(error) => socket.emit("unanswered", error.to_string()),
            }
        })
        .on("wait", |millis: u64, word: String, ack: AckSender| {
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(millis));
                ack.send(word);
            });
        })
}

fn rooms(namespace: Namespace) -> Namespace {
    namespace
        .on("join", |socket: Socket, room: String| {
            socket.join(&*room);
            Ack(())
        })
        .on("leave", |socket: Socket, room: String| {
            socket.leave(&*room);
            Ack(())
        })
        .on("to room", |socket: Socket, room: String, word: String| {
            socket.io().to(&*room).emit("room", word);
            Ack(())
        })
        .on("to others in room", |socket: Socket, room: String, word: String| {
            socket.to(&*room).emit("room", word);
            Ack(())
        })
        .on("to all", |socket: Socket, args: Args| {
            socket.io().emit("all", args);
            Ack(())
        })
        .on("to others", |socket: Socket, args: Args| {
            socket.broadcast().emit("others", args);
            Ack(())
        })
}

fn endings(namespace: Namespace) -> Namespace {
    namespace
        .on("kick me", |socket: Socket| socket.disconnect(false))
        .on("hang up on me", |socket: Socket| socket.disconnect(true))
        .on("panic", || -> () { panic!("as asked") })
        .on("panic later", |socket: Socket| async move {
            let asked = socket.timeout(Duration::from_millis(1));
            let unanswered = asked.emit_with_ack::<()>("question", ()).await;
            assert!(unanswered.is_ok(), "as asked");
        })
}
