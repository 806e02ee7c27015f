//! The WebSocket that a session is to be upgraded to, until it is the session's transport.
//!
//! Engine.IO protocol, section "Upgrade": the client sends `2probe` on the new WebSocket, the
//! server answers `3probe`, and the client sends `5` (upgrade). What happens to long-polling
//! meanwhile is up to the session.

use std::time::{Duration, Instant};

use crate::engineio::client::packet::{self, Packet};
use crate::io::{Frame, WsId};

/// A WebSocket that is being tried.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) ws: WsId,
    stage: Stage,
    /// Whether everything that was sent on it is written.
    ready: bool,
    /// When to give up the upgrade.
    pub(super) due: Option<Instant>,
}

/// How far the probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The WebSocket handshake is not answered yet.
    Opening,
    /// `2probe` was sent.
    Sent,
    /// `3probe` arrived.
    Answered,
}

impl Probe {
    /// A WebSocket that is being opened.
    pub(super) fn new(ws: WsId, timeout: Duration, now: Instant) -> Self {
        Self { ws, stage: Stage::Opening, ready: false, due: now.checked_add(timeout) }
    }

    /// The WebSocket is open. Returns whether `2probe` is to be sent, which is not so if the driver
    /// says it twice.
    pub(super) fn on_opened(&mut self) -> bool {
        let is_first = self.stage == Stage::Opening;
        if is_first {
            self.stage = Stage::Sent;
        }
        is_first
    }

    /// Everything that was sent on it is written.
    pub(super) const fn on_written(&mut self) {
        self.ready = true;
    }

    /// A message arrived. Returns whether it is the expected `3probe`; anything else ends the
    /// upgrade.
    pub(super) fn on_frame(&mut self, frame: &Frame) -> bool {
        let packet = match frame {
            Frame::Text(text) => packet::decode(text.clone()),
            Frame::Binary(_) => None,
        };
        // An answer before the question, or a second one, is a fault of the server's.
        let is_answer = self.stage == Stage::Sent && packet == Some(Packet::Pong { probe: true });
        if is_answer {
            self.stage = Stage::Answered;
        }
        is_answer
    }

    /// Whether the server has answered, so that long-polling is to stop.
    pub(super) fn is_answered(&self) -> bool {
        self.stage == Stage::Answered
    }

    /// Whether `5` can be written now.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use super::*;

    fn opened() -> Probe {
        let mut probe = Probe::new(WsId(1), Duration::from_secs(10), Instant::now());
        assert!(probe.on_opened());
        probe
    }

    #[test]
    fn the_probe_packet_is_sent_once() {
        assert!(!opened().on_opened());
    }

    #[test]
    fn only_3probe_answers_the_probe() {
        for other in ["3", "2probe", "3prob", "4hello", ""] {
            assert!(!opened().on_frame(&Frame::from(other)), "{other}");
        }
        assert!(!opened().on_frame(&Frame::from(b"3probe".to_vec())), "as a binary message");
        let mut probe = opened();
        assert!(!probe.is_answered());
        assert!(probe.on_frame(&Frame::from("3probe")) && probe.is_answered());
        assert!(!probe.on_frame(&Frame::from("3probe")), "a second time");
    }

    #[test]
    fn an_answer_before_the_probe_packet_is_not_one() {
        let mut probe = Probe::new(WsId(1), Duration::from_secs(10), Instant::now());
        assert!(!probe.on_frame(&Frame::from("3probe")));
    }
}
