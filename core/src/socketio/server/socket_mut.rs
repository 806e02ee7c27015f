//! One socket, as the application commands it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engineio::{Handshake, Transport};
use crate::error::{DisconnectReason, EmitError};
use crate::id::{AckId, Sid, SocketId};
use crate::socketio::ack::PendingAck;
use crate::socketio::emission::Emission;
use crate::socketio::packet;
use crate::socketio::packet::{AckPayload, Carried, EventPayload};
use crate::socketio::server::alarm::Alarm;
use crate::socketio::server::selector::Room;
use crate::socketio::server::server::Server;
use crate::socketio::server::socket::Socket;
use crate::socketio::server::{Responder, RoomChange};

/// A socket that is there; made by [`Server::socket`].
pub struct SocketMut<'a> {
    pub(super) server: &'a mut Server,
    pub(super) id: SocketId,
}

impl SocketMut<'_> {
    fn get(&self) -> &Socket {
        self.server.get(self.id).expect("the server is borrowed since the socket was found")
    }

    /// The handle of this socket.
    #[must_use]
    pub const fn id(&self) -> SocketId {
        self.id
    }

    /// The id on the wire, which the client knows and may tell others.
    #[must_use]
    pub fn sid(&self) -> &Sid {
        &self.get().sid
    }

    /// The version of Engine.IO that the client speaks: 4, or 3 for clients of Socket.IO 2.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.server.engine.protocol(self.get().session).unwrap_or(4)
    }

    /// The request that opened the connection, if such are to be
    /// [kept](crate::engineio::EngineConfig::keep_handshakes). Cloning it copies a pointer.
    #[must_use]
    pub fn handshake(&self) -> Option<&Arc<Handshake>> {
        self.server.connections.get(&self.get().session)?.handshake.as_ref()
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Room {
        &self.server.namespaces[self.get().namespace].name
    }

    /// Whether the client was let in.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.server.is_connected(self.id)
    }

    /// The transport at this moment.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.server.engine.transport(self.get().session)
    }

    /// How many acknowledgements it owes.
    #[must_use]
    pub fn owed(&self) -> usize {
        self.get().pending_acks
    }

    /// Whether it owes this acknowledgement.
    #[must_use]
    pub fn owes(&self, ack: AckId) -> bool {
        self.server.acks.is_pending(self.id, ack)
    }

    /// How many bytes wait to be sent to this client or are being written, as they count against
    /// [`max_buffered`](crate::engineio::EngineConfig::max_buffered); those of its other namespaces
    /// included.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.server.engine.buffered(self.get().session).unwrap_or(0)
    }

    /// The rooms it is in, in alphabetical order, without that of its own id.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.get().rooms.iter()
    }

    /// Joins a room; does nothing if it is in it. A room exists as long as somebody is in it.
    pub fn join(&mut self, room: &str) {
        let socket = self.get();
        if room == socket.sid.as_str() {
            return;
        }
        let (namespace, sid) = (socket.namespace, socket.sid.clone());
        let members = &mut self.server.namespaces[namespace].members;
        let Some((room, made)) = members.join(self.id, room) else { return };
        if made {
            self.server.tell_room(namespace, &room, RoomChange::Created);
        }
        self.server.tell_room(namespace, &room, RoomChange::Joined(sid));
        if let Some(socket) = self.server.sockets.get_mut(self.id.index as usize) {
            if let (Some(recovery), Some(it)) = (&self.server.recovery, &mut socket.recovery) {
                recovery.join(it, &room);
            }
            socket.rooms.insert(room);
        }
    }

    /// Leaves a room; does nothing if it is not in it. That of its own id can't be left.
    pub fn leave(&mut self, room: &str) {
        let Some(socket) = self.server.sockets.get_mut(self.id.index as usize) else { return };
        let Some(room) = socket.rooms.take(room) else { return };
        if let (Some(recovery), Some(it)) = (&self.server.recovery, &mut socket.recovery) {
            recovery.leave(it, &self.server.namespaces[socket.namespace].name, &room);
        }
        let (namespace, sid) = (socket.namespace, socket.sid.clone());
        self.server.leave_room(namespace, self.id, &sid, &room);
    }

    /// Emits an event to this client. A tuple is several arguments, `()` none, everything else one.
    ///
    /// To serde, an array of a fixed length is a tuple; a slice or a `Vec` is one argument.
    ///
    /// Returns whether it will be sent: a volatile event may be dropped, and a client that does
    /// not keep up is disconnected.
    ///
    /// # Errors
    ///
    /// If it can't be sent because of its name or data, if the socket is not connected (yet), or
    /// with [`EmitError::Full`] if too much waits for the client and
    /// [`WhenFull::Refuse`](crate::WhenFull::Refuse) is configured.
    pub fn emit(
        &mut self,
        name: &str,
        data: &(impl Serialize + ?Sized),
        emission: Emission,
    ) -> Result<bool, EmitError> {
        self.check_connected()?;
        let payload = EventPayload::new(name, data, self.server.config.limits_out())?;
        self.emit_payload(payload, emission)
    }

    /// Emits an event that is encoded already; otherwise like [`emit`](Self::emit).
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit); because of its data only if it holds more than this server
    /// [may send](crate::ServerConfig::limits_out).
    pub fn emit_payload(
        &mut self,
        payload: EventPayload,
        emission: Emission,
    ) -> Result<bool, EmitError> {
        self.check_connected()?;
        let recovery = self.server.recovery.as_ref().filter(|_| !emission.volatile);
        let offset = recovery.map(|recovery| recovery.next_offset());
        let carried = Carried { ack: None, offset: offset.as_deref(), compress: emission.compress };
        let encoded = self.encode(payload, carried)?;
        if !emission.volatile {
            self.check_room(&encoded)?;
        }
        let sent = self.server.send(self.id, &encoded, emission.volatile);
        if offset.is_some() {
            self.server.log_direct(self.id, &encoded);
        }
        Ok(sent)
    }

    /// Emits an event that the client is to acknowledge; the answer is
    /// [`Event::Acked`](crate::Event::Acked), with an error after `timeout` if one is given, or
    /// when the socket is disconnected.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit); and if it owes more than
    /// [`max_pending_acks`](crate::ServerConfig::max_pending_acks).
    pub fn emit_with_ack(
        &mut self,
        name: &str,
        data: &(impl Serialize + ?Sized),
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<AckId, EmitError> {
        self.check_connected()?;
        let payload = EventPayload::new(name, data, self.server.config.limits_out())?;
        self.emit_payload_with_ack(payload, timeout, now)
    }

    /// Emits an event that is encoded already, and that the client is to acknowledge; otherwise
    /// like [`emit_with_ack`](Self::emit_with_ack).
    ///
    /// # Errors
    ///
    /// As for [`emit_with_ack`](Self::emit_with_ack); because of its data only if it holds more
    /// than this server [may send](crate::ServerConfig::limits_out).
    pub fn emit_payload_with_ack(
        &mut self,
        payload: EventPayload,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<AckId, EmitError> {
        self.check_connected()?;
        let limit = self.server.config.max_pending_acks;
        if self.get().pending_acks >= limit {
            self.server.totals.acks_refused += 1;
            return Err(EmitError::TooManyAcks { limit });
        }
        let ack = self.server.acks.next_id();
        let carried = Carried { ack: Some(ack.0), offset: None, compress: true };
        let encoded = self.encode(payload, carried)?;
        self.check_room(&encoded)?;
        let alarm = Alarm::Ack(self.id, ack);
        let timer = timeout.map(|timeout| self.server.timers.set(now, timeout, alarm));
        self.server.expect_ack(self.id, ack, PendingAck::Single(timer));
        self.server.send(self.id, &encoded, false);
        Ok(ack)
    }

    /// Answers an event of this client. A tuple is several arguments, `()` none, everything else
    /// one.
    ///
    /// # Errors
    ///
    /// If the data can't be sent, or with [`EmitError::OtherSocket`] if the event came from
    /// another socket: then nothing is sent to anybody.
    pub fn ack(
        &mut self,
        responder: Responder,
        data: &(impl Serialize + ?Sized),
    ) -> Result<(), EmitError> {
        if responder.socket != self.id {
            return Err(EmitError::OtherSocket);
        }
        let payload = AckPayload::new(data, self.server.config.limits_out())?;
        self.ack_payload(responder, payload)
    }

    /// Answers an event of this client with what is encoded already; otherwise like
    /// [`ack`](Self::ack).
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack); because of its data only if it holds more than this server
    /// [may send](crate::ServerConfig::limits_out).
    pub fn ack_payload(
        &mut self,
        responder: Responder,
        payload: AckPayload,
    ) -> Result<(), EmitError> {
        let Responder { id, socket } = responder;
        if socket != self.id {
            return Err(EmitError::OtherSocket);
        }
        let limits = self.server.config.limits_out();
        let parser = &*self.server.config.parser;
        let encoded = packet::ack(parser, self.namespace(), id, payload, limits)?;
        self.server.send(self.id, &encoded, false);
        Ok(())
    }

    /// Removes the client from the namespace, or with `close` ends its whole connection.
    pub fn disconnect(self, close: bool, now: Instant) {
        let Self { server, id } = self;
        let Some(socket) = server.get(id) else { return };
        let session = socket.session;
        let others = || {
            let client = server.connections.get(&session);
            client.map(|client| client.sockets.clone()).unwrap_or_default()
        };
        let ids = if close { others() } else { vec![id] };
        for id in ids {
            server.disconnect_from_namespace(id);
        }
        if close {
            server.end_session(session, DisconnectReason::ForcedClose, now);
        }
    }

    /// Ends the whole connection without a word to its namespaces: the client takes it for a loss
    /// of the connection, and comes back.
    pub fn close(self, now: Instant) {
        let Self { server, id } = self;
        let Some(session) = server.get(id).map(|socket| socket.session) else { return };
        server.end_session(session, DisconnectReason::ForcedClose, now);
    }

    fn check_connected(&self) -> Result<(), EmitError> {
        if self.is_connected() { Ok(()) } else { Err(EmitError::Disconnected) }
    }

    fn encode(
        &self,
        payload: EventPayload,
        carried: Carried<'_>,
    ) -> Result<crate::engineio::Encoded, EmitError> {
        let limits = self.server.config.limits_out();
        let parser = &*self.server.config.parser;
        payload.check(limits)?;
        packet::event(parser, self.namespace(), payload, carried, limits)
    }
}

impl Server {
    /// A socket that is connected, or is asking to be; `None` once it is gone.
    pub fn socket(&mut self, id: SocketId) -> Option<SocketMut<'_>> {
        self.get(id)?;
        Some(SocketMut { server: self, id })
    }
}
