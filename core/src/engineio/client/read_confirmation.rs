//! Whether the server has read the data that was sent on a WebSocket.
//!
//! Some servers, the official one among them, decode packets as they arrive, but hand the events to
//! the application in a later turn of their event loop, and drop those of a socket that has left
//! its namespace meanwhile. If they read data and the packet that leaves the namespace at once, the
//! data is lost. So such a packet
//! ([`PacketClass::AfterData`](super::outbox::PacketClass::AfterData)) is delayed until a WebSocket
//! Ping (RFC 6455, section 5.5.2), sent behind the data, is answered. With long-polling the answer
//! to the POST says the same.

use std::time::{Duration, Instant};

/// How long the Pong of a server or driver that does not answer pings is waited for.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is known about the data that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadConfirmation {
    /// All of it was read, or there is none.
    Confirmed,
    /// Some may be unread.
    Unconfirmed,
    /// A Ping was sent behind it.
    Pinged { due: Option<Instant> },
}

/// What to do with a packet that is to follow data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Send it now.
    Send,
    /// Send a Ping first, and wait for its answer.
    PingFirst,
    /// Wait for the answer to the Ping.
    Wait,
}

impl ReadConfirmation {
    /// Decides about a packet that must not be read together with data.
    pub(super) fn check(&mut self, now: Instant) -> Check {
        match self {
            Self::Confirmed => Check::Send,
            Self::Pinged { .. } => Check::Wait,
            Self::Unconfirmed => {
                *self = Self::Pinged { due: now.checked_add(TIMEOUT) };
                Check::PingFirst
            }
        }
    }

    /// Data was sent.
    pub(super) const fn on_data_sent(&mut self) {
        *self = Self::Unconfirmed;
    }

    /// Whether a Pong is waited for. Any other one is the answer to a Ping of the driver's.
    pub(super) const fn is_pinged(self) -> bool {
        matches!(self, Self::Pinged { .. })
    }

    /// When to go on without a Pong.
    pub(super) const fn due(self) -> Option<Instant> {
        match self {
            Self::Pinged { due } => due,
            Self::Confirmed | Self::Unconfirmed => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use super::*;

    #[test]
    fn without_data_nothing_waits() {
        let mut confirmation = ReadConfirmation::Confirmed;
        assert_eq!(confirmation.check(Instant::now()), Check::Send);
    }

    #[test]
    fn one_ping_is_sent_behind_data_and_waited_for() {
        let now = Instant::now();
        let mut confirmation = ReadConfirmation::Confirmed;
        confirmation.on_data_sent();
        assert_eq!(confirmation.due(), None);
        assert_eq!(confirmation.check(now), Check::PingFirst);
        assert_eq!(confirmation.check(now), Check::Wait);
        assert!(confirmation.is_pinged());
        assert_eq!(confirmation.due(), Some(now + TIMEOUT));
    }

    #[test]
    fn data_behind_a_ping_needs_another_one() {
        let now = Instant::now();
        let mut confirmation = ReadConfirmation::Unconfirmed;
        confirmation.check(now);
        confirmation.on_data_sent();
        assert!(!confirmation.is_pinged());
        assert_eq!(confirmation.check(now), Check::PingFirst);
    }
}
