//! What waits to be sent to the server.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::engine::Encoded;
use crate::engine::packet::Payload;
use crate::io::{Frame, Frames};

/// Packets in their order: text with its type in front, or binary messages.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Frame>,
    /// What the queue counts against limits.
    queued: usize,
    /// A pong is waiting; one answers any number of pings.
    has_pong: bool,
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

    pub(super) fn push(&mut self, messages: &Encoded) {
        let (text, binary) = messages.parts();
        let text = text.map(|text| Frame::Text(text.clone()));
        let binary = binary.iter().map(|data| Frame::Binary(data.clone()));
        for packet in text.into_iter().chain(binary) {
            self.push_packet(packet);
        }
    }

    fn push_packet(&mut self, packet: Frame) {
        self.queued += cost(&packet);
        self.queue.push_back(packet);
    }

    pub(super) fn push_close(&mut self) {
        self.push_packet(Frame::Text(Bytes::from_static(b"1")));
    }

    pub(super) fn push_pong(&mut self) {
        if !std::mem::replace(&mut self.has_pong, true) {
            self.push_packet(Frame::Text(Bytes::from_static(b"3")));
        }
    }

    /// Drops what was not sent.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds everything, as WebSocket messages.
    pub(super) fn take_frames(&mut self, base64: bool, frames: &mut Frames) {
        for packet in std::mem::take(self).queue {
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
        let mut len = 0;
        while let Some(packet) = self.queue.front() {
            let more = size(packet) + usize::from(len > 0);
            if len > 0 && len + more > limit {
                return payload.finish();
            }
            len += more;
            match packet {
                Frame::Text(text) => {
                    self.has_pong &= &text[..] != b"3";
                    payload.push(text);
                }
                Frame::Binary(data) => payload.push_binary(data),
            }
            self.queued -= cost(packet);
            self.queue.pop_front();
        }
        self.clear();
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
            outbox.push(&Encoded::text(text));
        }
        outbox.push(&Encoded::binary(Bytes::from_static(&[1, 2, 3, 4])));
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
        outbox.push(&Encoded::text("aaaa"));
        assert_eq!(outbox.take_body(Some(3)), "3");
        outbox.push_pong();
        assert_eq!(outbox.take_body(None), "4aaaa\x1e3");
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
