//! What a server remembers, and what it has done so far, in numbers.

use crate::engineio;

/// How many things a server remembers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Engine.IO sessions, with those that are being closed.
    pub sessions: usize,
    /// Those of them that were opened by long-polling and have not been used since.
    pub unused: usize,
    /// Bytes of the handshakes that are kept for sessions, or that the application has not decided
    /// about.
    pub handshakes: usize,
    /// HTTP requests that were not answered yet.
    pub requests: usize,
    /// WebSockets, with those that are to take over a session.
    pub websockets: usize,
    /// Sockets, with those whose CONNECT is not answered.
    pub sockets: usize,
    /// Rooms in all namespaces, without those of the sockets' own ids.
    pub rooms: usize,
    /// Disconnected sockets whose clients may return.
    pub away: usize,
    /// Acknowledgements that have not arrived yet.
    pub acks: usize,
    /// Deadlines.
    pub timers: usize,
    /// Bytes that wait to be sent, or are being written to a WebSocket. A message that waits for
    /// several clients counts for each, though it is in memory once.
    pub buffered: usize,
    /// Bytes of packets that are logged for clients that may return.
    pub logged: usize,
}

/// How often something has happened since the server was made. The counts of limits say how often
/// they were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Sessions that were opened.
    pub sessions: u64,
    /// Messages of clients that were taken in; a binary value is a message of its own.
    pub messages_in: u64,
    /// The bytes in these messages.
    pub bytes_in: u64,
    /// Messages that were sent, once for each receiver; a binary value is a message of its own.
    pub messages_out: u64,
    /// The bytes in all packets that went out, without the framing of the transport.
    pub bytes_out: u64,
    /// Handshakes refused because of [`max_sessions`](crate::engineio::EngineConfig::max_sessions),
    /// or because the server was closing.
    pub sessions_refused: u64,
    /// Handshakes refused because of
    /// [`max_sessions_per_address`](crate::engineio::EngineConfig::max_sessions_per_address).
    pub addresses_refused: u64,
    /// WebSockets refused because of
    /// [`websocket_origins`](crate::engineio::EngineConfig::websocket_origins).
    pub origins_refused: u64,
    /// Sessions ended because of
    /// [`max_unused_sessions`](crate::engineio::EngineConfig::max_unused_sessions), or to make room
    /// for others.
    pub unused_ended: u64,
    /// Bodies of requests and messages of WebSockets that were longer than
    /// [`max_payload`](crate::engineio::EngineConfig::max_payload).
    pub too_large: u64,
    /// Sessions ended because of [`max_buffered`](crate::engineio::EngineConfig::max_buffered).
    pub overflows: u64,
    /// Volatile messages that were dropped, once for each receiver.
    pub dropped: u64,
    /// Events that were refused to the caller because too much was waiting; see
    /// [`OverflowPolicy::Refuse`](crate::OverflowPolicy).
    pub refused: u64,
    /// Times that a client went over its [`rate`](crate::ServerConfig::rate).
    pub throttled: u64,
    /// Times that nothing more was read from a client for a while.
    pub pauses: u64,
    /// Sessions ended because of a packet that was malformed or out of place.
    pub violations: u64,
    /// Acknowledgements not asked for because of
    /// [`max_pending_acks`](crate::ServerConfig::max_pending_acks).
    pub acks_refused: u64,
}

impl From<engineio::Counts> for Counts {
    fn from(engine: engineio::Counts) -> Self {
        Self {
            sessions: engine.sessions,
            unused: engine.unused,
            handshakes: engine.handshakes,
            requests: engine.requests,
            websockets: engine.websockets,
            timers: engine.timers,
            buffered: engine.buffered,
            ..Self::default()
        }
    }
}

impl From<engineio::Totals> for Totals {
    fn from(engine: engineio::Totals) -> Self {
        Self {
            sessions: engine.sessions,
            messages_in: engine.messages_in,
            bytes_in: engine.bytes_in,
            messages_out: engine.messages_out,
            bytes_out: engine.bytes_out,
            sessions_refused: engine.sessions_refused,
            addresses_refused: engine.addresses_refused,
            origins_refused: engine.origins_refused,
            unused_ended: engine.unused_ended,
            too_large: engine.too_large,
            overflows: engine.overflows,
            dropped: engine.dropped,
            pauses: engine.pauses,
            ..Self::default()
        }
    }
}
