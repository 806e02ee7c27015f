//! The state that all sessions of an engine share: the queue of outputs, the deadlines, the open
//! requests.

use std::collections::VecDeque;
use std::time::Instant;

use crate::engineio::server::answers::Answers;
use crate::engineio::server::inbox::Slice;
use crate::engineio::server::outbox::Body;
use crate::engineio::server::request::OpenRequest;
use crate::engineio::server::stats::Totals;
use crate::engineio::{EngineConfig, Event, HandshakeId};
use crate::id::{IdMap, SessionId};
use crate::io::{Output, RequestId, Response, WsId};
use crate::timers::Timers;

/// The state that all sessions of an engine share.
pub(super) struct Context {
    pub(super) config: EngineConfig,
    pub(super) outputs: VecDeque<Output<Event>>,
    pub(super) timers: Timers<Alarm>,
    /// The requests that are not answered yet.
    pub(super) requests: IdMap<RequestId, OpenRequest>,
    pub(super) websockets: IdMap<WsId, SessionId>,
    pub(super) totals: Totals,
    /// The bytes that wait to be sent, or are being written, to all clients.
    pub(super) buffered: usize,
    /// Counts how often all outputs were taken. Whatever happens between two of these times is one
    /// turn, for instance when a client is ready for a volatile message.
    pub(super) turn: u64,
    pub(super) slice: Slice,
    pub(super) answers: Answers,
    /// The sessions with messages to handle, in the order of their turns.
    pub(super) backlog: VecDeque<SessionId>,
    /// The bytes that were produced for clients so far.
    pub(super) made: usize,
    /// The time of the last input.
    pub(super) now: Option<Instant>,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alarm {
    /// The heartbeat of a session, or the end of one that is closing.
    Session(SessionId),
    /// An upgrade has taken too long.
    Upgrade(SessionId),
    /// A GET that an upgrade waits for is answered with NOOP.
    Noop(SessionId),
    /// The application has to decide about a handshake.
    Handshake(HandshakeId),
    /// A session that rests goes on with the messages that it has received.
    Rest(SessionId),
}

impl Context {
    pub(super) fn new(config: EngineConfig) -> Self {
        Self {
            config,
            outputs: VecDeque::new(),
            timers: Timers::new(),
            requests: IdMap::default(),
            websockets: IdMap::default(),
            totals: Totals::default(),
            buffered: 0,
            turn: 0,
            slice: Slice::new(),
            answers: Answers::default(),
            backlog: VecDeque::new(),
            made: 0,
            now: None,
        }
    }

    pub(super) fn push(&mut self, output: Output<Event>) {
        self.outputs.push_back(output);
    }

    /// Answers a request, unless it was answered or aborted.
    pub(super) fn respond(&mut self, req: RequestId, response: Response) {
        if let Some(open) = self.requests.remove(&req) {
            let response = open.add_headers(response);
            self.push(Output::Respond { req, response });
        }
    }

    /// Begins a slice, unless the last one has just begun.
    pub(super) fn renew_slice(&mut self, now: Instant) {
        self.slice.renew(self.made, now);
    }

    /// Answers a GET with packets, unless it was aborted.
    pub(super) fn deliver(&mut self, req: RequestId, body: Body) {
        if let Some(open) = self.requests.remove(&req) {
            let response = open.payload(body);
            self.push(Output::Respond { req, response });
        }
    }

    pub(super) fn abort(&mut self, req: RequestId) {
        if self.requests.remove(&req).is_some() {
            self.push(Output::Abort { req });
        }
    }

    /// Closes a WebSocket, unless it is closed.
    pub(super) fn close(&mut self, ws: WsId) {
        if self.websockets.remove(&ws).is_some() {
            self.push(Output::Close { ws });
        }
    }
}
