//! The options of a Socket.IO server.

use std::sync::Arc;
use std::time::Duration;

use crate::engineio::EngineConfig;
use crate::error::ConfigError;
use crate::socketio::packet::{DefaultParser, Limits, Parser};

/// The options of a [`Server`](crate::Server), with the defaults of the official one.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The options of the layer below. The path is `/socket.io` by default here.
    pub engine: EngineConfig,
    /// The namespaces that exist, by default `/` alone.
    pub namespaces: Vec<NamespaceConfig>,
    /// Whether clients may ask for namespaces that are not in the list, by default not. Each is an
    /// [`Event::Connecting`](crate::Event::Connecting); the namespace exists from then on until
    /// its last socket is gone.
    pub dynamic_namespaces: bool,
    /// The greatest number of namespaces, by default 10,000; of dynamic ones, one address may make
    /// a quarter of these, but at least 100. Beyond it, those that do not exist can't be joined.
    pub max_namespaces: usize,
    /// The time within which a new client must have joined a namespace, by default 45 s; after it
    /// the connection is closed.
    pub connect_timeout: Duration,
    /// The time within which the application must have decided about a socket, by default 45 s;
    /// after it the client is refused with the message `Timed out`, and the application is told
    /// with [`Event::Withdrawn`](crate::Event::Withdrawn). A client that is in no namespace yet is
    /// closed after [`connect_timeout`](Self::connect_timeout), if that is over sooner.
    pub decision_timeout: Duration,
    /// The greatest size in bytes of what a client sends along when it asks to join a namespace,
    /// by default 65,536 (64 KiB). A client that sends more is refused with the message
    /// `Auth is too large`.
    pub max_auth_bytes: usize,
    /// The greatest number of binary values in one packet, in and out, by default 10. A client
    /// that sends more is disconnected; emitting more is an error, because official clients would
    /// disconnect.
    pub max_attachments: usize,
    /// The greatest size in bytes of one packet with its binary values, by default 10,000,000. A
    /// client that sends more is disconnected.
    pub max_packet_bytes: usize,
    /// The time in which the binary values of a packet must have come, by default 60 s; after it
    /// the connection is closed.
    pub attachment_timeout: Duration,
    /// The greatest number of namespaces that one client can join, by default 100. A client that
    /// asks for more, or is refused that many times within a minute, is disconnected.
    pub max_namespaces_per_client: usize,
    /// Whether clients that come back soon get their id, their rooms and what they have missed, by
    /// default not. It costs the memory of what was sent, and adds an argument to each event.
    pub recovery: Option<RecoveryConfig>,
    /// How packets are written, by default as every client understands them. Clients must use the
    /// same parser.
    pub parser: Arc<dyn Parser>,
    /// The greatest number of acknowledgements that one socket may owe, by default 10,000. Asking
    /// for more is an error.
    pub max_pending_acks: usize,
    /// What becomes of an event for one socket when more than
    /// [`max_buffered`](EngineConfig::max_buffered) bytes wait for its client, by default
    /// [`WhenFull::Close`].
    pub when_full: WhenFull,
    /// How many packets a client may send in a time, by default as many as it likes. It holds
    /// within one POST, too.
    pub rate: Option<RateLimit>,
    /// Whether joining and leaving of rooms is told with [`Event::Room`](crate::Event::Room), by
    /// default not.
    pub room_events: bool,
}

/// What becomes of an event for a client that does not keep up. Volatile events are dropped
/// first, in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The client is closed with
    /// [`TransportError`](crate::DisconnectReason::TransportError).
    #[default]
    Close,
    /// The event that would make more wait is not sent: [`SocketMut::emit`](crate::SocketMut::emit)
    /// is an error, so that the caller can wait for [`Event::Drained`](crate::Event::Drained). Where
    /// nobody can wait, with broadcasts and acknowledgements, the client is closed.
    Refuse,
}

/// How fast a client may send, over all its namespaces. Events, acknowledgements and requests to
/// join count as one each, with all their binary values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many packets there may be, at least one.
    pub packets: u32,
    /// In how much time.
    pub per: Duration,
    /// What becomes of a client that sends more.
    pub excess: Excess,
}

impl RateLimit {
    /// So many packets in a second on average, and in one go; more have to wait.
    #[must_use]
    pub const fn per_second(packets: u32) -> Self {
        Self { packets, per: Duration::from_secs(1), excess: Excess::Delay }
    }

    /// How long a client that was quiet may send without being quiet.
    pub(super) const fn burst(&self) -> Duration {
        self.per
    }
}

/// What becomes of a client that sends too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// Nothing more of it is read or handled for as long as it takes; it is not told. It is
    /// [paused](crate::engineio::Engine::pause): what it has sent waits, and if it leaves meanwhile,
    /// the application learns of that up to [`close_timeout`](EngineConfig::close_timeout) later.
    Delay,
    /// Its connection is closed.
    Disconnect,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            engine: EngineConfig { path: "/socket.io".to_owned(), ..EngineConfig::default() },
            namespaces: vec![NamespaceConfig::new("/")],
            dynamic_namespaces: false,
            max_namespaces: 10_000,
            connect_timeout: Duration::from_secs(45),
            decision_timeout: Duration::from_secs(45),
            max_auth_bytes: 64 << 10,
            max_attachments: 10,
            max_packet_bytes: 10_000_000,
            attachment_timeout: Duration::from_secs(60),
            max_namespaces_per_client: 100,
            recovery: None,
            parser: Arc::new(DefaultParser),
            max_pending_acks: 10_000,
            when_full: WhenFull::default(),
            rate: None,
            room_events: false,
        }
    }
}

impl ServerConfig {
    /// What may come in at most.
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            attachments: self.max_attachments,
            bytes: self.max_packet_bytes,
            depth: Limits::DEPTH_TO_SERVER,
        }
    }

    /// What the packets may hold at most that this server sends: the limits for an
    /// [`EventPayload`](crate::EventPayload).
    #[must_use]
    pub const fn limits_out(&self) -> Limits {
        Limits { depth: Limits::DEPTH_TO_CLIENT, ..self.limits() }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let mut names: Vec<_> = self.namespaces.iter().map(|namespace| &namespace.name).collect();
        names.sort();
        let fault = |problem| Err(ConfigError { field: "namespaces", problem });
        if self.rate.is_some_and(|rate| rate.packets == 0 || rate.per.is_zero()) {
            return Err(ConfigError { field: "rate", problem: "must not be zero" });
        }
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return fault("must differ from each other");
        }
        if !names.iter().all(|name| is_valid_name(name) && !name.contains('?')) {
            return fault(
                "must begin with a slash and hold no comma, question mark or control \
                          character, and at most 255 bytes",
            );
        }
        Ok(())
    }
}

/// One namespace.
#[derive(Clone, Debug)]
pub struct NamespaceConfig {
    /// Its name, which begins with a slash.
    pub name: String,
    /// Whether the application decides who may join, by default false: then a client that asks to
    /// is an [`Event::Connecting`](crate::Event::Connecting), otherwise it simply joins.
    pub decides: bool,
}

impl NamespaceConfig {
    /// A namespace that everybody may join.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), decides: false }
    }
}

/// Names are echoed to clients, also those that do not exist, within packets in which a comma ends
/// them.
pub(super) fn is_valid_name(name: &str) -> bool {
    name.starts_with('/')
        && name.len() <= 255
        && !name.contains(|c: char| c == ',' || c.is_control())
}

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
