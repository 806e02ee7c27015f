//! Handles: what handlers, threads and tasks of the application use to reach sockets.
//!
//! Imports `state` alone.

pub(crate) mod ack;
pub(crate) mod backpressure;
pub(crate) mod closed;
pub(crate) mod emitter;
pub(crate) mod error;
pub(crate) mod io;
pub(crate) mod remote;
pub(crate) mod rooms;
pub(crate) mod socket;
