//! Closing a server from elsewhere.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::line::Line;

/// Closes a [`Server`](crate::Server) from another thread.
///
/// ```
/// use sockeye_tiny_http::{App, ServeBlocking};
///
/// # fn main() -> std::io::Result<()> {
/// let server = App::new().bind("127.0.0.1:0")?;
/// let handle = server.handle();
/// let closer = std::thread::spawn(move || handle.shutdown());
/// server.serve()?;
/// # closer.join().unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(crate) wishes: Arc<Wishes>,
    pub(crate) line: Arc<Line>,
}

/// What was asked of the server.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    stop: AtomicBool,
    retire: OnceLock<Duration>,
}

impl Wishes {
    pub(crate) fn to_stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(crate) fn to_retire(&self) -> Option<Duration> {
        self.retire.get().copied()
    }
}

impl Handle {
    /// Closes the server gracefully.
    ///
    /// Clients are disconnected after what was sent to them has been fetched, and answers on their
    /// way are finished. New clients are told with status 503 that the server is busy: connections
    /// are accepted until the last client knows, for it may need one to learn of it. Each
    /// connection is closed after the next answer. When everybody has gone, or after
    /// [`Limits::shutdown_timeout`](crate::Limits::shutdown_timeout), the call that serves
    /// returns. If the server is not running yet, it ends as soon as it does.
    pub fn shutdown(&self) {
        self.wishes.stop.store(true, Ordering::Release);
        self.line.wake();
    }

    /// Closes the server bit by bit: clients are disconnected one by one, spread evenly `over` this
    /// time, so that they do not come all at once to the server that takes its place. See
    /// [`Io::retire`](crate::Io::retire).
    ///
    /// Meanwhile new clients are told with status 503 that the server is busy, and other pages are
    /// served. When everybody has gone the call that serves returns, as it does by
    /// [`shutdown`](Self::shutdown), which may come at any time. Of several calls the first one
    /// counts.
    pub fn retire(&self, over: Duration) {
        if self.wishes.retire.set(over).is_ok() {
            self.line.wake();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("wishes", &self.wishes).finish_non_exhaustive()
    }
}
