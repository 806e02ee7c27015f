//! Who is connected, so that all can be told when the server closes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::hub::Hub;

/// The connections of one shard.
#[derive(Default)]
pub(crate) struct Seats {
    phase: Cell<Phase>,
    last: Cell<u64>,
    taken: RefCell<HashMap<u64, Option<Waker>>>,
    watcher: Cell<Option<Waker>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Serving,
    /// No sessions are opened, and those that there are have to end. Connections are still
    /// accepted, for a client may need one to learn of that; each carries one more request.
    Closing,
    /// All sessions have ended. What is going on is brought to its end.
    Draining,
    /// Every connection ends now.
    Over,
}

impl Seats {
    pub(crate) fn is_closing(&self) -> bool {
        self.phase.get() != Phase::Serving
    }

    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.phase.get(), Phase::Draining | Phase::Over)
    }

    pub(crate) fn begin_draining(&self) {
        self.enter(Phase::Draining);
    }

    pub(crate) fn begin_closing(&self) {
        self.enter(Phase::Closing);
    }

    pub(crate) fn clear(&self) {
        self.enter(Phase::Over);
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        let wakers: Vec<Waker> =
            self.taken.borrow_mut().values_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until this is true while no one is connected; looks again whenever something moves.
    pub(crate) async fn empty_and(&self, also: impl Fn() -> bool) {
        self.until(|| self.taken.borrow().is_empty() && also()).await;
    }

    /// Waits until this is true; looks again whenever something moves.
    pub(crate) async fn until(&self, done: impl Fn() -> bool) {
        poll_fn(|cx| {
            if done() {
                return Poll::Ready(());
            }
            self.watcher.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn wake_watcher(&self) {
        if let Some(waker) = self.watcher.take() {
            waker.wake();
        }
    }
}

/// One connection among those of the shard.
pub(crate) struct Seat {
    hub: Rc<Hub>,
    number: u64,
}

impl Seat {
    /// Takes a seat, unless all are taken or the server is about to end.
    pub(crate) fn take(hub: &Rc<Hub>) -> Option<Self> {
        let seats = &hub.seats;
        let mut taken = seats.taken.borrow_mut();
        if seats.is_draining() || taken.len() >= hub.limits.get().max_connections {
            return None;
        }
        let number = seats.last.get() + 1;
        seats.last.set(number);
        taken.insert(number, None);
        Some(Self { hub: Rc::clone(hub), number })
    }

    /// Runs a future of this connection; `None` if every connection has to end before it does.
    pub(crate) async fn occupy<T>(
        &self,
        mut connection: Pin<Box<impl Future<Output = T>>>,
    ) -> Option<T> {
        poll_fn(|cx| self.poll(cx, connection.as_mut())).await
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        connection: Pin<&mut impl Future<Output = T>>,
    ) -> Poll<Option<T>> {
        let seats = &self.hub.seats;
        if seats.phase.get() == Phase::Over {
            return Poll::Ready(None);
        }
        if let Some(place) = seats.taken.borrow_mut().get_mut(&self.number) {
            match place {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *place = Some(cx.waker().clone()),
            }
        }
        connection.poll(cx).map(Some)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.seats.taken.borrow_mut().remove(&self.number);
        self.hub.seats.wake_watcher();
    }
}
