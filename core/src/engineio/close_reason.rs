//! Why a session ends.

use std::fmt;

/// Why a session ended. `Display` gives the words of the Engine.IO documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The connection broke, the peer violated the rules of its transport, or it read too slowly.
    TransportError,
    /// The peer closed the connection, or its device went away.
    TransportClose,
    /// This side closed the session.
    ForcedClose,
    /// A client did not answer a ping in time, or a server did not send one.
    PingTimeout,
    /// A packet was malformed.
    ParseError,
}

impl CloseReason {
    /// The reason in the words of the Engine.IO documentation, such as `transport close`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
