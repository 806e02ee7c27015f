//! A chat in the browser: rooms, private messages, pictures.
//!
//! This file is what the server says and hears; `hall.rs` keeps who is where and what was said.
//! The page is in `web/`.

mod hall;
mod pages;

use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hall::{Answer, Arrival, Entry, Hall, Post, Stamp};
use pages::PAGES;
use serde::Serialize;
use sockeye_smol::{Ack, App, Bytes, Serve, ServerConfig, Socket, State};

/// Handlers are called one at a time, but the state of an app may be shared by several threads.
type Shared = State<Mutex<Hall>>;

fn main() -> ExitCode {
    let run = || {
        let port = port(std::env::args().skip(1), std::env::var("PORT").ok())?;
        serve(port).map_err(|error| error.to_string())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sockeye-chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: u16) -> std::io::Result<()> {
    let mut config = ServerConfig::default();
    // Names are free again soon after somebody vanished.
    config.engine.ping_interval = Duration::from_secs(10);
    config.engine.ping_timeout = Duration::from_secs(8);
    let app = App::new()
        .config(config)
        .state(Mutex::new(Hall::default()))
        .on("sign in", sign_in)
        .on("enter", enter)
        .on("say", say)
        .on("whisper", whisper)
        .on("picture", picture)
        .on("typing", typing)
        .on_disconnect(leave);
    let server = PAGES.iter().fold(app.bind(("0.0.0.0", port))?, |server, (path, kind, body)| {
        server.page(*path, kind, *body)
    });
    println!("listening on http://localhost:{}", server.local_addr()?.port());
    server.serve()
}

/// Gives the socket a name that nobody else has.
fn sign_in(socket: Socket, name: String, hall: Shared) -> Ack<Answer<Arrival>> {
    answer(lock(&hall).sign_in(&socket, name.trim()))
}

/// Moves the socket to a room; answers who is there and what was said.
fn enter(socket: Socket, room: String, hall: Shared) -> Ack<Answer<hall::Room>> {
    let mut hall = lock(&hall);
    let entered = hall.enter(&socket, room.trim());
    if let Ok((left, entered)) = &entered {
        if let Some(left) = left.as_ref().filter(|left| left.room != entered.room) {
            socket.leave(&left.room);
            socket.to(left.room.as_str()).emit("left", left);
        }
        socket.join(&entered.room);
        let (room, name) = (entered.room.as_str(), hall.name(&socket));
        socket.to(room).emit("joined", Presence { name, people: &entered.people });
        socket.io().emit("rooms", hall.rooms());
    }
    answer(entered.map(|(_, entered)| entered))
}

/// Says something to everybody else in the room. The answer is the tick of delivery.
fn say(socket: Socket, text: String, hall: Shared) -> Ack<Answer<Stamp>> {
    let post = lock(&hall).post(&socket, |stamp, from| Entry::text(stamp, from, &text));
    deliver(&socket, "message", post)
}

/// Shows a picture to everybody else in the room.
fn picture(
    socket: Socket,
    name: String,
    kind: String,
    data: Bytes,
    hall: Shared,
) -> Ack<Answer<Stamp>> {
    let post =
        lock(&hall).post(&socket, |stamp, from| Entry::picture(stamp, from, name, kind, data));
    deliver(&socket, "picture", post)
}

fn deliver(socket: &Socket, event: &str, post: Result<Post, String>) -> Ack<Answer<Stamp>> {
    answer(post.map(|post| {
        socket.to(post.room.as_str()).emit(event, &post.entry);
        post.entry.stamp()
    }))
}

/// Says something to one person, wherever they are.
fn whisper(socket: Socket, to: String, text: String, hall: Shared) -> Ack<Answer<Stamp>> {
    let whisper = lock(&hall).whisper(&socket, &to, &text);
    answer(whisper.map(|(id, whisper)| {
        socket.io().to(id).emit("whisper", &whisper);
        whisper.stamp
    }))
}

/// Lets the others in the room know that somebody is about to say something; nobody minds if such
/// a notice is lost.
fn typing(socket: Socket, on: bool, hall: Shared) {
    if let Some((name, room)) = lock(&hall).place(&socket) {
        socket.to(room).volatile().emit("typing", Typing { name, on });
    }
}

fn leave(socket: Socket, hall: Shared) {
    let mut hall = lock(&hall);
    if let Some(left) = hall.leave(&socket) {
        socket.to(left.room.as_str()).emit("left", &left);
        socket.io().emit("rooms", hall.rooms());
    }
}

#[derive(Serialize)]
struct Presence<'a> {
    name: String,
    people: &'a [String],
}

#[derive(Serialize)]
struct Typing {
    name: String,
    on: bool,
}

fn answer<T>(result: Result<T, String>) -> Ack<Answer<T>> {
    Ack(match result {
        Ok(value) => Answer::Done(value),
        Err(error) => Answer::Refused { error },
    })
}

fn lock(hall: &Mutex<Hall>) -> MutexGuard<'_, Hall> {
    hall.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The port: `--port` on the command line, else `PORT` in the environment, else 3000.
fn port(mut args: impl Iterator<Item = String>, env: Option<String>) -> Result<u16, String> {
    let given = match (args.next().as_deref(), args.next()) {
        (None, _) => env,
        (Some("--port"), Some(port)) => Some(port),
        (Some(_), _) => return Err("usage: sockeye-chat [--port PORT]".to_owned()),
    };
    let Some(given) = given else { return Ok(3000) };
    given.parse().map_err(|_| format!("{given:?} is no port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_comes_from_the_command_line_then_the_environment_then_the_default() {
        let args = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let port = |list: &[&str], env: Option<&str>| {
            port(args(list).into_iter(), env.map(ToOwned::to_owned))
        };
        assert_eq!(port(&["--port", "1"], Some("2")), Ok(1));
        assert_eq!(port(&[], Some("2")), Ok(2));
        assert_eq!(port(&[], None), Ok(3000));
        assert!(port(&["--port"], None).is_err());
        assert!(port(&["--port", "x"], None).is_err());
        assert!(port(&["--help"], None).is_err());
    }
}
