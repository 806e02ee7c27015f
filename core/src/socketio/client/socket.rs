//! The state of one socket, which is the client's side of one namespace.
//!
//! It does not know the client: what a socket sends, and when it changes its phase, is decided in
//! `namespaces`, `receiving` and `sending`.

use std::collections::{BTreeMap, VecDeque};

use crate::args::{Args, Name};
use crate::engineio::Encoded;
use crate::id::{AckId, Sid};
use crate::socketio::client::config::SocketConfig;
use crate::socketio::client::recovery::Recovery;
use crate::socketio::client::retries::QueuedEvent;
use crate::timers::TimerId;

/// A socket. It is made once, and connected any number of times.
pub(super) struct Socket {
    pub(super) namespace: Box<str>,
    pub(super) config: SocketConfig,
    /// What it waits for, if anything.
    pub(super) phase: Phase,
    /// The id that the server gave it, while it is connected.
    pub(super) sid: Option<Sid>,
    /// Whether the last connection has recovered the one before it.
    pub(super) recovered: bool,
    /// How often it was connected. A `Responder` of an earlier connection is void.
    pub(super) generation: u64,
    /// What the server needs to recover it.
    pub(super) recovery: Recovery,
    /// Events that arrived before the answer to CONNECT.
    pub(super) early: VecDeque<EarlyEvent>,
    /// What they count against the limit, in bytes.
    pub(super) early_bytes: usize,
    /// Packets that were emitted while it was not connected, in the order of their making.
    pub(super) buffer: BTreeMap<AckId, Encoded>,
    /// Events with retries: they are sent one by one, each until it is acknowledged.
    pub(super) queue: BTreeMap<AckId, QueuedEvent>,
    /// How many acknowledgements the server owes to it.
    pub(super) pending_acks: usize,
    /// When to give up waiting for the answer to CONNECT.
    pub(super) connect_timer: Option<TimerId>,
}

/// How far a socket is on the way to its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is not to be connected.
    Inactive,
    /// It is to be connected. There is no connection, or the answer to an earlier CONNECT of its
    /// namespace is still to come.
    Waiting,
    /// The application is asked for the payload of CONNECT.
    Authenticating,
    /// CONNECT was sent.
    Connecting,
    /// The server has answered CONNECT.
    Connected,
}

/// An event that arrived before the answer to CONNECT. The official server sends what a
/// recovered socket has missed before it.
pub(super) struct EarlyEvent {
    pub(super) name: Name,
    pub(super) args: Args,
    pub(super) ack: Option<u64>,
}

/// What an early event takes in memory besides its payload, in bytes.
const OVERHEAD: usize = 128;

impl Socket {
    /// Makes a socket that is not to be connected yet.
    pub(super) fn new(namespace: &str, config: SocketConfig) -> Self {
        Self {
            namespace: namespace.into(),
            config,
            phase: Phase::Inactive,
            sid: None,
            recovered: false,
            generation: 0,
            recovery: Recovery::default(),
            early: VecDeque::new(),
            early_bytes: 0,
            buffer: BTreeMap::new(),
            queue: BTreeMap::new(),
            pending_acks: 0,
            connect_timer: None,
        }
    }

    /// Whether it is connected or is to be.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Inactive
    }

    /// Whether the server has answered CONNECT on the current connection.
    pub(super) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether something waits for it to be connected, or for an acknowledgement of a try.
    pub(super) fn holds_data(&self) -> bool {
        !self.buffer.is_empty() || !self.queue.is_empty()
    }

    /// Keeps an early event. Returns false if the early events exceed the limit in bytes.
    pub(super) fn keep(&mut self, event: EarlyEvent, limit: usize) -> bool {
        // A slice would keep the whole answer of the server in memory.
        let EarlyEvent { name, args, ack } = event;
        let event = EarlyEvent { name: name.detached(), args: args.detached(), ack };
        self.early_bytes += OVERHEAD + event.name.len() + event.args.size();
        self.early.push_back(event);
        self.early_bytes <= limit
    }

    /// Drops the early events: the answer that they preceded will not come.
    pub(super) fn drop_early(&mut self) {
        self.early.clear();
        self.early_bytes = 0;
    }
}
