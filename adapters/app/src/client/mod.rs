//! The other end: handlers for Socket.IO clients, with the same typed arguments as on the server.
//!
//! A [`Client`] is a set of handlers. An adapter, such as `sockeye-smol`, connects it to a server:
//!
//! ```
//! use sockeye_app::Ack;
//! use sockeye_app::client::{Client, Socket};
//!
//! let client = Client::new()
//!     .auth(serde_json::json!({ "token": "secret" }))
//!     .on_connect(|socket: Socket| socket.emit("hello", "world"))
//!     .on("chat message", |text: String| println!("{text}"))
//!     .on("add", |a: i64, b: i64| Ack(a + b));
//! ```
//!
//! # What happens by itself
//!
//! A connection that is lost is opened again, after a delay that grows with each attempt. What is
//! emitted meanwhile waits, up to a limit, and is sent when the socket is connected again. A
//! socket that the server has kept the place of comes back with its id and gets what it has missed.
//! Several namespaces share one connection.

mod builder;
mod calls;
mod closing;
mod dispatch;
mod emitter;
mod events;
mod held;
mod hub;
mod listening;
mod machine;
mod socket;

pub use builder::{Client, Namespace};
pub use calls::{ConnectCall, DisconnectCall, RefusedCall};
pub use closing::{Closing, Undelivered};
pub use emitter::Emitter;
pub use events::{Event, Events};
pub(crate) use held::Busy;
pub use machine::{Machine, Runtime};
pub use socket::Socket;
pub use sockeye_core::client::{
    Attempt, Config, DisconnectReason, Fault as ConnectionFault, SocketConfig, TransportFault,
};
pub use sockeye_core::engineio::Transport;

use sockeye_core::Args;

/// Something went wrong in the handlers of a client. The client goes on.
#[derive(Debug)]
pub struct Error {
    /// The socket.
    pub socket: Socket,
    /// The name of the event; `connect`, `connect_error` or `disconnect` for handlers of those.
    pub event: String,
    /// What it is.
    pub fault: crate::Fault,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { socket, event, fault } = self;
        write!(f, "event {event:?} of the socket for {}: {fault}", socket.namespace())
    }
}

impl std::error::Error for Error {}

/// The server does not let a socket in: the `connect_error` of a middleware.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Why, in the server's words.
    pub message: String,
    /// What the server says besides: one argument, or none.
    pub data: Args,
}

/// Why a socket is not connected.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server does not let it in.
    #[error("the server refuses: {0}")]
    Refused(#[from] Refused),
    /// There is no connection to the server.
    #[error("no connection: {0}")]
    Failed(#[from] ConnectionFault),
    /// It was disconnected here, or by the server.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The configuration can't work.
    #[error(transparent)]
    Config(#[from] sockeye_core::ConfigError),
    /// This is no address of a server.
    #[error("{0}")]
    Url(&'static str),
    /// The system does not give what is needed to run.
    #[error("{0}")]
    System(String),
}

/// Something happened to the connection that all sockets share, for
/// [`Client::on_connection`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Connection {
    /// It is open.
    Opened {
        /// With which transport.
        transport: Transport,
        /// How many attempts it took since it was lost; 0 if it is the first one.
        attempts: u32,
    },
    /// It went over from long-polling to a WebSocket.
    Upgraded,
    /// It stays with long-polling.
    NotUpgraded(ConnectionFault),
    /// It could not be opened.
    Failed {
        /// Which attempt it was; 0 is the first of all.
        attempt: u32,
        /// Why.
        fault: ConnectionFault,
    },
    /// It is lost, after the sockets were told.
    Closed {
        /// Why.
        reason: DisconnectReason,
        /// What happened, where there is more to say.
        fault: Option<ConnectionFault>,
    },
    /// An attempt to open it again begins.
    Reconnecting {
        /// Which one, from 1 on.
        attempt: u32,
    },
    /// There are no more attempts.
    GaveUp,
}
