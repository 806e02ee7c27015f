//! Commands for many sockets: broadcasts, joins, leaves, disconnects.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::args::Args;
use crate::id::{AckId, SocketId};
use crate::socketio::ack::PendingAck;
use crate::socketio::emit_options::EmitOptions;
use crate::socketio::error::EncodeError;
use crate::socketio::packet;
use crate::socketio::packet::{EventMeta, EventPayload};
use crate::socketio::server::Event;
use crate::socketio::server::alarm::Alarm;
use crate::socketio::server::broadcast_acks::BroadcastAcks;
use crate::socketio::server::names::Room;
use crate::socketio::server::selector::Selector;
use crate::socketio::server::server::Server;

impl Server {
    /// Emits an event to the selected sockets of a namespace.
    ///
    /// The packet is encoded once. Does nothing if the namespace does not exist.
    ///
    /// # Errors
    ///
    /// If the name of the event is reserved, or the data can't be serialized or breaks the limits.
    pub fn emit(
        &mut self,
        namespace: &str,
        selector: &Selector,
        name: &str,
        data: &(impl Serialize + ?Sized),
        options: EmitOptions,
    ) -> Result<(), EncodeError> {
        let payload = EventPayload::new(name, data, self.config.limits_out())?;
        self.emit_payload(namespace, selector, payload, options)
    }

    /// Emits an event that is encoded already; otherwise like [`emit`](Self::emit).
    ///
    /// # Errors
    ///
    /// If the event breaks the [limits](crate::ServerConfig::limits_out) of this server.
    pub fn emit_payload(
        &mut self,
        namespace: &str,
        selector: &Selector,
        payload: EventPayload,
        options: EmitOptions,
    ) -> Result<(), EncodeError> {
        let limits = self.config.limits_out();
        payload.check(limits)?;
        let kept = self.logged_namespace(namespace).filter(|_| !options.volatile);
        let sockets = self.select(namespace, selector);
        if sockets.is_empty() && kept.is_none() {
            return Ok(());
        }
        let recovery = self.recovery.as_ref().filter(|_| kept.is_some());
        let offset = recovery.map(|recovery| recovery.next_offset());
        let meta = EventMeta { ack: None, offset: offset.as_deref(), compress: options.compress };
        let encoded = packet::event(&*self.config.parser, namespace, payload, meta, limits)?;
        for socket in sockets {
            self.send(socket, &encoded, options.volatile);
        }
        if let Some(namespace) = kept {
            self.log_broadcast(namespace, selector, &encoded);
        }
        Ok(())
    }

    /// Emits an event that the selected sockets are to acknowledge. The answers come as one
    /// [`Event::BroadcastAcked`]: when all have arrived, or after `timeout`.
    ///
    /// A socket with [`max_pending_acks`](crate::ServerConfig::max_pending_acks) pending
    /// acknowledgements is not asked, and counts as disconnected.
    ///
    /// # Errors
    ///
    /// If the name of the event is reserved, or the data can't be serialized or breaks the limits.
    pub fn emit_with_ack(
        &mut self,
        namespace: &str,
        selector: &Selector,
        name: &str,
        data: &(impl Serialize + ?Sized),
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<AckId, EncodeError> {
        let payload = EventPayload::new(name, data, self.config.limits_out())?;
        self.emit_payload_with_ack(namespace, selector, payload, timeout, now)
    }

    /// Emits an event that is encoded already, and that the selected sockets are to acknowledge;
    /// otherwise like [`emit_with_ack`](Self::emit_with_ack).
    ///
    /// # Errors
    ///
    /// If the event breaks the [limits](crate::ServerConfig::limits_out) of this server.
    pub fn emit_payload_with_ack(
        &mut self,
        namespace: &str,
        selector: &Selector,
        payload: EventPayload,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<AckId, EncodeError> {
        let limits = self.config.limits_out();
        payload.check(limits)?;
        let ack = self.acks.next_id();
        let meta = EventMeta { ack: Some(ack.0), offset: None, compress: true };
        let encoded = packet::event(&*self.config.parser, namespace, payload, meta, limits)?;
        let (sockets, full): (Vec<_>, Vec<_>) = {
            let most = self.config.max_pending_acks;
            let can_owe =
                |id: &SocketId| self.get(*id).is_some_and(|socket| socket.pending_acks < most);
            self.select(namespace, selector).into_iter().partition(can_owe)
        };
        self.totals.acks_refused += full.len() as u64;
        let timer = timeout.map(|timeout| self.timers.set(now, timeout, Alarm::BroadcastAcks(ack)));
        let waiting = sockets.iter().copied().collect();
        let answers = Vec::new();
        let acks = BroadcastAcks { answers, waiting, disconnected: full.len(), timer };
        self.broadcast_acks.insert(ack, acks);
        for &socket in &sockets {
            self.expect_ack(socket, ack, PendingAck::Broadcast);
        }
        for socket in sockets {
            self.send(socket, &encoded, false);
        }
        self.finish_broadcast_acks(ack, false);
        Ok(ack)
    }

    /// Stops waiting for the acknowledgements of a broadcast: no [`Event::BroadcastAcked`] follows,
    /// and answers that still arrive are ignored. Does nothing if they are not waited for.
    pub fn cancel_broadcast_acks(&mut self, ack: AckId) {
        let Some(acks) = self.broadcast_acks.remove(&ack) else { return };
        acks.timer.into_iter().for_each(|timer| self.timers.clear(timer));
        for socket in acks.waiting {
            self.take_pending_ack(socket, ack);
        }
    }

    /// Adds the answer of a socket to those of a broadcast; `None` if it is disconnected.
    pub(super) fn add_broadcast_ack(&mut self, ack: AckId, socket: SocketId, answer: Option<Args>) {
        let Some(acks) = self.broadcast_acks.get_mut(&ack) else { return };
        // A slice would keep the whole body until the last answer arrives.
        acks.add(socket, answer.map(|args| args.detached()));
        self.finish_broadcast_acks(ack, false);
    }

    /// Reports the answers if all have arrived, or if the time is up.
    pub(super) fn finish_broadcast_acks(&mut self, ack: AckId, late: bool) {
        let is_complete = |acks: &BroadcastAcks| late || acks.is_complete();
        if !self.broadcast_acks.get(&ack).is_some_and(is_complete) {
            return;
        }
        if let Some(acks) = self.broadcast_acks.remove(&ack) {
            let BroadcastAcks { answers, waiting, disconnected, timer } = acks;
            timer.into_iter().for_each(|timer| self.timers.clear(timer));
            for &socket in &waiting {
                self.take_pending_ack(socket, ack);
            }
            self.tell(Event::BroadcastAcked {
                ack,
                answers,
                disconnected,
                timed_out: waiting.len(),
            });
        }
    }

    /// Returns the selected sockets of a namespace, in the order of connection.
    #[must_use]
    pub fn select(&self, namespace: &str, selector: &Selector) -> Vec<SocketId> {
        let Some(index) = self.namespace(namespace.as_bytes()) else {
            return Vec::new();
        };
        self.namespaces[index].members.select(selector, |sid| self.find(sid))
    }

    /// Adds the selected sockets to these rooms.
    pub fn join(&mut self, namespace: &str, selector: &Selector, rooms: &[impl AsRef<str>]) {
        for id in self.select(namespace, selector) {
            if let Some(mut socket) = self.socket(id) {
                rooms.iter().for_each(|room| socket.join(room.as_ref()));
            }
        }
    }

    /// Removes the selected sockets from these rooms.
    pub fn leave(&mut self, namespace: &str, selector: &Selector, rooms: &[impl AsRef<str>]) {
        for id in self.select(namespace, selector) {
            if let Some(mut socket) = self.socket(id) {
                rooms.iter().for_each(|room| socket.leave(room.as_ref()));
            }
        }
    }

    /// Disconnects the selected sockets from the namespace, or with `close` closes their
    /// connections.
    pub fn disconnect(&mut self, namespace: &str, selector: &Selector, close: bool, now: Instant) {
        for id in self.select(namespace, selector) {
            if let Some(socket) = self.socket(id) {
                socket.disconnect(close, now);
            }
        }
    }

    /// Returns the rooms of a namespace with the number of sockets in each, in alphabetical order,
    /// without the rooms of own ids.
    #[must_use]
    pub fn rooms(&self, namespace: &str) -> Vec<(Room, usize)> {
        let index = self.namespace(namespace.as_bytes());
        index.map(|index| self.namespaces[index].members.sizes()).unwrap_or_default()
    }
}
