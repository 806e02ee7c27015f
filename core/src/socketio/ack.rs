//! The acknowledgements that clients owe.

use std::collections::BTreeMap;

use crate::id::{AckId, SocketId};
use crate::timers::TimerId;

/// Who owes what, and the deadline if there is one.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    owed: BTreeMap<(SocketId, AckId), Owed>,
    last: u64,
}

/// How an acknowledgement is owed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owed {
    /// By this socket alone, until the deadline if there is one.
    Alone(Option<TimerId>),
    /// By several sockets, to one broadcast.
    Together,
}

impl Acks {
    /// One counter for all sockets, so that one encoding of a packet fits several receivers.
    pub(crate) const fn next_id(&mut self) -> AckId {
        let id = AckId(self.last);
        self.last += 1;
        id
    }

    pub(crate) fn expect(&mut self, socket: SocketId, ack: AckId, owed: Owed) {
        self.owed.insert((socket, ack), owed);
    }

    pub(crate) fn is_owed(&self, socket: SocketId, ack: AckId) -> bool {
        self.owed.contains_key(&(socket, ack))
    }

    /// Takes one off the list; `None` if this socket does not owe it.
    pub(crate) fn settle(&mut self, socket: SocketId, ack: AckId) -> Option<Owed> {
        self.owed.remove(&(socket, ack))
    }

    /// Takes one that is still owed by a socket that is gone.
    pub(crate) fn abandon(&mut self, socket: SocketId) -> Option<(AckId, Owed)> {
        let range = (socket, AckId(0))..=(socket, AckId(u64::MAX));
        let key = *self.owed.range(range).next()?.0;
        self.owed.remove(&key).map(|owed| (key.1, owed))
    }

    pub(crate) fn len(&self) -> usize {
        self.owed.len()
    }
}
