//! The deadlines of a server.

use crate::id::{AckId, SessionId, SocketId};

/// What a deadline is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alarm {
    /// The client has to join a namespace, or to complete a packet.
    Client(SessionId, Wait),
    /// The application has to decide about a CONNECT.
    Decision(SocketId),
    /// The acknowledgement of one socket is due.
    Ack(SocketId, AckId),
    /// The acknowledgements of a broadcast are due.
    BroadcastAcks(AckId),
    /// Saved sockets or logged packets expire.
    Recovery,
    /// A client that exceeded its rate is read again.
    Rate(SessionId),
    /// The next connection of a gradual shutdown is closed.
    Retire,
}

/// What a client has to do within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Join a namespace.
    Connect,
    /// Send the attachments of a packet.
    Attachments,
}
