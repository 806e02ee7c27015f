//! The types of packets.

/// What a packet is for. Its number on the wire is that of its place here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketKind {
    /// 0: a client asks to join a namespace, or the server lets it in.
    Connect,
    /// 1: one side leaves the namespace.
    Disconnect,
    /// 2: an event; the data is an array that begins with its name.
    Event,
    /// 3: the answer to an event; the data is an array.
    Ack,
    /// 4: the server does not let a client in.
    ConnectError,
}
