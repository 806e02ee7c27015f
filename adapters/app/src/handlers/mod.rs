//! Handlers: closures of the application, what their parameters may be, and how they are called.
//!
//! Imports `handles` and `state`.

pub(crate) mod call;
pub(crate) mod delivery;
pub(crate) mod detached;
pub(crate) mod event_handlers;
pub(crate) mod handler;
pub(crate) mod listeners;
pub mod marker;
pub(crate) mod namespace;
pub(crate) mod packet;
pub(crate) mod pattern;
pub(crate) mod reply;
pub(crate) mod typed;
