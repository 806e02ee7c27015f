//! The bodies of the answers of one turn. A broadcast leads to the same answer for many clients; it
//! is written and compressed once.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::engineio::Encoded;
use crate::engineio::http::compress::Encoding;
use crate::engineio::server::outbox::{Body, Codec, Item};

/// The bodies that were written and compressed last. They are dropped at the end of the turn.
#[derive(Default)]
pub(super) struct Answers {
    written: Option<(Encoded, Codec, Body)>,
    compressed: Option<(Bytes, Encoding, Bytes)>,
    /// The bytes that were compressed in the current slice.
    spent: usize,
}

impl Answers {
    /// The bytes that are compressed in one slice, some milliseconds of work. Bodies beyond them
    /// are sent uncompressed.
    const BYTES: usize = 256 << 10;

    /// The body that holds these items, shared with the last one if it holds the same messages.
    pub(super) fn body(&mut self, items: &VecDeque<Item>, codec: Codec) -> Body {
        let mut alone = items.iter();
        let (Some(Item::Messages(messages) | Item::Volatile(messages)), None) =
            (alone.next(), alone.next())
        else {
            return codec.body(items);
        };
        // A single text packet is its own payload: there is nothing to write.
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

    /// The compressed form of a body; `None` if too much was compressed in this slice.
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

    /// Drops all bodies.
    pub(super) fn forget(&mut self) {
        if self.written.is_some() || self.compressed.is_some() {
            (self.written, self.compressed) = (None, None);
        }
    }
}
