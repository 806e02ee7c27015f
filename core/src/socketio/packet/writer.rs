//! The state of writing one packet's data: JSON text, and binary values aside as attachments.
//!
//! serde_json writes every value without parts. What it does not do is done here: collecting binary
//! values behind `{"_placeholder":true,"num":0}`, and limiting the depth while data is written.
//! `serializer.rs` connects it to serde.

use bytes::Bytes;
use serde::ser;
use serde::ser::{Serialize, Serializer};

use crate::args::Args;
use crate::args::shared::{ShareRequest, Shared};
use crate::json;
use crate::json::MAX_DEPTH;
use crate::socketio::error::EncodeError;
use crate::socketio::packet::Limits;
use crate::socketio::packet::write_error::{WriteError, WriteResult};

/// Writes JSON behind what a buffer holds.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) json: &'a mut Vec<u8>,
    /// Takes the binary values. Without it they are written as arrays of numbers.
    attachments: Option<&'a mut Vec<Bytes>>,
    limits: Limits,
    /// The number of open containers.
    depth: usize,
    pub(super) summary: Summary,
    /// Whether the next value is to hand over its content, see `args/shared.rs`.
    requests_shared: bool,
    /// Whether a value failed. A `Serialize` of the application may swallow the error of a part.
    pub(super) has_failed: bool,
    /// Whether the depth was the cause.
    is_too_deep: bool,
}

/// What becomes known while data is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    /// The number of arguments.
    pub(super) arguments: usize,
    /// The number of binary values, including those beyond the limit, which are not kept.
    pub(super) attachments: usize,
    /// The greatest number of containers within each other.
    pub(super) depth: usize,
}

impl<'a> Writer<'a> {
    /// Creates a writer of data that stands within `depth` containers.
    pub(super) fn new(
        json: &'a mut Vec<u8>,
        attachments: Option<&'a mut Vec<Bytes>>,
        limits: Limits,
        depth: usize,
    ) -> Self {
        let summary = Summary::default();
        Self {
            json,
            attachments,
            limits,
            depth,
            summary,
            requests_shared: false,
            has_failed: false,
            is_too_deep: false,
        }
    }

    /// Writes one value.
    pub(super) fn value(
        mut self,
        data: &(impl Serialize + ?Sized),
    ) -> Result<Summary, EncodeError> {
        let written = data.serialize(&mut self);
        self.finish(written)
    }

    /// Returns what is known about the data, or why it cannot be sent.
    pub(super) fn finish(self, written: WriteResult) -> Result<Summary, EncodeError> {
        let limit = self.limits.depth;
        match written {
            _ if self.is_too_deep => Err(EncodeError::TooDeep { limit }),
            Ok(()) if self.has_failed => {
                Err(EncodeError::Serialize(ser::Error::custom("a value could not be written")))
            }
            Ok(()) => Ok(self.summary),
            Err(WriteError::Json(error)) => Err(EncodeError::Serialize(error)),
            Err(other @ (WriteError::TooDeep | WriteError::ShareRequested(_))) => {
                Err(EncodeError::Serialize(ser::Error::custom(other.to_string())))
            }
        }
    }

    pub(super) fn push(&mut self, byte: u8) {
        self.json.push(byte);
    }

    pub(super) fn raw(&mut self, json: &[u8]) {
        self.json.extend_from_slice(json);
    }

    /// The serializer of serde_json, for values without parts.
    pub(super) fn leaf(&mut self) -> serde_json::Serializer<&mut Vec<u8>> {
        serde_json::Serializer::new(&mut *self.json)
    }

    /// Writes a string.
    pub(super) fn text(&mut self, text: &str) -> WriteResult {
        if json::write_plain(text, self.json) {
            return Ok(());
        }
        self.leaf().serialize_str(text).map_err(WriteError::Json)
    }

    /// Checks that `more` containers may be within those that are open.
    fn check_depth(&mut self, more: usize) -> WriteResult {
        self.summary.depth = self.summary.depth.max(self.depth + more);
        if self.depth + more > self.limits.depth { self.too_deep() } else { Ok(()) }
    }

    #[cold]
    fn too_deep(&mut self) -> WriteResult {
        self.is_too_deep = true;
        Err(WriteError::TooDeep)
    }

    /// Checks the depth of a value that serde_json wrote from `start` on.
    pub(super) fn check_written(&mut self, start: usize) -> WriteResult {
        match json::validate(&self.json[start..], MAX_DEPTH) {
            Ok(outline) => self.check_depth(outline.depth as usize),
            Err(_) => self.too_deep(),
        }
    }

    /// Opens a container.
    pub(super) fn open(&mut self, open: u8) -> WriteResult {
        self.check_depth(1)?;
        self.depth += 1;
        self.push(open);
        Ok(())
    }

    /// Closes one container with each of these brackets.
    pub(super) fn close(&mut self, close: &[u8]) {
        self.depth -= close.len();
        close.iter().for_each(|&byte| self.push(byte));
    }

    /// Writes a placeholder for a binary value and keeps the value, unless there are too many.
    ///
    /// `share` is called for a value that is kept. The limit holds before it is copied.
    pub(super) fn binary(&mut self, bytes: &[u8], share: impl FnOnce() -> Bytes) -> WriteResult {
        let number = self.summary.attachments;
        let Some(attachments) = &mut self.attachments else {
            self.check_depth(1)?;
            return self.leaf().serialize_bytes(bytes).map_err(WriteError::Json);
        };
        if number < self.limits.attachments {
            attachments.push(share());
        }
        self.summary.attachments += 1;
        self.check_depth(1)?;
        self.raw(b"{\"_placeholder\":true,\"num\":");
        self.leaf().serialize_u64(number as u64)?;
        self.push(b'}');
        Ok(())
    }

    /// Writes arguments as they arrived, with the commas between them.
    pub(super) fn args(&mut self, args: &Args) -> WriteResult {
        let limit = self.limits.depth.saturating_sub(self.depth);
        let Some(depth) = args.depth_within(limit) else { return self.too_deep() };
        self.check_depth(depth)?;
        for (json, binary) in args.pieces() {
            // With what closes the packet: one bracket more would double the memory of long data.
            self.json.reserve(json.len() + 16);
            self.raw(json);
            if let Some(bytes) = binary {
                self.binary(bytes, || bytes.clone())?;
            }
        }
        Ok(())
    }

    /// Gets the content of a value of this crate's types, without a copy of binary values.
    pub(super) fn shared(
        &mut self,
        value: &(impl Serialize + ?Sized),
    ) -> Result<Shared, WriteError> {
        self.requests_shared = true;
        let answer = value.serialize(&mut *self);
        self.requests_shared = false;
        match answer {
            Err(WriteError::ShareRequested(request)) => {
                request.into_inner().ok_or_else(nothing_shared)
            }
            Err(other) => Err(other),
            Ok(()) => Err(nothing_shared()),
        }
    }

    /// Fails with a [`ShareRequest`] if the value is to hand over its content.
    pub(super) fn request_shared(&mut self) -> WriteResult {
        if std::mem::take(&mut self.requests_shared) {
            return Err(WriteError::ShareRequested(ShareRequest::default()));
        }
        Ok(())
    }
}

fn nothing_shared() -> WriteError {
    ser::Error::custom("a value has nothing to share")
}
