//! Where a result is put for the one who waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use sockeye_core::{AckError, AckId, Args, SocketId};

/// Where an answer is put for the one who waits: by default that of one client.
#[derive(Debug)]
pub(crate) struct Slot<T = Result<Args, AckError>>(Mutex<Answer<T>>);

#[derive(Debug)]
struct Answer<T> {
    result: Option<T>,
    waker: Option<Waker>,
}

/// A server or client that waits for acknowledgements.
pub(crate) trait AckOwner: Send + Sync {
    /// Stops waiting for one, because nobody takes it any more.
    fn cancel_ack(&self, socket: SocketId, ack: AckId);
}

/// The answers of several clients.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) answers: Vec<(SocketId, Args)>,
    pub(crate) lost: usize,
    pub(crate) late: usize,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(Answer { result: None, waker: None }))
    }
}

impl<T> Slot<T> {
    pub(crate) fn fill(&self, result: T) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.result = Some(result);
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<T> {
        let waker = cx.waker().clone();
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = slot.result.take() {
            return Poll::Ready(result);
        }
        // A waker is the executor's: it is cloned and dropped when nothing is locked.
        let replaced = slot.waker.replace(waker);
        drop(slot);
        drop(replaced);
        Poll::Pending
    }
}

/// Takes out what nobody else holds any more. It may hold wakers, and those futures, so it is to be
/// dropped when nothing is locked.
#[must_use]
pub(crate) fn take_gone<T, U>(all: &mut Vec<T>, shared: impl Fn(&T) -> &Arc<U>) -> Vec<T> {
    if all.iter().all(|one| Arc::strong_count(shared(one)) > 1) {
        return Vec::new();
    }
    let is_gone = |one: &T| Arc::strong_count(shared(one)) == 1;
    let (gone, others) = std::mem::take(all).into_iter().partition(is_gone);
    *all = others;
    gone
}
