//! One session: its transport, what waits to be sent, its heartbeat and its end.

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
    /// What was received and is not handled yet.
    pub(super) inbox: Option<Box<Inbox>>,
    /// How many bytes its messages have made for clients since its pace was last checked.
    pub(super) made: usize,
    pub(super) pace: Option<Box<Pace>>,
    /// The application wants nothing to be handled until further notice.
    pub(super) paused: bool,
    /// The driver was told not to read from the WebSocket.
    pub(super) reading_stopped: bool,
    /// How many POSTs were read although others wait to be handled.
    pub(super) posts_read_while_held: u8,
    /// The body of the POST is still to be asked for.
    pub(super) has_unread_post: bool,
    /// Somebody waits until everything is sent.
    pub(super) watched: bool,
    /// Whom it is counted for.
    pub(super) address: Address,
    /// The size of the handshake that is kept for it.
    pub(super) handshake: usize,
    /// Its client has not sent a second request yet.
    pub(super) unused: bool,
    /// The turn in which the last credit was spent, or the last greeting sent.
    last_write_turn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Over for the application; what it sent last is still being delivered.
    Closing,
    /// The connection is over; the application is still to learn of what the client sent before.
    Draining(CloseReason),
    Gone,
}

/// The transport, with its credit: a GET not answered yet, a WebSocket ready to write.
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

    /// Sends the OPEN packet and starts the heartbeat.
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
        // With the OPEN packet, so that it costs no request of its own.
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
        // A clean close might reach the client first, and tell it nothing of an error.
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

    /// Sends messages; false if they are not going to be sent.
    pub(super) fn send(&mut self, messages: &Encoded, volatile: bool, cx: &mut Context) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        // A credit spent in this very turn says nothing about how fast the client reads; and who
        // was greeted in it has had no chance to get ready.
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
        let cost = item.cost();
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
        if self.outbox.is_empty() || self.outbox.unsent() <= cx.config.max_buffered {
            return;
        }
        cx.totals.dropped += self.outbox.drop_volatile();
        if self.outbox.unsent() > cx.config.max_buffered {
            cx.totals.overflows += 1;
            self.drop_inbox(cx);
            self.end(CloseReason::TransportError, cx);
        }
    }

    /// Whether messages can be sent without more than `max_buffered` waiting: what leaves at once
    /// does not wait.
    pub(super) fn has_room_for(&self, messages: &Encoded, cx: &Context) -> bool {
        let leaves_at_once = self.outbox.is_empty() && self.has_credit();
        leaves_at_once || self.outbox.unsent() + messages.cost() <= cx.config.max_buffered
    }

    /// Spends the credit, if there is one, on everything that waits.
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

    /// Ends the session on behalf of the application: first it delivers what was sent.
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
        // A client that is about to switch polls no more: it gets the rest on the new way.
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

    /// Says goodbye as soon as there is a credit for it. Over polling it does so in an answer of
    /// its own: clients act on it before they act on the messages before it.
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

    /// Ends the session at once; but what its client has sent before is still handled.
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
