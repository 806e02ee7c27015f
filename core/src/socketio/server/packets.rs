//! Packets of a client, from messages to events. See "Packet encoding" in the protocol of
//! Socket.IO.

use std::time::Instant;

use crate::args::Args;
use crate::engineio::Transport;
use crate::id::{AckId, SessionId, SocketId};
use crate::io::Frame;
use crate::socketio::ack::PendingAck;
use crate::socketio::ack::Responder;
use crate::socketio::error::DisconnectReason;
use crate::socketio::packet;
use crate::socketio::packet::Packet;
use crate::socketio::server::alarm::{Alarm, Wait};
use crate::socketio::server::config::is_valid_name;
use crate::socketio::server::connection::Violation;
use crate::socketio::server::event::Event;
use crate::socketio::server::names::Namespace;
use crate::socketio::server::server::Server;
use crate::socketio::server::socket::Phase;
use crate::socketio::server::v4::{auth_in_query, split_query, without_query};

impl Server {
    pub(super) fn on_message(&mut self, session: SessionId, message: Frame, now: Instant) {
        let limits = self.config.limits();
        let Some(client) = self.connections.get_mut(&session) else {
            return;
        };
        let mut decoder = std::mem::take(&mut client.decoder);
        let parser = &*self.config.parser;
        let admit = |namespace: &[u8]| self.addressee(session, namespace).is_ok();
        let decoded = decoder.add(parser, message, limits, admit);
        let waiting = decoder.is_waiting();
        if waiting && self.engine.transport(session) == Some(Transport::Polling) {
            decoder.detach();
        }
        if let Some(client) = self.connections.get_mut(&session) {
            client.decoder = decoder;
        }
        self.watch_attachments(session, waiting, now);
        let outcome = match decoded {
            Ok(None) => Ok(()),
            Ok(Some(packet)) => {
                self.count_packet(session, now).and_then(|()| self.on_packet(session, packet))
            }
            Err(error) => Err(error.into()),
        };
        if let Err(violation) = outcome {
            self.totals.violations += u64::from(violation != Violation::Rate);
            if let Some(sid) = self.engine.sid(session).cloned() {
                self.tell(Event::Violation { sid, violation });
            }
            self.end_session(session, DisconnectReason::ForcedClose, now);
        }
    }

    fn watch_attachments(&mut self, session: SessionId, waiting: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(&session) else { return };
        let (timer, delay) = (&mut connection.attachment_timer, self.config.attachment_timeout);
        let alarm = Alarm::Client(session, Wait::Attachments);
        self.timers.set_while(waiting, timer, now, delay, alarm);
    }

    /// The socket that a packet is for; `None` if the socket has just been disconnected.
    fn addressee(
        &self,
        session: SessionId,
        namespace: &[u8],
    ) -> Result<Option<SocketId>, Violation> {
        match self.socket_in(session, namespace) {
            Some(socket) if self.is_connected(socket) => Ok(Some(socket)),
            Some(_) => Err(Violation::NotConnected),
            None => self.check_left(session, namespace).map(|()| None),
        }
    }

    /// The socket of a client in a namespace, connected or not.
    fn socket_in(&self, session: SessionId, namespace: &[u8]) -> Option<SocketId> {
        let client = self.connections.get(&session)?;
        let namespace = if client.is_v4 { without_query(namespace) } else { namespace };
        // A client is in few namespaces, mostly in one: there is no need to look the name up.
        let is_it = |id: &&SocketId| {
            self.get(**id).is_some_and(|socket| {
                self.namespaces[socket.namespace].name.as_bytes() == namespace
            })
        };
        client.sockets.iter().find(is_it).copied()
    }

    /// Checks that a packet for a namespace without a socket was sent before the client knew that
    /// it had left.
    fn check_left(&self, session: SessionId, namespace: &[u8]) -> Result<(), Violation> {
        let client = self.connections.get(&session).ok_or(Violation::NotConnected)?;
        let namespace = if client.is_v4 { without_query(namespace) } else { namespace };
        if client.has_left(namespace) { Ok(()) } else { Err(Violation::NotConnected) }
    }

    /// Removes a socket from its connection, and notes that the client has left the namespace.
    pub(super) fn note_left(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let (session, namespace) = (socket.session, socket.namespace);
        let name = Namespace::clone(&self.namespaces[namespace].name);
        if let Some(client) = self.connections.get_mut(&session) {
            client.leave(id, name, self.config.max_namespaces_per_client);
        }
    }

    /// Closes a connection that has missed a deadline, unless the client is not read at the moment.
    pub(super) fn on_client_alarm(&mut self, session: SessionId, wait: Wait, now: Instant) {
        if !self.engine.is_held_back(session) {
            return self.end_session(session, DisconnectReason::ForcedServerClose, now);
        }
        let Some(client) = self.connections.get_mut(&session) else { return };
        let (timer, delay) = match wait {
            Wait::Connect => (&mut client.connect_timer, self.config.connect_timeout),
            Wait::Attachments => (&mut client.attachment_timer, self.config.attachment_timeout),
        };
        *timer = Some(self.timers.set(now, delay, Alarm::Client(session, wait)));
    }

    /// Rejects a CONNECT that the application has not decided about in time.
    pub(super) fn on_decision_alarm(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let (session, namespace) = (socket.session, socket.namespace);
        let old = self.connections.get(&session).is_some_and(|client| client.is_v4);
        let name = &self.namespaces[namespace].name;
        let refusal = packet::connect_error(&*self.config.parser, name, old, "Timed out", &());
        self.abort_connect(id);
        if let Ok(refusal) = refusal {
            self.engine.send(session, &refusal, false);
        }
    }

    /// Removes a socket whose CONNECT is not answered, and reports it.
    fn abort_connect(&mut self, id: SocketId) {
        let session = self.get(id).map(|socket| socket.session);
        if let Some(client) = session.and_then(|session| self.connections.get_mut(&session)) {
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
                let Some(socket) = self.socket_in(session, &namespace) else {
                    return self.check_left(session, &namespace);
                };
                self.note_left(socket);
                if self.is_connected(socket) {
                    self.remove(socket, DisconnectReason::ClientNamespaceDisconnect);
                } else {
                    self.abort_connect(socket);
                }
            }
            Packet::Event { namespace, name, args, ack } => {
                if let Some(socket) = self.addressee(session, &namespace)? {
                    let ack = ack.map(|id| Responder { id, socket, generation: 0 });
                    self.tell(Event::Received { socket, name, args, ack });
                }
            }
            Packet::Ack { namespace, id, args } => {
                if let Some(socket) = self.addressee(session, &namespace)? {
                    let ack = AckId(id);
                    match self.take_pending_ack(socket, ack) {
                        Some(PendingAck::Single(timer)) => {
                            timer.into_iter().for_each(|timer| self.timers.clear(timer));
                            self.tell(Event::Acked { socket, ack, result: Ok(args) });
                        }
                        Some(PendingAck::Broadcast) => {
                            self.add_broadcast_ack(ack, socket, Some(args))
                        }
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
        let name = std::str::from_utf8(name).map_err(|_| Violation::InvalidName)?;
        let old = self.connections.get(&session).is_some_and(|client| client.is_v4);
        let (name, query, auth) = if old {
            let (name, query) = split_query(name);
            (name, query, Args::none())
        } else {
            (name, None, auth)
        };
        if !is_valid_name(name) {
            return Err(Violation::InvalidName);
        }
        let limit = self.config.max_namespaces_per_client;
        let Some(client) = self.connections.get_mut(&session) else { return Ok(()) };
        if client.sockets.len() >= limit || client.refusals.count(self.now) >= limit {
            return Err(Violation::TooManyNamespaces);
        }
        // What an old client has in its query can be longer as JSON.
        let limit = self.config.max_auth_bytes;
        let is_too_large = query.is_some_and(|query| query.len() > limit);
        let auth = query.filter(|_| !is_too_large).map_or(auth, auth_in_query);
        if is_too_large || auth.size() > limit {
            client.refusals.add(self.now);
            let message = "Auth is too large";
            let refusal = packet::connect_error(&*self.config.parser, name, old, message, &());
            if let Ok(refusal) = refusal {
                self.engine.send(session, &refusal, false);
            }
            return Ok(());
        }
        match self.socket_in(session, name.as_bytes()) {
            Some(socket) if self.is_connected(socket) => return Err(Violation::ConnectedTwice),
            // The client sends another CONNECT, perhaps with other auth.
            Some(socket) => self.abort_connect(socket),
            None => {}
        }
        // This may end another connection, and with its last socket a dynamic namespace.
        let claim = if old { None } else { self.claim(session, name, &auth) };
        let known = self.namespace(name.as_bytes());
        let dynamic = self.config.dynamic_namespaces;
        let made = || dynamic.then(|| self.add_namespace(session, name)).flatten();
        let Some(namespace) = known.or_else(made) else {
            if let Some(client) = self.connections.get_mut(&session) {
                client.refusals.add(self.now);
            }
            let refusal = packet::unknown_namespace(&*self.config.parser, name);
            self.engine.send(session, &refusal, false);
            return Ok(());
        };
        if let Some(client) = self.connections.get_mut(&session) {
            client.enter(name);
        }
        let back = claim.and_then(|claim| self.restore(namespace, &claim));
        let skip = back.is_some()
            && self.recovery.as_ref().is_some_and(|recovery| recovery.config.skip_middlewares);
        let socket = self.add(session, namespace, back);
        if self.namespaces[namespace].manual_accept && !skip {
            let namespace = self.namespaces[namespace].name.clone();
            let auth = auth.detached();
            self.tell(Event::Connecting { socket, namespace, auth: auth.clone() });
            let delay = self.config.decision_timeout;
            let alarm = Alarm::Decision(socket);
            let timer = self.now.map(|now| self.timers.set(now, delay, alarm));
            self.set_phase(socket, Phase::Connecting(auth, timer));
        } else {
            // The application may keep it; a slice would keep the whole body.
            self.connect(socket, auth.detached());
        }
        Ok(())
    }
}
