//! The heartbeat (Engine.IO protocol, section "Heartbeat"), from the client's side.
//!
//! The server sends `2` (ping) every `pingInterval`, and the client answers `3` (pong). A client
//! that has got no ping for `pingInterval + pingTimeout` considers the session lost. Other packets
//! do not count as a ping.

use std::time::{Duration, Instant};

/// When the next ping of the server is overdue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    /// `pingInterval + pingTimeout`.
    max_silence: Duration,
    /// `None` if it is later than the clock can say.
    pub(super) due: Option<Instant>,
}

impl Heartbeat {
    /// Begins to wait for the first ping.
    pub(super) fn new(max_silence: Duration, now: Instant) -> Self {
        Self { max_silence, due: now.checked_add(max_silence) }
    }

    /// Waits for the next ping: the server has just sent one.
    pub(super) fn restart(&mut self, now: Instant) {
        self.due = now.checked_add(self.max_silence);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use super::*;

    #[test]
    fn each_ping_gives_the_server_as_much_time_again() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::new(Duration::from_secs(45), now);
        assert_eq!(heartbeat.due, Some(now + Duration::from_secs(45)));
        heartbeat.restart(now + Duration::from_secs(25));
        assert_eq!(heartbeat.due, Some(now + Duration::from_secs(70)));
    }

    #[test]
    fn a_time_beyond_the_clock_never_comes() {
        assert_eq!(Heartbeat::new(Duration::MAX, Instant::now()).due, None);
    }
}
