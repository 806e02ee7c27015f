//! A packet on its way out, with room for a header in front of its data.

use bytes::{Buf, Bytes};
use serde::Serialize;

use crate::engineio::Encoded;
use crate::error::EmitError;
use crate::io::Frame;
use crate::json;
use crate::socketio::packet::payload::Payload;
use crate::socketio::packet::tokens::Tokens;
use crate::socketio::packet::writer::Writer;
use crate::socketio::packet::{Limits, PacketKind};

/// A packet that is to be written.
///
/// There is room in front of the data, so that a parser which sends it as it is need not copy it.
#[derive(Debug)]
pub struct Outgoing<'a> {
    kind: PacketKind,
    namespace: &'a str,
    id: Option<u64>,
    /// Room, then perhaps a part of the header, then the data.
    json: Vec<u8>,
    /// Where the room ends.
    start: usize,
    /// Where the data begins.
    data: usize,
    attachments: Vec<Bytes>,
    compress: bool,
    limits: Limits,
}

impl<'a> Outgoing<'a> {
    /// The types of message and packet, and two numbers with their separators.
    const HEADER: usize = 2 + 21 + 21;

    /// A packet without data, which is to keep to limits.
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

    /// A packet whose data is written already, and kept to limits.
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

    /// What the packet is for.
    #[must_use]
    pub const fn kind(&self) -> PacketKind {
        self.kind
    }

    /// The namespace, which begins with a slash.
    #[must_use]
    pub const fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// The id that ties an event and its answer together.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        self.id
    }

    /// The data as JSON, in UTF-8; empty if there is none.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.json[self.data..]
    }

    /// The data as tokens, for parsers that do not send JSON; none if there is no data.
    ///
    /// It takes time in proportion to the length of the data and of its attachments.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens::new(self.data(), &self.attachments)
    }

    /// The binary values, which the data has placeholders for, each one once.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Makes a text message of a header and the data as it is, with the binary values following
    /// as messages of their own.
    #[must_use]
    pub fn into_text(mut self, header: &str) -> Encoded {
        self.prepend(header.as_bytes());
        self.prepend(b"4");
        let mut text = Bytes::from(self.json);
        text.advance(self.start);
        Encoded::from_wire(Some(text), self.attachments, self.compress)
    }

    /// Makes one message, which must hold all of the packet.
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

    /// Puts text in front of the data and of what was put there before.
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

    // The data is written by these, before anything is put in front.

    pub(super) const fn set_compress(&mut self, compress: bool) {
        self.compress = compress;
    }

    pub(super) fn raw(&mut self, json: &[u8]) {
        self.json.extend_from_slice(json);
    }

    /// Writes a string.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EmitError> {
        json::write_text(text, &mut self.json).map_err(EmitError::Serialize)
    }

    /// Writes a value in which binary values are arrays of numbers, within so many containers;
    /// false if it is `null`, and not written.
    pub(super) fn plain(
        &mut self,
        data: &(impl Serialize + ?Sized),
        depth: usize,
    ) -> Result<bool, EmitError> {
        let start = self.json.len();
        Writer::new(&mut self.json, None, self.limits, depth).value(data)?;
        let is_null = &self.json[start..] == b"null";
        if is_null {
            self.json.truncate(start);
        }
        Ok(!is_null)
    }

    /// Takes back what was written last.
    pub(super) fn cut(&mut self, json: &[u8]) {
        debug_assert!(self.json.ends_with(json));
        self.json.truncate(self.json.len() - json.len());
    }

    /// Adds one more argument to an array that is closed already.
    pub(super) fn append(&mut self, text: &str) -> Result<(), EmitError> {
        self.json.pop();
        self.json.push(b',');
        self.text(text)?;
        self.json.push(b']');
        Ok(())
    }

    /// Makes sure that the packet is not larger than packets may be.
    pub(super) fn within_size(self) -> Result<Self, EmitError> {
        let bytes = self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>();
        if u32::try_from(bytes).is_err() {
            return Err(EmitError::TooLarge);
        }
        Ok(self)
    }
}
