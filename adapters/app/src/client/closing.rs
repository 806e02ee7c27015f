//! The end of a client: by command, or because nobody holds a handle any more.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::connect_error::{ConnectError, Undelivered};
use super::shared::{Settled, Shared};
use crate::state::slot::Slot;

/// The end of a client; made by [`Socket::close`](super::Socket::close).
///
/// Resolves when nothing is left of the connection. The client ends all the same if this is
/// dropped, as long as the program runs.
///
/// # Errors
///
/// If something that was emitted was not sent in time, or was on its way when a connection broke.
#[must_use = "what was emitted is lost if the program ends before this resolves"]
#[derive(Debug)]
pub struct Closing(Arc<Slot<Result<(), Undelivered>>>);

impl Closing {
    /// The end of a client that nobody drives any more.
    pub(super) fn over() -> Self {
        let slot = Slot::default();
        slot.fill(Err(Undelivered));
        Self(Arc::new(slot))
    }
}

impl Future for Closing {
    type Output = Result<(), Undelivered>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl Shared {
    /// Closes the connection when everything is delivered or the time is up, and has the adapter
    /// stop driving when nothing is left of it.
    pub(super) fn close(&self, timeout: Option<Duration>) -> Closing {
        let slot = Arc::new(Slot::default());
        let (settled, outcome) = self.driven.command(|state| {
            if let Some(outcome) = state.outcome {
                return (Settled::default(), Some(outcome));
            }
            if !state.closing || timeout.is_some() {
                state.closing = true;
                let timeout = timeout.unwrap_or_else(|| state.client.config().close_timeout);
                state.client.shut_down(timeout, Instant::now());
            }
            state.ending.push(Arc::clone(&slot));
            (state.settle_all(), None)
        });
        settled.tell(&Err(ConnectError::Disconnected));
        if let Some(outcome) = outcome {
            slot.fill(outcome);
        }
        Closing(slot)
    }

    /// One more handle.
    pub(super) fn hold(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// One handle less; the last one closes the connection.
    pub(super) fn let_go(&self) {
        let was_last = self.handles.fetch_sub(1, Ordering::AcqRel) == 1;
        if was_last && !self.is_detached.load(Ordering::Relaxed) {
            drop(self.close(None));
        }
    }

    /// Goes on without handles.
    pub(super) fn detach(&self) {
        self.is_detached.store(true, Ordering::Relaxed);
    }
}
