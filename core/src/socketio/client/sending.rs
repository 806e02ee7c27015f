//! The packets of the application: sent at once, kept until the socket is connected, or sent until
//! the server has acknowledged them. Methods of the [`Client`].
//!
//! Socket.IO protocol, section "Sending and receiving data": `2["name",..]`, or with an
//! acknowledgement to come `212["name",..]`, which `312[..]` answers.
//!
//! A packet is in one of three places: in the `buffer` of a socket that is not connected, in the
//! `queue` of a socket with retries, or in the outbox of the session. `max_buffered` limits their
//! sum. Events with retries stay in the queue until they are acknowledged; a copy is sent, which
//! shares its memory.
//!
//! The key of a packet in the buffer and the queue is the id of its acknowledgement, whether it
//! asks for one or not: ids grow, so their order is that of the commands.

use std::time::{Duration, Instant};

use crate::args::Args;
use crate::engineio::Encoded;
use crate::engineio::client::PacketClass;
use crate::id::{AckId, SocketId};
use crate::socketio::ack::PendingAck;
use crate::socketio::client::alarm::Alarm;
use crate::socketio::client::client::Client;
use crate::socketio::client::event::Event;
use crate::socketio::client::retries::QueuedEvent;
use crate::socketio::client::socket::Socket;
use crate::socketio::error::{AckError, EmitError, RespondError};

/// Why a packet is not taken.
pub(super) enum NoRoom {
    Full { limit: usize },
    MessageTooLarge { bytes: usize, limit: usize },
}

impl From<NoRoom> for EmitError {
    fn from(reason: NoRoom) -> Self {
        match reason {
            NoRoom::Full { limit } => Self::Full { limit },
            NoRoom::MessageTooLarge { bytes, limit } => Self::MessageTooLarge { bytes, limit },
        }
    }
}

impl From<NoRoom> for RespondError {
    fn from(reason: NoRoom) -> Self {
        match reason {
            NoRoom::Full { limit } => Self::Full { limit },
            NoRoom::MessageTooLarge { bytes, limit } => Self::MessageTooLarge { bytes, limit },
        }
    }
}

impl Client {
    /// Returns the bytes that wait to be sent.
    pub(super) fn buffered(&self) -> usize {
        self.held_bytes + self.session.as_ref().map_or(0, |session| session.buffered())
    }

    /// Checks that there is room for a packet, and that the server takes it as far as that is
    /// known.
    pub(super) fn check_room(&self, packet: &Encoded) -> Result<(), NoRoom> {
        let session = self.session.as_ref();
        let too_large = session.and_then(|session| session.too_large(packet, &self.cx));
        if let Some((bytes, limit)) = too_large {
            return Err(NoRoom::MessageTooLarge { bytes, limit });
        }
        // Sessions that are closing do not count: what they hold is bounded by what they had when
        // they were closed, and nothing is added.
        let limit = self.config.max_buffered;
        if self.buffered().saturating_add(packet.cost()) > limit {
            return Err(NoRoom::Full { limit });
        }
        Ok(())
    }

    /// Queues a packet of the application for the next [`flush`](Self::flush).
    pub(super) fn push_data(&mut self, packet: &Encoded) {
        self.push_packet(PacketClass::Data, packet);
    }

    /// Queues a packet for the next [`flush`](Self::flush).
    pub(super) fn push_packet(&mut self, class: PacketClass, packet: &Encoded) {
        if let Some(session) = &mut self.session {
            session.push(class, packet);
        }
    }

    /// Whether a packet of this socket is written at once.
    pub(super) fn is_ready(&self, id: SocketId) -> bool {
        self.sockets.get(&id).is_some_and(Socket::is_connected)
            && self.session.as_ref().is_some_and(|session| session.is_ready(&self.cx))
    }

    // Without retries.

    /// Sends a packet, or keeps it until the socket is connected.
    pub(super) fn send(&mut self, id: SocketId, key: AckId, packet: Encoded) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.is_connected() {
            return self.push_data(&packet);
        }
        self.held_bytes += packet.cost();
        socket.buffer.insert(key, packet);
    }

    /// Sends the packets that were kept until the socket is connected.
    pub(super) fn send_buffered(&mut self, id: SocketId, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let buffer = std::mem::take(&mut socket.buffer);
        // From now on they count as bytes of the session.
        for packet in buffer.values() {
            self.held_bytes -= packet.cost();
            self.push_data(packet);
        }
        self.send_next_queued(None, id, now);
    }

    // With retries: only the first event of the queue is sent, so the order is kept.

    /// Queues an event that is sent until it is acknowledged.
    pub(super) fn enqueue(&mut self, id: SocketId, key: AckId, event: QueuedEvent, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        self.held_bytes += event.packet.cost();
        socket.queue.insert(key, event);
        self.send_next_queued(None, id, now);
    }

    /// Sends the first event of the queue, unless the acknowledgement of a try is waited for.
    /// `failed` is the event of which a try has just failed on this connection.
    fn send_next_queued(&mut self, failed: Option<AckId>, id: SocketId, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if !socket.is_connected() {
            return;
        }
        let Some(mut head) = socket.queue.first_entry() else { return };
        let key = *head.key();
        let head = head.get_mut();
        if std::mem::replace(&mut head.is_sent, true) {
            return;
        }
        // The acknowledgement of an earlier try counts as well: all tries have the same id.
        head.tries = head.tries.saturating_add(1);
        let alarm = Alarm::TryTimeout(id, key);
        // A try that fails at once would be repeated without end.
        let timeout = head.timeout.map(|timeout| timeout.max(Duration::from_millis(1)));
        head.timer = timeout.map(|timeout| self.timers.set(now, timeout, alarm));
        let packet = head.packet.clone();
        // While the session has something queued, that may be the packet of the failed try: a
        // second one would only follow it.
        let all_sent = self.session.as_ref().is_some_and(|session| session.buffered() == 0);
        if failed != Some(key) || all_sent {
            self.push_data(&packet);
        }
    }

    /// The acknowledgement of a try did not arrive in time.
    pub(super) fn on_try_timeout(&mut self, id: SocketId, key: AckId, now: Instant) {
        self.fail_try(id, key, AckError::Timeout);
        self.send_next_queued(Some(key), id, now);
    }

    /// A try of an event of the queue has failed; after the last one the event is given up.
    fn fail_try(&mut self, id: SocketId, key: AckId, error: AckError) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let retries = socket.config.retries;
        let Some(event) = socket.queue.get_mut(&key) else { return };
        event.is_sent = false;
        self.timers.cancel(&mut event.timer);
        if event.tries > retries {
            self.dequeue(id, key, Err(error));
        }
    }

    /// Removes an event from the queue, and tells the application what became of it.
    fn dequeue(&mut self, id: SocketId, key: AckId, result: Result<Args, AckError>) {
        let event = self.sockets.get_mut(&id).and_then(|socket| socket.queue.remove(&key));
        let Some(mut event) = event else { return };
        self.held_bytes -= event.packet.cost();
        self.timers.cancel(&mut event.timer);
        match (event.unacknowledged_name, result) {
            (None, result) => self.push_event(Event::Acked { socket: id, ack: key, result }),
            (Some(name), Err(error)) => {
                self.push_event(Event::GivenUp { socket: id, name, error });
            }
            // The application has not asked for the acknowledgement.
            (Some(_), Ok(_)) => {}
        }
    }

    // Acknowledgements.

    /// Waits for the acknowledgement of an event without retries.
    pub(super) fn expect_ack(
        &mut self,
        id: SocketId,
        ack: AckId,
        timeout: Option<Duration>,
        now: Instant,
    ) {
        let alarm = Alarm::AckTimeout(id, ack);
        let timer = timeout.map(|timeout| self.timers.set(now, timeout, alarm));
        // The number is bounded for each socket, so that one can't use up what others need.
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.pending_acks += 1;
            self.acks.expect(id, ack, PendingAck::Single(timer));
        }
    }

    /// Stops waiting for an acknowledgement; `None` if it is not waited for.
    fn take_ack(&mut self, id: SocketId, ack: AckId) -> Option<PendingAck> {
        let pending = self.acks.take(id, ack)?;
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.pending_acks -= 1;
        }
        Some(pending)
    }

    /// Stops waiting for an acknowledgement, whatever becomes of its event.
    pub(super) fn cancel_ack(&mut self, id: SocketId, ack: AckId) {
        if let Some(PendingAck::Single(Some(timer))) = self.take_ack(id, ack) {
            self.timers.clear(timer);
        }
    }

    /// The server has sent an ACK packet. One that is not waited for is ignored.
    pub(super) fn on_ack(&mut self, id: SocketId, ack: AckId, args: Args, now: Instant) {
        let Some(socket) = self.sockets.get(&id).filter(|socket| socket.is_connected()) else {
            return;
        };
        // A server can guess the id of an event that was not sent yet.
        if socket.queue.get(&ack).is_some_and(|event| event.tries > 0) {
            self.dequeue(id, ack, Ok(args));
            self.send_next_queued(None, id, now);
        } else if let Some(PendingAck::Single(timer)) = self.take_ack(id, ack) {
            timer.into_iter().for_each(|timer| self.timers.clear(timer));
            self.push_event(Event::Acked { socket: id, ack, result: Ok(args) });
        }
    }

    /// An acknowledgement did not arrive in time, or its event was not sent until now.
    pub(super) fn on_ack_timeout(&mut self, id: SocketId, ack: AckId) {
        if self.take_ack(id, ack).is_none() {
            return;
        }
        // The application was told that the event has failed, so it is not sent any more.
        let socket = self.sockets.get_mut(&id);
        if let Some(packet) = socket.and_then(|socket| socket.buffer.remove(&ack)) {
            self.held_bytes -= packet.cost();
        }
        self.push_event(Event::Acked { socket: id, ack, result: Err(AckError::Timeout) });
    }

    /// The connection is over: what was sent on it will not be acknowledged. While a socket is
    /// connected its buffer is empty, so all acknowledgements are those of sent packets.
    pub(super) fn fail_acks(&mut self, id: SocketId) {
        while let Some((ack, pending)) = self.acks.take_any(id) {
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.pending_acks -= 1;
            }
            if let PendingAck::Single(Some(timer)) = pending {
                self.timers.clear(timer);
            }
            let result = Err(AckError::Disconnected);
            self.push_event(Event::Acked { socket: id, ack, result });
        }
        // An event of the queue stays there for the next connection, unless this was its last try.
        let queue = self.sockets.get(&id).map(|socket| &socket.queue);
        let head = queue.and_then(|queue| queue.first_key_value());
        if let Some(key) = head.filter(|(_, head)| head.is_sent).map(|(key, _)| *key) {
            self.fail_try(id, key, AckError::Disconnected);
        }
    }

    /// Removes a socket, with everything that was emitted on it and not sent.
    pub(super) fn discard(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        for packet in std::mem::take(&mut socket.buffer).into_values() {
            self.held_bytes -= packet.cost();
        }
        let keys: Vec<_> = socket.queue.keys().copied().collect();
        for key in keys {
            self.dequeue(id, key, Err(AckError::Disconnected));
        }
        // Those of events that waited in the buffer.
        self.fail_acks(id);
        if let Some(socket) = self.sockets.remove(&id) {
            self.by_namespace.remove(&socket.namespace);
        }
    }
}
