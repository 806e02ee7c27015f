//! The state machine of a Socket.IO client: one Engine.IO session below, sockets above.
//!
//! Here are the inputs, outputs, deadlines and the making of sockets. The methods that react are in
//! `connection` (the session is opened, lost, opened again), `namespaces` (CONNECT and DISCONNECT),
//! `receiving`, `sending` and `shutdown`; the commands of one socket are those of `SocketMut`.
//!
//! What one input leads to, from top to bottom:
//!
//! ```text
//! handle(input)
//!   read_some              the packets of an earlier answer, if the driver has left some
//!   Session::on_frame ..   Engine.IO: what does it mean for the session?
//!   handle_session_events  Socket.IO: what does it mean for sockets? Events for the application.
//!   continue_shutdown      is anything left to be sent?
//!   flush                  one batch of packets, if the transport can take one
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::engineio::client::{Context, Output, Session, TransportFault};
use crate::engineio::{CloseReason, Transport};
use crate::error::ConfigError;
use crate::id::{IdGenerator, SocketId};
use crate::io::{CloseCause, RequestId, WsId};
use crate::socketio::ack::Acks;
use crate::socketio::client::alarm::Alarm;
use crate::socketio::client::backoff::Backoff;
use crate::socketio::client::config::{Config, SocketConfig};
use crate::socketio::client::counts::Counts;
use crate::socketio::client::error::{Fault, OpenError};
use crate::socketio::client::event::Event;
use crate::socketio::client::input::Input;
use crate::socketio::client::outputs::Outputs;
use crate::socketio::client::socket::Socket;
use crate::socketio::client::state::State;
use crate::socketio::packet::Decoder;
use crate::timers::{TimerId, Timers};

/// A Socket.IO client as a pure state machine: one connection to one server, with a socket for
/// each namespace.
///
/// Its methods come in four kinds:
///
/// - inputs: [`handle`](Self::handle), [`handle_timeout`](Self::handle_timeout);
/// - outputs: [`poll_output`](Self::poll_output), until it is `None`, and
///   [`poll_timeout`](Self::poll_timeout), when `handle_timeout` is due;
/// - commands: [`open`](Self::open), those of [`socket`](Self::socket), [`close`](Self::close),
///   which apply at once;
/// - questions, which change nothing.
///
/// There is a connection as long as a socket is to be connected: the first one opens it, the last
/// one closes it.
pub struct Client {
    /// The options, which never change.
    pub(super) config: Config,
    /// What all sessions share, and the queues of what they report and want done.
    pub(super) cx: Context,
    /// Events that were not polled yet, and what the sessions had made before them.
    pub(super) outputs: Outputs,
    /// Whether there is a connection, or will be one.
    pub(super) state: State,
    /// The session that is open or being opened.
    pub(super) session: Option<Session>,
    /// Sessions that still deliver the packets from before they were closed.
    pub(super) closing: Vec<Session>,
    /// How long to wait before the next attempt.
    pub(super) backoff: Backoff,
    /// Whether the application is asked where the attempt goes.
    pub(super) is_asking: bool,
    /// When the connection was opened.
    pub(super) opened_at: Option<Instant>,
    /// Whether a WebSocket has worked, and nothing has failed since.
    pub(super) websocket_worked: bool,
    /// In the order of their making.
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    /// There is at most one socket for each namespace, because packets name nothing else.
    pub(super) by_namespace: BTreeMap<Box<str>, SocketId>,
    /// The namespaces for which the server has not answered CONNECT. One that was left meanwhile is
    /// among them: a second CONNECT could not be told from the first by its answer.
    pub(super) unanswered: BTreeSet<Box<str>>,
    /// The namespaces that were left on this connection: events from before may still arrive.
    pub(super) left: BTreeSet<Box<str>>,
    /// Puts packets together of which some attachments are still to arrive.
    pub(super) decoder: Decoder,
    /// When to give up waiting for the attachments of a packet.
    pub(super) attachment_timer: Option<TimerId>,
    /// The acknowledgements that the server has not sent yet.
    pub(super) acks: Acks,
    /// All deadlines but those of the sessions.
    pub(super) timers: Timers<Alarm>,
    /// The bytes that the sockets hold in their buffers and queues.
    pub(super) held_bytes: usize,
    /// When to end [`shut_down`](Self::shut_down), while it is in progress.
    pub(super) shutdown_timer: Option<TimerId>,
    /// Whether the packets that have arrived by long-polling wait.
    paused: bool,
    /// The time of the last input.
    now: Option<Instant>,
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
        // Two layers have options; the application sees one set of them.
        let session = config.session();
        session.validate()?;
        config.validate()?;
        Ok(Self {
            config,
            cx: Context::new(session, IdGenerator::new(seed, 0)),
            outputs: Outputs::default(),
            state: State::Idle,
            session: None,
            closing: Vec::new(),
            backoff: Backoff::default(),
            is_asking: false,
            opened_at: None,
            websocket_worked: false,
            sockets: BTreeMap::new(),
            by_namespace: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            left: BTreeSet::new(),
            decoder: Decoder::default(),
            attachment_timer: None,
            acks: Acks::default(),
            timers: Timers::new(),
            held_bytes: 0,
            shutdown_timer: None,
            paused: false,
            now: None,
        })
    }

    /// Returns the options.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    // Inputs.

    /// Handles an input. A server that violates a protocol loses the connection.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.begin_input(now);
        match input {
            Input::Response { req, response } => {
                self.with_request(req, |session, cx| session.on_response(req, response, cx, now));
            }
            // The driver names no transport: only long-polling makes requests.
            Input::Failed { req, message } => {
                let fault = TransportFault::Network { transport: Transport::Polling, message };
                self.with_request(req, |session, cx| {
                    session.on_request_failed(req, fault, cx, now);
                });
            }
            Input::Opened { ws } => {
                self.with_websocket(ws, |session, cx| session.on_websocket_opened(cx));
            }
            Input::Refused { ws, response } => {
                let (reason, fault) =
                    (CloseReason::TransportError, TransportFault::refused(&response));
                self.with_websocket(ws, |session, cx| {
                    session.on_websocket_closed(reason, fault, cx, now);
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
                // A Close frame is an orderly end, as a browser sends it when a page is left; all
                // else is an error.
                let reason = match cause {
                    CloseCause::Peer => CloseReason::TransportClose,
                    CloseCause::Error | CloseCause::TooLarge => CloseReason::TransportError,
                };
                let fault = TransportFault::websocket_closed(cause, code, message);
                self.with_websocket(ws, |session, cx| {
                    session.on_websocket_closed(reason, fault, cx, now);
                });
            }
            Input::Online => self.on_online(now),
            Input::Offline => self.on_offline(now),
        }
        self.handle_session_events(now);
        self.finish_input(now);
    }

    /// Processes expired deadlines. May be called early, late, or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin_input(now);
        // The session first: a server that is lost can't be in time with anything else.
        self.advance_sessions(now);
        while let Some(alarm) = self.timers.pop_expired(now) {
            match alarm {
                Alarm::OpenTimeout => self.on_open_timeout(now),
                Alarm::Reconnect => self.reconnect(now),
                Alarm::AckTimeout(socket, ack) => self.on_ack_timeout(socket, ack),
                Alarm::TryTimeout(socket, ack) => self.on_try_timeout(socket, ack, now),
                Alarm::AttachmentTimeout => {
                    self.attachment_timer = None;
                    self.fail_to_parse(Fault::Unfinished, now);
                }
                Alarm::ConnectTimeout(socket) => self.on_connect_timeout(socket, now),
                Alarm::ShutdownTimeout => self.on_shutdown_timeout(now),
            }
            self.handle_session_events(now);
        }
        self.finish_input(now);
    }

    /// Handles the rest of the last answer first, for drivers that have not taken all outputs: the
    /// order of events is that of their arrival.
    fn begin_input(&mut self, now: Instant) {
        while self.read_some(now) {}
        self.cx.turn += 1;
        self.now = Some(now);
    }

    /// The last step of everything that happens.
    fn finish_input(&mut self, now: Instant) {
        self.continue_shutdown(now);
        self.flush(now);
    }

    /// Handles some of the packets of the last answer; false if there are none, or the client is
    /// paused.
    fn read_some(&mut self, now: Instant) -> bool {
        if self.paused {
            return false;
        }
        let Some(session) = self.session.as_mut().filter(|session| session.has_unread()) else {
            return false;
        };
        session.read_some(&mut self.cx, now);
        self.handle_session_events(now);
        self.finish_input(now);
        true
    }

    /// Processes expired deadlines of the sessions.
    pub(super) fn advance_sessions(&mut self, now: Instant) {
        for session in self.session.iter_mut().chain(&mut self.closing) {
            while session.deadline().is_some_and(|deadline| deadline <= now) {
                session.on_deadline(&mut self.cx, now);
            }
        }
        self.handle_session_events(now);
    }

    /// Writes the packets that are queued, if the transport can take them now.
    pub(super) fn flush(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.flush(&mut self.cx, now);
        }
    }

    /// Hands an input to the session whose request it names. If there is none, the request was
    /// aborted before the driver knew of it.
    fn with_request(&mut self, req: RequestId, act: impl FnOnce(&mut Session, &mut Context)) {
        let mut sessions = self.session.iter_mut().chain(&mut self.closing);
        if let Some(session) = sessions.find(|session| session.owns_request(req)) {
            act(session, &mut self.cx);
        }
    }

    /// Hands an input to the session whose WebSocket it names.
    fn with_websocket(&mut self, ws: WsId, act: impl FnOnce(&mut Session, &mut Context)) {
        let mut sessions = self.session.iter_mut().chain(&mut self.closing);
        if let Some(session) = sessions.find(|session| session.owns_websocket(ws)) {
            act(session, &mut self.cx);
        }
    }

    // Outputs.

    /// Appends an event for the application.
    #[inline]
    pub(super) fn push_event(&mut self, event: Event) {
        self.outputs.push_event(event, &mut self.cx);
    }

    /// Returns what is to be done next.
    #[must_use = "an output that is not carried out leaves the server waiting"]
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        loop {
            if let Some(output) = self.outputs.poll() {
                return Some(output);
            }
            if let Some(output) = self.cx.poll_output() {
                return Some(output.with_events());
            }
            // Before the first input nothing can have arrived.
            let now = self.now?;
            if !self.read_some(now) {
                return None;
            }
        }
    }

    /// Pauses the packets that have arrived by long-polling and were not handled yet, or continues
    /// with them: for drivers that have more events than they can handle. No more packets are asked
    /// for meanwhile. From WebSockets the driver itself stops reading. A server that does not get
    /// an answer to its ping ends the connection.
    pub const fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sessions = self.session.iter().chain(&self.closing);
        sessions.filter_map(Session::deadline).chain(self.timers.next()).min()
    }

    // Commands.

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
        if self.by_namespace.contains_key(namespace) {
            return Err(OpenError::Taken);
        }
        // Ids are never used twice, so a late command can't reach another socket.
        let id = SocketId { serial: self.cx.generator.serial(), index: 0 };
        let connect = config.auto_connect;
        self.by_namespace.insert(namespace.into(), id);
        self.sockets.insert(id, Socket::new(namespace, config));
        if connect {
            self.connect(id, now);
            self.flush(now);
        }
        Ok(id)
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

    // Questions.

    /// Returns the socket for this namespace.
    #[must_use]
    pub fn find(&self, namespace: &str) -> Option<SocketId> {
        self.by_namespace.get(namespace).copied()
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

    /// Returns the transport of the connection, if there is one.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.session.as_ref().filter(|session| session.is_open()).map(Session::transport)
    }

    /// Returns how many things are remembered.
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
}

/// Whether this can be the name of a namespace: in a packet it ends at the first comma, and what
/// follows a question mark is a query.
fn is_valid_name(name: &str) -> bool {
    name.starts_with('/')
        && name.len() <= 255
        && !name.contains(|c: char| c == ',' || c == '?' || c.is_control())
}
