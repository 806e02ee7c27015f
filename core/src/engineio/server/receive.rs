//! Incoming packets: handled at once, or kept in the inbox of the session until their turn.

use std::time::Instant;

use bytes::Bytes;

use crate::engineio::http::query;
use crate::engineio::packet::Packet;
use crate::engineio::server::context::Context;
use crate::engineio::server::inbox::{Inbox, Next, Packets};
use crate::engineio::server::outbox::{Item, Outbox};
use crate::engineio::server::request::Form;
use crate::engineio::server::session::{Channel, Phase, Session};
use crate::engineio::{CloseReason, Event, packet, v3};
use crate::io::{Frame, Output, RequestId, Response};

/// The number of packets of a POST that are decoded when it arrives. The POST is answered then; if
/// a later packet is malformed, the session ends when it is decoded.
const AT_ONCE: usize = 16;

impl Session {
    pub(super) fn on_body(&mut self, req: RequestId, body: Bytes, cx: &mut Context, now: Instant) {
        if let Channel::Polling { post, .. } = &mut self.channel {
            *post = None;
        }
        let overtaken = self.overtaken_post.take_if(|post| post.req == req);
        let form = cx.requests.get(&req).map_or(Form::Text, |open| open.form);
        let mut packets = self.packets(form, body);
        let mut valid = true;
        if self.inbox.is_none() {
            for _ in 0..AT_ONCE {
                if self.phase != Phase::Open {
                    break;
                }
                match packets.next() {
                    Some(Some(packet)) => self.on_packet(packet, cx, now),
                    Some(None) => valid = false,
                    None => break,
                }
                if !valid {
                    break;
                }
            }
        }
        cx.respond(req, if valid { query::post_ok() } else { Response::empty(400) });
        if !valid {
            self.end(CloseReason::ParseError, cx);
        } else if self.phase == Phase::Open {
            self.keep(cx, |inbox| inbox.push_body(packets));
        }
        for frame in overtaken.into_iter().flat_map(|post| post.held_frames) {
            self.on_frame(frame, cx, now);
        }
    }

    fn packets(&self, form: Form, body: Bytes) -> Packets {
        match form {
            Form::Binary => Packets::Old(Box::new(v3::split_binary(body))),
            Form::Text | Form::Script if std::str::from_utf8(&body).is_err() => Packets::Malformed,
            Form::Text if self.codec.v3 => Packets::Old(Box::new(v3::split_text(body))),
            Form::Text => Packets::Current(Some(body)),
            Form::Script => match v3::from_form(&body) {
                Some(body) => Packets::Old(Box::new(v3::split_text(body))),
                None => Packets::Malformed,
            },
        }
    }

    pub(super) fn on_frame(&mut self, frame: Frame, cx: &mut Context, now: Instant) {
        if self.phase != Phase::Open {
            return;
        }
        let packet = match frame {
            // Most text is ASCII, for which the check is faster.
            Frame::Text(text) if !text.is_ascii() && std::str::from_utf8(&text).is_err() => None,
            Frame::Text(text) if self.codec.v3 => v3::decode_text(text),
            Frame::Text(text) => packet::decode(text),
            Frame::Binary(data) if self.codec.v3 => v3::decode_binary(data),
            Frame::Binary(data) => Some(Packet::Message(Frame::Binary(data))),
        };
        match packet {
            Some(packet) => self.on_packet(packet, cx, now),
            None => self.end(CloseReason::ParseError, cx),
        }
    }

    fn on_packet(&mut self, packet: Packet, cx: &mut Context, now: Instant) {
        match packet {
            Packet::Message(message) => {
                self.count_message(&message, cx, now);
                match &mut self.inbox {
                    Some(inbox) => inbox.push_message(message),
                    None => cx.push(Output::Event(Event::Message { session: self.id, message })),
                }
            }
            Packet::Ping { .. } if self.codec.v3 => {
                self.heartbeat.expect_client_ping(self.id, cx, now);
                self.push_pong(cx);
            }
            Packet::Pong if !self.codec.v3 => self.heartbeat.on_pong(self.id, cx, now),
            // The server pings in protocol 4, the client in protocol 3.
            Packet::Ping { .. } | Packet::Pong => self.end(CloseReason::TransportError, cx),
            Packet::Close => {
                if let Channel::Polling { get: Some(req), .. } = self.channel {
                    cx.deliver(req, self.codec.single_item_body(&Item::NOOP));
                }
                self.end(CloseReason::TransportClose, cx);
            }
            Packet::Upgrade | Packet::Other => self.heartbeat.on_packet(self.id, cx, now),
        }
    }

    fn count_message(&mut self, message: &Frame, cx: &mut Context, now: Instant) {
        self.heartbeat.on_packet(self.id, cx, now);
        cx.totals.messages_in += 1;
        cx.totals.bytes_in += message.len() as u64;
    }

    fn push_pong(&mut self, cx: &mut Context) {
        self.outbox.push_pong();
        self.flush(cx);
    }

    /// Whether a message that is about to be reported has to wait in the inbox. It arrived before
    /// the messages there, except for the early ones.
    pub(super) fn has_to_wait(&self, cx: &Context) -> bool {
        let is_behind = self.inbox.as_ref().is_some_and(|inbox| inbox.has_early());
        self.paused || self.is_resting() || is_behind || cx.slice.is_out_of_bytes(cx.made)
    }

    /// Whether reading of the client has stopped, because earlier messages are not handled yet.
    pub(super) fn is_held_back(&self) -> bool {
        self.paused || self.inbox.is_some() || self.is_resting()
    }

    /// Keeps a message that has to wait, in front of those that arrived after it.
    pub(super) fn put_off(&mut self, message: Frame, cx: &mut Context) {
        self.keep(cx, |inbox| inbox.push_early(message));
    }

    fn keep(&mut self, cx: &mut Context, add: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.inbox.take().unwrap_or_else(|| Box::new(Inbox::new()));
        add(&mut inbox);
        if !inbox.is_empty() {
            self.put_back(inbox, cx);
            self.queue(cx);
        }
    }

    /// Keeps what is left of an inbox. If it is empty, the client is read again.
    fn put_back(&mut self, inbox: Box<Inbox>, cx: &mut Context) {
        if !inbox.is_empty() {
            self.inbox = Some(inbox);
            return self.adjust_reading(cx);
        }
        self.posts_read_while_held = 0;
        match self.phase {
            Phase::Draining(reason) => self.end(reason, cx),
            Phase::Open | Phase::Closing | Phase::Gone => self.go_on_reading(cx),
        }
    }

    /// Goes on with the messages that wait, and reads again when there are none.
    pub(super) fn go_on_reading(&mut self, cx: &mut Context) {
        self.queue(cx);
        if !self.is_held_back() {
            self.read_post(cx);
        }
        self.adjust_reading(cx);
    }

    /// Queues the session for the next slice, if messages wait and it is neither paused nor
    /// resting.
    pub(super) fn queue(&mut self, cx: &mut Context) {
        if self.paused || self.is_resting() {
            return;
        }
        if let Some(inbox) = self.inbox.as_mut().filter(|inbox| !inbox.is_queued) {
            inbox.is_queued = true;
            cx.backlog.push_back(self.id);
        }
    }

    /// Handles the next packet of the inbox; returns it if it is a message.
    pub(super) fn take_next(&mut self, cx: &mut Context) -> Option<Frame> {
        let now = cx.now?;
        let mut inbox = self.inbox.take()?;
        inbox.is_queued = false;
        if self.paused || self.is_resting() {
            self.inbox = Some(inbox);
            return None;
        }
        let message = match inbox.next() {
            Some(Next::Message(message)) => Some(message),
            Some(Next::Packet(Some(Packet::Message(message)))) => {
                self.count_message(&message, cx, now);
                Some(message)
            }
            Some(Next::Packet(Some(packet))) => {
                match self.phase {
                    Phase::Open => self.on_packet(packet, cx, now),
                    // The client is gone: there is no one to answer.
                    Phase::Draining(_) | Phase::Closing | Phase::Gone => {}
                }
                None
            }
            Some(Next::Packet(None)) => {
                self.end(CloseReason::ParseError, cx);
                None
            }
            None => None,
        };
        if self.phase == Phase::Gone {
            return message;
        }
        self.put_back(inbox, cx);
        if message.is_none() {
            self.queue(cx);
        }
        message
    }

    /// Goes on after the last message that was reported.
    pub(super) fn go_on(&mut self, cx: &mut Context) {
        self.keep_pace(cx);
        self.queue(cx);
    }

    /// Drops messages that were received and are not handled.
    pub(super) fn drop_inbox(&mut self, cx: &mut Context) {
        self.inbox = None;
        self.stop_pace(cx);
    }

    /// Waits until the messages from before the end of the connection are handled, for
    /// `close_timeout` at most.
    pub(super) fn drain(&mut self, reason: CloseReason, cx: &mut Context, now: Instant) {
        self.phase = Phase::Draining(reason);
        self.heartbeat.close(self.id, cx, now);
        self.outbox = Outbox::default();
        self.queue(cx);
    }

    /// Tells the driver to stop or resume reading from the WebSocket.
    pub(super) fn adjust_reading(&mut self, cx: &mut Context) {
        let Channel::WebSocket { ws, .. } = self.channel else { return };
        let stop = self.is_held_back();
        let reads = matches!(self.phase, Phase::Open | Phase::Closing);
        if reads && std::mem::replace(&mut self.reading_stopped, stop) != stop {
            cx.push(if stop { Output::Pause { ws } } else { Output::Resume { ws } });
        }
    }
}
