//! What the machine wants of a WebSocket, until the task that serves it has seen to it.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

use sockeye_core::Frames;

/// The mailbox of one WebSocket.
#[derive(Default)]
pub(super) struct Wishes {
    /// At most one batch is in flight, so one place is enough.
    batch: Cell<Option<Frames>>,
    ping: Cell<bool>,
    closed: Cell<bool>,
    /// Nothing is to be read.
    paused: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Wishes {
    pub(super) fn send(&self, frames: Frames) {
        self.batch.set(Some(frames));
        self.wake();
    }

    pub(super) fn ping(&self) {
        self.ping.set(true);
        self.wake();
    }

    pub(super) fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    pub(super) fn pause(&self, paused: bool) {
        if self.paused.replace(paused) != paused {
            self.wake();
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    pub(super) fn take_batch(&self) -> Option<Frames> {
        self.batch.take()
    }

    pub(super) fn take_ping(&self) -> bool {
        self.ping.take()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Has the task woken by the next wish.
    pub(super) fn wake_on_change(&self, cx: &Context<'_>) {
        let replaced = self.waker.borrow_mut().replace(cx.waker().clone());
        drop(replaced);
    }

    /// Keeps wishes that the task brings about itself from waking it once more.
    pub(super) fn forget_waker(&self) {
        let forgotten = self.waker.borrow_mut().take();
        drop(forgotten);
    }

    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
