//! What a parser is, and what it reads.

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

/// Translates between packets and the messages that stand for them on the wire.
///
/// A parser remembers nothing between two calls. That the binary messages which belong to a packet
/// really follow it, and how many bytes and how much time they may take, is watched for all
/// parsers alike; so is whether a packet makes sense: a parser may pass on whatever it reads, as
/// long as it does not panic.
pub trait Parser: Debug + Send + Sync {
    /// Writes a packet. It is called once for all who receive the packet.
    fn encode(&self, packet: Outgoing<'_>) -> Encoded;

    /// Reads the message with which a packet begins. The bytes of a text message are valid UTF-8.
    ///
    /// What breaks the limits is refused in any case; a parser may look at them in order to stop
    /// early.
    ///
    /// # Errors
    ///
    /// If the message is no packet, which costs the sender its connection.
    fn decode(&self, message: Frame, limits: Limits) -> Result<Incoming, PacketError>;
}

/// Why a message is no packet.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// There is no such kind of packet, or it comes from servers alone.
    #[error("unknown packet type")]
    Type,
    /// It is not said properly how many binary messages follow.
    #[error("illegal number of attachments")]
    Count,
    /// There are more binary values than allowed.
    #[error("too many attachments")]
    TooMany,
    /// There are more bytes than allowed.
    #[error("packet too large")]
    TooLarge,
    /// The namespace is missing or no text.
    #[error("invalid namespace")]
    Namespace,
    /// The id is missing, or no number from 0 to 2^53 - 1.
    #[error("illegal ack id")]
    AckId,
    /// The data is malformed, nested too deeply, or not what packets of this kind hold.
    #[error("invalid payload")]
    Payload,
    /// The name of the event is missing, no text or integer, or reserved.
    #[error("invalid event name")]
    EventName,
    /// A placeholder names a binary value that is not there, or that another one names, or could
    /// be mistaken for data.
    #[error("illegal attachments")]
    Placeholder,
    /// A packet of several messages is for a namespace that the client is not in.
    #[error("binary packet for a namespace that is not joined")]
    State,
    /// A text message comes where a binary one has to.
    #[error("got plaintext data when reconstructing a packet")]
    Text,
    /// A binary message comes where none can.
    #[error("got binary data when not reconstructing a packet")]
    Binary,
}

/// A packet that was read, perhaps without the binary messages that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub(super) kind: PacketKind,
    pub(super) namespace: Bytes,
    pub(super) id: Option<u64>,
    /// Valid UTF-8, empty if there is none.
    pub(super) data: Bytes,
    pub(super) attachments: Vec<Bytes>,
    /// How many binary messages follow.
    pub(super) awaited: usize,
}

impl Incoming {
    /// Makes a packet without id or data.
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

    /// Adds the id that ties an event and its answer together.
    #[must_use]
    pub const fn with_id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    /// Adds the data, which is JSON text without white space in front.
    #[must_use]
    pub fn with_data(mut self, json: impl Into<String>) -> Self {
        self.data = Bytes::from(json.into());
        self
    }

    /// Adds the binary values that came in the same message, which placeholders stand for.
    #[must_use]
    pub fn with_attachments(mut self, attachments: Vec<Bytes>) -> Self {
        self.attachments = attachments;
        self
    }

    /// Says how many binary messages follow that belong to this packet.
    #[must_use]
    pub const fn followed_by(mut self, messages: usize) -> Self {
        self.awaited = messages;
        self
    }

    /// Checks what does not depend on the kind of packet; returns the size that
    /// counts, and the outline of the data.
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
        // JSON may have white space around it.
        let outline =
            json::validate(&self.data, limits.levels()).map_err(|_| PacketError::Payload)?;
        Ok((bytes, outline))
    }
}
