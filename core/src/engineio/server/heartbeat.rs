//! Whether the client is still there: pings and pongs, and the time in which they must come.

use std::time::{Duration, Instant};

use crate::engineio::CloseReason;
use crate::engineio::server::outbox::Item;
use crate::engineio::server::session::{Alarm, Context, Session};
use crate::timers::TimerId;

#[derive(Clone, Copy, Debug)]
pub(super) enum Heartbeat {
    /// A ping is due then.
    Due(TimerId),
    /// A pong is due then.
    Sent {
        timer: TimerId,
        refreshed: bool,
        /// When the last ping was sent.
        at: Instant,
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
                self.heartbeat = Heartbeat::Sent { timer, refreshed: false, at: now };
                self.push_ping(cx);
            }
            // Its answer may be among what is not handled; but the client has taken the ping.
            Heartbeat::Sent { .. } if self.is_held_back() && self.outbox.is_ping_written() => {
                self.extend(cx, now);
                self.ping_again(cx, now);
            }
            Heartbeat::Awaited(_) if self.is_held_back() && !self.paused => {
                self.await_ping(cx, now);
            }
            Heartbeat::Sent { .. } | Heartbeat::Awaited(_) => {
                self.end(CloseReason::PingTimeout, cx);
            }
            Heartbeat::Closing(_) | Heartbeat::Stopped => self.end(CloseReason::ForcedClose, cx),
        }
    }

    /// Only the pong that is waited for counts; further ones cause no work.
    pub(super) fn on_pong(&mut self, cx: &mut Context, now: Instant) {
        if let Heartbeat::Sent { timer, at, .. } = self.heartbeat {
            cx.timers.clear(timer);
            // After a late pong the next ping comes earlier: for the client, the time in which it
            // must come began with the last one.
            let late = now.saturating_duration_since(at).saturating_sub(cx.config.ping_timeout / 2);
            self.schedule_ping_in(cx.config.ping_interval.saturating_sub(late), cx, now);
        }
    }

    /// Gives a client that is busy sending once more time for its pong.
    pub(super) fn refresh(&mut self, cx: &mut Context, now: Instant) {
        if let Heartbeat::Sent { timer, refreshed: false, at } = self.heartbeat {
            cx.timers.clear(timer);
            let timer = cx.timers.set(now, cx.config.ping_timeout, Alarm::Session(self.id));
            self.heartbeat = Heartbeat::Sent { timer, refreshed: true, at };
        }
    }

    pub(super) fn await_ping(&mut self, cx: &mut Context, now: Instant) {
        self.stop_heartbeat(cx);
        let within = cx.config.ping_interval.saturating_add(cx.config.ping_timeout);
        let timer = cx.timers.set(now, within, Alarm::Session(self.id));
        self.heartbeat = Heartbeat::Awaited(timer);
    }

    pub(super) fn schedule_ping(&mut self, cx: &mut Context, now: Instant) {
        self.schedule_ping_in(cx.config.ping_interval, cx, now);
    }

    fn schedule_ping_in(&mut self, delay: Duration, cx: &mut Context, now: Instant) {
        self.heartbeat = Heartbeat::Due(cx.timers.set(now, delay, Alarm::Session(self.id)));
    }

    /// Gives a client that was not read all the time for its pong once more. Meanwhile it waits
    /// for pings, so it gets another one if the last one is long ago.
    pub(super) fn extend_after_pause(&mut self, cx: &mut Context, now: Instant) {
        self.extend(cx, now);
        if let Heartbeat::Sent { at, .. } = self.heartbeat {
            if now.saturating_duration_since(at) >= cx.config.ping_interval / 2 {
                self.ping_again(cx, now);
            }
        }
    }

    fn extend(&mut self, cx: &mut Context, now: Instant) {
        if let Heartbeat::Sent { timer, .. } = &mut self.heartbeat {
            cx.timers.clear(*timer);
            *timer = cx.timers.set(now, cx.config.ping_timeout, Alarm::Session(self.id));
        }
    }

    fn ping_again(&mut self, cx: &mut Context, now: Instant) {
        if let Heartbeat::Sent { at, .. } = &mut self.heartbeat {
            *at = now;
            self.push_ping(cx);
        }
    }

    fn push_ping(&mut self, cx: &mut Context) {
        self.outbox.begin_ping();
        self.push(Item::PING, cx);
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
