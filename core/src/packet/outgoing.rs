//! A packet on its way out, with room for a header in front of its data.

use std::io;

use bytes::{Buf, Bytes};
use serde::Serialize;
use serde_json::ser::Formatter;

use super::PacketKind;
use super::shape::{Found, Shape};
use crate::args::Args;
use crate::engine::Encoded;
use crate::error::EmitError;
use crate::io::Frame;
use crate::json::{self, MAX_DEPTH};

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
}

impl<'a> Outgoing<'a> {
    /// The types of message and packet, and two numbers with their separators.
    const HEADER: usize = 2 + 21 + 21;

    pub(super) fn new(kind: PacketKind, namespace: &'a str, id: Option<u64>) -> Self {
        let room = Self::HEADER + namespace.len() + 1;
        let mut json = Vec::with_capacity(room + 80);
        json.resize(room, 0);
        let (start, data) = (room, room);
        let attachments = Vec::new();
        Self { kind, namespace, id, json, start, data, attachments, compress: true }
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

    /// Writes JSON, and collects what is binary in it.
    pub(super) fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), EmitError> {
        let binary = Binary(&mut self.attachments);
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.json, binary);
        value.serialize(&mut serializer).map_err(EmitError::from)
    }

    /// Writes a string.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EmitError> {
        if json::write_plain(text, &mut self.json) { Ok(()) } else { self.value(text) }
    }

    /// A tuple is several arguments, `()` none, anything else one. Closes the array.
    pub(super) fn arguments(
        &mut self,
        data: &(impl Serialize + ?Sized),
        follow: bool,
    ) -> Result<(), EmitError> {
        let start = self.json.len();
        if follow {
            self.json.push(b',');
        }
        let first = self.json.len();
        match data.serialize(Shape(&mut self.json)) {
            Err(Found::Written) => {}
            Err(Found::Nothing | Found::Tuple(0)) => self.json.truncate(start),
            Err(Found::Tuple(_)) => {
                // A tuple comes as an array, whose bracket becomes the comma before it.
                self.json.truncate(start);
                self.value(data)?;
                if follow {
                    self.json[start] = b',';
                } else {
                    self.json.remove(start);
                }
                return Ok(());
            }
            Ok(()) | Err(Found::Other) => {
                // A value may keep to itself that it was written.
                self.json.truncate(first);
                self.value(data)?;
            }
        }
        self.json.push(b']');
        Ok(())
    }

    /// Adds one more argument to an array that is closed already.
    pub(super) fn append(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), EmitError> {
        self.json.pop();
        self.json.push(b',');
        self.value(value)?;
        self.json.push(b']');
        Ok(())
    }

    /// The arguments that data stands for, as they would arrive.
    pub(crate) fn read_back(data: &(impl Serialize + ?Sized)) -> Result<Args, EmitError> {
        let mut packet = Self::new(PacketKind::Event, "/", None);
        packet.raw(b"[");
        packet.arguments(data, false)?;
        let packet = packet.check(usize::MAX)?;
        let limit = MAX_DEPTH as usize;
        let outline = json::validate(packet.data(), MAX_DEPTH);
        let outline = outline.map_err(|_| EmitError::TooDeep { limit })?;
        let elements = packet.data + 1..packet.json.len() - 1;
        let json = Bytes::from(packet.json).slice(elements);
        Ok(Args::new(json, packet.attachments, outline.elements))
    }

    pub(super) fn check(self, max_attachments: usize) -> Result<Self, EmitError> {
        let count = self.attachments.len();
        if count > max_attachments {
            return Err(EmitError::TooManyAttachments { count, limit: max_attachments });
        }
        // Data that looks like a placeholder would be taken for one by the receiver.
        if count > 0 && json::markers(self.data()) != count {
            return Err(EmitError::Placeholder);
        }
        let bytes = self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>();
        if u32::try_from(bytes).is_err() {
            return Err(EmitError::TooLarge);
        }
        Ok(self)
    }
}

/// Writes `{"_placeholder":true,"num":0}` for bytes and keeps them aside.
struct Binary<'a>(&'a mut Vec<Bytes>);

impl Formatter for Binary<'_> {
    fn write_byte_array<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        write!(writer, "{{\"_placeholder\":true,\"num\":{}}}", self.0.len())?;
        self.0.push(Bytes::copy_from_slice(value));
        Ok(())
    }
}
