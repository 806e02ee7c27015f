//! Incoming messages that wait, and the slices in which they are handled.
//!
//! A few bytes of one client can lead to a lot of work: each packet of a POST may be an event that
//! the application broadcasts. So messages are handled in slices. When a slice is spent, the
//! remaining messages wait in the [`Inbox`] of their session, the driver writes and reads for all
//! other clients, and the next slice begins at [`Slice::next_at`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::engineio::packet;
use crate::engineio::packet::Packet;
use crate::io::Frame;

/// The budget of one slice.
#[derive(Debug)]
pub(super) struct Slice {
    began: Option<Instant>,
    /// The number of packets that may still be taken out of inboxes.
    packets: usize,
    /// The bytes that had been produced for clients when the slice began.
    made: usize,
}

impl Slice {
    const PACKETS: usize = 1024;
    const BYTES: usize = 4 << 20;
    /// The time between the beginnings of two slices.
    const PACE: Duration = Duration::from_millis(1);

    pub(super) const fn new() -> Self {
        Self { began: None, packets: Self::PACKETS, made: 0 }
    }

    /// When the next slice may begin.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.began.map(|began| began + Self::PACE)
    }

    /// Begins a new slice, unless the last one has just begun. `made` is the number of bytes that
    /// were produced for clients so far, here and below.
    pub(super) fn renew(&mut self, made: usize, now: Instant) {
        if self.next_at().is_none_or(|at| at <= now) {
            *self = Self { began: Some(now), packets: Self::PACKETS, made };
        }
    }

    pub(super) const fn count_packet(&mut self) {
        self.packets = self.packets.saturating_sub(1);
    }

    /// Whether messages that arrive have to wait.
    pub(super) const fn is_out_of_bytes(&self, made: usize) -> bool {
        made.wrapping_sub(self.made) >= Self::BYTES
    }

    /// Whether no more packets may be taken out of inboxes.
    pub(super) const fn is_spent(&self, made: usize) -> bool {
        self.packets == 0 || self.is_out_of_bytes(made)
    }
}

/// The packets of a POST, decoded one by one. `None` instead of a packet ends them as malformed.
pub(super) enum Packets {
    /// The rest of a payload of protocol 4.
    Current(Option<Bytes>),
    /// A payload of protocol 3.
    Old(Box<dyn Iterator<Item = Option<Packet>> + Send>),
    /// A payload that is not UTF-8.
    Malformed,
    Finished,
}

impl Iterator for Packets {
    type Item = Option<Packet>;

    fn next(&mut self) -> Option<Option<Packet>> {
        match self {
            Self::Current(rest) => packet::split_first(rest).map(packet::decode),
            Self::Old(packets) => packets.next(),
            Self::Malformed => {
                *self = Self::Finished;
                Some(None)
            }
            Self::Finished => None,
        }
    }
}

enum Entry {
    Body(std::iter::Peekable<Packets>),
    Message(Frame),
}

/// The next entry of an inbox.
pub(super) enum Next {
    /// A message that was counted when it arrived.
    Message(Frame),
    /// A packet of a POST; `None` if it is malformed.
    Packet(Option<Packet>),
}

/// The messages of one session that wait to be handled, in the order of arrival. It is never empty;
/// while a session has one, nothing is read from its client.
pub(super) struct Inbox {
    entries: VecDeque<Entry>,
    /// The number of messages that were put in front of the others.
    early: usize,
    /// Whether the session is in the queue for the next slice.
    pub(super) is_queued: bool,
}

impl Inbox {
    pub(super) const fn new() -> Self {
        Self { entries: VecDeque::new(), early: 0, is_queued: false }
    }

    pub(super) fn push_message(&mut self, message: Frame) {
        self.entries.push_back(Entry::Message(message));
    }

    /// Adds a message that arrived before all others here, behind those that were added like this.
    pub(super) fn push_early(&mut self, message: Frame) {
        self.entries.insert(self.early, Entry::Message(message));
        self.early += 1;
    }

    pub(super) const fn has_early(&self) -> bool {
        self.early > 0
    }

    /// Adds the remaining packets of a POST, if there are any.
    pub(super) fn push_body(&mut self, packets: Packets) {
        let mut packets = packets.peekable();
        if packets.peek().is_some() {
            self.entries.push_back(Entry::Body(packets));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<Next> {
        self.early = self.early.saturating_sub(1);
        match self.entries.front_mut()? {
            Entry::Message(_) => match self.entries.pop_front()? {
                Entry::Message(message) => Some(Next::Message(message)),
                Entry::Body(_) => None,
            },
            Entry::Body(packets) => {
                let packet = packets.next()?;
                if packets.peek().is_none() {
                    self.entries.pop_front();
                }
                Some(Next::Packet(packet))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_ends_with_its_packets_or_its_bytes() {
        let mut slice = Slice::new();
        for _ in 0..Slice::PACKETS {
            assert!(!slice.is_spent(0));
            slice.count_packet();
        }
        assert!(slice.is_spent(0) && !slice.is_out_of_bytes(0));
        let slice = Slice::new();
        assert!(!slice.is_spent(Slice::BYTES - 1));
        assert!(slice.is_spent(Slice::BYTES) && slice.is_out_of_bytes(Slice::BYTES));
    }

    #[test]
    fn messages_and_bodies_come_out_in_the_order_of_their_arrival() {
        let mut inbox = Inbox::new();
        inbox.push_body(Packets::Current(Some(Bytes::from_static(b"4a\x1ex"))));
        inbox.push_message(Frame::from("b"));
        inbox.push_body(Packets::Current(None));
        inbox.push_body(Packets::Malformed);
        let mut out = Vec::new();
        while !inbox.is_empty() {
            out.push(match inbox.next() {
                Some(Next::Packet(Some(Packet::Message(message))))
                | Some(Next::Message(message)) => message.as_text().map(ToOwned::to_owned),
                Some(Next::Packet(_)) | None => None,
            });
        }
        assert_eq!(out, [Some("a".to_owned()), None, Some("b".to_owned()), None]);
        assert!(inbox.next().is_none());
    }
}
