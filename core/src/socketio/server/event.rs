//! What a server reports to the application.

use crate::args::{Args, Name};
use crate::engineio::{Handshake, HandshakeId};
use crate::error::{AckError, DisconnectReason};
use crate::id::{AckId, Sid, SocketId};
use crate::socketio::server::selector::Room;

/// What a [`Server`](crate::Server) tells the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client wants to open a connection, where the application
    /// [decides](crate::engineio::EngineConfig::decides) about that; answer with [`Server::allow`](crate::Server::allow)
    /// or [`Server::deny`](crate::Server::deny).
    Requested {
        /// The handshake.
        id: HandshakeId,
        /// What the client sent.
        handshake: Handshake,
    },
    /// A client asks to join a namespace that [decides](crate::NamespaceConfig::decides); answer with
    /// [`Server::accept`](crate::Server::accept) or [`Server::reject`](crate::Server::reject).
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
    /// [`Server::emit_with_ack`](crate::Server::emit_with_ack).
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
        /// Present if the client wants an acknowledgement; give it to [`SocketMut::ack`](crate::SocketMut::ack).
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
    /// Nothing waits to be sent to the client any more. Comes once for each
    /// [`SocketMut::watch_drained`](crate::SocketMut::watch_drained) that was false, unless the socket is disconnected first.
    Drained {
        /// The socket.
        socket: SocketId,
    },
    /// Somebody joined or left a room, where such changes are to be
    /// [told](crate::ServerConfig::room_events). Those that come with the end of a socket follow its
    /// `Disconnected`.
    Room {
        /// The namespace.
        namespace: Room,
        /// The room, which is not that of a socket's own id.
        room: Room,
        /// What changed.
        change: RoomChange,
    },
    /// A socket is not connected any more. Comes exactly once for each `Connected`, after all
    /// other events of the socket. If some of these still wait, because there are many or the
    /// client is paused, it comes up to
    /// [`close_timeout`](crate::engineio::EngineConfig::close_timeout) after the connection has
    /// ended; the socket is there until then.
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

/// What happens to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomChange {
    /// It exists, because somebody is about to join it.
    Created,
    /// The socket of this id joined it.
    Joined(Sid),
    /// The socket of this id left it.
    Left(Sid),
    /// It does not exist any more, because nobody is in it.
    Deleted,
}

/// The right to answer one event with an acknowledgement, once, on the socket on which the event
/// came.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the client waits for its acknowledgement"]
pub struct Responder {
    pub(super) id: u64,
    pub(super) socket: SocketId,
}
