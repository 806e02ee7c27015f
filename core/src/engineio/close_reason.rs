//! Why a session ends.

use std::fmt;

/// Why a session ended. `Display` gives the words of the Engine.IO documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The connection broke, or the client violated the rules of its transport, or it did not
    /// read fast enough what was sent to it.
    TransportError,
    /// The client closed the connection, or its machine went away.
    TransportClose,
    /// The application closed the session.
    ForcedClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// A packet was malformed.
    ParseError,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::DisconnectReason::from(*self).as_str())
    }
}
