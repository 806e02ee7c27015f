//! What one client says: the packets of one session, and the state they leave behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::engineio::Handshake;
use crate::engineio::http::handshake::decode as decode_query;
use crate::error::DisconnectReason;
use crate::id::{AckId, SessionId, SocketId};
use crate::io::Frame;
use crate::socketio::ack::Owed;
use crate::socketio::packet;
use crate::socketio::packet::{Decoder, Packet};
use crate::socketio::server::config::is_valid_name;
use crate::socketio::server::rooms::Room;
use crate::socketio::server::server::{Alarm, Phase, Server, Wait};
use crate::socketio::server::{Event, Responder};
use crate::timers::TimerId;

/// The Socket.IO side of a session.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// One for each namespace that was joined or is being joined.
    pub(super) sockets: Vec<SocketId>,
    decoder: Decoder,
    /// The last namespaces that the client has left, or was removed from. What was under way to
    /// them then is nobody's fault.
    left: Vec<Room>,
    pub(super) refusals: Refusals,
    /// For the first namespace to be joined.
    pub(super) connect_timer: Option<TimerId>,
    pub(super) handshake: Option<Arc<Handshake>>,
    /// Speaks protocol 4 of Socket.IO, on protocol 3 of Engine.IO.
    pub(super) old: bool,
    /// For the rest of a binary packet to come.
    attachment_timer: Option<TimerId>,
    /// Until when all it has sent is paid for, where its rate is limited.
    pub(super) paid: Option<Instant>,
    /// When it is read again.
    pub(super) rate_timer: Option<TimerId>,
}

impl Client {
    pub(super) fn new(connect_timer: TimerId) -> Self {
        Self { connect_timer: Some(connect_timer), ..Self::default() }
    }

    /// The deadlines to clear when the client is gone.
    pub(super) fn timers(&self) -> impl Iterator<Item = TimerId> {
        self.connect_timer.into_iter().chain(self.attachment_timer).chain(self.rate_timer)
    }

    /// The name of a namespace as it stands in a packet, without the query that may follow it in
    /// the old protocol.
    fn without_query<'a>(&self, namespace: &'a [u8]) -> &'a [u8] {
        if self.old { before_query(namespace) } else { namespace }
    }

    /// Notes that the client is not in a namespace any more; of `limit` at most.
    pub(super) fn leave(&mut self, socket: SocketId, namespace: Room, limit: usize) {
        self.sockets.retain(|&other| other != socket);
        self.left.push(namespace);
        if self.left.len() > limit {
            self.left.remove(0);
        }
    }
}

/// How often a client was refused lately.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: usize,
    since: Option<Instant>,
}

impl Refusals {
    /// After what time a refusal counts no more.
    const WINDOW: Duration = Duration::from_secs(60);

    pub(super) fn add(&mut self, now: Option<Instant>) {
        let is_over = |now: Instant, since| now.saturating_duration_since(since) >= Self::WINDOW;
        if now.zip(self.since).is_none_or(|(now, since)| is_over(now, since)) {
            (self.count, self.since) = (0, now);
        }
        self.count += 1;
    }
}

/// The client broke the rules, which costs it the connection.
#[derive(Debug)]
pub(super) struct Violation;

impl Server {
    pub(super) fn on_message(&mut self, session: SessionId, message: Frame, now: Instant) {
        let limits = self.config.limits();
        let Some(client) = self.clients.get_mut(&session) else {
            return;
        };
        let mut decoder = std::mem::take(&mut client.decoder);
        let parser = &*self.config.parser;
        let admit = |namespace: &[u8]| self.addressee(session, namespace).is_ok();
        let decoded = decoder.add(parser, message, limits, admit);
        let waiting = decoder.is_waiting();
        if let Some(client) = self.clients.get_mut(&session) {
            client.decoder = decoder;
        }
        self.watch_attachments(session, waiting, now);
        let outcome = match decoded {
            Ok(None) => Ok(()),
            Ok(Some(packet)) => {
                self.count_packet(session, now).and_then(|()| self.on_packet(session, packet))
            }
            Err(_) => Err(Violation),
        };
        if outcome.is_err() {
            self.totals.violations += 1;
            self.end_session(session, DisconnectReason::ForcedClose, now);
        }
    }

    fn watch_attachments(&mut self, session: SessionId, waiting: bool, now: Instant) {
        let Some(client) = self.clients.get_mut(&session) else {
            return;
        };
        match (waiting, client.attachment_timer) {
            (true, None) => {
                let delay = self.config.attachment_timeout;
                client.attachment_timer =
                    Some(self.timers.set(now, delay, Alarm::Client(session, Wait::Attachments)));
            }
            (false, Some(timer)) => {
                client.attachment_timer = None;
                self.timers.clear(timer);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// The socket that a packet is for; `None` if it came too late for one that was removed.
    fn addressee(
        &self,
        session: SessionId,
        namespace: &[u8],
    ) -> Result<Option<SocketId>, Violation> {
        match self.member(session, namespace) {
            Some(socket) if self.is_connected(socket) => Ok(Some(socket)),
            Some(_) => Err(Violation),
            None => self.check_left(session, namespace).map(|()| None),
        }
    }

    /// The socket of a client in a namespace, connected or not.
    fn member(&self, session: SessionId, namespace: &[u8]) -> Option<SocketId> {
        let client = self.clients.get(&session)?;
        let namespace = client.without_query(namespace);
        // A client is in few, and mostly in one: no need to look the name up.
        let is_it = |id: &&SocketId| {
            self.get(**id).is_some_and(|socket| {
                self.namespaces[socket.namespace].name.as_bytes() == namespace
            })
        };
        client.sockets.iter().find(is_it).copied()
    }

    /// Checks that a packet for a namespace that the client is not in came too late, not out of
    /// nowhere.
    fn check_left(&self, session: SessionId, namespace: &[u8]) -> Result<(), Violation> {
        let client = self.clients.get(&session).ok_or(Violation)?;
        let namespace = client.without_query(namespace);
        if client.left.iter().any(|left| left.as_bytes() == namespace) {
            Ok(())
        } else {
            Err(Violation)
        }
    }

    /// Takes a socket off the list of its client, which is about to leave the namespace.
    pub(super) fn release(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let (session, namespace) = (socket.session, socket.namespace);
        let name = Room::clone(&self.namespaces[namespace].name);
        if let Some(client) = self.clients.get_mut(&session) {
            client.leave(id, name, self.config.max_namespaces_per_client);
        }
    }

    /// Gives a client up that does not go on, unless it is not read at the moment.
    pub(super) fn on_client_alarm(&mut self, session: SessionId, wait: Wait, now: Instant) {
        if !self.engine.is_held_back(session) {
            return self.end_session(session, DisconnectReason::ForcedServerClose, now);
        }
        let Some(client) = self.clients.get_mut(&session) else { return };
        let (timer, delay) = match wait {
            Wait::Connect => (&mut client.connect_timer, self.config.connect_timeout),
            Wait::Attachments => (&mut client.attachment_timer, self.config.attachment_timeout),
        };
        *timer = Some(self.timers.set(now, delay, Alarm::Client(session, wait)));
    }

    /// Turns a client away about which the application has not decided in time.
    pub(super) fn on_decision_alarm(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let (session, namespace) = (socket.session, socket.namespace);
        let old = self.clients.get(&session).is_some_and(|client| client.old);
        let name = &self.namespaces[namespace].name;
        let refusal = packet::connect_error(&*self.config.parser, name, old, "Timed out", &());
        self.withdraw(id);
        if let Ok(refusal) = refusal {
            self.engine.send(session, &refusal, false);
        }
    }

    /// Ends a socket that is not connected yet, and says so.
    fn withdraw(&mut self, id: SocketId) {
        let session = self.get(id).map(|socket| socket.session);
        if let Some(client) = session.and_then(|session| self.clients.get_mut(&session)) {
            client.sockets.retain(|&other| other != id);
            client.refusals.add(self.now);
        }
        self.remove(id, DisconnectReason::ClientNamespaceDisconnect);
    }

    fn on_packet(&mut self, session: SessionId, packet: Packet) -> Result<(), Violation> {
        match packet {
            Packet::Connect { namespace, auth } => {
                self.on_connect(session, &namespace, auth)?;
            }
            Packet::Disconnect { namespace } => {
                let Some(socket) = self.member(session, &namespace) else {
                    return self.check_left(session, &namespace);
                };
                self.release(socket);
                if self.is_connected(socket) {
                    self.remove(socket, DisconnectReason::ClientNamespaceDisconnect);
                } else {
                    self.withdraw(socket);
                }
            }
            Packet::Event { namespace, name, args, ack } => {
                if let Some(socket) = self.addressee(session, &namespace)? {
                    let ack = ack.map(|id| Responder { id, socket });
                    self.tell(Event::Received { socket, name, args, ack });
                }
            }
            Packet::Ack { namespace, id, args } => {
                if let Some(socket) = self.addressee(session, &namespace)? {
                    let ack = AckId(id);
                    match self.settle_ack(socket, ack) {
                        Some(Owed::Alone(timer)) => {
                            timer.into_iter().for_each(|timer| self.timers.clear(timer));
                            self.tell(Event::Acked { socket, ack, result: Ok(args) });
                        }
                        Some(Owed::Together) => self.gather(ack, socket, Some(args)),
                        None => {}
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn on_connect(
        &mut self,
        session: SessionId,
        name: &[u8],
        auth: Args,
    ) -> Result<(), Violation> {
        let name = std::str::from_utf8(name).map_err(|_| Violation)?;
        let old = self.clients.get(&session).is_some_and(|client| client.old);
        let (name, query, auth) = if old {
            let (name, query) = split_query(name);
            (name, query, Args::none())
        } else {
            (name, None, auth)
        };
        if !is_valid_name(name) {
            return Err(Violation);
        }
        let limit = self.config.max_namespaces_per_client;
        let Some(client) = self.clients.get_mut(&session) else { return Ok(()) };
        if client.sockets.len() >= limit || client.refusals.count >= limit {
            return Err(Violation);
        }
        if query.map_or_else(|| auth.size(), str::len) > self.config.max_auth_bytes {
            client.refusals.add(self.now);
            let message = "Auth is too large";
            let refusal = packet::connect_error(&*self.config.parser, name, old, message, &());
            if let Ok(refusal) = refusal {
                self.engine.send(session, &refusal, false);
            }
            return Ok(());
        }
        let auth = query.map_or(auth, auth_in_query);
        match self.member(session, name.as_bytes()) {
            Some(socket) if self.is_connected(socket) => return Err(Violation),
            // The client asks anew, perhaps with other data.
            Some(socket) => self.withdraw(socket),
            None => {}
        }
        let known = self.namespace(name.as_bytes());
        let dynamic = self.config.dynamic_namespaces;
        let made = || dynamic.then(|| self.add_namespace(session, name)).flatten();
        let Some(namespace) = known.or_else(made) else {
            if let Some(client) = self.clients.get_mut(&session) {
                client.refusals.add(self.now);
            }
            let refusal = packet::unknown_namespace(&*self.config.parser, name);
            self.engine.send(session, &refusal, false);
            return Ok(());
        };
        if let Some(client) = self.clients.get_mut(&session) {
            client.left.retain(|other| **other != *name);
        }
        let back = if old { None } else { self.take_back(namespace, &auth) };
        let skip = back.is_some()
            && self.recovery.as_ref().is_some_and(|recovery| recovery.config.skip_middlewares);
        let socket = self.add(session, namespace, back);
        if self.namespaces[namespace].decides && !skip {
            let namespace = self.namespaces[namespace].name.clone();
            let auth = auth.detached();
            self.tell(Event::Connecting { socket, namespace, auth: auth.clone() });
            let delay = self.config.decision_timeout;
            let alarm = Alarm::Decision(socket);
            let timer = self.now.map(|now| self.timers.set(now, delay, alarm));
            self.set_phase(socket, Phase::Connecting(auth, timer));
        } else {
            self.admit(socket, auth);
        }
        Ok(())
    }
}

/// In the old protocol, a query may stand behind the name of the namespace in every packet:
/// `42/custom?token=x,["message"]`.
fn before_query(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|&byte| byte == b'?');
    &name[..end.unwrap_or(name.len())]
}

/// In the old protocol, what a client sends along is a query behind the name.
fn split_query(name: &str) -> (&str, Option<&str>) {
    match name.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (name, None),
    }
}

fn auth_in_query(query: &str) -> Args {
    let mut auth = serde_json::Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        auth.insert(decode_query(key).into(), decode_query(value).into());
    }
    let json = serde_json::Value::Object(auth).to_string();
    Args::one(json.into())
}
