//! From MessagePack messages to packets: `{"type":..,"data":..,"id":..,"nsp":..}`, in any order.

use bytes::Bytes;
use sockeye_core::packet::{Incoming, Limits, PacketError, PacketKind};

use crate::json::Json;
use crate::reader::{Reader, Token};

/// Reads a packet, which must be all of the message.
pub(crate) fn packet(message: &Bytes, limits: Limits) -> Result<Incoming, PacketError> {
    let mut reader = Reader::new(message);
    let Token::Map(entries) = reader.next()? else { return Err(PacketError::Payload) };
    let (mut kind, mut namespace, mut id, mut data) = (None, None, None, None);
    for _ in 0..entries {
        let Token::Text(key) = reader.next()? else { return Err(PacketError::Payload) };
        let is_repeated = match key {
            "type" => kind.replace(kind_of(reader.next()?)?).is_some(),
            "nsp" => namespace.replace(reader.next()?).is_some(),
            "id" => id.replace(id_of(reader.next()?)?).is_some(),
            "data" => data.replace(Json::read(&mut reader, limits)?).is_some(),
            // Other keys are ignored, as in JavaScript.
            _ => {
                reader.skip()?;
                false
            }
        };
        if is_repeated {
            return Err(PacketError::Payload);
        }
    }
    if !reader.is_at_end() {
        return Err(PacketError::Payload);
    }
    let kind = kind.ok_or(PacketError::Type)?;
    let Some(Token::Text(namespace)) = namespace else { return Err(PacketError::Namespace) };
    let mut packet = Incoming::new(kind, message.slice_ref(namespace.as_bytes()));
    if let Some(id) = id.flatten() {
        packet = packet.with_id(id);
    }
    Ok(match data {
        Some((json, attachments)) => packet.with_data(json).with_attachments(attachments),
        None => packet,
    })
}

fn kind_of(token: Token<'_>) -> Result<PacketKind, PacketError> {
    let Token::Unsigned(number) = token else { return Err(PacketError::Type) };
    match number {
        0 => Ok(PacketKind::Connect),
        1 => Ok(PacketKind::Disconnect),
        2 => Ok(PacketKind::Event),
        3 => Ok(PacketKind::Ack),
        4 => Ok(PacketKind::ConnectError),
        _ => Err(PacketError::Type),
    }
}

/// JavaScript writes `undefined` for a packet without an id.
fn id_of(token: Token<'_>) -> Result<Option<u64>, PacketError> {
    if let Token::Unsigned(id) = token {
        return Ok(Some(id));
    }
    if token == Token::Undefined { Ok(None) } else { Err(PacketError::AckId) }
}
