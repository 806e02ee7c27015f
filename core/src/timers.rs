//! A queue of deadlines, ordered by time; those of one instant in the order in which they were set.
//!
//! A machine has one queue with an enum of its alarms as keys. It does not know the clock: `now` is
//! always an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Identifies a deadline, to clear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    at: Instant,
    serial: u64,
}

/// Deadlines, each with a key that says what it is for.
pub(crate) struct Timers<K> {
    deadlines: BTreeMap<TimerId, K>,
    serial: u64,
}

impl<K> Timers<K> {
    pub(crate) const fn new() -> Self {
        Self { deadlines: BTreeMap::new(), serial: 0 }
    }

    /// Sets a deadline. One beyond the range of [`Instant`] means never, and is due in a century.
    pub(crate) fn set(&mut self, now: Instant, delay: Duration, key: K) -> TimerId {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        self.serial += 1;
        let at = now.checked_add(delay).unwrap_or_else(|| now + CENTURY);
        let id = TimerId { at, serial: self.serial };
        self.deadlines.insert(id, key);
        id
    }

    /// Clears a deadline; does nothing if it has passed.
    pub(crate) fn clear(&mut self, id: TimerId) {
        self.deadlines.remove(&id);
    }

    /// Clears the deadline whose id a field holds, if any.
    pub(crate) fn cancel(&mut self, id: &mut Option<TimerId>) {
        if let Some(id) = id.take() {
            self.clear(id);
        }
    }

    /// Sets a deadline when a wait begins, and clears it when the wait is over.
    pub(crate) fn set_while(
        &mut self,
        is_waiting: bool,
        id: &mut Option<TimerId>,
        now: Instant,
        delay: Duration,
        key: K,
    ) {
        match (is_waiting, &id) {
            (true, None) => *id = Some(self.set(now, delay, key)),
            (false, Some(_)) => self.cancel(id),
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Returns the time of the first deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.keys().next().map(|id| id.at)
    }

    /// Removes the first deadline if it has passed, and returns its key.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let first = self.deadlines.first_entry()?;
        (first.key().at <= now).then(|| first.remove())
    }

    pub(crate) fn len(&self) -> usize {
        self.deadlines.len()
    }
}
