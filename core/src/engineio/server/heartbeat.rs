//! Heartbeats: pings, pongs and their deadlines. See "Heartbeat" in the protocol of Engine.IO.
//!
//! In protocol 4 the server sends `2` every `pingInterval`, and the client answers `3` within
//! `pingTimeout`. In protocol 3 the client pings, and the server waits for the sum of both.

use std::time::{Duration, Instant};

use crate::engineio::CloseReason;
use crate::engineio::server::context::{Alarm, Context};
use crate::id::SessionId;
use crate::timers::TimerId;

/// The one deadline that every session has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heartbeat {
    /// The next ping is sent then.
    PingDue(TimerId),
    /// The pong is expected by then.
    PongDue {
        timer: TimerId,
        /// The deadline was moved once because the client sent something else.
        is_extended: bool,
        /// When the last ping was sent.
        sent: Instant,
    },
    /// The ping of a client of protocol 3 is expected by then.
    ClientPingDue(TimerId),
    /// The session is closing, and ends then at the latest.
    Closing(TimerId),
    /// Before the session is open, and after its end.
    Stopped,
}

/// What a session that has missed a deadline knows of its client.
pub(super) struct Client {
    /// What it sends is not read at the moment, so an answer may wait unread.
    pub(super) is_held_back: bool,
    /// It is not read because the application has paused it.
    pub(super) is_paused: bool,
    /// Its transport has taken the last ping.
    pub(super) has_ping: bool,
}

/// What to do at a deadline.
pub(super) enum Step {
    SendPing,
    /// The deadline was moved.
    Wait,
    End(CloseReason),
}

impl Heartbeat {
    /// Decides what follows from the deadline that has passed.
    pub(super) fn on_alarm(
        &mut self,
        id: SessionId,
        client: &Client,
        cx: &mut Context,
        now: Instant,
    ) -> Step {
        match *self {
            Self::PingDue(_) => {
                let timer = cx.timers.set(now, cx.config.ping_timeout, Alarm::Session(id));
                *self = Self::PongDue { timer, is_extended: false, sent: now };
                Step::SendPing
            }
            // Its answer may be among what is not read; but the client has taken the ping.
            Self::PongDue { .. } if client.is_held_back && client.has_ping => {
                self.extend(id, cx, now);
                self.repeat_ping(now)
            }
            Self::ClientPingDue(_) if client.is_held_back && !client.is_paused => {
                self.expect_client_ping(id, cx, now);
                Step::Wait
            }
            Self::PongDue { .. } | Self::ClientPingDue(_) => Step::End(CloseReason::PingTimeout),
            Self::Closing(_) | Self::Stopped => Step::End(CloseReason::ForcedClose),
        }
    }

    /// Schedules the next ping. Further pongs than the expected one change nothing.
    pub(super) fn on_pong(&mut self, id: SessionId, cx: &mut Context, now: Instant) {
        if let Self::PongDue { timer, sent, .. } = *self {
            cx.timers.clear(timer);
            // After a late pong the next ping comes earlier: the client measures the time between
            // pings.
            let late = now.saturating_duration_since(sent);
            let late = late.saturating_sub(cx.config.ping_timeout / 2);
            self.schedule_ping(id, cx.config.ping_interval.saturating_sub(late), cx, now);
        }
    }

    /// Moves the deadline of the pong, once for each ping: the client is busy sending.
    pub(super) fn on_packet(&mut self, id: SessionId, cx: &mut Context, now: Instant) {
        if let Self::PongDue { is_extended: false, .. } = self {
            self.extend(id, cx, now);
            if let Self::PongDue { is_extended, .. } = self {
                *is_extended = true;
            }
        }
    }

    /// Expects a ping of a client of protocol 3.
    pub(super) fn expect_client_ping(&mut self, id: SessionId, cx: &mut Context, now: Instant) {
        self.stop(cx);
        let within = cx.config.ping_interval.saturating_add(cx.config.ping_timeout);
        *self = Self::ClientPingDue(cx.timers.set(now, within, Alarm::Session(id)));
    }

    /// Schedules the first or next ping.
    pub(super) fn schedule_ping(
        &mut self,
        id: SessionId,
        delay: Duration,
        cx: &mut Context,
        now: Instant,
    ) {
        *self = Self::PingDue(cx.timers.set(now, delay, Alarm::Session(id)));
    }

    /// Moves the deadline of the pong after a pause in which the client was not read. The client
    /// expects pings meanwhile, so another one follows if the last one is long ago.
    pub(super) fn on_resumed(&mut self, id: SessionId, cx: &mut Context, now: Instant) -> Step {
        self.extend(id, cx, now);
        match *self {
            Self::PongDue { sent, .. }
                if now.saturating_duration_since(sent) >= cx.config.ping_interval / 2 =>
            {
                self.repeat_ping(now)
            }
            Self::PongDue { .. }
            | Self::PingDue(_)
            | Self::ClientPingDue(_)
            | Self::Closing(_)
            | Self::Stopped => Step::Wait,
        }
    }

    fn extend(&mut self, id: SessionId, cx: &mut Context, now: Instant) {
        if let Self::PongDue { timer, .. } = self {
            cx.timers.clear(*timer);
            *timer = cx.timers.set(now, cx.config.ping_timeout, Alarm::Session(id));
        }
    }

    const fn repeat_ping(&mut self, now: Instant) -> Step {
        match self {
            Self::PongDue { sent, .. } => {
                *sent = now;
                Step::SendPing
            }
            Self::PingDue(_) | Self::ClientPingDue(_) | Self::Closing(_) | Self::Stopped => {
                Step::Wait
            }
        }
    }

    /// Sets the deadline of a session that is closing.
    pub(super) fn close(&mut self, id: SessionId, cx: &mut Context, now: Instant) {
        self.stop(cx);
        let timer = cx.timers.set(now, cx.config.close_timeout, Alarm::Session(id));
        *self = Self::Closing(timer);
    }

    pub(super) fn stop(&mut self, cx: &mut Context) {
        match std::mem::replace(self, Self::Stopped) {
            Self::PingDue(timer)
            | Self::PongDue { timer, .. }
            | Self::ClientPingDue(timer)
            | Self::Closing(timer) => cx.timers.clear(timer),
            Self::Stopped => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use super::*;
    use crate::engineio::EngineConfig;

    const ID: SessionId = SessionId { serial: 1, index: 0 };
    const READS: Client = Client { is_held_back: false, is_paused: false, has_ping: true };
    const HELD_BACK: Client = Client { is_held_back: true, is_paused: false, has_ping: true };

    struct Harness {
        heartbeat: Heartbeat,
        cx: Context,
        start: Instant,
    }

    impl Harness {
        fn new() -> Self {
            let mut cx = Context::new(EngineConfig::default());
            let (mut heartbeat, start) = (Heartbeat::Stopped, Instant::now());
            heartbeat.schedule_ping(ID, cx.config.ping_interval, &mut cx, start);
            Self { heartbeat, cx, start }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        /// When the deadline is, in seconds.
        fn due(&self) -> Option<u64> {
            self.cx.timers.next().map(|at| at.duration_since(self.start).as_secs())
        }

        fn expire(&mut self, client: &Client) -> Step {
            let now = self.cx.timers.next().expect("a deadline");
            assert!(self.cx.timers.pop_expired(now).is_some());
            self.heartbeat.on_alarm(ID, client, &mut self.cx, now)
        }
    }

    #[test]
    fn a_ping_is_due_after_the_interval_and_its_pong_after_the_timeout() {
        let mut h = Harness::new();
        assert_eq!(h.due(), Some(25));
        assert!(matches!(h.expire(&READS), Step::SendPing));
        assert_eq!(h.due(), Some(45));
        assert!(matches!(h.expire(&READS), Step::End(CloseReason::PingTimeout)));
    }

    #[test]
    fn a_pong_schedules_the_next_ping_and_further_ones_change_nothing() {
        let mut h = Harness::new();
        h.expire(&READS);
        h.heartbeat.on_pong(ID, &mut h.cx, h.start + Duration::from_secs(26));
        assert_eq!(h.due(), Some(51));
        h.heartbeat.on_pong(ID, &mut h.cx, h.start + Duration::from_secs(30));
        assert_eq!(h.due(), Some(51));
        assert_eq!(h.cx.timers.len(), 1);
    }

    #[test]
    fn the_ping_after_a_late_pong_comes_earlier() {
        let mut h = Harness::new();
        h.expire(&READS);
        h.heartbeat.on_pong(ID, &mut h.cx, h.start + Duration::from_secs(43));
        // 18 s late, of which 10 s are allowed.
        assert_eq!(h.due(), Some(43 + 25 - 8));
    }

    #[test]
    fn another_packet_moves_the_deadline_of_a_pong_once() {
        let mut h = Harness::new();
        h.expire(&READS);
        let (first, second) = (h.at(30), h.at(40));
        h.heartbeat.on_packet(ID, &mut h.cx, first);
        h.heartbeat.on_packet(ID, &mut h.cx, second);
        assert_eq!(h.due(), Some(50));
    }

    #[test]
    fn a_client_that_is_not_read_is_pinged_again_instead_of_timing_out() {
        let mut h = Harness::new();
        h.expire(&HELD_BACK);
        assert!(matches!(h.expire(&HELD_BACK), Step::SendPing));
        assert_eq!(h.due(), Some(65));
        let deaf = Client { has_ping: false, ..HELD_BACK };
        assert!(matches!(h.expire(&deaf), Step::End(CloseReason::PingTimeout)));
    }

    #[test]
    fn closing_replaces_every_other_deadline() {
        let mut h = Harness::new();
        h.heartbeat.close(ID, &mut h.cx, h.start);
        assert_eq!((h.due(), h.cx.timers.len()), (Some(30), 1));
        assert!(matches!(h.expire(&READS), Step::End(CloseReason::ForcedClose)));
        h.heartbeat.stop(&mut h.cx);
        assert_eq!(h.due(), None);
    }
}
