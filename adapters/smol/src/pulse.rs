//! The one task of a shard that no connection wakes: it keeps the time, and drives the shard when
//! something outside of the connections wants it driven.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use smol::Timer;

use crate::hub::Hub;
use crate::signal::Signal;

/// The only timer of a shard, and the signal to look at it.
#[derive(Default)]
pub(crate) struct Pulse {
    signal: Arc<Signal>,
    /// When the task has to look at the shard; never later than the shard's next deadline.
    due: Cell<Option<Instant>>,
    /// Goes off at `due`, except while the task is running.
    timer: RefCell<Option<(Instant, Timer)>>,
    beating: Cell<bool>,
}

impl Pulse {
    pub(crate) fn signal(&self) -> Arc<Signal> {
        Arc::clone(&self.signal)
    }

    /// Has the task drive the shard soon.
    pub(crate) fn quicken(&self) {
        self.signal.raise();
    }

    /// Takes note of the next deadline.
    ///
    /// The task is woken only by an earlier one: deadlines move later with every packet, and a
    /// timer that goes off too early is set again then.
    pub(crate) fn keep(&self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.due.get().is_none_or(|due| deadline < due) {
            self.due.set(Some(deadline));
            if !self.beating.get() {
                self.signal.raise();
            }
        }
    }

    /// Waits until there is a reason to look at the shard.
    fn poll_beat(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.signal.poll_lower(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut timer = self.timer.borrow_mut();
        let Some((_, running)) = timer.as_mut() else {
            return Poll::Pending;
        };
        ready!(Future::poll(Pin::new(running), cx));
        *timer = None;
        self.due.set(None);
        Poll::Ready(())
    }

    fn is_due(&self) -> bool {
        self.due.get().is_some_and(|due| due <= Instant::now())
    }

    fn set_timer(&self) {
        let Some(due) = self.due.get() else { return };
        let mut timer = self.timer.borrow_mut();
        match timer.as_mut() {
            Some((at, _)) if *at == due => {}
            Some((at, running)) => {
                *at = due;
                running.set_at(due);
            }
            None => *timer = Some((due, Timer::at(due))),
        }
    }
}

/// Keeps the time of a shard, for ever.
pub(crate) async fn run(hub: Rc<Hub>) {
    loop {
        poll_fn(|cx| hub.pulse.poll_beat(cx)).await;
        hub.pulse.beating.set(true);
        // A handler that panics in here must not stop the clock of everybody.
        if catch_unwind(AssertUnwindSafe(|| beat(&hub))).is_err() {
            log::error!("a handler panicked; everything else goes on");
            hub.pulse.keep(hub.shard().poll_timeout());
        }
        hub.pulse.beating.set(false);
        if hub.pulse.is_due() {
            // The machine has more to do than it does at once: others come first.
            hub.turns.next().await;
        }
        hub.pulse.set_timer();
    }
}

fn beat(hub: &Hub) {
    hub.feed_what_was_put_off();
    let now = Instant::now();
    if hub.shard().poll_timeout().is_some_and(|deadline| deadline <= now) {
        hub.shard().handle_timeout(now);
    }
    hub.drive();
}
