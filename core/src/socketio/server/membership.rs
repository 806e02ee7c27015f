//! The rooms that a socket is or was in, and when, counted in packets of the log.

use std::collections::{BTreeMap, VecDeque};

use crate::socketio::server::names::Room;

/// The number of a packet in the log; that of the first one ever is 1.
pub(super) type Number = u64;

/// The rooms of a socket that can be restored. A packet for a room is for the sockets that are in
/// it when it is sent, and a packet that excepts a room for those that are not.
#[derive(Debug, Default)]
pub(super) struct Membership {
    /// The rooms that it is in, each with the number of the next packet when it was joined.
    rooms: BTreeMap<Room, Number>,
    /// The rooms that it has left, in the order of leaving.
    stays: VecDeque<Stay>,
    /// The first packet from which on the stays are complete.
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

/// The number of stays that are remembered.
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
            let forgotten = self.stays.pop_front().map_or(0, |stay| stay.left);
            self.since = self.since.max(forgotten);
        }
    }

    /// Drops the stays that ended before the packet `first`.
    pub(super) fn forget_before(&mut self, first: Number) {
        while self.stays.front().is_some_and(|stay| stay.left <= first) {
            self.stays.pop_front();
        }
    }

    /// Notes that a packet for the socket before `next` was not logged.
    pub(super) const fn lose(&mut self, next: Number) {
        self.since = next;
    }

    /// The first packet from which on the stays are complete.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_that_are_forgotten_do_not_undo_the_loss_of_a_packet() {
        let mut membership = Membership::default();
        let rooms: Vec<_> = (0..=MAX_STAYS).map(|n| Room::from(n.to_string())).collect();
        for (number, room) in (1..).zip(&rooms[1..]) {
            membership.join(room, number);
            membership.leave(room, number, number + 1);
        }
        membership.lose(100);
        membership.join(&rooms[0], 100);
        membership.leave(&rooms[0], 100, 101);
        assert_eq!(membership.since(), 100);
    }
}
