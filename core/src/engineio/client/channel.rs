//! The transport that a session uses at the moment, with the requests or the WebSocket in flight.
//!
//! It only remembers them. When they are sent is decided in `polling` and `session`.

use std::time::{Duration, Instant};

use crate::engineio::Transport;
use crate::io::{RequestId, WsId};

/// A request that was not answered yet.
#[derive(Debug)]
pub(super) struct PendingRequest {
    /// The name by which the driver knows it.
    pub(super) req: RequestId,
    /// When to give up waiting for the answer.
    pub(super) due: Option<Instant>,
}

impl PendingRequest {
    /// Remembers a request that was just sent.
    pub(super) fn new(req: RequestId, timeout: Option<Duration>, now: Instant) -> Self {
        Self { req, due: timeout.and_then(|timeout| now.checked_add(timeout)) }
    }
}

/// One of the two transports, with its state.
#[derive(Debug)]
pub(super) enum Channel {
    /// HTTP long-polling: at most one request of each method is pending, because a server closes
    /// a session with two GETs, and two POSTs could overtake each other.
    Polling { get: Option<PendingRequest>, post: Option<PendingRequest> },
    /// A WebSocket. `ready`: it is open, and everything that was sent is written.
    WebSocket { ws: WsId, ready: bool },
}

/// Which of the two requests of long-polling it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// It waits for packets of the server.
    Get,
    /// It carries packets of the client.
    Post,
}

impl Channel {
    /// Long-polling without a request: there is nothing to abort or to close.
    pub(super) const IDLE: Self = Self::Polling { get: None, post: None };

    /// Returns the name of the transport.
    pub(super) const fn transport(&self) -> Transport {
        match self {
            Self::Polling { .. } => Transport::Polling,
            Self::WebSocket { .. } => Transport::WebSocket,
        }
    }

    /// Iterates over the requests that were not answered yet.
    pub(super) fn requests(&self) -> impl Iterator<Item = &PendingRequest> {
        let (get, post) = match self {
            Self::Polling { get, post } => (get.as_ref(), post.as_ref()),
            Self::WebSocket { .. } => (None, None),
        };
        // A WebSocket handshake has no deadline here; the time to open a connection limits it.
        get.into_iter().chain(post)
    }

    /// Takes out a request that was answered or has failed; `None` if it is not one of these.
    pub(super) fn take_request(&mut self, req: RequestId) -> Option<Method> {
        let Self::Polling { get, post } = self else { return None };
        let is_it = |pending: &mut PendingRequest| pending.req == req;
        if get.take_if(is_it).is_some() {
            return Some(Method::Get);
        }
        post.take_if(is_it).map(|_| Method::Post)
    }

    /// Whether something that was written is not known to be delivered.
    pub(super) const fn is_writing(&self) -> bool {
        match self {
            Self::Polling { post, .. } => post.is_some(),
            Self::WebSocket { ready, .. } => !*ready,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_once_and_by_its_own_id() {
        let now = Instant::now();
        let pending = |id| Some(PendingRequest::new(RequestId(id), None, now));
        let mut channel = Channel::Polling { get: pending(1), post: pending(2) };
        assert_eq!(channel.take_request(RequestId(3)), None);
        assert_eq!(channel.take_request(RequestId(2)), Some(Method::Post));
        assert_eq!(channel.take_request(RequestId(2)), None);
        assert_eq!(channel.requests().count(), 1);
        assert_eq!(channel.take_request(RequestId(1)), Some(Method::Get));
        assert_eq!(channel.requests().count(), 0);
    }

    #[test]
    fn a_pending_post_or_an_unwritten_batch_is_not_delivered_yet() {
        let pending = Some(PendingRequest::new(RequestId(1), None, Instant::now()));
        assert!(Channel::Polling { get: None, post: pending }.is_writing());
        assert!(!Channel::IDLE.is_writing());
        assert!(Channel::WebSocket { ws: WsId(1), ready: false }.is_writing());
        assert!(!Channel::WebSocket { ws: WsId(1), ready: true }.is_writing());
    }
}
