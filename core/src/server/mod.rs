//! Socket.IO, protocol 5, on top of Engine.IO: namespaces, events, acknowledgements, rooms.

mod broadcast;
mod client;
mod config;
mod life;
mod machine;
mod recovery;
mod rooms;
mod socket;

pub use config::{NamespaceConfig, ServerConfig};
pub use machine::Server;
pub use recovery::RecoveryConfig;
pub use rooms::{Room, Selector};
pub use socket::{Emission, SocketMut};

use crate::args::{Args, Name};
use crate::engine::{Handshake, HandshakeId};
use crate::error::{AckError, DisconnectReason};
use crate::id::{AckId, Sid, SocketId};

/// What a [`Server`] tells the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client wants to open a connection, where the application
    /// [decides](crate::engine::EngineConfig::decides) about that; answer with [`Server::allow`]
    /// or [`Server::deny`].
    Requested {
        /// The handshake.
        id: HandshakeId,
        /// What the client sent.
        handshake: Handshake,
    },
    /// A client asks to join a namespace that [decides](NamespaceConfig::decides); answer with
    /// [`Server::accept`] or [`Server::reject`].
    Connecting {
        /// The socket to be.
        socket: SocketId,
        /// The namespace.
        namespace: Room,
        /// What the client sent along: one argument, an object, or none.
        auth: Args,
    },
    /// A client joined a namespace.
    Connected {
        /// The new socket.
        socket: SocketId,
        /// The namespace.
        namespace: Room,
        /// What the client sent along: one argument, an object, or none.
        auth: Args,
        /// Whether it is a socket of before, with its id and rooms, whose client was away.
        recovered: bool,
    },
    /// The connection of a socket went over from long-polling to a WebSocket.
    Upgraded {
        /// The socket.
        socket: SocketId,
    },
    /// A socket that was disconnected can't be recovered any more. Comes for each `Disconnected`
    /// of a client that might have come back and has not.
    Expired {
        /// The id on the wire.
        sid: Sid,
    },
    /// The answers to a broadcast are in. Comes exactly once for each
    /// [`Server::emit_with_ack`].
    Gathered {
        /// Which broadcast it is.
        ack: AckId,
        /// The answers with those who gave them, in the order of their coming.
        answers: Vec<(SocketId, Args)>,
        /// How many were disconnected before they answered.
        lost: usize,
        /// How many had not answered when the time was up.
        late: usize,
    },
    /// An event arrived.
    Received {
        /// The socket it came from.
        socket: SocketId,
        /// The name of the event.
        name: Name,
        /// Its arguments.
        args: Args,
        /// Present if the client wants an acknowledgement; give it to [`SocketMut::ack`].
        ack: Option<Responder>,
    },
    /// An acknowledgement arrived, or is not going to. Comes exactly once for each emit that
    /// asked for one.
    Acked {
        /// The socket that owed it.
        socket: SocketId,
        /// Which one it is.
        ack: AckId,
        /// The arguments of the answer, or why there is none.
        result: Result<Args, AckError>,
    },
    /// A socket is not connected any more. Comes exactly once for each `Connected`, after all
    /// other events of the socket.
    Disconnected {
        /// The socket, whose id means nothing from now on.
        socket: SocketId,
        /// Why.
        reason: DisconnectReason,
        /// The rooms it was in, without that of its own id.
        rooms: Vec<Room>,
        /// Whether the client can come back: then a `Connected` with `recovered`, or an `Expired`,
        /// will name the same id.
        may_return: bool,
    },
    /// A client that was asking to join is gone before it was answered.
    Withdrawn {
        /// The socket that has not come into being.
        socket: SocketId,
    },
}

/// The right to answer one event with an acknowledgement, once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the client waits for its acknowledgement"]
pub struct Responder(pub(crate) u64);

/// How many things a machine remembers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Engine.IO sessions, with those that are being closed.
    pub sessions: usize,
    /// HTTP requests that were not answered yet.
    pub requests: usize,
    /// WebSockets, with those that are to take over a session.
    pub websockets: usize,
    /// Sockets, with those that are asking to join.
    pub sockets: usize,
    /// Rooms in all namespaces, without those of the sockets' own ids.
    pub rooms: usize,
    /// Sockets whose clients are away and may come back.
    pub away: usize,
    /// Acknowledgements that are owed.
    pub acks: usize,
    /// Deadlines.
    pub timers: usize,
}
