//! The state of one socket: a client in a namespace.

use std::collections::BTreeSet;

use crate::args::Args;
use crate::id::{SessionId, Sid, SocketId};
use crate::socketio::server::names::Room;
use crate::socketio::server::recovery::RecoveryState;
use crate::timers::TimerId;

/// A client in a namespace.
pub(super) struct Socket {
    pub(super) id: SocketId,
    pub(super) session: SessionId,
    /// The index of the namespace.
    pub(super) namespace: usize,
    pub(super) sid: Sid,
    pub(super) phase: Phase,
    /// The rooms that it has joined, without that of its own id.
    pub(super) rooms: BTreeSet<Room>,
    /// The number of acknowledgements that the client has not sent yet.
    pub(super) pending_acks: usize,
    /// Present if recovery is on and the client knows it.
    pub(super) recovery: Option<Box<RecoveryState>>,
    /// The caller wants no more events for the time being.
    pub(super) paused: bool,
    /// The caller waits for an [`Event::Drained`](crate::Event::Drained).
    pub(super) watched: bool,
}

impl Socket {
    /// The id of a socket that is to be restored, until its CONNECT is answered.
    pub(super) fn returning_sid(&self) -> Option<Sid> {
        let is_returning = self.recovery.as_ref().is_some_and(|state| state.is_returning());
        is_returning.then(|| self.sid.clone())
    }
}

/// Whether the CONNECT packet of a socket is answered.
#[derive(Debug)]
pub(super) enum Phase {
    /// The application decides about this auth, until the deadline.
    Connecting(Args, Option<TimerId>),
    /// The client was told that it is connected.
    Connected,
}
