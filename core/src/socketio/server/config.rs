//! The configuration of a Socket.IO server.

use std::sync::Arc;
use std::time::Duration;

use crate::engineio::EngineConfig;
use crate::error::ConfigError;
use crate::setters::setters;
use crate::socketio::packet::{DefaultParser, Limits, Parser};

/// The configuration of a [`Server`](crate::Server), with the defaults of the official one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The configuration of Engine.IO. The default path is `/socket.io` here.
    pub engine: EngineConfig,
    /// The namespaces that exist, by default `/` alone.
    pub namespaces: Vec<NamespaceConfig>,
    /// Whether clients may connect to namespaces that are not in the list, by default false. Each
    /// such CONNECT is an [`Event::Connecting`](crate::Event::Connecting); the namespace exists
    /// from then on until its last socket is gone.
    pub dynamic_namespaces: bool,
    /// The maximum number of namespaces, by default 10,000. Of the dynamic ones, the clients of one
    /// address may make a quarter of these, but at least 100. Beyond it, CONNECT is answered with
    /// `Invalid namespace`. Bounds memory to 800 bytes for each with the longest name, including a
    /// socket that waits to be accepted.
    pub max_namespaces: usize,
    /// The time within which a new client has to join a namespace, by default 45 s. After it the
    /// connection is closed. Must not be zero.
    pub connect_timeout: Duration,
    /// The time within which the application has to decide about a CONNECT, by default 45 s. After
    /// it the client gets CONNECT_ERROR with the message `Timed out`, and the application an
    /// [`Event::ConnectAborted`](crate::Event::ConnectAborted). A client that is in no namespace
    /// yet is closed after [`connect_timeout`](Self::connect_timeout), if that is over sooner.
    pub decision_timeout: Duration,
    /// The maximum size of auth in a CONNECT packet, by default 65,536 bytes (64 KiB). More is
    /// answered with CONNECT_ERROR and the message `Auth is too large`. Bounds, with
    /// [`max_namespaces_per_client`](Self::max_namespaces_per_client), the memory of undecided
    /// CONNECTs of a client.
    pub max_auth_bytes: usize,
    /// The maximum number of attachments of a packet, in and out, by default 10. A client that
    /// sends more is disconnected; emitting more is an error, because official clients would
    /// disconnect.
    pub max_attachments: usize,
    /// The maximum size of a packet with its attachments, by default 10,000,000 bytes. A client
    /// that sends more is disconnected. Bounds the memory of an incomplete packet of a client.
    pub max_packet_bytes: usize,
    /// The time within which the attachments of a packet have to arrive, by default 60 s. After it
    /// the connection is closed. Must not be zero.
    pub attachment_timeout: Duration,
    /// The maximum number of namespaces that one client can join, by default 100. A client that
    /// asks for more, or is refused that many times within a minute, is disconnected. Bounds the
    /// memory of a client's sockets to about 600 bytes for each, besides rooms and data.
    pub max_namespaces_per_client: usize,
    /// Connection state recovery, by default off: clients that reconnect in time get their id,
    /// their rooms and the packets that they have missed. It costs the memory of the packets, and
    /// adds an argument to each event.
    pub recovery: Option<RecoveryConfig>,
    /// The parser, by default that of the protocol. Clients must use the same one.
    pub parser: Arc<dyn Parser>,
    /// The maximum number of pending acknowledgements of a socket, by default 10,000. Asking for
    /// more is an error. Bounds memory to about 200 bytes for each.
    pub max_pending_acks: usize,
    /// What happens to an event for one socket when more than
    /// [`max_buffered`](EngineConfig::max_buffered) bytes wait for its client, by default
    /// [`OnOverflow::Close`].
    pub on_overflow: OnOverflow,
    /// The inbound rate limit of a client, by default unlimited. It holds within one POST, too.
    pub rate: Option<RateLimit>,
    /// Whether changes of rooms are reported as [`Event::Room`](crate::Event::Room), by default
    /// false.
    pub room_events: bool,
}

setters!(ServerConfig {
    engine: EngineConfig,
    namespaces: Vec<NamespaceConfig>,
    dynamic_namespaces: bool,
    max_namespaces: usize,
    connect_timeout: Duration,
    decision_timeout: Duration,
    max_auth_bytes: usize,
    max_attachments: usize,
    max_packet_bytes: usize,
    attachment_timeout: Duration,
    max_namespaces_per_client: usize,
    into recovery: Option<RecoveryConfig>,
    parser: Arc<dyn Parser>,
    max_pending_acks: usize,
    on_overflow: OnOverflow,
    into rate: Option<RateLimit>,
    room_events: bool,
});

/// What happens to an event for a client that does not keep up. Volatile events are dropped first
/// in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOverflow {
    /// The client is closed with
    /// [`TransportError`](crate::DisconnectReason::TransportError).
    #[default]
    Close,
    /// The event is not sent: [`SocketMut::emit`](crate::SocketMut::emit) returns an error, so that
    /// the caller can wait for [`Event::Drained`](crate::Event::Drained). For broadcasts and
    /// acknowledgements the client is closed.
    Refuse,
}

/// The rate of packets of a client, over all its namespaces. Each packet counts as one, with all
/// its attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// The number of packets, at least one.
    pub packets: u32,
    /// The period.
    pub per: Duration,
    /// What happens to a client that exceeds the rate.
    pub on_exceeded: OnExceeded,
}

setters!(RateLimit { packets: u32, per: Duration, on_exceeded: OnExceeded });

impl RateLimit {
    /// This many packets in a period on average, and in one burst; more are delayed.
    #[must_use]
    pub const fn new(packets: u32, per: Duration) -> Self {
        Self { packets, per, on_exceeded: OnExceeded::Delay }
    }

    /// This many packets per second on average, and in one burst; more are delayed.
    #[must_use]
    pub const fn per_second(packets: u32) -> Self {
        Self::new(packets, Duration::from_secs(1))
    }

    /// The time that a client may be ahead of the rate.
    pub(super) const fn burst(&self) -> Duration {
        self.per
    }
}

/// What happens to a client that exceeds its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExceeded {
    /// The client is [paused](crate::engineio::Engine::pause) until its rate allows more, without
    /// being told: its packets wait, and if it disconnects meanwhile, the application learns of
    /// that up to [`close_timeout`](EngineConfig::close_timeout) later.
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
            max_attachments: Limits::default().attachments,
            max_packet_bytes: Limits::default().bytes,
            attachment_timeout: Duration::from_secs(60),
            max_namespaces_per_client: 100,
            recovery: None,
            parser: Arc::new(DefaultParser),
            max_pending_acks: 10_000,
            on_overflow: OnOverflow::default(),
            rate: None,
            room_events: false,
        }
    }
}

impl ServerConfig {
    /// Returns the limits for packets of clients.
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            attachments: self.max_attachments,
            bytes: self.max_packet_bytes,
            depth: Limits::DEPTH_TO_SERVER,
        }
    }

    /// Returns the limits for packets of this server, as [`EventPayload`](crate::EventPayload)
    /// takes them.
    #[must_use]
    pub const fn limits_out(&self) -> Limits {
        Limits { depth: Limits::DEPTH_TO_CLIENT, ..self.limits() }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let mut names: Vec<_> = self.namespaces.iter().map(|namespace| &namespace.name).collect();
        names.sort();
        let fault = |problem| Err(ConfigError { field: "namespaces", problem });
        if self.rate.is_some_and(|rate| rate.packets == 0 || (rate.per / rate.packets).is_zero()) {
            return Err(ConfigError { field: "rate", problem: "must not be zero" });
        }
        // A deadline that is over at once would be set again without end.
        for (field, timeout) in [
            ("connect_timeout", self.connect_timeout),
            ("attachment_timeout", self.attachment_timeout),
        ] {
            if timeout.is_zero() {
                return Err(ConfigError { field, problem: "must not be zero" });
            }
        }
        if self.max_namespaces_per_client == 0 {
            let field = "max_namespaces_per_client";
            return Err(ConfigError { field, problem: "must not be zero" });
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

/// The configuration of a namespace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NamespaceConfig {
    /// Its name, which begins with a slash.
    pub name: String,
    /// Whether the application decides about each CONNECT, by default false: it is reported as
    /// [`Event::Connecting`](crate::Event::Connecting), and otherwise accepted.
    pub manual_accept: bool,
}

setters!(NamespaceConfig {
    into name: String,
    manual_accept: bool,
});

impl NamespaceConfig {
    /// A namespace that accepts all clients.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), manual_accept: false }
    }
}

/// Names are echoed to clients, even of namespaces that do not exist, within packets in which a
/// comma ends them.
pub(super) fn is_valid_name(name: &str) -> bool {
    name.starts_with('/')
        && name.len() <= 255
        && !name.contains(|c: char| c == ',' || c.is_control())
}

/// The configuration of connection state recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryConfig {
    /// The maximum time between disconnection and return, by default 2 minutes.
    pub max_disconnection: Duration,
    /// Whether returning clients are accepted without asking the application, by default true.
    pub skip_middlewares: bool,
    /// The maximum memory of logged packets, in all namespaces, by default 16 MiB. A packet takes
    /// its own length and some 300 bytes, or some 500 if it is the only one for its room or socket;
    /// each further room of a broadcast takes 50 to 250. The oldest packets are dropped first, and
    /// clients that have missed one of them are not recovered. Neither are those that have missed
    /// more than may [wait](crate::engineio::EngineConfig::max_buffered) for one client, or have
    /// left more than 32 rooms since the last packet that they have seen. While more than half of
    /// the memory is taken, packets for single sockets of an address that has a quarter of it are
    /// left out.
    pub max_bytes: usize,
    /// The maximum number of disconnected clients that are remembered, by default 10,000; of one
    /// address a quarter of these, but at least 1,000. The oldest is dropped first.
    pub max_saved_sockets: usize,
}

setters!(RecoveryConfig {
    max_disconnection: Duration,
    skip_middlewares: bool,
    max_bytes: usize,
    max_saved_sockets: usize,
});

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            skip_middlewares: true,
            max_bytes: 16 << 20,
            max_saved_sockets: 10_000,
        }
    }
}
