//! What a server remembers, and what it has done so far, in numbers.

use crate::engineio;

/// How many things a server remembers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// What the layer below remembers: sessions, requests, WebSockets.
    pub engine: engineio::Counts,
    /// Sockets, with those whose CONNECT is not answered.
    pub sockets: usize,
    /// Rooms in all namespaces, without those of the sockets' own ids.
    pub rooms: usize,
    /// Disconnected sockets whose clients may return.
    pub away: usize,
    /// Acknowledgements that have not arrived yet.
    pub acks: usize,
    /// Deadlines, without those of the layer below.
    pub timers: usize,
    /// Bytes of packets that are logged for clients that may return.
    pub logged: usize,
}

/// How often something has happened since the server was made. The counts of limits say how often
/// they were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// What the layer below has done: sessions, messages, bytes.
    pub engine: engineio::Totals,
    /// Events that were refused to the caller because too much was waiting; see
    /// [`OnOverflow::Refuse`](crate::OnOverflow).
    pub refused: u64,
    /// Times that a client went over its [`rate`](crate::ServerConfig::rate).
    pub throttled: u64,
    /// Sessions ended because of a packet that was malformed or out of place.
    pub violations: u64,
    /// Acknowledgements not asked for because of
    /// [`max_pending_acks`](crate::ServerConfig::max_pending_acks).
    pub acks_refused: u64,
}
