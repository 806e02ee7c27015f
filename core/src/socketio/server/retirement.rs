//! The schedule of a gradual shutdown.

use std::time::{Duration, Instant};

use crate::id::SessionId;
use crate::timers::TimerId;

/// The connections that are still to be closed.
#[derive(Debug)]
pub(super) struct Retirement {
    /// The last one is closed first.
    pub(super) waiting: Vec<SessionId>,
    pub(super) all: u32,
    pub(super) began: Instant,
    pub(super) over: Duration,
    pub(super) timer: Option<TimerId>,
}

impl Retirement {
    /// The time from the beginning until only the waiting connections may be left.
    pub(super) fn share(&self) -> Duration {
        let left = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let gone = u128::from(self.all.saturating_sub(left));
        let nanos = self.over.as_nanos() * gone / u128::from(self.all.max(1));
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        Duration::from_secs(seconds)
            + Duration::from_nanos(u64::try_from(nanos % 1_000_000_000).unwrap_or(0))
    }
}
