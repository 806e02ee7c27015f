//! What the server says and hears. It needs no adapter, so any of them can serve it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sockeye_app::{Ack, App, Bytes, RateLimit, ServerConfig, Socket, State};

use crate::hall::{Answer, Arrival, Entry, Hall, Move, Post, Room, Stamp};

/// Handlers are called one at a time, but the state of an app may be shared by several threads.
type Shared = State<Mutex<Hall>>;

/// The chat.
pub(crate) fn app() -> App {
    App::new()
        .config(config())
        .state(Mutex::new(Hall::default()))
        .on("sign in", sign_in)
        .on("enter", enter)
        .on("say", say)
        .on("whisper", whisper)
        .on("picture", picture)
        .on("typing", typing)
        .on_disconnect(leave)
}

/// What one client may take of the server, and of everybody's attention. How long names and texts
/// may be, and what is kept, stands in `hall.rs`.
fn config() -> ServerConfig {
    let mut config = ServerConfig::default()
        // What people do, with a notice for each time that they begin and stop to write. Whoever is
        // faster has to wait; nothing of it is lost.
        .rate(RateLimit::new(100, Duration::from_secs(20)))
        // The largest packet is the answer to who enters a room, with all pictures.
        .max_packet_bytes(2_000_000)
        // Nothing is sent along.
        .max_auth_bytes(1_000);
    // The largest message is a picture, which is a third longer by long-polling.
    config.engine.max_payload = 1_000_000;
    // Whoever asks for much and does not read it is closed when somewhat more waits than the
    // pictures of a room. So all sessions together take 4 GB at the very most.
    config.engine.max_buffered = 2_000_000;
    config.engine.max_sessions = 2_000;
    // Names are free again soon after somebody vanished.
    config.engine.ping_interval = Duration::from_secs(10);
    config.engine.ping_timeout = Duration::from_secs(8);
    config
}

/// Gives the socket a name that nobody else has.
fn sign_in(socket: Socket, name: String, hall: Shared) -> Ack<Answer<Arrival>> {
    answer(lock(&hall).sign_in(socket.id(), &name))
}

/// Moves the socket to a room; answers who is there and what was said.
fn enter(socket: Socket, room: String, hall: Shared) -> Ack<Answer<Room>> {
    let entered = lock(&hall).enter(socket.id(), &room);
    answer(entered.map(|(room, step)| {
        if let Some(step) = step {
            // The others learn what has changed, not all that there is. Of whoever enters the room
            // that they are in, they learn nothing: there is nothing to tell.
            tell_left(&socket, &step);
            socket.join(channel(&room.room));
            socket.to(channel(&room.room)).emit("joined", Presence { name: &step.name });
        }
        room
    }))
}

fn leave(socket: Socket, hall: Shared) {
    let step = lock(&hall).leave(socket.id());
    if let Some(step) = step {
        tell_left(&socket, &step);
    }
}

/// Lets the others know whom they have lost, and everybody how many there are in which room.
fn tell_left(socket: &Socket, step: &Move) {
    if let Some(left) = &step.left {
        socket.leave(channel(left));
        socket.to(channel(left)).emit("left", Presence { name: &step.name });
    }
    socket.io().emit("rooms", &step.changed);
}

/// Says something to everybody else in the room. The answer is the tick of delivery.
fn say(socket: Socket, text: String, hall: Shared) -> Ack<Answer<Stamp>> {
    let post = lock(&hall).post(socket.id(), |stamp, from| Entry::text(stamp, from, &text));
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
    let entry = |stamp, from| Entry::picture(stamp, from, &name, kind, data);
    let post = lock(&hall).post(socket.id(), entry);
    deliver(&socket, "picture", post)
}

fn deliver(socket: &Socket, event: &str, post: Result<Post, String>) -> Ack<Answer<Stamp>> {
    answer(post.map(|post| {
        socket.to(channel(&post.room)).emit(event, &post.entry);
        post.entry.stamp()
    }))
}

/// Says something to one person, wherever they are.
fn whisper(socket: Socket, to: String, text: String, hall: Shared) -> Ack<Answer<Stamp>> {
    let whisper = lock(&hall).whisper(socket.id(), &to, &text);
    answer(whisper.map(|(id, whisper)| {
        socket.io().to(id).emit("whisper", &whisper);
        whisper.stamp
    }))
}

/// Lets the others in the room know that somebody is about to say something; nobody minds if such
/// a notice is lost.
fn typing(socket: Socket, on: bool, hall: Shared) {
    let place = lock(&hall).place(socket.id());
    if let Some((name, room)) = place {
        socket.to(channel(&room)).volatile().emit("typing", Typing { name, on });
    }
}

#[derive(Serialize)]
struct Presence<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Typing {
    name: String,
    on: bool,
}

/// Where those in a room are reached. No socket has such an id: each is in a room of its own, which
/// nobody else must get into.
fn channel(room: &str) -> String {
    format!("# {room}")
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
