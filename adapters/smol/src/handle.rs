//! Closing a server from elsewhere.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::signal::Signal;

/// Closes a [`Server`](crate::Server) from another task or thread.
///
/// ```
/// use sockeye_smol::{App, Serve};
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
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) stop: Arc<Signal>,
    pub(crate) retire: Arc<Retire>,
}

/// That the server is to end bit by bit, and over what time.
#[derive(Debug, Default)]
pub(crate) struct Retire {
    pub(crate) asked: Signal,
    pub(crate) over: OnceLock<Duration>,
}

impl Handle {
    /// Closes the server gracefully.
    ///
    /// Clients are disconnected after what was sent to them has been written, and answers on their
    /// way are finished. New clients are told with status 503 that the server is busy: connections
    /// are accepted until the last client knows, for those of long-polling may need one to learn of
    /// it. Each connection is closed after the next answer. When everybody has gone, or after
    /// [`Limits::shutdown_timeout`](crate::Limits::shutdown_timeout), the server's future ends.
    /// If the server is not running yet, it ends as soon as it does.
    pub fn shutdown(&self) {
        self.stop.raise();
    }

    /// Closes the server bit by bit: clients are disconnected one by one, spread evenly `over` this
    /// time, so that they do not come all at once to the server that takes its place. See
    /// [`Io::retire`](crate::Io::retire).
    ///
    /// Meanwhile new clients are told with status 503 that the server is busy, and other pages are
    /// served. When everybody has gone the server's future ends, as it does by
    /// [`shutdown`](Self::shutdown), which may come at any time. Of several calls the first one
    /// counts.
    pub fn retire(&self, over: Duration) {
        if self.retire.over.set(over).is_ok() {
            self.retire.asked.raise();
        }
    }
}
