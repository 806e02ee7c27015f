//! The default parser: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
//!
//! In the protocol document: "Packet encoding". Attachments are Engine.IO messages of their own and
//! follow the text. The order of messages is checked in `decode.rs`.

use bytes::{Buf, Bytes};

use crate::engineio::Encoded;
use crate::io::Frame;
use crate::socketio::packet::{
    Incoming, Limits, MAX_SAFE_INTEGER, Outgoing, PacketError, PacketKind, Parser,
};

/// Writes a packet as text with its data in JSON, and each binary value as a message of its own.
///
/// The form is `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`, such as
/// `2/admin,7["news","text"]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultParser;

impl Parser for DefaultParser {
    fn encode(&self, mut packet: Outgoing<'_>) -> Encoded {
        let count = packet.attachments().len();
        let kind = match (packet.kind(), count) {
            (PacketKind::Connect, _) => "0",
            (PacketKind::Disconnect, _) => "1",
            (PacketKind::Event, 0) => "2",
            (PacketKind::Ack, 0) => "3",
            (PacketKind::ConnectError, _) => "4",
            (PacketKind::Event, _) => "5",
            (PacketKind::Ack, _) => "6",
        };
        if let Some(id) = packet.id() {
            packet.prepend(digits(id, &mut [0; 20]));
        }
        let namespace = packet.namespace();
        if namespace != "/" {
            packet.prepend(b",");
            packet.prepend(namespace.as_bytes());
        }
        if count > 0 {
            packet.prepend(b"-");
            packet.prepend(digits(count as u64, &mut [0; 20]));
        }
        packet.into_text(kind)
    }

    fn decode(&self, message: Frame, _: Limits) -> Result<Incoming, PacketError> {
        let Frame::Text(mut text) = message else { return Err(PacketError::Binary) };
        let (kind, binary) = match text.first() {
            Some(b'0') => (PacketKind::Connect, false),
            Some(b'1') => (PacketKind::Disconnect, false),
            Some(b'2') => (PacketKind::Event, false),
            Some(b'3') => (PacketKind::Ack, false),
            Some(b'4') => (PacketKind::ConnectError, false),
            Some(b'5') => (PacketKind::Event, true),
            Some(b'6') => (PacketKind::Ack, true),
            _ => return Err(PacketError::Type),
        };
        text.advance(1);
        let mut attachments = 0;
        if binary {
            // `50-[...]` would be a second way to write `2[...]`.
            let starts_with_zero = text.first() == Some(&b'0');
            attachments = number(&mut text).ok_or(PacketError::Count)?;
            if starts_with_zero || text.first() != Some(&b'-') {
                return Err(PacketError::Count);
            }
            text.advance(1);
        }
        let mut namespace = Bytes::from_static(b"/");
        if text.first() == Some(&b'/') {
            let end = text.iter().position(|&byte| byte == b',').unwrap_or(text.len());
            namespace = text.split_to(end);
            text.advance(text.len().min(1));
        }
        let mut packet = Incoming::new(kind, namespace);
        packet.awaited = usize::try_from(attachments).map_err(|_| PacketError::TooMany)?;
        // A digit begins the ack id. So JSON that is a number needs white space in front.
        if let Some(b'0'..=b'9') = text.first() {
            packet.id = Some(number(&mut text).ok_or(PacketError::AckId)?);
        }
        packet.data = text;
        Ok(packet)
    }
}

/// Takes a decimal number off the front; `None` if there is none, or if it exceeds 2^53 - 1.
fn number(text: &mut Bytes) -> Option<u64> {
    // 2^53 - 1 has 16 digits.
    let digits = text.iter().take(17).take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    text.advance(digits);
    (digits <= 16 && number <= MAX_SAFE_INTEGER).then_some(number)
}

fn digits(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}
