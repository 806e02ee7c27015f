//! The Socket.IO packets, protocol 5: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.

mod decode;
mod encode;

pub(crate) use decode::{Decoder, Limits, Packet};
pub(crate) use encode::{
    Carried, ack, connect, connect_error, disconnect, event, unknown_namespace,
};

/// The names that no event may have, on either side.
pub(crate) const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The greatest number that every peer can hold in a JavaScript number, 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
