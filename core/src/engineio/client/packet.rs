//! What a server may send.

use base64::Engine as _;
use bytes::{Buf, Bytes};

use crate::engineio::packet::BASE64;
use crate::io::Frame;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// With the description of the session.
    Open(Bytes),
    Close,
    Ping,
    /// `3`, or `3probe` on a WebSocket that is to take over.
    Pong {
        probe: bool,
    },
    Message(Frame),
    /// Of no meaning from a server, but allowed: `5` and `6`.
    Other,
}

/// Reads a text packet; `None` if it is none.
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
