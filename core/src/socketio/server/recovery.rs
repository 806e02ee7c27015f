//! Connection state recovery: a client that comes back soon gets its id, its rooms and what it
//! has missed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::args::Args;
use crate::engineio::Encoded;
use crate::engineio::server::Address;
use crate::error::DisconnectReason;
use crate::id::{Mint, Sid, SocketId};
use crate::socketio::server::membership::{Membership, Number};
use crate::socketio::server::packet_log::{PacketLog, Receiver, Target};
use crate::socketio::server::quotas::{AwayByAddress, DirectByAddress};
use crate::socketio::server::rooms::{Room, Selector};
use crate::socketio::server::server::{Alarm, Server};

/// The options of connection state recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// How long a client may be away, by default 2 minutes.
    pub max_disconnection: Duration,
    /// Whether a client that comes back is let in without asking the application, by default true.
    pub skip_middlewares: bool,
    /// How much memory in bytes the packets may take that are kept for those who are away, in all
    /// namespaces, by default 16 MiB. A packet takes its own length and some 300 bytes, or some
    /// 500 if no other packet is for the same room or socket; each further room of a broadcast
    /// takes 50 to 250. Older ones are dropped first; who has missed one of them is not recovered.
    /// Nor is who has missed more than may [wait](crate::engineio::EngineConfig::max_buffered) for
    /// one client, or has left more than 32 rooms since the last packet that it has seen. When half
    /// of it is taken, no more packets for single sockets are kept of an address whose own take a
    /// quarter.
    pub max_bytes: usize,
    /// How many clients that are away are remembered, by default 10,000; of one address a quarter
    /// of these, but at least 1,000. The oldest is forgotten first.
    pub max_sessions: usize,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            skip_middlewares: true,
            max_bytes: 16 << 20,
            max_sessions: 10_000,
        }
    }
}

/// How many clients of one address that are away are remembered at least.
const MIN_SHARE: usize = 1_000;

/// Who is away, and what was sent meanwhile.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) config: RecoveryConfig,
    /// Begins all offsets, so that none of an earlier life of the server is taken for one of this.
    life: String,
    log: PacketLog,
    away: BTreeMap<Sid, Away>,
    /// The sockets that are connected, by the keys of their clients.
    connected: BTreeMap<Sid, SocketId>,
    /// How many are away from each namespace.
    namespaces: BTreeMap<Room, usize>,
    by_address: AwayByAddress,
    direct: DirectByAddress,
    /// The keys of those who are away, in the order of their going.
    leavers: BTreeMap<u64, (Instant, Sid)>,
    /// How many have gone so far.
    departures: u64,
    has_timer: bool,
}

/// What is remembered of a socket whose client can come back.
#[derive(Debug)]
pub(super) struct Recoverable {
    /// The key of the client.
    pub(super) pid: Sid,
    pub(super) address: Address,
    /// The first packet that is for the socket: what came before its admission is not.
    since: Number,
    membership: Membership,
    /// That it was away, until it is let in again.
    back: Option<Back>,
}

#[derive(Debug)]
struct Back {
    /// The first packet that the client has not seen.
    next: Number,
    /// The rooms that it was in when its client went away.
    rooms: Vec<Room>,
}

/// A socket whose client is away.
#[derive(Debug)]
pub(super) struct Away {
    sid: Sid,
    address: Address,
    namespace: Room,
    since: Number,
    membership: Membership,
    /// Its place among the leavers.
    place: u64,
}

/// A socket whose client comes back.
#[derive(Debug)]
pub(super) struct Return {
    pub(super) sid: Sid,
    pub(super) recoverable: Recoverable,
}

impl Recoverable {
    pub(super) fn new(pid: Sid, address: Address) -> Self {
        Self { pid, address, since: 0, membership: Membership::default(), back: None }
    }

    pub(super) const fn is_back(&self) -> bool {
        self.back.is_some()
    }

    /// The rooms that it was in when its client went away, until it is let in again.
    pub(super) fn rooms(&self) -> Vec<Room> {
        self.back.as_ref().map(|back| back.rooms.clone()).unwrap_or_default()
    }
}

impl Recovery {
    pub(super) fn new(config: RecoveryConfig, mint: &mut Mint) -> Self {
        Self {
            config,
            life: mint.sid().as_str()[14..].to_owned(),
            log: PacketLog::new(),
            away: BTreeMap::new(),
            connected: BTreeMap::new(),
            by_address: AwayByAddress::default(),
            direct: DirectByAddress::default(),
            namespaces: BTreeMap::new(),
            leavers: BTreeMap::new(),
            departures: 0,
            has_timer: false,
        }
    }

    /// The offset of the packet that is logged next.
    pub(super) fn next_offset(&self) -> String {
        format!("{}{:x}", self.life, self.log.next())
    }

    /// The memory of the log.
    pub(super) const fn bytes(&self) -> usize {
        self.log.bytes()
    }

    /// Notes that a socket is connected, whose client has this key.
    pub(super) fn connect(&mut self, pid: &Sid, socket: SocketId) {
        self.connected.insert(pid.clone(), socket);
    }

    /// Notes that a socket is connected no more.
    pub(super) fn disconnect(&mut self, pid: &Sid) {
        self.connected.remove(pid);
    }

    /// Notes that a socket has joined a room: what was sent to it before is not for the socket.
    pub(super) fn join(&self, recoverable: &mut Recoverable, room: &Room) {
        recoverable.membership.join(room, self.log.next());
    }

    /// Notes that a socket has left a room: what is sent to it from now on is not for the socket.
    pub(super) fn leave(&self, recoverable: &mut Recoverable, namespace: &Room, room: &Room) {
        let last = self.log.last_for(namespace, room);
        recoverable.membership.forget_before(self.log.first());
        recoverable.membership.leave(room, last, self.log.next());
    }

    fn log(&mut self, namespace: Room, target: Target, encoded: &Encoded, now: Instant) {
        self.log.push(namespace, target, encoded, now);
        while self.log.bytes() > self.config.max_bytes {
            self.log.drop_oldest();
        }
    }

    /// Counts a packet for one socket; returns whether those of its address take more than their
    /// share while there is not much room.
    fn is_over_share(&mut self, address: Address, encoded: &Encoded) -> bool {
        /// What a packet takes besides its bytes, about.
        const OVERHEAD: usize = 250;
        let (first, next) = (self.log.first(), self.log.next());
        let bytes = encoded.len() + OVERHEAD;
        let all = self.direct.add(address, bytes, first, next);
        all > self.config.max_bytes / 4 && self.log.bytes() > self.config.max_bytes / 2
    }

    fn depart(&mut self, pid: Sid, mut away: Away, now: Instant) -> Option<Sid> {
        self.departures += 1;
        away.place = self.departures;
        self.leavers.insert(away.place, (now, pid.clone()));
        *self.namespaces.entry(Room::clone(&away.namespace)).or_default() += 1;
        let share = (self.config.max_sessions / 4).max(MIN_SHARE);
        let oldest = self.by_address.add(away.address, away.place, share);
        self.away.insert(pid, away);
        if let Some((_, pid)) = oldest.and_then(|place| self.leavers.remove(&place)) {
            return self.remove(pid.as_str()).map(|(_, away)| away.sid);
        }
        if self.away.len() > self.config.max_sessions { self.forget_oldest() } else { None }
    }

    /// Forgets who has been away for longest; returns the id of the socket.
    fn forget_oldest(&mut self) -> Option<Sid> {
        let (_, (_, pid)) = self.leavers.pop_first()?;
        self.remove(pid.as_str()).map(|(_, away)| away.sid)
    }

    fn remove(&mut self, pid: &str) -> Option<(Sid, Away)> {
        let (pid, away) = self.away.remove_entry(pid)?;
        self.by_address.remove(away.address, away.place);
        if let Some(count) = self.namespaces.get_mut(&away.namespace) {
            *count -= 1;
            if *count == 0 {
                self.namespaces.remove(&away.namespace);
            }
        }
        Some((pid, away))
    }

    /// Forgets what is too old; returns the ids of sockets that can't come back any more.
    fn purge(&mut self, now: Instant) -> Vec<Sid> {
        let limit = self.config.max_disconnection;
        let expired = |at: Instant| now.saturating_duration_since(at) >= limit;
        let mut gone = Vec::new();
        while self.leavers.first_key_value().is_some_and(|(_, (at, _))| expired(*at)) {
            gone.extend(self.forget_oldest());
        }
        while self.log.oldest().is_some_and(expired) {
            self.log.drop_oldest();
        }
        self.direct.forget_before(self.log.first());
        gone
    }

    /// After what time to purge again, if there is anything: when the oldest is too old, but not
    /// too often.
    fn purge_delay(&self, now: Instant) -> Option<Duration> {
        let limit = self.config.max_disconnection;
        let leaver = self.leavers.first_key_value().map(|(_, (at, _))| *at);
        let oldest = self.log.oldest().into_iter().chain(leaver).min()?;
        let age = now.saturating_duration_since(oldest);
        Some(limit.saturating_sub(age).max(limit / 16))
    }

    /// The namespace, if somebody is away from it.
    fn left(&self, namespace: &str) -> Option<Room> {
        self.namespaces.get_key_value(namespace).map(|(name, _)| Room::clone(name))
    }

    /// How many who are away are remembered.
    pub(super) fn away(&self) -> usize {
        self.away.len()
    }

    /// The socket with this key, if it is away. The key works once.
    fn claim(&mut self, pid: &str) -> Option<(Sid, Away)> {
        let (pid, away) = self.remove(pid)?;
        self.leavers.remove(&away.place);
        Some((pid, away))
    }

    /// The packet after the one of this offset; `None` if there was no such packet.
    fn after(&self, offset: &str) -> Option<Number> {
        let number = parse_number(offset.strip_prefix(&self.life)?)?;
        (number < self.log.next()).then(|| number + 1)
    }

    /// What a socket has missed that comes back; `None` if a part of it is not there any more.
    fn missed(
        &self,
        namespace: &Room,
        sid: &Sid,
        recoverable: &Recoverable,
    ) -> Option<Vec<Encoded>> {
        // What an offset says is no reason to get more than the socket was entitled to.
        let Recoverable { since, membership, back, .. } = recoverable;
        let from = back.as_ref()?.next.max(*since);
        let receiver = Receiver { namespace, sid, from, membership };
        self.is_known(from, membership).then(|| self.log.missed(&receiver))
    }

    /// Whether all is known about the time from a packet on.
    fn is_known(&self, from: Number, membership: &Membership) -> bool {
        from >= self.log.first() && from >= membership.since()
    }
}

/// Reads a number in hexadecimal digits, in the one way in which offsets are written: in lower
/// case, without a sign and without zeros before it.
fn parse_number(digits: &str) -> Option<Number> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let canonical = digits.bytes().all(is_digit) && (digits == "0" || !digits.starts_with('0'));
    canonical.then(|| Number::from_str_radix(digits, 16).ok()).flatten()
}

impl Server {
    /// Takes back a client that was away, if it names the key of its socket and the last offset
    /// that it has seen.
    pub(super) fn take_back(&mut self, namespace: usize, auth: &Args) -> Option<Return> {
        #[derive(Deserialize)]
        struct Claim {
            pid: String,
            offset: String,
        }
        let now = self.now?;
        self.recovery.as_ref()?;
        let Claim { pid, offset } = auth.get(0).ok()?;
        self.take_over(namespace, &pid, &offset, now);
        let recovery = self.recovery.as_mut()?;
        let gone = recovery.purge(now);
        let claimed = recovery.claim(&pid);
        self.tell_expired(gone);
        let (pid, Away { sid, address, namespace: left, since, membership, .. }) = claimed?;
        let recovery = self.recovery.as_ref()?;
        let known = |next: &Number| recovery.is_known(since.max(*next), &membership);
        let next = recovery.after(&offset).filter(known);
        let next = next.filter(|_| left == self.namespaces[namespace].name);
        let Some(next) = next else {
            self.tell_expired([sid]);
            return None;
        };
        let back = Some(Back { next, rooms: membership.rooms().cloned().collect() });
        Some(Return { sid, recoverable: Recoverable { pid, address, since, membership, back } })
    }

    /// Ends the connection of a socket whose client is back on another one: it knows sooner that
    /// the old one is lost than the server does.
    fn take_over(&mut self, namespace: usize, pid: &str, offset: &str, now: Instant) {
        let Some(recovery) = &self.recovery else { return };
        let Some(socket) = recovery.connected.get(pid).and_then(|&id| self.get(id)) else { return };
        let Some(recoverable) = &socket.recoverable else { return };
        let Recoverable { since, membership, .. } = &**recoverable;
        let known = |next: Number| recovery.is_known(next.max(*since), membership);
        let returns = socket.namespace == namespace && recovery.config.max_sessions > 0;
        if returns && recovery.after(offset).is_some_and(known) {
            self.end_session(socket.session, DisconnectReason::TransportClose, now);
        }
    }

    /// What a socket that is let in has missed; `None` if it was not away. One that has waited so
    /// long for its admission that a part is gone becomes a new one; so does one that has missed
    /// more than may wait for it: its connection would end again and again.
    pub(super) fn catch_up(&mut self, id: SocketId) -> Option<Vec<Encoded>> {
        /// Room for the answer that follows, in bytes.
        const ANSWER: usize = 512;
        let recovery = self.recovery.as_ref()?;
        let next = recovery.log.next();
        let socket = self.get(id)?;
        let recoverable = socket.recoverable.as_ref()?;
        let namespace = &self.namespaces[socket.namespace].name;
        let waiting = self.engine.buffered(socket.session).unwrap_or(0) + ANSWER;
        let limit = self.config.engine.max_buffered;
        let missed = recovery.missed(namespace, &socket.sid, recoverable).filter(|missed| {
            waiting.saturating_add(missed.iter().map(Encoded::cost).sum()) <= limit
        });
        if let Some(sid) = socket.returning().filter(|_| missed.is_none()) {
            for room in recoverable.rooms() {
                self.socket(id)?.leave(&room);
            }
            let (new, pid) = (self.mint.sid(), self.mint.long_sid());
            let socket = self.get_mut(id)?;
            socket.sid = new;
            socket.recoverable.as_mut()?.pid = pid;
            self.tell_expired([sid]);
        }
        let recoverable = self.get_mut(id)?.recoverable.as_mut()?;
        recoverable.back = None;
        if missed.is_none() {
            recoverable.since = next;
        }
        missed
    }

    /// Remembers a socket whose client may come back.
    pub(super) fn depart(&mut self, id: SocketId, reason: DisconnectReason) -> bool {
        let may_return = match reason {
            DisconnectReason::TransportError
            | DisconnectReason::TransportClose
            | DisconnectReason::ForcedClose
            | DisconnectReason::ForcedServerClose
            | DisconnectReason::PingTimeout
            | DisconnectReason::ServerShuttingDown => true,
            DisconnectReason::ParseError
            | DisconnectReason::ClientNamespaceDisconnect
            | DisconnectReason::ServerNamespaceDisconnect => false,
        };
        if self.recovery.as_ref().is_none_or(|recovery| recovery.config.max_sessions == 0) {
            return false;
        }
        let Some(now) = self.now.filter(|_| may_return) else { return false };
        let Some(socket) = self.get_mut(id) else { return false };
        let Some(recoverable) = socket.recoverable.take() else { return false };
        let Recoverable { pid, address, since, membership, .. } = *recoverable;
        if let Some(recovery) = &mut self.recovery {
            recovery.disconnect(&pid);
        }
        let Some(socket) = self.get_mut(id) else { return false };
        let (sid, namespace) = (socket.sid.clone(), socket.namespace);
        let namespace = Room::clone(&self.namespaces[namespace].name);
        let away = Away { sid, address, namespace, since, membership, place: 0 };
        let forgotten = self.recovery.as_mut().and_then(|recovery| recovery.depart(pid, away, now));
        self.tell_expired(forgotten);
        self.watch_recovery();
        true
    }

    /// The namespace, if packets for it are to be kept: it is there, or somebody is away from it.
    pub(super) fn kept_for(&self, namespace: &str) -> Option<Room> {
        let recovery = self.recovery.as_ref()?;
        match self.namespace(namespace.as_bytes()) {
            Some(index) => Some(Room::clone(&self.namespaces[index].name)),
            None => recovery.left(namespace),
        }
    }

    /// Keeps a broadcast for those who are away. Its sender counts by its id, which survives it.
    pub(super) fn log_broadcast(
        &mut self,
        namespace: Room,
        selector: &Selector,
        encoded: &Encoded,
    ) {
        let Selector { rooms, except, except_socket, .. } = selector.clone();
        let sender = except_socket.and_then(|sender| self.get(sender));
        let sender = sender.map(|sender| sender.sid.clone());
        self.log(namespace, Target::Broadcast { rooms, except, sender }, encoded);
    }

    /// Keeps a packet for one socket, should it come back; but not if the sockets of its address have
    /// their share of a log that is half full.
    pub(super) fn log_direct(&mut self, id: SocketId, encoded: &Encoded) {
        let Some(socket) = self.sockets.get_mut(id.index as usize).filter(|it| it.id == id) else {
            return;
        };
        let (recovery, recoverable) = (self.recovery.as_mut(), socket.recoverable.as_mut());
        if let Some((recovery, recoverable)) = recovery.zip(recoverable) {
            if recovery.is_over_share(recoverable.address, encoded) {
                recovery.log.skip();
                recoverable.membership.lose(recovery.log.next());
                return;
            }
        }
        let namespace = Room::clone(&self.namespaces[socket.namespace].name);
        let target = Target::Socket(socket.sid.clone());
        self.log(namespace, target, encoded);
    }

    fn log(&mut self, namespace: Room, target: Target, encoded: &Encoded) {
        let Some(now) = self.now else { return };
        if let Some(recovery) = &mut self.recovery {
            recovery.log(namespace, target, encoded, now);
            self.watch_recovery();
        }
    }

    pub(super) fn purge_recovery(&mut self, now: Instant) {
        let Some(recovery) = &mut self.recovery else { return };
        recovery.has_timer = false;
        let gone = recovery.purge(now);
        self.tell_expired(gone);
        self.watch_recovery();
    }

    pub(super) fn tell_expired(&mut self, sids: impl IntoIterator<Item = Sid>) {
        for sid in sids {
            self.tell(crate::socketio::server::Event::Expired { sid });
        }
    }

    /// Looks again later whether something is too old.
    fn watch_recovery(&mut self) {
        let (Some(recovery), Some(now)) = (&mut self.recovery, self.now) else { return };
        let delay = recovery.purge_delay(now).filter(|_| !recovery.has_timer);
        if let Some(delay) = delay {
            recovery.has_timer = true;
            self.timers.set(now, delay, Alarm::Recovery);
        }
    }
}
