//! A WebSocket that is to take over a session from long-polling. See "Upgrade" in the protocol of
//! Engine.IO: `2probe` from the client, `3probe` from the server, `5` from the client.

use std::time::{Duration, Instant};

use crate::engineio::packet::{self, Packet};
use crate::engineio::server::context::{Alarm, Context};
use crate::id::SessionId;
use crate::io::{Frame, RequestId, WsId};
use crate::timers::TimerId;

/// A WebSocket that is to take over.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) ws: WsId,
    /// `3probe` was sent.
    is_answered: bool,
    /// The WebSocket is ready to write.
    pub(super) ready: bool,
    timer: TimerId,
    /// When the GET that waits is answered, if not at once.
    noop_timer: Option<TimerId>,
    /// The number of GETs that were answered with NOOP.
    noops: u8,
}

/// What a packet on the WebSocket leads to.
pub(super) enum Step {
    /// `2probe`: send `3probe`.
    Answer,
    /// `5`: the WebSocket takes over.
    Switch,
    /// Anything else: close the WebSocket, and go on polling.
    Abandon,
}

impl Probe {
    /// The number of GETs that are answered at once during an upgrade.
    const IMMEDIATE_NOOPS: u8 = 8;
    /// How long each further GET waits for its NOOP: while an upgrade hangs, the client must not
    /// poll as fast as the network allows.
    const NOOP_INTERVAL: Duration = Duration::from_millis(100);

    pub(super) fn new(ws: WsId, id: SessionId, cx: &mut Context, now: Instant) -> Self {
        let timer = cx.timers.set(now, cx.config.upgrade_timeout, Alarm::Upgrade(id));
        Self { ws, is_answered: false, ready: true, timer, noop_timer: None, noops: 0 }
    }

    /// Whether the client was told that it may switch.
    pub(super) const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Decides what follows from a message on the WebSocket.
    pub(super) fn on_frame(&mut self, frame: Frame) -> Step {
        let packet = match frame {
            Frame::Text(text) => packet::decode(text),
            Frame::Binary(_) => None,
        };
        match packet {
            Some(Packet::Ping { probe: true }) if !self.is_answered && self.ready => {
                self.is_answered = true;
                self.ready = false;
                Step::Answer
            }
            Some(Packet::Upgrade) if self.is_answered => Step::Switch,
            Some(_) | None => Step::Abandon,
        }
    }

    /// Has the GET that waits answered after a while; returns true if it is to be answered at
    /// once. The client finishes its polling before it sends `5`.
    pub(super) fn has_to_answer_now(
        &mut self,
        id: SessionId,
        cx: &mut Context,
        now: Instant,
    ) -> bool {
        self.noops = self.noops.saturating_add(1);
        let is_slowed = self.noops > Self::IMMEDIATE_NOOPS;
        let interval = if is_slowed { Self::NOOP_INTERVAL } else { Duration::ZERO };
        let hold = cx.config.upgrade_poll_hold.max(interval);
        if hold.is_zero() {
            return true;
        }
        self.noop_timer.into_iter().for_each(|timer| cx.timers.clear(timer));
        self.noop_timer = Some(cx.timers.set(now, hold, Alarm::Noop(id)));
        false
    }

    pub(super) fn clear_timers(&self, cx: &mut Context) {
        cx.timers.clear(self.timer);
        self.noop_timer.into_iter().for_each(|timer| cx.timers.clear(timer));
    }
}

/// A POST that was under way when `5` arrived, and the messages of the WebSocket that wait until
/// its body is handled.
#[derive(Debug)]
pub(super) struct OvertakenPost {
    pub(super) req: RequestId,
    pub(super) held_frames: Vec<Frame>,
    bytes: usize,
}

impl OvertakenPost {
    pub(super) const fn new(req: RequestId) -> Self {
        Self { req, held_frames: Vec::new(), bytes: 0 }
    }

    /// Keeps a message; returns false if the messages have more than `limit` bytes.
    pub(super) fn hold(&mut self, frame: Frame, limit: usize) -> bool {
        self.bytes += frame.len() + size_of::<Frame>();
        self.held_frames.push(frame);
        self.bytes <= limit
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use super::*;
    use crate::engineio::EngineConfig;

    const ID: SessionId = SessionId { serial: 1, index: 0 };

    fn probe(cx: &mut Context, now: Instant) -> Probe {
        Probe::new(WsId(1), ID, cx, now)
    }

    #[test]
    fn a_probe_is_answered_once_and_then_switches() {
        let mut cx = Context::new(EngineConfig::default());
        let mut probe = probe(&mut cx, Instant::now());
        assert!(matches!(probe.on_frame(Frame::from("2probe")), Step::Answer));
        assert!(probe.is_answered());
        assert!(matches!(probe.on_frame(Frame::from("2probe")), Step::Abandon));
        assert!(matches!(probe.on_frame(Frame::from("5")), Step::Switch));
        probe.clear_timers(&mut cx);
        assert_eq!(cx.timers.len(), 0);
    }

    #[test]
    fn anything_before_a_probe_abandons_the_upgrade() {
        let mut cx = Context::new(EngineConfig::default());
        for frame in ["5", "2", "3probe", "4hello", "6", "x", ""] {
            let mut probe = probe(&mut cx, Instant::now());
            assert!(matches!(probe.on_frame(Frame::from(frame)), Step::Abandon), "{frame:?}");
        }
        let mut probe = probe(&mut cx, Instant::now());
        assert!(matches!(probe.on_frame(Frame::from(b"2probe".to_vec())), Step::Abandon));
    }

    #[test]
    fn the_first_polls_are_answered_at_once_and_further_ones_after_an_interval() {
        let mut cx = Context::new(EngineConfig::default());
        let now = Instant::now();
        let mut probe = probe(&mut cx, now);
        for _ in 0..Probe::IMMEDIATE_NOOPS {
            assert!(probe.has_to_answer_now(ID, &mut cx, now));
        }
        for _ in 0..1000 {
            assert!(!probe.has_to_answer_now(ID, &mut cx, now));
        }
        assert_eq!(cx.timers.next(), Some(now + Probe::NOOP_INTERVAL));
        assert_eq!(cx.timers.len(), 2);
    }

    #[test]
    fn an_overtaken_post_holds_frames_up_to_a_limit() {
        let mut post = OvertakenPost::new(RequestId(1));
        let each = 100 + size_of::<Frame>();
        for count in 1..=3 {
            assert_eq!(post.hold(Frame::from(vec![0; 100]), 2 * each), count < 3);
        }
        assert_eq!(post.held_frames.len(), 3);
    }
}
