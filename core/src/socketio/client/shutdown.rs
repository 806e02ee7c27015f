//! The orderly end of a client: what was emitted is delivered first. Methods of the [`Client`].

use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::client::Client;
use super::socket::Socket;

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
        match self.shutdown_timer.take() {
            Some(timer) => self.timers.clear(timer),
            None => self.cx.lost_data = false,
        }
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

    /// Disconnects the sockets that have sent everything, if the client is shutting down.
    pub(super) fn continue_shutdown(&mut self, now: Instant) {
        let Some(timer) = self.shutdown_timer else { return };
        let is_done = |socket: &Socket| socket.is_active() && !socket.holds_data();
        let sockets = self.sockets.iter().filter(|(_, socket)| is_done(socket));
        let done: Vec<_> = sockets.map(|(id, _)| *id).collect();
        for id in done {
            self.disconnect(id, now);
        }
        if self.is_idle() {
            self.timers.clear(timer);
            self.shutdown_timer = None;
        }
    }

    pub(super) fn on_shutdown_timeout(&mut self, now: Instant) {
        self.shutdown_timer = None;
        self.close(now);
        for mut session in std::mem::take(&mut self.closing) {
            session.abort(&mut self.cx);
        }
    }
}
