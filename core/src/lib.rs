//! Socket.IO with its protocol held apart from all I/O.
//!
//! A [`Server`] is a state machine. It knows everything about the protocol and nothing about the
//! world: it has no socket, clock, thread, lock or task. Somebody else, a *driver*, tells it what
//! happened and carries out what it wants. That makes it fit into any runtime, and lets it be
//! tested in virtual time, to the byte.
//!
//! [`engineio::Engine`] is the layer below, for those who want messages and no events; both are
//! driven in the same way. So is [`Client`], the other end: see [`client`].
//!
//! # The loop
//!
//! A driver feeds an [`Input`], carries out every [`Output`], and is back at the next input or
//! when [`Server::poll_timeout`] says. `handle` never waits and never fails: what a client does
//! wrong costs that client its request or its connection.
//!
//! ```
//! use std::time::Instant;
//!
//! use sockeye_core::{
//!     Emission, Event, Frames, Headers, Input, Output, RequestId, Response, Server, WsId,
//! };
//!
//! /// What a runtime has to offer.
//! trait Connections {
//!     /// Waits for whatever happens next, or for the deadline; `None` means that it has passed. One
//!     /// that has passed goes before anything that has happened.
//!     fn next(&mut self, deadline: Option<Instant>) -> Option<Input<'_>>;
//!     fn read_body(&mut self, req: RequestId, limit: usize);
//!     fn respond(&mut self, req: RequestId, response: Response);
//!     fn abort(&mut self, req: RequestId);
//!     fn accept(&mut self, ws: WsId, headers: Headers, limit: usize);
//!     fn refuse(&mut self, ws: WsId, response: Response);
//!     fn send(&mut self, ws: WsId, frames: Frames);
//!     fn pause(&mut self, ws: WsId, paused: bool);
//!     fn close(&mut self, ws: WsId);
//! }
//!
//! fn run(mut server: Server, mut io: impl Connections) {
//!     loop {
//!         match io.next(server.poll_timeout()) {
//!             Some(input) => server.handle(input, Instant::now()),
//!             None => server.handle_timeout(Instant::now()),
//!         }
//!         while let Some(output) = server.poll_output() {
//!             match output {
//!                 Output::ReadBody { req, limit } => io.read_body(req, limit),
//!                 Output::Respond { req, response } => io.respond(req, response),
//!                 Output::Abort { req } => io.abort(req),
//!                 Output::Accept { ws, headers, limit } => io.accept(ws, headers, limit),
//!                 Output::Refuse { ws, response } => io.refuse(ws, response),
//!                 Output::Send { ws, frames } => io.send(ws, frames),
//!                 Output::Pause { ws } => io.pause(ws, true),
//!                 Output::Resume { ws } => io.pause(ws, false),
//!                 Output::Close { ws } => io.close(ws),
//!                 Output::Event(event) => on_event(&mut server, event),
//!             }
//!         }
//!     }
//! }
//!
//! /// The application: sends every event back to whom it came from.
//! fn on_event(server: &mut Server, event: Event) {
//!     if let Event::Received { socket, name, args, ack } = event {
//!         let Some(mut socket) = server.socket(socket) else { return };
//!         let sent = match ack {
//!             Some(ack) => socket.ack(ack, &args),
//!             None => socket.emit(&name, &args, Emission::default()).map(drop),
//!         };
//!         if let Err(error) = sent {
//!             eprintln!("nothing was sent: {error}");
//!         }
//!     }
//! }
//! ```
//!
//! # What can be relied on
//!
//! - **Events of one socket** come in the order in which its client sent them: `Connected` first,
//!   `Disconnected` last, each once. That holds across the upgrade from long-polling to a
//!   WebSocket, too.
//! - **What is emitted to one socket** arrives in the order of the commands. Nothing is lost or
//!   doubled before the end of the connection, but for volatile events that a client was not
//!   ready for. Commands apply at once; also those given while an event is being handled.
//! - **A packet with binary values** goes out as a whole.
//! - **Outputs** have one order, which depends on the seed, the inputs, and the points at which the
//!   driver takes outputs: after every input or after several. What a client sends takes effect when the outputs that it
//!   leads to are taken, one message after the other, so a command that is given while an event is
//!   handled applies before the next message is looked at: after
//!   [`disconnect`](SocketMut::disconnect) nothing more comes from that socket.
//! - **Slices**: a client can send many messages at once, and each can lead to many more. They are
//!   handled in slices of 1,024 messages, or 4 MiB of messages made for clients. Then
//!   [`poll_output`](Server::poll_output) is `None` although there is more; the next slice is due a
//!   millisecond later, as [`poll_timeout`](Server::poll_timeout) says, and
//!   [`handle_timeout`](Server::handle_timeout) begins it. Meanwhile the driver writes and reads for
//!   everybody else, and nothing more is read from that client. One whose messages are sent on
//!   faster than the receivers take them has to wait for them, up to 250 ms for each MiB. So the
//!   deadline goes before new inputs, and a driver that reads on after [`Output::Pause`] makes
//!   memory unbounded.
//! - **What a message costs** is linear: memory and time are in proportion to its bytes and to the
//!   bytes that it makes the server send, whatever is in it and whatever the application does with
//!   it, such as keeping it, reading it into types, or sending it on. Data is scanned a fixed number
//!   of times, however deep it is, and each of many arguments is found without a look at all before
//!   it. A binary value is named once and shared from its arrival on; what is read into a type is a
//!   copy. The factor is that of the types: a [`Value`] takes 40 bytes for a single digit. Types that
//!   serde reads from a copy of its own, as untagged enums are, cost one such copy for each of them
//!   that is within another one, all at once, and each is many times as large as the text: do not
//!   read what clients send into untagged types that contain themselves.
//! - **Every request** is answered once, with [`Output::Respond`] or [`Output::Abort`], unless its
//!   client is gone first. At most one [`Output::Send`] is in flight for each WebSocket, so
//!   [`Input::Drained`] is all there is to flow control.
//! - **Every limit** is a field of [`ServerConfig`] or [`engineio::EngineConfig`], with a default
//!   that is safe on the open internet. Fixed are how deep data may be
//!   ([`packet::Limits::DEPTH_TO_SERVER`]), the size and the pace of the slices, and two POSTs that
//!   are read of a paused client which is about to change to a WebSocket. When everybody has left, [`Server::counts`] is all zeros.
//!
//! # How to embed it
//!
//! Give one `Server` to one task or thread, or put it behind a lock that is never held while
//! something waits. Ask [`engineio::EngineConfig::matches`] which requests are for it. Choose a
//! [`RequestId`] for each request and a [`WsId`] for each WebSocket handshake, and keep what
//! belongs to them in maps of your own. Wake the timer only when `poll_timeout` has moved closer.
//!
//! # Where things are
//!
//! | Module | What it is about |
//! |---|---|
//! | `io` | what goes in and what comes out: [`Input`], [`Output`] |
//! | [`engineio`] | Engine.IO: sessions, long-polling, WebSockets, the upgrade, heartbeats |
//! | `packet` | Socket.IO packets, to bytes and back |
//! | `server` | Socket.IO: namespaces, sockets, rooms, acknowledgements |
//! | [`client`] | the other end: connecting, reconnecting, several namespaces over one connection |
//! | `args`, `de`, `relay` | arguments that stay encoded until they are read or sent on, with binary values inside |
//! | `json`, `placeholder` | scanners that find where values end and binary values stand, and build nothing |
//! | `network` | addresses of clients, also behind proxies |
//! | `timers`, `id` | deadlines in order; ids, and the only randomness there is |
#![forbid(unsafe_code)]

mod args;
#[cfg(any(test, fuzzing))]
mod cost;
pub mod engineio;
mod error;
mod id;
mod io;
mod json;
pub mod manual;
mod network;
mod socketio;
mod timers;

pub use args::{ArgError, Args, Name, TypedEvent, Value};
pub use error::{AckError, ConfigError, DisconnectReason, EmitError};
pub use id::{AckId, IdHasher, IdHashing, IdMap, SessionId, Sid, SocketId};
pub use io::{Closure, Frame, Frames, Headers, Input, Output, Request, RequestId, Response, WsId};
pub use network::{Network, ParseNetworkError};
pub use socketio::client::Client;
pub use socketio::packet::{AckPayload, EventPayload};
pub use socketio::server::{
    Counts, Emission, Event, NamespaceConfig, OnExceeded, OverflowPolicy, RateLimit,
    RecoveryConfig, Responder, Room, RoomChange, Selector, Server, ServerConfig, SocketMut, Totals,
};
pub use socketio::{client, packet};

/// For [`events!`] and fuzz targets alone.
#[doc(hidden)]
pub mod __private {
    #[cfg(fuzzing)]
    pub use crate::cost::scanned;
    pub use serde::ser::SerializeTuple;
    pub use serde::{Serialize, Serializer};
}
