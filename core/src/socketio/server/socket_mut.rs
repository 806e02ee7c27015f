//! The commands for one socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engineio::{Handshake, Transport};
use crate::id::{AckId, Sid, SocketId};
use crate::socketio::ack::{PendingAck, Responder};
use crate::socketio::emit_options::EmitOptions;
use crate::socketio::error::{DisconnectReason, EmitError, EncodeError, RespondError};
use crate::socketio::packet;
use crate::socketio::packet::{AckPayload, EventMeta, EventPayload};
use crate::socketio::server::RoomChange;
use crate::socketio::server::alarm::Alarm;
use crate::socketio::server::names::{Namespace, Room};
use crate::socketio::server::server::Server;
use crate::socketio::server::socket::Socket;

/// A view of a socket that exists, for commands and questions; made by [`Server::socket`].
pub struct SocketMut<'a> {
    pub(super) server: &'a mut Server,
    pub(super) id: SocketId,
}

impl SocketMut<'_> {
    fn get(&self) -> &Socket {
        self.server.get(self.id).expect("the server is borrowed since the socket was found")
    }

    /// Returns the handle of this socket.
    #[must_use]
    pub const fn id(&self) -> SocketId {
        self.id
    }

    /// Returns the id on the wire, which the client knows and may tell others. For a client of
    /// Socket.IO 2 in `/` it is the secret id of its session: do not send it to others.
    #[must_use]
    pub fn sid(&self) -> &Sid {
        &self.get().sid
    }

    /// Returns the version of Engine.IO that the client speaks: 4, or 3 for clients of Socket.IO 2.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.server.engine.protocol(self.get().session).unwrap_or(4)
    }

    /// Returns the request that opened the connection, if handshakes are
    /// [kept](crate::engineio::EngineConfig::keep_handshakes). Cloning it copies a pointer.
    #[must_use]
    pub fn handshake(&self) -> Option<&Arc<Handshake>> {
        self.server.connections.get(&self.get().session)?.handshake.as_ref()
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.server.namespaces[self.get().namespace].name
    }

    /// Returns whether the CONNECT of the client was accepted.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.server.is_connected(self.id)
    }

    /// Returns the current transport.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.server.engine.transport(self.get().session)
    }

    /// Returns the number of acknowledgements that the client has not sent yet.
    #[must_use]
    pub fn pending_acks(&self) -> usize {
        self.get().pending_acks
    }

    /// Returns whether the client has not sent this acknowledgement yet.
    #[must_use]
    pub fn is_ack_pending(&self, ack: AckId) -> bool {
        self.server.acks.is_pending(self.id, ack)
    }

    /// Returns the number of bytes that wait to be sent to this client or are being written, as
    /// they count against [`max_buffered`](crate::engineio::EngineConfig::max_buffered); those of
    /// its other namespaces are included.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.server.engine.buffered(self.get().session).unwrap_or(0)
    }

    /// Returns the rooms that it is in, in alphabetical order, without that of its own id.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.get().rooms.iter()
    }

    /// Joins a room; does nothing if the socket is in it. A room exists as long as a socket is in
    /// it.
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

    /// Leaves a room; does nothing if the socket is not in it. The room of its own id can't be
    /// left.
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
    /// Returns whether the event will be sent: a volatile event may be dropped, and a client that
    /// does not keep up is disconnected.
    ///
    /// # Errors
    ///
    /// - [`EmitError::Disconnected`] if the socket is not connected;
    /// - [`EmitError::Encode`] if the name is reserved or the data can't be encoded;
    /// - [`EmitError::Full`] if too much waits for the client and the policy is
    ///   [`OnOverflow::Refuse`](crate::OnOverflow::Refuse).
    pub fn emit(
        &mut self,
        name: &str,
        data: &(impl Serialize + ?Sized),
        options: EmitOptions,
    ) -> Result<bool, EmitError> {
        self.check_connected()?;
        let payload = EventPayload::new(name, data, self.server.config.limits_out())?;
        self.emit_payload(payload, options)
    }

    /// Emits an event that is encoded already; otherwise like [`emit`](Self::emit).
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit); the data may break the
    /// [limits](crate::ServerConfig::limits_out) of this server.
    pub fn emit_payload(
        &mut self,
        payload: EventPayload,
        options: EmitOptions,
    ) -> Result<bool, EmitError> {
        self.check_connected()?;
        let recovery = self.server.recovery.as_ref().filter(|_| !options.volatile);
        let offset = recovery.map(|recovery| recovery.next_offset());
        let meta = EventMeta { ack: None, offset: offset.as_deref(), compress: options.compress };
        let encoded = self.encode(payload, meta)?;
        if !options.volatile {
            self.check_room(&encoded)?;
        }
        let sent = self.server.send(self.id, &encoded, options.volatile);
        if offset.is_some() {
            self.server.log_direct(self.id, &encoded);
        }
        Ok(sent)
    }

    /// Emits an event that the client is to acknowledge. The answer is
    /// [`Event::Acked`](crate::Event::Acked), with an error after `timeout` if one is given, or
    /// when the socket is disconnected.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit), and [`EmitError::TooManyAcks`] if
    /// [`max_pending_acks`](crate::ServerConfig::max_pending_acks) acknowledgements are pending.
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
    /// As for [`emit_with_ack`](Self::emit_with_ack); the data may break the
    /// [limits](crate::ServerConfig::limits_out) of this server.
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
        let meta = EventMeta { ack: Some(ack.0), offset: None, compress: true };
        let encoded = self.encode(payload, meta)?;
        self.check_room(&encoded)?;
        let alarm = Alarm::Ack(self.id, ack);
        let timer = timeout.map(|timeout| self.server.timers.set(now, timeout, alarm));
        self.server.expect_ack(self.id, ack, PendingAck::Single(timer));
        self.server.send(self.id, &encoded, false);
        Ok(ack)
    }

    /// Stops waiting for an acknowledgement of this client: no
    /// [`Event::Acked`](crate::Event::Acked) follows, and an answer that still arrives is ignored.
    /// The event itself is sent. Does nothing if the acknowledgement is not pending, or is one of a
    /// broadcast.
    pub fn cancel_ack(&mut self, ack: AckId) {
        match self.server.take_pending_ack(self.id, ack) {
            Some(PendingAck::Single(timer)) => {
                timer.into_iter().for_each(|timer| self.server.timers.clear(timer));
            }
            Some(PendingAck::Broadcast) => {
                self.server.expect_ack(self.id, ack, PendingAck::Broadcast);
            }
            None => {}
        }
    }

    /// Acknowledges an event of this client. A tuple is several arguments, `()` none, everything
    /// else one.
    ///
    /// Returns whether the acknowledgement will be sent: not to a client that does not keep up, which
    /// is disconnected.
    ///
    /// # Errors
    ///
    /// - [`RespondError::OtherSocket`] if the event came to another socket;
    /// - [`RespondError::Encode`] if the data can't be encoded.
    pub fn ack(
        &mut self,
        responder: Responder,
        data: &(impl Serialize + ?Sized),
    ) -> Result<bool, RespondError> {
        if responder.socket != self.id {
            return Err(RespondError::OtherSocket);
        }
        let payload = AckPayload::new(data, self.server.config.limits_out())?;
        self.ack_payload(responder, payload)
    }

    /// Acknowledges an event of this client with a payload that is encoded already; otherwise like
    /// [`ack`](Self::ack).
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack); the data may break the [limits](crate::ServerConfig::limits_out)
    /// of this server.
    pub fn ack_payload(
        &mut self,
        responder: Responder,
        payload: AckPayload,
    ) -> Result<bool, RespondError> {
        let Responder { id, socket, .. } = responder;
        if socket != self.id {
            return Err(RespondError::OtherSocket);
        }
        let limits = self.server.config.limits_out();
        let parser = &*self.server.config.parser;
        let encoded = packet::ack(parser, self.namespace(), id, payload, limits)?;
        Ok(self.server.send(self.id, &encoded, false))
    }

    /// Disconnects the client from the namespace, or with `close` closes its connection.
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

    /// Closes the connection without DISCONNECT packets: to the client the connection is lost, so
    /// it reconnects.
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
        meta: EventMeta<'_>,
    ) -> Result<crate::engineio::Encoded, EncodeError> {
        let limits = self.server.config.limits_out();
        let parser = &*self.server.config.parser;
        payload.check(limits)?;
        packet::event(parser, self.namespace(), payload, meta, limits)
    }
}

impl Server {
    /// Returns a view of a socket that is connected, or whose CONNECT is not answered; `None` once
    /// it is gone.
    pub fn socket(&mut self, id: SocketId) -> Option<SocketMut<'_>> {
        self.get(id)?;
        Some(SocketMut { server: self, id })
    }
}
