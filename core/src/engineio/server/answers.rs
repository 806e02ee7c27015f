//! The bodies of the answers of one turn. A broadcast leads to the same answer for many clients; its
//! body is written once, and all of them share its memory. So a driver that compresses can do so once
//! as well.

use std::collections::VecDeque;

use crate::engineio::Encoded;
use crate::engineio::server::outbox::{Body, Codec, Item};

/// The body that was written last. It is dropped at the end of the turn.
#[derive(Default)]
pub(super) struct Answers {
    written: Option<(Encoded, Codec, Body)>,
}

impl Answers {
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

    /// Drops the body.
    pub(super) fn forget(&mut self) {
        if self.written.is_some() {
            self.written = None;
        }
    }
}
