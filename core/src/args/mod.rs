//! Arguments of events and acknowledgements: JSON text with attachments, until an application reads
//! them or sends them on.
//!
//! In the protocol document, they are the payload of EVENT and ACK packets. This folder reads and
//! writes them for serde; the packets around them are those of `socketio/packet`.

#[expect(clippy::module_inception, reason = "the type that the folder is about")]
mod args;
mod arity;
mod byte_seq;
mod deserialize;
mod error;
mod name;
mod serialize;
pub(crate) mod shared;
mod typed;
mod value;

pub use args::Args;
pub use error::ArgError;
pub use name::Name;
pub use typed::TypedEvent;
pub use value::Value;
