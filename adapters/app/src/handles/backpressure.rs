//! How many handlers of one socket may wait at once.
//!
//! Those that await an acknowledgement of the client itself must not keep it from being read, so
//! they do not count. Which ones these are is seen while they are polled: a future for an
//! acknowledgement of the same socket then belongs to the handler, until it is done or dropped.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::state::shared::{Entry, SocketRef};

/// The acknowledgements that one handler awaits from its own client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Awaited(Option<Arc<AtomicUsize>>);

impl Awaited {
    /// Whether there are any.
    pub(crate) fn is_any(&self) -> bool {
        self.0.as_ref().is_some_and(|count| count.load(Ordering::Relaxed) > 0)
    }
}

/// The handler that is being polled.
struct Current {
    socket: Option<SocketRef>,
    awaited: Awaited,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Polls a handler of this socket.
pub(crate) fn polling<T>(
    socket: Option<SocketRef>,
    awaited: &mut Awaited,
    poll: impl FnOnce() -> T,
) -> T {
    /// Puts the handler back within whose poll this one took place, after a panic, too.
    struct Outer<'a>(Option<Current>, &'a mut Awaited);

    impl Drop for Outer<'_> {
        fn drop(&mut self) {
            let inner = CURRENT.with(|current| current.replace(self.0.take()));
            *self.1 = inner.map(|current| current.awaited).unwrap_or_default();
        }
    }

    let current = Current { socket, awaited: std::mem::take(awaited) };
    let _outer = Outer(CURRENT.with(|outer| outer.replace(Some(current))), awaited);
    poll()
}

/// Belongs to a future for an acknowledgement: counts it for the handler that awaits it.
#[derive(Debug, Default)]
pub(crate) struct Awaiting(Option<Arc<AtomicUsize>>);

impl Awaiting {
    /// Notes that the future is pending, if the handler that polls it is one for the socket that
    /// owes the answer.
    pub(crate) fn note(&mut self, owes: impl FnOnce(SocketRef) -> bool) {
        if self.0.is_some() {
            return;
        }
        let Some(socket) =
            CURRENT.with_borrow(|current| current.as_ref().and_then(|current| current.socket))
        else {
            return;
        };
        if !owes(socket) {
            return;
        }
        CURRENT.with_borrow_mut(|current| {
            let Some(current) = current else { return };
            let count = current.awaited.0.get_or_insert_default();
            count.fetch_add(1, Ordering::Relaxed);
            self.0 = Some(Arc::clone(count));
        });
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Counts a handler that waits, until this is dropped.
#[doc(hidden)]
pub trait HandlerPermit: Unpin + 'static {
    /// Says whether the handler waits for the other side of its very socket.
    fn set_asking(&mut self, asks: bool) {
        let _ = asks;
    }
}

/// Counts a handler of a server.
pub struct ServerPermit {
    socket: Arc<Entry>,
    is_counted: bool,
}

impl ServerPermit {
    /// Begins to wait, for the client itself if it `asks`.
    pub(crate) fn new(socket: &Arc<Entry>, asks: bool) -> Self {
        if let Some(server) = socket.server.get() {
            server.count_handler(true);
        }
        let mut permit = Self { socket: Arc::clone(socket), is_counted: false };
        permit.count(!asks);
        permit
    }

    fn count(&mut self, counts: bool) {
        if std::mem::replace(&mut self.is_counted, counts) == counts {
            return;
        }
        let waiting = &self.socket.waiting;
        if counts {
            waiting.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
        balance(&self.socket, !counts);
    }
}

impl fmt::Debug for ServerPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerPermit").field("is_counted", &self.is_counted).finish_non_exhaustive()
    }
}

impl HandlerPermit for ServerPermit {
    fn set_asking(&mut self, asks: bool) {
        self.count(!asks);
    }
}

impl Drop for ServerPermit {
    fn drop(&mut self) {
        self.count(false);
        if let Some(server) = self.socket.server.get() {
            server.count_handler(false);
        }
    }
}

/// Has the client of a socket read, or not, as the number of its handlers that wait wants it;
/// `is_done` says that there is one less.
fn balance(socket: &Entry, is_done: bool) {
    let Some(server) = socket.server.get() else { return };
    let limit = server.settings.max_handlers;
    let Entry { key, waiting, paused, .. } = socket;
    let key = *key;
    if waiting.load(Ordering::Relaxed) < limit && !paused.load(Ordering::Relaxed) {
        return;
    }
    server.command(|state| {
        let Some(mut socket) = state.server.socket(key) else { return };
        let busy = waiting.load(Ordering::Relaxed);
        let was_paused = paused.load(Ordering::Relaxed);
        // Reading goes on when half of them are done, not after each.
        let pause = if was_paused { busy > limit / 2 } else { busy >= limit };
        let now = Instant::now();
        match (was_paused, pause) {
            (false, true) => socket.pause(now),
            (true, false) => socket.resume(now),
            (false, false) | (true, true) => {}
        }
        paused.store(pause, Ordering::Relaxed);
        if !pause {
            state.stalls.clear(key);
        } else if is_done || !was_paused {
            state.stalls.restart(key, now);
        }
    });
}
