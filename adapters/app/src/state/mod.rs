//! What a server or client is at its bottom: the machine under its lock, what is kept of each
//! socket, and where results are put for those who wait.
//!
//! Imports nothing of the other folders.

pub(crate) mod driven;
pub(crate) mod end;
pub(crate) mod fault;
pub(crate) mod names;
pub(crate) mod report;
pub(crate) mod seed;
pub(crate) mod shared;
pub(crate) mod slot;
pub(crate) mod snapshot;
pub(crate) mod stalls;
pub(crate) mod values;
