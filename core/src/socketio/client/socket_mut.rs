//! The commands of one socket, as a view on the [`Client`].
//!
//! Each command applies at once, and writes what it can before it returns. Time that has passed is
//! taken into account first where it matters: an event is not sent on a connection whose server has
//! been silent for too long.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engineio::Encoded;
use crate::id::{AckId, Sid, SocketId};
use crate::socketio::ack::Responder;
use crate::socketio::client::auth::{Auth, AuthError, Kind};
use crate::socketio::client::client::Client;
use crate::socketio::client::retries::QueuedEvent;
use crate::socketio::client::socket::{Phase, Socket};
use crate::socketio::emit_options::EmitOptions;
use crate::socketio::error::{EmitError, EncodeError, RespondError};
use crate::socketio::packet;
use crate::socketio::packet::{AckPayload, EventMeta, EventPayload};

/// A socket of a [`Client`], to command it and to ask about it; made by [`Client::socket`].
pub struct SocketMut<'a> {
    client: &'a mut Client,
    id: SocketId,
}

impl Client {
    /// Returns a socket; `None` once it was [removed](SocketMut::remove).
    pub fn socket(&mut self, id: SocketId) -> Option<SocketMut<'_>> {
        self.sockets.get(&id)?;
        Some(SocketMut { client: self, id })
    }
}

impl SocketMut<'_> {
    /// Returns the state of the socket.
    fn get(&self) -> &Socket {
        self.client.sockets.get(&self.id).expect("the client is borrowed since it was found")
    }

    /// Returns the state of the socket, to change it.
    fn get_mut(&mut self) -> &mut Socket {
        self.client.sockets.get_mut(&self.id).expect("the client is borrowed since it was found")
    }

    /// Returns the id by which the application knows this socket.
    #[must_use]
    pub const fn id(&self) -> SocketId {
        self.id
    }

    /// Returns the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.get().namespace
    }

    /// Returns the id that the server has given it; `None` unless it is connected. It changes with
    /// each connection that is not recovered.
    #[must_use]
    pub fn sid(&self) -> Option<&Sid> {
        self.get().sid.as_ref()
    }

    /// Whether it is connected: the server has accepted it.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.get().is_connected()
    }

    /// Whether it is connected or is to be.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.get().is_active()
    }

    /// Whether the server has recovered it when it was connected last.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.get().recovered
    }

    /// Returns how many events wait until it is connected, or until the ones before them are
    /// acknowledged.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.get().buffer.len() + self.get().queue.len()
    }

    /// Connects; does nothing if it is connected, or is to be.
    pub fn connect(&mut self, now: Instant) {
        self.client.connect(self.id, now);
        self.client.flush(now);
    }

    /// Leaves the namespace, or stops trying to join it. The last socket that does so closes the
    /// connection. What was emitted while it was not connected waits until it connects again.
    pub fn disconnect(&mut self, now: Instant) {
        self.client.disconnect(self.id, now);
        self.client.flush(now);
    }

    /// Disconnects, and removes the socket; what was not sent is dropped.
    pub fn remove(self, now: Instant) {
        // First `Disconnected`, then what fails with the socket.
        let Self { client, id } = self;
        client.disconnect(id, now);
        client.discard(id);
        client.flush(now);
    }

    /// Replaces the payload of CONNECT, from the next one on.
    pub fn set_auth(&mut self, auth: Auth) {
        self.get_mut().config.auth = auth;
    }

    /// Answers [`Event::Authenticating`](crate::client::Event::Authenticating): sends CONNECT with
    /// this object, or without a payload if it is `()`. Does nothing if the socket does not ask
    /// (any more).
    ///
    /// # Errors
    ///
    /// If the data can't be written as JSON, or is no object; the socket is still asking then.
    pub fn authenticate(
        &mut self,
        data: &(impl Serialize + ?Sized),
        now: Instant,
    ) -> Result<(), AuthError> {
        let auth = Auth::value(data)?;
        if self.get().phase == Phase::Authenticating {
            let json = match auth.kind() {
                Kind::Object(json) => Some(&**json),
                Kind::None | Kind::Ask => None,
            };
            self.client.send_connect(self.id, json, now);
            self.client.flush(now);
        }
        Ok(())
    }

    /// Emits an event. A tuple is several arguments, `()` none, everything else one.
    ///
    /// Returns whether it is sent or will be: a volatile event is dropped unless it can be written
    /// at once. Whether it may be compressed has no meaning for a client.
    ///
    /// # Errors
    ///
    /// - [`EmitError::Encode`] if the name is reserved or the data can't be encoded;
    /// - [`EmitError::Full`] if more than [`max_buffered`](crate::client::Config::max_buffered) bytes
    ///   would wait;
    /// - [`EmitError::MessageTooLarge`] if the server does not accept messages of this size.
    pub fn emit(
        &mut self,
        name: &str,
        data: &(impl Serialize + ?Sized),
        options: EmitOptions,
        now: Instant,
    ) -> Result<bool, EmitError> {
        let payload = EventPayload::new(name, data, self.client.config.limits_out())?;
        self.emit_payload(payload, options, now)
    }

    /// Emits an event that is encoded already; otherwise like [`emit`](Self::emit).
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit); because of its data only if it holds more than this client
    /// [may send](crate::client::Config::limits_out).
    pub fn emit_payload(
        &mut self,
        payload: EventPayload,
        options: EmitOptions,
        now: Instant,
    ) -> Result<bool, EmitError> {
        self.client.advance_sessions(now);
        // Also an event without acknowledgement takes an id: it is the key of its place.
        let key = self.client.acks.next_id();
        let timeout = self.get().config.ack_timeout;
        // With retries also an event without acknowledgement for the application asks for one.
        if self.get().config.retries > 0 && !options.volatile {
            let name = payload.name();
            let packet = self.encode(payload, Some(key))?;
            self.client.check_room(&packet)?;
            let event = QueuedEvent::new(packet, Some(name), timeout);
            self.client.enqueue(self.id, key, event, now);
            self.client.flush(now);
            return Ok(true);
        }
        let packet = self.encode(payload, None)?;
        // A volatile event is for a server that is ready now; it is never kept.
        if options.volatile && !self.client.is_ready(self.id) {
            return Ok(false);
        }
        self.client.check_room(&packet)?;
        self.client.send(self.id, key, packet);
        self.client.flush(now);
        Ok(true)
    }

    /// Emits an event that the server is to acknowledge; the answer is
    /// [`Event::Acked`](crate::client::Event::Acked). It is an error after `timeout`, by default
    /// the [`ack_timeout`](crate::client::SocketConfig::ack_timeout) of the socket, and when the
    /// connection ends on which the event was sent. An event that is not sent until then is not
    /// sent at all.
    ///
    /// With [retries](crate::client::SocketConfig::retries) it is an error only after all of them,
    /// and `timeout` is the time of each.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit), and [`EmitError::TooManyAcks`] if
    /// [`max_pending_acks`](crate::client::Config::max_pending_acks) acknowledgements are pending.
    pub fn emit_with_ack(
        &mut self,
        name: &str,
        data: &(impl Serialize + ?Sized),
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<AckId, EmitError> {
        let payload = EventPayload::new(name, data, self.client.config.limits_out())?;
        self.emit_payload_with_ack(payload, timeout, now)
    }

    /// Emits an event that is encoded already, and that the server is to acknowledge; otherwise
    /// like [`emit_with_ack`](Self::emit_with_ack).
    ///
    /// # Errors
    ///
    /// As for [`emit_with_ack`](Self::emit_with_ack); because of its data only if it holds more
    /// than this client [may send](crate::client::Config::limits_out).
    pub fn emit_payload_with_ack(
        &mut self,
        payload: EventPayload,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<AckId, EmitError> {
        self.client.advance_sessions(now);
        // Before the event is encoded, so that nothing changes if there is an error.
        let limit = self.client.config.max_pending_acks;
        if self.get().pending_acks >= limit {
            return Err(EmitError::TooManyAcks { limit });
        }
        let ack = self.client.acks.next_id();
        let packet = self.encode(payload, Some(ack))?;
        self.client.check_room(&packet)?;
        let timeout = timeout.or_else(|| self.get().config.ack_timeout);
        if self.get().config.retries > 0 {
            let event = QueuedEvent::new(packet, None, timeout);
            self.client.enqueue(self.id, ack, event, now);
            self.client.flush(now);
            return Ok(ack);
        }
        self.client.expect_ack(self.id, ack, timeout, now);
        self.client.send(self.id, ack, packet);
        self.client.flush(now);
        Ok(ack)
    }

    /// Stops waiting for an acknowledgement: no [`Event::Acked`](crate::client::Event::Acked) follows,
    /// and an answer that still arrives is ignored. The event itself is sent. Has no effect on an event
    /// with [retries](crate::client::SocketConfig::retries), or if the acknowledgement is not pending.
    pub fn cancel_ack(&mut self, ack: AckId) {
        self.client.cancel_ack(self.id, ack);
    }

    /// Answers an event. A tuple is several arguments, `()` none, everything else one.
    ///
    /// Returns whether it is sent: not if the connection is over on which the event came.
    ///
    /// # Errors
    ///
    /// - [`RespondError::OtherSocket`] if the event came to another socket;
    /// - [`RespondError::Encode`] if the data can't be encoded;
    /// - [`RespondError::Full`] if more than [`max_buffered`](crate::client::Config::max_buffered)
    ///   bytes would wait;
    /// - [`RespondError::MessageTooLarge`] if the server does not accept messages of this size.
    pub fn ack(
        &mut self,
        responder: Responder,
        data: &(impl Serialize + ?Sized),
        now: Instant,
    ) -> Result<bool, RespondError> {
        if responder.socket != self.id {
            return Err(RespondError::OtherSocket);
        }
        let payload = AckPayload::new(data, self.client.config.limits_out())?;
        self.ack_payload(responder, payload, now)
    }

    /// Answers an event with what is encoded already; otherwise like [`ack`](Self::ack).
    ///
    /// # Errors
    ///
    /// As for [`ack`](Self::ack); because of its data only if it holds more than this client
    /// [may send](crate::client::Config::limits_out).
    pub fn ack_payload(
        &mut self,
        responder: Responder,
        payload: AckPayload,
        now: Instant,
    ) -> Result<bool, RespondError> {
        let Responder { id, socket, generation } = responder;
        if socket != self.id {
            return Err(RespondError::OtherSocket);
        }
        // Ids of acknowledgements belong to one connection of a socket: on another one the server
        // would take this for the answer to another event.
        if generation != self.get().generation || !self.is_connected() {
            return Ok(false);
        }
        let config = &self.client.config;
        let limits = config.limits_out();
        let packet = packet::ack(&*config.parser, self.namespace(), id, payload, limits)?;
        self.client.check_room(&packet)?;
        self.client.push_data(&packet);
        self.client.flush(now);
        Ok(true)
    }

    /// Encodes an EVENT packet for the namespace of this socket.
    fn encode(&self, payload: EventPayload, ack: Option<AckId>) -> Result<Encoded, EncodeError> {
        let config = &self.client.config;
        let meta = EventMeta { ack: ack.map(|ack| ack.0), offset: None, compress: true };
        let limits = config.limits_out();
        payload.check(limits)?;
        packet::event(&*config.parser, self.namespace(), payload, meta, limits)
    }
}
