//! A flag that any thread can raise and tasks wait for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A flag that wakes the tasks waiting for it.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    raised: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Signal {
    /// Raises the flag; the first time after it was lowered, wakes who waits for it.
    pub(crate) fn raise(&self) {
        if !self.raised.swap(true, Ordering::AcqRel) {
            let waiting = std::mem::take(&mut *self.waiting());
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until the flag is up, and lowers it.
    pub(crate) fn poll_lower(&self, cx: &Context<'_>) -> Poll<()> {
        let ready = self.poll_raised(cx);
        if ready.is_ready() {
            // Reading while lowering makes what every raiser did before visible here.
            self.raised.swap(false, Ordering::AcqRel);
        }
        ready
    }

    /// Waits until the flag is up, and leaves it up.
    pub(crate) fn poll_raised(&self, cx: &Context<'_>) -> Poll<()> {
        if self.raised.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        // It may have been raised before the waker was in its place.
        if self.raised.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Poll;
    use std::thread;

    use smol::future::poll_fn;

    use super::Signal;

    #[test]
    fn a_signal_from_another_thread_wakes_the_waiting_task_each_time() {
        let signal = Arc::new(Signal::default());
        for _ in 0..100 {
            let raiser = thread::spawn({
                let signal = Arc::clone(&signal);
                move || signal.raise()
            });
            smol::block_on(poll_fn(|cx| signal.poll_lower(cx)));
            raiser.join().expect("the thread only raises the flag");
        }
    }

    #[test]
    fn a_lowered_flag_is_no_longer_up_and_a_seen_one_still_is() {
        let signal = Signal::default();
        signal.raise();
        smol::block_on(poll_fn(|cx| {
            assert!(signal.poll_raised(cx).is_ready());
            assert!(signal.poll_lower(cx).is_ready());
            assert!(signal.poll_raised(cx).is_pending());
            Poll::Ready(())
        }));
    }
}
