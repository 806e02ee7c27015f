//! How many handlers of one socket may wait at once.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::socket::Socket;

/// Counts a handler that waits, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting(Socket);

impl Waiting {
    pub(crate) fn new(socket: &Socket) -> Self {
        socket.waiting().0.fetch_add(1, Ordering::Relaxed);
        socket.shard().count_handler(true);
        socket.balance();
        Self(socket.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting().0.fetch_sub(1, Ordering::Relaxed);
        self.0.shard().count_handler(false);
        self.0.balance();
    }
}

impl Socket {
    /// Has the client read, or not, as the number of its handlers that wait wants it.
    ///
    /// Those that wait for the client itself must not keep its answers from being read.
    pub(crate) fn balance(&self) {
        let limit = self.shard().max_handlers();
        let (waiting, paused) = self.waiting();
        if waiting.load(Ordering::Relaxed) < limit && !paused.load(Ordering::Relaxed) {
            return;
        }
        self.shard().command(|state| {
            let Some(mut socket) = state.server.socket(self.key()) else { return };
            let busy = waiting.load(Ordering::Relaxed).saturating_sub(socket.owed());
            let was_paused = paused.load(Ordering::Relaxed);
            // Reading goes on when half of them are done, not after each.
            let pause = if was_paused { busy > limit / 2 } else { busy >= limit };
            if pause == was_paused {
                return;
            }
            paused.store(pause, Ordering::Relaxed);
            if pause {
                socket.pause(Instant::now());
            } else {
                socket.resume(Instant::now());
            }
        });
    }
}
