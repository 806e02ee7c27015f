//! In which rooms a socket was, and when, counted in packets.

use std::collections::{BTreeMap, VecDeque};

use crate::socketio::server::selector::Room;

/// The number of a packet in the log; that of the first one ever is 1.
pub(super) type Number = u64;

/// The rooms of a socket that can come back. A packet for a room is for those who are in it when it
/// is sent, and a packet that excepts a room for those who are not.
#[derive(Debug, Default)]
pub(super) struct Membership {
    /// The rooms that it is in, each with the number of the next packet when it was joined.
    rooms: BTreeMap<Room, Number>,
    /// Those that it has left, in the order of leaving.
    stays: VecDeque<Stay>,
    /// From which packet on this is the whole truth.
    since: Number,
}

/// A room that was left.
#[derive(Debug)]
struct Stay {
    room: Room,
    /// The number of the next packet when it was joined.
    joined: Number,
    /// The number of the next packet when it was left.
    left: Number,
    /// The last packet for the room at that time.
    last: Number,
}

/// How many stays are remembered.
const MAX_STAYS: usize = 32;

/// A room in which a socket was from one packet on.
pub(super) struct Span<'a> {
    pub(super) room: &'a Room,
    pub(super) from: Number,
    /// The last packet for the room that counts, where it was left.
    pub(super) last: Option<Number>,
}

impl Membership {
    /// Notes that a room was joined, before the packet `next`.
    pub(super) fn join(&mut self, room: &Room, next: Number) {
        self.rooms.entry(Room::clone(room)).or_insert(next);
    }

    /// Notes that a room was left, before the packet `next`; the last one for it was `last`.
    pub(super) fn leave(&mut self, room: &Room, last: Number, next: Number) {
        let Some((room, joined)) = self.rooms.remove_entry(room) else { return };
        if joined == next {
            return;
        }
        self.stays.push_back(Stay { room, joined, left: next, last });
        if self.stays.len() > MAX_STAYS {
            self.since = self.stays.pop_front().map_or(self.since, |stay| stay.left);
        }
    }

    /// Forgets what was over before the packet `first`.
    pub(super) fn forget_before(&mut self, first: Number) {
        while self.stays.front().is_some_and(|stay| stay.left <= first) {
            self.stays.pop_front();
        }
    }

    /// Notes that a packet for the socket before `next` is not kept.
    pub(super) const fn lose(&mut self, next: Number) {
        self.since = next;
    }

    /// From which packet on all of it is known.
    pub(super) const fn since(&self) -> Number {
        self.since
    }

    /// The rooms that it is in.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.keys()
    }

    /// The rooms that it is in or was in.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span<'_>> {
        let rooms = self.rooms.iter().map(|(room, &from)| Span { room, from, last: None });
        let stays = self.stays.iter();
        let stays =
            stays.map(|stay| Span { room: &stay.room, from: stay.joined, last: Some(stay.last) });
        rooms.chain(stays)
    }

    /// Whether it was in a room when a packet was sent.
    pub(super) fn was_in(&self, room: &str, number: Number) -> bool {
        let stayed =
            |stay: &Stay| *stay.room == *room && (stay.joined..stay.left).contains(&number);
        self.rooms.get(room).is_some_and(|&joined| joined <= number)
            || self.stays.iter().any(stayed)
    }
}
