//! Connection state recovery: a client that comes back soon gets its id, its rooms and what it
//! has missed.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::machine::{Alarm, Server};
use super::rooms::{Room, Selector};
use crate::args::Args;
use crate::engine::Encoded;
use crate::error::DisconnectReason;
use crate::id::{Mint, Sid, SocketId};

/// The options of connection state recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// How long a client may be away, by default 2 minutes.
    pub max_disconnection: Duration,
    /// Whether a client that comes back is let in without asking the application, by default true.
    pub skip_middlewares: bool,
    /// How many bytes the packets may take that are kept for those who are away, in all
    /// namespaces, by default 16 MiB. Older ones are dropped first; who has missed one of them is
    /// not recovered. Nor is who has missed more than may
    /// [wait](crate::engine::EngineConfig::max_buffered) for one client.
    pub max_bytes: usize,
    /// How many clients that are away are remembered, by default 10,000. The oldest is forgotten
    /// first.
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

/// Who is away, and what was sent meanwhile.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) config: RecoveryConfig,
    /// Begins all offsets, so that none of an earlier life of the server is taken for one of this.
    life: String,
    /// The packets of all namespaces, without a gap in their numbers.
    log: VecDeque<Logged>,
    /// The number of the first packet in the log, or of the next one if it is empty.
    first: u64,
    bytes: usize,
    away: BTreeMap<Sid, Away>,
    /// The keys of those who are away, in the order of their going.
    leavers: BTreeMap<u64, (Instant, Sid)>,
    /// How many have gone so far.
    departures: u64,
    has_timer: bool,
}

#[derive(Debug)]
struct Logged {
    at: Instant,
    namespace: Room,
    selector: Selector,
    encoded: Encoded,
}

impl Logged {
    /// The memory that it takes, in bytes.
    fn size(&self) -> usize {
        let names = self.selector.rooms.iter().chain(&self.selector.except);
        let names: usize = names.map(|name| name.len() + size_of::<Room>()).sum();
        self.encoded.len() + names + size_of::<Self>()
    }
}

/// A socket whose client is away.
#[derive(Debug)]
pub(super) struct Away {
    pub(super) sid: Sid,
    namespace: Room,
    pub(super) rooms: Vec<Room>,
    /// Its place among the leavers.
    place: u64,
}

/// A socket whose client comes back.
#[derive(Debug)]
pub(super) struct Return {
    pub(super) pid: Sid,
    pub(super) away: Away,
    /// The number of the first packet that the client has not seen.
    next: u64,
}

impl Recovery {
    pub(super) fn new(config: RecoveryConfig, mint: &mut Mint) -> Self {
        Self {
            config,
            life: mint.sid().as_str()[14..].to_owned(),
            log: VecDeque::new(),
            first: 0,
            bytes: 0,
            away: BTreeMap::new(),
            leavers: BTreeMap::new(),
            departures: 0,
            has_timer: false,
        }
    }

    /// The offset of the packet that is logged next.
    pub(super) fn next_offset(&self) -> String {
        format!("{}{:x}", self.life, self.next())
    }

    /// The size of the log.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the packet that is logged next.
    fn next(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    pub(super) fn log(
        &mut self,
        namespace: Room,
        selector: Selector,
        encoded: Encoded,
        now: Instant,
    ) {
        let logged = Logged { at: now, namespace, selector, encoded };
        self.bytes += logged.size();
        self.log.push_back(logged);
        while self.bytes > self.config.max_bytes {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.log.pop_front() {
            self.bytes -= oldest.size();
            self.first += 1;
        }
    }

    fn depart(&mut self, pid: Sid, mut away: Away, now: Instant) -> Option<Sid> {
        self.departures += 1;
        away.place = self.departures;
        self.leavers.insert(away.place, (now, pid.clone()));
        self.away.insert(pid, away);
        if self.away.len() > self.config.max_sessions { self.forget_oldest() } else { None }
    }

    /// Forgets who has been away for longest; returns the id of the socket.
    fn forget_oldest(&mut self) -> Option<Sid> {
        let (_, (_, pid)) = self.leavers.pop_first()?;
        self.away.remove(&pid).map(|away| away.sid)
    }

    /// Forgets what is too old; returns the ids of sockets that can't come back any more.
    fn purge(&mut self, now: Instant) -> Vec<Sid> {
        let limit = self.config.max_disconnection;
        let expired = |at: Instant| now.saturating_duration_since(at) >= limit;
        let mut gone = Vec::new();
        while self.leavers.first_key_value().is_some_and(|(_, (at, _))| expired(*at)) {
            gone.extend(self.forget_oldest());
        }
        while self.log.front().is_some_and(|logged| expired(logged.at)) {
            self.drop_oldest();
        }
        gone
    }

    /// After what time to purge again, if there is anything: when the oldest is too old, but not
    /// too often.
    fn purge_delay(&self, now: Instant) -> Option<Duration> {
        let limit = self.config.max_disconnection;
        let leaver = self.leavers.first_key_value().map(|(_, (at, _))| *at);
        let oldest = self.log.front().map(|logged| logged.at).into_iter().chain(leaver).min()?;
        let age = now.saturating_duration_since(oldest);
        Some(limit.saturating_sub(age).max(limit / 16))
    }

    /// The namespace, if somebody is away from it.
    fn left(&self, namespace: &str) -> Option<Room> {
        let mut away = self.away.values().filter(|away| *away.namespace == *namespace);
        away.next().map(|away| Room::clone(&away.namespace))
    }

    /// How many who are away are remembered.
    pub(super) fn away(&self) -> usize {
        self.away.len()
    }

    /// The socket with this key, if it is away. The key works once.
    fn claim(&mut self, pid: &str) -> Option<(Sid, Away)> {
        let (pid, away) = self.away.remove_entry(pid)?;
        self.leavers.remove(&away.place);
        Some((pid, away))
    }

    /// The number of the packet after this offset; `None` if it is not known any more.
    fn after(&self, offset: &str) -> Option<u64> {
        let seen = u64::from_str_radix(offset.strip_prefix(&self.life)?, 16).ok()?;
        let next = seen.checked_add(1)?;
        (self.first..=self.next()).contains(&next).then_some(next)
    }

    /// What a socket has missed; `None` if a part of it is not there any more.
    fn missed(&self, back: &Return) -> Option<Vec<Encoded>> {
        let Return { away, next, .. } = back;
        let skip = usize::try_from(next.checked_sub(self.first)?).ok()?;
        let is_in = |room: &Room| **room == *away.sid.as_str() || away.rooms.contains(room);
        let missed = self.log.iter().skip(skip).filter(|logged| {
            let Selector { rooms, except, .. } = &logged.selector;
            logged.namespace == away.namespace
                && (rooms.is_empty() || rooms.iter().any(is_in))
                && !except.iter().any(is_in)
        });
        Some(missed.map(|logged| logged.encoded.clone()).collect())
    }
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
        let recovery = self.recovery.as_mut()?;
        let Claim { pid, offset } = auth.get(0).ok()?;
        let gone = recovery.purge(now);
        let claimed = recovery.claim(&pid);
        self.tell_expired(gone);
        let (pid, away) = claimed?;
        let next = self.recovery.as_ref()?.after(&offset);
        let next = next.filter(|_| away.namespace == self.namespaces[namespace].name);
        let Some(next) = next else {
            self.tell_expired([away.sid]);
            return None;
        };
        Some(Return { pid, away, next })
    }

    /// What a socket that is let in has missed; `None` if it was not away. One that has waited so
    /// long for its admission that a part is gone becomes a new one; so does one that has missed
    /// more than may wait for it: its connection would end again and again.
    pub(super) fn catch_up(&mut self, id: SocketId) -> Option<Vec<Encoded>> {
        /// Room for the answer that follows, in bytes.
        const ANSWER: usize = 512;
        let socket = self.get_mut(id)?;
        let (back, session) = (socket.back.take()?, socket.session);
        let waiting = self.engine.buffered(session).unwrap_or(0) + ANSWER;
        let limit = self.config.engine.max_buffered;
        let missed = self.recovery.as_ref()?.missed(&back).filter(|missed| {
            waiting.saturating_add(missed.iter().map(Encoded::len).sum()) <= limit
        });
        if missed.is_none() {
            let (sid, pid) = (self.mint.sid(), self.mint.long_sid());
            for room in &back.away.rooms {
                self.socket(id)?.leave(room);
            }
            let socket = self.get_mut(id)?;
            (socket.sid, socket.pid) = (sid, Some(pid));
            self.tell_expired([back.away.sid]);
        }
        missed
    }

    /// Remembers a socket whose client may come back.
    pub(super) fn depart(&mut self, id: SocketId, reason: DisconnectReason) -> bool {
        let recoverable = match reason {
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
        let Some(socket) = self.get(id).filter(|_| recoverable) else { return false };
        let (Some(pid), Some(now)) = (socket.pid.clone(), self.now) else { return false };
        if self.recovery.as_ref().is_none_or(|recovery| recovery.config.max_sessions == 0) {
            return false;
        }
        let away = Away {
            sid: socket.sid.clone(),
            namespace: Room::clone(&self.namespaces[socket.namespace].name),
            rooms: socket.rooms.iter().cloned().collect(),
            place: 0,
        };
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

    /// Keeps a packet for those who are away. The sender of a broadcast counts by its id, which
    /// survives it.
    pub(super) fn log(&mut self, namespace: Room, mut selector: Selector, encoded: &Encoded) {
        let sender = selector.except_socket.take().and_then(|sender| self.get(sender));
        selector.except.extend(sender.map(|sender| Room::from(sender.sid.as_str())));
        let Some(now) = self.now else { return };
        if let Some(recovery) = &mut self.recovery {
            recovery.log(namespace, selector, encoded.clone(), now);
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
            self.tell(super::Event::Expired { sid });
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
