//! The pace of one session: its messages are handled no faster than those for whom they are meant
//! take what they lead to.
//!
//! A message that is sent on to a thousand clients makes a thousand times its bytes. Clients that
//! read more slowly than one of them sends would have to be closed, because more than
//! [`max_buffered`](super::EngineConfig::max_buffered) waits for them. So the session rests now and
//! then until they have caught up.

use std::time::{Duration, Instant};

use super::session::{Alarm, Context, Session};
use crate::timers::TimerId;

/// What the messages of a session have led to lately.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the bytes of the present share began to be made.
    began: Instant,
    /// How many bytes waited to be sent, to all clients, before this session made some.
    floor: usize,
    /// How many it has made since then.
    since: usize,
    rests: u32,
    /// When it goes on, while it rests.
    resting: Option<TimerId>,
}

impl Pace {
    /// After how many bytes it is checked whether the receivers keep up.
    const SHARE: usize = 1 << 20;
    /// A session that takes longer than this for a share is not slowed down.
    const SLOW: Duration = Duration::from_secs(1);
    /// How many of the bytes that the session has made may wait to be sent.
    const WINDOW: usize = 8 << 20;
    /// How long to wait for the receivers, and how often for each share. Those that do not read
    /// must not stop the others for good.
    const REST: Duration = Duration::from_millis(10);
    const RESTS: u32 = 25;

    const fn new(now: Instant, floor: usize) -> Self {
        Self { began: now, floor, since: 0, rests: 0, resting: None }
    }

    /// Counts a share of `made` bytes, none if it was counted before; returns whether to rest.
    /// `buffered` is how many bytes wait to be sent to all clients.
    fn has_to_rest(&mut self, made: usize, buffered: usize, now: Instant) -> bool {
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

impl Session {
    /// Counts the bytes that a message has made; returns whether they complete a share.
    pub(super) const fn count_made(&mut self, made: usize) -> bool {
        self.made = self.made.saturating_add(made);
        self.made >= Pace::SHARE
    }

    /// Lets the session rest after a complete share if its receivers do not keep up.
    pub(super) fn keep_pace(&mut self, cx: &mut Context) {
        let Some(now) = cx.now.filter(|_| self.made >= Pace::SHARE) else { return };
        let made = std::mem::take(&mut self.made);
        self.check_pace(made, cx, now);
    }

    fn check_pace(&mut self, made: usize, cx: &mut Context, now: Instant) {
        let floor = cx.buffered.saturating_sub(made);
        let pace = self.pace.get_or_insert_with(|| Box::new(Pace::new(now, floor)));
        if pace.resting.is_none() && pace.has_to_rest(made, cx.buffered, now) {
            pace.resting = Some(cx.timers.set(now, Pace::REST, Alarm::Rest(self.id)));
            self.adjust_reading(cx);
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        self.pace.as_ref().is_some_and(|pace| pace.resting.is_some())
    }

    /// Looks again whether the receivers have caught up.
    pub(super) fn on_rested(&mut self, cx: &mut Context, now: Instant) {
        if let Some(pace) = &mut self.pace {
            pace.resting = None;
            self.check_pace(0, cx, now);
        }
        if !self.is_resting() {
            self.go_on_reading(cx);
        }
    }

    /// Forgets the pace of a session of which nothing more is handled.
    pub(super) fn stop_pace(&mut self, cx: &mut Context) {
        let timer = self.pace.take().and_then(|pace| pace.resting);
        timer.into_iter().for_each(|timer| cx.timers.clear(timer));
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
