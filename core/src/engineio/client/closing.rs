//! The end of a session, by a command or by a fault: methods of the [`Session`].
//!
//! Engine.IO protocol, section "Protocol": with long-polling a client closes its session with
//! the packet `1` (close); a WebSocket is closed as such.
//!
//! There are three ways: [`close`](Session::close) delivers what is queued,
//! [`abort`](Session::abort) drops it, and `fail` is the reaction to a fault. Only the last one is
//! reported as an event, because the layer above has called the others.

use std::time::Instant;

use crate::engineio::client::channel::Channel;
use crate::engineio::client::context::Context;
use crate::engineio::client::event::SessionEvent;
use crate::engineio::client::fault::TransportFault;
use crate::engineio::client::output::Output;
use crate::engineio::client::read_confirmation::ReadConfirmation;
use crate::engineio::client::session::{Phase, Session};
use crate::engineio::{CloseReason, Transport};

impl Session {
    /// Closes the session: the queued packets are delivered, within the `close_timeout`; messages
    /// that arrive are dropped, and there are no events.
    pub(crate) fn close(&mut self, cx: &mut Context, now: Instant) {
        match self.phase {
            // Without a session id there is nothing that could be sent.
            Phase::Opening => return self.abort(cx),
            Phase::Open => {}
            Phase::Closing | Phase::Closed => return,
        }
        self.phase = Phase::Closing;
        // A server that is silent now needs no other end than the close timeout.
        self.unread = None;
        self.heartbeat = None;
        self.close_due = now.checked_add(cx.config.close_timeout);
        // Of an upgrade that is in progress the server may know already: it then gets the packets
        // by long-polling, which works until it has read `5`.
        self.close_probe(cx);
        if self.transport() == Transport::Polling {
            self.outbox.push_close();
        }
        self.flush(cx, now);
        self.finish_closing(cx);
    }

    /// Ends a session that is closing, once all packets are delivered.
    pub(super) fn finish_closing(&mut self, cx: &mut Context) {
        if self.phase != Phase::Closing {
            return;
        }
        if self.outbox.is_empty() && !self.channel.is_writing() {
            self.abort(cx);
        }
    }

    /// Ends the session at once, without an event.
    pub(crate) fn abort(&mut self, cx: &mut Context) {
        self.phase = Phase::Closed;
        self.release_transport(cx);
    }

    /// Ends the session because of a packet that can't be understood.
    pub(super) fn fail_to_parse(&mut self, problem: &'static str, cx: &mut Context, now: Instant) {
        self.fail(CloseReason::ParseError, TransportFault::Malformed(problem), cx, now);
    }

    /// Ends the session because of a fault. If it was not open yet, the next transport is tried.
    pub(super) fn fail(
        &mut self,
        reason: CloseReason,
        fault: TransportFault,
        cx: &mut Context,
        now: Instant,
    ) {
        if self.phase != Phase::Opening {
            return self.end(reason, Some(fault), cx);
        }
        // What the failed transport has in flight must not be taken for the next one's.
        self.release_transport(cx);
        if let Some(transport) = self.other_transports.pop_front() {
            return self.open_with(transport, cx, now);
        }
        // Of several transports the fault of the last one is reported: it is the one that would
        // have worked if nothing else did.
        self.phase = Phase::Closed;
        cx.push_event(SessionEvent::OpenFailed(fault));
    }

    /// Ends a session that was open, with an event unless the layer above has closed it before.
    pub(super) fn end(
        &mut self,
        reason: CloseReason,
        fault: Option<TransportFault>,
        cx: &mut Context,
    ) {
        // The layer above knows of an end that it has asked for.
        let was_open = self.phase == Phase::Open;
        self.abort(cx);
        if was_open {
            cx.push_event(SessionEvent::Closed(reason, fault));
        }
    }

    /// Aborts the requests, closes the WebSockets, and drops the queued packets.
    pub(super) fn release_transport(&mut self, cx: &mut Context) {
        self.close_probe(cx);
        // Before the outbox forgets it: the layer above says at the end whether all was delivered.
        cx.lost_data |= self.outbox.holds_data();
        self.outbox.clear();
        self.unread = None;
        self.heartbeat = None;
        self.close_due = None;
        self.read_confirmation = ReadConfirmation::Confirmed;
        match std::mem::replace(&mut self.channel, Channel::IDLE) {
            Channel::Polling { get, post } => {
                // The driver may have answers to them on the way; these are ignored, because no
                // session owns the requests any more.
                for pending in post.into_iter().chain(get) {
                    cx.push_output(Output::Abort { req: pending.req });
                }
            }
            Channel::WebSocket { ws, .. } => cx.push_output(Output::Close { ws }),
        }
    }
}
