//! The Socket.IO state of one connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::engineio::Handshake;
use crate::id::SocketId;
use crate::socketio::packet::{Decoder, PacketError};
use crate::socketio::server::names::Namespace;
use crate::timers::TimerId;

/// The Socket.IO state of one Engine.IO session.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// One for each namespace that is joined or waits for a decision.
    pub(super) sockets: Vec<SocketId>,
    pub(super) decoder: Decoder,
    /// The last namespaces that the client has left, or was disconnected from. Packets for them may
    /// still be under way.
    left: Vec<Namespace>,
    pub(super) refusals: Refusals,
    /// Set until a namespace is joined.
    pub(super) connect_timer: Option<TimerId>,
    pub(super) handshake: Option<Arc<Handshake>>,
    /// The client speaks version 4 of the Socket.IO protocol, over version 3 of Engine.IO.
    pub(super) is_v4: bool,
    /// Set while attachments of a packet are missing.
    pub(super) attachment_timer: Option<TimerId>,
    /// When the packets received so far will have taken no more than the rate of the client.
    pub(super) paid: Option<Instant>,
    /// Set while nothing is read because the client exceeded its rate.
    pub(super) rate_timer: Option<TimerId>,
}

impl Connection {
    pub(super) fn new(connect_timer: TimerId) -> Self {
        Self { connect_timer: Some(connect_timer), ..Self::default() }
    }

    /// The deadlines to clear when the connection ends.
    pub(super) fn timers(&self) -> impl Iterator<Item = TimerId> {
        self.connect_timer.into_iter().chain(self.attachment_timer).chain(self.rate_timer)
    }

    /// Removes a socket, and remembers its namespace as one of the last `limit` that were left.
    pub(super) fn leave(&mut self, socket: SocketId, namespace: Namespace, limit: usize) {
        self.sockets.retain(|&other| other != socket);
        self.left.push(namespace);
        if self.left.len() > limit {
            self.left.remove(0);
        }
    }

    /// Whether a namespace was left, and not joined again since.
    pub(super) fn has_left(&self, namespace: &[u8]) -> bool {
        self.left.iter().any(|left| left.as_bytes() == namespace)
    }

    /// Notes that a namespace is being joined.
    pub(super) fn enter(&mut self, namespace: &str) {
        self.left.retain(|left| **left != *namespace);
    }
}

/// Counts the CONNECT packets that were refused within a minute.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: usize,
    since: Option<Instant>,
}

impl Refusals {
    const WINDOW: Duration = Duration::from_secs(60);

    pub(super) fn add(&mut self, now: Option<Instant>) {
        if self.count(now) == 0 {
            (self.count, self.since) = (0, now);
        }
        self.count += 1;
    }

    /// How many there were in the last minute, about.
    pub(super) fn count(&self, now: Option<Instant>) -> usize {
        let is_over = |now: Instant, since| now.saturating_duration_since(since) >= Self::WINDOW;
        let is_over = now.zip(self.since).is_none_or(|(now, since)| is_over(now, since));
        if is_over { 0 } else { self.count }
    }
}

/// How a client violated the Socket.IO protocol or a limit, for people to read. Its connection is
/// closed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A packet is malformed, or larger than is allowed.
    #[error("malformed packet: {0}")]
    Packet(#[from] PacketError),
    /// A packet is for a namespace that the client is not in.
    #[error("a packet for a namespace that the client is not in")]
    NotConnected,
    /// A CONNECT packet is for a namespace that the client is in.
    #[error("a second CONNECT for a namespace")]
    ConnectedTwice,
    /// A CONNECT packet is for something that can't be the name of a namespace.
    #[error("CONNECT for an invalid name")]
    InvalidName,
    /// The client is in [as many namespaces](crate::ServerConfig::max_namespaces_per_client) as it
    /// may be, or was refused that often within a minute.
    #[error("too many namespaces, or refused too often")]
    TooManyNamespaces,
    /// The client sent more packets than its [rate](crate::ServerConfig::rate) allows.
    #[error("more packets than the rate allows")]
    Rate,
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "some instant to begin with")]
mod tests {
    use super::*;

    #[test]
    fn refusals_count_within_a_minute() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        refusals.add(Some(now));
        refusals.add(Some(now + Duration::from_secs(59)));
        assert_eq!(refusals.count(Some(now + Duration::from_secs(59))), 2);
        assert_eq!(refusals.count(Some(now + Duration::from_secs(60))), 0);
        refusals.add(Some(now + Duration::from_secs(60)));
        assert_eq!(refusals.count(Some(now + Duration::from_secs(60))), 1);
    }

    #[test]
    fn the_last_namespaces_that_were_left_are_remembered() {
        let mut connection = Connection::default();
        let socket = SocketId { serial: 1, index: 0 };
        for name in ["/a", "/b", "/c"] {
            connection.leave(socket, Namespace::from(name), 2);
        }
        connection.enter("/c");
        let left = ["/a", "/b", "/c"].map(|name| connection.has_left(name.as_bytes()));
        assert_eq!(left, [false, true, false]);
    }
}
