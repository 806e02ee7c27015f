//! Keeping clients from sending faster than they are served, and telling when they have caught up.

use std::time::Instant;

use crate::engineio::http::query;
use crate::engineio::server::heartbeat::Heartbeat;
use crate::engineio::server::pace::Pace;
use crate::engineio::server::session::{Alarm, Channel, Context, Session};
use crate::engineio::server::upgrade::Probe;
use crate::io::Output;

/// How many POSTs are read of a client whose messages wait: the one that is under way when it may
/// switch, and one that it sends before it knows. No more until what waits is handled, however
/// often the client is paused meanwhile.
const INDULGENCE: u8 = 2;

impl Session {
    /// Stops or resumes reading what the client sends.
    pub(super) fn pause(&mut self, pause: bool, cx: &mut Context, now: Instant) {
        if self.paused == pause {
            return;
        }
        self.paused = pause;
        if self.inbox.is_none() {
            self.indulged = 0;
        }
        cx.totals.pauses += u64::from(pause);
        if pause {
            return self.adjust_reading(cx);
        }
        self.go_on_reading(cx);
        // What it sent meanwhile is still to be read.
        match self.heartbeat {
            Heartbeat::Sent { .. } => self.extend_after_pause(cx, now),
            Heartbeat::Awaited(_) => self.await_ping(cx, now),
            Heartbeat::Due(_) | Heartbeat::Closing(_) | Heartbeat::Stopped => {}
        }
    }

    /// Whether a POST is read although the client is paused: it finishes its POSTs before it goes
    /// over to a WebSocket, and hears no pings until then.
    pub(super) fn may_read_for_upgrade(&mut self) -> bool {
        let upgrades = self.probe.as_ref().is_some_and(Probe::is_answered);
        let may = upgrades && self.indulged < INDULGENCE;
        self.indulged += u8::from(may);
        may
    }

    /// Answers the POST that had to wait, of which nothing is wanted any more.
    pub(super) fn refuse_deferred(&mut self, cx: &mut Context) {
        if let Channel::Polling { post, .. } = &mut self.channel {
            if std::mem::take(&mut self.deferred) {
                post.take().into_iter().for_each(|req| cx.respond(req, query::taken()));
            }
        }
    }

    /// Reads the POST that had to wait.
    pub(super) fn read_deferred(&mut self, cx: &mut Context) {
        let Channel::Polling { post: Some(req), .. } = self.channel else { return };
        if std::mem::take(&mut self.deferred) {
            cx.push(Output::ReadBody { req, limit: cx.config.max_payload });
        }
    }

    /// Counts the bytes that a message has made; returns whether they complete a share.
    pub(super) const fn count_made(&mut self, made: usize) -> bool {
        self.made = self.made.saturating_add(made);
        self.made >= Pace::SHARE
    }

    /// Lets the session rest after a complete share if its receivers do not keep up.
    pub(super) fn keep_pace(&mut self, cx: &mut Context) {
        let Some(now) = cx.now.filter(|_| self.made >= Pace::SHARE) else { return };
        let made = std::mem::take(&mut self.made);
        self.check_pace(made, cx, now);
    }

    fn check_pace(&mut self, made: usize, cx: &mut Context, now: Instant) {
        let floor = cx.buffered.saturating_sub(made);
        let pace = self.pace.get_or_insert_with(|| Box::new(Pace::new(now, floor)));
        if pace.resting.is_none() && pace.has_to_rest(made, cx.buffered, now) {
            pace.resting = Some(cx.timers.set(now, Pace::REST, Alarm::Rest(self.id)));
            self.adjust_reading(cx);
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        self.pace.as_ref().is_some_and(|pace| pace.resting.is_some())
    }

    /// Looks again whether the receivers have caught up.
    pub(super) fn on_rested(&mut self, cx: &mut Context, now: Instant) {
        if let Some(pace) = &mut self.pace {
            pace.resting = None;
            self.check_pace(0, cx, now);
        }
        if !self.is_resting() {
            self.go_on_reading(cx);
        }
    }

    /// Forgets the pace of a session of which nothing more is handled.
    pub(super) fn stop_pace(&mut self, cx: &mut Context) {
        let timer = self.pace.take().and_then(|pace| pace.resting);
        timer.into_iter().for_each(|timer| cx.timers.clear(timer));
    }
}
