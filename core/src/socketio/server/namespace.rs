//! A namespace of a server.

use crate::engineio::server::Address;
use crate::id::Hashing;
use crate::socketio::server::names::Namespace;
use crate::socketio::server::rooms::Members;

/// A namespace.
pub(super) struct NamespaceState {
    pub(super) name: Namespace,
    /// The application decides about each CONNECT.
    pub(super) manual_accept: bool,
    /// The connected sockets and their rooms.
    pub(super) members: Members,
    /// The number of sockets, with those that are not connected yet.
    pub(super) sockets: usize,
    /// It is removed with its last socket.
    pub(super) dynamic: bool,
    /// The address of the client that made it, if it is dynamic.
    pub(super) address: Address,
}

impl NamespaceState {
    pub(super) fn new(name: Namespace, manual_accept: bool, hashing: Hashing) -> Self {
        let (members, address) = (Members::new(hashing), Address::Unknown);
        Self { name, manual_accept, members, sockets: 0, dynamic: false, address }
    }
}
