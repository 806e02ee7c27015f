//! The events that a server reports to the application.

use crate::args::{Args, Name};
use crate::engineio::{Handshake, HandshakeId};
use crate::id::{AckId, Sid, SocketId};
use crate::socketio::ack::Responder;
use crate::socketio::error::{AckError, DisconnectReason};
use crate::socketio::server::connection::Violation;
use crate::socketio::server::names::{Namespace, Room};

/// An event that a [`Server`](crate::Server) reports, as [`Output::Event`](crate::Output::Event).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client wants to open a connection, and
    /// [`manual_accept`](crate::engineio::EngineConfig::manual_accept) is on. Answer with
    /// [`Server::accept_handshake`](crate::Server::accept_handshake) or
    /// [`Server::reject_handshake`](crate::Server::reject_handshake).
    HandshakeRequested {
        /// The handshake.
        id: HandshakeId,
        /// The request that the client sent.
        handshake: Handshake,
    },
    /// A handshake needs no decision any more: its client is gone, or was refused because the
    /// decision took longer than
    /// [`handshake_timeout`](crate::engineio::EngineConfig::handshake_timeout) or the server closes.
    HandshakeAborted {
        /// The handshake.
        id: HandshakeId,
    },
    /// A client sent CONNECT for a namespace with
    /// [`manual_accept`](crate::NamespaceConfig::manual_accept), or for a dynamic one. Answer with
    /// [`Server::accept`](crate::Server::accept) or [`Server::reject`](crate::Server::reject).
    Connecting {
        /// The socket, which is not connected yet.
        socket: SocketId,
        /// The namespace.
        namespace: Namespace,
        /// The auth of the CONNECT packet: one argument, an object, or none.
        auth: Args,
    },
    /// A client is connected to a namespace.
    Connected {
        /// The new socket.
        socket: SocketId,
        /// The namespace.
        namespace: Namespace,
        /// The auth of the CONNECT packet: one argument, an object, or none.
        auth: Args,
        /// Whether an earlier socket was restored, with its id and rooms.
        recovered: bool,
    },
    /// A client violated the protocol or a limit, so its connection is closed. Its sockets are
    /// disconnected next, with [`ForcedClose`](DisconnectReason::ForcedClose). Malformed packets of
    /// Engine.IO are not reported in this way: they are
    /// [`ParseError`](DisconnectReason::ParseError).
    Violation {
        /// The id of the session on the wire.
        sid: Sid,
        /// What the client did.
        violation: Violation,
    },
    /// The connection of a socket was upgraded from long-polling to a WebSocket.
    Upgraded {
        /// The socket.
        socket: SocketId,
    },
    /// A disconnected socket can't be restored any more. Follows each `Disconnected` with
    /// `may_return` whose client has not returned in time.
    RecoveryExpired {
        /// The id on the wire.
        sid: Sid,
    },
    /// The acknowledgements of a broadcast are complete, or the time is up. Comes exactly once for
    /// each [`Server::emit_with_ack`](crate::Server::emit_with_ack) that is not cancelled.
    BroadcastAcked {
        /// The id of the broadcast.
        ack: AckId,
        /// The answers with the sockets that sent them, in the order of arrival.
        answers: Vec<(SocketId, Args)>,
        /// The number of sockets that were disconnected before they answered, or not asked.
        disconnected: usize,
        /// The number of sockets that had not answered when the time was up.
        timed_out: usize,
    },
    /// An event arrived.
    Received {
        /// The socket it came from.
        socket: SocketId,
        /// The name of the event.
        name: Name,
        /// Its arguments.
        args: Args,
        /// Present if the client wants an acknowledgement; pass it to
        /// [`SocketMut::ack`](crate::SocketMut::ack).
        ack: Option<Responder>,
    },
    /// An acknowledgement arrived, or will not arrive. Comes exactly once for each emit that asked
    /// for one and is not cancelled.
    Acked {
        /// The socket that was to send it.
        socket: SocketId,
        /// The id of the acknowledgement.
        ack: AckId,
        /// The arguments of the answer, or why there is none.
        result: Result<Args, AckError>,
    },
    /// Nothing waits to be sent to the client any more. Comes once for each
    /// [`SocketMut::watch_drained`](crate::SocketMut::watch_drained) that returned false, unless
    /// the socket is disconnected first.
    Drained {
        /// The socket.
        socket: SocketId,
    },
    /// A socket joined or left a room, where [`room_events`](crate::ServerConfig::room_events) is
    /// on. Those that come with the end of a socket follow its `Disconnected`.
    Room {
        /// The namespace.
        namespace: Namespace,
        /// The room, which is never that of a socket's own id.
        room: Room,
        /// What changed.
        change: RoomChange,
    },
    /// A socket is not connected any more. Comes exactly once for each `Connected`, after all other
    /// events of the socket. If some of these still wait, because they are many or the client is
    /// paused, it comes up to [`close_timeout`](crate::engineio::EngineConfig::close_timeout) after
    /// the end of the connection; the socket exists until then.
    Disconnected {
        /// The socket, whose handle is invalid from now on.
        socket: SocketId,
        /// Why it was disconnected.
        reason: DisconnectReason,
        /// The rooms that it was in, without that of its own id.
        rooms: Vec<Room>,
        /// Whether the client can return: then a `Connected` with `recovered`, or a
        /// `RecoveryExpired`, follows with the same id.
        may_return: bool,
    },
    /// A client disconnected before its CONNECT was answered.
    ConnectAborted {
        /// The socket, which was never connected.
        socket: SocketId,
    },
}

/// A change of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomChange {
    /// The room was created: a socket is about to join it.
    Created,
    /// The socket of this id joined it.
    Joined(Sid),
    /// The socket of this id left it.
    Left(Sid),
    /// The room was deleted: its last socket has left it.
    Deleted,
}
