//! Packets in MessagePack, as the npm package `socket.io-msgpack-parser` writes them.
//!
//! The codec is written by hand. What is needed is small: tokens on one side, JSON text on the
//! other, nothing typed in between. No crate would save the parts that matter here: limits that a
//! peer can't get around, no recursion, and the ways in which JavaScript's encoder is special.

mod read;
mod write;

use crate::engineio::Encoded;
use crate::io::Frame;

use crate::socketio::packet::{Incoming, Limits, Outgoing, PacketError, Parser};

/// Writes a packet as one binary message: a MessagePack map with the keys `type`, `data`, `id` and
/// `nsp`, in which binary values stand where they belong.
///
/// For clients with the parser of the npm package `socket.io-msgpack-parser`. It saves bytes where
/// packets hold numbers or binary values, at the price of messages that people can't read.
///
/// What MessagePack can say and JSON can't becomes what JavaScript's `JSON.stringify` makes of it:
///
/// - `undefined` is `null` in arrays, and left out of objects with its key;
/// - a `Date` is its text, such as `"2026-01-31T12:00:00.000Z"`, or `null` if it is none;
/// - `NaN` and the infinities are `null`, floats without a fraction are written as integers.
///
/// And besides:
///
/// - keys of maps that are integers become text, those that are neither text nor integers are
///   refused;
/// - extension types that are not the encoder's own are an array of the type and the bytes, as in
///   JavaScript;
/// - text that is no valid UTF-8, a key of the packet that comes twice, and bytes after the packet
///   are refused;
/// - a map with the key `_placeholder` is refused next to binary values;
/// - `data` that is `nil` counts as missing, since clients in Python write it so.
///
/// The limits are those of [`ServerConfig`](crate::ServerConfig), as with the default parser;
/// sizes count after the translation to JSON, which is at most six times longer.
#[derive(Clone, Copy, Debug, Default)]
pub struct MsgpackParser;

impl Parser for MsgpackParser {
    fn encode(&self, packet: Outgoing<'_>) -> Encoded {
        let message = write::packet(&packet);
        packet.into_message(message)
    }

    fn decode(&self, message: Frame, limits: Limits) -> Result<Incoming, PacketError> {
        match message {
            Frame::Binary(message) => read::packet(&message, limits),
            Frame::Text(_) => Err(PacketError::Text),
        }
    }
}
