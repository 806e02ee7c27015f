//! How a session ends: by a command, or against the will of this side.

use std::time::Instant;

use super::context::{Context, Ending, Report};
use super::session::{Channel, Dialer, Phase};
use crate::engineio::Transport;
use crate::engineio::client::fence::Fence;
use crate::socketio::client::{Fault, Output};

impl Dialer {
    /// Ends the session without a fault: what was sent is delivered, nothing is received any
    /// more, nothing is reported.
    pub(crate) fn close(&mut self, cx: &mut Context, now: Instant) {
        match self.phase {
            Phase::Opening => {
                self.phase = Phase::Gone;
                return self.release(cx);
            }
            Phase::Open => {}
            Phase::Closing | Phase::Gone => return,
        }
        self.phase = Phase::Closing;
        self.backlog = None;
        self.heartbeat = None;
        self.farewell_due = now.checked_add(cx.config.close_timeout);
        self.drop_probe(cx);
        if self.transport() == Transport::Polling {
            self.outbox.push_close();
        }
        self.flush(cx, now);
        self.finish_closing(cx);
    }

    /// Goes when everything is delivered.
    pub(super) fn finish_closing(&mut self, cx: &mut Context) {
        let is_sending = match self.channel {
            Channel::Polling { ref post, .. } => post.is_some(),
            Channel::WebSocket { ready, .. } => !ready,
        };
        if self.phase == Phase::Closing && self.outbox.is_empty() && !is_sending {
            self.phase = Phase::Gone;
            self.release(cx);
        }
    }

    /// Ends the session at once, without a report.
    pub(crate) fn abort(&mut self, cx: &mut Context) {
        self.phase = Phase::Gone;
        self.release(cx);
    }

    pub(super) fn fail_to_parse(&mut self, problem: &'static str, cx: &mut Context, now: Instant) {
        self.fail(Ending::ParseError, Fault::Malformed(problem), cx, now);
    }

    /// The transport does not work (any more).
    pub(super) fn fail(&mut self, ending: Ending, fault: Fault, cx: &mut Context, now: Instant) {
        if self.phase != Phase::Opening {
            return self.end(ending, Some(fault), cx);
        }
        self.release(cx);
        if let Some(transport) = self.others.pop_front() {
            return self.begin(transport, cx, now);
        }
        self.phase = Phase::Gone;
        cx.report(Report::Failed(fault));
    }

    pub(super) fn end(&mut self, ending: Ending, fault: Option<Fault>, cx: &mut Context) {
        let was_open = self.phase == Phase::Open;
        self.phase = Phase::Gone;
        self.release(cx);
        if was_open {
            cx.report(Report::Closed(ending, fault));
        }
    }

    /// Lets go of requests and WebSockets, and forgets what was not sent.
    pub(super) fn release(&mut self, cx: &mut Context) {
        self.drop_probe(cx);
        cx.lost_data |= self.outbox.holds_data();
        self.outbox.clear();
        self.backlog = None;
        self.heartbeat = None;
        self.farewell_due = None;
        self.fence = Fence::Passed;
        match std::mem::replace(&mut self.channel, Channel::NONE) {
            Channel::Polling { get, post } => {
                for exchange in post.into_iter().chain(get) {
                    cx.push(Output::Abort { req: exchange.req });
                }
            }
            Channel::WebSocket { ws, .. } => cx.push(Output::Close { ws }),
        }
    }
}
