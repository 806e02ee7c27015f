//! What waits to be sent to the server.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::engineio::Encoded;
use crate::engineio::packet::Payload;
use crate::io::{Frame, Frames};

/// The greatest number of packets in the body of a POST: some servers ignore those behind it.
const MAX_PACKETS: usize = 16;

/// Packets in their order: text with its type in front, or binary messages.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<(PacketKind, Frame)>,
    /// What was taken last and is not known to have arrived holds data.
    data_in_flight: bool,
    /// What the queue counts against limits.
    queued: usize,
    /// A pong is waiting; one answers any number of pings.
    has_pong: bool,
}

/// What a packet is, as far as its sending depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PacketKind {
    /// What the application has emitted.
    Data,
    /// What the protocol needs.
    Control,
    /// A socket leaves its namespace. Servers that handle packets one by one, but events later,
    /// ignore the events that come together with it, so it is sent after they have left.
    Leave,
    /// The session ends; for the same reason, not sent together with anything else.
    Close,
}

impl PacketKind {
    /// Whether a packet may be sent together with the one before it.
    const fn follows(self, before: Self) -> bool {
        match self {
            Self::Data | Self::Control => true,
            Self::Leave => matches!(before, Self::Control | Self::Leave),
            Self::Close => false,
        }
    }
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What waits, as it counts against limits: the bytes of the messages, and
    /// [`Encoded::OVERHEAD`] for each.
    pub(super) const fn unsent(&self) -> usize {
        self.queued
    }

    /// Whether something that the application has emitted waits, or has left and is not known to
    /// have arrived.
    pub(super) fn holds_data(&self) -> bool {
        self.data_in_flight || self.queue.iter().any(|(kind, _)| *kind == PacketKind::Data)
    }

    /// Whether a socket is to leave its namespace next.
    pub(super) fn begins_with_farewell(&self) -> bool {
        self.queue.front().is_some_and(|(kind, _)| *kind == PacketKind::Leave)
    }

    /// Whether what was taken last holds data, and is not known to have arrived.
    pub(super) const fn has_data_in_flight(&self) -> bool {
        self.data_in_flight
    }

    /// What was taken last has arrived.
    pub(super) fn on_arrived(&mut self) {
        self.data_in_flight = false;
    }

    pub(super) fn push(&mut self, kind: PacketKind, messages: &Encoded) {
        let (text, binary) = messages.parts();
        let text = text.map(|text| Frame::Text(text.clone()));
        let binary = binary.iter().map(|data| Frame::Binary(data.clone()));
        for packet in text.into_iter().chain(binary) {
            self.push_packet(kind, packet);
        }
    }

    fn push_packet(&mut self, kind: PacketKind, packet: Frame) {
        self.queued += cost(&packet);
        self.queue.push_back((kind, packet));
    }

    pub(super) fn push_close(&mut self) {
        self.push_packet(PacketKind::Close, Frame::Text(Bytes::from_static(b"1")));
    }

    pub(super) fn push_pong(&mut self) {
        if !std::mem::replace(&mut self.has_pong, true) {
            self.push_packet(PacketKind::Control, Frame::Text(Bytes::from_static(b"3")));
        }
    }

    /// Takes the first packet, if it may be sent together with what was taken before it.
    fn take_next(&mut self, before: &mut Option<PacketKind>) -> Option<Frame> {
        let (kind, _) = self.queue.front()?;
        if before.is_some_and(|before| !kind.follows(before)) {
            return None;
        }
        let (kind, packet) = self.queue.pop_front()?;
        // Whatever data a batch holds, a farewell does not belong to it.
        *before = if *before == Some(PacketKind::Data) { *before } else { Some(kind) };
        self.data_in_flight |= kind == PacketKind::Data;
        self.queued -= cost(&packet);
        if matches!(&packet, Frame::Text(text) if &text[..] == b"3") {
            self.has_pong = false;
        }
        Some(packet)
    }

    /// Drops what was not sent.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds what may be sent at once, as WebSocket messages.
    pub(super) fn take_frames(&mut self, base64: bool, frames: &mut Frames) {
        let mut before = None;
        while let Some(packet) = self.take_next(&mut before) {
            frames.push(match packet {
                Frame::Binary(data) if base64 => {
                    let mut text = Payload::default();
                    text.push_binary(&data);
                    Frame::Text(text.finish())
                }
                packet @ (Frame::Text(_) | Frame::Binary(_)) => packet,
            });
        }
    }

    /// Takes what fits into the body of a POST, at least one packet.
    pub(super) fn take_body(&mut self, limit: Option<usize>) -> Bytes {
        let limit = limit.unwrap_or(usize::MAX);
        let mut payload = Payload::default();
        let mut before = None;
        let mut len = 0;
        for _ in 0..MAX_PACKETS {
            let Some((_, packet)) = self.queue.front() else { break };
            let more = size(packet) + usize::from(len > 0);
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

fn cost(packet: &Frame) -> usize {
    packet.len() + Encoded::OVERHEAD
}

/// What a packet takes in the body of a POST, in bytes.
fn size(packet: &Frame) -> usize {
    match packet {
        Frame::Text(text) => text.len(),
        Frame::Binary(data) => as_text(data),
    }
}

/// What each message takes, in bytes, binary ones perhaps as text.
pub(super) fn sizes(messages: &Encoded, base64: bool) -> impl Iterator<Item = usize> {
    let (text, binary) = messages.parts();
    let binary = binary.iter().map(move |data| if base64 { as_text(data) } else { data.len() });
    text.map(Bytes::len).into_iter().chain(binary)
}

/// What a binary packet takes as text, in bytes.
const fn as_text(data: &Bytes) -> usize {
    1 + data.len().div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_holds_what_fits_but_at_least_one_packet() {
        let mut outbox = Outbox::default();
        for text in ["aaaa", "bbbb", "cccccccccccc", "d"] {
            outbox.push(PacketKind::Data, &Encoded::text(text));
        }
        outbox.push(PacketKind::Data, &Encoded::binary(Bytes::from_static(&[1, 2, 3, 4])));
        let (mut bodies, mut left) = (Vec::new(), Vec::new());
        while !outbox.is_empty() {
            bodies.push(outbox.take_body(Some(11)));
            left.push(outbox.unsent());
        }
        assert_eq!(bodies, ["4aaaa\x1e4bbbb", "4cccccccccccc", "4d", "bAQIDBA=="]);
        let each = Encoded::OVERHEAD;
        assert_eq!(left, [19 + 3 * each, 6 + 2 * each, 4 + each, 0]);
    }

    #[test]
    fn a_pong_that_has_left_answers_no_later_ping() {
        let mut outbox = Outbox::default();
        outbox.push_pong();
        outbox.push(PacketKind::Data, &Encoded::text("aaaa"));
        assert_eq!(outbox.take_body(Some(3)), "3");
        outbox.push_pong();
        assert_eq!(outbox.take_body(None), "4aaaa\x1e3");
    }

    #[test]
    fn a_body_holds_no_more_packets_than_every_server_reads() {
        let mut outbox = Outbox::default();
        for _ in 0..MAX_PACKETS + 1 {
            outbox.push(PacketKind::Data, &Encoded::text("e"));
        }
        let packets = |body: Bytes| body.split(|&byte| byte == 0x1e).count();
        assert_eq!(packets(outbox.take_body(None)), MAX_PACKETS);
        assert_eq!(packets(outbox.take_body(None)), 1);
        assert!(outbox.is_empty());
    }

    #[test]
    fn farewells_are_sent_after_the_data_before_them_has_left() {
        let mut outbox = Outbox::default();
        outbox.push(PacketKind::Data, &Encoded::text("2a"));
        outbox.push_pong();
        outbox.push(PacketKind::Leave, &Encoded::text("1/x,"));
        outbox.push(PacketKind::Leave, &Encoded::text("1"));
        outbox.push_close();
        let mut bodies = Vec::new();
        while !outbox.is_empty() {
            bodies.push(outbox.take_body(None));
        }
        assert_eq!(bodies, ["42a\x1e3", "41/x,\x1e41", "1"]);
        assert!(outbox.holds_data(), "until it has arrived");
        outbox.on_arrived();
        assert!(!outbox.holds_data());
    }

    #[test]
    fn any_number_of_pings_costs_one_pong() {
        let mut outbox = Outbox::default();
        outbox.push_pong();
        outbox.push_pong();
        assert_eq!(outbox.take_body(None), "3");
        outbox.push_pong();
        assert_eq!(outbox.take_body(None), "3");
    }
}
