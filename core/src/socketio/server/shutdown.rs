//! Shutting down, at once or gradually.

use std::time::{Duration, Instant};

use crate::socketio::error::DisconnectReason;
use crate::socketio::server::alarm::Alarm;
use crate::socketio::server::retirement::Retirement;
use crate::socketio::server::server::Server;

impl Server {
    /// Disconnects all clients with [`DisconnectReason::ServerShuttingDown`], and accepts no more.
    /// Packets that were emitted before are still delivered; see [`is_idle`](Self::is_idle).
    pub fn shut_down(&mut self, now: Instant) {
        self.closing = true;
        self.cancel_retirement();
        self.engine.shut_down(now);
    }

    /// Closes all connections one by one, spread evenly over this time, and accepts no new ones:
    /// clients move to another server without a rush.
    ///
    /// Sockets are disconnected with
    /// [`ServerShuttingDown`](crate::DisconnectReason::ServerShuttingDown), after the packets that
    /// were emitted to them. To clients the connection is lost, so they reconnect: to another
    /// server, if the load balancer sends no more requests to this one. Once
    /// [`is_idle`](Self::is_idle) returns true, all of them have gone.
    pub fn retire(&mut self, over: Duration, now: Instant) {
        self.cancel_retirement();
        self.engine.refuse_new();
        let mut waiting = self.engine.session_ids();
        waiting.sort_unstable_by_key(|id| std::cmp::Reverse(id.serial));
        let all = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        self.retirement = Some(Retirement { waiting, all, began: now, over, timer: None });
        self.close_next_retired(now);
    }

    /// Closes the connections whose time has come.
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

    /// Ends a gradual shutdown.
    pub(super) fn cancel_retirement(&mut self) {
        let timer = self.retirement.take().and_then(|retirement| retirement.timer);
        timer.into_iter().for_each(|timer| self.timers.clear(timer));
    }
}
