//! The server side of Engine.IO.

mod admission;
mod answers;
pub(in crate::engineio) mod config;
mod context;
pub(in crate::engineio) mod engine;
pub(in crate::engineio) mod event;
mod flow;
mod heartbeat;
mod inbox;
mod outbox;
mod pace;
mod pending;
mod probe;
mod receive;
mod request;
mod session;
mod shares;
pub(in crate::engineio) mod stats;
mod upgrade;

pub(crate) use shares::Address;
