//! Why a connection ends, a socket is disconnected, or can't be made.

use std::fmt;

use thiserror::Error;

use crate::engineio::CloseReason;
use crate::engineio::client::TransportFault;
use crate::socketio::packet::PacketError;

/// Why a connection could not be opened, or was lost.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The transport failed, or the server violated the Engine.IO protocol.
    #[error(transparent)]
    Transport(#[from] TransportFault),
    /// The server violated the Socket.IO protocol.
    #[error("malformed packet: {0}")]
    Packet(PacketError),
    /// The binary values of a packet did not come in time.
    #[error("a packet is not completed in time")]
    Unfinished,
    /// The server did not answer a CONNECT packet in time.
    #[error("the server does not answer a CONNECT packet")]
    Unanswered,
    /// The application did not say where to connect to.
    #[error("no attempt: {0}")]
    NoAttempt(String),
    /// There is no network.
    #[error("no network")]
    Offline,
}

/// Why a socket was disconnected. `Display` gives the words of the Socket.IO documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server has sent DISCONNECT. The socket does not connect again by itself.
    ServerDisconnect,
    /// The application disconnected the socket.
    ClientDisconnect,
    /// The server did not send a ping in time.
    PingTimeout,
    /// The server closed the connection, or there is no network any more.
    TransportClose,
    /// The connection broke, or the server answered with an error.
    TransportError,
    /// What the server sent was malformed.
    ParseError,
}

impl DisconnectReason {
    /// The reason in the words of the Socket.IO documentation, such as `transport close`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::TransportError => Self::TransportError,
            CloseReason::ParseError => Self::ParseError,
            // Only the client itself closes its session by force.
            CloseReason::ForcedClose => Self::ClientDisconnect,
        }
    }
}

/// Why a socket can't be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// There is one for this namespace already.
    #[error("there is a socket for this namespace already")]
    Taken,
    /// A name begins with a slash and holds no comma, question mark or control character, and at
    /// most 255 bytes.
    #[error("this can't be the name of a namespace")]
    Name,
}
