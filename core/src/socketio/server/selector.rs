//! Which sockets a broadcast is for.

use std::sync::Arc;

use crate::id::SocketId;

/// The name of a room. Cloning copies a pointer.
pub type Room = Arc<str>;

/// Which sockets of a namespace are meant: those in any of the rooms (all, if none is named) and
/// in none of the excepted ones.
///
/// Every socket is in the room of its own id. A socket is meant once, in however many of the
/// rooms it is. To find those that are meant takes time in proportion to the members of all rooms
/// that are named; naming a room twice costs nothing.
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

impl Selector {
    /// Means all sockets of a namespace.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Means those in this room too.
    #[must_use]
    pub fn to(mut self, room: impl Into<Room>) -> Self {
        self.rooms.push(room.into());
        self
    }

    /// Does not mean those in this room.
    #[must_use]
    pub fn except(mut self, room: impl Into<Room>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Means only sockets of this machine, where several make up one server.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Does not mean this socket.
    #[must_use]
    pub const fn except_socket(mut self, socket: SocketId) -> Self {
        self.except_socket = Some(socket);
        self
    }
}
