//! Encodes outgoing packets as Engine.IO messages, each once for all of its receivers.
//!
//! In the protocol document: "Packet encoding" and "Exchange protocol". The comments quote the form
//! of the default parser.

use serde::{Serialize, ser};

use crate::engineio::Encoded;
use crate::id::Sid;
use crate::socketio::error::EncodeError;
use crate::socketio::packet::writer::Writer;
use crate::socketio::packet::{AckPayload, EventPayload, Limits, Outgoing, PacketKind, Parser};

/// The properties of an event besides its name and data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventMeta<'a> {
    /// The id of the acknowledgement that it requests.
    pub(crate) ack: Option<u64>,
    /// Its offset for connection state recovery: one more argument, at the end.
    pub(crate) offset: Option<&'a str>,
    /// Whether responses of long-polling that contain it may be compressed.
    pub(crate) compress: bool,
}

/// `2<namespace>,<ack id>["name",...]`, or `5<n>-...` if the data holds binary.
pub(crate) fn event(
    parser: &dyn Parser,
    namespace: &str,
    payload: EventPayload,
    meta: EventMeta<'_>,
    limits: Limits,
) -> Result<Encoded, EncodeError> {
    let kind = PacketKind::Event;
    let mut packet = Outgoing::with(payload.0, kind, namespace, meta.ack, limits);
    if let Some(offset) = meta.offset {
        packet.append(offset)?;
    }
    packet.set_compress(meta.compress);
    Ok(parser.encode(packet.within_size()?))
}

/// `3<namespace>,<ack id>[...]`, or `6<n>-...` if the data holds binary.
pub(crate) fn ack(
    parser: &dyn Parser,
    namespace: &str,
    id: u64,
    payload: AckPayload,
    limits: Limits,
) -> Result<Encoded, EncodeError> {
    payload.0.check(limits)?;
    let packet = Outgoing::with(payload.0, PacketKind::Ack, namespace, Some(id), limits);
    Ok(parser.encode(packet.within_size()?))
}

/// `0<namespace>,{"sid":"...","pid":"..."}`: the response to a CONNECT, with the key for connection
/// state recovery if there is one. Clients of protocol 4 get no data.
pub(crate) fn connect_response(
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

/// Encodes the `auth` of a CONNECT as JSON. Binary values become arrays of numbers, as the official
/// client does not send attachments with it.
pub(crate) fn auth_object(data: &(impl Serialize + ?Sized)) -> Result<String, EncodeError> {
    let limits = Limits { depth: Limits::DEPTH_TO_SERVER, ..Limits::default() };
    let mut json = Vec::new();
    Writer::new(&mut json, None, limits, 0).value(data)?;
    String::from_utf8(json).map_err(|_| EncodeError::Serialize(ser::Error::custom("not UTF-8")))
}

/// `0<namespace>,{"pid":"..","offset":"..",...}`: the CONNECT of a client, with the key and the
/// offset for connection state recovery if there are any, and the entries of `auth`, an object.
pub(crate) fn connect_request(
    parser: &dyn Parser,
    namespace: &str,
    auth: Option<&str>,
    recovery: Option<(&str, &str)>,
) -> Result<Encoded, EncodeError> {
    let mut packet = Outgoing::new(PacketKind::Connect, namespace, None, Limits::default());
    let rest = auth.and_then(|object| object.strip_prefix('{'));
    match (recovery, rest) {
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

/// `4<namespace>,{"message":"...","data":...}`. Clients of protocol 4 get the data, or else the
/// message, in its place.
pub(crate) fn connect_error<T: Serialize + ?Sized>(
    parser: &dyn Parser,
    namespace: &str,
    old: bool,
    message: &str,
    data: &T,
) -> Result<Encoded, EncodeError> {
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

/// `4<namespace>,{"message":"Invalid namespace"}`, also for clients of protocol 4.
pub(crate) fn unknown_namespace(parser: &dyn Parser, namespace: &str) -> Encoded {
    let mut packet = Outgoing::new(PacketKind::ConnectError, namespace, None, Limits::default());
    packet.raw(b"{\"message\":\"Invalid namespace\"}");
    parser.encode(packet)
}
