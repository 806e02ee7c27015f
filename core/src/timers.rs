//! Deadlines in order of time; those of one instant in the order in which they were set.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Names a deadline that was set, so that it can be cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    at: Instant,
    serial: u64,
}

pub(crate) struct Timers<K> {
    deadlines: BTreeMap<TimerId, K>,
    serial: u64,
}

impl<K> Timers<K> {
    pub(crate) const fn new() -> Self {
        Self { deadlines: BTreeMap::new(), serial: 0 }
    }

    /// Sets a deadline; one that the clock can't reach stands for never, and comes in a century.
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

    /// Clears the deadline of a field that holds its id, if there is one.
    pub(crate) fn cancel(&mut self, id: &mut Option<TimerId>) {
        if let Some(id) = id.take() {
            self.clear(id);
        }
    }

    /// Has a deadline set as long as something is waited for: sets it when the wait begins, and
    /// clears it when the wait is over.
    pub(crate) fn set_while(
        &mut self,
        waits: bool,
        id: &mut Option<TimerId>,
        now: Instant,
        delay: Duration,
        key: K,
    ) {
        match (waits, &id) {
            (true, None) => *id = Some(self.set(now, delay, key)),
            (false, Some(_)) => self.cancel(id),
            (true, Some(_)) | (false, None) => {}
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.keys().next().map(|id| id.at)
    }

    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let first = self.deadlines.first_entry()?;
        (first.key().at <= now).then(|| first.remove())
    }

    pub(crate) fn len(&self) -> usize {
        self.deadlines.len()
    }
}
