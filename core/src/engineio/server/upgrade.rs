//! The way from long-polling to a WebSocket: `2probe`, `3probe`, `5`.
//!
//! Until `5` arrives, messages take the old way; every GET is then answered at once, so that the
//! client can finish its polling. After it, they take the new one. A POST that is still under way
//! when `5` overtakes it comes first all the same: what arrives on the WebSocket is held back.

use std::time::{Duration, Instant};

use crate::engineio::packet;
use crate::engineio::packet::Packet;
use crate::engineio::server::outbox::Item;
use crate::engineio::server::session::{Alarm, Channel, Context, Phase, Session};
use crate::engineio::{CloseReason, Event};
use crate::io::{Frame, Output, RequestId, WsId};
use crate::timers::TimerId;

/// A WebSocket that is to take over.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) ws: WsId,
    probed: bool,
    ready: bool,
    timer: TimerId,
    /// When the GET that waits is answered, if not at once.
    release: Option<TimerId>,
    /// How many GETs were answered so that the client can go on.
    released: u8,
}

/// How many GETs are answered at once during an upgrade, and how long each further one waits: an
/// upgrade that hangs must not have its client poll as fast as the network allows.
const AT_ONCE: u8 = 8;
const PACE: Duration = Duration::from_millis(100);

impl Probe {
    /// Whether the client was told that it may switch.
    pub(super) const fn is_answered(&self) -> bool {
        self.probed
    }

    fn clear_timers(&self, cx: &mut Context) {
        cx.timers.clear(self.timer);
        self.release.into_iter().for_each(|timer| cx.timers.clear(timer));
    }
}

/// A POST that the upgrade has overtaken, with what must wait for it.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) post: RequestId,
    pub(super) held: Vec<Frame>,
    bytes: usize,
}

impl Session {
    /// Whether a WebSocket may try to take over.
    pub(super) const fn can_upgrade(&self) -> bool {
        matches!((self.phase, &self.channel), (Phase::Open, Channel::Polling { .. }))
            && self.probe.is_none()
    }

    pub(super) fn begin_upgrade(&mut self, ws: WsId, cx: &mut Context, now: Instant) {
        let timer = cx.timers.set(now, cx.config.upgrade_timeout, Alarm::Upgrade(self.id));
        self.probe =
            Some(Probe { ws, probed: false, ready: true, timer, release: None, released: 0 });
    }

    /// Gives the upgrade up; the session goes on as it was.
    pub(super) fn abandon_upgrade(&mut self, cx: &mut Context) {
        if let Some(probe) = self.probe.take() {
            probe.clear_timers(cx);
            cx.close(probe.ws);
        }
    }

    pub(super) fn on_probe_frame(&mut self, frame: Frame, cx: &mut Context, now: Instant) {
        let Some(probe) = &mut self.probe else { return };
        let packet = match frame {
            Frame::Text(text) => packet::decode(text),
            Frame::Binary(_) => None,
        };
        match packet {
            Some(Packet::Ping { probe: true }) if !probe.probed && probe.ready => {
                probe.probed = true;
                probe.ready = false;
                cx.push(Output::Send { ws: probe.ws, frames: self.codec.frames(&Item::PROBED) });
                if self.deferred && self.may_read_for_upgrade() {
                    self.read_deferred(cx);
                }
                self.release_poll(cx, now);
            }
            Some(Packet::Upgrade) if probe.probed => self.switch(cx),
            Some(_) | None => self.abandon_upgrade(cx),
        }
    }

    pub(super) fn on_probe_drained(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.ready = true;
        }
    }

    /// Answers a waiting GET with nothing while the client wants to finish its polling.
    pub(super) fn release_poll(&mut self, cx: &mut Context, now: Instant) {
        let Channel::Polling { get: Some(_), .. } = self.channel else { return };
        let Some(probe) = self.probe.as_mut().filter(|probe| probe.probed) else { return };
        probe.released = probe.released.saturating_add(1);
        let pace = if probe.released > AT_ONCE { PACE } else { Duration::ZERO };
        let hold = cx.config.upgrade_poll_hold.max(pace);
        if hold.is_zero() {
            return self.release_now(cx);
        }
        probe.release.into_iter().for_each(|timer| cx.timers.clear(timer));
        probe.release = Some(cx.timers.set(now, hold, Alarm::Release(self.id)));
    }

    pub(super) fn release_now(&mut self, cx: &mut Context) {
        if let Channel::Polling { get, .. } = &mut self.channel {
            if let Some(req) = get.take() {
                cx.deliver(req, self.codec.lone_body(&Item::NOOP));
            }
        }
    }

    fn switch(&mut self, cx: &mut Context) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        probe.clear_timers(cx);
        // Nothing overtakes a POST, so the one that waits is read now.
        self.read_deferred(cx);
        let channel = Channel::WebSocket { ws: probe.ws, ready: probe.ready };
        if let Channel::Polling { get, post } = std::mem::replace(&mut self.channel, channel) {
            if let Some(req) = get {
                cx.deliver(req, self.codec.lone_body(&Item::NOOP));
            }
            self.late = post.map(|post| Box::new(Late { post, held: Vec::new(), bytes: 0 }));
        }
        if self.phase == Phase::Closing {
            return self.finish_closing(cx);
        }
        self.adjust_reading(cx);
        cx.push(Output::Event(Event::Upgraded { session: self.id }));
        self.flush(cx);
    }

    /// Takes a message from the WebSocket of the session, unless it has to wait for a late POST.
    pub(super) fn on_main_frame(&mut self, frame: Frame, cx: &mut Context, now: Instant) {
        let Some(late) = &mut self.late else {
            return self.on_frame(frame, cx, now);
        };
        late.bytes += frame.len() + size_of::<Frame>();
        late.held.push(frame);
        if late.bytes > cx.config.max_payload {
            self.end(CloseReason::TransportError, cx);
        }
    }
}
