//! A packet on its way out, with room for a header in front of its data.

use bytes::{Buf, Bytes};
use serde::Serialize;

use super::writer::{Found, Writer};
use super::{Limits, PacketKind, arguments};
use crate::args::Args;
use crate::engine::Encoded;
use crate::error::EmitError;
use crate::io::Frame;
use crate::json::{self, Outline};

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

    /// Writes a string.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EmitError> {
        if json::write_plain(text, &mut self.json) {
            return Ok(());
        }
        serde_json::to_writer(&mut self.json, text).map_err(EmitError::Serialize)
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

    /// Writes the elements of an array that is open, and closes it. A tuple is several arguments,
    /// `()` none, anything else one. Collects what is binary.
    pub(super) fn arguments(
        &mut self,
        data: &(impl Serialize + ?Sized),
        is_first: bool,
    ) -> Result<Found, EmitError> {
        let writer = Writer::new(&mut self.json, Some(&mut self.attachments), self.limits, 1);
        let found = arguments::write(writer, data, is_first)?;
        self.json.push(b']');
        self.check(found)?;
        Ok(found)
    }

    /// Adds one more argument to an array that is closed already.
    pub(super) fn append(&mut self, text: &str) -> Result<(), EmitError> {
        self.json.pop();
        self.json.push(b',');
        self.text(text)?;
        self.json.push(b']');
        Ok(())
    }

    fn check(&self, found: Found) -> Result<(), EmitError> {
        let (count, limit) = (found.attachments, self.limits.attachments);
        if count > limit {
            return Err(EmitError::TooManyAttachments { count, limit });
        }
        // Data that looks like a placeholder would be taken for one by the receiver.
        if count > 0 && json::markers(self.data()) != count {
            return Err(EmitError::Placeholder);
        }
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

impl Args {
    /// Takes data for arguments: a tuple is several, `()` none, everything else one.
    ///
    /// ```
    /// let args = sockeye_core::Args::of(&(1, "two"))?;
    /// assert_eq!(args.get::<String>(1)?, "two");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the data can't be sent to anybody, for other reasons than the number of binary values.
    pub fn of(data: &(impl Serialize + ?Sized)) -> Result<Self, EmitError> {
        let limits = Limits { attachments: usize::MAX, ..Limits::default() };
        let mut packet = Outgoing::new(PacketKind::Event, "/", None, limits);
        packet.raw(b"[");
        let Found { arguments, depth, .. } = packet.arguments(data, true)?;
        let packet = packet.within_size()?;
        let elements = packet.data + 1..packet.json.len() - 1;
        let json = Bytes::from(packet.json).slice(elements);
        let depth = depth.saturating_sub(1) as u32;
        Ok(Self::new(json, packet.attachments, Outline { depth, elements: arguments }))
    }
}
