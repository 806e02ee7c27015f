//! Handlers for Socket.IO servers: typed, sync or async, free of any runtime.
//!
//! An [`App`] is a set of handlers. An adapter, such as `sockeye-smol`, serves it:
//!
//! ```
//! use sockeye_app::{Ack, App, Socket};
//!
//! let app = App::new()
//!     .on_connect(|socket: Socket| socket.join("lobby"))
//!     .on("chat message", |socket: Socket, text: String| async move {
//!         socket.io().emit("chat message", text);
//!     })
//!     .on("add", |a: i64, b: i64| Ack(a + b));
//! ```
//!
//! # Handlers
//!
//! A handler is a closure or function, sync or async, registered once for all sockets. Its
//! parameters say what it wants:
//!
//! | parameter | what it is | in handlers of |
//! |---|---|---|
//! | [`Socket`] | the socket, a handle that may be cloned, kept and sent to other threads | everything |
//! | [`Io`] | all sockets of the namespace | everything |
//! | [`State<T>`] | what was given to [`App::state`] | everything |
//! | [`Captures<T>`] | what a pattern found in the name of the namespace | everything |
//! | a type that serde can deserialize | the next argument; [`Bytes`] or `Vec<u8>` for binary, `Option<T>` for what may be missing | events |
//! | [`Args`] | all arguments not taken by the parameters before, undecoded | events, their middlewares |
//! | [`Name`] | the name of the event | events, their middlewares |
//! | [`Packet`] | the event, to be changed | middlewares for events |
//! | [`AckSender`] | the acknowledgement, to be sent later or from elsewhere | events |
//! | [`Auth<T>`] | what the client sent along when it connected | connections |
//! | [`DisconnectReason`] | why the socket was disconnected | disconnections |
//! | [`Rooms`] | the rooms that the socket was in | disconnections |
//!
//! It returns `()`, an [`Ack`], or a `Result` of either, whose error goes to [`App::on_error`] as
//! do arguments that do not fit and panics; nobody is disconnected for them.
//!
//! The [`guide`] goes through all of it by subject; those who come from Node find a
//! [table](guide::from_javascript) there.
//!
//! # Order
//!
//! The events of one socket are handled in the order in which the client sent them: a handler's
//! part up to its first wait runs before the next event is looked at. What then waits goes on
//! beside everything else, so a slow handler delays nobody. It ends with its connection, unless it
//! is [`Detached`].
//!
//! # Sending
//!
//! What is emitted applies at once, in the order of the calls. A tuple is several arguments, `()`
//! none, everything else one; note that fixed-size arrays count as tuples. Binary is what
//! serializes as bytes, such as [`Bytes`], at any depth.
#![forbid(unsafe_code)]

pub mod client;
pub mod guide;
mod handlers;
mod handles;
mod http;
mod server;
mod state;

pub use bytes::Bytes;
pub use handlers::call::{
    Auth, Call, ConnectCall, DisconnectCall, EventCall, ExpiredCall, FromCall, Label, Origin,
    Rooms, State, UpgradeCall,
};
pub use handlers::detached::Detached;
pub use handlers::handler::{Handler, Outcome, Task};
pub use handlers::listeners::ListenerId;
pub use handlers::marker;
pub use handlers::namespace::Namespace;
pub use handlers::packet::{Packet, PacketCall};
pub use handlers::pattern::{Captures, Finding, Params};
pub use handlers::reply::{Ack, Reply};
pub use handlers::typed::{Answer, TypedHandler};
pub use handles::ack::{AckFailure, AckFuture, AckSender, Answers, AnswersFuture};
#[doc(hidden)]
pub use handles::backpressure::{HandlerPermit, ServerPermit};
pub use handles::closed::Closed;
#[doc(hidden)]
pub use handles::emitter::EmitTarget;
pub use handles::emitter::Emitter;
pub use handles::error::Error;
pub use handles::io::{Io, Operator};
pub use handles::remote::{FetchError, RemoteSocket};
pub use handles::rooms::IntoRooms;
pub use handles::socket::Socket;
pub use http::{Compression, HeaderHook, HttpConfig, Stage, StaticFile};
pub use server::admission::Refusal;
pub use server::app::App;
pub use server::engine_app::{EngineApp, Session};
pub use server::files::ClientFiles;
pub use server::machine::{IntoMachine, Machine, Runtime};
pub use sockeye_core as core;
pub use sockeye_core::events;
pub use sockeye_core::{
    AckError, Args, ConfigError, DisconnectReason, EmitError, EncodeError, Name, OnExceeded,
    OnOverflow, RateLimit, RespondError, RoomChange, ServerConfig, TypedEvent, Value,
};
#[cfg(feature = "msgpack")]
pub use sockeye_msgpack::MsgpackParser;
#[doc(hidden)]
pub use state::end::End;
pub use state::fault::{BoxError, Fault};
pub use state::snapshot::Snapshot;
