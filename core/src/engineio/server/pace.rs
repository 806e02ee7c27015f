//! The pace of one session: its messages are handled no faster than the receivers take what they
//! lead to.
//!
//! A message that is broadcast to a thousand clients produces a thousand times its bytes. Without a
//! pace, receivers that read more slowly than one client sends would be closed, because more than
//! [`max_buffered`](crate::engineio::EngineConfig::max_buffered) bytes wait for them. So the
//! session rests for a moment after each share, until the receivers have caught up.

use std::time::{Duration, Instant};

use crate::timers::TimerId;

/// The bytes that the messages of a session have produced lately.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the current share began.
    began: Instant,
    /// The bytes that waited for all clients before this session produced some.
    floor: usize,
    /// The bytes that it has produced since then.
    since: usize,
    rests: u32,
    /// The deadline at which it goes on, while it rests.
    pub(super) resting: Option<TimerId>,
}

impl Pace {
    /// The share of produced bytes after which the receivers are checked.
    pub(super) const SHARE: usize = 1 << 20;
    /// A session that takes longer than this for a share is not slowed down.
    const SLOW: Duration = Duration::from_secs(1);
    /// How many of the produced bytes may wait to be sent.
    const WINDOW: usize = 8 << 20;
    /// The length of a rest, and how many there are for each share: receivers that do not read must
    /// not stop the others for good.
    pub(super) const REST: Duration = Duration::from_millis(10);
    const RESTS: u32 = 25;

    pub(super) const fn new(now: Instant, floor: usize) -> Self {
        Self { began: now, floor, since: 0, rests: 0, resting: None }
    }

    /// Counts a share of `made` bytes, which are 0 if it was counted before; returns whether the
    /// session has to rest. `buffered` is the number of bytes that wait to be sent to all clients.
    pub(super) fn has_to_rest(&mut self, made: usize, buffered: usize, now: Instant) -> bool {
        let is_slow = made > 0 && now.saturating_duration_since(self.began) >= Self::SLOW;
        if is_slow || buffered <= self.floor {
            *self = Self::new(now, buffered.saturating_sub(made));
        }
        self.since = self.since.saturating_add(made);
        let lag = buffered.saturating_sub(self.floor).min(self.since);
        if lag <= Self::WINDOW || self.rests >= Self::RESTS {
            (self.began, self.rests) = (now, 0);
            return false;
        }
        self.rests += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITING: usize = 1000 + Pace::WINDOW + 1;

    /// The pace of a session that has made as much as may wait, while 1,000 other bytes waited.
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    fn pace() -> (Pace, Instant) {
        let now = Instant::now();
        let mut pace = Pace::new(now, 1000);
        assert!(!pace.has_to_rest(Pace::WINDOW, 1000 + Pace::WINDOW, now));
        (pace, now)
    }

    #[test]
    fn a_session_rests_while_its_receivers_lag_but_not_for_ever() {
        let (mut pace, now) = pace();
        assert!(pace.has_to_rest(1, WAITING, now));
        assert!(!pace.has_to_rest(0, WAITING - 1, now), "they have caught up");
        assert!(pace.has_to_rest(1, WAITING, now));
        let rests = (1..).take_while(|_| pace.has_to_rest(0, WAITING, now)).count();
        assert_eq!(rests, 24);
        assert!(pace.has_to_rest(1, WAITING, now), "the next share waits anew");
    }

    #[test]
    fn what_others_have_made_is_not_held_against_a_session() {
        let (mut pace, now) = pace();
        assert!(!pace.has_to_rest(1, 500, now), "all it made is sent");
        assert!(!pace.has_to_rest(Pace::SHARE, 1 << 30, now), "it has made one share since");
    }

    #[test]
    fn a_session_that_sends_slowly_does_not_rest() {
        let (mut pace, now) = pace();
        assert!(!pace.has_to_rest(Pace::SHARE, WAITING, now + Pace::SLOW));
    }
}
