//! Connection state recovery, from the first packet that is logged to the return of a client.

use std::time::Instant;

use serde::Deserialize;

use crate::args::Args;
use crate::engineio::Encoded;
use crate::id::{SessionId, Sid, SocketId};
use crate::socketio::error::DisconnectReason;
use crate::socketio::server::alarm::Alarm;
use crate::socketio::server::event::Event;
use crate::socketio::server::names::Namespace;
use crate::socketio::server::packet_log::Target;
use crate::socketio::server::recovery::Restored;
use crate::socketio::server::selector::Selector;
use crate::socketio::server::server::Server;

/// What the auth of a CONNECT packet holds when a client returns: `{"pid":"..","offset":".."}`.
#[derive(Deserialize)]
pub(super) struct Claim {
    pid: String,
    offset: String,
}

impl Server {
    /// Reads the claim of a client that returns, and ends its old connection, if there is one. The
    /// client knows of the loss before the server does, for instance after a change of networks.
    ///
    /// A packet may come late, from a connection that the client has given up for the one that has
    /// the socket now. So an older connection takes nothing from a newer one.
    pub(super) fn claim(
        &mut self,
        session: SessionId,
        namespace: &str,
        auth: &Args,
    ) -> Option<Claim> {
        let now = self.now?;
        let recovery = self.recovery.as_ref()?;
        let claim: Claim = auth.get(0).ok()?;
        let connected = recovery.connected(&claim.pid).and_then(|id| self.get(id));
        let old = connected.and_then(|socket| {
            let is_there = *self.namespaces[socket.namespace].name == *namespace;
            let state = socket.recovery.as_ref().filter(|_| is_there)?;
            let may = socket.session < session && recovery.is_restorable(state, &claim.offset);
            may.then_some(socket.session)
        });
        if let Some(old) = old {
            self.end_session(old, DisconnectReason::TransportClose, now);
        }
        Some(claim)
    }

    /// Restores the socket of a client that returns.
    pub(super) fn restore(&mut self, namespace: usize, claim: &Claim) -> Option<Restored> {
        let now = self.now?;
        let Claim { pid, offset } = claim;
        let name = &self.namespaces[namespace].name;
        let (restored, expired) = self.recovery.as_mut()?.restore(name, pid, offset, now);
        self.tell_expired(expired);
        restored
    }

    /// The packets that a socket has missed that is about to be connected; `None` if it is a new
    /// one. A returning socket becomes a new one if some of the packets were dropped while the
    /// application decided, or if they are more than may wait to be sent: its connection would end
    /// at once, again and again.
    pub(super) fn missed_packets(&mut self, id: SocketId) -> Option<Vec<Encoded>> {
        /// Room for the answer that follows, in bytes.
        const ANSWER: usize = 512;
        let recovery = self.recovery.as_ref()?;
        let socket = self.get(id)?;
        let state = socket.recovery.as_ref()?;
        let namespace = &self.namespaces[socket.namespace].name;
        let waiting = self.engine.buffered(socket.session).unwrap_or(0) + ANSWER;
        let limit = self.config.engine.max_buffered;
        let missed = recovery.missed(namespace, &socket.sid, state).filter(|missed| {
            waiting.saturating_add(missed.iter().map(Encoded::cost).sum()) <= limit
        });
        if let Some(sid) = socket.returning_sid().filter(|_| missed.is_none()) {
            for room in state.rooms() {
                self.socket(id)?.leave(&room);
            }
            let (new, pid) = (self.generator.sid(), self.generator.long_sid());
            let socket = self.get_mut(id)?;
            socket.sid = new;
            socket.recovery.as_mut()?.pid = pid;
            self.tell_expired([sid]);
        }
        let socket = self.sockets.get_mut(id.index as usize)?;
        socket.recovery.as_mut()?.connect(self.recovery.as_ref()?, missed.is_some());
        missed
    }

    /// Saves a disconnected socket whose client may return; returns whether it was saved.
    pub(super) fn save(&mut self, id: SocketId, reason: DisconnectReason) -> bool {
        let may_return = match reason {
            DisconnectReason::TransportError
            | DisconnectReason::TransportClose
            | DisconnectReason::ForcedClose
            | DisconnectReason::ForcedServerClose
            | DisconnectReason::PingTimeout
            | DisconnectReason::ServerShuttingDown => true,
            DisconnectReason::ParseError
            | DisconnectReason::ClientNamespaceDisconnect
            | DisconnectReason::ServerNamespaceDisconnect
            | DisconnectReason::ServerDisconnect
            | DisconnectReason::ClientDisconnect => false,
        };
        if self.recovery.as_ref().is_none_or(|recovery| recovery.config.max_saved_sockets == 0) {
            return false;
        }
        let Some(now) = self.now.filter(|_| may_return) else { return false };
        let Some(socket) = self.get_mut(id) else { return false };
        let Some(state) = socket.recovery.take() else { return false };
        let (sid, namespace) = (socket.sid.clone(), socket.namespace);
        let namespace = Namespace::clone(&self.namespaces[namespace].name);
        let recovery = self.recovery.as_mut();
        let dropped = recovery.and_then(|recovery| recovery.save(sid, namespace, *state, now));
        self.tell_expired(dropped);
        self.schedule_purge();
        true
    }

    /// The namespace, if packets for it are to be logged: it exists, or a socket of it is saved.
    pub(super) fn logged_namespace(&self, namespace: &str) -> Option<Namespace> {
        let recovery = self.recovery.as_ref()?;
        match self.namespace(namespace.as_bytes()) {
            Some(index) => Some(Namespace::clone(&self.namespaces[index].name)),
            None => recovery.saved_namespace(namespace),
        }
    }

    /// Logs a broadcast. Its sender is remembered by its id, which it keeps when it is restored.
    pub(super) fn log_broadcast(
        &mut self,
        namespace: Namespace,
        selector: &Selector,
        encoded: &Encoded,
    ) {
        let Selector { rooms, except, except_socket, .. } = selector.clone();
        let sender = except_socket.and_then(|sender| self.get(sender));
        let sender = sender.map(|sender| sender.sid.clone());
        if let Some((recovery, now)) = self.recovery.as_mut().zip(self.now) {
            let target = Target::Broadcast { rooms, except, sender };
            recovery.log_broadcast(namespace, target, encoded, now);
            self.schedule_purge();
        }
    }

    /// Logs a packet for one socket, unless its client can't return: it speaks version 4.
    pub(super) fn log_direct(&mut self, id: SocketId, encoded: &Encoded) {
        let Some(socket) = self.sockets.get_mut(id.index as usize).filter(|it| it.id == id) else {
            return;
        };
        if let Some((recovery, now)) = self.recovery.as_mut().zip(self.now) {
            let namespace = Namespace::clone(&self.namespaces[socket.namespace].name);
            let Some(state) = socket.recovery.as_deref_mut() else { return };
            recovery.log_direct(namespace, &socket.sid, state, encoded, now);
            self.schedule_purge();
        }
    }

    pub(super) fn purge_recovery(&mut self, now: Instant) {
        let Some(recovery) = &mut self.recovery else { return };
        recovery.has_timer = false;
        let expired = recovery.purge(now);
        self.tell_expired(expired);
        self.schedule_purge();
    }

    pub(super) fn tell_expired(&mut self, sids: impl IntoIterator<Item = Sid>) {
        for sid in sids {
            self.tell(Event::RecoveryExpired { sid });
        }
    }

    fn schedule_purge(&mut self) {
        let (Some(recovery), Some(now)) = (&mut self.recovery, self.now) else { return };
        let delay = recovery.purge_delay(now).filter(|_| !recovery.has_timer);
        if let Some(delay) = delay {
            recovery.has_timer = true;
            self.timers.set(now, delay, Alarm::Recovery);
        }
    }
}
