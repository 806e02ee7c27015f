//! From what the application says to Engine.IO messages, each encoded once for all receivers.
//!
//! What stands in the comments is the form of the default parser.

use serde::{Serialize, ser};

use crate::engineio::Encoded;
use crate::error::EmitError;
use crate::id::Sid;
use crate::socketio::packet::writer::Writer;
use crate::socketio::packet::{AckPayload, EventPayload, Limits, Outgoing, PacketKind, Parser};

/// What an event carries besides its name and data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried<'a> {
    /// The acknowledgement that it asks for.
    pub(crate) ack: Option<u64>,
    /// Where it stands among the events that can be recovered: one more argument, at the end.
    pub(crate) offset: Option<&'a str>,
    /// Whether answers to GETs that hold it may be compressed.
    pub(crate) compress: bool,
}

/// `2<namespace>,<ack id>["name",...]`, or `5<n>-...` if the data holds binary.
pub(crate) fn event(
    parser: &dyn Parser,
    namespace: &str,
    payload: EventPayload,
    carried: Carried<'_>,
    limits: Limits,
) -> Result<Encoded, EmitError> {
    let kind = PacketKind::Event;
    let mut packet = Outgoing::with(payload.0, kind, namespace, carried.ack, limits);
    if let Some(offset) = carried.offset {
        packet.append(offset)?;
    }
    packet.set_compress(carried.compress);
    Ok(parser.encode(packet.within_size()?))
}

/// `3<namespace>,<ack id>[...]`, or `6<n>-...` if the data holds binary.
pub(crate) fn ack(
    parser: &dyn Parser,
    namespace: &str,
    id: u64,
    payload: AckPayload,
    limits: Limits,
) -> Result<Encoded, EmitError> {
    payload.0.check(limits)?;
    let packet = Outgoing::with(payload.0, PacketKind::Ack, namespace, Some(id), limits);
    Ok(parser.encode(packet.within_size()?))
}

/// `0<namespace>,{"sid":"..."}`, with the key to recover the socket if there is one; nothing
/// about an id for old clients.
pub(crate) fn connect(
    parser: &dyn Parser,
    namespace: &str,
    sid: Option<&Sid>,
    pid: Option<&Sid>,
) -> Encoded {
    let mut packet = Outgoing::new(PacketKind::Connect, namespace, None, Limits::default());
    if let Some(sid) = sid {
        packet.raw(b"{\"sid\":\"");
        packet.raw(sid.as_str().as_bytes());
        if let Some(pid) = pid {
            packet.raw(b"\",\"pid\":\"");
            packet.raw(pid.as_str().as_bytes());
        }
        packet.raw(b"\"}");
    }
    parser.encode(packet)
}

/// What a client may send along when it asks to be let in, as JSON. Binary values are arrays of
/// numbers.
pub(crate) fn object(data: &(impl Serialize + ?Sized)) -> Result<String, EmitError> {
    let limits = Limits { depth: Limits::DEPTH_TO_SERVER, ..Limits::default() };
    let mut json = Vec::new();
    Writer::new(&mut json, None, limits, 0).value(data)?;
    String::from_utf8(json).map_err(|_| EmitError::Serialize(ser::Error::custom("not UTF-8")))
}

/// `0<namespace>,{"pid":"..","offset":"..",...}`, by which a client asks to be let in: with the
/// key and the offset to recover a socket, if there are any, and the JSON text of an object.
pub(crate) fn join(
    parser: &dyn Parser,
    namespace: &str,
    auth: Option<&str>,
    claim: Option<(&str, &str)>,
) -> Result<Encoded, EmitError> {
    let mut packet = Outgoing::new(PacketKind::Connect, namespace, None, Limits::default());
    let rest = auth.and_then(|object| object.strip_prefix('{'));
    match (claim, rest) {
        (None, None) => {}
        (None, Some(rest)) => {
            packet.raw(b"{");
            packet.raw(rest.as_bytes());
        }
        (Some((pid, offset)), rest) => {
            packet.raw(b"{\"pid\":");
            packet.text(pid)?;
            packet.raw(b",\"offset\":");
            packet.text(offset)?;
            let rest = rest.unwrap_or("}");
            packet.raw(if rest.starts_with('}') { b"" } else { b"," });
            packet.raw(rest.as_bytes());
        }
    }
    Ok(parser.encode(packet))
}

/// `1<namespace>,`
pub(crate) fn disconnect(parser: &dyn Parser, namespace: &str) -> Encoded {
    parser.encode(Outgoing::new(PacketKind::Disconnect, namespace, None, Limits::default()))
}

/// `4<namespace>,{"message":"...","data":...}`; the data or the message alone for old clients.
pub(crate) fn connect_error<T: Serialize + ?Sized>(
    parser: &dyn Parser,
    namespace: &str,
    old: bool,
    message: &str,
    data: &T,
) -> Result<Encoded, EmitError> {
    let mut packet = Outgoing::new(PacketKind::ConnectError, namespace, None, Limits::default());
    if old {
        if !packet.plain(data, 0)? {
            packet.text(message)?;
        }
    } else {
        packet.raw(b"{\"message\":");
        packet.text(message)?;
        packet.raw(b",\"data\":");
        if !packet.plain(data, 1)? {
            packet.cut(b",\"data\":");
        }
        packet.raw(b"}");
    }
    Ok(parser.encode(packet.within_size()?))
}

/// `4<namespace>,{"message":"Invalid namespace"}`, also for old clients.
pub(crate) fn unknown_namespace(parser: &dyn Parser, namespace: &str) -> Encoded {
    let mut packet = Outgoing::new(PacketKind::ConnectError, namespace, None, Limits::default());
    packet.raw(b"{\"message\":\"Invalid namespace\"}");
    parser.encode(packet)
}
