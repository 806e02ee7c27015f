//! A Socket.IO server on [smol]: WebSockets and long-polling on one port.
//!
//! Handlers are registered on an [`App`], and [`Serve`] runs it:
//!
//! ```no_run
//! use sockeye_smol::{App, Serve};
//!
//! fn main() -> std::io::Result<()> {
//!     App::new().serve("0.0.0.0:3000")
//! }
//! ```
//!
//! Everything runs on the thread that calls [`Serve::serve`]: what handlers wait for need not be
//! `Send`, and they must not block. A [`Server`] has more to offer: other pages on the same port,
//! a graceful end, a future to run inside another smol program, and streams accepted elsewhere,
//! like those of TLS.
//!
//! # Engine.IO alone
//!
//! An [`EngineApp`] speaks the layer below, messages without names, and is served in the same way;
//! a pair of apps with different paths shares a port:
//!
//! ```no_run
//! use sockeye_smol::core::Frame;
//! use sockeye_smol::{App, EngineApp, Serve, Session};
//!
//! fn main() -> std::io::Result<()> {
//!     let echo = EngineApp::new()
//!         .on_message(|session: &Session, message: Frame| session.send(message));
//!     (App::new(), echo).serve("0.0.0.0:3000")
//! }
//! ```
//!
//! # What a client gets
//!
//! HTTP/1.1 with keep-alive, and WebSockets without compression. On one connection requests are
//! answered one after the other: what a client sends behind a poll that is held waits until the
//! poll is answered, so a client posts on another connection, as all clients of Socket.IO do.
//!
//! What the one who runs a server should know, like running out of file descriptors, goes to the
//! [`log`](https://docs.rs/log) crate.

mod accept;
mod body;
#[cfg(feature = "client")]
pub mod client;
mod clock;
mod codec;
mod connection;
mod conversation;
mod fallback;
mod farewell;
mod frames;
mod handle;
mod handshake;
mod hub;
mod limits;
mod line;
mod linger;
mod link;
mod machine;
mod peer;
mod progress;
mod pulse;
mod seats;
mod serve;
mod server;
mod signal;
mod slot;
mod spelling;
mod stream;
mod targets;
mod tcp;
mod ticket;
mod turns;
mod websocket;

pub use http_body_util::Full;
pub use hyper::body::Incoming;
pub use hyper::http;
pub use sockeye_app::*;

pub use crate::handle::Handle;
pub use crate::limits::Limits;
pub use crate::peer::Peer;
pub use crate::serve::Serve;
pub use crate::server::Server;

#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
