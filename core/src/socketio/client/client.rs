//! The machine: one connection below, sockets above, and the commands of the application.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::engineio::client::{Context, Session, TransportFault};
use crate::engineio::{CloseReason, Transport};
use crate::error::ConfigError;
use crate::id::{AckId, Mint, SocketId};
use crate::io::{Closure, RequestId, WsId};
use crate::socketio::ack::Acks;
use crate::socketio::client::backoff::Backoff;
use crate::socketio::client::life::Socket;
use crate::socketio::client::link::State;
use crate::socketio::client::outputs::Outputs;
use crate::socketio::client::socket::SocketMut;
use crate::socketio::client::{
    Config, Counts, Event, Fault, Input, OpenError, Output, SocketConfig,
};
use crate::socketio::packet::Decoder;
use crate::timers::{TimerId, Timers};

/// A Socket.IO client as a pure state machine: one connection to one server, with a socket for
/// each namespace.
///
/// Its methods come in four kinds:
///
/// - what happened: [`handle`](Self::handle), [`handle_timeout`](Self::handle_timeout);
/// - what is to be done: [`poll_output`](Self::poll_output), until it is `None`, and
///   [`poll_timeout`](Self::poll_timeout), the time to be back at;
/// - commands: [`open`](Self::open), those of [`socket`](Self::socket), [`close`](Self::close),
///   which apply at once;
/// - questions, which change nothing.
///
/// There is a connection as long as a socket wants one: the first that does opens it, the last
/// one that leaves closes it.
pub struct Client {
    pub(super) config: Config,
    pub(super) cx: Context,
    pub(super) outputs: Outputs,
    pub(super) state: State,
    /// The connection that is open or being opened.
    pub(super) session: Option<Session>,
    /// Connections that still deliver what was sent before they were closed.
    pub(super) closing: Vec<Session>,
    pub(super) backoff: Backoff,
    /// The application is asked where the attempt goes.
    pub(super) is_asking: bool,
    /// When the connection was opened.
    pub(super) opened: Option<Instant>,
    /// A WebSocket has worked, and nothing has failed since.
    pub(super) remembered: bool,
    /// In the order of their making.
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    pub(super) by_name: BTreeMap<Box<str>, SocketId>,
    /// The namespaces of which the server has not said whether it lets a socket in.
    pub(super) unanswered: BTreeSet<Box<str>>,
    /// The namespaces that were left on this connection: events of before may still be on their
    /// way.
    pub(super) left: BTreeSet<Box<str>>,
    pub(super) decoder: Decoder,
    /// For the rest of a binary packet to come.
    pub(super) attachment_timer: Option<TimerId>,
    pub(super) acks: Acks,
    pub(super) timers: Timers<Alarm>,
    /// The bytes that wait in the sockets.
    pub(super) waiting: usize,
    /// To give up delivering what was emitted before the end that the application asked for.
    pub(super) farewell: Option<TimerId>,
    /// No further packets of an answer are looked at.
    paused: bool,
    /// The time of the last input.
    now: Option<Instant>,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alarm {
    /// To give up opening a connection.
    Opening,
    /// To connect again.
    Reconnect,
    /// To give up waiting for an acknowledgement.
    Ack(SocketId, AckId),
    /// To give up waiting for the acknowledgement of one try.
    Try(SocketId, AckId),
    /// To give up waiting for the rest of a packet.
    Attachments,
    /// To give up waiting for a socket to be let in.
    Joining(SocketId),
    /// To give up what is not delivered at the end.
    ShutDown,
}

impl Client {
    /// Makes a client without sockets.
    ///
    /// `seed` should differ from that of all other clients: delays are drawn from it, and it keeps
    /// clients apart that lost their server at the same time.
    ///
    /// # Errors
    ///
    /// If a field of the configuration has a value that can't work.
    pub fn new(config: Config, seed: [u8; 32]) -> Result<Self, ConfigError> {
        let session = config.session();
        session.validate()?;
        config.validate()?;
        Ok(Self {
            config,
            cx: Context::new(session, Mint::new(seed, 0)),
            outputs: Outputs::default(),
            state: State::Idle,
            session: None,
            closing: Vec::new(),
            backoff: Backoff::default(),
            is_asking: false,
            opened: None,
            remembered: false,
            sockets: BTreeMap::new(),
            by_name: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            left: BTreeSet::new(),
            decoder: Decoder::default(),
            attachment_timer: None,
            acks: Acks::default(),
            timers: Timers::new(),
            waiting: 0,
            farewell: None,
            paused: false,
            now: None,
        })
    }

    /// The options.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Takes in what happened. What the server does wrong costs it the connection.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.catch_up(now);
        self.cx.turn += 1;
        self.now = Some(now);
        match input {
            Input::Response { req, response } => {
                self.with_request(req, |session, cx| session.on_response(req, response, cx, now));
            }
            Input::Failed { req, message } => {
                let fault = TransportFault::Network { transport: Transport::Polling, message };
                self.with_request(req, |session, cx| {
                    session.on_request_failed(req, fault, cx, now)
                });
            }
            Input::Opened { ws } => {
                self.with_websocket(ws, |session, cx| session.on_websocket_opened(cx))
            }
            Input::Refused { ws, response } => {
                let fault = TransportFault::refused(&response);
                let reason = CloseReason::TransportError;
                self.with_websocket(ws, |session, cx| {
                    session.on_websocket_closed(reason, fault, cx, now)
                });
            }
            Input::Frame { ws, frame } => {
                self.with_websocket(ws, |session, cx| session.on_frame(ws, frame, cx, now));
            }
            Input::Drained { ws } => {
                self.with_websocket(ws, |session, cx| session.on_drained(cx, now));
            }
            Input::Pong { ws } => self.with_websocket(ws, |session, cx| session.on_pong(cx, now)),
            Input::Closed { ws, cause, code, message } => {
                let reason = match cause {
                    Closure::Peer => CloseReason::TransportClose,
                    Closure::Error | Closure::TooLarge => CloseReason::TransportError,
                };
                let fault = TransportFault::websocket_closed(cause, code, message);
                self.with_websocket(ws, |session, cx| {
                    session.on_websocket_closed(reason, fault, cx, now)
                });
            }
            Input::Online => self.on_online(now),
            Input::Offline => self.on_offline(now),
        }
        self.follow(now);
        self.wind_down(now);
        self.flush(now);
    }

    /// Lets time pass. May be called early, late, or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.catch_up(now);
        self.cx.turn += 1;
        self.now = Some(now);
        self.elapse(now);
        while let Some(alarm) = self.timers.pop_expired(now) {
            match alarm {
                Alarm::Opening => self.on_opening_timeout(now),
                Alarm::Reconnect => self.reconnect(now),
                Alarm::Ack(socket, ack) => self.on_ack_timeout(socket, ack),
                Alarm::Try(socket, ack) => self.on_try_timeout(socket, ack, now),
                Alarm::Attachments => {
                    self.attachment_timer = None;
                    self.break_off(Fault::Unfinished, now);
                }
                Alarm::Joining(socket) => self.on_joining_timeout(socket, now),
                Alarm::ShutDown => self.on_shut_down_timeout(now),
            }
            self.follow(now);
        }
        self.wind_down(now);
        self.flush(now);
    }

    /// Looks at the rest of the last answer, for drivers that have not taken all outputs: what
    /// came first is told first.
    fn catch_up(&mut self, now: Instant) {
        while self.read_on(now) {}
    }

    /// Looks at some more of the last answer; false if there is no more.
    fn read_on(&mut self, now: Instant) -> bool {
        if self.paused {
            return false;
        }
        let Some(session) = self.session.as_mut().filter(|session| session.has_unread()) else {
            return false;
        };
        session.read_some(&mut self.cx, now);
        self.follow(now);
        self.wind_down(now);
        self.flush(now);
        true
    }

    /// Lets time pass for the connections.
    pub(super) fn elapse(&mut self, now: Instant) {
        for session in self.session.iter_mut().chain(&mut self.closing) {
            while session.deadline().is_some_and(|deadline| deadline <= now) {
                session.on_deadline(&mut self.cx, now);
            }
        }
        self.follow(now);
    }

    /// Appends an event for the application.
    pub(super) fn report(&mut self, event: Event) {
        self.outputs.push_event(event, &mut self.cx);
    }

    /// What is to be done next.
    #[must_use = "an output that is not carried out leaves the server waiting"]
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        loop {
            if let Some(output) = self.outputs.poll(&mut self.cx) {
                return Some(output);
            }
            let now = self.now?;
            if !self.read_on(now) {
                return None;
            }
        }
    }

    /// Has the packets wait that have arrived by long-polling and were not looked at yet, or goes
    /// on with them: for drivers that have more events than they can handle. No more are asked for
    /// meanwhile. From WebSockets the driver itself stops reading. A server that does not get an
    /// answer to its ping ends the connection.
    pub const fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sessions = self.session.iter().chain(&self.closing);
        sessions.filter_map(Session::deadline).chain(self.timers.next()).min()
    }

    /// Makes a socket for a namespace, and connects it unless the options say otherwise.
    ///
    /// # Errors
    ///
    /// If there is one for this namespace, or the name can't be that of a namespace.
    pub fn open(
        &mut self,
        namespace: &str,
        config: SocketConfig,
        now: Instant,
    ) -> Result<SocketId, OpenError> {
        if !is_valid_name(namespace) {
            return Err(OpenError::Name);
        }
        if self.by_name.contains_key(namespace) {
            return Err(OpenError::Taken);
        }
        let id = SocketId { serial: self.cx.mint.serial(), index: 0 };
        let connect = config.auto_connect;
        self.by_name.insert(namespace.into(), id);
        self.sockets.insert(id, Socket::new(namespace, config));
        if connect {
            self.connect(id, now);
            self.flush(now);
        }
        Ok(id)
    }

    /// A socket; `None` once it was [removed](SocketMut::remove).
    pub fn socket(&mut self, id: SocketId) -> Option<SocketMut<'_>> {
        self.sockets.get(&id)?;
        Some(SocketMut { client: self, id })
    }

    /// The socket for this namespace.
    #[must_use]
    pub fn find(&self, namespace: &str) -> Option<SocketId> {
        self.by_name.get(namespace).copied()
    }

    /// Disconnects all sockets, which closes the connection. What has left its socket is still
    /// delivered if it can be, within the [`close_timeout`](Config::close_timeout); see
    /// [`is_idle`](Self::is_idle). What waits for its socket to be connected stays with it:
    /// [`shut_down`](Self::shut_down) sends that, too.
    pub fn close(&mut self, now: Instant) {
        let ids: Vec<_> = self.sockets.keys().copied().collect();
        for id in ids {
            self.disconnect(id, now);
        }
    }

    /// Whether there is a connection.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether there is no connection, not even one that is being opened, waited for, or closed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.closing.is_empty()
    }

    /// The transport of the connection, if there is one.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.session.as_ref().filter(|session| session.is_open()).map(Session::transport)
    }

    /// How many things are remembered.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            sockets: self.sockets.len(),
            acks: self.acks.len(),
            buffered: self.buffered(),
            timers: self.timers.len(),
            ..Counts::default()
        };
        for session in self.session.iter().chain(&self.closing) {
            let (requests, websockets) = session.connections();
            counts.requests += requests;
            counts.websockets += websockets;
            counts.timers += usize::from(session.deadline().is_some());
        }
        counts
    }

    fn with_request(&mut self, req: RequestId, act: impl FnOnce(&mut Session, &mut Context)) {
        let mut sessions = self.session.iter_mut().chain(&mut self.closing);
        if let Some(session) = sessions.find(|session| session.owns_request(req)) {
            act(session, &mut self.cx);
        }
    }

    fn with_websocket(&mut self, ws: WsId, act: impl FnOnce(&mut Session, &mut Context)) {
        let mut sessions = self.session.iter_mut().chain(&mut self.closing);
        if let Some(session) = sessions.find(|session| session.owns_websocket(ws)) {
            act(session, &mut self.cx);
        }
    }
}

/// Names stand in packets in which a comma ends them.
fn is_valid_name(name: &str) -> bool {
    name.starts_with('/')
        && name.len() <= 255
        && !name.contains(|c: char| c == ',' || c == '?' || c.is_control())
}
