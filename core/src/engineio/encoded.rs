//! Encoded messages, shared by all receivers.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::io::Frame;

/// One or more messages that are sent with nothing between them, encoded once for any number of
/// receivers.
///
/// Cloning copies no message.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// A text message with its packet type.
    text: Option<Bytes>,
    binary: Option<Arc<[Bytes]>>,
    /// The bytes of all messages.
    len: usize,
    compress: bool,
}

impl Encoded {
    /// Encodes one text message.
    #[must_use]
    pub fn text(message: &str) -> Self {
        let mut text = BytesMut::with_capacity(message.len() + 1);
        text.put_u8(b'4');
        text.put_slice(message.as_bytes());
        Self::from_wire(Some(text.freeze()), Vec::new(), true)
    }

    /// Encodes one binary message.
    #[must_use]
    pub fn binary(message: Bytes) -> Self {
        Self::from_wire(None, vec![message], true)
    }

    /// Combines a text message that has its packet type, if there is one, with the binary messages
    /// that follow it.
    pub(crate) fn from_wire(text: Option<Bytes>, binary: Vec<Bytes>, compress: bool) -> Self {
        let typed = text.as_ref().is_none_or(|text| text.starts_with(b"4"));
        debug_assert!(typed, "a message packet begins with 4");
        let attached: usize = binary.iter().map(Bytes::len).sum();
        let len = text.as_ref().map_or(0, Bytes::len) + attached;
        let binary = if binary.is_empty() { None } else { Some(binary.into()) };
        Self { text, binary, len, compress }
    }

    /// The size of the messages in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// What a message counts against limits such as
    /// [`max_buffered`](crate::engineio::EngineConfig::max_buffered) besides its bytes: about the
    /// memory of its entry in a queue, in bytes.
    pub const OVERHEAD: usize = 192;

    /// What the messages count against limits: their bytes, and [`OVERHEAD`](Self::OVERHEAD) for
    /// each.
    pub(crate) fn cost(&self) -> usize {
        self.len() + self.count() * Self::OVERHEAD
    }

    /// Whether it shares its memory with another one, and therefore equals it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let text = |it: &Self| it.text.as_ref().map(|text| (text.as_ptr(), text.len()));
        let binary = |it: &Self| it.binary.as_ref().map(|binary| (binary.as_ptr(), binary.len()));
        (text(self), binary(self)) == (text(other), binary(other))
    }

    /// A copy that shares no memory, and takes no more than it needs.
    pub(crate) fn detached(&self) -> Self {
        let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        Self {
            text: self.text.as_ref().map(copy),
            binary: self.binary.as_ref().map(|binary| binary.iter().map(copy).collect()),
            len: self.len,
            compress: self.compress,
        }
    }

    /// The memory that a [detached](Self::detached) one holds besides itself, in bytes.
    pub(crate) fn heap_size(&self) -> usize {
        /// The memory of a shared buffer besides its bytes.
        const SHARED: usize = 32;
        let (text, binary) = self.parts();
        let text = text.map_or(0, |text| text.len() + SHARED);
        let binary = binary.iter().map(|data| data.len() + SHARED + size_of::<Bytes>());
        text + binary.sum::<usize>() + if self.binary.is_some() { SHARED } else { 0 }
    }

    /// The number of messages.
    pub(super) fn count(&self) -> usize {
        let (text, binary) = self.parts();
        usize::from(text.is_some()) + binary.len()
    }

    /// Whether the messages are empty; never true for text, which has a packet type.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The messages one by one: the text with its packet type, then the binary ones.
    pub(super) fn parts(&self) -> (Option<&Bytes>, &[Bytes]) {
        (self.text.as_ref(), self.binary.as_deref().unwrap_or_default())
    }

    /// Whether answers to GETs that hold it may be compressed.
    pub(super) fn is_compressible(&self) -> bool {
        self.compress
    }
}

/// Encodes one message. Text is copied.
impl From<Frame> for Encoded {
    fn from(message: Frame) -> Self {
        match message {
            Frame::Text(text) => {
                let mut packet = BytesMut::with_capacity(text.len() + 1);
                packet.put_u8(b'4');
                packet.put_slice(&text);
                Self::from_wire(Some(packet.freeze()), Vec::new(), true)
            }
            Frame::Binary(data) => Self::binary(data),
        }
    }
}
