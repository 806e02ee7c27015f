//! What answers to GETs have in common: those of one turn are often the same, because a message is
//! for many clients.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::engineio::Encoded;
use crate::engineio::http::compress::Encoding;
use crate::engineio::server::outbox::{Body, Codec, Item};

/// The answers that were made last. They are forgotten at the end of the turn.
#[derive(Default)]
pub(super) struct Answers {
    written: Option<(Encoded, Codec, Body)>,
    compressed: Option<(Bytes, Encoding, Bytes)>,
    /// How many bytes were compressed in the present slice.
    spent: usize,
}

impl Answers {
    /// How much is compressed in one slice. It takes some milliseconds; what is beyond it goes out
    /// as it is.
    const BYTES: usize = 256 << 10;

    /// The body that holds these items. If they are the messages of the last one, it is the same.
    pub(super) fn body(&mut self, items: &VecDeque<Item>, codec: Codec) -> Body {
        let mut alone = items.iter();
        let (Some(Item::Messages(messages) | Item::Volatile(messages)), None) =
            (alone.next(), alone.next())
        else {
            return codec.body(items);
        };
        // Text alone is a body as it is.
        if !codec.v3 && messages.parts().1.is_empty() {
            return codec.body(items);
        }
        if let Some((last, with, body)) = &self.written {
            if last.is_same(messages) && *with == codec {
                return body.clone();
            }
        }
        let body = codec.body(items);
        self.written = Some((messages.clone(), codec, body.clone()));
        body
    }

    /// The compressed form of a body; `None` if too much was compressed lately.
    pub(super) fn compress(&mut self, body: &Bytes, encoding: Encoding) -> Option<Bytes> {
        if let Some((last, with, compressed)) = &self.compressed {
            let is_same = last.as_ptr() == body.as_ptr() && last.len() == body.len();
            if is_same && *with == encoding {
                return Some(compressed.clone());
            }
        }
        if self.spent >= Self::BYTES {
            return None;
        }
        self.spent += body.len();
        let compressed = Bytes::from(encoding.compress(body)?);
        self.compressed = Some((body.clone(), encoding, compressed.clone()));
        Some(compressed)
    }

    /// Begins a slice.
    pub(super) const fn renew(&mut self) {
        self.spent = 0;
    }

    /// Forgets what was made.
    pub(super) fn forget(&mut self) {
        if self.written.is_some() || self.compressed.is_some() {
            (self.written, self.compressed) = (None, None);
        }
    }
}
