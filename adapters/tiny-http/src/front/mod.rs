//! What stands between the network and tiny_http: one thread that takes all connections, reads
//! requests within bounds, and hands on those that are whole and well-formed, each over a
//! connection of its own.
//!
//! tiny_http gives a connection a thread until it has read the last request from it. As each of
//! these brings one that is there at once, and is the last, its threads are never held up, and a
//! request that waits for its answer holds none.

mod address;
mod body;
mod connection;
mod exchange;
pub(crate) mod head;
mod outgoing;
mod relay;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use sockeye_app::Machine;

use self::address::Addresses;
use self::connection::{Connection, Context, Turn};
use crate::flight::Flight;
use crate::limits::Limits;
use crate::line::Line;
use crate::pages::Pages;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// How many connections are accepted before others have their turn.
const BURST: u32 = 64;
/// How long to wait after a failure, at first and at most: running out of file descriptors, say,
/// fails again and again at once.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What the front and the driver share.
pub(crate) struct Shared {
    pub(crate) line: Arc<Line>,
    pub(crate) flight: Flight,
    pub(crate) limits: Limits,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) pages: Pages,
    phase: AtomicU8,
    open: AtomicUsize,
    waker: Waker,
}

const SERVING: u8 = 0;
/// No sessions are opened, and those that there are have to end. Connections are still accepted,
/// for a client may need one to learn of that; each carries one more request.
const CLOSING: u8 = 1;
/// All sessions have ended. What is going on is brought to its end.
const DRAINING: u8 = 2;
/// Every connection ends now.
const OVER: u8 = 3;

impl Shared {
    /// Has the front look at what waits for it.
    pub(crate) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the thread for connections: {error}");
        }
    }

    pub(crate) fn begin_closing(&self) {
        self.phase.fetch_max(CLOSING, Ordering::AcqRel);
        self.wake();
    }

    pub(crate) fn begin_draining(&self) {
        if self.phase.fetch_max(DRAINING, Ordering::AcqRel) < DRAINING {
            self.wake();
        }
    }

    pub(crate) fn end(&self) {
        self.phase.fetch_max(OVER, Ordering::AcqRel);
        self.wake();
    }

    /// Whether every connection has ended, or is about to.
    pub(crate) fn is_over(&self) -> bool {
        self.phase() == OVER
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }

    fn tell_gone(&self, id: u64) {
        self.flight.leave(id);
        self.line.wake();
    }

    fn max_body(&self, path: &str) -> usize {
        if self.machine.matches(path) { self.machine.max_payload() } else { self.limits.max_body }
    }

    /// Whether the driver itself answers requests for this path.
    fn is_eager(&self, path: &str) -> bool {
        self.machine.matches(path) || self.pages.is_own(path)
    }
}

/// The connections.
pub(crate) struct Front {
    poll: Poll,
    listener: Option<TcpListener>,
    shared: Arc<Shared>,
    connections: Slab<Seat>,
    deadlines: BTreeSet<(Instant, usize)>,
    addresses: Addresses,
    /// Those that have more to do at once.
    again: BTreeSet<usize>,
    /// Those that wait until more requests can be handed on.
    waiting: BTreeSet<usize>,
    /// When these try again, if there is no sooner word of room.
    retry_at: Option<Instant>,
    memory: usize,
    last_id: u64,
    scratch: Box<[u8]>,
    /// Connections may be waiting to be accepted, from this time on.
    accept_at: Option<Instant>,
    pause: Duration,
}

/// A connection, and what was last known of it.
struct Seat {
    connection: Connection,
    deadline: Option<Instant>,
    weight: usize,
}

impl Front {
    pub(crate) fn new(
        listener: std::net::TcpListener,
        line: Arc<Line>,
        limits: Limits,
        machine: Arc<dyn Machine>,
        pages: Pages,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let flight = Flight::default();
        let (phase, open) = (AtomicU8::new(SERVING), AtomicUsize::new(0));
        let shared = Shared { line, flight, limits, machine, pages, phase, open, waker };
        Ok(Self {
            poll,
            listener: Some(listener),
            shared: Arc::new(shared),
            connections: Slab::new(),
            deadlines: BTreeSet::new(),
            addresses: Addresses::default(),
            again: BTreeSet::new(),
            waiting: BTreeSet::new(),
            retry_at: None,
            memory: 0,
            last_id: 0,
            scratch: vec![0; 32 * 1024].into_boxed_slice(),
            accept_at: None,
            pause: PAUSE.0,
        })
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Serves connections until all have to end.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        while self.shared.phase() != OVER {
            match self.poll.poll(&mut events, self.patience()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    log::error!("cannot wait for connections, will try again: {error}");
                    std::thread::sleep(PAUSE.1);
                }
            }
            self.turn(&events);
        }
        self.shared.open.store(0, Ordering::Release);
        self.shared.line.wake();
    }

    fn turn(&mut self, events: &Events) {
        let now = Instant::now();
        let draining = self.shared.phase() >= DRAINING;
        if draining && self.listener.take().is_some() {
            // Those between two requests end.
            let all: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
            all.into_iter().for_each(|key| self.advance(key, now));
        }
        let mut woken = false;
        for event in events {
            match event.token() {
                LISTENER => self.accept_at = self.accept_at.or(Some(now)),
                WAKER => woken = true,
                Token(token) => self.advance((token - 2) / 2, now),
            }
        }
        for key in std::mem::take(&mut self.again) {
            self.advance(key, now);
        }
        if woken || self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            for key in std::mem::take(&mut self.waiting) {
                self.advance(key, now);
            }
        }
        self.expire(now);
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept(now);
        }
    }

    /// How long nothing is to be done unless something happens.
    fn patience(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let first = self.deadlines.first().map(|(at, _)| *at);
        let next = first.into_iter().chain(self.accept_at).chain(self.retry_at).min();
        let until = next.map(|at| at.saturating_duration_since(Instant::now()));
        // Rounded up, or there would be turns with nothing to do.
        until.map(|it| it + Duration::from_millis(u64::from(!it.is_zero())))
    }

    fn accept(&mut self, now: Instant) {
        self.accept_at = None;
        for _ in 0..BURST {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((stream, peer)) => {
                    self.pause = PAUSE.0;
                    let _ = stream.set_nodelay(true);
                    self.admit(Connection::new(stream, peer, now), now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    log::warn!("cannot accept a connection, will try again: {error}");
                    self.accept_at = Some(now + self.pause);
                    self.pause = PAUSE.1.min(self.pause * 2);
                    return;
                }
            }
        }
        self.accept_at = Some(now);
    }

    fn admit(&mut self, connection: Connection, now: Instant) {
        let limits = &self.shared.limits;
        let full = self.connections.len() >= limits.max_connections;
        let peer = connection.peer().ip();
        if full || !self.addresses.add(peer, limits.max_connections_per_address) {
            return;
        }
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let seat = entry.insert(Seat { connection, deadline: None, weight: 0 });
        let interest = Interest::READABLE | Interest::WRITABLE;
        let stream = seat.connection.stream();
        let registered = self.poll.registry().register(stream, Token(2 + 2 * key), interest);
        self.shared.open.store(self.connections.len(), Ordering::Release);
        if let Err(error) = registered {
            log::warn!("cannot watch a connection: {error}");
            self.remove(key);
        } else {
            self.advance(key, now);
        }
    }

    fn advance(&mut self, key: usize, now: Instant) {
        let Some(seat) = self.connections.get_mut(key) else { return };
        let mut context = Context {
            now,
            shared: &self.shared,
            registry: self.poll.registry(),
            scratch: &mut self.scratch,
            last_id: &mut self.last_id,
            closing: self.shared.phase() != SERVING,
            draining: self.shared.phase() >= DRAINING,
            token: Token(3 + 2 * key),
            ration: Context::ration(),
        };
        let advance = AssertUnwindSafe(|| seat.connection.advance(&mut context));
        let turn = catch_unwind(advance).unwrap_or_else(|_| {
            log::error!("a connection ends after a panic; everything else goes on");
            Turn::Gone
        });
        self.settle(key, turn);
    }

    /// Takes note of what became of a connection.
    fn settle(&mut self, key: usize, turn: Turn) {
        let Some(seat) = self.connections.get_mut(key) else { return };
        let weight = seat.connection.weight();
        let grown = weight > seat.weight;
        self.memory = self.memory - seat.weight + weight;
        seat.weight = weight;
        let deadline = seat.connection.deadline(&self.shared);
        if seat.deadline != deadline {
            if let Some(old) = std::mem::replace(&mut seat.deadline, deadline) {
                self.deadlines.remove(&(old, key));
            }
            self.deadlines.extend(deadline.map(|at| (at, key)));
        }
        match turn {
            _ if grown && self.memory > self.shared.limits.max_memory => {
                let limit = self.shared.limits.max_memory;
                log::debug!("a connection that takes {weight} bytes ends: all take over {limit}");
                self.remove(key);
            }
            Turn::Wait => {}
            Turn::Again => {
                self.again.insert(key);
            }
            Turn::WaitForRoom => {
                self.waiting.insert(key);
                self.retry_at = self.retry_at.or_else(|| Some(Instant::now() + PAUSE.0));
            }
            Turn::Gone => self.remove(key),
        }
    }

    fn remove(&mut self, key: usize) {
        let seat = self.connections.remove(key);
        seat.connection.abandon(&self.shared);
        self.addresses.remove(seat.connection.peer().ip());
        self.memory -= seat.weight;
        if let Some(deadline) = seat.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        self.shared.open.store(self.connections.len(), Ordering::Release);
        if self.shared.phase() != SERVING {
            self.shared.line.wake();
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.deadlines.first() {
            if at > now {
                return;
            }
            let Some(seat) = self.connections.get_mut(key) else { return };
            // What goes on after its time is up does so in another phase, with another deadline.
            let expire = AssertUnwindSafe(|| seat.connection.expire(&self.shared, now));
            match catch_unwind(expire).unwrap_or(Turn::Gone) {
                Turn::Gone => self.remove(key),
                Turn::Wait | Turn::Again | Turn::WaitForRoom => self.advance(key, now),
            }
        }
    }
}

/// Whether only this connection failed: the next one may be sound.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::NotConnected
            | ErrorKind::InvalidInput
            | ErrorKind::Interrupted
    )
}
