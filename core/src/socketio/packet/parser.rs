//! The interface of parsers: [`Parser`], what it reads ([`Incoming`]), and why it cannot.
//!
//! In the documentation of Socket.IO: "Custom parser". What packets may contain is checked in
//! `decode.rs`, for all parsers alike.

use std::fmt::Debug;

use bytes::Bytes;
use thiserror::Error;

use crate::engineio::Encoded;
use crate::io::Frame;
use crate::json;
use crate::json::Outline;
use crate::socketio::packet::MAX_SAFE_INTEGER;
use crate::socketio::packet::kind::PacketKind;
use crate::socketio::packet::limits::Limits;
use crate::socketio::packet::outgoing::Outgoing;

/// Translates between packets and messages on the wire.
///
/// A parser has no state. The machines check for all parsers that attachments follow their packet,
/// within the limits of bytes and time, and that a packet is well-formed: a parser may return
/// whatever it reads, but must not panic.
pub trait Parser: Debug + Send + Sync {
    /// Encodes a packet, once for all of its receivers.
    fn encode(&self, packet: Outgoing<'_>) -> Encoded;

    /// Decodes the first message of a packet. The bytes of a text message are valid UTF-8.
    ///
    /// The limits are checked after it in any case; a parser may use them to stop early.
    ///
    /// # Errors
    ///
    /// If the packet is malformed. The machine then closes the connection of its sender.
    fn decode(&self, message: Frame, limits: Limits) -> Result<Incoming, PacketError>;
}

/// Why a message could not be decoded.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// There is no such type of packet, or only servers send it.
    #[error("unknown packet type")]
    Type,
    /// The number of attachments is missing or malformed.
    #[error("illegal number of attachments")]
    Count,
    /// There are more attachments than [`Limits::attachments`].
    #[error("too many attachments")]
    TooMany,
    /// There are more bytes than [`Limits::bytes`].
    #[error("packet too large")]
    TooLarge,
    /// The namespace is missing or not text.
    #[error("invalid namespace")]
    Namespace,
    /// The id is missing, or not an integer from 0 to 2^53 - 1.
    #[error("illegal ack id")]
    AckId,
    /// The data is malformed, nested too deeply, or invalid for this type of packet.
    #[error("invalid payload")]
    Payload,
    /// The name of the event is missing, neither text nor an integer, or reserved.
    #[error("invalid event name")]
    EventName,
    /// A placeholder names a missing attachment or one that another placeholder names, or data
    /// could be mistaken for a placeholder.
    #[error("illegal attachments")]
    Placeholder,
    /// A packet with attachments is for a namespace that the client has not joined.
    #[error("binary packet for a namespace that is not joined")]
    State,
    /// A text message arrived where a binary one was expected.
    #[error("got plaintext data when reconstructing a packet")]
    Text,
    /// A binary message arrived where none was expected.
    #[error("got binary data when not reconstructing a packet")]
    Binary,
}

/// A decoded packet, perhaps without the attachments that follow as messages of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub(super) kind: PacketKind,
    pub(super) namespace: Bytes,
    pub(super) id: Option<u64>,
    /// Valid UTF-8; empty if there is none.
    pub(super) data: Bytes,
    pub(super) attachments: Vec<Bytes>,
    /// The number of attachments that follow as messages.
    pub(super) awaited: usize,
}

impl Incoming {
    /// Creates a packet without id or data.
    ///
    /// A namespace that is not valid UTF-8 is refused like one that does not exist.
    #[must_use]
    pub fn new(kind: PacketKind, namespace: impl Into<Bytes>) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            id: None,
            data: Bytes::new(),
            attachments: Vec::new(),
            awaited: 0,
        }
    }

    /// Adds the id of the acknowledgement that an event requests, or that this is.
    #[must_use]
    pub const fn with_id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    /// Adds the data: JSON text without white space in front.
    #[must_use]
    pub fn with_data(mut self, json: impl Into<String>) -> Self {
        self.data = Bytes::from(json.into());
        self
    }

    /// Adds the attachments that were in the same message. The data has a placeholder for each.
    #[must_use]
    pub fn with_attachments(mut self, attachments: Vec<Bytes>) -> Self {
        self.attachments = attachments;
        self
    }

    /// Adds the number of attachments that follow as messages of their own.
    #[must_use]
    pub const fn followed_by(mut self, messages: usize) -> Self {
        self.awaited = messages;
        self
    }

    /// Checks what all types of packets have in common; returns the size that counts for the limit,
    /// and the outline of the data.
    pub(super) fn check(&self, limits: Limits) -> Result<(usize, Outline), PacketError> {
        let attached: usize = self.attachments.iter().map(Bytes::len).sum();
        let bytes = self.data.len() + attached;
        if self.attachments.len().saturating_add(self.awaited) > limits.attachments {
            return Err(PacketError::TooMany);
        }
        if bytes > limits.bytes {
            return Err(PacketError::TooLarge);
        }
        if self.id.is_some_and(|id| id > MAX_SAFE_INTEGER) {
            return Err(PacketError::AckId);
        }
        if self.data.is_empty() {
            return Ok((bytes, Outline::default()));
        }
        let outline =
            json::validate(&self.data, limits.levels()).map_err(|_| PacketError::Payload)?;
        Ok((bytes, outline))
    }
}
