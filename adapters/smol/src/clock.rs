//! Deadlines of HTTP connections: one timer for all of them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer as HyperTimer};
use smol::Timer;
use smol::future::{self, poll_fn};

use crate::signal::Signal;

/// Keeps deadlines, of which hardly any is ever reached: each request sets one and clears it.
///
/// The reactor learns of the earliest alone, so that most of them cost it nothing.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is an earlier deadline than the one that is waited for.
    earlier: Signal,
}

#[derive(Default)]
struct State {
    deadlines: BTreeMap<(Instant, u64), Waker>,
    serial: u64,
    /// What is waited for.
    due: Option<Instant>,
}

impl Clock {
    /// Wakes who waits for a deadline, for ever.
    pub(crate) async fn run(self) {
        loop {
            let changed = poll_fn(|cx| self.0.earlier.poll_lower(cx));
            match self.strike(Instant::now()) {
                Some(due) => {
                    let struck = async {
                        Timer::at(due).await;
                    };
                    future::or(changed, struck).await;
                }
                None => changed.await,
            }
        }
    }

    /// Wakes those whose time has come; says when to be back.
    fn strike(&self, now: Instant) -> Option<Instant> {
        let mut state = self.0.state();
        let mut come = Vec::new();
        while let Some(first) = state.deadlines.first_entry() {
            if first.key().0 > now {
                break;
            }
            come.push(first.remove());
        }
        state.due = state.deadlines.keys().next().map(|(at, _)| *at);
        let due = state.due;
        drop(state);
        come.into_iter().for_each(Waker::wake);
        due
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HyperTimer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting { clock: Arc::clone(&self.0), deadline, serial: None })
    }
}

/// Waits for a deadline.
struct Waiting {
    clock: Arc<Shared>,
    deadline: Instant,
    /// Names it among the others, once somebody waits.
    serial: Option<u64>,
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.clock.state();
        if let Some(serial) = this.serial {
            if let Some(waker) = state.deadlines.get_mut(&(this.deadline, serial)) {
                waker.clone_from(cx.waker());
                return Poll::Pending;
            }
            return Poll::Ready(());
        }
        state.serial += 1;
        this.serial = Some(state.serial);
        let key = (this.deadline, state.serial);
        state.deadlines.insert(key, cx.waker().clone());
        if state.due.is_none_or(|due| this.deadline < due) {
            state.due = Some(this.deadline);
            drop(state);
            this.clock.earlier.raise();
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(serial) = self.serial {
            self.clock.state().deadlines.remove(&(self.deadline, serial));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use hyper::rt::Timer as _;
    use smol::future;

    use super::Clock;

    #[test]
    fn the_earliest_deadline_is_told_first_in_whatever_order_they_were_set() {
        let clock = Clock::default();
        let begun = Instant::now();
        let late = clock.sleep_until(begun + Duration::from_secs(3600));
        let second = async {
            clock.sleep(Duration::from_secs(1800)).await;
            2
        };
        let first = async {
            clock.sleep(Duration::from_millis(20)).await;
            1
        };
        let told = future::or(
            async {
                late.await;
                0
            },
            future::or(second, first),
        );
        let running = async {
            clock.clone().run().await;
            unreachable!("it runs for ever")
        };
        assert_eq!(smol::block_on(future::or(told, running)), 1);
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_deadline_that_nobody_waits_for_any_more_leaves_nothing_behind() {
        let clock = Clock::default();
        let mut sleep = clock.sleep(Duration::from_secs(3600));
        assert!(smol::block_on(future::poll_once(&mut sleep)).is_none());
        assert_eq!(clock.0.state().deadlines.len(), 1);
        drop(sleep);
        assert!(clock.0.state().deadlines.is_empty());
    }
}
