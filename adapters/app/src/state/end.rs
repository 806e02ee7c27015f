//! The end of a connection, and who waits for it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The end of a connection.
#[doc(hidden)]
#[derive(Default)]
pub struct End {
    is_over: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Those who wait, at the places that they know.
    wakers: Vec<Option<Waker>>,
    vacant: Vec<usize>,
}

/// The place of one who waits, if it has one.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<usize>);

impl End {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the connection is over; if not, this waker is woken when it is.
    pub(crate) fn watch(&self, place: &mut Place, waker: &Waker) -> bool {
        if self.is_over.load(Ordering::Acquire) {
            return true;
        }
        let waiting = self.waiting();
        let known = place.0.and_then(|index| waiting.wakers.get(index)?.as_ref());
        if known.is_some_and(|known| known.will_wake(waker)) {
            return self.is_over.load(Ordering::Acquire);
        }
        drop(waiting);
        // A waker is the executor's: it is cloned and dropped when nothing is locked.
        let waker = waker.clone();
        let mut waiting = self.waiting();
        if self.is_over.load(Ordering::Acquire) {
            return true;
        }
        let index = match place.0 {
            Some(index) => index,
            None => waiting.vacant.pop().unwrap_or_else(|| {
                waiting.wakers.push(None);
                waiting.wakers.len() - 1
            }),
        };
        place.0 = Some(index);
        let replaced = waiting.wakers[index].replace(waker);
        drop(waiting);
        drop(replaced);
        false
    }

    /// Stops waiting.
    pub(crate) fn leave(&self, place: &mut Place) {
        let Some(index) = place.0.take() else { return };
        let mut waiting = self.waiting();
        let Some(waker) = waiting.wakers.get_mut(index).and_then(Option::take) else { return };
        waiting.vacant.push(index);
        drop(waiting);
        drop(waker);
    }

    /// The connection is over from now on.
    pub(crate) fn finish(&self) {
        let mut waiting = self.waiting();
        self.is_over.store(true, Ordering::Release);
        let Waiting { wakers, .. } = std::mem::take(&mut *waiting);
        drop(waiting);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
