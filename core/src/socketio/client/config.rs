//! The options of a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::engineio;
use crate::engineio::Transport;
use crate::error::ConfigError;
use crate::io::Headers;
use crate::socketio::client::AuthError;
use crate::socketio::packet;
use crate::socketio::packet::{DefaultParser, Limits, Parser};

/// The options of a [`Client`](crate::client::Client), with the defaults of the official one. What host to
/// talk to, and how, is the driver's to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The path of the endpoint, by default `/socket.io`.
    pub path: String,
    /// Whether requests go to the path with a slash at its end, by default true.
    pub add_trailing_slash: bool,
    /// What is added to the query of each request, by default nothing.
    pub query: Vec<(String, String)>,
    /// Headers to add to each request and WebSocket handshake, by default none. Names are in lower
    /// case.
    pub extra_headers: Headers,
    /// Whether the application is asked before each attempt to connect, by default not: with
    /// [`Event::Attempting`](crate::client::Event::Attempting), which [`Client::attempt`] answers.
    ///
    /// [`Client::attempt`]: crate::client::Client::attempt
    pub ask_attempts: bool,
    /// Whether cookies that the server sets with its answers to long-polling are sent back, by
    /// default not; load balancers may need that. At most 32 of 4,096 bytes each are kept.
    pub cookies: bool,
    /// The WebSocket subprotocols to offer, by default none.
    pub protocols: Vec<String>,
    /// The transports to use, by default long-polling and WebSocket. The first one opens the
    /// connection.
    pub transports: Vec<Transport>,
    /// Whether the other transports are tried when the first one can't open a connection, by
    /// default false.
    pub try_all_transports: bool,
    /// Whether to go over from long-polling to a WebSocket where both sides can, by default true.
    pub upgrade: bool,
    /// Whether to begin with a WebSocket, whatever the order of the transports, once one has
    /// worked, by default false. After a failure the order counts again.
    pub remember_upgrade: bool,
    /// The time that going over may take, by default 10 s. After it the connection stays with
    /// long-polling.
    pub upgrade_timeout: Duration,
    /// Whether binary values are sent as text also over WebSockets, and asked to be sent so, by
    /// default false.
    pub force_base64: bool,
    /// The query parameter that keeps caches from answering long-polling, by default `t`.
    pub timestamp_param: Option<String>,
    /// The time that the answer to a request may take, by default any. Since a GET waits for
    /// messages, it has to be longer than the ping interval of the server.
    pub request_timeout: Option<Duration>,
    /// The time that opening a connection may take, with all transports that are tried, by
    /// default 20 s.
    pub timeout: Option<Duration>,
    /// The time in which the server must have answered whether it lets a socket in, by default
    /// 60 s: more than servers here take to decide. After it the connection ends, and is opened
    /// again; if another socket is connected on it, the connection stays, the socket goes on asking
    /// and [`Event::Unanswered`](crate::client::Event::Unanswered) tells of it.
    pub connect_timeout: Option<Duration>,
    /// Whether to connect again after a failure or loss, by default true.
    pub reconnection: bool,
    /// After how many attempts in a row to give up, by default never.
    pub reconnection_attempts: Option<u32>,
    /// The delay before the first attempt, by default 1 s; each one doubles it.
    pub reconnection_delay: Duration,
    /// The greatest delay, by default 5 s, before it is randomized.
    pub reconnection_delay_max: Duration,
    /// How far a delay may deviate, by default 0.5: between half and one and a half of it. Also
    /// the greatest delay is spread, so that clients that lost the same server do not return as
    /// one crowd.
    pub randomization_factor: f64,
    /// How long a connection must have lasted for delays and attempts to begin anew after its
    /// loss, by default 5 s.
    pub stable_after: Duration,
    /// The time for delivering what was emitted before the connection is closed, by default 5 s.
    pub close_timeout: Duration,
    /// The greatest size in bytes of an answer to a GET, and of a WebSocket message, by default
    /// 32 MiB. A larger one ends the connection. What may wait for a client at a server with
    /// default options fits, also as base64.
    pub max_incoming: usize,
    /// The greatest number of binary values in one packet, in and out, by default 10. A packet
    /// with more ends the connection; emitting more is an error.
    pub max_attachments: usize,
    /// The greatest size in bytes of one packet with its binary values, by default 16 MiB. A larger
    /// one ends the connection. What a server with default options takes from one client it can
    /// send on to another, and have around it whatever it likes of some megabytes.
    pub max_packet_bytes: usize,
    /// The time in which the binary values of a packet must have come, by default 60 s; after it
    /// the connection ends.
    pub attachment_timeout: Duration,
    /// The greatest number of bytes of events that come before the server has let a socket in, as
    /// those do that a recovered one has missed, by default 16 MiB. More end the connection.
    pub max_early_bytes: usize,
    /// The greatest number of bytes that wait to be sent, in all namespaces, connected or not, by
    /// default 16 MiB; each message counts
    /// [`Encoded::OVERHEAD`](crate::engineio::Encoded::OVERHEAD) more than its bytes, which makes
    /// this a bound on memory. Emitting more is an error.
    pub max_buffered: usize,
    /// The greatest number of acknowledgements that the server may owe to one socket, by default
    /// 10,000. Asking for more is an error.
    pub max_pending_acks: usize,
    /// How packets are written, by default as every server understands them.
    pub parser: Arc<dyn Parser>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io".to_owned(),
            add_trailing_slash: true,
            query: Vec::new(),
            extra_headers: Vec::new(),
            ask_attempts: false,
            cookies: false,
            protocols: Vec::new(),
            transports: vec![Transport::Polling, Transport::WebSocket],
            try_all_transports: false,
            upgrade: true,
            remember_upgrade: false,
            upgrade_timeout: Duration::from_secs(10),
            force_base64: false,
            timestamp_param: Some("t".to_owned()),
            request_timeout: None,
            timeout: Some(Duration::from_secs(20)),
            connect_timeout: Some(Duration::from_secs(60)),
            reconnection: true,
            reconnection_attempts: None,
            reconnection_delay: Duration::from_secs(1),
            reconnection_delay_max: Duration::from_secs(5),
            randomization_factor: 0.5,
            stable_after: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            max_incoming: 32 << 20,
            max_attachments: 10,
            max_packet_bytes: 16 << 20,
            attachment_timeout: Duration::from_secs(60),
            max_early_bytes: 16 << 20,
            max_buffered: 16 << 20,
            max_pending_acks: 10_000,
            parser: Arc::new(DefaultParser),
        }
    }
}

impl Config {
    /// What may come in at most.
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            attachments: self.max_attachments,
            bytes: self.max_packet_bytes,
            depth: Limits::DEPTH_TO_CLIENT,
        }
    }

    /// What the packets may hold at most that this client sends: the limits for an
    /// [`EventPayload`](crate::EventPayload).
    #[must_use]
    pub const fn limits_out(&self) -> Limits {
        Limits { depth: Limits::DEPTH_TO_SERVER, ..self.limits() }
    }

    /// The options of the layer below.
    pub(super) fn session(&self) -> engineio::client::Config {
        engineio::client::Config {
            path: self.path.clone(),
            add_trailing_slash: self.add_trailing_slash,
            query: self.query.clone(),
            extra_headers: self.extra_headers.clone(),
            cookies: self.cookies,
            protocols: self.protocols.clone(),
            transports: self.transports.clone(),
            upgrade: self.upgrade,
            upgrade_timeout: self.upgrade_timeout,
            force_base64: self.force_base64,
            timestamp_param: self.timestamp_param.clone(),
            request_timeout: self.request_timeout,
            close_timeout: self.close_timeout,
            max_incoming: self.max_incoming,
        }
    }

    /// Checks what the layer below does not know of.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let error = |field, problem| Err(ConfigError { field, problem });
        if !(0.0..=1.0).contains(&self.randomization_factor) {
            return error("randomization_factor", "must be a number from 0 to 1");
        }
        if self.max_buffered == 0 {
            return error("max_buffered", "must not be zero");
        }
        Ok(())
    }
}

/// The options of one socket.
#[derive(Clone, Debug)]
pub struct SocketConfig {
    /// What the server is told at each connect, by default nothing.
    pub auth: Auth,
    /// Whether to connect at once, by default true; otherwise with
    /// [`SocketMut::connect`](crate::client::SocketMut::connect).
    pub auto_connect: bool,
    /// How often an event is sent again that the server has not acknowledged, by default never.
    ///
    /// With any number but 0 each event that is not volatile asks for an acknowledgement, which
    /// the server has to give; events are sent one after the other, each when the one before is
    /// done. So each arrives at least once, unless it is given up, which is
    /// [`Event::GivenUp`](crate::client::Event::GivenUp); the server may see it twice.
    pub retries: u32,
    /// The time that an acknowledgement may take where no other is given, by default any. With
    /// [`retries`](Self::retries), the time of each try.
    pub ack_timeout: Option<Duration>,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self { auth: Auth::none(), auto_connect: true, retries: 0, ack_timeout: None }
    }
}

/// What a socket tells the server when it connects: an object, often with a token in it.
#[derive(Clone, Default)]
pub struct Auth(Kind);

#[derive(Clone, Default)]
pub(super) enum Kind {
    #[default]
    None,
    /// The JSON text of an object.
    Object(Arc<str>),
    Ask,
}

impl Auth {
    /// Nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(Kind::None)
    }

    /// The same at each connect, until it is [replaced](crate::client::SocketMut::set_auth).
    ///
    /// # Errors
    ///
    /// If the data can't be written as JSON, is no object, or is deeper than a server takes.
    pub fn value(data: &(impl Serialize + ?Sized)) -> Result<Self, AuthError> {
        let json = packet::object(data)?;
        match json.as_bytes().first() {
            Some(b'{') => Ok(Self(Kind::Object(json.into()))),
            _ if json == "null" => Ok(Self::none()),
            _ => Err(AuthError::NoObject),
        }
    }

    /// Asks for it anew at each connect, with
    /// [`Event::Authenticating`](crate::client::Event::Authenticating).
    #[must_use]
    pub const fn ask() -> Self {
        Self(Kind::Ask)
    }

    pub(super) const fn kind(&self) -> &Kind {
        &self.0
    }
}

/// Shows no secrets.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::None => "None",
            Kind::Object(_) => "Value(..)",
            Kind::Ask => "Ask",
        })
    }
}
