//! Why a connection ends, or a socket can't be made.

use thiserror::Error;

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
