//! Keeping clients from sending faster than they are served, and telling when they have caught up.

use std::time::Instant;

use super::heartbeat::Heartbeat;
use super::session::{Channel, Context, Session};
use crate::io::Output;

impl Session {
    /// Stops or resumes reading what the client sends.
    pub(super) fn pause(&mut self, pause: bool, cx: &mut Context, now: Instant) {
        if self.paused == pause {
            return;
        }
        self.paused = pause;
        cx.totals.pauses += u64::from(pause);
        if let Channel::WebSocket { ws, .. } = self.channel {
            cx.push(if pause { Output::Pause { ws } } else { Output::Resume { ws } });
        }
        if pause {
            return;
        }
        self.read_deferred(cx);
        // What it sent meanwhile is still to be read.
        match self.heartbeat {
            Heartbeat::Sent { .. } => self.extend_after_pause(cx, now),
            Heartbeat::Awaited(_) => self.await_ping(cx, now),
            Heartbeat::Due(_) | Heartbeat::Closing(_) | Heartbeat::Stopped => {}
        }
    }

    /// Reads the POST that had to wait.
    pub(super) fn read_deferred(&mut self, cx: &mut Context) {
        let Channel::Polling { post: Some(req), .. } = self.channel else { return };
        if std::mem::take(&mut self.deferred) {
            cx.push(Output::ReadBody { req, limit: cx.config.max_payload });
        }
    }
}
