//! What the deadlines of a client are for.

use crate::id::{AckId, SocketId};

/// A deadline that has passed. The deadlines of the Engine.IO session are its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alarm {
    /// The connection was not opened in time.
    OpenTimeout,
    /// The delay before the next attempt to connect is over.
    Reconnect,
    /// An acknowledgement did not arrive in time.
    AckTimeout(SocketId, AckId),
    /// The acknowledgement of one try of an event with retries did not arrive in time.
    TryTimeout(SocketId, AckId),
    /// The attachments of a packet did not arrive in time.
    AttachmentTimeout,
    /// The server did not answer a CONNECT packet in time.
    ConnectTimeout(SocketId),
    /// Not everything was delivered within the time given to `shut_down`.
    ShutdownTimeout,
}
