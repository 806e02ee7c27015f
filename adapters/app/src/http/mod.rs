//! What a server adds to the answers of the core, where that is HTTP's and not the protocol's:
//! compression, static files beside the endpoint, further headers. All adapters share it.
//!
//! It stands between an adapter and a machine: [`Layer`] sees requests before the machine does, and
//! answers before the adapter does. It imports the core alone.

mod compress;
mod files;
mod hook;
mod layer;

pub use compress::Compression;
pub use files::StaticFile;
pub use hook::{HeaderHook, Stage};
pub use layer::HttpConfig;
pub(crate) use layer::{Layer, Turn};
