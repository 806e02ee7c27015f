//! Where the machine's outputs for one request or WebSocket wait for the task that serves it.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use sockeye_core::{Frames, Headers, Response};

use crate::codec::Tools;
use crate::line::Outlet;

/// What the machine decided about a request or a WebSocket handshake.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Read the body, at most this many bytes of it.
    Read(usize),
    /// Answer the request; with `true` the connection ends after it.
    Answer(Response, bool),
    /// End the connection without an answer.
    Abort,
    /// Open the WebSocket, with these headers in the answer, for messages up to this size.
    Accept(Headers, usize),
}

/// The mailbox of one request or WebSocket.
#[derive(Default)]
pub(crate) struct Slot {
    contents: RefCell<Contents>,
    /// Where messages go at once, as soon as a WebSocket is open.
    outlet: OnceCell<Rc<dyn Outlet>>,
}

#[derive(Debug, Default)]
struct Contents {
    verdict: Option<Verdict>,
    /// At most one batch is in flight, so one place is enough.
    batch: Option<Frames>,
    closed: bool,
    /// Nothing is to be read.
    paused: bool,
    waiting: Option<Waker>,
}

impl Slot {
    pub(crate) fn decide(&self, verdict: Verdict) {
        self.change(|contents| contents.verdict = Some(verdict));
    }

    /// From now on, messages go there.
    pub(crate) fn open(&self, outlet: Rc<dyn Outlet>, tools: &Tools) {
        if let Some(frames) = self.take_batch() {
            outlet.send(frames, tools);
        }
        let _ = self.outlet.set(outlet);
    }

    /// Sends a batch; says whether it is on its way.
    pub(crate) fn send_now(&self, frames: Frames, tools: &Tools) -> bool {
        match self.outlet.get() {
            Some(outlet) => outlet.send(frames, tools),
            None => {
                self.send(frames);
                false
            }
        }
    }

    pub(crate) fn send(&self, frames: Frames) {
        self.change(|contents| {
            debug_assert!(contents.batch.is_none(), "a batch was sent before the last one drained");
            contents.batch = Some(frames);
        });
    }

    pub(crate) fn close(&self) {
        self.change(|contents| contents.closed = true);
    }

    pub(crate) fn pause(&self, pause: bool) {
        self.change(|contents| contents.paused = pause);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.contents.borrow().paused
    }

    pub(crate) fn poll_verdict(&self, cx: &Context<'_>) -> Poll<Verdict> {
        let mut contents = self.contents.borrow_mut();
        let Some(verdict) = contents.verdict.take() else {
            wait(&mut contents.waiting, cx);
            return Poll::Pending;
        };
        Poll::Ready(verdict)
    }

    pub(crate) fn take_batch(&self) -> Option<Frames> {
        self.contents.borrow_mut().batch.take()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.contents.borrow().closed
    }

    /// Has the task woken by the next change.
    pub(crate) fn wake_on_change(&self, cx: &Context<'_>) {
        wait(&mut self.contents.borrow_mut().waiting, cx);
    }

    /// Keeps changes that the task makes itself from waking it once more.
    pub(crate) fn forget_waker(&self) {
        self.contents.borrow_mut().waiting = None;
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) {
        let mut contents = self.contents.borrow_mut();
        change(&mut contents);
        let waiting = contents.waiting.take();
        drop(contents);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

fn wait(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
}
