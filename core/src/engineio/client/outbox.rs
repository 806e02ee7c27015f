//! The queue of packets that are to be sent to the server.
//!
//! It decides which packets may be written together: as the body of a POST, `4a\x1e4b` (Engine.IO
//! protocol, section "Packet encoding"), or as WebSocket messages. It does not decide when.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::engineio::Encoded;
use crate::engineio::packet::Payload;
use crate::io::{Frame, Frames};

/// The greatest number of packets in the body of a POST; some servers ignore what exceeds it.
const MAX_PACKETS: usize = 16;

/// Packets in their order: text with its type in front, or binary messages.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<(PacketClass, Frame)>,
    /// The packets that were taken last hold data, and are not known to have arrived.
    data_in_flight: bool,
    /// What the queue counts against limits, in bytes.
    queued: usize,
    /// Whether a pong is queued. One answers any number of pings, so that a server that sends
    /// pings and reads nothing can't make the queue grow.
    has_pong: bool,
}

/// What the sending of a packet depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PacketClass {
    /// A message that the application has emitted.
    Data,
    /// A packet of a protocol that may be sent together with any other.
    Control,
    /// A message that makes a server drop the data which it reads together with it, such as the
    /// packet that leaves a namespace. So it is sent once the data before it was read.
    AfterData,
    /// `1` (close); for the same reason, it is not sent together with anything else.
    Close,
}

impl PacketClass {
    /// Whether a packet may be sent together with the one before it.
    const fn follows(self, before: Self) -> bool {
        match self {
            Self::Data | Self::Control => true,
            Self::AfterData => matches!(before, Self::Control | Self::AfterData),
            Self::Close => false,
        }
    }
}

impl Outbox {
    /// Whether no packet is queued. Those that were taken do not count.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns what the queue counts against limits: the bytes of the packets, and
    /// [`Encoded::OVERHEAD`] for each.
    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// Whether data is queued, or was taken and is not known to have arrived.
    pub(super) fn holds_data(&self) -> bool {
        self.data_in_flight || self.queue.iter().any(|(kind, _)| *kind == PacketClass::Data)
    }

    /// Whether the next packet must not be read together with the data before it.
    pub(super) fn is_next_after_data(&self) -> bool {
        self.queue.front().is_some_and(|(kind, _)| *kind == PacketClass::AfterData)
    }

    /// Whether the packets that were taken last hold data, and are not known to have arrived.
    pub(super) const fn has_data_in_flight(&self) -> bool {
        self.data_in_flight
    }

    /// The packets that were taken last have arrived: the POST is answered, or the WebSocket has
    /// written them.
    pub(super) fn on_arrived(&mut self) {
        self.data_in_flight = false;
    }

    /// Appends messages: the text, then its attachments as packets of their own.
    pub(super) fn push(&mut self, kind: PacketClass, messages: &Encoded) {
        // Nothing is copied: the frames share the memory of the messages.
        let (text, binary) = messages.parts();
        let text = text.map(|text| Frame::Text(text.clone()));
        let binary = binary.iter().map(|data| Frame::Binary(data.clone()));
        for packet in text.into_iter().chain(binary) {
            self.push_packet(kind, packet);
        }
    }

    /// Appends one packet.
    fn push_packet(&mut self, kind: PacketClass, packet: Frame) {
        self.queued += cost(&packet);
        self.queue.push_back((kind, packet));
    }

    /// Appends `1` (close).
    pub(super) fn push_close(&mut self) {
        self.push_packet(PacketClass::Close, Frame::Text(Bytes::from_static(b"1")));
    }

    /// Appends `3` (pong), unless one is queued.
    pub(super) fn push_pong(&mut self) {
        if !std::mem::replace(&mut self.has_pong, true) {
            self.push_packet(PacketClass::Control, Frame::Text(Bytes::from_static(b"3")));
        }
    }

    /// Takes the first packet, if it may be sent together with those that were taken before it, the
    /// class of which is `before`.
    fn take_next(&mut self, before: &mut Option<PacketClass>) -> Option<Frame> {
        let (kind, _) = self.queue.front()?;
        if before.is_some_and(|before| !kind.follows(before)) {
            return None;
        }
        let (kind, packet) = self.queue.pop_front()?;
        // The class of a batch with data is `Data`, whatever follows the data in it: nothing of the
        // class `AfterData` may be added.
        *before = if *before == Some(PacketClass::Data) { *before } else { Some(kind) };
        self.data_in_flight |= kind == PacketClass::Data;
        self.queued -= cost(&packet);
        if matches!(&packet, Frame::Text(text) if &text[..] == b"3") {
            self.has_pong = false;
        }
        Some(packet)
    }

    /// Drops all packets.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the packets that may be written at once, as WebSocket messages.
    pub(super) fn take_frames(&mut self, base64: bool, frames: &mut Frames) {
        let mut before = None;
        while let Some(packet) = self.take_next(&mut before) {
            frames.push(match packet {
                // `b` and base64, as in long-polling; servers take that on WebSockets, too.
                Frame::Binary(data) if base64 => {
                    let mut text = Payload::default();
                    text.push_binary(&data);
                    Frame::Text(text.finish())
                }
                packet @ (Frame::Text(_) | Frame::Binary(_)) => packet,
            });
        }
    }

    /// Takes the packets that fit into the body of a POST, at least one: the server may take a
    /// larger one than it says, and otherwise its answer says that it does not.
    pub(super) fn take_body(&mut self, limit: Option<usize>) -> Bytes {
        let limit = limit.unwrap_or(usize::MAX);
        let mut payload = Payload::default();
        let mut before = None;
        let mut len = 0;
        for _ in 0..MAX_PACKETS {
            let Some((_, packet)) = self.queue.front() else { break };
            let more = size(packet) + usize::from(len > 0);
            // A first packet that is too large is sent all the same.
            if len > 0 && len + more > limit {
                break;
            }
            len += more;
            match self.take_next(&mut before) {
                Some(Frame::Text(text)) => payload.push(&text),
                Some(Frame::Binary(data)) => payload.push_binary(&data),
                None => break,
            }
        }
        payload.finish()
    }
}

/// What a queued packet counts against limits, in bytes.
fn cost(packet: &Frame) -> usize {
    packet.len() + Encoded::OVERHEAD
}

/// The size of a packet in the body of a POST, in bytes.
fn size(packet: &Frame) -> usize {
    match packet {
        Frame::Text(text) => text.len(),
        Frame::Binary(data) => base64_size(data),
    }
}

/// Iterates over the sizes of messages in bytes, binary ones perhaps as base64.
pub(super) fn sizes(messages: &Encoded, base64: bool) -> impl Iterator<Item = usize> {
    let (text, binary) = messages.parts();
    let binary = binary.iter().map(move |data| if base64 { base64_size(data) } else { data.len() });
    text.map(Bytes::len).into_iter().chain(binary)
}

/// The size of a binary message as text, in bytes: `b` and padded base64.
const fn base64_size(data: &Bytes) -> usize {
    1 + data.len().div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_holds_the_packets_that_fit_but_at_least_one() {
        let mut outbox = Outbox::default();
        for text in ["aaaa", "bbbb", "cccccccccccc", "d"] {
            outbox.push(PacketClass::Data, &Encoded::text(text));
        }
        outbox.push(PacketClass::Data, &Encoded::binary(Bytes::from_static(&[1, 2, 3, 4])));
        let (mut bodies, mut left) = (Vec::new(), Vec::new());
        while !outbox.is_empty() {
            bodies.push(outbox.take_body(Some(11)));
            left.push(outbox.queued());
        }
        assert_eq!(bodies, ["4aaaa\x1e4bbbb", "4cccccccccccc", "4d", "bAQIDBA=="]);
        let each = Encoded::OVERHEAD;
        assert_eq!(left, [19 + 3 * each, 6 + 2 * each, 4 + each, 0]);
    }

    #[test]
    fn a_ping_after_the_pong_was_taken_is_answered_by_another_pong() {
        let mut outbox = Outbox::default();
        outbox.push_pong();
        outbox.push(PacketClass::Data, &Encoded::text("aaaa"));
        assert_eq!(outbox.take_body(Some(3)), "3");
        outbox.push_pong();
        assert_eq!(outbox.take_body(None), "4aaaa\x1e3");
    }

    #[test]
    fn a_body_holds_at_most_sixteen_packets() {
        let mut outbox = Outbox::default();
        for _ in 0..MAX_PACKETS + 1 {
            outbox.push(PacketClass::Data, &Encoded::text("e"));
        }
        let packets = |body: Bytes| body.split(|&byte| byte == 0x1e).count();
        assert_eq!(packets(outbox.take_body(None)), MAX_PACKETS);
        assert_eq!(packets(outbox.take_body(None)), 1);
        assert!(outbox.is_empty());
    }

    #[test]
    fn packets_that_follow_data_are_not_in_one_body_with_it() {
        let mut outbox = Outbox::default();
        outbox.push(PacketClass::Data, &Encoded::text("2a"));
        outbox.push_pong();
        outbox.push(PacketClass::AfterData, &Encoded::text("1/x,"));
        outbox.push(PacketClass::AfterData, &Encoded::text("1"));
        outbox.push_close();
        let mut bodies = Vec::new();
        while !outbox.is_empty() {
            bodies.push(outbox.take_body(None));
        }
        assert_eq!(bodies, ["42a\x1e3", "41/x,\x1e41", "1"]);
        assert!(outbox.holds_data(), "not known to have arrived");
        outbox.on_arrived();
        assert!(!outbox.holds_data());
    }

    #[test]
    fn any_number_of_pings_is_answered_by_one_pong() {
        let mut outbox = Outbox::default();
        outbox.push_pong();
        outbox.push_pong();
        assert_eq!(outbox.take_body(None), "3");
        outbox.push_pong();
        assert_eq!(outbox.take_body(None), "3");
    }
}
