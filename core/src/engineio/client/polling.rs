//! HTTP long-polling: methods of the [`Session`].
//!
//! Engine.IO protocol, section "HTTP long-polling": the client always has one GET pending, which
//! the server answers when it has packets, and sends its own packets as the body of a POST, one at
//! a time.
//!
//! ```text
//! GET  /socket.io/?EIO=4&transport=polling            ->  0{"sid":"..",..}
//! GET  /socket.io/?EIO=4&transport=polling&sid=..     ->  2 \x1e 4hello \x1e bAQIDBA==
//! POST /socket.io/?EIO=4&transport=polling&sid=..  3  ->  ok
//! ```
//!
//! Packets in one body are separated by `\x1e`. The next GET is sent when all packets of the last
//! answer are handled, so a client that is paused slows its server down.

use std::time::Instant;

use bytes::Bytes;

use crate::engineio::client::channel::{Channel, Method, PendingRequest};
use crate::engineio::client::context::Context;
use crate::engineio::client::fault::TransportFault;
use crate::engineio::client::session::{Phase, Session};
use crate::engineio::{CloseReason, Transport, packet};
use crate::io::{RequestId, Response};

impl Session {
    /// Sends a GET, for packets or for a session, unless one is pending.
    pub(super) fn send_get(&mut self, cx: &mut Context, now: Instant) {
        let sid = (!self.sid.is_empty()).then_some(&*self.sid);
        if let Channel::Polling { get: get @ None, .. } = &mut self.channel {
            let req = cx.request("GET", sid, Bytes::new(), &self.attempt);
            *get = Some(PendingRequest::new(req, cx.config.request_timeout, now));
        }
    }

    /// Sends a POST with as many of the queued packets as one body may hold.
    pub(super) fn send_post(&mut self, cx: &mut Context, now: Instant) {
        // A second POST could overtake the first one on another TCP connection.
        if let Channel::Polling { post: post @ None, .. } = &mut self.channel {
            let body = self.outbox.take_body(self.max_payload);
            let req = cx.request("POST", Some(&self.sid), body, &self.attempt);
            *post = Some(PendingRequest::new(req, cx.config.request_timeout, now));
        }
    }

    /// A request was answered.
    pub(crate) fn on_response(
        &mut self,
        req: RequestId,
        response: Response,
        cx: &mut Context,
        now: Instant,
    ) {
        let Some(method) = self.channel.take_request(req) else { return };
        // Also those of errors: a load balancer may set its cookie with any answer.
        cx.store_cookies(&response, &self.attempt);
        let limit = cx.config.max_incoming;
        // Redirects are not followed: the session is one of this server.
        if response.status != 200 {
            let Response { status, body, .. } = &response;
            let fault = TransportFault::status(Transport::Polling, *status, body);
            return self.fail(CloseReason::TransportError, fault, cx, now);
        }
        if response.body.len() > limit {
            let fault = TransportFault::TooLarge { limit };
            return self.fail(CloseReason::TransportError, fault, cx, now);
        }
        // Of a session that is closing, messages are not of interest any more.
        if method == Method::Get && self.phase != Phase::Closing {
            self.unread = Some(response.body);
            return self.read_some(cx, now);
        }
        if method == Method::Post {
            self.outbox.on_arrived();
        }
        self.flush(cx, now);
        self.continue_polling(cx, now);
        self.finish_closing(cx);
    }

    /// Whether packets of the last answer to a GET were not handled yet.
    pub(crate) const fn has_unread(&self) -> bool {
        self.unread.is_some()
    }

    /// Handles some of the packets of the last answer to a GET. A few bytes can make many events,
    /// so these are made as the layer above takes them.
    pub(crate) fn read_some(&mut self, cx: &mut Context, now: Instant) {
        /// How many packets are handled before their events are to be taken.
        const AT_ONCE: usize = 256;
        for _ in 0..AT_ONCE {
            let Some(packet) = packet::split_first(&mut self.unread) else { break };
            self.on_text(packet, cx, now);
            // The packet may have ended the session, or the attempt with this transport, to which
            // the packets behind it belong.
            if self.phase != Phase::Open {
                self.unread = None;
            }
        }
        // Pongs, and what the layer above has emitted meanwhile.
        self.flush(cx, now);
        self.continue_polling(cx, now);
    }

    /// Sends the next GET; or switches to the WebSocket, if that is ready and the last request is
    /// answered.
    pub(super) fn continue_polling(&mut self, cx: &mut Context, now: Instant) {
        let polls = self.phase == Phase::Open && self.transport() == Transport::Polling;
        if !polls || self.has_unread() {
            return;
        }
        if self.is_pausing() {
            // An answer that is still to come may hold messages, which are older than those on the
            // WebSocket.
            if self.channel.requests().next().is_none() {
                self.switch_to_websocket(cx, now);
            }
        } else {
            self.send_get(cx, now);
        }
    }

    /// A request got no answer. Whether the server has received it is unknown, so it is not
    /// repeated, and the session ends: otherwise messages could be lost or arrive twice.
    pub(crate) fn on_request_failed(
        &mut self,
        req: RequestId,
        fault: TransportFault,
        cx: &mut Context,
        now: Instant,
    ) {
        if self.channel.take_request(req).is_some() {
            self.fail(CloseReason::TransportError, fault, cx, now);
        }
    }
}
