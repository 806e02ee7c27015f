//! The configuration of an Engine.IO server.

use std::time::Duration;

use crate::engineio::encoded::Encoded;
use crate::engineio::http::cookie::Cookie;
use crate::engineio::http::cors::Cors;
use crate::engineio::http::origin::WebSocketOrigins;
use crate::engineio::http::subprotocol::Subprotocols;
use crate::error::ConfigError;
use crate::id::IdGenerator;
use crate::network::Network;
use crate::setters::setters;

/// The configuration of an [`Engine`](crate::engineio::Engine), with the defaults of the official
/// server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineConfig {
    /// The path of the endpoint, by default `/engine.io`; it matches with and without a trailing
    /// slash.
    pub path: String,
    /// The time between a pong (or the opening) and the next ping, by default 25 s. Together with
    /// [`ping_timeout`](Self::ping_timeout) it must be less than 2^31 ms, or 24 days, the limit of
    /// timers in JavaScript clients.
    pub ping_interval: Duration,
    /// The time within which a ping has to be answered, by default 20 s. After it the session ends
    /// with [`CloseReason::PingTimeout`](crate::engineio::CloseReason::PingTimeout).
    pub ping_timeout: Duration,
    /// The maximum duration of an upgrade, by default 10 s. After it the WebSocket is closed; the
    /// session goes on with long-polling.
    pub upgrade_timeout: Duration,
    /// The time that a GET may still wait for messages after `2probe`, by default none: it is
    /// answered at once, so that the client can switch. The official server lets it wait for up to
    /// 100 ms; so does this one after the first 8 of an upgrade.
    pub upgrade_poll_hold: Duration,
    /// The time within which a client has to take the remaining packets of a session that the
    /// server closes, by default 30 s.
    pub close_timeout: Duration,
    /// The maximum size of a request body and of a WebSocket message, by default 1,000,000 bytes. A
    /// longer body is answered with 413; either ends the session. Bounds the memory of messages that
    /// wait to be handled: they are decoded one by one.
    pub max_payload: usize,
    /// The maximum number of bytes that wait to be sent to one client, including those that are
    /// being written to its WebSocket, by default 16 MiB. Each message counts [`Encoded::OVERHEAD`]
    /// more than its bytes, so this bounds the memory of a client that does not read, to one and a
    /// half times as many bytes because queues grow in steps. A message that can be written at once
    /// does not wait, whatever its size. A client that falls behind
    /// further is closed with
    /// [`CloseReason::TransportError`](crate::engineio::CloseReason::TransportError).
    pub max_buffered: usize,
    /// The maximum number of sessions, by default 1,000,000. Bounds the memory of idle clients to
    /// about 1,400 bytes for each that is in one namespace. A further handshake is answered with
    /// 503, unless another address has more [unused](Self::max_unused_sessions) sessions than its
    /// own: then the oldest of those is ended instead.
    pub max_sessions: usize,
    /// The maximum number of sessions that were opened by long-polling and not used since, by
    /// default 10,000. Their clients have sent one request, the handshake; with the second one a
    /// session is used.
    ///
    /// A further handshake is not refused: the oldest unused session of the address that has most
    /// of them is ended, with
    /// [`CloseReason::TransportError`](crate::engineio::CloseReason::TransportError). If its client
    /// returns, it gets `Session ID unknown`, and connects again.
    pub max_unused_sessions: usize,
    /// The maximum memory of the [kept](Self::keep_handshakes) handshakes of unused sessions, by
    /// default 16 MiB. Beyond it, such sessions are ended as well.
    pub max_unused_bytes: usize,
    /// The maximum number of sessions of one address, including handshakes that the application has
    /// not decided about; by default a quarter of [`max_sessions`](Self::max_sessions), but at
    /// least 1,000. A further handshake is answered with 503.
    ///
    /// IPv6 addresses with the same first 64 bits count as one. Clients behind a proxy have its
    /// address, unless it is [trusted](Self::trusted_proxies). There is no such limit for clients
    /// without an address.
    pub max_sessions_per_address: Option<usize>,
    /// The proxies whose `X-Forwarded-For` is trusted, by default none. The address of a client is
    /// the last one in this header that is not one of these, and otherwise that of the peer.
    ///
    /// Each proxy must append the address of its peer to this header; otherwise clients can choose
    /// the address that they are counted for.
    pub trusted_proxies: Vec<Network>,
    /// Whether long-polling is offered, by default true.
    pub polling: bool,
    /// Whether WebSockets are offered, by default true.
    pub websocket: bool,
    /// Whether clients are told to upgrade from long-polling to a WebSocket, by default true.
    pub allow_upgrades: bool,
    /// Whether protocol 3 is spoken too, which clients of Socket.IO 2 speak, by default false.
    /// Then whatever version a client states that is not 4 counts as 3.
    pub allow_v3: bool,
    /// Whether clients of protocol 3 may poll by script elements (JSONP), by default false.
    ///
    /// A page of any origin can read and write such a session, whatever [`cors`](Self::cors) says.
    /// Without this, long-polling of protocol 3 with a parameter `j` is answered with 400; without
    /// [`allow_v3`](Self::allow_v3), and for clients of protocol 4, the parameter means nothing.
    pub allow_jsonp: bool,
    /// Which pages of other origins may talk to the server, by default none.
    pub cors: Option<Cors>,
    /// Which pages may open WebSockets, by default those of the same host as the server and of the
    /// origins that [`cors`](Self::cors) allows, and others without credentials of the user. Other
    /// handshakes are answered with 403.
    pub websocket_origins: WebSocketOrigins,
    /// The choice of a subprotocol among those that a WebSocket handshake offers, by default the
    /// first one. Malformed offers are answered with 400.
    pub subprotocols: Subprotocols,
    /// The session-affinity cookie, by default none.
    pub cookie: Option<Cookie>,
    /// Whether the application decides about each handshake, by default false; see
    /// [`Event::HandshakeRequested`](crate::engineio::Event::HandshakeRequested).
    pub manual_accept: bool,
    /// The time within which the application has to decide about a handshake, by default 20 s.
    /// After it the handshake is answered with 403.
    pub handshake_timeout: Duration,
    /// Whether [`Event::Opened`](crate::engineio::Event::Opened) has the request that opened the
    /// session, by default false.
    pub keep_handshakes: bool,
    /// A message that each client gets right after its handshake, by default none.
    pub initial_message: Option<Encoded>,
    /// The number of this server among those that share a port, from 0 to 4095, by default 0. The
    /// ids that it makes begin with it.
    pub shard: u16,
}

setters!(EngineConfig {
    into path: String,
    ping_interval: Duration,
    ping_timeout: Duration,
    upgrade_timeout: Duration,
    upgrade_poll_hold: Duration,
    close_timeout: Duration,
    max_payload: usize,
    max_buffered: usize,
    max_sessions: usize,
    max_unused_sessions: usize,
    max_unused_bytes: usize,
    into max_sessions_per_address: Option<usize>,
    trusted_proxies: Vec<Network>,
    polling: bool,
    websocket: bool,
    allow_upgrades: bool,
    allow_v3: bool,
    allow_jsonp: bool,
    into cors: Option<Cors>,
    websocket_origins: WebSocketOrigins,
    subprotocols: Subprotocols,
    into cookie: Option<Cookie>,
    manual_accept: bool,
    handshake_timeout: Duration,
    keep_handshakes: bool,
    into initial_message: Option<Encoded>,
    shard: u16,
});

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            path: "/engine.io".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            upgrade_poll_hold: Duration::ZERO,
            close_timeout: Duration::from_secs(30),
            max_payload: 1_000_000,
            max_buffered: 16 << 20,
            max_sessions: 1_000_000,
            max_unused_sessions: 10_000,
            max_unused_bytes: 16 << 20,
            max_sessions_per_address: None,
            trusted_proxies: Vec::new(),
            polling: true,
            websocket: true,
            allow_upgrades: true,
            allow_v3: false,
            allow_jsonp: false,
            cors: None,
            websocket_origins: WebSocketOrigins::SameHost,
            subprotocols: Subprotocols::First,
            cookie: None,
            manual_accept: false,
            handshake_timeout: Duration::from_secs(20),
            keep_handshakes: false,
            initial_message: None,
            shard: 0,
        }
    }
}

impl EngineConfig {
    /// Returns whether a request with this path is for the server: that of the endpoint, with or
    /// without a trailing slash.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.trim_end_matches('/'));
        rest.is_some_and(|rest| matches!(rest, "" | "/"))
    }

    /// The maximum number of sessions of one address.
    pub(super) fn sessions_per_address(&self) -> usize {
        self.max_sessions_per_address.unwrap_or_else(|| (self.max_sessions / 4).max(1_000))
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let check = |good: bool, field, problem| {
            if good { Ok(()) } else { Err(ConfigError { field, problem }) }
        };
        check(self.path.starts_with('/'), "path", "must begin with a slash")?;
        check(!self.path.contains(['?', '#', ' ']), "path", "must be a path alone")?;
        check(!self.ping_interval.is_zero(), "ping_interval", "must not be zero")?;
        check(!self.ping_timeout.is_zero(), "ping_timeout", "must not be zero")?;
        // Clients in JavaScript wait for both together, and their timers hold no more.
        let patience = self.ping_interval.saturating_add(self.ping_timeout).as_millis();
        let problem = "must be less than 2^31 ms together with ping_timeout";
        check(patience < 1 << 31, "ping_interval", problem)?;
        check(self.max_payload > 0, "max_payload", "must not be zero")?;
        check(self.max_unused_sessions > 0, "max_unused_sessions", "must not be zero")?;
        check(self.max_buffered > 0, "max_buffered", "must not be zero")?;
        check(self.polling || self.websocket, "polling", "one transport must be on")?;
        self.cors.as_ref().map_or(Ok(()), Cors::validate)?;
        self.cookie.as_ref().map_or(Ok(()), Cookie::validate)?;
        check(self.shard < IdGenerator::SHARDS, "shard", "must be below 4096")
    }
}
