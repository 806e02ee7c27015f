//! What can go wrong: reasons for an end, and mistakes of the caller's.

use std::fmt;

use thiserror::Error;

use crate::engineio::CloseReason;

/// Why a socket was disconnected. `Display` gives the words of the Socket.IO documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The connection broke, or the peer violated the rules of its transport, or it did not read
    /// fast enough what was sent to it.
    TransportError,
    /// The client closed the connection, or its machine went away.
    TransportClose,
    /// The server closed the connection, often because of an invalid packet.
    ForcedClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// An Engine.IO packet was malformed.
    ParseError,
    /// The server is closing.
    ServerShuttingDown,
    /// The server closed the connection of a client that did not do in time what it had to.
    ForcedServerClose,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The server removed the client from the namespace.
    ServerNamespaceDisconnect,
}

impl DisconnectReason {
    /// The reason in the words of the Socket.IO documentation, such as `transport close`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => CloseReason::TransportError.as_str(),
            Self::TransportClose => CloseReason::TransportClose.as_str(),
            Self::ForcedClose => CloseReason::ForcedClose.as_str(),
            Self::PingTimeout => CloseReason::PingTimeout.as_str(),
            Self::ParseError => CloseReason::ParseError.as_str(),
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
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
            CloseReason::TransportError => Self::TransportError,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::ForcedClose => Self::ForcedClose,
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::ParseError => Self::ParseError,
        }
    }
}

/// Why an event can't be sent; nothing was sent to anybody.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The name of the event is one of `connect`, `connect_error`, `disconnect`, `disconnecting`,
    /// `newListener` and `removeListener`, which have a meaning of their own in clients.
    #[error("this event name is reserved")]
    Reserved,
    /// The data can't be written as JSON.
    #[error("data can't be serialized: {0}")]
    Serialize(#[from] serde_json::Error),
    /// There are more binary values than official clients take.
    #[error("{count} binary values in one packet, at most {limit} are allowed")]
    TooManyAttachments {
        /// How many there are.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Next to binary values, the data holds an object that looks like the placeholder of one.
    #[error("data holds an object with a key `_placeholder` next to binary values")]
    Placeholder,
    /// The data has more arrays and objects within each other than the receiver takes.
    #[error("data is nested in more than {limit} levels")]
    TooDeep {
        /// How many levels are allowed, that of the list of the arguments included.
        limit: usize,
    },
    /// A message of the packet has more bytes than the server takes in one. A client learns from
    /// the handshake how many that are, so this is told only while it is connected; each binary
    /// value is a message of its own, and longer by a third where it is sent as text.
    #[error("a message of {bytes} bytes, of which the server takes {limit}")]
    MessageTooLarge {
        /// How many bytes it has.
        bytes: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The packet has 4 GiB or more.
    #[error("a packet can't hold 4 GiB")]
    TooLarge,
    /// Too much waits to be sent to the client, and it is to be
    /// [refused](crate::OverflowPolicy::Refuse).
    #[error("more than {limit} bytes wait to be sent to the client")]
    Full {
        /// How many bytes may wait.
        limit: usize,
    },
    /// The socket owes too many acknowledgements.
    #[error("more than {limit} acknowledgements are owed by the socket")]
    TooManyAcks {
        /// How many are allowed.
        limit: usize,
    },
    /// The event to be acknowledged came from another socket than the one that was to answer it.
    #[error("the event to be acknowledged came from another socket")]
    OtherSocket,
    /// The socket is not connected, not yet or not any more.
    #[error("the socket is not connected")]
    Disconnected,
    /// Too much waits to be sent by this client already.
    #[error("more than {limit} bytes wait to be sent")]
    BufferFull {
        /// How many bytes may wait.
        limit: usize,
    },
}

/// Why an acknowledgement did not come.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckError {
    /// It did not come in time. The words are those of the official library.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected first.
    #[error("socket has been disconnected")]
    Disconnected,
}

/// Why a configuration can't be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{field}: {problem}")]
pub struct ConfigError {
    /// The field that has to change.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}
