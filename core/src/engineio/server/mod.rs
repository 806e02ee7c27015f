//! The server side of Engine.IO.
//!
//! `engine` finds the session that an input is for, and `session` holds its state. Plain parts that
//! know neither: `heartbeat`, `probe`, `pace`, `inbox`, `outbox`, `answers`, `pending`, `request`,
//! `shares`; `context` is what all sessions share. Methods of `Session` are also in `receive`, `flow`
//! and `upgrade`, those of `Engine` in `admission`, which no file imports.

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
