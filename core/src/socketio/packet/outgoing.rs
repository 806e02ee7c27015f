//! A packet to be encoded, with room for a header in front of its data.

use bytes::{Buf, Bytes};
use serde::Serialize;

use crate::engineio::Encoded;
use crate::io::Frame;
use crate::json;
use crate::socketio::error::EncodeError;
use crate::socketio::packet::payload::Payload;
use crate::socketio::packet::tokens::Tokens;
use crate::socketio::packet::writer::Writer;
use crate::socketio::packet::{Limits, PacketKind};

/// A packet that a [`Parser`](crate::packet::Parser) encodes.
///
/// There is room in front of the data: a parser that sends JSON adds a header without a copy.
#[derive(Debug)]
pub struct Outgoing<'a> {
    kind: PacketKind,
    namespace: &'a str,
    id: Option<u64>,
    /// Room, then the part of the header that is written, then the data.
    json: Vec<u8>,
    /// The end of the room.
    start: usize,
    /// The start of the data.
    data: usize,
    attachments: Vec<Bytes>,
    compress: bool,
    limits: Limits,
}

impl<'a> Outgoing<'a> {
    /// The types of message and packet, and two numbers with their separators.
    const HEADER: usize = 2 + 21 + 21;

    /// How many bytes of a short packet may be spare.
    const SPARE: usize = 64;

    /// Creates a packet without data. Data that is written to it is held to the limits.
    pub(super) fn new(
        kind: PacketKind,
        namespace: &'a str,
        id: Option<u64>,
        limits: Limits,
    ) -> Self {
        let room = Self::HEADER + namespace.len() + 1;
        let mut json = Vec::with_capacity(room + 80);
        json.resize(room, 0);
        let (start, data) = (room, room);
        let attachments = Vec::new();
        Self { kind, namespace, id, json, start, data, attachments, compress: true, limits }
    }

    /// Creates a packet of encoded data, which was held to the limits.
    pub(super) fn with(
        payload: Payload,
        kind: PacketKind,
        namespace: &'a str,
        id: Option<u64>,
        limits: Limits,
    ) -> Self {
        let Payload { json, attachments, .. } = payload;
        let (start, data) = (Payload::ROOM, Payload::ROOM);
        Self { kind, namespace, id, json, start, data, attachments, compress: true, limits }
    }

    /// Returns the type of the packet.
    #[must_use]
    pub const fn kind(&self) -> PacketKind {
        self.kind
    }

    /// Returns the namespace, which begins with a slash.
    #[must_use]
    pub const fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// Returns the id of the acknowledgement that an event requests, or that this is.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        self.id
    }

    /// Returns the data as JSON in UTF-8; empty if there is none.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.json[self.data..]
    }

    /// Returns the data as tokens, for parsers that do not send JSON; none if there is no data.
    ///
    /// It takes time in proportion to the length of the data and of its attachments.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens::new(self.data(), &self.attachments)
    }

    /// Returns the attachments. The data has one placeholder for each.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Makes a text message, the header followed by the data, and a binary message of each
    /// attachment.
    #[must_use]
    pub fn into_text(mut self, header: &str) -> Encoded {
        self.prepend(header.as_bytes());
        self.prepend(b"4");
        // The limits of what waits count the bytes of messages, not those that are spare.
        if self.json.capacity() - self.json.len() > Self::SPARE + self.json.len() / 4 {
            self.json.shrink_to_fit();
        }
        let mut text = Bytes::from(self.json);
        text.advance(self.start);
        Encoded::from_wire(Some(text), self.attachments, self.compress)
    }

    /// Makes a single message of the whole encoded packet.
    #[must_use]
    pub fn into_message(self, message: impl Into<Frame>) -> Encoded {
        match message.into() {
            Frame::Binary(data) => Encoded::from_wire(None, vec![data], self.compress),
            Frame::Text(text) => {
                let packet = [b"4", &text[..]].concat();
                Encoded::from_wire(Some(packet.into()), Vec::new(), self.compress)
            }
        }
    }

    /// Writes text in front of the data and of the header so far.
    pub(super) fn prepend(&mut self, text: &[u8]) {
        match self.start.checked_sub(text.len()) {
            Some(start) => {
                self.json[start..self.start].copy_from_slice(text);
                self.start = start;
            }
            None => {
                self.json.splice(self.start..self.start, text.iter().copied());
                self.data += text.len();
            }
        }
    }

    // The methods below write the data. They come before any `prepend`.

    pub(super) const fn set_compress(&mut self, compress: bool) {
        self.compress = compress;
    }

    pub(super) fn raw(&mut self, json: &[u8]) {
        self.json.extend_from_slice(json);
    }

    /// Writes a string.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        json::write_text(text, &mut self.json).map_err(EncodeError::Serialize)
    }

    /// Writes a value within `depth` containers, with binary values as arrays of numbers. Writes
    /// nothing and returns false if it is `null`.
    pub(super) fn plain(
        &mut self,
        data: &(impl Serialize + ?Sized),
        depth: usize,
    ) -> Result<bool, EncodeError> {
        let start = self.json.len();
        Writer::new(&mut self.json, None, self.limits, depth).value(data)?;
        let is_null = &self.json[start..] == b"null";
        if is_null {
            self.json.truncate(start);
        }
        Ok(!is_null)
    }

    /// Removes the last bytes, which must be these.
    pub(super) fn cut(&mut self, json: &[u8]) {
        debug_assert!(self.json.ends_with(json));
        self.json.truncate(self.json.len() - json.len());
    }

    /// Adds an argument to a closed array.
    pub(super) fn append(&mut self, text: &str) -> Result<(), EncodeError> {
        self.json.pop();
        self.json.push(b',');
        self.text(text)?;
        self.json.push(b']');
        Ok(())
    }

    /// Checks that the packet is below 4 GiB, since lengths have 32 bits in some formats.
    pub(super) fn within_size(self) -> Result<Self, EncodeError> {
        let bytes = self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>();
        if u32::try_from(bytes).is_err() {
            return Err(EncodeError::TooLarge);
        }
        Ok(self)
    }
}
