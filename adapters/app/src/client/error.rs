//! Errors of the handlers of a client.

use super::socket::Socket;
use crate::state::fault::Fault;

/// Something went wrong in the handlers of a client. The client goes on.
#[derive(Debug)]
pub struct Error {
    /// The socket.
    pub socket: Socket,
    /// The name of the event; `connect`, `connect_error` or `disconnect` for handlers of those.
    pub event: String,
    /// What it is.
    pub fault: Fault,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { socket, event, fault } = self;
        write!(f, "event {event:?} of the socket for {}: {fault}", socket.namespace())
    }
}

impl std::error::Error for Error {}
