//! The types of packets; in the protocol document: "Exchange protocol".

/// The type of a packet. The variants have the order of their numbers on the wire.
///
/// On the wire of the default parser, events and acknowledgements with attachments have numbers of
/// their own, 5 (BINARY_EVENT) and 6 (BINARY_ACK).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketKind {
    /// 0: a client requests a namespace, or the server accepts it.
    Connect,
    /// 1: one side disconnects from the namespace.
    Disconnect,
    /// 2: an event; the data is an array that begins with its name.
    Event,
    /// 3: the acknowledgement of an event; the data is an array.
    Ack,
    /// 4: the server refuses the namespace.
    ConnectError,
}
