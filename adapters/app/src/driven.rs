//! A machine that is shared: fed and commanded from anywhere, driven by one at a time.

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
        let mut state = self.lock();
        if std::mem::replace(&mut state.driving, true) {
            return;
        }
        let _unwinding = Unwinding(self);
        while let Some(output) = state.source.poll_output() {
            drop(state);
            perform(output);
            state = self.lock();
        }
        state.driving = false;
        state.woken = false;
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
