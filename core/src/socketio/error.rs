//! Reasons of disconnections, and errors of commands.

use std::fmt;

use thiserror::Error;

use crate::engineio::CloseReason;

/// Why a socket was disconnected, on either side. `Display` gives the words of the Socket.IO
/// documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The connection broke, the peer violated the rules of its transport, or it read too slowly.
    TransportError,
    /// The peer closed the connection, its device went away, or a client has no network any more.
    TransportClose,
    /// On a server: an Engine.IO packet was malformed. On a client: a packet of either protocol was
    /// malformed, incomplete or too large.
    ParseError,
    /// A client did not answer a ping in time, or a server did not send one.
    PingTimeout,
    /// On a server: the server closed the connection, often because of a malformed packet.
    ForcedClose,
    /// On a server: it closed the connection of a client that has missed a deadline.
    ForcedServerClose,
    /// On a server: it is shutting down.
    ServerShuttingDown,
    /// On a server: the client left the namespace.
    ClientNamespaceDisconnect,
    /// On a server: the application disconnected the socket from the namespace.
    ServerNamespaceDisconnect,
    /// On a client: the server has sent DISCONNECT. The socket does not connect again by itself.
    ServerDisconnect,
    /// On a client: the application disconnected the socket.
    ClientDisconnect,
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
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
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

/// Why the name or the data of an event, or the data of an acknowledgement, can't be encoded. The
/// fault is the caller's.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The name of the event is reserved: `connect`, `connect_error`, `disconnect`,
    /// `disconnecting`, `newListener` or `removeListener`.
    #[error("this event name is reserved")]
    Reserved,
    /// The data can't be serialized as JSON.
    #[error("data can't be serialized: {0}")]
    Serialize(#[from] serde_json::Error),
    /// There are more attachments than official clients accept.
    #[error("{count} binary values in one packet, at most {limit} are allowed")]
    TooManyAttachments {
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Next to attachments, the data holds an object with a key `_placeholder`, which the receiver
    /// would take for the place of one.
    #[error("data holds an object with a key `_placeholder` next to binary values")]
    Placeholder,
    /// The data is nested more deeply than the receiver accepts.
    #[error("data is nested in more than {limit} levels")]
    TooDeep {
        /// The maximum depth, including the array of the arguments.
        limit: usize,
    },
    /// The packet has 4 GiB or more.
    #[error("a packet can't hold 4 GiB")]
    TooLarge,
}

/// Why an event was not sent to the peer of a socket, in either role. Nothing was sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket of a server is not connected, not yet or not any more. That of a client keeps the
    /// event until it is.
    #[error("the socket is not connected")]
    Disconnected,
    /// Too much waits to be sent: on a server, if the policy is to
    /// [refuse](crate::OnOverflow::Refuse) the event.
    #[error("more than {limit} bytes wait to be sent")]
    Full {
        /// The maximum number of waiting bytes.
        limit: usize,
    },
    /// A message of the packet is larger than the server accepts. Only a client returns this, while
    /// it is connected: it knows the limit from the handshake. Each attachment is a message of its
    /// own, and longer by a third where it is sent as text.
    #[error("a message of {bytes} bytes, of which the server takes {limit}")]
    MessageTooLarge {
        /// The size of the message in bytes.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The event asks for an acknowledgement, and too many of the socket are pending.
    #[error("more than {limit} acknowledgements are pending")]
    TooManyAcks {
        /// The limit.
        limit: usize,
    },
}

/// Why an event of the peer was not acknowledged, in either role. Nothing was sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RespondError {
    /// The acknowledgement can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The event came to another socket.
    #[error("the event to be acknowledged came to another socket")]
    OtherSocket,
    /// Too much waits to be sent. Only a client returns this; a server closes such a connection.
    #[error("more than {limit} bytes wait to be sent")]
    Full {
        /// The maximum number of waiting bytes.
        limit: usize,
    },
    /// A message of the packet is larger than the server accepts. Only a client returns this.
    #[error("a message of {bytes} bytes, of which the server takes {limit}")]
    MessageTooLarge {
        /// The size of the message in bytes.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Why an acknowledgement did not arrive.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckError {
    /// It did not arrive in time. The message is that of the official library.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected first.
    #[error("socket has been disconnected")]
    Disconnected,
}
