//! The choice of sockets that a broadcast is for.

use crate::id::SocketId;
use crate::socketio::server::names::Room;

/// A choice of sockets of a namespace: those in any of the rooms (all, if none is named) and in
/// none of the excepted ones.
///
/// Every socket is in the room of its own id. A socket is selected once, in however many of the
/// rooms it is. Selecting takes time in proportion to the members of all named rooms; naming a room
/// twice costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// Any of these rooms; all sockets if it is empty.
    pub rooms: Vec<Room>,
    /// None of these rooms.
    pub except: Vec<Room>,
    /// Not this socket.
    pub except_socket: Option<SocketId>,
}

impl Selector {
    /// Selects all sockets of a namespace.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds the sockets in this room.
    #[must_use]
    pub fn to(mut self, room: impl Into<Room>) -> Self {
        self.rooms.push(room.into());
        self
    }

    /// Excludes the sockets in this room.
    #[must_use]
    pub fn except(mut self, room: impl Into<Room>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Excludes this socket.
    #[must_use]
    pub const fn except_socket(mut self, socket: SocketId) -> Self {
        self.except_socket = Some(socket);
        self
    }
}
