//! What a client reports to the application.

use crate::args::{Args, Name};
use crate::engineio::Transport;
use crate::id::{AckId, Sid, SocketId};
use crate::socketio::ack::Responder;
use crate::socketio::client::error::Fault;
use crate::socketio::error::AckError;
use crate::socketio::error::DisconnectReason;

/// Something that happened to a [`Client`](crate::client::Client) or one of its sockets.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    // About the connection.
    /// The connection is open; namespaces are joined next.
    Opened {
        /// The transport that opened it.
        transport: Transport,
        /// How many attempts it took since the connection was lost; 0 if it is the first one.
        attempts: u32,
    },
    /// The connection was upgraded from long-polling to a WebSocket.
    Upgraded,
    /// The upgrade has failed; the connection continues with long-polling.
    NotUpgraded {
        /// Why.
        fault: Fault,
    },
    /// The connection could not be opened. Another attempt follows, unless
    /// [`GaveUp`](Self::GaveUp) does, or connecting again is off.
    Failed {
        /// Which attempt it was; 0 is the first of all.
        attempt: u32,
        /// Why.
        fault: Fault,
    },
    /// The connection is lost. Comes after `Disconnected` of its sockets.
    Closed {
        /// Why.
        reason: DisconnectReason,
        /// What happened, where there is more to say.
        fault: Option<Fault>,
    },
    /// An attempt to connect again begins.
    Reconnecting {
        /// Which one, from 1 on.
        attempt: u32,
    },
    /// An attempt to connect begins, the first one or another, and the application is [to be
    /// asked](crate::client::Config::ask_attempts) where it goes: answer with
    /// [`Client::attempt`](crate::client::Client::attempt) or
    /// [`Client::fail_attempt`](crate::client::Client::fail_attempt), within the
    /// [`timeout`](crate::client::Config::timeout) of the attempt.
    Attempting,
    /// There were as many attempts as [allowed](crate::client::Config::reconnection_attempts);
    /// there will be no more without [`SocketMut::connect`](crate::client::SocketMut::connect).
    GaveUp,

    // About one socket.
    /// CONNECT is to be sent with a payload of the application; answer with
    /// [`SocketMut::authenticate`](crate::client::SocketMut::authenticate).
    Authenticating {
        /// The socket.
        socket: SocketId,
    },
    /// The server has accepted the socket: it is in its namespace.
    Connected {
        /// The socket.
        socket: SocketId,
        /// The id that the server has given it.
        sid: Sid,
        /// Whether the server has recovered the socket: it has its former id and rooms, and the
        /// events that it has missed come next.
        recovered: bool,
    },
    /// The server has answered CONNECT with CONNECT_ERROR. The socket does not connect again by
    /// itself.
    Refused {
        /// The socket.
        socket: SocketId,
        /// Why, in the server's words; perhaps empty.
        message: String,
        /// What the server says besides: one argument, or none.
        data: Args,
    },
    /// The server did not answer the CONNECT of the socket within the
    /// [`connect_timeout`](crate::client::Config::connect_timeout). An answer that comes later
    /// counts; without one, this comes again after as long. The connection stays as long as another
    /// socket is connected on it.
    Unanswered {
        /// The socket.
        socket: SocketId,
    },
    /// An event arrived.
    Received {
        /// The socket it came to.
        socket: SocketId,
        /// The name of the event.
        name: Name,
        /// Its arguments.
        args: Args,
        /// Present if the server wants an acknowledgement; give it to
        /// [`SocketMut::ack`](crate::client::SocketMut::ack).
        ack: Option<Responder>,
    },
    /// An acknowledgement arrived, or is not going to. Comes exactly once for each
    /// [`SocketMut::emit_with_ack`](crate::client::SocketMut::emit_with_ack) that is not cancelled.
    Acked {
        /// The socket.
        socket: SocketId,
        /// Which one it is.
        ack: AckId,
        /// The arguments of the answer, or why there is none.
        result: Result<Args, AckError>,
    },
    /// An event without an acknowledgement for the application was given up after all
    /// [retries](crate::client::SocketConfig::retries), or with its socket: the server may not have
    /// got it.
    GivenUp {
        /// The socket.
        socket: SocketId,
        /// The name of the event.
        name: Name,
        /// What became of the last try.
        error: AckError,
    },
    /// The socket is not connected any more. Comes exactly once for each `Connected`.
    Disconnected {
        /// The socket.
        socket: SocketId,
        /// Why.
        reason: DisconnectReason,
        /// What happened to the connection, where there is more to say.
        fault: Option<Fault>,
        /// Whether it connects again by itself.
        returns: bool,
    },
}
