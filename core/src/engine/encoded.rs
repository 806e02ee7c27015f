//! Messages in the form in which they go out, shared by all who receive them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::packet;
use crate::io::{Frame, Frames};

/// One or more messages that are sent back to back, encoded once for any number of receivers.
///
/// Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct Encoded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// A text message with its packet type in front.
    text: Option<Bytes>,
    binary: Vec<Bytes>,
}

impl Encoded {
    /// Encodes one text message.
    #[must_use]
    pub fn text(message: &str) -> Self {
        let mut text = BytesMut::with_capacity(message.len() + 1);
        text.put_u8(b'4');
        text.put_slice(message.as_bytes());
        Self::from_wire(text.freeze(), Vec::new())
    }

    /// Encodes one binary message.
    #[must_use]
    pub fn binary(message: Bytes) -> Self {
        Self(Arc::new(Inner { text: None, binary: vec![message] }))
    }

    /// Takes a text message that has its packet type already, and the binary ones that follow.
    pub(crate) fn from_wire(text: Bytes, binary: Vec<Bytes>) -> Self {
        debug_assert!(text.starts_with(b"4"), "a message packet begins with 4");
        Self(Arc::new(Inner { text: Some(text), binary }))
    }

    /// The size of the messages in bytes, as they count against limits.
    #[must_use]
    pub fn len(&self) -> usize {
        let text = self.0.text.as_ref().map_or(0, Bytes::len);
        text + self.0.binary.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether there is nothing in the messages; never true for one that holds text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push_frames(&self, frames: &mut Frames) {
        if let Some(text) = &self.0.text {
            frames.push(Frame::Text(text.clone()));
        }
        for data in &self.0.binary {
            frames.push(Frame::Binary(data.clone()));
        }
    }

    pub(super) fn push_payload(&self, payload: &mut packet::Payload) {
        if let Some(text) = &self.0.text {
            payload.push(text);
        }
        for data in &self.0.binary {
            payload.push_binary(data);
        }
    }

    /// The text message, if it is the only one: a payload as it is.
    pub(super) fn lone_text(&self) -> Option<&Bytes> {
        self.0.text.as_ref().filter(|_| self.0.binary.is_empty())
    }
}
