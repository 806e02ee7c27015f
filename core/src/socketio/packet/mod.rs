//! The Socket.IO packets, protocol 5, and the parsers that translate them.
//!
//! A [`Parser`] translates between the messages on the wire and one form of packet in which all
//! else happens: a kind, a namespace, perhaps an id, and data as JSON text in which
//! `{"_placeholder":true,"num":0}` stands for the first binary value, and so on. Both sides of a
//! connection must use the same parser.
//!
//! [`DefaultParser`] writes what every client understands. The crate `sockeye-msgpack` has the parser
//! for clients with the npm package `socket.io-msgpack-parser`.

mod arguments;
mod decode;
mod encode;
mod failure;
mod kind;
mod limits;
mod outgoing;
mod parser;
mod payload;
mod text;
mod tokens;
mod writer;

pub use kind::PacketKind;
pub use limits::Limits;
pub use outgoing::Outgoing;
pub use parser::{Incoming, PacketError, Parser};
pub use payload::{AckPayload, EventPayload};
pub use text::DefaultParser;
pub use tokens::{Token, Tokens};

pub(crate) use decode::{Decoder, FromServer, Packet};
pub(crate) use encode::{
    Carried, ack, connect, connect_error, disconnect, event, join, object, unknown_namespace,
};

/// The names that no event may have, on either side.
pub(crate) const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The greatest number that every peer can hold in a JavaScript number, 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
