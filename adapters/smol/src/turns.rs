//! Turns: whoever has more to do than others can wait for goes on after all sockets were looked at.
//!
//! To wake oneself is not enough for that: an executor runs many tasks that are ready before it
//! lets the reactor see who has sent something meanwhile.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::hub::Hub;

/// Who waits for the next turn.
#[derive(Default)]
pub(crate) struct Turns {
    number: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
    /// Begins the next turn when somebody waits for it.
    runner: Cell<Option<Waker>>,
}

impl Turns {
    /// Has a task woken at the beginning of the next turn.
    pub(crate) fn wait(&self, cx: &Context<'_>) {
        self.waiting.borrow_mut().push(cx.waker().clone());
        if let Some(runner) = self.runner.take() {
            runner.wake();
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.get()
    }

    /// Waits for the next turn.
    pub(crate) async fn next(&self) {
        let now = self.number.get();
        poll_fn(|cx| {
            if self.number.get() != now {
                return Poll::Ready(());
            }
            self.wait(cx);
            Poll::Pending
        })
        .await;
    }

    fn poll_wanted(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.waiting.borrow().is_empty() {
            return Poll::Ready(());
        }
        self.runner.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    fn begin(&self) {
        self.number.set(self.number.get() + 1);
        let waiting = self.waiting.take();
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Begins turns, for ever.
pub(crate) async fn run(hub: Rc<Hub>) {
    loop {
        poll_fn(|cx| hub.turns.poll_wanted(cx)).await;
        hub.reactor.look().await;
        hub.tools.begin_turn();
        hub.turns.begin();
    }
}
