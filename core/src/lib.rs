//! Socket.IO with its protocol held apart from all I/O.
#![forbid(unsafe_code)]

mod ack;
mod args;
mod de;
pub mod engine;
mod error;
mod id;
mod io;
mod json;
mod packet;
mod server;
mod timers;

pub use args::{ArgError, Args, Name};
pub use error::{AckError, ConfigError, DisconnectReason, EmitError};
pub use id::{AckId, SessionId, Sid, SocketId};
pub use io::{Closure, Frame, Frames, Headers, Input, Output, Request, RequestId, Response, WsId};
pub use server::{
    Counts, Emission, Event, NamespaceConfig, Responder, Room, Selector, Server, ServerConfig,
    SocketMut,
};
