//! Whether the client is still there: pings and pongs, and the time in which they must come.

use std::time::Instant;

use super::CloseReason;
use super::outbox::Item;
use super::session::{Alarm, Context, Session};
use crate::timers::TimerId;

#[derive(Clone, Copy, Debug)]
pub(super) enum Heartbeat {
    /// A ping is due then.
    Due(TimerId),
    /// A pong is due then.
    Sent {
        timer: TimerId,
        refreshed: bool,
    },
    /// A ping of the client's is due then, in protocol 3.
    Awaited(TimerId),
    /// Whoever has not fetched the rest by then gets nothing more.
    Closing(TimerId),
    Stopped,
}

impl Session {
    pub(super) fn on_alarm(&mut self, cx: &mut Context, now: Instant) {
        match self.heartbeat {
            Heartbeat::Due(_) => {
                let timer = cx.timers.set(now, cx.config.ping_timeout, Alarm::Session(self.id));
                self.heartbeat = Heartbeat::Sent { timer, refreshed: false };
                self.push(Item::PING, cx);
            }
            // Its answer may be among what is not read; but the client has taken the ping.
            Heartbeat::Sent { .. } if self.paused && self.outbox.unsent() == 0 => {
                self.extend(cx, now);
                self.push(Item::PING, cx);
            }
            Heartbeat::Sent { .. } | Heartbeat::Awaited(_) => {
                self.end(CloseReason::PingTimeout, cx);
            }
            Heartbeat::Closing(_) | Heartbeat::Stopped => self.end(CloseReason::ForcedClose, cx),
        }
    }

    /// Only the pong that is waited for counts; further ones cause no work.
    pub(super) fn on_pong(&mut self, cx: &mut Context, now: Instant) {
        if let Heartbeat::Sent { timer, .. } = self.heartbeat {
            cx.timers.clear(timer);
            self.schedule_ping(cx, now);
        }
    }

    /// Gives a client that is busy sending once more time for its pong.
    pub(super) fn refresh(&mut self, cx: &mut Context, now: Instant) {
        if let Heartbeat::Sent { timer, refreshed: false } = self.heartbeat {
            cx.timers.clear(timer);
            let timer = cx.timers.set(now, cx.config.ping_timeout, Alarm::Session(self.id));
            self.heartbeat = Heartbeat::Sent { timer, refreshed: true };
        }
    }

    pub(super) fn await_ping(&mut self, cx: &mut Context, now: Instant) {
        self.stop_heartbeat(cx);
        let within = cx.config.ping_interval.saturating_add(cx.config.ping_timeout);
        let timer = cx.timers.set(now, within, Alarm::Session(self.id));
        self.heartbeat = Heartbeat::Awaited(timer);
    }

    pub(super) fn schedule_ping(&mut self, cx: &mut Context, now: Instant) {
        let timer = cx.timers.set(now, cx.config.ping_interval, Alarm::Session(self.id));
        self.heartbeat = Heartbeat::Due(timer);
    }

    /// Gives the client all the time for its pong once more.
    pub(super) fn extend(&mut self, cx: &mut Context, now: Instant) {
        if let Heartbeat::Sent { timer, refreshed } = self.heartbeat {
            cx.timers.clear(timer);
            let timer = cx.timers.set(now, cx.config.ping_timeout, Alarm::Session(self.id));
            self.heartbeat = Heartbeat::Sent { timer, refreshed };
        }
    }

    pub(super) fn stop_heartbeat(&mut self, cx: &mut Context) {
        match std::mem::replace(&mut self.heartbeat, Heartbeat::Stopped) {
            Heartbeat::Due(timer)
            | Heartbeat::Sent { timer, .. }
            | Heartbeat::Awaited(timer)
            | Heartbeat::Closing(timer) => cx.timers.clear(timer),
            Heartbeat::Stopped => {}
        }
    }
}
