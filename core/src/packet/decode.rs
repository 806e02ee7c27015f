//! From Engine.IO messages to packets, the reassembly of binary ones included.

use bytes::{Buf, Bytes};
use thiserror::Error;

use super::{MAX_SAFE_INTEGER, RESERVED};
use crate::args::{Args, Name};
use crate::io::Frame;
use crate::json::{self, Scanner};

/// What may come in at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) attachments: usize,
    /// Of a binary packet with its attachments.
    pub(crate) bytes: usize,
}

/// A packet that arrived whole.
#[derive(Debug)]
pub(crate) enum Packet {
    Connect { namespace: Bytes, auth: Args },
    Disconnect { namespace: Bytes },
    Event { namespace: Bytes, name: Name, args: Args, ack: Option<u64> },
    Ack { namespace: Bytes, id: u64, args: Args },
}

/// Why a message is no packet.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum PacketError {
    #[error("unknown packet type")]
    Type,
    #[error("illegal number of attachments")]
    Count,
    #[error("too many attachments")]
    TooMany,
    #[error("packet too large")]
    TooLarge,
    #[error("illegal ack id")]
    AckId,
    #[error("invalid payload")]
    Payload,
    #[error("invalid event name")]
    EventName,
    #[error("illegal attachments")]
    Placeholder,
    #[error("binary packet for a namespace that is not joined")]
    State,
    #[error("got plaintext data when reconstructing a packet")]
    Text,
    #[error("got binary data when not reconstructing a packet")]
    Binary,
}

/// Puts the messages of one session together to packets.
#[derive(Debug, Default)]
pub(crate) struct Decoder(Option<Box<Partial>>);

#[derive(Debug)]
struct Partial {
    header: Header,
    attachments: Vec<Bytes>,
    bytes: usize,
}

impl Decoder {
    /// Whether a binary packet still lacks attachments.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a message, which is valid UTF-8 if it is text; returns the packet that it completes.
    ///
    /// `admit` is asked about a packet before any attachment of it is kept.
    pub(crate) fn add(
        &mut self,
        message: Frame,
        limits: Limits,
        admit: impl FnOnce(&Header) -> bool,
    ) -> Result<Option<Packet>, PacketError> {
        match (message, self.0.take()) {
            (Frame::Text(_), Some(_)) => Err(PacketError::Text),
            (Frame::Binary(_), None) => Err(PacketError::Binary),
            (Frame::Text(text), None) => {
                let header = Header::read(text, limits)?;
                let bytes = header.data.len();
                if bytes > limits.bytes {
                    return Err(PacketError::TooLarge);
                }
                if header.attachments == 0 {
                    return header.into_packet(Vec::new()).map(Some);
                }
                if !admit(&header) {
                    return Err(PacketError::State);
                }
                self.0 = Some(Box::new(Partial { header, attachments: Vec::new(), bytes }));
                Ok(None)
            }
            (Frame::Binary(data), Some(mut partial)) => {
                partial.bytes += data.len();
                if partial.bytes > limits.bytes {
                    return Err(PacketError::TooLarge);
                }
                partial.attachments.push(data);
                if partial.attachments.len() < partial.header.attachments {
                    self.0 = Some(partial);
                    return Ok(None);
                }
                partial.header.into_packet(partial.attachments).map(Some)
            }
        }
    }
}

/// A packet without its attachments.
#[derive(Debug)]
pub(crate) struct Header {
    kind: Kind,
    attachments: usize,
    pub(crate) namespace: Bytes,
    id: Option<u64>,
    data: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
}

impl Header {
    fn read(mut text: Bytes, limits: Limits) -> Result<Self, PacketError> {
        let (kind, binary) = match text.first() {
            Some(b'0') => (Kind::Connect, false),
            Some(b'1') => (Kind::Disconnect, false),
            Some(b'2') => (Kind::Event, false),
            Some(b'3') => (Kind::Ack, false),
            Some(b'5') => (Kind::Event, true),
            Some(b'6') => (Kind::Ack, true),
            // A CONNECT_ERROR (4) comes from servers alone.
            _ => return Err(PacketError::Type),
        };
        text.advance(1);
        let mut attachments = 0;
        if binary {
            let zero = text.first() == Some(&b'0');
            attachments = number(&mut text).ok_or(PacketError::Count)?;
            if zero || text.first() != Some(&b'-') {
                return Err(PacketError::Count);
            }
            text.advance(1);
        }
        let attachments = usize::try_from(attachments).map_err(|_| PacketError::TooMany)?;
        if attachments > limits.attachments {
            return Err(PacketError::TooMany);
        }
        let mut namespace = Bytes::from_static(b"/");
        if text.first() == Some(&b'/') {
            let end = text.iter().position(|&byte| byte == b',').unwrap_or(text.len());
            namespace = text.split_to(end);
            text.advance(text.len().min(1));
        }
        let id = match text.first() {
            Some(b'0'..=b'9') => Some(number(&mut text).ok_or(PacketError::AckId)?),
            _ => None,
        };
        // JSON may have white space around it; before it, only where no ack id could be meant.
        if !text.is_empty() && json::validate(&text).is_err() {
            return Err(PacketError::Payload);
        }
        Ok(Self { kind, attachments, namespace, id, data: text })
    }

    fn into_packet(self, attachments: Vec<Bytes>) -> Result<Packet, PacketError> {
        if !attachments.is_empty() {
            let known = |found: json::Placeholder| found.num.is_some_and(|n| n < attachments.len());
            if !json::placeholders(&self.data).all(known) {
                return Err(PacketError::Placeholder);
            }
        }
        let Self { kind, namespace, id, data, .. } = self;
        match kind {
            Kind::Connect => match data.first() {
                None => Ok(Packet::Connect { namespace, auth: Args::none() }),
                Some(b'{') => Ok(Packet::Connect { namespace, auth: Args::new(data, Vec::new()) }),
                Some(_) => Err(PacketError::Payload),
            },
            Kind::Disconnect if data.is_empty() && id.is_none() => {
                Ok(Packet::Disconnect { namespace })
            }
            Kind::Disconnect => Err(PacketError::Payload),
            Kind::Event => {
                let mut data = elements(data)?;
                let name = event_name(&mut data)?;
                Ok(Packet::Event { namespace, name, args: Args::new(data, attachments), ack: id })
            }
            Kind::Ack => {
                let id = id.ok_or(PacketError::AckId)?;
                let args = Args::new(elements(data)?, attachments);
                Ok(Packet::Ack { namespace, id, args })
            }
        }
    }
}

/// Takes a number of decimal digits off the front; `None` if there is none, or one too large.
fn number(text: &mut Bytes) -> Option<u64> {
    let digits = text.iter().take(17).take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    text.advance(digits);
    (digits <= 16 && number <= MAX_SAFE_INTEGER).then_some(number)
}

/// What stands between the brackets of an array.
fn elements(mut array: Bytes) -> Result<Bytes, PacketError> {
    if array.first() != Some(&b'[') {
        return Err(PacketError::Payload);
    }
    let end = array.iter().rposition(|&byte| byte == b']').ok_or(PacketError::Payload)?;
    array.truncate(end);
    array.advance(1);
    Ok(array)
}

/// Takes the name of the event off the elements of its payload.
///
/// A name may be an integer, as from JavaScript; it counts as the text of its digits.
fn event_name(elements: &mut Bytes) -> Result<Name, PacketError> {
    let mut scanner = Scanner::new(elements, 0);
    let value = scanner.value().map_err(|_| PacketError::EventName)?;
    let value = elements.slice_ref(value);
    let more = scanner.take(b',');
    let end = scanner.pos();
    let name = match value.first() {
        Some(b'"') => Name::from_json(value),
        Some(b'0'..=b'9') if value.iter().all(u8::is_ascii_digit) => Name::from_digits(value),
        _ => return Err(PacketError::EventName),
    };
    if RESERVED.contains(&name.as_str()) {
        return Err(PacketError::EventName);
    }
    elements.advance(if more { end } else { elements.len() });
    Ok(name)
}
