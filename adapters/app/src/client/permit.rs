//! Handlers of a client that wait.

use std::fmt;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use super::shared::Shared;
use crate::handles::backpressure::HandlerPermit;

/// Counts a handler of a client that waits, until this is dropped.
pub struct ClientPermit(Weak<Shared>);

impl ClientPermit {
    pub(super) fn new(client: Weak<Shared>) -> Self {
        if let Some(client) = client.upgrade() {
            client.busy.fetch_add(1, Ordering::Relaxed);
        }
        Self(client)
    }
}

impl HandlerPermit for ClientPermit {}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        let Some(client) = self.0.upgrade() else { return };
        let before = client.busy.fetch_sub(1, Ordering::Relaxed);
        if before == client.max_handlers {
            // There is room for an event that is held.
            client.driven.command(|_| ());
        }
    }
}

impl fmt::Debug for ClientPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientPermit").finish()
    }
}
