//! The server: what is built of handlers, and the machine that an adapter drives.
//!
//! Imports `handlers`, `handles`, `http` and `state`.

pub(crate) mod admission;
pub(crate) mod app;
pub(crate) mod dispatch;
pub(crate) mod endpoint;
pub(crate) mod engine_app;
pub(crate) mod files;
pub(crate) mod machine;
pub(crate) mod pair;
mod settings;
pub(crate) mod with_http;
