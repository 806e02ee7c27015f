//! What there is to tell.

use std::time::Duration;

use crate::value::Arguments;

/// Something that happened, for people or machines to read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Report {
    /// There is a connection.
    Opened { transport: &'static str },
    /// It is a WebSocket from now on.
    Upgraded,
    /// It stays with long-polling.
    NotUpgraded { message: String },
    /// It could not be opened.
    Failed { message: String },
    /// It is lost.
    Closed { message: String },
    /// It is tried again.
    Reconnecting { attempt: u32 },
    /// It is not tried any more.
    GaveUp,
    /// The server let a socket in.
    Connected { namespace: String, id: String, recovered: bool },
    /// The server does not let a socket in.
    Refused { namespace: String, message: String, data: Arguments },
    /// A socket is not connected any more.
    Disconnected { namespace: String, reason: String, returns: bool },
    /// An event came.
    Event { namespace: String, name: String, args: Arguments, ack: Option<Ack> },
    /// The server answered.
    Answer { namespace: String, name: String, args: Arguments, after: Duration },
    /// The server did not answer.
    NoAnswer { namespace: String, name: String, message: String },
    /// How things are in one namespace.
    Status { namespace: String, state: String, current: bool },
    /// Something else that people want to know.
    Note(String),
    /// Something is wrong.
    Error(String),
}

/// The answer that the server waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ack {
    /// It can be given by this number.
    Open(u32),
    /// It was given.
    Given,
}
