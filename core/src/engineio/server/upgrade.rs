//! Upgrading a session from long-polling to a WebSocket.
//!
//! Until `5` arrives, messages are sent in answers to GETs; every GET is then answered at once, so
//! that the client can finish its polling. After it, they are sent on the WebSocket. A POST that is
//! still under way when `5` arrives is handled before what arrives on the WebSocket.

use std::time::Instant;

use crate::engineio::server::context::Context;
use crate::engineio::server::outbox::Item;
use crate::engineio::server::probe::{OvertakenPost, Probe, Step};
use crate::engineio::server::session::{Channel, Phase, Session};
use crate::engineio::{CloseReason, Event};
use crate::io::{Frame, Output, WsId};

impl Session {
    /// Whether a WebSocket may try to take over.
    pub(super) const fn can_upgrade(&self) -> bool {
        matches!((self.phase, &self.channel), (Phase::Open, Channel::Polling { .. }))
            && self.probe.is_none()
    }

    pub(super) fn begin_upgrade(&mut self, ws: WsId, cx: &mut Context, now: Instant) {
        self.probe = Some(Probe::new(ws, self.id, cx, now));
    }

    /// Closes the WebSocket that was to take over; the session goes on as it was.
    pub(super) fn abandon_upgrade(&mut self, cx: &mut Context) {
        if let Some(probe) = self.probe.take() {
            probe.clear_timers(cx);
            cx.close(probe.ws);
        }
    }

    pub(super) fn on_probe_frame(&mut self, frame: Frame, cx: &mut Context, now: Instant) {
        let Some(probe) = &mut self.probe else { return };
        let ws = probe.ws;
        match probe.on_frame(frame) {
            Step::Answer => {
                cx.push(Output::Send { ws, frames: self.codec.frames(&Item::PROBED) });
                if self.has_unread_post && self.may_read_for_upgrade() {
                    self.read_post(cx);
                }
                self.answer_poll(cx, now);
            }
            Step::Switch => self.switch(cx),
            Step::Abandon => self.abandon_upgrade(cx),
        }
    }

    pub(super) fn on_probe_drained(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.ready = true;
        }
    }

    /// Answers a waiting GET with NOOP, at once or soon, while the client wants to switch.
    pub(super) fn answer_poll(&mut self, cx: &mut Context, now: Instant) {
        let Channel::Polling { get: Some(_), .. } = self.channel else { return };
        let Some(probe) = self.probe.as_mut().filter(|probe| probe.is_answered()) else { return };
        if probe.has_to_answer_now(self.id, cx, now) {
            self.send_noop(cx);
        }
    }

    pub(super) fn send_noop(&mut self, cx: &mut Context) {
        if let Channel::Polling { get, .. } = &mut self.channel {
            if let Some(req) = get.take() {
                cx.deliver(req, self.codec.single_item_body(&Item::NOOP));
            }
        }
    }

    fn switch(&mut self, cx: &mut Context) {
        let Some(probe) = self.probe.take() else { return };
        probe.clear_timers(cx);
        // Nothing overtakes a POST, so one that waits to be read is read now.
        self.read_post(cx);
        let channel = Channel::WebSocket { ws: probe.ws, ready: probe.ready };
        if let Channel::Polling { get, post } = std::mem::replace(&mut self.channel, channel) {
            if let Some(req) = get {
                cx.deliver(req, self.codec.single_item_body(&Item::NOOP));
            }
            self.overtaken_post = post.map(|post| Box::new(OvertakenPost::new(post)));
        }
        if self.phase == Phase::Closing {
            return self.finish_closing(cx);
        }
        self.adjust_reading(cx);
        cx.push(Output::Event(Event::Upgraded { session: self.id }));
        self.flush(cx);
    }

    /// Handles a message on the WebSocket of the session, or keeps it until an overtaken POST is
    /// handled.
    pub(super) fn on_session_frame(&mut self, frame: Frame, cx: &mut Context, now: Instant) {
        let Some(post) = &mut self.overtaken_post else {
            return self.on_frame(frame, cx, now);
        };
        if !post.hold(frame, cx.config.max_payload) {
            self.end(CloseReason::TransportError, cx);
        }
    }
}
