//! From Engine.IO messages to packets, including the reassembly of packets with attachments.
//!
//! In the protocol document: "Exchange protocol" and "Packet encoding". A parser reads the first
//! message; here is what holds for all parsers: limits, the order of messages, and what each type
//! of packet may contain. Whether a packet is allowed in the state of its socket is decided above.

use bytes::{Buf, Bytes};

use crate::args::Args;
use crate::args::Name;
use crate::io::Frame;
use crate::json::{Outline, Scanner};
use crate::socketio::packet::{Incoming, Limits, PacketError, PacketKind, Parser, RESERVED};

/// A complete packet, as both sides may send it.
#[derive(Debug)]
pub(crate) enum Packet {
    Connect { namespace: Bytes, auth: Args },
    Disconnect { namespace: Bytes },
    Event { namespace: Bytes, name: Name, args: Args, ack: Option<u64> },
    Ack { namespace: Bytes, id: u64, args: Args },
}

/// A complete packet from a server.
#[derive(Debug)]
pub(crate) enum ServerPacket {
    /// The server refuses a CONNECT: `4{"message":"..","data":..}`.
    ConnectError {
        namespace: Bytes,
        error: Args,
    },
    Packet(Packet),
}

/// Reassembles the packets of one session.
#[derive(Debug, Default)]
pub(crate) struct Decoder(Option<Box<Incomplete>>);

/// A packet whose attachments have not all arrived.
#[derive(Debug)]
struct Incomplete {
    packet: Incoming,
    outline: Outline,
    /// The bytes that count for the limit, so far.
    bytes: usize,
    /// Whether it shares no memory with the body that it came in.
    is_detached: bool,
}

impl Decoder {
    /// Returns whether attachments of a packet are missing.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.0.is_some()
    }

    /// Gives an incomplete packet memory of its own. One that came by long-polling shares that of
    /// the whole body otherwise, and keeps all of it.
    pub(crate) fn detach(&mut self) {
        let Some(incomplete) = self.0.as_mut().filter(|it| !it.is_detached) else { return };
        incomplete.is_detached = true;
        for bytes in [&mut incomplete.packet.namespace, &mut incomplete.packet.data] {
            *bytes = Bytes::copy_from_slice(bytes);
        }
    }

    /// Handles a message from a client and returns the packet that it completes. Text must be valid
    /// UTF-8.
    ///
    /// `accepts` decides by its namespace whether a packet with attachments is kept until they arrive,
    /// so that only clients in a namespace can make the server wait for them.
    pub(crate) fn add(
        &mut self,
        parser: &dyn Parser,
        message: Frame,
        limits: Limits,
        accepts: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<Packet>, PacketError> {
        let complete = self.reassemble(parser, message, limits, accepts)?;
        complete.map(|(packet, outline)| check(packet, outline)).transpose()
    }

    /// Handles a message from a server and returns the packet that it completes.
    pub(crate) fn add_from_server(
        &mut self,
        parser: &dyn Parser,
        message: Frame,
        limits: Limits,
    ) -> Result<Option<ServerPacket>, PacketError> {
        // The names of namespaces have at most 255 bytes.
        let complete = self.reassemble(parser, message, limits, |name| name.len() <= 255)?;
        complete.map(|(packet, outline)| check_server_packet(packet, outline)).transpose()
    }

    fn reassemble(
        &mut self,
        parser: &dyn Parser,
        message: Frame,
        limits: Limits,
        accepts: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<(Incoming, Outline)>, PacketError> {
        let Some(mut incomplete) = self.0.take() else {
            let packet = parser.decode(message, limits)?;
            let (bytes, outline) = packet.check(limits)?;
            if packet.awaited == 0 {
                return Ok(Some((packet, outline)));
            }
            if !accepts(&packet.namespace) {
                return Err(PacketError::State);
            }
            self.0 = Some(Box::new(Incomplete { packet, outline, bytes, is_detached: false }));
            return Ok(None);
        };
        let Frame::Binary(data) = message else { return Err(PacketError::Text) };
        incomplete.bytes += data.len();
        if incomplete.bytes > limits.bytes {
            return Err(PacketError::TooLarge);
        }
        incomplete.packet.attachments.push(data);
        incomplete.packet.awaited -= 1;
        if incomplete.packet.awaited > 0 {
            self.0 = Some(incomplete);
            return Ok(None);
        }
        Ok(Some((incomplete.packet, incomplete.outline)))
    }
}

fn check_server_packet(packet: Incoming, outline: Outline) -> Result<ServerPacket, PacketError> {
    if packet.kind != PacketKind::ConnectError {
        return check(packet, outline).map(ServerPacket::Packet);
    }
    let Incoming { namespace, data, attachments, .. } = packet;
    match data.first() {
        None => Ok(ServerPacket::ConnectError { namespace, error: Args::none() }),
        Some(b'{' | b'"') if attachments.is_empty() => Ok(ServerPacket::ConnectError {
            namespace,
            error: Args::new(data, attachments, one(outline)),
        }),
        Some(_) => Err(PacketError::Payload),
    }
}

fn check(packet: Incoming, outline: Outline) -> Result<Packet, PacketError> {
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
        // Only servers send it.
        PacketKind::ConnectError => Err(PacketError::Type),
    }
}

/// The outline of a single argument.
const fn one(outline: Outline) -> Outline {
    Outline { elements: 1, ..outline }
}

/// Makes arguments of JSON values, each of whose placeholders names an attachment of its own, as
/// all encoders write them. Otherwise few bytes could stand for very many.
#[inline]
fn args(json: Bytes, attachments: Vec<Bytes>, outline: Outline) -> Result<Args, PacketError> {
    let args = Args::new(json, attachments, outline);
    if args.is_complete() { Ok(args) } else { Err(PacketError::Placeholder) }
}

/// The text between the brackets of an array.
fn elements(mut array: Bytes) -> Result<Bytes, PacketError> {
    if array.first() != Some(&b'[') {
        return Err(PacketError::Payload);
    }
    let end = array.iter().rposition(|&byte| byte == b']').ok_or(PacketError::Payload)?;
    array.truncate(end);
    array.advance(1);
    Ok(array)
}

/// Takes the name off the front of the elements of an event, `"name",...`.
///
/// A JavaScript client can send an integer as the name; it counts as its digits.
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
