//! What waits to be sent to one client, until there is a credit to send it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Encoded;
use super::packet::Payload;
use crate::io::{Frame, Frames};

/// What goes out.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A packet of the protocol's own, as text.
    Control(Bytes),
    Messages(Encoded),
}

impl Item {
    pub(super) const PING: Self = Self::Control(Bytes::from_static(b"2"));
    pub(super) const PROBED: Self = Self::Control(Bytes::from_static(b"3probe"));
    pub(super) const NOOP: Self = Self::Control(Bytes::from_static(b"6"));
    pub(super) const CLOSE: Self = Self::Control(Bytes::from_static(b"1"));

    fn len(&self) -> usize {
        match self {
            Self::Control(text) => text.len(),
            Self::Messages(messages) => messages.len(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Item>,
    bytes: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many bytes wait.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.len();
        self.queue.push_back(item);
    }

    /// Takes everything, as WebSocket messages.
    pub(super) fn take_frames(&mut self) -> Frames {
        let mut frames = Frames::new();
        for item in self.take() {
            push_frames(&item, &mut frames);
        }
        frames
    }

    /// Takes everything, as the body of an answer.
    pub(super) fn take_payload(&mut self) -> Bytes {
        if let [item] = self.queue.make_contiguous() {
            let lone = match item {
                Item::Control(text) => Some(text.clone()),
                Item::Messages(messages) => messages.lone_text().cloned(),
            };
            if let Some(text) = lone {
                self.take();
                return text;
            }
        }
        let mut payload = Payload::with_buffer(Vec::with_capacity(self.bytes + self.queue.len()));
        for item in self.take() {
            match item {
                Item::Control(text) => payload.push(&text),
                Item::Messages(messages) => messages.push_payload(&mut payload),
            }
        }
        payload.finish()
    }

    /// Leaves no capacity behind: most clients are idle most of the time.
    fn take(&mut self) -> VecDeque<Item> {
        self.bytes = 0;
        std::mem::take(&mut self.queue)
    }
}

/// One item as WebSocket messages.
pub(super) fn frames(item: &Item) -> Frames {
    let mut frames = Frames::new();
    push_frames(item, &mut frames);
    frames
}

fn push_frames(item: &Item, frames: &mut Frames) {
    match item {
        Item::Control(text) => frames.push(Frame::Text(text.clone())),
        Item::Messages(messages) => messages.push_frames(frames),
    }
}
