//! The queue of packets to one client, until there is a credit to send them, and the forms in which
//! packets are written: WebSocket messages and payloads.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::engineio::Encoded;
use crate::engineio::packet::Payload;
use crate::engineio::v3;
use crate::engineio::v3::Part;
use crate::io::{Frame, Frames};

/// An outgoing packet, or several messages that belong together.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A control packet, such as `2` or `3probe`.
    Control(Bytes),
    Messages(Encoded),
    /// Volatile messages, which are dropped if too much waits.
    Volatile(Encoded),
}

impl Item {
    pub(super) const PING: Self = Self::Control(Bytes::from_static(b"2"));
    pub(super) const PONG: Self = Self::Control(Bytes::from_static(b"3"));
    pub(super) const PROBED: Self = Self::Control(Bytes::from_static(b"3probe"));
    pub(super) const NOOP: Self = Self::Control(Bytes::from_static(b"6"));
    pub(super) const CLOSE: Self = Self::Control(Bytes::from_static(b"1"));

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Control(text) => text.len(),
            Self::Messages(messages) | Self::Volatile(messages) => messages.len(),
        }
    }

    /// What the item counts against limits, in bytes.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Control(text) => text.len() + Encoded::OVERHEAD,
            Self::Messages(messages) | Self::Volatile(messages) => messages.cost(),
        }
    }

    const fn is_volatile(&self) -> bool {
        matches!(self, Self::Volatile(_))
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

/// The form in which packets are written for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codec {
    /// Whether the client speaks protocol 3; it is 4 otherwise.
    pub(super) v3: bool,
    /// Whether the client takes binary data as base64 only.
    pub(super) base64: bool,
}

/// The body of an answer to a GET.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) binary: bool,
    pub(super) compressible: bool,
}

/// The packets that wait for one client, and the size of what its transport is writing.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Item>,
    /// The bytes of the packets in the queue.
    bytes: usize,
    /// What the queue counts against limits, in bytes.
    queued: usize,
    /// What the last write counts against limits, in bytes, until it is done.
    in_flight: usize,
    volatile: usize,
    has_pong: bool,
    ping: Ping,
}

/// The state of the last ping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ping {
    Queued,
    InFlight,
    #[default]
    Written,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The bytes of the packets that wait for a credit.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes of the packets that wait for a credit or are being written, with
    /// [`Encoded::OVERHEAD`] for each. This is what counts against `max_buffered`.
    pub(super) const fn unsent(&self) -> usize {
        self.queued + self.in_flight
    }

    /// Notes that the last write is done.
    pub(super) fn on_written(&mut self) {
        self.in_flight = 0;
        if self.ping == Ping::InFlight {
            self.ping = Ping::Written;
        }
    }

    /// Notes that the next item is a ping.
    pub(super) const fn begin_ping(&mut self) {
        self.ping = Ping::Queued;
    }

    /// Whether the transport has taken the last ping.
    pub(super) fn is_ping_written(&self) -> bool {
        self.ping == Ping::Written
    }

    /// Notes that an item of this cost is being written that was never in the queue.
    pub(super) fn mark_in_flight(&mut self, cost: usize) {
        self.in_flight = cost;
        if self.ping == Ping::Queued {
            self.ping = Ping::InFlight;
        }
    }

    /// Drops the volatile items; returns their number.
    pub(super) fn drop_volatile(&mut self) -> u64 {
        let dropped = std::mem::take(&mut self.volatile);
        if dropped > 0 {
            self.queue.retain(|item| !item.is_volatile());
            self.bytes = self.queue.iter().map(Item::len).sum();
            self.queued = self.queue.iter().map(Item::cost).sum();
        }
        dropped as u64
    }

    pub(super) fn push(&mut self, item: Item, cost: usize) {
        self.bytes += item.len();
        self.queued += cost;
        self.volatile += usize::from(item.is_volatile());
        self.queue.push_back(item);
    }

    pub(super) fn push_control(&mut self, item: Item) {
        let cost = item.cost();
        self.push(item, cost);
    }

    /// Adds a pong, unless one waits already: one pong answers any number of pings.
    pub(super) fn push_pong(&mut self) {
        if !std::mem::replace(&mut self.has_pong, true) {
            self.push_control(Item::PONG);
        }
    }

    /// Takes all items, as WebSocket messages.
    pub(super) fn take_frames(&mut self, codec: Codec) -> Frames {
        self.in_flight = self.queued;
        if self.ping == Ping::Queued {
            self.ping = Ping::InFlight;
        }
        let mut frames = Frames::new();
        for item in self.take() {
            codec.push_frames(&item, &mut frames);
        }
        frames
    }

    /// Takes all items, for the body of an answer.
    pub(super) fn take_items(&mut self) -> VecDeque<Item> {
        self.ping = Ping::Written;
        self.take()
    }

    /// Leaves no capacity behind: most clients are idle most of the time.
    fn take(&mut self) -> VecDeque<Item> {
        (self.bytes, self.queued, self.volatile, self.has_pong) = (0, 0, 0, false);
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
    pub(super) fn single_item_body(self, item: &Item) -> Body {
        self.body([item])
    }

    /// Items as the body of an answer.
    pub(super) fn body<'a>(
        self,
        items: impl IntoIterator<Item = &'a Item, IntoIter: Clone>,
    ) -> Body {
        let all = items.into_iter();
        let items = || all.clone();
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
