//! The way from long-polling to a WebSocket: `2probe`, `3probe`, `5`.
//!
//! Messages take the old way until the server has answered the probe. Then they wait, until the
//! last GET and the last POST are answered; `5` goes first on the new way, and they follow it.

use std::time::Instant;

use bytes::Bytes;

use super::context::{Context, Report};
use super::session::{Channel, Dialer, Phase};
use crate::engineio::client::packet;
use crate::engineio::client::packet::Packet;
use crate::io::{Frame, Frames, WsId};
use crate::socketio::client::{Attempt, Fault, Output};

/// A WebSocket that is to take over.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) ws: WsId,
    stage: Stage,
    /// Whether everything that was sent on it is written.
    ready: bool,
    pub(super) due: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    /// The server is asked.
    Asked,
    /// The server has agreed; the last requests are still to be answered.
    Pausing,
}

impl Probe {
    pub(super) fn dial(sid: &str, attempt: &Attempt, cx: &mut Context, now: Instant) -> Self {
        let due = now.checked_add(cx.config.upgrade_timeout);
        Self { ws: cx.open_websocket(Some(sid), attempt), stage: Stage::Dialing, ready: false, due }
    }
}

impl Dialer {
    /// Whether nothing more is to be sent or asked for by long-polling.
    pub(super) fn is_pausing(&self) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.stage == Stage::Pausing)
    }

    pub(super) fn on_probe_opened(&mut self, cx: &mut Context) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.stage == Stage::Dialing) {
            probe.stage = Stage::Asked;
            send(probe.ws, b"2probe", cx);
        }
    }

    pub(super) fn on_probe_drained(&mut self, cx: &mut Context, now: Instant) {
        if let Some(probe) = &mut self.probe {
            probe.ready = true;
            self.proceed(cx, now);
        }
    }

    pub(super) fn on_probe_frame(&mut self, frame: &Frame, cx: &mut Context, now: Instant) {
        let packet = match frame {
            Frame::Text(text) => packet::decode(text.clone()),
            Frame::Binary(_) => None,
        };
        match (packet, &mut self.probe) {
            (Some(Packet::Pong { probe: true }), Some(probe)) if probe.stage == Stage::Asked => {
                probe.stage = Stage::Pausing;
                self.proceed(cx, now);
            }
            _ => {
                self.drop_probe(cx);
                let fault = Fault::Malformed("no answer to a probe");
                self.on_probe_lost(fault, cx, now);
            }
        }
    }

    /// Goes over to the WebSocket. Nothing is under way by long-polling.
    pub(super) fn switch(&mut self, cx: &mut Context, now: Instant) {
        let Some(probe) = self.probe.take_if(|probe| probe.ready) else { return };
        let mut frames = Frames::new();
        frames.push(Frame::Text(Bytes::from_static(b"5")));
        self.outbox.take_frames(cx.config.force_base64, &mut frames);
        self.raise_fence();
        self.spent = cx.turn;
        self.channel = Channel::WebSocket { ws: probe.ws, ready: false };
        cx.push(Output::Send { ws: probe.ws, frames });
        cx.report(Report::Upgraded);
        self.flush(cx, now);
    }

    /// The session goes on with long-polling.
    pub(super) fn on_probe_lost(&mut self, fault: Fault, cx: &mut Context, now: Instant) {
        if self.phase == Phase::Open {
            cx.report(Report::NotUpgraded(fault));
            self.flush(cx, now);
            self.proceed(cx, now);
        }
    }

    pub(super) fn drop_probe(&mut self, cx: &mut Context) {
        if let Some(probe) = self.probe.take() {
            cx.push(Output::Close { ws: probe.ws });
        }
    }
}

fn send(ws: WsId, text: &'static [u8], cx: &mut Context) {
    let mut frames = Frames::new();
    frames.push(Frame::Text(Bytes::from_static(text)));
    cx.push(Output::Send { ws, frames });
}
