//! Closing a server from elsewhere.

use std::sync::Arc;

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
}

impl Handle {
    /// Closes the server gracefully.
    ///
    /// No more connections are accepted, clients are disconnected after what was sent to them has
    /// been written, and answers on their way are finished. When everybody has gone, or after
    /// [`Limits::shutdown_timeout`](crate::Limits::shutdown_timeout), the server's future ends.
    /// If the server is not running yet, it ends as soon as it does.
    pub fn shutdown(&self) {
        self.stop.raise();
    }
}
