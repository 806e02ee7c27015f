//! What connections do: each case is one way to keep a server busy.

use crate::churn::Arrival;

/// A case by name.
pub(crate) struct Case {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// How many connections take part.
    pub(crate) connections: usize,
    /// What they do.
    pub(crate) work: Work,
}

/// What connections do.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Each sends so many messages of this size (in bytes), waits for the answers, and again.
    Exchange(Exchange, usize, usize),
    /// One of so many sends to all of them, waits for all deliveries, and again.
    Deliver(Event, usize),
    /// Each POSTs an event, waits for it in a GET, and again.
    Poll,
    /// Each opens, connects and closes, and again.
    Connect(Arrival),
    /// Nothing.
    Idle,
    /// All are cut off at once, and come back.
    Avalanche,
}

/// What is sent and answered.
#[derive(Clone, Copy)]
pub(crate) enum Exchange {
    /// An event, and the same event.
    Echo,
    /// An event, and its acknowledgement.
    Ack,
    /// An event with an attachment, and the same event.
    Binary,
}

/// What is sent to many.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    /// To everybody.
    Broadcast,
    /// To a room.
    Room,
}

/// All of them.
pub(crate) const CASES: [Case; 12] = [
    Case { name: "echo", connections: 50, work: Work::Exchange(Exchange::Echo, 32, 1) },
    Case { name: "echo-1k", connections: 50, work: Work::Exchange(Exchange::Echo, 1024, 1) },
    Case { name: "echo-16", connections: 50, work: Work::Exchange(Exchange::Echo, 32, 16) },
    Case { name: "ack", connections: 50, work: Work::Exchange(Exchange::Ack, 32, 1) },
    Case { name: "binary", connections: 50, work: Work::Exchange(Exchange::Binary, 32, 1) },
    Case { name: "broadcast", connections: 1000, work: Work::Deliver(Event::Broadcast, 1000) },
    Case { name: "rooms", connections: 500, work: Work::Deliver(Event::Room, 10) },
    Case { name: "poll", connections: 50, work: Work::Poll },
    Case { name: "connect", connections: 20, work: Work::Connect(Arrival::Straight) },
    Case { name: "upgrade", connections: 20, work: Work::Connect(Arrival::Upgrade) },
    Case { name: "idle", connections: 5000, work: Work::Idle },
    Case { name: "avalanche", connections: 5000, work: Work::Avalanche },
];

/// An event that is answered with the same event, and that no other message is.
pub(crate) fn echo(connection: usize, count: usize, size: usize) -> String {
    format!(r#"42["echo","{}"]"#, payload(connection, count, size))
}

/// A text of `size` bytes that no other message has.
pub(crate) fn payload(connection: usize, count: usize, size: usize) -> String {
    let mut payload = format!("{connection}:{count}:");
    payload.extend(std::iter::repeat_n('x', size.saturating_sub(payload.len())));
    payload
}
