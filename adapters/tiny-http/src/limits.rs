//! How much and how long a connection may take.

use std::time::Duration;

/// Bounds on what one connection, and all of them together, may take.
///
/// The defaults are meant for the open internet. What concerns the protocol, like the size of a
/// message or the time between two heartbeats, is configured on the [`App`](crate::App).
///
/// ```
/// use std::time::Duration;
/// use sockeye_tiny_http::Limits;
///
/// let limits = Limits { max_connections: 200, ..Limits::default() };
/// assert_eq!(limits.head_timeout, Duration::from_secs(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections may be open at once; 1,000 by default, but no more than a third of
    /// the descriptors that the process may open, less a few, since a request that waits for its
    /// answer takes three. One more is closed as soon as it is accepted.
    pub max_connections: usize,
    /// How many connections may be open at once from one address, or from one network of 64 bits
    /// with IPv6; 100 by default. One more is closed as soon as it is accepted. Behind a proxy
    /// all connections come from its address, so raise this there.
    pub max_connections_per_address: usize,
    /// How many bytes may be held for all connections together: requests that are still arriving
    /// and answers that are not yet read; 256 MiB by default. A connection that needs more is
    /// closed.
    pub max_memory: usize,
    /// The greatest size in bytes of the body of a request that is not for Socket.IO; 1,000,000
    /// by default. A longer one is answered with status 413. Those for Socket.IO are bounded by
    /// the `max_payload` of the app.
    pub max_body: usize,
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
    /// How long a connection that was closed here waits for the peer to close it too; 3 seconds
    /// by default. Then the connection is dropped.
    pub close_timeout: Duration,
    /// How long [`Handle::shutdown`](crate::Handle::shutdown) waits for what is still being sent;
    /// 10 seconds by default. Then every connection is dropped.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1_000,
            max_connections_per_address: 100,
            max_memory: 256 << 20,
            max_body: 1_000_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(3),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}
