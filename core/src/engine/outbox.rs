//! What waits to be sent to one client, until there is a credit to send it.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::Encoded;
use super::packet::Payload;
use super::v3::{self, Part};
use crate::io::{Frame, Frames};

/// What goes out.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A packet of the protocol's own, as text.
    Control(Bytes),
    Messages(Encoded),
    /// Messages that may be dropped if there are too many.
    Volatile(Encoded),
}

impl Item {
    pub(super) const PING: Self = Self::Control(Bytes::from_static(b"2"));
    pub(super) const PONG: Self = Self::Control(Bytes::from_static(b"3"));
    pub(super) const PROBED: Self = Self::Control(Bytes::from_static(b"3probe"));
    pub(super) const NOOP: Self = Self::Control(Bytes::from_static(b"6"));
    pub(super) const CLOSE: Self = Self::Control(Bytes::from_static(b"1"));

    fn len(&self) -> usize {
        match self {
            Self::Control(text) => text.len(),
            Self::Messages(messages) | Self::Volatile(messages) => messages.len(),
        }
    }

    fn is_compressible(&self) -> bool {
        match self {
            Self::Control(_) => true,
            Self::Messages(messages) | Self::Volatile(messages) => messages.is_compressible(),
        }
    }

    fn parts(&self) -> (Option<&Bytes>, &[Bytes]) {
        match self {
            Self::Control(text) => (Some(text), &[]),
            Self::Messages(messages) | Self::Volatile(messages) => messages.parts(),
        }
    }
}

/// How packets are written for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codec {
    /// Protocol 3, else 4.
    pub(super) v3: bool,
    /// The client takes no binary, only base64.
    pub(super) base64: bool,
}

/// The body of an answer to a GET.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) binary: bool,
    pub(super) compressible: bool,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Item>,
    bytes: usize,
    /// How many bytes the WebSocket is writing.
    in_flight: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many bytes wait for a credit.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes wait for a credit or are being written.
    pub(super) const fn unsent(&self) -> usize {
        self.bytes + self.in_flight
    }

    /// Notes that what was on its way is written.
    pub(super) const fn arrived(&mut self) {
        self.in_flight = 0;
    }

    /// Notes that an item is on its way that never waited here; returns its size.
    pub(super) fn bypass(&mut self, item: &Item) -> usize {
        self.in_flight = item.len();
        self.in_flight
    }

    /// Drops the volatile items; returns how many they were.
    pub(super) fn shed(&mut self) -> u64 {
        let before = self.queue.len();
        self.queue.retain(|item| !matches!(item, Item::Volatile(_)));
        self.bytes = self.queue.iter().map(Item::len).sum();
        (before - self.queue.len()) as u64
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.len();
        self.queue.push_back(item);
    }

    /// Takes everything, as WebSocket messages.
    pub(super) fn take_frames(&mut self, codec: Codec) -> Frames {
        self.in_flight = self.bytes;
        let mut frames = Frames::new();
        for item in self.take() {
            codec.push_frames(&item, &mut frames);
        }
        frames
    }

    /// Takes everything, as the body of an answer.
    pub(super) fn take_body(&mut self, codec: Codec) -> Body {
        let items = self.take();
        codec.body(items.as_slices().0, items.as_slices().1)
    }

    /// Leaves no capacity behind: most clients are idle most of the time.
    fn take(&mut self) -> VecDeque<Item> {
        self.bytes = 0;
        std::mem::take(&mut self.queue)
    }
}

impl Codec {
    /// One item as WebSocket messages.
    pub(super) fn frames(self, item: &Item) -> Frames {
        let mut frames = Frames::new();
        self.push_frames(item, &mut frames);
        frames
    }

    fn push_frames(self, item: &Item, frames: &mut Frames) {
        let (text, binary) = item.parts();
        if let Some(text) = text {
            frames.push(Frame::Text(text.clone()));
        }
        for data in binary {
            frames.push(match self {
                Self { v3: false, base64: false } => Frame::Binary(data.clone()),
                Self { v3: true, base64: false } => {
                    let mut packet = BytesMut::with_capacity(data.len() + 1);
                    packet.put_u8(4);
                    packet.put_slice(data);
                    Frame::Binary(packet.freeze())
                }
                Self { v3: true, base64: true } => Frame::Text(v3::binary_as_text(data).into()),
                Self { v3: false, base64: true } => {
                    let mut payload = Payload::default();
                    payload.push_binary(data);
                    Frame::Text(payload.finish())
                }
            });
        }
    }

    /// One item as the body of an answer.
    pub(super) fn lone_body(self, item: &Item) -> Body {
        self.body(std::slice::from_ref(item), &[])
    }

    fn body(self, items: &[Item], more: &[Item]) -> Body {
        let items = || items.iter().chain(more);
        let compressible = items().any(Item::is_compressible);
        if self.v3 {
            return self.v3_body(items(), compressible);
        }
        let mut alone = items();
        if let (Some(item), None) = (alone.next(), alone.next()) {
            if let (Some(text), []) = item.parts() {
                return Body { bytes: text.clone(), binary: false, compressible };
            }
        }
        let mut payload = Payload::default();
        for item in items() {
            let (text, binary) = item.parts();
            text.into_iter().for_each(|text| payload.push(text));
            binary.iter().for_each(|data| payload.push_binary(data));
        }
        Body { bytes: payload.finish(), binary: false, compressible }
    }

    fn v3_body<'a>(self, items: impl Iterator<Item = &'a Item>, compressible: bool) -> Body {
        let mut parts = Vec::new();
        let mut has_binary = false;
        for item in items {
            let (text, binary) = item.parts();
            parts.extend(text.map(|text| Part::Text(text)));
            parts.extend(binary.iter().map(|data| Part::Binary(data)));
            has_binary |= !binary.is_empty();
        }
        let binary = has_binary && !self.base64;
        let bytes = if binary { v3::join_binary(&parts) } else { v3::join_text(&parts) };
        Body { bytes: bytes.into(), binary, compressible }
    }
}
