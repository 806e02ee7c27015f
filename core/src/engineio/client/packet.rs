//! The Engine.IO packets that a server may send, as text.
//!
//! Engine.IO protocol, section "Packet encoding": one digit for the type, then the data; in
//! long-polling, `b` and base64 is a binary message. Binary WebSocket messages are messages as a
//! whole, and do not come here. Cutting a long-polling payload into packets is done in
//! [`engineio::packet`](crate::engineio::packet), for both roles.

use base64::Engine as _;
use bytes::{Buf, Bytes};

use crate::engineio::packet::BASE64;
use crate::io::Frame;

/// A packet of the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// `0` and JSON: the description of the session.
    Open(Bytes),
    /// `1`: the server closes the session.
    Close,
    /// `2`: the heartbeat.
    Ping,
    /// `3`, or `3probe` on a WebSocket that is being probed.
    Pong { probe: bool },
    /// `4` and text, or `b` and base64.
    Message(Frame),
    /// `5` (upgrade), which servers do not send, and `6` (noop), which ends a pending GET. Neither
    /// needs a reaction.
    Other,
}

/// Decodes a text packet; `None` if it is not a valid one.
pub(super) fn decode(mut text: Bytes) -> Option<Packet> {
    let kind = *text.first()?;
    text.advance(1);
    match kind {
        b'0' => Some(Packet::Open(text)),
        b'1' => Some(Packet::Close),
        b'2' => Some(Packet::Ping),
        b'3' => Some(Packet::Pong { probe: &text[..] == b"probe" }),
        b'4' => Some(Packet::Message(Frame::Text(text))),
        b'5' | b'6' => Some(Packet::Other),
        b'b' => Some(Packet::Message(Frame::Binary(BASE64.decode(&text).ok()?.into()))),
        _ => None,
    }
}
