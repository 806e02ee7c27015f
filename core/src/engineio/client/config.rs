//! The options of the client side of Engine.IO.
//!
//! They are not public: the [`Config`](crate::client::Config) of a Socket.IO client documents
//! them, with their defaults, and makes them once.

use std::time::Duration;

use crate::engineio::Transport;
use crate::error::ConfigError;
use crate::io::{Headers, is_token, is_valid_header};

/// What all sessions of one client have in common.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) path: String,
    pub(crate) add_trailing_slash: bool,
    /// What an [`Attempt`](super::Attempt) may replace, as it may the headers.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) extra_headers: Headers,
    /// Whether cookies of the server are sent back.
    pub(crate) cookies: bool,
    /// The WebSocket subprotocols to offer.
    pub(crate) protocols: Vec<String>,
    /// The allowed transports. Which one opens a session is decided by the layer above.
    pub(crate) transports: Vec<Transport>,
    /// Whether a session that was opened by long-polling is upgraded.
    pub(crate) upgrade: bool,
    /// The time from the opening of the WebSocket to `3probe`, and to its use.
    pub(crate) upgrade_timeout: Duration,
    /// Whether binary messages are sent as `b` and base64 on WebSockets, too.
    pub(crate) force_base64: bool,
    /// The name of the query parameter that makes each long-polling request unique.
    pub(crate) timestamp_param: Option<String>,
    /// The time from a request to its answer; for a GET, it includes the wait for packets.
    pub(crate) request_timeout: Option<Duration>,
    /// The time for the delivery of queued packets when a session is closed.
    pub(crate) close_timeout: Duration,
    /// The greatest size in bytes of an answer to a GET, and of a WebSocket message.
    pub(crate) max_incoming: usize,
}

impl Config {
    /// Checks everything that would make requests unusable.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let check = |good: bool, field, problem| {
            if good { Ok(()) } else { Err(ConfigError { field, problem }) }
        };
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        check(self.path.starts_with('/'), "path", "must begin with a slash")?;
        check(is_plain(&self.path), "path", "must be ASCII without spaces")?;
        check(!self.path.contains(['?', '#']), "path", "must be a path alone")?;
        check(!self.transports.is_empty(), "transports", "must not be empty")?;
        check(self.max_incoming > 0, "max_incoming", "must not be zero")?;
        check_headers(&self.extra_headers)?;
        // RFC 6455, section 4.1: subprotocols are unique tokens.
        let is_first = |(index, name): (usize, &String)| !self.protocols[..index].contains(name);
        let good = self.protocols.iter().all(|name| is_token(name))
            && self.protocols.iter().enumerate().all(is_first);
        check(good, "protocols", "must be tokens, each one once")
    }
}

/// Checks that headers can be written, and can't inject others.
pub(super) fn check_headers(headers: &Headers) -> Result<(), ConfigError> {
    if headers.iter().all(|(name, value)| is_valid_header(name, value)) {
        return Ok(());
    }
    let problem = "must be tokens as names, and values without control characters";
    Err(ConfigError { field: "extra_headers", problem })
}
