//! The packets that are logged for sockets whose clients may return.
//!
//! Packets for the same receivers make up a chain: each one refers to the one before it, and the
//! last one of each chain is known. The missed packets of a socket are found by following its
//! chains back, so the cost depends on their number alone, whatever else was sent meanwhile.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::engineio::Encoded;
use crate::id::Sid;
use crate::socketio::server::membership::{Membership, Number};
use crate::socketio::server::names::{Namespace, Room};

/// The packets of all namespaces, in the order of their numbers, of which some may be skipped.
#[derive(Debug)]
pub(super) struct PacketLog {
    packets: VecDeque<Packet>,
    /// The number from which on no packet was dropped.
    first: Number,
    next: Number,
    /// The last packet of each chain of which there is one.
    last: BTreeMap<Chain, Number>,
    bytes: usize,
    /// The number of packets that were looked at to find missed ones.
    #[cfg(test)]
    visited: std::cell::Cell<usize>,
}

/// The receivers of a packet.
#[derive(Debug)]
pub(super) enum Target {
    /// To one socket.
    Socket(Sid),
    /// To the sockets in any of the rooms, or to all if none is named, except for some.
    Broadcast {
        rooms: Vec<Room>,
        except: Vec<Room>,
        /// A socket that does not get it.
        sender: Option<Sid>,
    },
}

/// The socket whose missed packets are looked up.
pub(super) struct Receiver<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) sid: &'a Sid,
    /// The first packet that it has not seen and may get.
    pub(super) from: Number,
    pub(super) membership: &'a Membership,
}

#[derive(Debug)]
struct Packet {
    number: Number,
    at: Instant,
    /// The chains that it belongs to, sorted.
    links: Box<[Link]>,
    except: Box<[Room]>,
    sender: Option<Sid>,
    encoded: Encoded,
}

#[derive(Debug)]
struct Link {
    chain: Chain,
    /// The packet before this one in the chain, which may not be there any more; 0 for none.
    previous: Number,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Chain {
    namespace: Namespace,
    receivers: Receivers,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Receivers {
    Everybody,
    /// The sockets in this room; if it is named like the id of a socket, that socket is in it, too.
    Room(Room),
    /// This socket, and not those in a room of this name.
    Socket(Sid),
}

/// The memory of a reference-counted text besides its bytes.
const TEXT: usize = 16;

impl Chain {
    /// The memory of an entry of the map in bytes: a node holds at least 5 in the place of 11.
    fn size(&self) -> usize {
        let name = match &self.receivers {
            Receivers::Everybody => 0,
            Receivers::Room(room) => room.len() + TEXT,
            Receivers::Socket(sid) => sid.as_str().len() + TEXT,
        };
        self.namespace.len() + TEXT + name + 3 * size_of::<(Self, Number)>()
    }
}

impl Packet {
    /// The memory that it takes, in bytes. Of the queue, a fifth may be unused.
    fn size(&self) -> usize {
        let except: usize =
            self.except.iter().map(|name| name.len() + TEXT + size_of::<Room>()).sum();
        let sender = self.sender.as_ref().map_or(0, |sid| sid.as_str().len() + TEXT);
        let links = size_of_val(&*self.links);
        size_of::<Self>() * 5 / 4 + links + except + sender + self.encoded.heap_size()
    }

    fn before(&self, chain: &Chain) -> Number {
        let found = self.links.binary_search_by(|link| link.chain.cmp(chain));
        found.map_or(0, |at| self.links[at].previous)
    }

    fn is_for(&self, number: Number, receiver: &Receiver<'_>) -> bool {
        let excepted = |name: &Room| {
            **name == *receiver.sid.as_str() || receiver.membership.was_in(name, number)
        };
        self.sender.as_ref() != Some(receiver.sid) && !self.except.iter().any(excepted)
    }
}

impl PacketLog {
    pub(super) const fn new() -> Self {
        Self {
            packets: VecDeque::new(),
            first: 1,
            next: 1,
            last: BTreeMap::new(),
            bytes: 0,
            #[cfg(test)]
            visited: std::cell::Cell::new(0),
        }
    }

    /// The memory that it takes in bytes, without a few kilobytes that it may keep when it is empty.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number from which on no packet was dropped.
    pub(super) const fn first(&self) -> Number {
        self.first
    }

    /// The number of the next packet.
    pub(super) const fn next(&self) -> Number {
        self.next
    }

    /// Leaves the next number out: its packet is not logged.
    pub(super) const fn skip(&mut self) {
        self.next += 1;
    }

    /// When the first packet was sent.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.packets.front().map(|packet| packet.at)
    }

    pub(super) fn push(
        &mut self,
        namespace: Namespace,
        target: Target,
        encoded: &Encoded,
        at: Instant,
    ) {
        let (receivers, except, sender) = match target {
            Target::Socket(sid) => (vec![Receivers::Socket(sid)], Vec::new(), None),
            Target::Broadcast { mut rooms, except, sender } => {
                rooms.sort_unstable();
                rooms.dedup();
                let rooms: Vec<_> = rooms.into_iter().map(Receivers::Room).collect();
                let receivers = if rooms.is_empty() { vec![Receivers::Everybody] } else { rooms };
                (receivers, except, sender)
            }
        };
        let link = |receivers| {
            let namespace = Namespace::clone(&namespace);
            self.lengthen(Chain { namespace, receivers })
        };
        let links = receivers.into_iter().map(link).collect();
        let (except, encoded) = (except.into(), encoded.detached());
        let packet = Packet { number: self.next, at, links, except, sender, encoded };
        self.next += 1;
        self.bytes += packet.size();
        if self.packets.len() == self.packets.capacity() {
            self.packets.reserve_exact(self.packets.len() / 8 + 16);
        }
        self.packets.push_back(packet);
    }

    /// Makes the next packet the last one of a chain. Names are in memory once for each chain.
    fn lengthen(&mut self, chain: Chain) -> Link {
        let number = self.next;
        match self.last.entry(chain) {
            Entry::Occupied(mut last) => {
                let previous = last.insert(number);
                Link { chain: last.key().clone(), previous }
            }
            Entry::Vacant(vacant) => {
                let chain = vacant.key().clone();
                self.bytes += chain.size();
                vacant.insert(number);
                Link { chain, previous: 0 }
            }
        }
    }

    pub(super) fn drop_oldest(&mut self) {
        let Some(packet) = self.packets.pop_front() else { return };
        self.bytes -= packet.size();
        for Link { chain, .. } in &packet.links {
            if self.last.get(chain) == Some(&packet.number) {
                self.last.remove(chain);
                self.bytes -= chain.size();
            }
        }
        self.first = packet.number + 1;
        let len = self.packets.len();
        if self.packets.capacity() > len + len / 4 + 64 {
            self.packets.shrink_to(len + len / 8 + 16);
        }
    }

    /// The packets that a socket has missed, in order.
    pub(super) fn missed(&self, receiver: &Receiver<'_>) -> Vec<Encoded> {
        let Receiver { namespace, sid, from, membership } = receiver;
        let mut numbers = Vec::new();
        let mut collect = |receivers, from: Number, last: Option<Number>| {
            let chain = Chain { namespace: Namespace::clone(namespace), receivers };
            let last = last.or_else(|| self.last.get(&chain).copied());
            self.follow(&chain, last.unwrap_or(0), from, &mut numbers);
        };
        collect(Receivers::Everybody, *from, None);
        collect(Receivers::Socket((*sid).clone()), *from, None);
        collect(Receivers::Room(Room::from(sid.as_str())), *from, None);
        for span in membership.spans() {
            collect(Receivers::Room(Room::clone(span.room)), span.from.max(*from), span.last);
        }
        numbers.sort_unstable();
        numbers.dedup();
        let packets = numbers.into_iter().filter_map(|number| Some((number, self.get(number)?)));
        let missed = packets.filter(|(number, packet)| packet.is_for(*number, receiver));
        missed.map(|(_, packet)| packet.encoded.clone()).collect()
    }

    /// Follows a chain back from the packet `last` to the packet `from`.
    fn follow(&self, chain: &Chain, last: Number, from: Number, numbers: &mut Vec<Number>) {
        let mut number = last;
        while number >= from {
            let Some(packet) = self.get(number) else { return };
            #[cfg(test)]
            self.visited.set(self.visited.get() + 1);
            numbers.push(number);
            let before = packet.before(chain);
            debug_assert!(before < number, "a packet is in a chain once");
            number = before;
        }
    }

    /// The last packet for a room; 0 if there is none any more.
    pub(super) fn last_for(&self, namespace: &Namespace, room: &Room) -> Number {
        let (namespace, receivers) =
            (Namespace::clone(namespace), Receivers::Room(Room::clone(room)));
        self.last.get(&Chain { namespace, receivers }).copied().unwrap_or(0)
    }

    fn get(&self, number: Number) -> Option<&Packet> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        // Without skipped numbers, which is the rule, this is its place.
        if let Some(packet) = self.packets.get(place).filter(|packet| packet.number == number) {
            return Some(packet);
        }
        let found = self.packets.binary_search_by_key(&number, |packet| packet.number);
        self.packets.get(found.ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::IdGenerator;

    struct World {
        log: PacketLog,
        namespace: Namespace,
        sids: Vec<Sid>,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            let mut generator = IdGenerator::new([7; 32], 0);
            let sids = (0..100).map(|_| generator.sid()).collect();
            #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
            let now = Instant::now();
            Self { log: PacketLog::new(), namespace: Namespace::from("/"), sids, now }
        }

        fn push(&mut self, target: Target) {
            let namespace = Namespace::clone(&self.namespace);
            self.log.push(namespace, target, &Encoded::text("2[\"e\"]"), self.now);
        }

        fn broadcast(&mut self, rooms: &[&str]) {
            let rooms = rooms.iter().map(|room| Room::from(*room)).collect();
            self.push(Target::Broadcast { rooms, except: Vec::new(), sender: None });
        }

        /// How many packets a socket has missed, and how many were looked at to find them.
        fn missed(&self, sid: usize, rooms: &[&str], from: Number) -> (usize, usize) {
            let mut membership = Membership::default();
            rooms.iter().for_each(|room| membership.join(&Room::from(*room), 1));
            let (namespace, sid) = (&self.namespace, &self.sids[sid]);
            self.log.visited.set(0);
            let missed =
                self.log.missed(&Receiver { namespace, sid, from, membership: &membership });
            (missed.len(), self.log.visited.get())
        }
    }

    #[test]
    fn only_what_a_socket_has_missed_is_looked_at() {
        let mut world = World::new();
        for round in 0..1_000 {
            for room in 0..50 {
                world.broadcast(&[&format!("room-{room}")]);
            }
            world.push(Target::Socket(world.sids[round % 100].clone()));
            if round % 100 == 0 {
                world.broadcast(&[]);
            }
        }
        assert_eq!(world.log.next(), 1 + 51_010);

        // 10 for everybody, 10 for itself, and 1,000 for each of its rooms.
        assert_eq!(world.missed(7, &[], 1), (20, 20));
        assert_eq!(world.missed(7, &["nobody is here", "room-3"], 1), (1_020, 1_020));
        assert_eq!(world.missed(7, &["room-1", "room-2", "room-3"], 1), (3_020, 3_020));
        // The last round, whose packet for itself is of another one.
        assert_eq!(world.missed(7, &["room-3"], world.log.next() - 51), (1, 1));
        assert_eq!(world.missed(7, &["room-3"], world.log.next()), (0, 0));
    }

    #[test]
    fn what_is_dropped_is_not_looked_at_either() {
        let mut world = World::new();
        for number in 1..=1_000 {
            world.broadcast(if number % 2 == 0 { &["even"] } else { &["odd"] });
        }
        for _ in 0..990 {
            world.log.drop_oldest();
        }

        assert_eq!((world.log.first(), world.log.next()), (991, 1_001));
        assert_eq!(world.missed(0, &["even"], 1), (5, 5));
        assert_eq!(world.missed(0, &["even", "odd"], 995), (6, 6));
        for _ in 0..10 {
            world.log.drop_oldest();
        }
        assert_eq!((world.log.bytes(), world.log.last.len()), (0, 0));
        assert_eq!(world.missed(0, &["even"], 1), (0, 0));
    }

    #[test]
    fn a_packet_for_several_rooms_is_missed_once() {
        let mut world = World::new();
        world.broadcast(&["a", "b", "a"]);
        world.broadcast(&["b", "c"]);

        assert_eq!(world.missed(0, &["a"], 1).0, 1);
        assert_eq!(world.missed(0, &["a", "b"], 1), (2, 3));
        assert_eq!(world.missed(0, &["c", "d"], 1).0, 1);
    }

    #[test]
    fn a_room_that_was_left_costs_nothing_of_what_came_later() {
        let mut world = World::new();
        (0..10).for_each(|_| world.broadcast(&["a"]));
        let mut membership = Membership::default();
        let room = Room::from("a");
        membership.join(&room, 3);
        membership.leave(&room, world.log.last_for(&world.namespace, &room), world.log.next());
        (0..1_000).for_each(|_| world.broadcast(&["a"]));

        let (namespace, sid) = (&world.namespace, &world.sids[0]);
        let receiver = Receiver { namespace, sid, from: 1, membership: &membership };
        assert_eq!(world.log.missed(&receiver).len(), 8);
        assert_eq!(world.log.visited.get(), 8);
    }
}
