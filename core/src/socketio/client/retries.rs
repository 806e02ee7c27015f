//! An event that is sent again until the server has acknowledged it.

use std::time::Duration;

use crate::args::Name;
use crate::engineio::Encoded;
use crate::timers::TimerId;

/// An event in the queue of a socket with [retries](crate::client::SocketConfig::retries).
pub(super) struct QueuedEvent {
    /// Encoded once, with the id of its acknowledgement in it.
    pub(super) packet: Encoded,
    /// Its name, if the application does not wait for the acknowledgement; it is told only that the
    /// event was given up.
    pub(super) unacknowledged_name: Option<Name>,
    /// The time that each try may take.
    pub(super) timeout: Option<Duration>,
    /// How often it was sent, on all connections.
    pub(super) tries: u32,
    /// Whether the acknowledgement of a try is waited for.
    pub(super) is_sent: bool,
    /// When the try has failed.
    pub(super) timer: Option<TimerId>,
}

impl QueuedEvent {
    /// Makes an event that was not sent yet.
    pub(super) const fn new(
        packet: Encoded,
        unacknowledged_name: Option<Name>,
        timeout: Option<Duration>,
    ) -> Self {
        Self { packet, unacknowledged_name, timeout, tries: 0, is_sent: false, timer: None }
    }
}
