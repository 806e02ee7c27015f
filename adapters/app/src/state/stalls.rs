//! Clients that are not read because too many handlers wait, and until when one of these must be
//! done.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

use sockeye_core::SocketId;

/// Clients that are not read because too many handlers wait.
pub(crate) struct Stalls<K = SocketId> {
    timeout: Duration,
    deadlines: HashMap<K, Instant>,
    queue: BTreeSet<(Instant, K)>,
}

impl<K: Copy + Hash + Ord> Stalls<K> {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, deadlines: HashMap::default(), queue: BTreeSet::new() }
    }

    /// A client is not read from now on, or a handler of it is done.
    pub(crate) fn restart(&mut self, socket: K, now: Instant) {
        self.clear(socket);
        if let Some(deadline) = now.checked_add(self.timeout) {
            self.deadlines.insert(socket, deadline);
            self.queue.insert((deadline, socket));
        }
    }

    /// A client is read again, or gone.
    pub(crate) fn clear(&mut self, socket: K) {
        if let Some(deadline) = self.deadlines.remove(&socket) {
            self.queue.remove(&(deadline, socket));
        }
    }

    /// When the next client has waited for too long.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out a client that has waited for too long.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (_, socket) = *self.queue.first().filter(|(deadline, _)| *deadline <= now)?;
        self.clear(socket);
        Some(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_is_done_begins_the_time_anew() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut stalls = Stalls::new(second * 10);
        let (one, two) = (1, 2);
        stalls.restart(one, start);
        stalls.restart(two, start + second);
        stalls.restart(one, start + second * 2);
        assert_eq!(stalls.next(), Some(start + second * 11));
        assert_eq!(stalls.take_due(start + second * 10), None);
        assert_eq!(stalls.take_due(start + second * 20), Some(two));
        stalls.clear(one);
        stalls.clear(one);
        assert_eq!((stalls.take_due(start + second * 20), stalls.next()), (None, None));
    }

    #[test]
    fn a_time_without_end_is_none() {
        let mut stalls = Stalls::new(Duration::MAX);
        stalls.restart(1, Instant::now());
        assert_eq!(stalls.next(), None);
    }
}
