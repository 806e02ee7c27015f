//! What a server or client is at its bottom: the machine under its lock, and what is told of it.
//!
//! Imports nothing of the other folders.

pub(crate) mod driven;
pub(crate) mod report;
pub(crate) mod snapshot;
