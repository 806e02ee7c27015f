//! The client side of Socket.IO, protocol 5: several namespaces over one connection to one server,
//! which is opened, upgraded, watched, and opened again when it is lost.
//!
//! A [`Client`] is a state machine like [`Server`](crate::Server), and is driven in the same way: a
//! driver feeds an [`Input`], carries out every [`Output`], and is back at the next input or when
//! [`Client::poll_timeout`] says.
//!
//! ```
//! use std::time::Instant;
//!
//! use sockeye_core::client::{Client, Config, Event, HttpRequest, Input, Output, SocketConfig};
//! use sockeye_core::{EmitOptions, Frames, Headers, RequestId, WsId};
//!
//! /// What a runtime has to offer, for one server.
//! trait Connections {
//!     /// Waits for whatever happens next, or for the deadline; `None` means that it has passed.
//!     fn next(&mut self, deadline: Option<Instant>) -> Option<Input>;
//!     fn request(&mut self, req: RequestId, request: HttpRequest);
//!     fn abort(&mut self, req: RequestId);
//!     fn open(&mut self, ws: WsId, target: &str, headers: Headers, limit: usize);
//!     fn send(&mut self, ws: WsId, frames: Frames);
//!     fn ping(&mut self, ws: WsId);
//!     fn close(&mut self, ws: WsId);
//! }
//!
//! fn run(seed: [u8; 32], mut io: impl Connections) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = Client::new(Config::default(), seed)?;
//!     let socket = client.open("/", SocketConfig::default(), Instant::now())?;
//!     loop {
//!         while let Some(output) = client.poll_output() {
//!             match output {
//!                 Output::Request { req, request } => io.request(req, request),
//!                 Output::Abort { req } => io.abort(req),
//!                 Output::Open { ws, target, headers, limit, .. } => {
//!                     io.open(ws, &target, headers, limit);
//!                 }
//!                 Output::Send { ws, frames } => io.send(ws, frames),
//!                 Output::Ping { ws } => io.ping(ws),
//!                 Output::Close { ws } => io.close(ws),
//!                 Output::Event(Event::Connected { .. }) => {
//!                     let Some(mut socket) = client.socket(socket) else { continue };
//!                     socket.emit("hello", "world", EmitOptions::default(), Instant::now())?;
//!                 }
//!                 Output::Event(event) => println!("{event:?}"),
//!             }
//!         }
//!         match io.next(client.poll_timeout()) {
//!             Some(input) => client.handle(input, Instant::now()),
//!             None => client.handle_timeout(Instant::now()),
//!         }
//!     }
//! }
//! ```
//!
//! # Where things are
//!
//! The client has one direction of imports: `client` knows its parts, the files with its methods
//! know `client`, and nothing imports those.
//!
//! | Files | What they hold |
//! |---|---|
//! | `input`, `event`, `config`, `auth`, `error`, `counts` | the contract with drivers and applications |
//! | `client` | the state machine: inputs, outputs, deadlines |
//! | `connection`, `namespaces`, `receiving`, `sending`, `shutdown` | its methods, by subject |
//! | `socket_mut` | the commands of one socket |
//! | `socket`, `retries`, `recovery`, `backoff`, `state`, `alarm`, `outputs`, `connect_error` | its parts, which know nothing of it |
//!
//! HTTP requests, WebSockets and the upgrade are the business of the client side of
//! [`engineio`](crate::engineio).
//!
//! # What can be relied on
//!
//! - **Events of one socket** arrive in the order in which the server sent them, between
//!   `Connected` and `Disconnected`; also across the upgrade from long-polling to a WebSocket.
//! - **What is emitted** arrives in the order of the commands. What is emitted while the socket is
//!   not connected waits until it is. Packets that were in flight when the connection was lost may
//!   be lost with it, unless there are [retries](SocketConfig::retries).
//! - **Each acknowledgement** that is asked for is one [`Event::Acked`], with an error if the
//!   answer does not arrive in time, or not before the end of the connection.
//! - **A request that fails** ends the connection, and is never repeated: nothing is lost silently,
//!   nothing arrives twice.
//! - **What differs** from the official client is listed in
//!   [`manual::client_differences`](crate::manual::client_differences).
//! - **Whatever a server sends**, it can't make the client panic, nor use more memory than the
//!   limits in [`Config`] allow.

mod alarm;
mod auth;
mod backoff;
#[expect(clippy::module_inception, reason = "the type that the folder is about")]
mod client;
mod config;
mod connect_error;
mod connection;
mod counts;
mod error;
mod event;
mod input;
mod namespaces;
mod outputs;
mod receiving;
mod recovery;
mod retries;
mod sending;
mod shutdown;
mod socket;
mod socket_mut;
mod state;

pub use auth::{Auth, AuthError};
pub use client::Client;
pub use config::{Config, SocketConfig};
pub use counts::Counts;
pub use error::{Fault, OpenError};

pub use crate::socketio::ack::Responder;
pub use crate::socketio::error::DisconnectReason;
pub use event::Event;
pub use input::Input;
pub use socket_mut::SocketMut;

pub use crate::engineio::client::{Attempt, HttpRequest, Output, TransportFault};
