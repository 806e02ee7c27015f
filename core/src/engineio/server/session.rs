//! One session: its transport, its queue of outgoing packets, and its end.
//!
//! A session never writes on its own: it waits for a credit. Long-polling gives one credit with
//! each GET, a WebSocket one with each `Input::Drained`. Whatever waits by then is sent at once, so
//! there is at most one write in flight for each client. See "Protocol" in the protocol of
//! Engine.IO. What arrives is handled in `receive.rs`, upgrades in `upgrade.rs`, pauses in
//! `flow.rs`.

use std::time::Instant;

use crate::engineio::http::query;
use crate::engineio::server::context::Context;
use crate::engineio::server::heartbeat::Heartbeat;
use crate::engineio::server::inbox::Inbox;
use crate::engineio::server::outbox::{Codec, Item, Outbox};
use crate::engineio::server::pace::Pace;
use crate::engineio::server::probe::OvertakenPost;
use crate::engineio::server::probe::Probe;
use crate::engineio::server::request::Form;
use crate::engineio::server::shares::Address;
use crate::engineio::{CloseReason, Encoded, Event, Handshake};
use crate::id::{SessionId, Sid};
use crate::io::{Output, RequestId, Response, WsId};

pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) sid: Sid,
    pub(super) phase: Phase,
    pub(super) channel: Channel,
    pub(super) probe: Option<Probe>,
    pub(super) overtaken_post: Option<Box<OvertakenPost>>,
    pub(super) outbox: Outbox,
    pub(super) codec: Codec,
    pub(super) heartbeat: Heartbeat,
    /// Messages that were received and are not handled yet.
    pub(super) inbox: Option<Box<Inbox>>,
    /// The bytes that its messages have produced for all clients since its pace was last checked.
    pub(super) made: usize,
    pub(super) pace: Option<Box<Pace>>,
    /// The application has paused the session.
    pub(super) paused: bool,
    /// The driver was told not to read from the WebSocket.
    pub(super) reading_stopped: bool,
    /// The number of POST bodies that were read while other messages wait.
    pub(super) posts_read_while_held: u8,
    /// The body of the POST is not read yet.
    pub(super) has_unread_post: bool,
    /// The application waits for an [`Event::Drained`].
    pub(super) watched: bool,
    /// The address that the session is counted for.
    pub(super) address: Address,
    /// The size of the handshake that is kept for it, in bytes.
    pub(super) handshake: usize,
    /// Its client has not sent a second request yet.
    pub(super) unused: bool,
    /// The turn of the last write, or of the last first message of a socket.
    last_write_turn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Closed by the application; packets that were sent before are still delivered.
    Closing,
    /// The connection has ended; messages from before its end are still handled.
    Draining(CloseReason),
    Gone,
}

/// The transport, with its credit: a GET that is not answered yet, or a WebSocket that is ready to
/// write.
#[derive(Debug)]
pub(super) enum Channel {
    Polling { get: Option<RequestId>, post: Option<RequestId> },
    WebSocket { ws: WsId, ready: bool },
}

impl Session {
    pub(super) fn new(id: SessionId, sid: Sid, channel: Channel, codec: Codec) -> Self {
        Self {
            id,
            sid,
            phase: Phase::Open,
            channel,
            probe: None,
            overtaken_post: None,
            outbox: Outbox::default(),
            codec,
            heartbeat: Heartbeat::Stopped,
            inbox: None,
            made: 0,
            pace: None,
            paused: false,
            reading_stopped: false,
            has_unread_post: false,
            posts_read_while_held: 0,
            watched: false,
            address: Address::Unknown,
            handshake: 0,
            unused: false,
            last_write_turn: 0,
        }
    }

    /// Sends the OPEN packet, `0{"sid":"..","upgrades":["websocket"],"pingInterval":25000,..}`, and
    /// starts the heartbeat.
    pub(super) fn open(&mut self, handshake: Option<Handshake>, cx: &mut Context, now: Instant) {
        let config = &cx.config;
        let upgrades = match self.channel {
            Channel::Polling { .. } if config.websocket && config.allow_upgrades => "\"websocket\"",
            Channel::Polling { .. } | Channel::WebSocket { .. } => "",
        };
        let open = format!(
            "0{{\"sid\":\"{}\",\"upgrades\":[{upgrades}],\"pingInterval\":{},\"pingTimeout\":{},\
             \"maxPayload\":{}}}",
            self.sid,
            config.ping_interval.as_millis(),
            config.ping_timeout.as_millis(),
            config.max_payload,
        );
        cx.push(Output::Event(Event::Opened { session: self.id, handshake }));
        if self.codec.v3 {
            self.heartbeat.expect_client_ping(self.id, cx, now);
        } else {
            self.heartbeat.schedule_ping(self.id, cx.config.ping_interval, cx, now);
        }
        // In the same answer as the OPEN packet, so that it costs no request of its own.
        let open = Item::Control(open.into());
        match cx.config.initial_message.clone() {
            None => self.push(open, cx),
            Some(message) => {
                self.outbox.push_control(open);
                self.push(Item::Messages(message), cx);
            }
        }
    }

    pub(super) fn on_get(&mut self, req: RequestId, cx: &mut Context, now: Instant) {
        let Channel::Polling { get, .. } = &mut self.channel else {
            return;
        };
        if get.is_some() {
            cx.respond(req, Response::empty(400));
            self.end(CloseReason::TransportError, cx);
            return;
        }
        *get = Some(req);
        if self.phase == Phase::Closing {
            if self.outbox.is_empty() {
                self.outbox.push_control(Item::NOOP);
                self.outbox.push_control(Item::CLOSE);
                self.flush(cx);
                self.end(CloseReason::ForcedClose, cx);
            } else {
                self.finish_closing(cx);
            }
            return;
        }
        self.flush(cx);
        self.answer_poll(cx, now);
    }

    pub(super) fn on_post(&mut self, req: RequestId, form: Form, cx: &mut Context) {
        let Channel::Polling { post, .. } = &mut self.channel else {
            return;
        };
        if self.phase == Phase::Closing {
            cx.respond(req, query::post_ok());
        } else if form == Form::Binary && !self.codec.v3 {
            cx.respond(req, Response::empty(400));
            self.end(CloseReason::TransportError, cx);
        } else if let Some(first) = post.take() {
            cx.respond(req, Response::empty(400));
            cx.abort(first);
            self.end(CloseReason::TransportError, cx);
        } else {
            *post = Some(req);
            self.has_unread_post = true;
            if !self.is_held_back() || self.may_read_for_upgrade() {
                self.read_post(cx);
            }
        }
    }

    pub(super) fn on_body_too_large(&mut self, req: RequestId, cx: &mut Context) {
        cx.totals.too_large += 1;
        self.refuse_body(req, 413, cx);
    }

    pub(super) fn on_body_timed_out(&mut self, req: RequestId, cx: &mut Context) {
        self.refuse_body(req, 408, cx);
    }

    fn refuse_body(&mut self, req: RequestId, status: u16, cx: &mut Context) {
        cx.respond(req, Response::empty(status));
        // Not a CLOSE packet, which may reach the client before the answer to its POST and hide the
        // error.
        if let Channel::Polling { get, .. } = &mut self.channel {
            get.take().into_iter().for_each(|req| cx.respond(req, Response::empty(400)));
        }
        self.end(CloseReason::TransportError, cx);
    }

    pub(super) fn on_drained(&mut self, cx: &mut Context) {
        if let Channel::WebSocket { ready, .. } = &mut self.channel {
            *ready = true;
            self.outbox.on_written();
            self.flush(cx);
        }
        if self.phase == Phase::Closing {
            self.finish_closing(cx);
        }
    }

    /// Sends messages; returns false if they are dropped.
    pub(super) fn send(&mut self, messages: &Encoded, volatile: bool, cx: &mut Context) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        // A credit that was spent in this turn says nothing about how fast the client reads. A
        // client whose socket was connected in this turn has had no chance to send a GET.
        if volatile && !self.has_credit() && self.last_write_turn != cx.turn {
            cx.totals.dropped += 1;
            return false;
        }
        cx.totals.messages_out += messages.count() as u64;
        let messages = messages.clone();
        self.push(if volatile { Item::Volatile(messages) } else { Item::Messages(messages) }, cx);
        self.phase == Phase::Open
    }

    pub(super) fn send_first(&mut self, message: &Encoded, cx: &mut Context) {
        self.send(message, false, cx);
        self.last_write_turn = cx.turn;
    }

    const fn has_credit(&self) -> bool {
        match self.channel {
            Channel::Polling { get, .. } => get.is_some(),
            Channel::WebSocket { ready, .. } => ready,
        }
    }

    pub(super) fn push(&mut self, item: Item, cx: &mut Context) {
        let (cost, is_control) = (item.cost(), matches!(item, Item::Control(_)));
        cx.made = cx.made.wrapping_add(cost);
        if let Channel::WebSocket { ws, ready: ready @ true } = &mut self.channel {
            if self.outbox.is_empty() {
                *ready = false;
                self.last_write_turn = cx.turn;
                self.outbox.mark_in_flight(cost);
                cx.totals.bytes_out += item.len() as u64;
                cx.push(Output::Send { ws: *ws, frames: self.codec.frames(&item) });
                return;
            }
        }
        self.outbox.push(item, cost);
        self.flush(cx);
        // The ping of the server must not end the session of a client that still reads one large
        // message. There is one at a time.
        let is_full = self.outbox.unsent() > cx.config.max_buffered;
        if self.outbox.is_empty() || is_control || !is_full {
            return;
        }
        cx.totals.dropped += self.outbox.drop_volatile();
        if self.outbox.unsent() > cx.config.max_buffered {
            cx.totals.overflows += 1;
            self.drop_inbox(cx);
            self.end(CloseReason::TransportError, cx);
        }
    }

    /// Whether messages can be sent without more than `max_buffered` waiting. What is written at
    /// once does not wait.
    pub(super) fn has_room_for(&self, messages: &Encoded, cx: &Context) -> bool {
        let leaves_at_once = self.outbox.is_empty() && self.has_credit();
        leaves_at_once || self.outbox.unsent() + messages.cost() <= cx.config.max_buffered
    }

    /// Spends the credit, if there is one, on all packets that wait.
    pub(super) fn flush(&mut self, cx: &mut Context) {
        if self.outbox.is_empty() {
            return;
        }
        let bytes = self.outbox.bytes() as u64;
        match &mut self.channel {
            Channel::Polling { get, .. } => {
                let Some(req) = get.take() else { return };
                let body = cx.answers.body(&self.outbox.take_items(), self.codec);
                cx.deliver(req, body);
            }
            Channel::WebSocket { ready: false, .. } => return,
            Channel::WebSocket { ws, ready } => {
                *ready = false;
                cx.push(Output::Send { ws: *ws, frames: self.outbox.take_frames(self.codec) });
            }
        }
        cx.totals.bytes_out += bytes;
        self.last_write_turn = cx.turn;
    }

    /// Closes the session: packets that were sent before are delivered first.
    pub(super) fn close(&mut self, cx: &mut Context, now: Instant) {
        if let Phase::Draining(_) = self.phase {
            return self.end(CloseReason::ForcedClose, cx);
        }
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        self.drop_inbox(cx);
        self.answer_unread_post(cx);
        self.adjust_reading(cx);
        // A client that is about to switch does not poll any more: it gets the rest on its
        // WebSocket.
        if !self.probe.as_ref().is_some_and(Probe::is_answered) {
            self.abandon_upgrade(cx);
        }
        cx.push(Output::Event(Event::Closed {
            session: self.id,
            reason: CloseReason::ForcedClose,
        }));
        self.heartbeat.close(self.id, cx, now);
        self.finish_closing(cx);
    }

    /// Sends the CLOSE packet as soon as there is a credit for it. Over polling it has an answer of
    /// its own: clients handle it before the messages in front of it.
    pub(super) fn finish_closing(&mut self, cx: &mut Context) {
        match self.channel {
            Channel::Polling { get: Some(_), .. } if !self.outbox.is_empty() => {
                return self.flush(cx);
            }
            Channel::Polling { get: Some(_), .. } => {
                self.outbox.push_control(Item::CLOSE);
                self.flush(cx);
            }
            Channel::WebSocket { ready: true, .. } => self.flush(cx),
            Channel::WebSocket { ready: false, .. } if self.outbox.is_empty() => {}
            Channel::Polling { .. } | Channel::WebSocket { .. } => return,
        }
        self.end(CloseReason::ForcedClose, cx);
    }

    /// Ends the session at once. Messages that were received before are still handled.
    pub(super) fn end(&mut self, reason: CloseReason, cx: &mut Context) {
        let phase = std::mem::replace(&mut self.phase, Phase::Gone);
        if phase == Phase::Gone {
            return;
        }
        self.heartbeat.stop(cx);
        if let Phase::Draining(reason) = phase {
            self.drop_inbox(cx);
            return cx.push(Output::Event(Event::Closed { session: self.id, reason }));
        }
        self.abandon_upgrade(cx);
        match self.channel {
            Channel::Polling { get, post } => {
                if let Some(req) = get {
                    cx.deliver(req, self.codec.single_item_body(&Item::CLOSE));
                }
                if let Some(req) = post {
                    cx.respond(req, Response::empty(400));
                }
            }
            Channel::WebSocket { ws, .. } => cx.close(ws),
        }
        if let Some(post) = self.overtaken_post.take() {
            cx.respond(post.req, Response::empty(400));
        }
        if phase != Phase::Open {
            return;
        }
        match cx.now.filter(|_| self.inbox.is_some()) {
            None => {
                self.stop_pace(cx);
                cx.push(Output::Event(Event::Closed { session: self.id, reason }));
            }
            Some(now) => self.drain(reason, cx, now),
        }
    }
}
