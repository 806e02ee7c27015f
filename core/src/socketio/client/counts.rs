//! How much a client remembers.

/// The number of things that a client remembers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Sockets, connected or not.
    pub sockets: usize,
    /// HTTP requests that are pending.
    pub requests: usize,
    /// WebSockets, with those that are being opened.
    pub websockets: usize,
    /// Acknowledgements that the server has not sent yet.
    pub acks: usize,
    /// Bytes that wait to be sent, as they count against
    /// [`Config::max_buffered`](crate::client::Config::max_buffered).
    pub buffered: usize,
    /// Deadlines.
    pub timers: usize,
}
