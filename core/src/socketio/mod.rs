//! Socket.IO, protocols 5 and 4, on top of Engine.IO.

mod ack;
pub mod client;
mod emit_options;
pub(crate) mod error;
pub mod packet;
pub(crate) mod server;

pub use ack::Responder;
