//! The orderly end of a client: what was emitted is delivered first. Methods of the [`Client`].
//!
//! A shutdown is a sequence of ordinary steps: sockets are disconnected as they run empty, the last
//! one closes the session, and the session delivers its outbox. So there is no state of its own but
//! a deadline.

use std::time::{Duration, Instant};

use crate::socketio::client::alarm::Alarm;
use crate::socketio::client::client::Client;
use crate::socketio::client::socket::Socket;

impl Client {
    /// Disconnects all sockets, each as soon as everything that was emitted on it is sent, and
    /// acknowledged where there are [retries](crate::client::SocketConfig::retries): a socket that
    /// is still being connected goes on until it is. After `timeout` the rest is given up, and
    /// connections are aborted.
    ///
    /// All is over when the client [is idle](Self::is_idle); whether anything was lost is what
    /// [`is_delivered`](Self::is_delivered) says then. A second call sets the time anew.
    /// Acknowledgements that the server owes are not waited for.
    pub fn shut_down(&mut self, timeout: Duration, now: Instant) {
        if self.shutdown_timer.is_none() {
            // Losses from before are not those of the shutdown.
            self.cx.lost_data = false;
        }
        self.timers.cancel(&mut self.shutdown_timer);
        self.shutdown_timer = Some(self.timers.set(now, timeout, Alarm::ShutdownTimeout));
        self.continue_shutdown(now);
        self.flush(now);
    }

    /// Whether nothing that was emitted waits to be sent, or was lost since
    /// [`shut_down`](Self::shut_down). What has left counts as delivered once the server has
    /// answered the request it left with, or the WebSocket has taken it.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        let sessions = self.session.iter().chain(&self.closing);
        let waits = self.sockets.values().any(Socket::holds_data)
            || sessions.into_iter().any(|session| session.holds_data());
        !self.cx.lost_data && !waits
    }

    /// Continues a shutdown, if there is one; called after everything that happens.
    #[inline]
    pub(super) fn continue_shutdown(&mut self, now: Instant) {
        if self.shutdown_timer.is_some() {
            self.disconnect_empty_sockets(now);
        }
    }

    /// Disconnects the sockets that have sent everything. With the last one the shutdown is over.
    fn disconnect_empty_sockets(&mut self, now: Instant) {
        let is_empty = |socket: &Socket| socket.is_active() && !socket.holds_data();
        let sockets = self.sockets.iter().filter(|(_, socket)| is_empty(socket));
        let empty: Vec<_> = sockets.map(|(id, _)| *id).collect();
        for id in empty {
            self.disconnect(id, now);
        }
        if self.is_idle() {
            self.timers.cancel(&mut self.shutdown_timer);
        }
    }

    /// The time is up: what is not delivered now is lost.
    pub(super) fn on_shutdown_timeout(&mut self, now: Instant) {
        self.shutdown_timer = None;
        self.close(now);
        for mut session in std::mem::take(&mut self.closing) {
            session.abort(&mut self.cx);
        }
    }
}
