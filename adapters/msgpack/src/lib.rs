//! The MessagePack parser of Socket.IO, for clients with the npm package
//! [`socket.io-msgpack-parser`](https://www.npmjs.com/package/socket.io-msgpack-parser).
//!
//! It writes a packet as one binary message, in which binary values stand where they belong. This
//! saves bytes where packets hold numbers or binary values, at the price of messages that people
//! cannot read. Both sides of a connection must use the same parser:
//!
//! ```
//! use std::sync::Arc;
//!
//! use sockeye_core::{Server, ServerConfig};
//! use sockeye_msgpack::MsgpackParser;
//!
//! let config = ServerConfig::default().parser(Arc::new(MsgpackParser));
//! let server = Server::new(config, [7; 32])?;
//! # Ok::<(), sockeye_core::ConfigError>(())
//! ```
//!
//! With `sockeye-app`, `sockeye-smol` or `sockeye-tiny-http`, enable their feature `msgpack`, which
//! re-exports [`MsgpackParser`].
//!
//! # The wire form
//!
//! A packet is a map with the keys `type` (the number of [`PacketKind`]), `nsp`, and, where there
//! are any, `id` and `data`. The event `2["hello",1]` is
//!
//! ```text
//! 83 a4 "type" 02 a4 "data" 92 a5 "hello" 01 a3 "nsp" a1 "/"
//! ```
//!
//! The formats are those of the [MessagePack specification][spec] and the extension type 0 of
//! [`notepack.io`](https://www.npmjs.com/package/notepack.io), the JavaScript encoder. See "Custom
//! parser" in the documentation of Socket.IO.
//!
//! # How it is built
//!
//! The codec is hand-written: it goes from the bytes of MessagePack to JSON text and back, without
//! a tree of values in between. Limits apply while a message is read, nothing recurses, and nothing
//! is allocated for lengths that are only declared.
//!
//! [spec]: https://github.com/msgpack/msgpack/blob/master/spec.md
//! [`PacketKind`]: sockeye_core::packet::PacketKind
#![forbid(unsafe_code)]

mod date;
mod decode;
mod encode;
mod json;
mod reader;

use sockeye_core::Frame;
use sockeye_core::engineio::Encoded;
use sockeye_core::packet::{Incoming, Limits, Outgoing, PacketError, Parser};

/// The greatest integer that a JavaScript number holds exactly, 2^53 - 1.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Writes a packet as one binary message: a MessagePack map with the keys `type`, `data`, `id` and
/// `nsp`, in which binary values stand where they belong.
///
/// Values that MessagePack has and JSON has not become what JavaScript's `JSON.stringify` makes of
/// them:
///
/// - `undefined` is `null` in arrays, and is left out of objects with its key;
/// - a `Date` is its text, such as `"2026-01-31T12:00:00.000Z"`, or `null` if it is invalid;
/// - `NaN` and the infinities are `null`; floats without a fraction are written as integers.
///
/// Other rules for messages that arrive:
///
/// - integer keys of maps become text; keys that are neither text nor integers are refused;
/// - an extension type other than 0 is an array of the type and the bytes, as in JavaScript;
/// - text that is not valid UTF-8, a repeated key of the packet, and bytes after the packet are
///   refused;
/// - a map with the key `_placeholder` is refused next to binary values;
/// - `data` that is `nil` counts as missing, since clients in Python write it.
///
/// The limits are those of [`ServerConfig`](sockeye_core::ServerConfig), as with the default
/// parser. Sizes count after the translation to JSON, which is at most six times longer.
#[derive(Clone, Copy, Debug, Default)]
pub struct MsgpackParser;

impl Parser for MsgpackParser {
    fn encode(&self, packet: Outgoing<'_>) -> Encoded {
        let message = encode::packet(&packet);
        packet.into_message(message)
    }

    fn decode(&self, message: Frame, limits: Limits) -> Result<Incoming, PacketError> {
        match message {
            Frame::Binary(message) => decode::packet(&message, limits),
            Frame::Text(_) => Err(PacketError::Text),
        }
    }
}
