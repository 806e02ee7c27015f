//! A machine that is shared: fed and commanded from anywhere, driven by one at a time.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What has outputs.
pub(crate) trait Source {
    type Output;

    fn poll_output(&mut self) -> Option<Self::Output>;
}

/// A machine under a lock, which is never held while user code or the adapter runs.
pub(crate) struct Driven<S> {
    state: Mutex<State<S>>,
    wake: OnceLock<Wake>,
}

pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

struct State<S> {
    source: S,
    /// Somebody is in `drive` and will see what is added.
    driving: bool,
    /// The adapter was told to drive.
    woken: bool,
}

impl<S: Source> Driven<S> {
    pub(crate) fn new(source: S) -> Self {
        let state = State { source, driving: false, woken: false };
        Self { state: Mutex::new(state), wake: OnceLock::new() }
    }

    /// Only the first call counts: a second driver for one machine is a mistake that loses nothing.
    pub(crate) fn set_waker(&self, wake: Wake) {
        let _ = self.wake.set(wake);
    }

    /// For the adapter, which drives on anyway, and for questions.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        act(&mut self.lock().source)
    }

    /// Applies a command at once, and sees to it that its outputs are carried out.
    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state.source);
        let wake = !state.driving && !std::mem::replace(&mut state.woken, true);
        drop(state);
        if let Some(wake) = self.wake.get().filter(|_| wake) {
            wake();
        }
        result
    }

    /// Hands out outputs until none is left, unless somebody does so already.
    pub(crate) fn drive(&self, mut perform: impl FnMut(S::Output)) {
        if std::mem::replace(&mut self.lock().driving, true) {
            return;
        }
        // It locks, so it has to be dropped after the guard below.
        let _unwinding = Unwinding(self);
        loop {
            let mut state = self.lock();
            let Some(output) = state.source.poll_output() else {
                state.driving = false;
                state.woken = false;
                return;
            };
            drop(state);
            perform(output);
        }
    }

    /// # Panics
    ///
    /// If this thread has locked it already, as a function of the configuration may that asks the
    /// server something. To wait for the lock would be for ever.
    fn lock(&self) -> Guard<'_, S> {
        let this = std::ptr::from_ref(self).addr();
        assert_ne!(
            LOCKED.get(),
            this,
            "a function that must depend on its arguments alone called the machine that runs it"
        );
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Guard { state, outer: LOCKED.replace(this) }
    }
}

thread_local! {
    /// The address of the machine that this thread has locked last; 0 if there is none.
    static LOCKED: Cell<usize> = const { Cell::new(0) };
}

/// A machine that is locked.
struct Guard<'a, S> {
    state: MutexGuard<'a, State<S>>,
    /// What this thread had locked before.
    outer: usize,
}

impl<S> Deref for Guard<'_, S> {
    type Target = State<S>;

    fn deref(&self) -> &State<S> {
        &self.state
    }
}

impl<S> DerefMut for Guard<'_, S> {
    fn deref_mut(&mut self) -> &mut State<S> {
        &mut self.state
    }
}

impl<S> Drop for Guard<'_, S> {
    fn drop(&mut self) {
        LOCKED.set(self.outer);
    }
}

/// Ends a drive that a panic has cut short, and asks for another one: there may be more outputs.
struct Unwinding<'a, S: Source>(&'a Driven<S>);

impl<S: Source> Drop for Unwinding<'_, S> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut state = self.0.lock();
        (state.driving, state.woken) = (false, true);
        drop(state);
        if let Some(wake) = self.0.wake.get() {
            wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts down to 1, and panics at 3: parsers and functions of the configuration may.
    struct Countdown(u8);

    impl Source for Countdown {
        type Output = u8;

        fn poll_output(&mut self) -> Option<u8> {
            self.0 = self.0.checked_sub(1)?;
            assert_ne!(self.0, 3, "as asked");
            Some(self.0)
        }
    }

    #[test]
    fn a_panic_within_the_machine_leaves_nothing_locked() {
        let driven = Driven::new(Countdown(6));
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&wakes);
        driven.set_waker(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        let mut outputs = Vec::new();
        let cut = catch_unwind(AssertUnwindSafe(|| driven.drive(|output| outputs.push(output))));
        assert!(cut.is_err());
        assert_eq!(wakes.load(Ordering::Relaxed), 1, "there is more");

        driven.drive(|output| outputs.push(output));
        assert_eq!(outputs, [5, 4, 2, 1, 0]);
        driven.command(|source| source.0 = 2);
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_machine_that_is_called_from_within_panics_instead_of_waiting_for_ever() {
        let (outer, other) = (Driven::new(Countdown(3)), Driven::new(Countdown(1)));
        let within = || outer.with(|_| outer.with(|source| source.0));
        assert!(catch_unwind(AssertUnwindSafe(within)).is_err());
        assert_eq!(outer.with(|source| source.0 + other.with(|source| source.0)), 4);
        other.with(|_| ());
        assert_eq!(outer.with(|source| source.0), 3);
    }
}
