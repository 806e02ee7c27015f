//! One Engine.IO session of a client, or the attempt at one.
//!
//! Engine.IO protocol, section "Protocol": the session begins with a GET or a WebSocket without
//! `sid`, which the server answers with `0` (open). Messages go over this transport until the
//! session is upgraded, closed or lost.
//!
//! The session decides which requests are made and which WebSockets are opened, and what is
//! written to them. It does not open another session when it is lost; that is up to the layer
//! above. A request that fails ends the session: it is unknown whether the server has acted on it,
//! so it is never repeated.
//!
//! ```text
//! Opening --- 0{"sid":..} ---> Open --- close() ---> Closing --- all is delivered ---> Closed
//!    |  ^                        |                       |
//!    |  +-- the next transport   +------- a fault -------+-- close_timeout -----------> Closed
//!    +----- no transport works, close() or abort() -----------------------------------> Closed
//! ```
//!
//! Every transition to `Closed` goes through `abort`, which leaves no request, WebSocket or
//! deadline behind. A session in `Closed` is dropped by the layer above and never used again.
//!
//! Here are the state, WebSockets, packets, and deadlines. Long-polling is in `polling`, the
//! upgrade in `upgrade`, the end in `closing`.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::engineio::client::attempt::Attempt;
use crate::engineio::client::channel::Channel;
use crate::engineio::client::context::Context;
use crate::engineio::client::event::SessionEvent;
use crate::engineio::client::fault::TransportFault;
use crate::engineio::client::heartbeat::Heartbeat;
use crate::engineio::client::open::OpenPacket;
use crate::engineio::client::outbox::{self, Outbox, PacketClass};
use crate::engineio::client::output::Output;
use crate::engineio::client::packet::{self, Packet};
use crate::engineio::client::probe::Probe;
use crate::engineio::client::read_confirmation::{Check, ReadConfirmation};
use crate::engineio::{CloseReason, Encoded, Transport};
use crate::io::{Frame, Frames, RequestId, WsId};

/// A session, with everything that ends with it. What outlives it is in the [`Context`].
pub(crate) struct Session {
    pub(super) phase: Phase,
    /// The transport that messages take at the moment.
    pub(super) channel: Channel,
    /// The transports to try if the current one can't open the session.
    pub(super) other_transports: VecDeque<Transport>,
    /// The upgrade that is in progress. Only while the channel is long-polling.
    pub(super) probe: Option<Probe>,
    /// Whether opening the session with a WebSocket has failed, so that no upgrade is tried.
    tried_websocket: bool,
    /// The packets of the last answer to a GET that were not handled yet.
    pub(super) unread: Option<Bytes>,
    /// The id of the session, a secret; empty until it is open.
    pub(super) sid: String,
    /// The greatest size of the body of a POST, in bytes, as the server says it (`maxPayload`).
    pub(super) max_payload: Option<usize>,
    /// The packets that were not written yet. It survives an upgrade: they are written behind `5`.
    pub(super) outbox: Outbox,
    /// Whether the server has read the data that was written to the WebSocket.
    pub(super) read_confirmation: ReadConfirmation,
    /// Where requests go, and what is sent along.
    pub(super) attempt: Attempt,
    /// When the server is considered lost; only while the session is open.
    pub(super) heartbeat: Option<Heartbeat>,
    /// When to stop delivering the packets from before [`close`](Self::close).
    pub(super) close_due: Option<Instant>,
    /// The [turn](Context::turn) in which something was written last.
    pub(super) last_write_turn: u64,
}

/// How far the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The server has not sent `0` (open) yet.
    Opening,
    /// Messages go in both directions.
    Open,
    /// Over for the layer above; the last packets are still being delivered.
    Closing,
    /// Nothing more happens.
    Closed,
}

impl Session {
    /// Begins to open a session, with the first of these transports that works.
    pub(crate) fn open(
        first: Transport,
        others: VecDeque<Transport>,
        attempt: Attempt,
        cx: &mut Context,
        now: Instant,
    ) -> Self {
        let mut session = Self {
            phase: Phase::Opening,
            channel: Channel::IDLE,
            other_transports: others,
            probe: None,
            tried_websocket: false,
            unread: None,
            sid: String::new(),
            max_payload: None,
            outbox: Outbox::default(),
            read_confirmation: ReadConfirmation::Confirmed,
            attempt,
            heartbeat: None,
            close_due: None,
            last_write_turn: 0,
        };
        session.open_with(first, cx, now);
        session
    }

    /// Begins to open the session with a transport.
    pub(super) fn open_with(&mut self, transport: Transport, cx: &mut Context, now: Instant) {
        match transport {
            Transport::Polling => {
                self.channel = Channel::IDLE;
                self.send_get(cx, now);
            }
            Transport::WebSocket => {
                // If it fails, an upgrade later would most likely fail, too. If it works, there is
                // nothing to upgrade to.
                self.tried_websocket = true;
                let ws = cx.open_websocket(None, &self.attempt);
                self.channel = Channel::WebSocket { ws, ready: false };
            }
        }
    }

    /// Whether nothing more happens, so that the session can be dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether messages can be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Returns the transport that messages take.
    pub(crate) const fn transport(&self) -> Transport {
        self.channel.transport()
    }

    /// Returns the size of the first of these messages that the server does not take, as it would
    /// be sent now, and the greatest size that it takes, in bytes.
    pub(crate) fn too_large(&self, messages: &Encoded, cx: &Context) -> Option<(usize, usize)> {
        // `maxPayload` limits the whole body of a POST, but a body with a single message can always
        // be made. Servers apply the same limit to a WebSocket message.
        let limit = self.max_payload?;
        let base64 = cx.config.force_base64 || self.transport() == Transport::Polling;
        outbox::sizes(messages, base64).find(|&bytes| bytes > limit).map(|bytes| (bytes, limit))
    }

    /// Returns how many bytes are queued, with [`Encoded::OVERHEAD`] for each packet.
    pub(crate) const fn buffered(&self) -> usize {
        self.outbox.queued()
    }

    /// Whether data of the application is not known to have arrived.
    pub(crate) fn holds_data(&self) -> bool {
        self.outbox.holds_data()
    }

    /// Returns how many requests and how many WebSockets are open.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let main = usize::from(self.transport() == Transport::WebSocket);
        (self.channel.requests().count(), main + usize::from(self.probe.is_some()))
    }

    /// Whether a request is one that this session waits for.
    pub(crate) fn owns_request(&self, req: RequestId) -> bool {
        self.channel.requests().any(|pending| pending.req == req)
    }

    /// Whether a WebSocket is the one of this session, or that of its upgrade.
    pub(crate) fn owns_websocket(&self, id: WsId) -> bool {
        let main = matches!(self.channel, Channel::WebSocket { ws, .. } if ws == id);
        main || self.probe.as_ref().is_some_and(|probe| probe.ws == id)
    }

    // WebSockets. While the channel is long-polling, a WebSocket of this session is its probe.

    /// A WebSocket is open.
    pub(crate) fn on_websocket_opened(&mut self, cx: &mut Context) {
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
        // The layer above has closed the session: it expects no more messages.
        if self.phase == Phase::Closing {
            return;
        }
        // The driver has the same limit; one that does not keep it can't make memory unbounded
        // here.
        if frame.len() > cx.config.max_incoming {
            let fault = TransportFault::TooLarge { limit: cx.config.max_incoming };
            return self.fail(CloseReason::TransportError, fault, cx, now);
        }
        match frame {
            Frame::Text(text) => self.on_text(text, cx, now),
            // A binary frame is a message without a packet type in front.
            Frame::Binary(_) if self.phase == Phase::Opening => {
                self.fail_to_parse("a message comes before the session is open", cx, now);
            }
            message @ Frame::Binary(_) => cx.push_event(SessionEvent::Message(message)),
        }
        // A ping has queued a pong, which is not to wait for the layer above.
        self.flush(cx, now);
    }

    /// Everything that was sent on a WebSocket is written.
    pub(crate) fn on_drained(&mut self, cx: &mut Context, now: Instant) {
        match &mut self.channel {
            Channel::WebSocket { ready, .. } => *ready = true,
            Channel::Polling { .. } => return self.on_probe_drained(cx, now),
        }
        // As far as a client can know: the operating system has taken the data.
        self.outbox.on_arrived();
        self.flush(cx, now);
        self.finish_closing(cx);
    }

    /// The answer to a WebSocket Ping arrived: the server has read what was sent before it.
    pub(crate) fn on_pong(&mut self, cx: &mut Context, now: Instant) {
        if self.read_confirmation.is_pinged() {
            self.on_data_read(cx, now);
        }
    }

    /// A WebSocket could not be opened, or has ended.
    pub(crate) fn on_websocket_closed(
        &mut self,
        reason: CloseReason,
        fault: TransportFault,
        cx: &mut Context,
        now: Instant,
    ) {
        match self.channel {
            Channel::WebSocket { .. } => {
                // The driver needs no `Output::Close` for it.
                self.channel = Channel::IDLE;
                self.fail(reason, fault, cx, now);
            }
            Channel::Polling { .. } => {
                self.probe = None;
                self.on_upgrade_failed(fault, cx, now);
            }
        }
    }

    // Packets.

    /// Handles a packet of either transport; it may end the session.
    pub(super) fn on_text(&mut self, text: Bytes, cx: &mut Context, now: Instant) {
        // The bodies of long-polling are bytes. Most text is ASCII, for which the check is faster.
        if !text.is_ascii() && std::str::from_utf8(&text).is_err() {
            return self.fail_to_parse("not UTF-8", cx, now);
        }
        // Text that is not a packet is a fault of the server's, or of a proxy that sends a page of
        // its own. Either way nothing behind it can be trusted.
        let Some(packet) = packet::decode(text) else {
            return self.fail_to_parse("not an Engine.IO packet", cx, now);
        };
        match (packet, self.phase) {
            (Packet::Open(json), Phase::Opening) => match OpenPacket::parse(&json) {
                Ok(open) => self.on_open(open, cx, now),
                Err(problem) => self.fail_handshake(problem, cx, now),
            },
            (Packet::Message(message), Phase::Open) => {
                cx.push_event(SessionEvent::Message(message));
            }
            (Packet::Ping, Phase::Open) => {
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.restart(now);
                }
                self.outbox.push_pong();
            }
            (Packet::Close, Phase::Open) => {
                let fault = TransportFault::ClosedByServer;
                self.end(CloseReason::TransportClose, Some(fault), cx);
            }
            // `3` answers a ping, and clients send none; `6` only ends a pending GET.
            (Packet::Pong { .. } | Packet::Other, Phase::Open) => {}
            (Packet::Open(_), Phase::Open) => {
                self.fail_to_parse("a second handshake", cx, now);
            }
            (_, Phase::Opening) => self.fail_handshake("missing", cx, now),
            // The rest of an answer behind the packet that has ended the session.
            (_, Phase::Closing | Phase::Closed) => {}
        }
    }

    /// Fails because the first packet is not a usable `0` (open).
    fn fail_handshake(&mut self, problem: &'static str, cx: &mut Context, now: Instant) {
        self.fail(CloseReason::ParseError, TransportFault::Handshake(problem), cx, now);
    }

    /// The server has opened the session.
    fn on_open(&mut self, open: OpenPacket, cx: &mut Context, now: Instant) {
        self.phase = Phase::Open;
        self.sid = open.sid;
        self.max_payload = open.max_payload;
        self.heartbeat = Some(Heartbeat::new(open.max_silence, now));
        cx.push_event(SessionEvent::Opened(self.transport()));
        // The probe is opened at once. Messages do not wait for it; they take long-polling until
        // the server has answered the probe.
        let wanted = cx.config.upgrade && cx.config.transports.contains(&Transport::WebSocket);
        if wanted && open.upgradable && !self.tried_websocket {
            let ws = cx.open_websocket(Some(&self.sid), &self.attempt);
            self.probe = Some(Probe::new(ws, cx.config.upgrade_timeout, now));
        }
    }

    // Deadlines.

    /// Returns when [`on_deadline`](Self::on_deadline) is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // There are at most six, so they need no order.
        let heartbeat = self.heartbeat.and_then(|heartbeat| heartbeat.due);
        let probe = self.probe.as_ref().and_then(|probe| probe.due);
        let requests = self.channel.requests().filter_map(|pending| pending.due);
        let others = [self.close_due, self.read_confirmation.due()].into_iter().flatten();
        requests.chain(heartbeat).chain(probe).chain(others).min()
    }

    /// Acts on every deadline that has passed.
    pub(crate) fn on_deadline(&mut self, cx: &mut Context, now: Instant) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        // Nothing else matters to a session that is closing.
        if is_due(self.close_due) {
            return self.abort(cx);
        }
        if is_due(self.read_confirmation.due()) {
            self.on_data_read(cx, now);
        }
        // No fault: the reason says it all.
        if is_due(self.heartbeat.and_then(|heartbeat| heartbeat.due)) {
            return self.end(CloseReason::PingTimeout, None, cx);
        }
        if is_due(self.probe.as_ref().and_then(|probe| probe.due)) {
            self.close_probe(cx);
            self.on_upgrade_failed(TransportFault::Timeout, cx, now);
        }
        if self.channel.requests().any(|pending| is_due(pending.due)) {
            self.fail(CloseReason::TransportError, TransportFault::Timeout, cx, now);
        }
    }

    // Sending.

    /// Whether a message that is pushed now is written at once, or together with the packets that
    /// were written during the same input.
    pub(crate) fn is_ready(&self, cx: &Context) -> bool {
        self.phase == Phase::Open && (self.last_write_turn == cx.turn || self.can_write())
    }

    /// Whether the next message would be written at once.
    fn can_write(&self) -> bool {
        // Messages on long-polling wait from `3probe` on, until the upgrade is finished.
        let writable = match &self.channel {
            Channel::Polling { post, .. } => post.is_none() && !self.is_pausing(),
            Channel::WebSocket { ready, .. } => *ready,
        };
        writable && self.outbox.is_empty()
    }

    /// Queues messages for the next [`flush`](Self::flush).
    pub(crate) fn push(&mut self, class: PacketClass, messages: &Encoded) {
        // A session that is opening has no messages yet, because sockets connect once it is open.
        if self.phase == Phase::Open {
            self.outbox.push(class, messages);
        }
    }

    /// Writes the packets that are queued, if the transport can take them now.
    pub(crate) fn flush(&mut self, cx: &mut Context, now: Instant) {
        if self.outbox.is_empty() || self.is_pausing() || self.must_wait_for_read(cx, now) {
            return;
        }
        match &mut self.channel {
            Channel::Polling { post: None, .. } => self.send_post(cx, now),
            // One batch is in flight at a time. So the driver needs no queue, and what is queued
            // meanwhile is written as one batch, too.
            Channel::WebSocket { ws, ready: ready @ true } => {
                *ready = false;
                let mut frames = Frames::new();
                self.outbox.take_frames(cx.config.force_base64, &mut frames);
                cx.push_output(Output::Send { ws: *ws, frames });
                self.note_data_sent();
            }
            Channel::Polling { post: Some(_), .. } | Channel::WebSocket { ready: false, .. } => {
                return;
            }
        }
        self.last_write_turn = cx.turn;
    }

    /// Whether the next packet has to wait until the server has read the data before it; asks the
    /// server for that with a Ping.
    fn must_wait_for_read(&mut self, cx: &mut Context, now: Instant) -> bool {
        // With long-polling the next POST waits for the answer to the last one anyway.
        let Channel::WebSocket { ws, ready: true } = self.channel else { return false };
        if !self.outbox.is_next_after_data() {
            return false;
        }
        match self.read_confirmation.check(now) {
            Check::Send => false,
            Check::Wait => true,
            Check::PingFirst => {
                cx.push_output(Output::Ping { ws });
                true
            }
        }
    }

    /// Remembers whether the frames that were just sent hold data.
    pub(super) fn note_data_sent(&mut self) {
        if self.outbox.has_data_in_flight() {
            self.read_confirmation.on_data_sent();
        }
    }

    /// The server has read all data, or takes too long to say so.
    fn on_data_read(&mut self, cx: &mut Context, now: Instant) {
        self.read_confirmation = ReadConfirmation::Confirmed;
        self.flush(cx, now);
        self.finish_closing(cx);
    }
}
