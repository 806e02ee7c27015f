//! Socket.IO for Rust, built on a sans-I/O protocol core.
//!
//! A [`Server`] is a state machine: it implements the protocol and has no socket, clock, thread or
//! lock. A *driver* feeds it inputs and executes its outputs. So it fits into any runtime, and can be
//! tested deterministically in virtual time. [`Client`] is the other end, driven in the same way; see
//! [`client`]. [`engineio::Engine`] is the layer below a server, for messages without events.
//!
//! # Layers
//!
//! ```text
//!  the application      events of sockets up, commands down
//!        |
//!  socketio             namespaces, sockets, rooms, acknowledgements, recovery
//!        |              packets of Socket.IO: `2["hello","world"]`
//!  engineio             sessions, heartbeat, upgrade from long-polling to WebSocket
//!        |              packets of Engine.IO: `42["hello","world"]`
//!  the driver           HTTP requests, WebSockets, the clock
//! ```
//!
//! Imports have the same direction: `engineio` does not know `socketio`. Below both are `args`
//! (arguments of events, encoded until they are read), `json` (a scanner that builds nothing), `io`
//! (inputs and outputs), `id` and `timers`. [`manual::reading`] names the files in the order in which
//! to read them.
//!
//! # The loop
//!
//! A driver feeds an [`Input`], executes every [`Output`], then waits for the next input or for
//! [`Server::poll_timeout`]. `handle` never waits and never fails: a misbehaving client only loses
//! its own request or connection.
//!
//! ```
//! use std::time::Instant;
//!
//! use sockeye_core::{
//!     EmitOptions, Event, Frames, Headers, Input, Output, RequestId, Response, Server, WsId,
//! };
//!
//! /// What a runtime provides.
//! trait Connections {
//!     /// Waits for the next input or the deadline; returns `None` once the deadline has passed,
//!     /// even if there are inputs.
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
//!                 Output::Event(event) => {
//!                     if let Err(error) = on_event(&mut server, event) {
//!                         eprintln!("not sent: {error}");
//!                     }
//!                 }
//!             }
//!         }
//!     }
//! }
//!
//! /// The application: sends every event back to its sender.
//! fn on_event(server: &mut Server, event: Event) -> Result<(), Box<dyn std::error::Error>> {
//!     if let Event::Received { socket, name, args, ack } = event {
//!         let Some(mut socket) = server.socket(socket) else { return Ok(()) };
//!         match ack {
//!             Some(ack) => socket.ack(ack, &args)?,
//!             None => socket.emit(&name, &args, EmitOptions::default())?,
//!         };
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Credits
//!
//! A machine never waits for a client to read. Each transport gives it *credits* instead, one write
//! each: an open GET is a credit, and so is a WebSocket whose last [`Output::Send`] was followed by
//! [`Input::Drained`]. Without a credit, packets wait in the queue of their session, up to
//! [`max_buffered`](engineio::EngineConfig::max_buffered) bytes. With the next one, all of them leave
//! in one write. Everything about flow control follows from this: there is at most one write in
//! flight for each client, a client is ready for a volatile event if its session has a credit and an
//! empty queue, and a client that does not read costs its queue and nothing else.
//!
//! # Guarantees
//!
//! - **Events of one socket** come in the order in which its client sent them: `Connected` first,
//!   `Disconnected` last, each once; also across the upgrade from long-polling to a WebSocket.
//! - **Packets to one socket** arrive in the order of the commands. None is lost or duplicated while
//!   the connection lasts, except volatile events for a client that was not ready. Commands apply at
//!   once, also those that are given while an event is handled.
//! - **A packet with attachments** is sent with nothing between its messages.
//! - **Volatile** events are for clients that are ready now, whoever emits them and when: between two
//!   times at which all outputs were taken, a client counts as ready if it was ready once.
//! - **Outputs** have one order, which depends on the seed, the inputs, and the points at which the
//!   driver takes outputs: after every input or after several. Messages take effect when their outputs
//!   are taken, one after the other, so a command that is given while an event is handled applies
//!   before the next message: after [`disconnect`](SocketMut::disconnect) no more events come from
//!   that socket.
//! - **Slices**: a client can send many messages at once, and each can lead to many more. They are
//!   handled in slices of 1,024 messages, or 4 MiB of messages produced for clients. Then
//!   [`poll_output`](Server::poll_output) returns `None` although messages wait; the next slice is due
//!   a millisecond later, as [`poll_timeout`](Server::poll_timeout) says, and
//!   [`handle_timeout`](Server::handle_timeout) begins it. Meanwhile the driver writes and reads for
//!   all other clients, and nothing is read from that client. A client whose messages are broadcast
//!   faster than the receivers read waits for them, up to 250 ms for each MiB. So deadlines go before
//!   inputs, and a driver that reads on after [`Output::Pause`] makes memory unbounded.
//! - **The cost of a message** is linear: memory and time are in proportion to its bytes and to the
//!   bytes that it makes the server send, whatever is in it and whether the application keeps it,
//!   reads it into types, or sends it on. Data is scanned a fixed number of times, however deep it is,
//!   and each of many arguments is found without a look at all before it. An attachment is named once
//!   and shared from its arrival on; reading it into a type copies it. The factor is that of the types:
//!   a [`Value`] takes 40 bytes for a single digit. Types that serde reads from a copy of its own, as
//!   untagged enums are, cost one such copy for each of them that is within another one, all at once,
//!   and each is many times as large as the text: do not read what clients send into untagged types
//!   that contain themselves.
//! - **Every request** is answered once, with [`Output::Respond`] or [`Output::Abort`], unless its
//!   client is gone first.
//! - **Every limit** is a field of [`ServerConfig`], [`RecoveryConfig`], [`engineio::EngineConfig`] or
//!   [`client::Config`], with a default that
//!   is safe on the open internet. Fixed are the depth of data ([`packet::Limits::DEPTH_TO_SERVER`]),
//!   the length of a namespace's name (255 bytes), the slices, the pace of broadcasts, the NOOPs of an
//!   upgrade (8 at once, then one each 100 ms), and the POSTs that are read of a paused client which is
//!   about to switch to a WebSocket (2). Once all clients are gone, [`Server::counts`] is all zeros; with recovery,
//!   once [`RecoveryConfig::max_disconnection`] has passed.
//!
//! # Embedding
//!
//! Give one `Server` to one task or thread, or put it behind a lock that is never held across a wait.
//! Ask [`engineio::EngineConfig::matches`] which requests are for it. Choose a [`RequestId`] for each
//! request and a [`WsId`] for each WebSocket handshake, and keep their connections in maps. Wake the
//! timer only when `poll_timeout` has moved closer.
//!
//! The protocols are those of <https://socket.io/docs/v4/engine-io-protocol/> and
//! <https://socket.io/docs/v4/socket-io-protocol/>. Deliberate differences from the official server
//! are listed in [`manual::differences`].
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
mod setters;
mod socketio;
mod timers;

pub use args::{ArgError, Args, Name, TypedEvent, Value};
pub use error::ConfigError;
pub use id::{AckId, SessionId, Sid, SocketId};
pub use io::{
    CloseCause, Frame, Frames, Headers, Input, Output, Request, RequestId, Response, WsId,
    is_valid_header,
};
pub use network::{Network, ParseNetworkError};
pub use socketio::client::Client;
pub use socketio::error::{AckError, DisconnectReason, EmitError, EncodeError, RespondError};
pub use socketio::packet::{AckPayload, EventPayload};
pub use socketio::server::{
    Counts, EmitOptions, Event, Namespace, NamespaceConfig, OnExceeded, OnOverflow, RateLimit,
    RecoveryConfig, Room, RoomChange, Selector, Server, ServerConfig, SocketMut, Totals, Violation,
};
pub use socketio::{Responder, client, packet};

/// For [`events!`] and fuzz targets alone.
#[doc(hidden)]
pub mod __private {
    #[cfg(fuzzing)]
    pub use crate::cost::scanned;
    pub use serde::ser::SerializeTuple;
    pub use serde::{Serialize, Serializer};
}
