//! Sending everybody away bit by bit, so that they do not all come to another server at once.

use std::time::{Duration, Instant};

use crate::error::DisconnectReason;
use crate::socketio::server::alarm::Alarm;
use crate::socketio::server::retirement::Retirement;
use crate::socketio::server::server::Server;

impl Server {
    /// Disconnects everybody with [`DisconnectReason::ServerShuttingDown`] and lets nobody in any
    /// more. What was emitted before is still delivered; see [`is_idle`](Self::is_idle).
    pub fn shut_down(&mut self, now: Instant) {
        self.closing = true;
        self.cancel_retirement();
        self.engine.shut_down(now);
    }

    /// Closes all connections one by one, spread evenly `over` this time, and opens no new ones;
    /// for the change from one server to another without a rush of clients.
    ///
    /// Sockets are disconnected with
    /// [`ServerShuttingDown`](crate::DisconnectReason::ServerShuttingDown), and what was sent to
    /// them is delivered. To clients it is a lost connection, so they come back: to another server,
    /// if the balancer in front of this one sends nobody here any more. When
    /// [`is_idle`](Self::is_idle), everybody is gone.
    pub fn retire(&mut self, over: Duration, now: Instant) {
        self.cancel_retirement();
        self.engine.refuse_new();
        let mut waiting = self.engine.session_ids();
        waiting.sort_unstable_by_key(|id| std::cmp::Reverse(id.serial));
        let all = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        self.retirement = Some(Retirement { waiting, all, began: now, over, timer: None });
        self.close_next_retired(now);
    }

    /// Closes those whose time has come.
    pub(super) fn close_next_retired(&mut self, now: Instant) {
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
    pub(super) fn cancel_retirement(&mut self) {
        let timer = self.retirement.take().and_then(|retirement| retirement.timer);
        timer.into_iter().for_each(|timer| self.timers.clear(timer));
    }
}
