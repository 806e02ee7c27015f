//! HTTP long-polling: methods of the [`Session`].
//!
//! Engine.IO protocol, section "HTTP long-polling": the client always has one GET pending, which
//! the server answers when it has packets, and sends its own packets as the body of a POST, one at
//! a time.

use std::time::Instant;

use bytes::Bytes;

use super::channel::{Channel, Method, PendingRequest};
use super::context::Context;
use super::fault::TransportFault;
use super::session::{Phase, Session};
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
        cx.store_cookies(&response);
        let limit = cx.config.max_incoming;
        if response.status != 200 {
            let Response { status, body, .. } = &response;
            let fault = TransportFault::status(Transport::Polling, *status, body);
            return self.fail(CloseReason::TransportError, fault, cx, now);
        }
        if response.body.len() > limit {
            let fault = TransportFault::TooLarge { limit };
            return self.fail(CloseReason::TransportError, fault, cx, now);
        }
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
            if self.channel.requests().next().is_none() {
                self.switch_to_websocket(cx, now);
            }
        } else {
            self.send_get(cx, now);
        }
    }

    /// A request got no answer.
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
