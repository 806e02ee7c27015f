//! The server machine of Engine.IO. It finds the session that an input is for, and passes the input
//! on.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use bytes::Bytes;
use slab::Slab;

use crate::engineio::server::context::{Alarm, Context};
use crate::engineio::server::pending::{PendingHandshakes, Source};
use crate::engineio::server::session::{Channel, Phase, Session};
use crate::engineio::server::shares::{Address, Shares};
use crate::engineio::server::stats::{Counts, Totals};
use crate::engineio::{CloseReason, Encoded, EngineConfig, Event, Transport};
use crate::error::ConfigError;
use crate::id::{Hashing, IdGenerator, SessionId, Sid};
use crate::io::{CloseCause, Frame, Input, Output, RequestId, WsId};

/// A server of Engine.IO sessions.
///
/// Feed it with [`handle`](Self::handle) and [`handle_timeout`](Self::handle_timeout), then
/// execute the outputs of [`poll_output`](Self::poll_output) until there are no more; call
/// `handle_timeout` at [`poll_timeout`](Self::poll_timeout).
///
/// Messages of one session arrive in the order in which they were sent, also across an upgrade;
/// none is lost or doubled unless the session ends.
///
/// ```
/// use std::time::Instant;
/// use sockeye_core::engineio::{Encoded, Engine, EngineConfig, Event};
/// use sockeye_core::{Input, Output, Request, RequestId};
///
/// let mut engine = Engine::new(EngineConfig::default(), [0; 32])?;
/// let request = Request {
///     method: "GET",
///     target: "/engine.io/?EIO=4&transport=polling",
///     headers: &[],
///     remote: None,
///     secure: false,
/// };
/// engine.handle(Input::Request { req: RequestId(1), request }, Instant::now());
/// while let Some(output) = engine.poll_output() {
///     match output {
///         Output::Event(Event::Opened { session, .. }) => {
///             engine.send(session, &Encoded::text("hello"), false);
///         }
///         Output::Respond { response, .. } => assert_eq!(response.status, 200),
///         other => println!("to do: {other:?}"),
///     }
/// }
/// # Ok::<(), sockeye_core::ConfigError>(())
/// ```
pub struct Engine {
    pub(super) cx: Context,
    pub(super) generator: IdGenerator,
    pub(super) sessions: Slab<Session>,
    pub(super) by_sid: HashMap<Sid, SessionId, Hashing>,
    pub(super) pending: PendingHandshakes,
    pub(super) shares: Shares,
    pub(super) closing: bool,
    /// The session of the last message that was reported, and the number of bytes that had been
    /// produced by then.
    current: Option<(SessionId, usize)>,
    /// Messages are taken from inboxes; their outputs follow when the slice is spent, so that each
    /// receiver is written to once.
    is_batching: bool,
    /// The sessions that were closed since all outputs were last taken. Messages of theirs among
    /// the outputs are dropped.
    closed: BTreeSet<SessionId>,
}

impl Engine {
    /// Makes an engine without sessions.
    ///
    /// `seed` must be unpredictable: session ids are drawn from it, and they are secrets.
    ///
    /// # Errors
    ///
    /// If a field of the configuration has an invalid value.
    pub fn new(config: EngineConfig, seed: [u8; 32]) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut generator = IdGenerator::new(seed, config.shard);
        let cx = Context::new(config);
        let by_sid = HashMap::with_hasher(generator.hashing());
        Ok(Self {
            cx,
            generator,
            sessions: Slab::new(),
            by_sid,
            pending: PendingHandshakes::default(),
            shares: Shares::default(),
            closing: false,
            current: None,
            is_batching: false,
            closed: BTreeSet::new(),
        })
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &EngineConfig {
        &self.cx.config
    }

    /// Handles an input. A violation of the protocol by a client only ends its own session or
    /// request.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.cx.now = Some(now);
        if self.cx.backlog.is_empty() {
            self.cx.renew_slice(now);
        }
        match input {
            Input::Request { req, request } => self.on_request(req, &request, now),
            Input::Body { req, body } => self.on_body(req, body, now),
            Input::BodyTooLarge { req } => {
                self.with_request(req, |session, cx| session.on_body_too_large(req, cx));
            }
            Input::BodyTimedOut { req } => {
                self.with_request(req, |session, cx| session.on_body_timed_out(req, cx));
            }
            Input::Aborted { req } => {
                if let Some(open) = self.cx.requests.remove(&req) {
                    self.with(open.session, |session, cx| {
                        session.end(CloseReason::TransportError, cx);
                    });
                } else {
                    self.abort_handshake(Source::Request(req));
                }
            }
            Input::Upgrade { ws, request } => self.on_upgrade(ws, &request, now),
            Input::Frame { ws, frame } => self.on_frame(ws, frame, now),
            Input::Drained { ws } => self.with_websocket(ws, |session, cx, probing| {
                if probing { session.on_probe_drained() } else { session.on_drained(cx) }
            }),
            Input::Closed { ws, cause } => self.on_closed(ws, cause),
        }
    }

    /// Processes expired deadlines: sends pings, ends sessions without an answer. May be called
    /// early, late, or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.cx.now = Some(now);
        self.cx.renew_slice(now);
        while let Some(alarm) = self.cx.timers.pop_expired(now) {
            match alarm {
                Alarm::Session(id) => self.with(id, |session, cx| session.on_alarm(cx, now)),
                Alarm::Upgrade(id) => self.with(id, Session::abandon_upgrade),
                Alarm::Noop(id) => self.with(id, Session::send_noop),
                Alarm::Handshake(id) => self.expire_handshake(id),
                Alarm::Rest(id) => self.with(id, |session, cx| session.on_rested(cx, now)),
            }
        }
    }

    /// Returns the next output; `None` if there is none at the moment.
    #[must_use = "an output that is not carried out leaves a client waiting"]
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        if let Some((session, made)) = self.current.take() {
            self.count_made(session, self.cx.made.wrapping_sub(made));
        }
        loop {
            if self.is_batching {
                let waiting = self.take_waiting();
                if let Some((session, message)) = waiting {
                    self.current = Some((session, self.cx.made));
                    return Some(Output::Event(Event::Message { session, message }));
                }
                self.is_batching = false;
            }
            match self.cx.outputs.pop_front() {
                Some(Output::Event(Event::Message { session, .. }))
                    if !self.closed.is_empty() && self.closed.contains(&session) => {}
                Some(Output::Event(Event::Message { session, message }))
                    if self.get(session).is_some_and(|it| it.has_to_wait(&self.cx)) =>
                {
                    self.with(session, |session, cx| session.put_off(message, cx));
                }
                Some(output) => {
                    if let Output::Event(Event::Message { session, .. }) = output {
                        self.current = Some((session, self.cx.made));
                    }
                    return Some(output);
                }
                None if self.cx.backlog.is_empty() || self.cx.slice.is_spent(self.cx.made) => {
                    self.cx.turn += 1;
                    self.cx.answers.forget();
                    if !self.closed.is_empty() {
                        self.closed.clear();
                    }
                    return None;
                }
                // The outputs of the messages of a slice are taken after all of them, so that each
                // receiver is written to once.
                None => self.is_batching = true,
            }
        }
    }

    /// Counts the bytes that the last message of a session has produced, and goes on with the
    /// session.
    fn count_made(&mut self, id: SessionId, made: usize) {
        let session = self.sessions.get_mut(id.index as usize).filter(|session| session.id == id);
        if session.is_some_and(|session| session.count_made(made) || session.inbox.is_some()) {
            self.with(id, Session::go_on);
        }
    }

    /// Takes packets from the inboxes until one is a message, or the slice is spent.
    fn take_waiting(&mut self) -> Option<(SessionId, Frame)> {
        while !self.cx.slice.is_spent(self.cx.made) {
            let id = self.cx.backlog.pop_front()?;
            self.cx.slice.count_packet();
            let mut message = None;
            self.with(id, |session, cx| message = session.take_next(cx));
            if let Some(message) = message {
                return Some((id, message));
            }
        }
        None
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due: for a deadline, or for the
    /// next slice of messages.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let slice = self.cx.slice.next_at().filter(|_| !self.cx.backlog.is_empty());
        self.cx.timers.next().into_iter().chain(slice).min()
    }

    /// Sends messages to a session, in order and with nothing between them.
    ///
    /// Volatile messages are dropped if the client is not ready to receive, unless it was ready
    /// earlier since [`poll_output`](Self::poll_output) last returned `None`. Returns false if they
    /// are dropped, if there is no such session, or if more than
    /// [`max_buffered`](EngineConfig::max_buffered) bytes would wait, which ends the session.
    pub fn send(&mut self, session: SessionId, messages: &Encoded, volatile: bool) -> bool {
        let mut sent = false;
        self.with(session, |session, cx| sent = session.send(messages, volatile, cx));
        sent
    }

    /// Sends a message after which the client still counts as ready: volatile messages that follow before the next input
    /// are not dropped.
    pub(crate) fn send_first(&mut self, session: SessionId, message: &Encoded) {
        self.with(session, |session, cx| session.send_first(message, cx));
    }

    /// Closes a session: messages that were sent to it are delivered within
    /// [`close_timeout`](EngineConfig::close_timeout), and nothing is received any more. An
    /// [unused](EngineConfig::max_unused_sessions) session ends at once, unless messages wait for
    /// it.
    pub fn close(&mut self, session: SessionId, now: Instant) {
        if !self.cx.outputs.is_empty() {
            self.closed.insert(session);
        }
        self.with(session, |session, cx| {
            if session.unused && session.outbox.unsent() == 0 {
                session.end(CloseReason::ForcedClose, cx);
            } else {
                session.close(cx, now);
            }
        });
    }

    /// Closes all sessions, and opens no more. [Unused](EngineConfig::max_unused_sessions) sessions
    /// end at once: their clients may never return.
    pub fn shut_down(&mut self, now: Instant) {
        self.refuse_new();
        for id in self.session_ids() {
            self.close(id, now);
            self.with(id, |session, cx| {
                if session.unused {
                    session.end(CloseReason::ForcedClose, cx);
                }
            });
        }
    }

    /// Returns whether there is no session, not even one that is closing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Returns the id of a session on the wire, a secret of its client.
    #[must_use]
    pub fn sid(&self, session: SessionId) -> Option<&Sid> {
        self.get(session).map(|session| &session.sid)
    }

    /// Returns the version of the protocol that a session speaks, 4 or 3.
    #[must_use]
    pub fn protocol(&self, session: SessionId) -> Option<u8> {
        self.get(session).map(|session| if session.codec.v3 { 3 } else { 4 })
    }

    /// Returns the transport of a session.
    #[must_use]
    pub fn transport(&self, session: SessionId) -> Option<Transport> {
        self.get(session).map(|session| match session.channel {
            Channel::Polling { .. } => Transport::Polling,
            Channel::WebSocket { .. } => Transport::WebSocket,
        })
    }

    /// Returns the number of bytes that wait to be sent to a session or are being written, as they
    /// count against [`max_buffered`](EngineConfig::max_buffered).
    #[must_use]
    pub fn buffered(&self, session: SessionId) -> Option<usize> {
        self.get(session).map(|session| session.outbox.unsent())
    }

    /// Returns the address that a session is counted for.
    pub(crate) fn address(&self, session: SessionId) -> Address {
        self.get(session).map_or(Address::Unknown, |session| session.address)
    }

    /// Returns whether reading of the client has stopped because earlier messages are not handled.
    pub(crate) fn is_held_back(&self, session: SessionId) -> bool {
        self.get(session).is_some_and(Session::is_held_back)
    }

    /// Returns whether messages for a session can be sent without more than
    /// [`max_buffered`](EngineConfig::max_buffered) bytes waiting; true if there is no such
    /// session.
    pub(crate) fn has_room_for(&self, session: SessionId, messages: &Encoded) -> bool {
        self.get(session).is_none_or(|session| session.has_room_for(messages, &self.cx))
    }

    /// Asks for one [`Event::Drained`] as soon as nothing waits to be sent to a session. Returns
    /// true, and does nothing, if nothing waits, or if there is no such session.
    pub fn watch_drained(&mut self, session: SessionId) -> bool {
        let mut drained = true;
        self.with(session, |session, _| {
            drained = session.outbox.unsent() == 0;
            session.watched |= !drained;
        });
        drained
    }

    /// Pauses or resumes a session. While it is paused, nothing is read from its client: not from
    /// its WebSocket, see [`Output::Pause`](crate::Output::Pause), and no bodies of its POSTs,
    /// except one or two that precede its switch to a WebSocket. So a client that sends more than
    /// can be handled has to wait.
    ///
    /// Messages that were read before wait, too; if the connection ends meanwhile, for
    /// [`close_timeout`](EngineConfig::close_timeout) at most. A paused session does not end
    /// because of missing pongs as long as its client takes the pings; in protocol 3, where clients
    /// ping, it does.
    pub fn pause(&mut self, session: SessionId, pause: bool, now: Instant) {
        self.with(session, |session, cx| session.pause(pause, cx, now));
    }

    /// Opens no more sessions: handshakes are answered with 503.
    pub fn refuse_new(&mut self) {
        self.closing = true;
        self.reject_pending();
    }

    /// Returns the sessions, in no particular order, with those that are closing.
    pub(crate) fn session_ids(&self) -> Vec<SessionId> {
        self.sessions.iter().map(|(_, session)| session.id).collect()
    }

    /// Returns how often things have happened so far, and how often limits were reached.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.cx.totals
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        self.generator.seed()
    }

    /// Returns how many things are remembered, by kind; all are zero once all sessions have ended
    /// and all outputs were taken.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            sessions: self.sessions.len(),
            unused: self.shares.unused(),
            handshakes: self.shares.handshakes,
            requests: self.cx.requests.len(),
            websockets: self.cx.websockets.len(),
            timers: self.cx.timers.len(),
            buffered: self.cx.buffered,
        }
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id.index as usize).filter(|session| session.id == id)
    }

    /// Calls `act` with a session, and removes the session if it has ended.
    pub(super) fn with(&mut self, id: SessionId, act: impl FnOnce(&mut Session, &mut Context)) {
        let index = id.index as usize;
        let Some(session) = self.sessions.get_mut(index).filter(|session| session.id == id) else {
            return;
        };
        let before = session.outbox.unsent();
        act(session, &mut self.cx);
        let gone = session.phase == Phase::Gone;
        if gone || matches!(session.phase, Phase::Draining(_)) {
            // Another session may have got the id of one that is draining.
            if self.by_sid.get(&session.sid) == Some(&id) {
                self.by_sid.remove(&session.sid);
            }
        }
        let after = if gone { 0 } else { session.outbox.unsent() };
        self.cx.buffered = self.cx.buffered + after - before;
        if session.watched && after == 0 && session.phase == Phase::Open {
            session.watched = false;
            self.cx.push(Output::Event(Event::Drained { session: id }));
        }
        if gone {
            let session = self.sessions.remove(index);
            self.shares.handshakes -= session.handshake;
            if session.unused {
                self.shares.remove_unused(session.address, id);
            }
            self.shares.leave(session.address);
        }
    }

    fn with_request(&mut self, req: RequestId, act: impl FnOnce(&mut Session, &mut Context)) {
        if let Some(open) = self.cx.requests.get(&req) {
            self.with(open.session, act);
        }
    }

    /// The last argument of `act` tells whether the WebSocket is one that is to take over a
    /// session.
    fn with_websocket(&mut self, ws: WsId, act: impl FnOnce(&mut Session, &mut Context, bool)) {
        if let Some(&id) = self.cx.websockets.get(&ws) {
            self.with(id, |session, cx| {
                let probing = session.probe.as_ref().is_some_and(|probe| probe.ws == ws);
                act(session, cx, probing);
            });
        }
    }

    fn on_body(&mut self, req: RequestId, body: Bytes, now: Instant) {
        self.with_request(req, |session, cx| session.on_body(req, body, cx, now));
    }

    fn on_frame(&mut self, ws: WsId, frame: Frame, now: Instant) {
        let frame_for = |session: &mut Session, cx: &mut Context, probing| {
            if probing {
                session.on_probe_frame(frame, cx, now);
            } else {
                session.on_session_frame(frame, cx, now);
            }
        };
        self.with_websocket(ws, frame_for);
    }

    fn on_closed(&mut self, ws: WsId, cause: CloseCause) {
        let reason = match cause {
            CloseCause::Peer => CloseReason::TransportClose,
            CloseCause::Error | CloseCause::TooLarge => CloseReason::TransportError,
        };
        if !self.cx.websockets.contains_key(&ws) {
            return self.abort_handshake(Source::WebSocket(ws));
        }
        self.cx.totals.too_large += u64::from(cause == CloseCause::TooLarge);
        self.with_websocket(ws, |session, cx, probing| {
            cx.websockets.remove(&ws);
            if probing { session.abandon_upgrade(cx) } else { session.end(reason, cx) }
        });
    }
}
