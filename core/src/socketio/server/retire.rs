//! Sending everybody away bit by bit, so that they do not all come to another server at once.

use std::time::{Duration, Instant};

use crate::error::DisconnectReason;
use crate::id::SessionId;
use crate::socketio::server::server::{Alarm, Server};
use crate::timers::TimerId;

/// Who is still to be sent away.
#[derive(Debug)]
pub(super) struct Retirement {
    /// The last one goes first.
    waiting: Vec<SessionId>,
    all: u32,
    began: Instant,
    over: Duration,
    timer: Option<TimerId>,
}

impl Retirement {
    /// How long it takes until all but those who are still waiting are to be gone.
    fn share(&self) -> Duration {
        let left = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let gone = u128::from(self.all.saturating_sub(left));
        let nanos = self.over.as_nanos() * gone / u128::from(self.all.max(1));
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        Duration::from_secs(seconds)
            + Duration::from_nanos(u64::try_from(nanos % 1_000_000_000).unwrap_or(0))
    }
}

impl Server {
    /// Closes all connections one by one, spread evenly `over` this time, and opens no new ones;
    /// for the change from one server to another without a rush of clients.
    ///
    /// Sockets are disconnected with
    /// [`ServerShuttingDown`](crate::DisconnectReason::ServerShuttingDown), and what was sent to
    /// them is delivered. To clients it is a lost connection, so they come back: to another server,
    /// if the balancer in front of this one sends nobody here any more. When
    /// [`is_idle`](Self::is_idle), everybody is gone.
    pub fn retire(&mut self, over: Duration, now: Instant) {
        self.stop_retiring();
        self.engine.refuse_new();
        let mut waiting = self.engine.session_ids();
        waiting.sort_unstable_by_key(|id| std::cmp::Reverse(id.serial));
        let all = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        self.retirement = Some(Retirement { waiting, all, began: now, over, timer: None });
        self.go_on_retiring(now);
    }

    /// Closes those whose time has come.
    pub(super) fn go_on_retiring(&mut self, now: Instant) {
        let Some(mut retirement) = self.retirement.take() else { return };
        while let Some(&next) = retirement.waiting.last() {
            let elapsed = now.saturating_duration_since(retirement.began);
            let wait = retirement.share().saturating_sub(elapsed);
            if !wait.is_zero() {
                retirement.timer = Some(self.timers.set(now, wait, Alarm::Retire));
                self.retirement = Some(retirement);
                return;
            }
            retirement.waiting.pop();
            self.end_session(next, DisconnectReason::ServerShuttingDown, now);
        }
    }

    /// Has nobody left to send away.
    pub(super) fn stop_retiring(&mut self) {
        let timer = self.retirement.take().and_then(|retirement| retirement.timer);
        timer.into_iter().for_each(|timer| self.timers.clear(timer));
    }
}
