//! Handshakes that the application has not decided about.

use std::collections::BTreeMap;

use crate::engineio::server::outbox::Codec;
use crate::engineio::server::request::Extra;
use crate::engineio::server::shares::Address;
use crate::engineio::{Handshake, HandshakeId};
use crate::io::{RequestId, WsId};
use crate::timers::TimerId;

/// A session that is about to be opened.
pub(super) struct Opening {
    pub(super) source: Source,
    pub(super) codec: Codec,
    pub(super) extra: Extra,
    pub(super) handshake: Option<Handshake>,
    /// The address that the session is counted for.
    pub(super) address: Address,
}

/// A handshake that the application has not decided about.
pub(super) struct Pending {
    pub(super) opening: Opening,
    pub(super) timer: TimerId,
}

/// The request or the WebSocket that a handshake arrived as, and is answered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Request(RequestId),
    WebSocket(WsId),
}

/// The handshakes that the application has not decided about, by their ids and by their sources.
#[derive(Default)]
pub(super) struct PendingHandshakes {
    by_id: BTreeMap<HandshakeId, Pending>,
    by_source: BTreeMap<Source, HandshakeId>,
}

impl PendingHandshakes {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn insert(&mut self, id: HandshakeId, pending: Pending) {
        self.by_source.insert(pending.opening.source, id);
        self.by_id.insert(id, pending);
    }

    pub(super) fn remove(&mut self, id: HandshakeId) -> Option<Pending> {
        let pending = self.by_id.remove(&id)?;
        self.by_source.remove(&pending.opening.source);
        Some(pending)
    }

    pub(super) fn find(&self, source: Source) -> Option<HandshakeId> {
        self.by_source.get(&source).copied()
    }

    /// The id of the oldest one.
    pub(super) fn first(&self) -> Option<HandshakeId> {
        self.by_id.first_key_value().map(|(id, _)| *id)
    }
}
