//! Engine.IO, protocol 4, from the client's side: one session, from its dialing to its end.
//!
//! The dialer decides which requests are made and which WebSockets are opened, and what is
//! written to them; it reports messages and the turns of the session's life to the [`Context`],
//! where the layer above takes them from. A request that fails ends the session: whether the
//! server has acted on it can't be known, so it is never made again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::context::{Context, Ending, Report};
use super::fence::Fence;
use super::open::Open;
use super::outbox::{self, Outbox, PacketKind};
use super::packet::{self, Packet};
use super::polling::Exchange;
use super::probe::Probe;
use bytes::Bytes;

use crate::engineio::{Encoded, Transport};
use crate::io::{Frame, Frames, WsId};
use crate::socketio::client::{Attempt, Fault, Output};

/// One session, or the attempt at one.
pub(crate) struct Dialer {
    pub(super) phase: Phase,
    pub(super) channel: Channel,
    /// The transports to try if this one does not work.
    pub(super) others: VecDeque<Transport>,
    pub(super) probe: Option<Probe>,
    /// WebSockets do not work: there is no need to try to go over to one.
    pub(super) tried_websocket: bool,
    /// What came with the last answer to a GET and was not looked at yet.
    pub(super) backlog: Option<Bytes>,
    /// The id of the session, a secret; empty until it is open.
    pub(super) sid: String,
    /// The greatest size of the body of a POST.
    pub(super) max_payload: Option<usize>,
    pub(super) outbox: Outbox,
    pub(super) fence: Fence,
    /// Where requests go, and what is sent along.
    pub(super) attempt: Attempt,
    pub(super) heartbeat: Option<Heartbeat>,
    /// When to give up delivering what was sent before the end.
    pub(super) farewell_due: Option<Instant>,
    /// The turn in which something was written last.
    pub(super) spent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Opening,
    Open,
    /// Over for the layer above; what it sent last is still being delivered.
    Closing,
    Gone,
}

#[derive(Debug)]
pub(super) enum Channel {
    Polling { get: Option<Exchange>, post: Option<Exchange> },
    WebSocket { ws: WsId, ready: bool },
}

impl Channel {
    /// Nothing to release.
    pub(super) const NONE: Self = Self::Polling { get: None, post: None };

    const fn transport(&self) -> Transport {
        match self {
            Self::Polling { .. } => Transport::Polling,
            Self::WebSocket { .. } => Transport::WebSocket,
        }
    }
}

/// A server that says nothing for this long is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    silence: Duration,
    due: Option<Instant>,
}

impl Heartbeat {
    fn new(silence: Duration, now: Instant) -> Self {
        Self { silence, due: now.checked_add(silence) }
    }
}

impl Dialer {
    /// Begins to open a session, with the first of these transports that works.
    pub(crate) fn dial(
        first: Transport,
        others: VecDeque<Transport>,
        attempt: Attempt,
        cx: &mut Context,
        now: Instant,
    ) -> Self {
        let mut dialer = Self {
            phase: Phase::Opening,
            channel: Channel::NONE,
            others,
            probe: None,
            tried_websocket: false,
            backlog: None,
            sid: String::new(),
            max_payload: None,
            outbox: Outbox::default(),
            fence: Fence::Passed,
            attempt,
            heartbeat: None,
            farewell_due: None,
            spent: 0,
        };
        dialer.begin(first, cx, now);
        dialer
    }

    pub(super) fn begin(&mut self, transport: Transport, cx: &mut Context, now: Instant) {
        match transport {
            Transport::Polling => {
                self.channel = Channel::NONE;
                self.poll(cx, now);
            }
            Transport::WebSocket => {
                self.tried_websocket = true;
                let ws = cx.open_websocket(None, &self.attempt);
                self.channel = Channel::WebSocket { ws, ready: false };
            }
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.phase == Phase::Gone
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The transport that messages take.
    pub(crate) const fn transport(&self) -> Transport {
        self.channel.transport()
    }

    /// The size of the first of these messages that the server does not take, as it would be sent
    /// now, and the greatest one that it takes.
    pub(crate) fn too_large(&self, messages: &Encoded, cx: &Context) -> Option<(usize, usize)> {
        let limit = self.max_payload?;
        let base64 = cx.config.force_base64 || self.transport() == Transport::Polling;
        outbox::sizes(messages, base64).find(|&bytes| bytes > limit).map(|bytes| (bytes, limit))
    }

    /// How many bytes wait to be sent, with the overhead of the messages.
    pub(crate) const fn buffered(&self) -> usize {
        self.outbox.unsent()
    }

    /// Whether something that the application has emitted is not known to have arrived.
    pub(crate) fn holds_data(&self) -> bool {
        self.outbox.holds_data()
    }

    /// How many requests and WebSockets are open.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let probing = usize::from(self.probe.is_some());
        match &self.channel {
            Channel::Polling { get, post } => {
                (usize::from(get.is_some()) + usize::from(post.is_some()), probing)
            }
            Channel::WebSocket { .. } => (0, 1 + probing),
        }
    }

    /// Whether the id of a WebSocket is that of this session.
    pub(crate) fn owns(&self, id: WsId) -> bool {
        let main = matches!(self.channel, Channel::WebSocket { ws, .. } if ws == id);
        main || self.probe.as_ref().is_some_and(|probe| probe.ws == id)
    }

    // What happened to it, or to a WebSocket that it owns: while it polls, that is the probe.

    /// A WebSocket is open.
    pub(crate) fn on_opened(&mut self, cx: &mut Context) {
        match &mut self.channel {
            Channel::WebSocket { ready, .. } => *ready = true,
            Channel::Polling { .. } => self.on_probe_opened(cx),
        }
    }

    /// A message arrived on a WebSocket.
    pub(crate) fn on_frame(&mut self, id: WsId, frame: Frame, cx: &mut Context, now: Instant) {
        if self.probe.as_ref().is_some_and(|probe| probe.ws == id) {
            return self.on_probe_frame(&frame, cx, now);
        }
        if self.phase == Phase::Closing {
            return;
        }
        if frame.len() > cx.config.max_incoming {
            let fault = Fault::TooLarge { limit: cx.config.max_incoming };
            return self.fail(Ending::TransportError, fault, cx, now);
        }
        match frame {
            Frame::Text(text) => self.on_text(text, cx, now),
            Frame::Binary(_) if self.phase == Phase::Opening => {
                self.fail_to_parse("a message comes before the session is open", cx, now);
            }
            message @ Frame::Binary(_) => cx.report(Report::Message(message)),
        }
        self.flush(cx, now);
    }

    /// Everything that was sent on a WebSocket is written.
    pub(crate) fn on_drained(&mut self, cx: &mut Context, now: Instant) {
        match &mut self.channel {
            Channel::WebSocket { ready, .. } => *ready = true,
            Channel::Polling { .. } => return self.on_probe_drained(cx, now),
        }
        self.outbox.on_arrived();
        self.flush(cx, now);
        self.finish_closing(cx);
    }

    /// A WebSocket could not be opened, or is gone.
    pub(crate) fn on_closed(
        &mut self,
        ending: Ending,
        fault: Fault,
        cx: &mut Context,
        now: Instant,
    ) {
        match self.channel {
            Channel::WebSocket { .. } => {
                self.channel = Channel::NONE;
                self.fail(ending, fault, cx, now);
            }
            Channel::Polling { .. } => {
                self.probe = None;
                self.on_probe_lost(fault, cx, now);
            }
        }
    }

    /// Reads a packet as text; it may be the end of the session.
    pub(super) fn on_text(&mut self, text: Bytes, cx: &mut Context, now: Instant) {
        let Some(packet) = packet::decode(text) else {
            return self.fail_to_parse("no packet of Engine.IO", cx, now);
        };
        match (packet, self.phase) {
            (Packet::Open(json), Phase::Opening) => match Open::parse(&json) {
                Ok(open) => self.on_open(open, cx, now),
                Err(problem) => {
                    self.fail(Ending::ParseError, Fault::Handshake(problem), cx, now);
                }
            },
            (Packet::Message(message), Phase::Open) => cx.report(Report::Message(message)),
            (Packet::Ping, Phase::Open) => {
                if let Some(heartbeat) = &mut self.heartbeat {
                    *heartbeat = Heartbeat::new(heartbeat.silence, now);
                }
                self.outbox.push_pong();
            }
            (Packet::Close, Phase::Open) => {
                self.end(Ending::TransportClose, Some(Fault::ClosedByServer), cx);
            }
            (Packet::Pong { .. } | Packet::Other, Phase::Open) => {}
            (Packet::Open(_), Phase::Open) => {
                self.fail_to_parse("a second handshake", cx, now);
            }
            (_, Phase::Opening) => {
                self.fail(Ending::ParseError, Fault::Handshake("missing"), cx, now);
            }
            (_, Phase::Closing | Phase::Gone) => {}
        }
    }

    pub(super) fn on_open(&mut self, open: Open, cx: &mut Context, now: Instant) {
        self.phase = Phase::Open;
        self.sid = open.sid;
        self.max_payload = open.max_payload;
        self.heartbeat = Some(Heartbeat::new(open.silence, now));
        cx.report(Report::Opened(self.transport()));
        let wanted = cx.config.upgrade && cx.config.transports.contains(&Transport::WebSocket);
        if wanted && open.upgradable && !self.tried_websocket {
            self.probe = Some(Probe::dial(&self.sid, &self.attempt, cx, now));
        }
    }

    // Time.

    /// When [`on_deadline`](Self::on_deadline) is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let heartbeat = self.heartbeat.and_then(|heartbeat| heartbeat.due);
        let probe = self.probe.as_ref().and_then(|probe| probe.due);
        let requests = self.requests().filter_map(|exchange| exchange.due);
        let others = [self.farewell_due, self.fence.due()].into_iter().flatten();
        requests.chain(heartbeat).chain(probe).chain(others).min()
    }

    pub(crate) fn on_deadline(&mut self, cx: &mut Context, now: Instant) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.farewell_due) {
            self.phase = Phase::Gone;
            return self.release(cx);
        }
        if is_due(self.fence.due()) {
            self.pass_fence(cx, now);
        }
        if is_due(self.heartbeat.and_then(|heartbeat| heartbeat.due)) {
            return self.end(Ending::PingTimeout, None, cx);
        }
        if is_due(self.probe.as_ref().and_then(|probe| probe.due)) {
            self.drop_probe(cx);
            self.on_probe_lost(Fault::Timeout, cx, now);
        }
        if self.requests().any(|exchange| is_due(exchange.due)) {
            self.fail(Ending::TransportError, Fault::Timeout, cx, now);
        }
    }

    // Commands of the layer above.

    /// Whether what is sent now is written at once, or is written together with what was.
    pub(crate) fn is_ready(&self, cx: &Context) -> bool {
        self.phase == Phase::Open && (self.spent == cx.turn || self.has_credit())
    }

    pub(super) fn has_credit(&self) -> bool {
        let writable = match &self.channel {
            Channel::Polling { post, .. } => post.is_none() && !self.is_pausing(),
            Channel::WebSocket { ready, .. } => *ready,
        };
        writable && self.outbox.is_empty()
    }

    /// Lets messages wait for [`flush`](Self::flush).
    pub(crate) fn push(&mut self, kind: PacketKind, messages: &Encoded) {
        if self.phase == Phase::Open {
            self.outbox.push(kind, messages);
        }
    }

    /// Writes what waits, if there is a way to.
    pub(crate) fn flush(&mut self, cx: &mut Context, now: Instant) {
        if self.outbox.is_empty() || self.is_pausing() || self.is_fenced(cx, now) {
            return;
        }
        match &mut self.channel {
            Channel::Polling { post: None, .. } => self.post(cx, now),
            Channel::WebSocket { ws, ready: ready @ true } => {
                *ready = false;
                let mut frames = Frames::new();
                self.outbox.take_frames(cx.config.force_base64, &mut frames);
                cx.push(Output::Send { ws: *ws, frames });
                self.raise_fence();
            }
            Channel::Polling { post: Some(_), .. } | Channel::WebSocket { ready: false, .. } => {
                return;
            }
        }
        self.spent = cx.turn;
    }
}
