//! The acknowledgements of one broadcast.

use std::collections::BTreeSet;

use crate::args::Args;
use crate::id::SocketId;
use crate::timers::TimerId;

/// The acknowledgements of one broadcast, as they arrive.
#[derive(Debug)]
pub(super) struct BroadcastAcks {
    /// In the order of arrival.
    pub(super) answers: Vec<(SocketId, Args)>,
    /// The sockets that have not answered, and are connected.
    pub(super) waiting: BTreeSet<SocketId>,
    /// The number of sockets that were disconnected first, or not asked.
    pub(super) disconnected: usize,
    pub(super) timer: Option<TimerId>,
}

impl BroadcastAcks {
    /// Counts the answer of a socket; `None` if it is disconnected.
    pub(super) fn add(&mut self, socket: SocketId, answer: Option<Args>) {
        self.waiting.remove(&socket);
        match answer {
            Some(answer) => self.answers.push((socket, answer)),
            None => self.disconnected += 1,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }
}
