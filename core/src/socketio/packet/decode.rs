//! From Engine.IO messages to packets, the reassembly of those in several messages included.

use bytes::{Buf, Bytes};

use crate::args::Args;
use crate::args::Name;
use crate::io::Frame;
use crate::json::{Outline, Scanner};
use crate::socketio::packet::{Incoming, Limits, PacketError, PacketKind, Parser, RESERVED};

/// A packet that arrived whole.
#[derive(Debug)]
pub(crate) enum Packet {
    Connect { namespace: Bytes, auth: Args },
    Disconnect { namespace: Bytes },
    Event { namespace: Bytes, name: Name, args: Args, ack: Option<u64> },
    Ack { namespace: Bytes, id: u64, args: Args },
}

/// A packet as only a server may send it.
#[derive(Debug)]
pub(crate) enum FromServer {
    /// The client is not let in; with what is said about it.
    Refusal {
        namespace: Bytes,
        error: Args,
    },
    Packet(Packet),
}

/// Puts the messages of one session together to packets.
#[derive(Debug, Default)]
pub(crate) struct Decoder(Option<Box<Partial>>);

#[derive(Debug)]
struct Partial {
    packet: Incoming,
    outline: Outline,
    bytes: usize,
}

impl Decoder {
    /// Whether a packet still lacks binary messages.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a message, which is valid UTF-8 if it is text; returns the packet that it completes.
    ///
    /// `admit` is asked about the namespace of a packet before any message that follows is kept.
    pub(crate) fn add(
        &mut self,
        parser: &dyn Parser,
        message: Frame,
        limits: Limits,
        admit: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<Packet>, PacketError> {
        let whole = self.gather(parser, message, limits, admit)?;
        whole.map(|(packet, outline)| finish(packet, outline)).transpose()
    }

    /// Adds a message of a server's; returns the packet that it completes.
    pub(crate) fn add_from_server(
        &mut self,
        parser: &dyn Parser,
        message: Frame,
        limits: Limits,
    ) -> Result<Option<FromServer>, PacketError> {
        let whole = self.gather(parser, message, limits, |_| true)?;
        whole.map(|(packet, outline)| finish_from_server(packet, outline)).transpose()
    }

    fn gather(
        &mut self,
        parser: &dyn Parser,
        message: Frame,
        limits: Limits,
        admit: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<(Incoming, Outline)>, PacketError> {
        let Some(mut partial) = self.0.take() else {
            let packet = parser.decode(message, limits)?;
            let (bytes, outline) = packet.check(limits)?;
            if packet.awaited == 0 {
                return Ok(Some((packet, outline)));
            }
            if !admit(&packet.namespace) {
                return Err(PacketError::State);
            }
            self.0 = Some(Box::new(Partial { packet, outline, bytes }));
            return Ok(None);
        };
        let Frame::Binary(data) = message else { return Err(PacketError::Text) };
        partial.bytes += data.len();
        if partial.bytes > limits.bytes {
            return Err(PacketError::TooLarge);
        }
        partial.packet.attachments.push(data);
        partial.packet.awaited -= 1;
        if partial.packet.awaited > 0 {
            self.0 = Some(partial);
            return Ok(None);
        }
        Ok(Some((partial.packet, partial.outline)))
    }
}

fn finish_from_server(packet: Incoming, outline: Outline) -> Result<FromServer, PacketError> {
    if packet.kind != PacketKind::ConnectError {
        return finish(packet, outline).map(FromServer::Packet);
    }
    let Incoming { namespace, data, attachments, .. } = packet;
    match data.first() {
        None => Ok(FromServer::Refusal { namespace, error: Args::none() }),
        Some(b'{' | b'"') if attachments.is_empty() => {
            Ok(FromServer::Refusal { namespace, error: Args::new(data, attachments, one(outline)) })
        }
        Some(_) => Err(PacketError::Payload),
    }
}

fn finish(packet: Incoming, outline: Outline) -> Result<Packet, PacketError> {
    let Incoming { kind, namespace, id, data, attachments, .. } = packet;
    match kind {
        PacketKind::Connect => match data.first() {
            None => Ok(Packet::Connect { namespace, auth: Args::none() }),
            Some(b'{') => {
                Ok(Packet::Connect { namespace, auth: args(data, attachments, one(outline))? })
            }
            Some(_) => Err(PacketError::Payload),
        },
        PacketKind::Disconnect if data.is_empty() && id.is_none() => {
            Ok(Packet::Disconnect { namespace })
        }
        PacketKind::Disconnect => Err(PacketError::Payload),
        PacketKind::Event => {
            let mut data = elements(data)?;
            let name = event_name(&mut data)?;
            let Outline { depth, elements } = outline;
            let outline = Outline { depth: depth - 1, elements: elements - 1 };
            let args = args(data, attachments, outline)?;
            Ok(Packet::Event { namespace, name, args, ack: id })
        }
        PacketKind::Ack => {
            let id = id.ok_or(PacketError::AckId)?;
            let (data, depth) = (elements(data)?, outline.depth - 1);
            let args = args(data, attachments, Outline { depth, ..outline })?;
            Ok(Packet::Ack { namespace, id, args })
        }
        // It comes from servers alone.
        PacketKind::ConnectError => Err(PacketError::Type),
    }
}

/// The outline of values of which there is one.
const fn one(outline: Outline) -> Outline {
    Outline { elements: 1, ..outline }
}

/// Takes values, each of whose binary values is named at most once, as all encoders do:
/// otherwise few bytes could stand for very many.
#[inline]
fn args(json: Bytes, attachments: Vec<Bytes>, outline: Outline) -> Result<Args, PacketError> {
    let args = Args::new(json, attachments, outline);
    if args.is_complete() { Ok(args) } else { Err(PacketError::Placeholder) }
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
    let (value, more, end) = {
        let mut scanner = Scanner::new(elements, 0);
        let value = scanner.value().map_err(|_| PacketError::EventName)?;
        (elements.slice_ref(value), scanner.take(b','), scanner.pos())
    };
    let name = match value.first() {
        Some(b'"') => Name::from_json(value),
        Some(b'0'..=b'9') if value.iter().all(u8::is_ascii_digit) => Name::from_digits(value),
        _ => return Err(PacketError::EventName),
    };
    if RESERVED.iter().any(|reserved| reserved.as_bytes() == name.as_bytes()) {
        return Err(PacketError::EventName);
    }
    elements.advance(if more { end } else { elements.len() });
    Ok(name)
}
