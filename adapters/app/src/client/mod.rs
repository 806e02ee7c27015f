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
mod connect_error;
mod connection;
mod dispatch;
mod emitter;
mod endpoint;
mod error;
mod events;
mod handlers;
mod held;
mod listening;
mod machine;
mod permit;
mod queue;
mod shared;
mod socket;

pub use builder::Client;
pub use calls::{ConnectCall, DisconnectCall, RefusedCall};
pub use closing::Closing;
pub use connect_error::{ConnectError, Refused, Undelivered};
pub use connection::Connection;
pub use emitter::Emitter;
pub use error::Error;
pub use events::Events;
pub use handlers::Namespace;
pub use machine::{Machine, Runtime};
#[doc(hidden)]
pub use permit::ClientPermit;
pub use queue::Event;
pub use socket::Socket;
pub use sockeye_core::client::{
    Attempt, Config, DisconnectReason, Fault as ConnectionFault, SocketConfig, TransportFault,
};
pub use sockeye_core::engineio::Transport;
