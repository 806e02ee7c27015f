//! Packets of Socket.IO, protocol 5, and the parsers that translate them.
//!
//! In the protocol document: "Exchange protocol" and "Packet encoding". A packet has a type, a
//! namespace, perhaps an id, and data: JSON text in which `{"_placeholder":true,"num":0}` stands
//! for the first attachment. A [`Parser`] translates between packets and messages on the wire; both
//! sides of a connection must use the same one. What packets do is in [`Server`](crate::Server) and
//! [`Client`](crate::Client).
//!
//! [`DefaultParser`] writes what every client understands. The crate `sockeye-msgpack` has the
//! parser for clients with the npm package `socket.io-msgpack-parser`.

mod arguments;
mod decode;
mod encode;
mod kind;
mod limits;
mod outgoing;
mod parser;
mod payload;
mod serializer;
mod text;
mod tokens;
mod write_error;
mod writer;

pub use kind::PacketKind;
pub use limits::Limits;
pub use outgoing::Outgoing;
pub use parser::{Incoming, PacketError, Parser};
pub use payload::{AckPayload, EventPayload};
pub use text::DefaultParser;
pub use tokens::{Token, Tokens};

pub(crate) use decode::{Decoder, Packet, ServerPacket};
pub(crate) use encode::{
    EventMeta, ack, auth_object, connect_error, connect_request, connect_response, disconnect,
    event, unknown_namespace,
};

/// The names that the protocol reserves: neither side may send an event with one.
pub(crate) const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The greatest integer that a JavaScript number holds exactly, 2^53 - 1; so the greatest ack id.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
