//! Flow control: reading of a client stops while the application has paused it, while earlier
//! messages wait, and while the receivers of its messages do not keep up.

use std::time::Instant;

use crate::engineio::http::query;
use crate::engineio::server::context::{Alarm, Context};
use crate::engineio::server::heartbeat::{self, Heartbeat};
use crate::engineio::server::outbox::Item;
use crate::engineio::server::pace::Pace;
use crate::engineio::server::probe::Probe;
use crate::engineio::server::session::{Channel, Session};
use crate::io::Output;

/// The number of POSTs that are read while messages of the client wait: the one that is under way
/// when the client may switch to a WebSocket, and one that it sends before it knows. No others
/// until all messages are handled, however often the client is paused and resumed meanwhile.
const MAX_POSTS_READ_WHILE_HELD: u8 = 2;

impl Session {
    /// Pauses or resumes the session.
    pub(super) fn pause(&mut self, pause: bool, cx: &mut Context, now: Instant) {
        if self.paused == pause {
            return;
        }
        self.paused = pause;
        if self.inbox.is_none() {
            self.posts_read_while_held = 0;
        }
        cx.totals.pauses += u64::from(pause);
        if pause {
            return self.adjust_reading(cx);
        }
        self.go_on_reading(cx);
        // The client may have sent its pong, or its ping, while it was not read.
        if let Heartbeat::ClientPingDue(_) = self.heartbeat {
            return self.heartbeat.expect_client_ping(self.id, cx, now);
        }
        let step = self.heartbeat.on_resumed(self.id, cx, now);
        self.follow_heartbeat(step, cx);
    }

    /// Handles the deadline of the heartbeat, or of a session that is closing.
    pub(super) fn on_alarm(&mut self, cx: &mut Context, now: Instant) {
        let client = heartbeat::Client {
            is_held_back: self.is_held_back(),
            is_paused: self.paused,
            has_ping: self.outbox.is_ping_written(),
        };
        let step = self.heartbeat.on_alarm(self.id, &client, cx, now);
        self.follow_heartbeat(step, cx);
    }

    fn follow_heartbeat(&mut self, step: heartbeat::Step, cx: &mut Context) {
        match step {
            heartbeat::Step::Wait => {}
            heartbeat::Step::End(reason) => self.end(reason, cx),
            heartbeat::Step::SendPing => {
                self.outbox.begin_ping();
                self.push(Item::PING, cx);
            }
        }
    }

    /// Whether to read a POST of a client that is held back, for the sake of an upgrade: the client
    /// finishes its POSTs before it switches, and answers no pings until then.
    pub(super) fn may_read_for_upgrade(&mut self) -> bool {
        let upgrades = self.probe.as_ref().is_some_and(Probe::is_answered);
        let may = upgrades && self.posts_read_while_held < MAX_POSTS_READ_WHILE_HELD;
        self.posts_read_while_held += u8::from(may);
        may
    }

    /// Answers a POST whose body was not read and is not needed any more.
    pub(super) fn answer_unread_post(&mut self, cx: &mut Context) {
        if let Channel::Polling { post, .. } = &mut self.channel {
            if std::mem::take(&mut self.has_unread_post) {
                post.take().into_iter().for_each(|req| cx.respond(req, query::post_ok()));
            }
        }
    }

    /// Asks for the body of a POST that was held back.
    pub(super) fn read_post(&mut self, cx: &mut Context) {
        let Channel::Polling { post: Some(req), .. } = self.channel else { return };
        if std::mem::take(&mut self.has_unread_post) {
            cx.push(Output::ReadBody { req, limit: cx.config.max_payload });
        }
    }

    /// Counts the bytes that a message has produced for clients; returns whether the pace is to be
    /// checked.
    pub(super) const fn count_made(&mut self, made: usize) -> bool {
        self.made = self.made.saturating_add(made);
        self.made >= Pace::SHARE
    }

    /// Checks the pace after each share of produced bytes.
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

    /// Checks again whether the receivers keep up.
    pub(super) fn on_rested(&mut self, cx: &mut Context, now: Instant) {
        if let Some(pace) = &mut self.pace {
            pace.resting = None;
            self.check_pace(0, cx, now);
        }
        if !self.is_resting() {
            self.go_on_reading(cx);
        }
    }

    /// Stops checking the pace of a session whose messages are not handled any more.
    pub(super) fn stop_pace(&mut self, cx: &mut Context) {
        let timer = self.pace.take().and_then(|pace| pace.resting);
        timer.into_iter().for_each(|timer| cx.timers.clear(timer));
    }
}
