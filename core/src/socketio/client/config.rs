//! The options of a client.

use std::sync::Arc;
use std::time::Duration;

use crate::engineio;
use crate::engineio::Transport;
use crate::error::ConfigError;
use crate::io::Headers;
use crate::setters::setters;
use crate::socketio::client::auth::Auth;
use crate::socketio::packet::{DefaultParser, Limits, Parser};

/// The options of a [`Client`](crate::client::Client), with the defaults of the official one. What
/// host to talk to, and how, is the driver's to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The path of the endpoint, by default `/socket.io`.
    pub path: String,
    /// Whether requests go to the path with a slash at its end, by default true.
    pub add_trailing_slash: bool,
    /// What is added to the query of each request, by default nothing. Pairs with the keys `EIO`,
    /// `transport` and `sid` are left out: the protocol sets these.
    pub query: Vec<(String, String)>,
    /// Headers to add to each request and WebSocket handshake, by default none. Names are
    /// written as they are here.
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
    /// Whether to upgrade from long-polling to a WebSocket if both sides can, by default true.
    pub upgrade: bool,
    /// Whether to begin with a WebSocket, whatever the order of the transports, once one has
    /// worked, by default false. After a failure the order counts again.
    pub remember_upgrade: bool,
    /// The time that the upgrade may take, by default 10 s. After it the connection continues with
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
    /// default 20 s. Must not be zero.
    pub timeout: Option<Duration>,
    /// The time in which the server must have answered CONNECT, by default 60 s: more than servers
    /// of this crate take to decide. Must not be zero. After it the connection ends, and is opened again; if another
    /// socket is connected on it, the connection stays, an answer is still waited for, and
    /// [`Event::Unanswered`](crate::client::Event::Unanswered) reports it.
    pub connect_timeout: Option<Duration>,
    /// Whether to connect again after a failure or loss, by default true.
    pub reconnection: bool,
    /// After how many attempts in a row to give up, by default never.
    pub reconnection_attempts: Option<u32>,
    /// The delay before the first attempt, by default 1 s; each one doubles it.
    pub reconnection_delay: Duration,
    /// The greatest delay, by default 5 s, before it is randomized.
    pub reconnection_delay_max: Duration,
    /// How far a delay may deviate, by default 0.5: between half and one and a half of it. Also the
    /// greatest delay deviates, so that clients that lost the same server do not return at once.
    pub randomization_factor: f64,
    /// How long a connection must have lasted for delays and attempts to begin anew after its
    /// loss, by default 5 s.
    pub stable_after: Duration,
    /// The time for delivering what was emitted before the connection is closed, by default 5 s.
    pub close_timeout: Duration,
    /// The maximum size in bytes of an answer to a GET, and of a WebSocket message, by default
    /// 32 MiB. A larger one ends the connection. What may wait for a client at a server with
    /// default options fits, also as base64.
    pub max_incoming: usize,
    /// The maximum number of binary values in one packet, in and out, by default 10. A packet
    /// with more ends the connection; emitting more is an error.
    pub max_attachments: usize,
    /// The maximum size in bytes of one packet with its binary values, by default 16 MiB. A larger
    /// one ends the connection. It is many times the greatest message that a server with default
    /// options takes from a client and may send to another.
    pub max_packet_bytes: usize,
    /// The time in which the binary values of a packet must have arrived, by default 60 s; after it
    /// the connection ends.
    pub attachment_timeout: Duration,
    /// The maximum number of bytes of events that arrive before the answer to CONNECT, as those do
    /// that a recovered socket has missed, by default 16 MiB. More end the connection. The memory is
    /// at most one and a half times as many bytes.
    pub max_early_bytes: usize,
    /// The maximum number of bytes that wait to be sent, in all namespaces, connected or not, by
    /// default 16 MiB; each message counts
    /// [`Encoded::OVERHEAD`](crate::engineio::Encoded::OVERHEAD) more than its bytes, so the
    /// memory is at most one and a half times as many bytes. Emitting more is an error.
    pub max_buffered: usize,
    /// The maximum number of acknowledgements that the server may owe to one socket, by default
    /// 10,000. Asking for more is an error. Bounds memory to about 200 bytes for each.
    pub max_pending_acks: usize,
    /// How packets are written, by default as every server understands them.
    pub parser: Arc<dyn Parser>,
}

setters!(Config {
    into path: String,
    add_trailing_slash: bool,
    query: Vec<(String, String)>,
    extra_headers: Headers,
    ask_attempts: bool,
    cookies: bool,
    protocols: Vec<String>,
    transports: Vec<Transport>,
    try_all_transports: bool,
    upgrade: bool,
    remember_upgrade: bool,
    upgrade_timeout: Duration,
    force_base64: bool,
    into timestamp_param: Option<String>,
    into request_timeout: Option<Duration>,
    into timeout: Option<Duration>,
    into connect_timeout: Option<Duration>,
    reconnection: bool,
    into reconnection_attempts: Option<u32>,
    reconnection_delay: Duration,
    reconnection_delay_max: Duration,
    randomization_factor: f64,
    stable_after: Duration,
    close_timeout: Duration,
    max_incoming: usize,
    max_attachments: usize,
    max_packet_bytes: usize,
    attachment_timeout: Duration,
    max_early_bytes: usize,
    max_buffered: usize,
    max_pending_acks: usize,
    parser: Arc<dyn Parser>,
});

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
    /// Returns the greatest packets that are taken from the server.
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            attachments: self.max_attachments,
            bytes: self.max_packet_bytes,
            depth: Limits::DEPTH_TO_CLIENT,
        }
    }

    /// Returns the limits of the packets that this client sends, which are those for an
    /// [`EventPayload`](crate::EventPayload).
    #[must_use]
    pub const fn limits_out(&self) -> Limits {
        Limits { depth: Limits::DEPTH_TO_SERVER, ..self.limits() }
    }

    /// Returns the options of the Engine.IO session. They are copied once, when a client is made.
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

    /// Checks the options that the Engine.IO session does not have.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let error = |field, problem| Err(ConfigError { field, problem });
        if !(0.0..=1.0).contains(&self.randomization_factor) {
            return error("randomization_factor", "must be a number from 0 to 1");
        }
        if self.max_buffered == 0 {
            return error("max_buffered", "must not be zero");
        }
        // A deadline that is over at once would be set again without end.
        for (field, timeout) in
            [("timeout", self.timeout), ("connect_timeout", self.connect_timeout)]
        {
            if timeout == Some(Duration::ZERO) {
                return error(field, "must not be zero");
            }
        }
        Ok(())
    }
}

/// The options of one socket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SocketConfig {
    /// The payload of each CONNECT, by default none.
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
    /// [`retries`](Self::retries), the time of each try, at least a millisecond.
    pub ack_timeout: Option<Duration>,
}

setters!(SocketConfig {
    auth: Auth,
    auto_connect: bool,
    retries: u32,
    into ack_timeout: Option<Duration>,
});

impl Default for SocketConfig {
    fn default() -> Self {
        Self { auth: Auth::none(), auto_connect: true, retries: 0, ack_timeout: None }
    }
}
