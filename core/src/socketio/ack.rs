//! Acknowledgements that have not arrived yet.

use std::collections::BTreeMap;

use crate::id::{AckId, SocketId};
use crate::timers::TimerId;

/// The acknowledgements that have not arrived yet, by the sockets that are to send them.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    pending: BTreeMap<(SocketId, AckId), PendingAck>,
    last: u64,
}

/// What an acknowledgement is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PendingAck {
    /// An event for one socket, with the deadline if there is one.
    Single(Option<TimerId>),
    /// A broadcast, whose deadline is that of all its acknowledgements.
    Broadcast,
}

impl Acks {
    /// One counter for all sockets, so that one encoding of a packet fits several receivers.
    pub(crate) const fn next_id(&mut self) -> AckId {
        let id = AckId(self.last);
        self.last += 1;
        id
    }

    pub(crate) fn expect(&mut self, socket: SocketId, ack: AckId, pending: PendingAck) {
        self.pending.insert((socket, ack), pending);
    }

    pub(crate) fn is_pending(&self, socket: SocketId, ack: AckId) -> bool {
        self.pending.contains_key(&(socket, ack))
    }

    /// Removes one; `None` if this socket is not to send it.
    pub(crate) fn take(&mut self, socket: SocketId, ack: AckId) -> Option<PendingAck> {
        self.pending.remove(&(socket, ack))
    }

    /// Removes any one of a socket that is disconnected.
    pub(crate) fn take_any(&mut self, socket: SocketId) -> Option<(AckId, PendingAck)> {
        let range = (socket, AckId(0))..=(socket, AckId(u64::MAX));
        let key = *self.pending.range(range).next()?.0;
        self.pending.remove(&key).map(|pending| (key.1, pending))
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}

/// The right to answer one event with an acknowledgement, once, on the socket that received it; in
/// a client on the connection on which it came.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the other side waits for its acknowledgement"]
pub struct Responder {
    pub(super) id: u64,
    pub(super) socket: SocketId,
    /// How often the socket of a client was connected when the event arrived; 0 in a server, whose
    /// sockets are connected once.
    pub(super) generation: u64,
}
