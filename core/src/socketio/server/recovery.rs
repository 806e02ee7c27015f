//! Connection state recovery: a client that reconnects in time gets its id, its rooms and the
//! packets that it has missed.
//!
//! The last argument of an event is its offset, in packets of the log; a client sends the last one
//! that it has seen, with its secret key, in the auth of its CONNECT packet:
//! `40{"pid":"..","offset":".."}`. The protocol document does not
//! have it: it is an extension of the official implementation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::engineio::Encoded;
use crate::engineio::server::Address;
use crate::id::{IdGenerator, Sid, SocketId};
use crate::socketio::server::config::RecoveryConfig;
use crate::socketio::server::membership::{Membership, Number};
use crate::socketio::server::names::{Namespace, Room};
use crate::socketio::server::packet_log::{PacketLog, Receiver, Target};
use crate::socketio::server::quotas::DirectByAddress;
use crate::socketio::server::saved_sessions::{SavedSession, SavedSessions};

/// The sockets whose clients may return, and the packets that were sent meanwhile.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) config: RecoveryConfig,
    /// Begins all offsets, so that those from before a restart of the server are not accepted.
    epoch: String,
    log: PacketLog,
    saved: SavedSessions,
    /// The sockets that are connected, by the keys of their clients.
    connected: BTreeMap<Sid, SocketId>,
    direct: DirectByAddress,
    /// A deadline for [`purge`](Self::purge) is set.
    pub(super) has_timer: bool,
}

/// What recovery needs to know of a socket.
#[derive(Debug)]
pub(super) struct RecoveryState {
    /// The key of the client, a secret.
    pub(super) pid: Sid,
    pub(super) address: Address,
    /// The first packet that is for the socket: earlier ones were sent before it connected.
    since: Number,
    membership: Membership,
    /// Present from the return of the client until its CONNECT is answered.
    returning: Option<Returning>,
}

#[derive(Debug)]
struct Returning {
    /// The first packet that the client has not seen.
    next: Number,
    /// The rooms that the socket was in when it was disconnected.
    rooms: Vec<Room>,
}

/// A saved socket whose client has returned.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) sid: Sid,
    pub(super) state: RecoveryState,
}

impl RecoveryState {
    pub(super) fn new(pid: Sid, address: Address) -> Self {
        Self { pid, address, since: 0, membership: Membership::default(), returning: None }
    }

    pub(super) const fn is_returning(&self) -> bool {
        self.returning.is_some()
    }

    /// The rooms that a returning socket was in when it was disconnected.
    pub(super) fn rooms(&self) -> Vec<Room> {
        self.returning.as_ref().map(|returning| returning.rooms.clone()).unwrap_or_default()
    }

    /// Notes that the CONNECT of the client is answered. A socket that is not `recovered` gets no
    /// packets from before.
    pub(super) fn connect(&mut self, recovery: &Recovery, recovered: bool) {
        self.returning = None;
        if !recovered {
            self.since = recovery.log.next();
        }
    }
}

impl Recovery {
    pub(super) fn new(config: RecoveryConfig, generator: &mut IdGenerator) -> Self {
        Self {
            config,
            epoch: generator.sid().as_str()[14..].to_owned(),
            log: PacketLog::new(),
            saved: SavedSessions::default(),
            connected: BTreeMap::new(),
            direct: DirectByAddress::default(),
            has_timer: false,
        }
    }

    /// The offset of the packet that is logged next.
    pub(super) fn next_offset(&self) -> String {
        format!("{}{:x}", self.epoch, self.log.next())
    }

    /// The memory that the log takes, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.log.bytes()
    }

    /// The number of saved sockets.
    pub(super) fn saved(&self) -> usize {
        self.saved.len()
    }

    /// The namespace, if a socket of it is saved.
    pub(super) fn saved_namespace(&self, name: &str) -> Option<Namespace> {
        self.saved.namespace(name)
    }

    /// Notes that the socket of the client with this key is connected.
    pub(super) fn add_connected(&mut self, pid: &Sid, socket: SocketId) {
        self.connected.insert(pid.clone(), socket);
    }

    /// The connected socket of the client with this key.
    pub(super) fn connected(&self, pid: &str) -> Option<SocketId> {
        self.connected.get(pid).copied()
    }

    /// Notes that the socket of the client with this key is not connected any more.
    pub(super) fn remove_connected(&mut self, pid: &Sid) {
        self.connected.remove(pid);
    }

    /// Notes that a socket has joined a room: earlier packets for the room are not for it.
    pub(super) fn join(&self, state: &mut RecoveryState, room: &Room) {
        state.membership.join(room, self.log.next());
    }

    /// Notes that a socket has left a room: later packets for the room are not for it.
    pub(super) fn leave(&self, state: &mut RecoveryState, namespace: &Namespace, room: &Room) {
        let last = self.log.last_for(namespace, room);
        state.membership.forget_before(self.log.first());
        state.membership.leave(room, last, self.log.next());
    }

    /// Logs a broadcast.
    pub(super) fn log_broadcast(
        &mut self,
        namespace: Namespace,
        target: Target,
        encoded: &Encoded,
        now: Instant,
    ) {
        self.log.push(namespace, target, encoded, now);
        while self.log.bytes() > self.config.max_bytes {
            self.log.drop_oldest();
        }
    }

    /// Logs a packet for one socket. While the log is more than half full, packets for the sockets
    /// of an address that have their share of it are left out; such a socket can't be restored
    /// from an earlier offset.
    pub(super) fn log_direct(
        &mut self,
        namespace: Namespace,
        sid: &Sid,
        state: &mut RecoveryState,
        encoded: &Encoded,
        now: Instant,
    ) {
        if self.is_over_share(state.address, encoded) {
            self.log.skip();
            return state.membership.lose(self.log.next());
        }
        self.log_broadcast(namespace, Target::Socket(sid.clone()), encoded, now);
        self.direct.forget_before(self.log.first(), self.log.next());
    }

    /// Counts a packet for one socket; returns whether those of its address take more than their
    /// share of a log that is more than half full.
    fn is_over_share(&mut self, address: Address, encoded: &Encoded) -> bool {
        /// The memory of a packet besides its bytes, about.
        const OVERHEAD: usize = 250;
        let (first, next) = (self.log.first(), self.log.next());
        let bytes = encoded.len() + OVERHEAD;
        let all = self.direct.add(address, bytes, first, next);
        all > self.config.max_bytes / 4 && self.log.bytes() > self.config.max_bytes / 2
    }

    /// Saves a disconnected socket. Returns the id of one that was dropped to make room.
    pub(super) fn save(
        &mut self,
        sid: Sid,
        namespace: Namespace,
        state: RecoveryState,
        now: Instant,
    ) -> Option<Sid> {
        let RecoveryState { pid, address, since, membership, .. } = state;
        self.remove_connected(&pid);
        let session = SavedSession { sid, address, namespace, since, membership };
        self.saved.insert(pid, session, self.config.max_saved_sockets, now)
    }

    /// Takes the socket of a returning client out of the saved ones, if the client names its key
    /// and an offset from which nothing is missing. Returns also the ids of sockets that can't be
    /// restored any more.
    pub(super) fn restore(
        &mut self,
        namespace: &str,
        pid: &str,
        offset: &str,
        now: Instant,
    ) -> (Option<Restored>, Vec<Sid>) {
        let mut expired = self.purge(now);
        let Some((pid, session)) = self.saved.remove(pid) else { return (None, expired) };
        let SavedSession { sid, address, namespace: own, since, membership } = session;
        let next = self.next_after(offset, since, &membership).filter(|_| *own == *namespace);
        let Some(next) = next else {
            expired.push(sid);
            return (None, expired);
        };
        let rooms = membership.rooms().cloned().collect();
        let returning = Some(Returning { next, rooms });
        let state = RecoveryState { pid, address, since, membership, returning };
        (Some(Restored { sid, state }), expired)
    }

    /// Whether a client that names this offset could be restored from the state of its socket.
    pub(super) fn is_restorable(&self, state: &RecoveryState, offset: &str) -> bool {
        let is_known = self.next_after(offset, state.since, &state.membership).is_some();
        is_known && self.config.max_saved_sockets > 0
    }

    /// The packets that a returning socket has missed; `None` if it is not returning, or if some of
    /// them were dropped meanwhile.
    pub(super) fn missed(
        &self,
        namespace: &Namespace,
        sid: &Sid,
        state: &RecoveryState,
    ) -> Option<Vec<Encoded>> {
        let RecoveryState { since, membership, returning, .. } = state;
        // The offset comes from the client: it must not lead to packets from before its socket.
        let from = returning.as_ref()?.next.max(*since);
        let receiver = Receiver { namespace, sid, from, membership };
        self.is_known(from, membership).then(|| self.log.missed(&receiver))
    }

    /// The packet after the one of this offset; `None` if there was no such packet, or if not all
    /// packets since then are known.
    fn next_after(&self, offset: &str, since: Number, membership: &Membership) -> Option<Number> {
        let number = parse_number(offset.strip_prefix(&self.epoch)?)?;
        let next = (number < self.log.next()).then(|| number + 1)?;
        self.is_known(next.max(since), membership).then_some(next)
    }

    /// Whether all packets from this one on are in the log, and the rooms at their time are known.
    fn is_known(&self, from: Number, membership: &Membership) -> bool {
        from >= self.log.first() && from >= membership.since()
    }

    /// Drops what is older than `max_disconnection`. Returns the ids of sockets that can't be
    /// restored any more.
    pub(super) fn purge(&mut self, now: Instant) -> Vec<Sid> {
        let limit = self.config.max_disconnection;
        let is_expired = |at: Instant| now.saturating_duration_since(at) >= limit;
        let mut expired = Vec::new();
        while self.saved.oldest().is_some_and(is_expired) {
            expired.extend(self.saved.pop_oldest());
        }
        while self.log.oldest().is_some_and(is_expired) {
            self.log.drop_oldest();
        }
        self.direct.forget_before(self.log.first(), self.log.next());
        expired
    }

    /// The time until [`purge`](Self::purge) is due again: when the oldest entry expires, but at
    /// least a sixteenth of `max_disconnection`. `None` if there is nothing to purge.
    pub(super) fn purge_delay(&self, now: Instant) -> Option<Duration> {
        let limit = self.config.max_disconnection;
        let oldest = self.log.oldest().into_iter().chain(self.saved.oldest()).min()?;
        let age = now.saturating_duration_since(oldest);
        Some(limit.saturating_sub(age).max(limit / 16))
    }
}

/// Parses the number of an offset: hexadecimal digits in lower case, without a sign and without
/// leading zeros, the only form in which offsets are written.
fn parse_number(digits: &str) -> Option<Number> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let canonical = digits.bytes().all(is_digit) && (digits == "0" || !digits.starts_with('0'));
    canonical.then(|| Number::from_str_radix(digits, 16).ok()).flatten()
}
