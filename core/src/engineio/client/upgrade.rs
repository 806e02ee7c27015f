//! The upgrade from long-polling to a WebSocket: methods of the [`Session`].
//!
//! Engine.IO protocol, section "Upgrade". Packets go by long-polling until the server has answered
//! the probe with `3probe`. Then nothing more is sent or asked for by long-polling; when the last
//! GET and the last POST are answered, `5` (upgrade) is the first packet on the WebSocket, and the
//! queued ones follow it. So the order of the packets is kept in both directions.
//!
//! ```text
//! client                                      server
//!   GET ----------------------------------------->        pending all the time
//!   WebSocket ---- 2probe ----------------------->
//!             <--- 3probe ------------------------
//!   GET <------------------------- 6 (noop) ------        the server ends the pending GET
//!   WebSocket ---- 5, then queued packets ------->
//! ```

use std::time::Instant;

use bytes::Bytes;

use crate::engineio::client::channel::Channel;
use crate::engineio::client::context::Context;
use crate::engineio::client::event::SessionEvent;
use crate::engineio::client::fault::TransportFault;
use crate::engineio::client::output::Output;
use crate::engineio::client::session::{Phase, Session};
use crate::io::{Frame, Frames};

impl Session {
    /// Whether long-polling is about to end, so that nothing more is sent or asked for by it.
    pub(super) fn is_pausing(&self) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.is_answered())
    }

    /// The WebSocket is open: asks the server whether it can take over.
    pub(super) fn on_probe_opened(&mut self, cx: &mut Context) {
        let Some(probe) = &mut self.probe else { return };
        if probe.on_opened() {
            let mut frames = Frames::new();
            frames.push(Frame::Text(Bytes::from_static(b"2probe")));
            cx.push_output(Output::Send { ws: probe.ws, frames });
        }
    }

    /// `2probe` is written. If `3probe` has overtaken this input, the upgrade can continue.
    pub(super) fn on_probe_drained(&mut self, cx: &mut Context, now: Instant) {
        if let Some(probe) = &mut self.probe {
            probe.on_written();
            self.continue_polling(cx, now);
        }
    }

    /// A message arrived on the WebSocket before it is the transport of the session.
    pub(super) fn on_probe_frame(&mut self, frame: &Frame, cx: &mut Context, now: Instant) {
        if self.probe.as_mut().is_some_and(|probe| probe.on_frame(frame)) {
            return self.continue_polling(cx, now);
        }
        // A server that sends messages here does not keep to the protocol. Long-polling still
        // works.
        self.close_probe(cx);
        let fault = TransportFault::Malformed("not the answer to a probe");
        self.on_upgrade_failed(fault, cx, now);
    }

    /// Makes the probe the transport of the session, if it can be written to. There is no pending
    /// request.
    pub(super) fn switch_to_websocket(&mut self, cx: &mut Context, now: Instant) {
        let Some(probe) = self.probe.take_if(|probe| probe.is_ready()) else { return };
        let mut frames = Frames::new();
        // The server reads nothing else from the WebSocket before it.
        frames.push(Frame::Text(Bytes::from_static(b"5")));
        self.outbox.take_frames(cx.config.force_base64, &mut frames);
        self.note_data_sent();
        self.last_write_turn = cx.turn;
        self.channel = Channel::WebSocket { ws: probe.ws, ready: false };
        cx.push_output(Output::Send { ws: probe.ws, frames });
        cx.push_event(SessionEvent::Upgraded);
        self.flush(cx, now);
    }

    /// The session continues with long-polling, which may have been pausing.
    pub(super) fn on_upgrade_failed(
        &mut self,
        fault: TransportFault,
        cx: &mut Context,
        now: Instant,
    ) {
        // A closing session has closed its probe itself.
        if self.phase == Phase::Open {
            cx.push_event(SessionEvent::UpgradeFailed(fault));
            self.flush(cx, now);
            self.continue_polling(cx, now);
        }
    }

    /// Closes the WebSocket that the session was to be upgraded to, if there is one.
    pub(super) fn close_probe(&mut self, cx: &mut Context) {
        if let Some(probe) = self.probe.take() {
            cx.push_output(Output::Close { ws: probe.ws });
        }
    }
}
