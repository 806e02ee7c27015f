//! Who is in which room of a namespace, and whom a selection of rooms means.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::id::{Hashing, SocketId};

/// The name of a room. Cloning copies a pointer.
pub type Room = Arc<str>;

/// Which sockets of a namespace are meant: those in any of the rooms (all, if none is named) and
/// in none of the excepted ones.
///
/// Every socket is in the room of its own id. A socket is meant once, in however many of the
/// rooms it is.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// Any of these rooms; all sockets if it is empty.
    pub rooms: Vec<Room>,
    /// None of these rooms.
    pub except: Vec<Room>,
    /// Not this socket.
    pub except_socket: Option<SocketId>,
    /// Only sockets of this machine, where several make up one server; by default false.
    pub local: bool,
}

/// The sockets of one namespace, ordered by the time of connection, and their rooms.
///
/// That every socket is in the room of its own id costs nothing here: those rooms exist only in
/// so far as others join them.
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

    /// Returns the room if the socket was not in it, and whether it was made for it.
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

    /// Returns whether that was the end of the room.
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

    /// The sockets that a selector means, ordered by the time of connection.
    pub(super) fn select(
        &self,
        selector: &Selector,
        own: impl Fn(&str) -> Option<SocketId>,
    ) -> Vec<SocketId> {
        let own = |room: &Room| own(room);
        let excepted: Vec<_> =
            selector.except.iter().map(|room| (self.rooms.get(room), own(room))).collect();
        let included = |socket: &SocketId| {
            selector.except_socket != Some(*socket)
                && !excepted.iter().any(|(members, own)| {
                    *own == Some(*socket) || members.is_some_and(|room| room.contains(socket))
                })
        };
        if selector.rooms.is_empty() {
            return self.all.iter().copied().filter(included).collect();
        }
        let wanted = |socket: &SocketId| self.all.contains(socket) && included(socket);
        let mut sockets = Vec::new();
        for room in &selector.rooms {
            sockets.extend(self.rooms.get(room).into_iter().flatten().copied().filter(wanted));
            sockets.extend(own(room).filter(wanted));
        }
        if selector.rooms.len() > 1 || sockets.len() > 1 {
            sockets.sort_unstable();
            sockets.dedup();
        }
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

    /// How many rooms there are, without those of own ids.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }
}
