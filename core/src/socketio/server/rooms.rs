//! The rooms of a namespace, and the sockets that a selector chooses.

use std::collections::{BTreeSet, HashMap};

use crate::id::{Hashing, SocketId};
use crate::socketio::server::names::Room;
use crate::socketio::server::selector::Selector;

/// The rooms, each once.
fn distinct(rooms: &[Room]) -> Vec<&Room> {
    let mut rooms: Vec<_> = rooms.iter().collect();
    if rooms.len() > 1 {
        rooms.sort_unstable();
        rooms.dedup();
    }
    rooms
}

/// The sockets in the excepted rooms.
enum Excepted<'a> {
    /// A few rooms, in which each socket is looked up: they may be much larger than the selected
    /// ones.
    Few(Vec<(Option<&'a BTreeSet<SocketId>>, Option<SocketId>)>),
    /// The sockets of many rooms, in order.
    Many(Vec<SocketId>),
}

impl<'a> Excepted<'a> {
    const FEW: usize = 8;

    fn new(members: &'a Members, rooms: &[Room], own: impl Fn(&str) -> Option<SocketId>) -> Self {
        let rooms = distinct(rooms);
        if rooms.len() > Self::FEW {
            return Self::Many(members.union(&rooms, own));
        }
        Self::Few(rooms.into_iter().map(|room| (members.rooms.get(room), own(room))).collect())
    }

    fn contains(&self, socket: SocketId) -> bool {
        match self {
            Self::Few(rooms) => rooms.iter().any(|(members, own)| {
                *own == Some(socket) || members.is_some_and(|room| room.contains(&socket))
            }),
            Self::Many(sockets) => sockets.binary_search(&socket).is_ok(),
        }
    }
}

/// The connected sockets of one namespace, in the order of connection, and their rooms.
///
/// A socket is in the room of its own id without an entry: such a room exists only while other
/// sockets are in it.
#[derive(Debug)]
pub(super) struct Members {
    all: BTreeSet<SocketId>,
    rooms: HashMap<Room, BTreeSet<SocketId>, Hashing>,
}

impl Members {
    pub(super) fn new(hashing: Hashing) -> Self {
        Self { all: BTreeSet::new(), rooms: HashMap::with_hasher(hashing) }
    }

    pub(super) fn add(&mut self, socket: SocketId) {
        self.all.insert(socket);
    }

    /// Removes a socket from the namespace; its rooms must have been left.
    pub(super) fn remove(&mut self, socket: SocketId) {
        self.all.remove(&socket);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the room if the socket was not in it, and whether the room was created.
    pub(super) fn join(&mut self, socket: SocketId, room: &str) -> Option<(Room, bool)> {
        if let Some((name, members)) = self.rooms.get_key_value(room) {
            if members.contains(&socket) {
                return None;
            }
            let name = Room::clone(name);
            self.rooms.get_mut(room)?.insert(socket);
            return Some((name, false));
        }
        let name = Room::from(room);
        self.rooms.insert(Room::clone(&name), BTreeSet::from([socket]));
        Some((name, true))
    }

    /// Returns whether the room was deleted.
    pub(super) fn leave(&mut self, socket: SocketId, room: &str) -> bool {
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(&socket);
            if members.is_empty() {
                self.rooms.remove(room);
                return true;
            }
        }
        false
    }

    /// The selected sockets, in the order of connection.
    pub(super) fn select(
        &self,
        selector: &Selector,
        own: impl Fn(&str) -> Option<SocketId>,
    ) -> Vec<SocketId> {
        let excepted = Excepted::new(self, &selector.except, &own);
        let included = |socket: &SocketId| {
            selector.except_socket != Some(*socket) && !excepted.contains(*socket)
        };
        if selector.rooms.is_empty() {
            return self.all.iter().copied().filter(included).collect();
        }
        let mut sockets = self.union(&distinct(&selector.rooms), &own);
        sockets.retain(|socket| self.all.contains(socket) && included(socket));
        sockets
    }

    /// The sockets that are in any of the rooms, in order, each once.
    fn union(&self, rooms: &[&Room], own: impl Fn(&str) -> Option<SocketId>) -> Vec<SocketId> {
        /// The number of sockets that are collected before duplicates are dropped.
        const AT_ONCE: usize = 1024;
        let mut sockets = Vec::new();
        let mut limit = AT_ONCE;
        for room in rooms {
            sockets.extend(self.rooms.get(*room).into_iter().flatten());
            sockets.extend(own(room));
            if sockets.len() > limit {
                sockets.sort_unstable();
                sockets.dedup();
                limit = AT_ONCE.max(2 * sockets.len());
            }
        }
        sockets.sort_unstable();
        sockets.dedup();
        sockets
    }

    /// The rooms with the number of sockets in each, in alphabetical order.
    #[allow(clippy::disallowed_methods, reason = "the order is made by sorting")]
    pub(super) fn sizes(&self) -> Vec<(Room, usize)> {
        let sizes = self.rooms.iter().map(|(name, members)| (Room::clone(name), members.len()));
        let mut sizes: Vec<_> = sizes.collect();
        sizes.sort_unstable();
        sizes
    }

    /// The number of rooms, without those of own ids.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }
}
