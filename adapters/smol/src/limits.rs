//! How much and how long a connection may take.

use std::time::Duration;

/// Bounds on what one connection, and all of them together, may take.
///
/// The defaults are meant for the open internet. What concerns the protocol, like the size of a
/// message or the time between two heartbeats, is configured on the [`App`](crate::App).
///
/// ```
/// use std::time::Duration;
/// use sockeye_smol::Limits;
///
/// let limits = Limits { max_connections: 1_000, ..Limits::default() };
/// assert_eq!(limits.head_timeout, Duration::from_secs(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections may be open at once; 100,000 by default. One more is closed as soon
    /// as it is accepted.
    pub max_connections: usize,
    /// How long the head of a request may take to arrive, that of the first one from when the
    /// connection was accepted; 10 seconds by default. Then the connection is closed.
    pub head_timeout: Duration,
    /// How long a connection may stay open between two requests; 75 seconds by default, more than
    /// balancers keep theirs, which would send a request into a connection that is being closed.
    /// Then the connection is closed.
    pub idle_timeout: Duration,
    /// How long the body of a request may take to arrive; 30 seconds by default. Then it is
    /// answered with status 408, and its connection and its session end.
    pub body_timeout: Duration,
    /// How long a write may make no progress at all because the peer does not read; 20 seconds by
    /// default. Then the connection is closed.
    pub write_timeout: Duration,
    /// How long a WebSocket that was closed here waits for the peer to close it too; 3 seconds by
    /// default. Then the connection is dropped.
    pub close_timeout: Duration,
    /// How long [`Handle::shutdown`](crate::Handle::shutdown) waits for what is still being sent;
    /// 10 seconds by default. Then every connection is dropped.
    pub shutdown_timeout: Duration,
    /// How many WebSocket pings and pongs a peer may send in a second; 50 by default. At one more
    /// the WebSocket is closed with code 1008. Socket.IO has heartbeats of its own, so ordinary
    /// clients send none.
    pub max_control_frames: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(3),
            shutdown_timeout: Duration::from_secs(10),
            max_control_frames: 50,
        }
    }
}
