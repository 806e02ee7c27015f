//! Long-polling: one GET that waits for messages, and one POST at a time with those that go out.

use std::time::Instant;

use bytes::Bytes;

use super::context::{Context, Ending};
use super::session::{Channel, Dialer, Phase};
use crate::engineio::{Transport, packet};
use crate::io::{RequestId, Response};
use crate::socketio::client::Fault;

/// A request that was not answered yet.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) req: RequestId,
    pub(super) due: Option<Instant>,
}

impl Exchange {
    fn new(req: RequestId, cx: &Context, now: Instant) -> Self {
        let timeout = cx.config.request_timeout;
        Self { req, due: timeout.and_then(|timeout| now.checked_add(timeout)) }
    }
}

impl Dialer {
    pub(super) fn requests(&self) -> impl Iterator<Item = &Exchange> {
        let (get, post) = match &self.channel {
            Channel::Polling { get, post } => (get.as_ref(), post.as_ref()),
            Channel::WebSocket { .. } => (None, None),
        };
        get.into_iter().chain(post)
    }

    /// Whether a request is one of this session.
    pub(crate) fn awaits(&self, req: RequestId) -> bool {
        self.requests().any(|exchange| exchange.req == req)
    }

    /// Asks for messages, or for a session.
    pub(super) fn poll(&mut self, cx: &mut Context, now: Instant) {
        let sid = (!self.sid.is_empty()).then_some(&*self.sid);
        if let Channel::Polling { get: get @ None, .. } = &mut self.channel {
            let req = cx.request("GET", sid, Bytes::new(), &self.attempt);
            *get = Some(Exchange::new(req, cx, now));
        }
    }

    /// Sends as much of what waits as one request may hold.
    pub(super) fn post(&mut self, cx: &mut Context, now: Instant) {
        if let Channel::Polling { post: post @ None, .. } = &mut self.channel {
            let body = self.outbox.take_body(self.max_payload);
            let req = cx.request("POST", Some(&self.sid), body, &self.attempt);
            *post = Some(Exchange::new(req, cx, now));
        }
    }

    pub(crate) fn on_response(
        &mut self,
        req: RequestId,
        response: Response,
        cx: &mut Context,
        now: Instant,
    ) {
        let Some(is_post) = self.take_exchange(req) else { return };
        if cx.config.cookies {
            cx.cookies.store(&response);
        }
        let limit = cx.config.max_incoming;
        if response.status != 200 {
            let fault = Fault::status(Transport::Polling, response.status, &response.body);
            return self.fail(Ending::TransportError, fault, cx, now);
        }
        if response.body.len() > limit {
            return self.fail(Ending::TransportError, Fault::TooLarge { limit }, cx, now);
        }
        if !is_post && self.phase != Phase::Closing {
            self.backlog = Some(response.body);
            return self.read_on(cx, now);
        }
        if is_post {
            self.outbox.on_arrived();
        }
        self.flush(cx, now);
        self.proceed(cx, now);
        self.finish_closing(cx);
    }

    /// Whether there are packets that were not looked at yet.
    pub(crate) const fn has_backlog(&self) -> bool {
        self.backlog.is_some()
    }

    /// Looks at some of the packets that came with the last answer. A few bytes can make many
    /// events, so they are made as they are taken.
    pub(crate) fn read_on(&mut self, cx: &mut Context, now: Instant) {
        const AT_ONCE: usize = 256;
        for _ in 0..AT_ONCE {
            let Some(packet) = packet::split_first(&mut self.backlog) else { break };
            self.on_text(packet, cx, now);
            // What stands behind a packet that ended one attempt is nothing to the next one.
            if self.phase != Phase::Open {
                self.backlog = None;
            }
        }
        self.flush(cx, now);
        self.proceed(cx, now);
    }

    /// Polls on, or goes over to the WebSocket if that is ready and the last request is answered.
    pub(super) fn proceed(&mut self, cx: &mut Context, now: Instant) {
        let polls = self.phase == Phase::Open && self.transport() == Transport::Polling;
        if !polls || self.has_backlog() {
            return;
        }
        if self.is_pausing() {
            if self.requests().next().is_none() {
                self.switch(cx, now);
            }
        } else {
            self.poll(cx, now);
        }
    }

    /// A request got no answer.
    pub(crate) fn on_failed(
        &mut self,
        req: RequestId,
        fault: Fault,
        cx: &mut Context,
        now: Instant,
    ) {
        if self.take_exchange(req).is_some() {
            self.fail(Ending::TransportError, fault, cx, now);
        }
    }

    /// Takes a request that is over; whether it is a POST.
    fn take_exchange(&mut self, req: RequestId) -> Option<bool> {
        let Channel::Polling { get, post } = &mut self.channel else { return None };
        let is_it = |exchange: &mut Exchange| exchange.req == req;
        if get.take_if(is_it).is_some() {
            return Some(false);
        }
        post.take_if(is_it).map(|_| true)
    }
}
