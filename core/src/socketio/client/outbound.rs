//! What the application says: sent at once, kept until there is a connection, or sent until the
//! server has acknowledged it.

use std::time::{Duration, Instant};

use crate::args::Args;
use crate::args::Name;
use crate::engineio::Encoded;
use crate::engineio::client::PacketClass;
use crate::error::{AckError, EmitError};
use crate::id::{AckId, SocketId};
use crate::socketio::ack::PendingAck;
use crate::socketio::client::Event;
use crate::socketio::client::client::{Alarm, Client};
use crate::socketio::client::life::Socket;
use crate::timers::TimerId;

/// A packet that waits until its socket is connected.
pub(super) struct Buffered {
    packet: Encoded,
}

/// A packet that is sent until it is acknowledged.
pub(super) struct Queued {
    packet: Encoded,
    /// Its name, if the application does not wait for the acknowledgement.
    unasked: Option<Name>,
    timeout: Option<Duration>,
    tries: u32,
    /// Whether it is sent, and not given up yet.
    is_sent: bool,
    timer: Option<TimerId>,
}

impl Client {
    /// The bytes that wait to be sent.
    pub(super) fn buffered(&self) -> usize {
        self.waiting + self.session.as_ref().map_or(0, |session| session.buffered())
    }

    /// Makes sure that there is room for a packet, and that the server takes it as far as that is
    /// known.
    pub(super) fn check_room(&self, packet: &Encoded) -> Result<(), EmitError> {
        let session = self.session.as_ref();
        if let Some((bytes, limit)) =
            session.and_then(|session| session.too_large(packet, &self.cx))
        {
            return Err(EmitError::MessageTooLarge { bytes, limit });
        }
        let limit = self.config.max_buffered;
        if self.buffered().saturating_add(packet.cost()) > limit {
            return Err(EmitError::BufferFull { limit });
        }
        Ok(())
    }

    /// Lets what was emitted leave at the next [`flush`](Self::flush).
    pub(super) fn write(&mut self, packet: &Encoded) {
        self.write_as(PacketClass::Data, packet);
    }

    pub(super) fn write_as(&mut self, kind: PacketClass, packet: &Encoded) {
        if let Some(session) = &mut self.session {
            session.push(kind, packet);
        }
    }

    /// Writes what waits, if there is a way to; the last step of everything that happens.
    pub(super) fn flush(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.flush(&mut self.cx, now);
        }
    }

    /// Whether what is emitted now leaves at once.
    pub(super) fn is_ready(&self, id: SocketId) -> bool {
        self.sockets.get(&id).is_some_and(Socket::is_connected)
            && self.session.as_ref().is_some_and(|session| session.is_ready(&self.cx))
    }

    /// Sends a packet, or keeps it for when the socket is connected.
    pub(super) fn send(&mut self, id: SocketId, key: AckId, packet: Encoded) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.is_connected() {
            return self.write(&packet);
        }
        self.waiting += packet.cost();
        socket.buffer.insert(key, Buffered { packet });
    }

    /// Lets a packet wait for its turn.
    pub(super) fn enqueue(
        &mut self,
        id: SocketId,
        key: AckId,
        packet: Encoded,
        unasked: Option<Name>,
        timeout: Option<Duration>,
        now: Instant,
    ) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        self.waiting += packet.cost();
        let queued = Queued { packet, unasked, timeout, tries: 0, is_sent: false, timer: None };
        socket.queue.insert(key, queued);
        self.drain_queue(id, now);
    }

    /// Sends what has waited for the socket to be connected.
    pub(super) fn send_buffered(&mut self, id: SocketId, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let buffer = std::mem::take(&mut socket.buffer);
        for Buffered { packet } in buffer.values() {
            self.waiting -= packet.cost();
            self.write(packet);
        }
        self.drain_queue(id, now);
    }

    /// Sends the first packet of the queue, if it is not sent already.
    fn drain_queue(&mut self, id: SocketId, now: Instant) {
        self.drain_queue_after(None, id, now);
    }

    /// The same after the try of one packet has failed, of which this connection has a copy.
    fn drain_queue_after(&mut self, failed: Option<AckId>, id: SocketId, now: Instant) {
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
        head.tries = head.tries.saturating_add(1);
        let alarm = Alarm::Try(id, key);
        head.timer = head.timeout.map(|timeout| self.timers.set(now, timeout, alarm));
        let packet = head.packet.clone();
        // As long as something waits to leave, the first copy may, too.
        let all_left = self.session.as_ref().is_some_and(|session| session.buffered() == 0);
        if failed != Some(key) || all_left {
            self.write(&packet);
        }
    }

    pub(super) fn on_try_timeout(&mut self, id: SocketId, key: AckId, now: Instant) {
        self.fail_try(id, key, AckError::Timeout);
        self.drain_queue_after(Some(key), id, now);
    }

    /// One try to send the first packet of the queue has failed.
    fn fail_try(&mut self, id: SocketId, key: AckId, error: AckError) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let retries = socket.config.retries;
        let Some(head) = socket.queue.get_mut(&key) else { return };
        head.is_sent = false;
        head.timer.take().into_iter().for_each(|timer| self.timers.clear(timer));
        if head.tries > retries {
            self.unqueue(id, key, Err(error));
        }
    }

    /// Takes a packet off the queue; false if it is not there.
    fn unqueue(&mut self, id: SocketId, key: AckId, result: Result<Args, AckError>) -> bool {
        let queued = self.sockets.get_mut(&id).and_then(|socket| socket.queue.remove(&key));
        let Some(queued) = queued else { return false };
        self.waiting -= queued.packet.cost();
        queued.timer.into_iter().for_each(|timer| self.timers.clear(timer));
        match (queued.unasked, result) {
            (None, result) => self.report(Event::Acked { socket: id, ack: key, result }),
            (Some(name), Err(error)) => self.report(Event::GivenUp { socket: id, name, error }),
            (Some(_), Ok(_)) => {}
        }
        true
    }

    pub(super) fn owe(&mut self, id: SocketId, ack: AckId, timer: Option<TimerId>) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.owed += 1;
            self.acks.expect(id, ack, PendingAck::Single(timer));
        }
    }

    /// Takes an acknowledgement off the list; `None` if it is not owed.
    fn settle_ack(&mut self, id: SocketId, ack: AckId) -> Option<PendingAck> {
        let owed = self.acks.take(id, ack)?;
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.owed -= 1;
        }
        Some(owed)
    }

    pub(super) fn on_ack(&mut self, id: SocketId, ack: AckId, args: Args, now: Instant) {
        let Some(socket) = self.sockets.get(&id).filter(|socket| socket.is_connected()) else {
            return;
        };
        // Only what was sent can be acknowledged.
        if socket.queue.get(&ack).is_some_and(|queued| queued.tries > 0) {
            self.unqueue(id, ack, Ok(args));
            self.drain_queue(id, now);
        } else if let Some(PendingAck::Single(timer)) = self.settle_ack(id, ack) {
            timer.into_iter().for_each(|timer| self.timers.clear(timer));
            self.report(Event::Acked { socket: id, ack, result: Ok(args) });
        }
    }

    pub(super) fn on_ack_timeout(&mut self, id: SocketId, ack: AckId) {
        if self.settle_ack(id, ack).is_none() {
            return;
        }
        // What nobody waits for any more is not sent either.
        let socket = self.sockets.get_mut(&id);
        if let Some(Buffered { packet }) = socket.and_then(|socket| socket.buffer.remove(&ack)) {
            self.waiting -= packet.cost();
        }
        self.report(Event::Acked { socket: id, ack, result: Err(AckError::Timeout) });
    }

    /// The connection is over: what was sent will not be acknowledged. What waits to be sent does
    /// so only while the socket is not connected, so there is nothing of that kind.
    pub(super) fn abandon_acks(&mut self, id: SocketId) {
        while let Some((ack, owed)) = self.acks.take_any(id) {
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.owed -= 1;
            }
            if let PendingAck::Single(Some(timer)) = owed {
                self.timers.clear(timer);
            }
            let result = Err(AckError::Disconnected);
            self.report(Event::Acked { socket: id, ack, result });
        }
        let queue = self.sockets.get(&id).map(|socket| &socket.queue);
        let head = queue.and_then(|queue| queue.first_key_value());
        if let Some(key) = head.filter(|(_, head)| head.is_sent).map(|(key, _)| *key) {
            self.fail_try(id, key, AckError::Disconnected);
        }
    }

    /// Gives up a socket, and everything that was emitted and has not left.
    pub(super) fn discard(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        for Buffered { packet } in std::mem::take(&mut socket.buffer).into_values() {
            self.waiting -= packet.cost();
        }
        let keys: Vec<_> = socket.queue.keys().copied().collect();
        for key in keys {
            self.unqueue(id, key, Err(AckError::Disconnected));
        }
        self.abandon_acks(id);
        if let Some(socket) = self.sockets.remove(&id) {
            self.by_name.remove(&socket.namespace);
        }
    }
}
