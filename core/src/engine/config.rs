//! The options of an Engine.IO server.

use std::time::Duration;

use crate::error::ConfigError;
use crate::id::Mint;

/// The options of an [`Engine`](super::Engine), with the defaults of the official server.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The path of the endpoint, by default `/engine.io`; with and without a slash at the end.
    pub path: String,
    /// The time between a pong (or the opening) and the next ping, by default 25 s.
    pub ping_interval: Duration,
    /// The time within which a ping is to be answered, by default 20 s. After it the session ends
    /// with [`CloseReason::PingTimeout`](super::CloseReason::PingTimeout).
    pub ping_timeout: Duration,
    /// The time that an upgrade may take, by default 10 s. After it the WebSocket is closed; the
    /// session goes on with long-polling.
    pub upgrade_timeout: Duration,
    /// The time that a client has to fetch what is still to be delivered when its session is
    /// closed by the server, by default 30 s.
    pub close_timeout: Duration,
    /// The greatest size in bytes of a request body and of a WebSocket message, by default
    /// 1,000,000. A longer body is answered with 413; either ends the session.
    pub max_payload: usize,
    /// The greatest number of bytes that wait to be sent to one client, by default 16 MiB. A
    /// client that falls behind further is closed with
    /// [`CloseReason::TransportError`](super::CloseReason::TransportError).
    pub max_buffered: usize,
    /// The greatest number of sessions, by default 1,000,000. A handshake over it is answered
    /// with 503.
    pub max_sessions: usize,
    /// Whether long-polling is offered, by default true.
    pub polling: bool,
    /// Whether WebSockets are offered, by default true.
    pub websocket: bool,
    /// Whether clients are told to upgrade from long-polling to a WebSocket, by default true.
    pub allow_upgrades: bool,
    /// Files that are handed out beside the endpoint, by default none.
    pub files: &'static [StaticFile],
    /// The number of this machine among those that share a port, from 0 to 4095, by default 0.
    /// The ids that it makes begin with it.
    pub shard: u16,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            path: "/engine.io".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            max_payload: 1_000_000,
            max_buffered: 16 << 20,
            max_sessions: 1_000_000,
            polling: true,
            websocket: true,
            allow_upgrades: true,
            files: &[],
            shard: 0,
        }
    }
}

impl EngineConfig {
    /// Whether a request with this path is one for the machine: the path of the endpoint, with or
    /// without a slash at its end, or that of a file beside it.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.path.trim_end_matches('/')) else {
            return false;
        };
        match rest.strip_prefix('/') {
            None => rest.is_empty(),
            Some("") => true,
            Some(name) => self.file(name).is_some(),
        }
    }

    /// The file that a path asks for.
    pub(super) fn requested_file(&self, path: &str) -> Option<&'static StaticFile> {
        self.file(path.strip_prefix(self.path.trim_end_matches('/'))?.strip_prefix('/')?)
    }

    fn file(&self, name: &str) -> Option<&'static StaticFile> {
        self.files.iter().find(|file| file.name == name)
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let check = |good: bool, field, problem| {
            if good { Ok(()) } else { Err(ConfigError { field, problem }) }
        };
        check(self.path.starts_with('/'), "path", "must begin with a slash")?;
        check(!self.path.contains(['?', '#', ' ']), "path", "must be a path alone")?;
        check(!self.ping_interval.is_zero(), "ping_interval", "must not be zero")?;
        check(!self.ping_timeout.is_zero(), "ping_timeout", "must not be zero")?;
        check(self.max_payload > 0, "max_payload", "must not be zero")?;
        check(self.max_buffered > 0, "max_buffered", "must not be zero")?;
        check(self.polling || self.websocket, "polling", "one transport must be on")?;
        check(self.shard < Mint::SHARDS, "shard", "must be below 4096")
    }
}

/// A file that is handed out beside the endpoint, such as the client script.
#[derive(Clone, Copy, Debug)]
pub struct StaticFile {
    /// The last segment of its path, like `socket.io.js`.
    pub name: &'static str,
    /// Its `content-type`.
    pub content_type: &'static str,
    /// Its `etag`, with quotes.
    pub etag: &'static str,
    /// What is in it.
    pub body: &'static [u8],
}
