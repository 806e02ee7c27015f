//! Errors of handlers, with the socket that they are about.

use std::fmt;

use super::socket::Socket;
use crate::state::fault::Fault;

/// Something that went wrong in the handlers of a socket. The socket goes on.
#[derive(Debug)]
pub struct Error {
    /// The socket.
    pub socket: Socket,
    /// The name of the event; `connect` or `disconnect` for handlers of those.
    pub event: String,
    /// What it is.
    pub fault: Fault,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { socket, event, fault } = self;
        write!(f, "event {event:?} of socket {} in {}: {fault}", socket.id(), socket.namespace())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}
