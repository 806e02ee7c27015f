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
    /// How many bytes of packets are kept for those who are away, in all namespaces, by default
    /// 16 MiB. Older ones are dropped first; who has missed one of them is not recovered.
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
    /// Those who are away by the time of their going, for forgetting; some may have come back.
    leavers: VecDeque<(Instant, Sid)>,
    pub(super) has_timer: bool,
}

#[derive(Debug)]
struct Logged {
    at: Instant,
    namespace: Room,
    selector: Selector,
    encoded: Encoded,
}

/// A socket whose client is away.
#[derive(Debug)]
pub(super) struct Away {
    pub(super) sid: Sid,
    namespace: Room,
    pub(super) rooms: Vec<Room>,
}

/// What a client that comes back is given.
#[derive(Debug)]
pub(super) struct Return {
    pub(super) pid: Sid,
    pub(super) away: Away,
    pub(super) missed: Vec<Encoded>,
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
            leavers: VecDeque::new(),
            has_timer: false,
        }
    }

    /// The offset of the packet that is logged next.
    pub(super) fn next_offset(&self) -> String {
        format!("{}{:x}", self.life, self.first + self.log.len() as u64)
    }

    pub(super) fn log(
        &mut self,
        namespace: Room,
        selector: Selector,
        encoded: Encoded,
        now: Instant,
    ) {
        self.bytes += encoded.len();
        self.log.push_back(Logged { at: now, namespace, selector, encoded });
        while self.bytes > self.config.max_bytes {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.log.pop_front() {
            self.bytes -= oldest.encoded.len();
            self.first += 1;
        }
    }

    fn depart(&mut self, pid: Sid, away: Away, now: Instant) -> Option<Sid> {
        self.leavers.push_back((now, pid.clone()));
        self.away.insert(pid, away);
        if self.away.len() > self.config.max_sessions { self.forget_oldest() } else { None }
    }

    /// Forgets who has been away for longest; returns the id of the socket.
    fn forget_oldest(&mut self) -> Option<Sid> {
        while let Some((_, pid)) = self.leavers.pop_front() {
            if let Some(away) = self.away.remove(&pid) {
                return Some(away.sid);
            }
        }
        None
    }

    /// Forgets what is too old; returns the ids of sockets that can't come back any more.
    pub(super) fn purge(&mut self, now: Instant) -> Vec<Sid> {
        let expired =
            |at: Instant| now.saturating_duration_since(at) > self.config.max_disconnection;
        let mut gone = Vec::new();
        let leavers = self.leavers.iter().take_while(|(at, _)| expired(*at)).count();
        let packets = self.log.iter().take_while(|logged| expired(logged.at)).count();
        for (_, pid) in self.leavers.drain(..leavers) {
            gone.extend(self.away.remove(&pid).map(|away| away.sid));
        }
        (0..packets).for_each(|_| self.drop_oldest());
        gone
    }

    pub(super) fn is_empty(&self) -> bool {
        self.log.is_empty() && self.leavers.is_empty()
    }

    /// How many who are away are remembered.
    pub(super) fn away(&self) -> usize {
        self.away.len()
    }

    /// The socket with this key, if it is away. The key works once.
    fn claim(&mut self, pid: &str) -> Option<(Sid, Away)> {
        self.away.remove_entry(pid)
    }

    /// What a socket has missed since an offset; `None` if that is not known any more.
    fn missed(&self, away: &Away, offset: &str) -> Option<Vec<Encoded>> {
        let seen = u64::from_str_radix(offset.strip_prefix(&self.life)?, 16).ok()?;
        let next = self.first + self.log.len() as u64;
        if seen >= next || seen + 1 < self.first {
            return None;
        }
        let skip = usize::try_from(seen + 1 - self.first).ok()?;
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
        let recovery = self.recovery.as_ref()?;
        let missed = recovery
            .missed(&away, &offset)
            .filter(|_| away.namespace == self.namespaces[namespace].name);
        let Some(missed) = missed else {
            self.tell_expired([away.sid]);
            return None;
        };
        Some(Return { pid, away, missed })
    }

    /// Remembers a socket whose client may come back.
    pub(super) fn depart(&mut self, id: SocketId, reason: DisconnectReason) -> bool {
        let recoverable = match reason {
            DisconnectReason::TransportError
            | DisconnectReason::TransportClose
            | DisconnectReason::ForcedClose
            | DisconnectReason::PingTimeout
            | DisconnectReason::ServerShuttingDown => true,
            DisconnectReason::ParseError
            | DisconnectReason::ClientNamespaceDisconnect
            | DisconnectReason::ServerNamespaceDisconnect => false,
        };
        let Some(socket) = self.get(id).filter(|_| recoverable) else { return false };
        let (Some(pid), Some(now)) = (socket.pid.clone(), self.now) else { return false };
        let away = Away {
            sid: socket.sid.clone(),
            namespace: Room::clone(&self.namespaces[socket.namespace].name),
            rooms: socket.rooms.iter().cloned().collect(),
        };
        let forgotten = self.recovery.as_mut().and_then(|recovery| recovery.depart(pid, away, now));
        self.tell_expired(forgotten);
        self.watch_recovery();
        true
    }

    /// Keeps a packet for those who are away. The sender of a broadcast counts by its id, which
    /// survives it.
    pub(super) fn log(&mut self, namespace: usize, mut selector: Selector, encoded: &Encoded) {
        let sender = selector.except_socket.take().and_then(|sender| self.get(sender));
        selector.except.extend(sender.map(|sender| Room::from(sender.sid.as_str())));
        let Some(now) = self.now else { return };
        let namespace = Room::clone(&self.namespaces[namespace].name);
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

    fn tell_expired(&mut self, sids: impl IntoIterator<Item = Sid>) {
        for sid in sids {
            self.tell(super::Event::Expired { sid });
        }
    }

    /// Looks again later whether something is too old.
    fn watch_recovery(&mut self) {
        let (Some(recovery), Some(now)) = (&mut self.recovery, self.now) else { return };
        if !recovery.has_timer && !recovery.is_empty() {
            recovery.has_timer = true;
            let delay = recovery.config.max_disconnection;
            self.timers.set(now, delay, Alarm::Recovery);
        }
    }
}
