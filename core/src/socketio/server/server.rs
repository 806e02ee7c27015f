//! The server machine of Socket.IO: it turns messages of sessions into events of sockets, and
//! commands of the application into packets.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use slab::Slab;

use crate::args::Args;
use crate::engineio;
use crate::engineio::{Admission, Encoded, Engine, Handshake, HandshakeId};
use crate::error::ConfigError;
use crate::id::{AckId, Hashing, IdGenerator, IdMap, SessionId, Sid, SocketId};
use crate::io::{Input, Output};
use crate::socketio::ack::{Acks, PendingAck};
use crate::socketio::error::{AckError, DisconnectReason, EncodeError};
use crate::socketio::packet;
use crate::socketio::server::alarm::{Alarm, Wait};
use crate::socketio::server::broadcast_acks::BroadcastAcks;
use crate::socketio::server::connection::Connection;
use crate::socketio::server::names::Namespace;
use crate::socketio::server::namespace::NamespaceState;
use crate::socketio::server::quotas::CountByAddress;
use crate::socketio::server::recovery::Recovery;
use crate::socketio::server::retirement::Retirement;
use crate::socketio::server::socket::{Phase, Socket};
use crate::socketio::server::{Counts, Event, NamespaceConfig, ServerConfig, Totals};
use crate::timers::Timers;

/// A Socket.IO server as a pure state machine.
///
/// Its methods come in four kinds:
///
/// - inputs: [`handle`](Self::handle), [`handle_timeout`](Self::handle_timeout);
/// - outputs: [`poll_output`](Self::poll_output), until it returns `None`, and
///   [`poll_timeout`](Self::poll_timeout), the time of the next `handle_timeout`;
/// - commands, which apply at once: [`emit`](Self::emit) and those of [`socket`](Self::socket),
///   [`accept`](Self::accept), [`reject`](Self::reject), [`shut_down`](Self::shut_down);
/// - questions, which change nothing.
///
/// # Order
///
/// The order of outputs depends on the seed and the inputs alone. Events of one socket come in the
/// order in which its client sent them, after its `Connected` and before its `Disconnected`.
/// Packets to a socket arrive in the order of the commands; those that are emitted while its
/// `Connected` is handled arrive after the answer to its CONNECT.
pub struct Server {
    pub(super) config: ServerConfig,
    pub(super) engine: Engine,
    pub(super) connections: IdMap<SessionId, Connection>,
    pub(super) namespaces: Slab<NamespaceState>,
    pub(super) by_name: HashMap<Namespace, usize, Hashing>,
    /// The number of dynamic namespaces of each address.
    pub(super) dynamic: CountByAddress,
    pub(super) sockets: Slab<Socket>,
    pub(super) by_sid: HashMap<Sid, SocketId, Hashing>,
    pub(super) acks: Acks,
    pub(super) timers: Timers<Alarm>,
    events: VecDeque<Event>,
    pub(super) generator: IdGenerator,
    pub(super) closing: bool,
    pub(super) broadcast_acks: BTreeMap<AckId, BroadcastAcks>,
    pub(super) recovery: Option<Recovery>,
    /// The time of the last input.
    pub(super) now: Option<Instant>,
    pub(super) totals: Totals,
    pub(super) retirement: Option<Retirement>,
}

impl Server {
    /// Makes a server without clients.
    ///
    /// `seed` must be unpredictable: ids are drawn from it, and those of sessions are secrets.
    ///
    /// # Errors
    ///
    /// If a field of the configuration has an invalid value.
    pub fn new(config: ServerConfig, seed: [u8; 32]) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut engine = Engine::new(config.engine.clone(), seed)?;
        let mut generator = IdGenerator::new(engine.seed(), config.engine.shard);
        let hashing = generator.hashing();
        let mut namespaces = Slab::new();
        let mut by_name = HashMap::with_hasher(hashing);
        for NamespaceConfig { name, manual_accept } in &config.namespaces {
            let name = Namespace::from(name.as_str());
            let namespace = NamespaceState::new(Namespace::clone(&name), *manual_accept, hashing);
            by_name.insert(name, namespaces.insert(namespace));
        }
        let recovery = config.recovery.map(|config| Recovery::new(config, &mut generator));
        Ok(Self {
            config,
            engine,
            connections: IdMap::default(),
            namespaces,
            by_name,
            dynamic: CountByAddress::default(),
            sockets: Slab::new(),
            by_sid: HashMap::with_hasher(hashing),
            acks: Acks::default(),
            timers: Timers::new(),
            events: VecDeque::new(),
            generator,
            closing: false,
            broadcast_acks: BTreeMap::new(),
            recovery,
            now: None,
            totals: Totals::default(),
            retirement: None,
        })
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Handles an input. A misbehaving client only loses its own request or connection.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.now = Some(now);
        self.engine.handle(input, now);
    }

    /// Processes expired deadlines. May be called early, late, or twice.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = Some(now);
        self.engine.handle_timeout(now);
        while let Some(alarm) = self.timers.pop_expired(now) {
            match alarm {
                Alarm::Client(session, wait) => self.on_client_alarm(session, wait, now),
                Alarm::Decision(socket) => self.on_decision_alarm(socket),
                Alarm::Ack(socket, ack) => {
                    if self.take_pending_ack(socket, ack).is_some() {
                        self.tell(Event::Acked { socket, ack, result: Err(AckError::Timeout) });
                    }
                }
                Alarm::BroadcastAcks(ack) => self.finish_broadcast_acks(ack, true),
                Alarm::Recovery => self.purge_recovery(now),
                Alarm::Rate(session) => self.on_rate_alarm(session, now),
                Alarm::Retire => self.close_next_retired(now),
            }
        }
    }

    /// Returns the next output; `None` if there is none at the moment.
    #[must_use = "an output that is not carried out leaves a client waiting"]
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Output::Event(event));
            }
            match self.engine.poll_output()?.into_event() {
                Ok(event) => self.on_engine_event(event),
                Err(output) => return Some(output),
            }
        }
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due: for a deadline, or for the
    /// next slice of messages.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout().into_iter().chain(self.timers.next()).min()
    }

    /// Returns the socket with this id on the wire.
    #[must_use]
    pub fn find(&self, sid: &str) -> Option<SocketId> {
        self.by_sid.get(sid).copied()
    }

    /// Returns the number of sockets that are connected to a namespace.
    #[must_use]
    pub fn socket_count(&self, namespace: &str) -> usize {
        let index = self.namespace(namespace.as_bytes());
        index.map_or(0, |index| self.namespaces[index].members.len())
    }

    /// Accepts the CONNECT of a socket; does nothing if its client is gone.
    pub fn accept(&mut self, connecting: SocketId) {
        let Some(socket) = self.get_mut(connecting) else {
            return;
        };
        if let Phase::Connecting(auth, timer) = &mut socket.phase {
            let auth = std::mem::take(auth);
            timer.take().into_iter().for_each(|timer| self.timers.clear(timer));
            self.connect(connecting, auth);
        }
    }

    /// Rejects the CONNECT of a socket with a CONNECT_ERROR packet; does nothing if its client is
    /// gone.
    ///
    /// On the wire it is `44{"message":"..","data":..}`, without data if it is `()`. In version 4
    /// of the protocol, the packet holds the data alone, or the message alone.
    ///
    /// # Errors
    ///
    /// If the data can't be serialized; the client still waits then.
    pub fn reject<T: Serialize + ?Sized>(
        &mut self,
        connecting: SocketId,
        message: &str,
        data: &T,
    ) -> Result<(), EncodeError> {
        let Some(Socket { phase: Phase::Connecting(..), session, namespace, .. }) =
            self.get(connecting)
        else {
            return Ok(());
        };
        let (session, namespace) = (*session, *namespace);
        let old = self.connections.get(&session).is_some_and(|client| client.is_v4);
        let name = &self.namespaces[namespace].name;
        let parser = &*self.config.parser;
        let refusal = packet::connect_error(parser, name, old, message, data)?;
        self.send_connect_error(connecting, &refusal);
        Ok(())
    }

    /// Rejects the CONNECT of a socket for a [dynamic](ServerConfig::dynamic_namespaces) namespace
    /// with `Invalid namespace`, as for one that does not exist. Does nothing if its client is
    /// gone.
    pub fn reject_namespace(&mut self, connecting: SocketId) {
        let Some(Socket { phase: Phase::Connecting(..), namespace, .. }) = self.get(connecting)
        else {
            return;
        };
        let name = &self.namespaces[*namespace].name;
        let refusal = packet::unknown_namespace(&*self.config.parser, name);
        self.send_connect_error(connecting, &refusal);
    }

    fn send_connect_error(&mut self, connecting: SocketId, refusal: &Encoded) {
        let Some(socket) = self.get_mut(connecting) else { return };
        let returning = socket.returning_sid();
        let session = socket.session;
        if let Some(client) = self.connections.get_mut(&session) {
            client.sockets.retain(|&other| other != connecting);
            client.refusals.add(self.now);
        }
        self.forget(connecting);
        self.tell_expired(returning);
        self.engine.send(session, refusal, false);
    }

    /// Accepts a handshake that [`Event::HandshakeRequested`] asks about; does nothing if its
    /// client is gone. See [`Engine::accept_handshake`].
    pub fn accept_handshake(&mut self, id: HandshakeId, admission: Admission, now: Instant) {
        self.engine.accept_handshake(id, admission, now);
    }

    /// Rejects a handshake that [`Event::HandshakeRequested`] asks about, with status 403 and this
    /// message; does nothing if its client is gone.
    pub fn reject_handshake(&mut self, id: HandshakeId, message: &str) {
        self.engine.reject_handshake(id, message);
    }

    /// Returns whether there is no connection, not even one that is closing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.engine.is_idle()
    }

    /// Handles one event of the layer below. The next one is handled after the commands that the
    /// application gives meanwhile.
    fn on_engine_event(&mut self, event: engineio::Event) {
        let Some(now) = self.now else { return };
        match event {
            engineio::Event::HandshakeRequested { id, handshake } => {
                self.tell(Event::HandshakeRequested { id, handshake });
            }
            engineio::Event::HandshakeAborted { id } => self.tell(Event::HandshakeAborted { id }),
            engineio::Event::Opened { session, handshake } => {
                self.on_opened(session, handshake, now)
            }
            engineio::Event::Message { session, message } => self.on_message(session, message, now),
            engineio::Event::Upgraded { session } => self.on_upgraded(session),
            engineio::Event::Drained { session } => self.on_drained(session),
            engineio::Event::Closed { session, reason } => self.on_closed(session, reason.into()),
        }
    }

    fn on_opened(&mut self, session: SessionId, handshake: Option<Handshake>, now: Instant) {
        let delay = self.config.connect_timeout;
        let timer = self.timers.set(now, delay, Alarm::Client(session, Wait::Connect));
        let mut client = Connection::new(timer);
        client.handshake = handshake.map(Arc::new);
        client.is_v4 = self.engine.protocol(session) == Some(3);
        let old = client.is_v4;
        self.connections.insert(session, client);
        // In version 4 of the protocol, clients are in the main namespace without a CONNECT.
        if old && self.on_connect(session, b"/", Args::none()).is_err() {
            self.end_session(session, DisconnectReason::ForcedClose, now);
        }
    }

    fn on_upgraded(&mut self, session: SessionId) {
        let client = self.connections.get(&session);
        let sockets = client.map(|client| client.sockets.clone()).unwrap_or_default();
        for socket in sockets {
            if self.is_connected(socket) {
                self.tell(Event::Upgraded { socket });
            }
        }
    }

    /// Closes a connection; messages that arrived over it are not handled any more.
    pub(super) fn end_session(
        &mut self,
        session: SessionId,
        reason: DisconnectReason,
        now: Instant,
    ) {
        self.engine.close(session, now);
        self.on_closed(session, reason);
    }

    fn on_closed(&mut self, session: SessionId, reason: DisconnectReason) {
        let Some(client) = self.connections.remove(&session) else {
            return;
        };
        client.timers().for_each(|timer| self.timers.clear(timer));
        let reason = if self.closing { DisconnectReason::ServerShuttingDown } else { reason };
        for socket in client.sockets {
            self.remove(socket, reason);
        }
        if self.connections.is_empty() {
            self.cancel_retirement();
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn send(&mut self, socket: SocketId, encoded: &Encoded, volatile: bool) -> bool {
        let session = self.get(socket).map(|socket| socket.session);
        session.is_some_and(|session| self.engine.send(session, encoded, volatile))
    }

    pub(super) fn get(&self, id: SocketId) -> Option<&Socket> {
        self.sockets.get(id.index as usize).filter(|socket| socket.id == id)
    }

    pub(super) fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.sockets.get_mut(id.index as usize).filter(|socket| socket.id == id)
    }

    pub(super) fn is_connected(&self, id: SocketId) -> bool {
        self.get(id).is_some_and(|socket| matches!(socket.phase, Phase::Connected))
    }

    pub(super) fn namespace(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(std::str::from_utf8(name).ok()?).copied()
    }

    /// Makes a dynamic namespace, unless there are too many, of all or of the address of the
    /// client.
    pub(super) fn add_namespace(&mut self, session: SessionId, name: &str) -> Option<usize> {
        let limit = self.config.max_namespaces;
        let address = self.engine.address(session);
        let has_room = self.namespaces.len() < limit;
        if !has_room || !self.dynamic.add(address, (limit / 4).max(100)) {
            return None;
        }
        let name = Namespace::from(name);
        let hashing = *self.by_name.hasher();
        let namespace = NamespaceState {
            dynamic: true,
            address,
            ..NamespaceState::new(Namespace::clone(&name), true, hashing)
        };
        let index = self.namespaces.insert(namespace);
        self.by_name.insert(name, index);
        Some(index)
    }

    pub(super) fn expect_ack(&mut self, id: SocketId, ack: AckId, owed: PendingAck) {
        if let Some(socket) = self.get_mut(id) {
            socket.pending_acks += 1;
            self.acks.expect(id, ack, owed);
        }
    }

    /// Removes a pending acknowledgement; `None` if this socket is not to send it.
    pub(super) fn take_pending_ack(&mut self, id: SocketId, ack: AckId) -> Option<PendingAck> {
        let owed = self.acks.take(id, ack)?;
        if let Some(socket) = self.get_mut(id) {
            socket.pending_acks -= 1;
        }
        Some(owed)
    }

    /// Returns how many things are remembered, by kind; all are zero once all clients are gone and
    /// all outputs were taken.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            engine: self.engine.counts(),
            sockets: self.sockets.len(),
            acks: self.acks.len(),
            away: self.recovery.as_ref().map_or(0, Recovery::saved),
            rooms: self.namespaces.iter().map(|(_, namespace)| namespace.members.rooms()).sum(),
            logged: self.recovery.as_ref().map_or(0, Recovery::bytes),
            timers: self.timers.len(),
        }
    }

    /// Returns how often things have happened so far, and how often limits were reached.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals { engine: self.engine.totals(), ..self.totals }
    }
}
