//! A Socket.IO client, protocol 5: several namespaces over one connection to one server, which is
//! opened, upgraded, watched, and opened again when it is lost.
//!
//! A [`Client`] is a state machine like [`Server`](crate::Server), and is driven in the same way: a
//! driver feeds an [`Input`], carries out every [`Output`], and is back at the next input or when
//! [`Client::poll_timeout`] says.
//!
//! ```
//! use std::time::Instant;
//!
//! use sockeye_core::client::{Client, Config, Event, HttpRequest, Input, Output, SocketConfig};
//! use sockeye_core::{Emission, Frames, Headers, RequestId, WsId};
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
//!                     socket.emit("hello", "world", Emission::default(), Instant::now())?;
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
//! # What can be relied on
//!
//! - **Events of one socket** come in the order in which the server sent them, between `Connected`
//!   and `Disconnected`; also across the upgrade from long-polling to a WebSocket.
//! - **What is emitted** arrives in the order of the commands. What is emitted while the socket is
//!   not connected waits until it is. What was on its way when the connection was lost may be lost
//!   with it, unless there are [retries](SocketConfig::retries).
//! - **Each acknowledgement** that is asked for is one [`Event::Acked`], with an error if the
//!   answer does not come: in time, or before the end of the connection.
//! - **A request that fails** ends the connection, and is never made again: nothing is lost
//!   silently, nothing comes twice.
//! - **What differs** from the official client is listed in [`manual::client_differences`](crate::manual::client_differences).
//! - **Whatever a server sends**, it can't make the client panic, and it can't fill its memory:
//!   every limit is a field of [`Config`].

mod backoff;
#[expect(clippy::module_inception, reason = "the type that the folder is about")]
mod client;
mod config;
mod ending;
mod error;
mod inbound;
mod io;
mod life;
mod link;
mod outbound;
mod outputs;
mod recovery;
mod socket;

pub use crate::engineio::client::{Attempt, HttpRequest, Output, TransportFault};
pub use client::Client;
pub use config::{Auth, Config, SocketConfig};
pub use error::{AuthError, DisconnectReason, Fault, OpenError};
pub use io::Input;
pub use socket::SocketMut;

use crate::args::Args;
use crate::args::Name;
use crate::engineio::Transport;
use crate::error::AckError;
use crate::id::{AckId, Sid, SocketId};

/// What a [`Client`] tells the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    // About the connection.
    /// The connection is open; namespaces are joined next.
    Opened {
        /// The transport that opened it.
        transport: Transport,
        /// How many attempts it took since the connection was lost; 0 if it is the first one.
        attempts: u32,
    },
    /// The connection went over from long-polling to a WebSocket.
    Upgraded,
    /// The connection stays with long-polling.
    NotUpgraded {
        /// Why.
        fault: Fault,
    },
    /// The connection could not be opened. Another attempt follows, unless
    /// [`GaveUp`](Self::GaveUp) does, or connecting again is off.
    Failed {
        /// Which attempt it was; 0 is the first of all.
        attempt: u32,
        /// Why.
        fault: Fault,
    },
    /// The connection is lost. Comes after `Disconnected` of its sockets.
    Closed {
        /// Why.
        reason: DisconnectReason,
        /// What happened, where there is more to say.
        fault: Option<Fault>,
    },
    /// An attempt to connect again begins.
    Reconnecting {
        /// Which one, from 1 on.
        attempt: u32,
    },
    /// An attempt to connect begins, the first one or another, and the application is
    /// [to be asked](Config::ask_attempts) where it goes: answer with [`Client::attempt`] or
    /// [`Client::fail_attempt`], within the [`timeout`](Config::timeout) of the attempt.
    Attempting,
    /// There were as many attempts as [allowed](Config::reconnection_attempts); there will be no
    /// more without [`SocketMut::connect`].
    GaveUp,

    // About one socket.
    /// The server is to be told something at connect; answer with [`SocketMut::authenticate`].
    Authenticating {
        /// The socket.
        socket: SocketId,
    },
    /// The server let the socket in.
    Connected {
        /// The socket.
        socket: SocketId,
        /// Its id on the wire, which the server knows it by.
        sid: Sid,
        /// Whether the server has kept its place while it was away: it has its id and rooms of
        /// before, and what it has missed comes next.
        recovered: bool,
    },
    /// The server does not let the socket in. It does not ask again by itself.
    Refused {
        /// The socket.
        socket: SocketId,
        /// Why, in the server's words; perhaps empty.
        message: String,
        /// What the server says besides: one argument, or none.
        data: Args,
    },
    /// The server has not said within the [`connect_timeout`](Config::connect_timeout) whether it
    /// lets the socket in. The socket still asks: an answer that comes later counts, and without
    /// one this comes again after as long. The connection stays as long as another socket is
    /// connected on it.
    Unanswered {
        /// The socket.
        socket: SocketId,
    },
    /// An event arrived.
    Received {
        /// The socket it came to.
        socket: SocketId,
        /// The name of the event.
        name: Name,
        /// Its arguments.
        args: Args,
        /// Present if the server wants an acknowledgement; give it to [`SocketMut::ack`].
        ack: Option<Responder>,
    },
    /// An acknowledgement arrived, or is not going to. Comes exactly once for each
    /// [`SocketMut::emit_with_ack`].
    Acked {
        /// The socket.
        socket: SocketId,
        /// Which one it is.
        ack: AckId,
        /// The arguments of the answer, or why there is none.
        result: Result<Args, AckError>,
    },
    /// An event without an acknowledgement for the application was given up after all
    /// [retries](SocketConfig::retries), or with its socket: the server may not have got it.
    GivenUp {
        /// The socket.
        socket: SocketId,
        /// The name of the event.
        name: Name,
        /// What became of the last try.
        error: AckError,
    },
    /// The socket is not connected any more. Comes exactly once for each `Connected`.
    Disconnected {
        /// The socket.
        socket: SocketId,
        /// Why.
        reason: DisconnectReason,
        /// What happened to the connection, where there is more to say.
        fault: Option<Fault>,
        /// Whether it connects again by itself.
        returns: bool,
    },
}

/// The right to answer one event with an acknowledgement, once and on the connection on which the
/// event came.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the server waits for its acknowledgement"]
pub struct Responder {
    pub(super) id: u64,
    pub(super) socket: SocketId,
    /// How often the socket was connected.
    pub(super) life: u64,
}

/// How many things a client remembers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Sockets, connected or not.
    pub sockets: usize,
    /// HTTP requests that are under way.
    pub requests: usize,
    /// WebSockets, with those that are being opened.
    pub websockets: usize,
    /// Acknowledgements that are owed by the server.
    pub acks: usize,
    /// Bytes that wait to be sent, as they count against [`Config::max_buffered`].
    pub buffered: usize,
    /// Deadlines.
    pub timers: usize,
}
