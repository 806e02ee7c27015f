//! The events of a socket as a stream, for those who prefer loops to handlers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::queue::{Event, Queue};
use super::socket::Socket;

/// What happened to a socket, in order; made by [`Socket::events`](super::Socket::events). It ends
/// when the client does.
///
/// Up to 10,000 events of 16 MiB in all wait to be taken. Further ones are dropped, and
/// [`Lagged`](Event::Lagged) tells how many.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    /// Keeps the connection.
    _socket: Socket,
}

impl Events {
    pub(super) fn new(queue: Arc<Queue>, socket: Socket) -> Self {
        Self { queue, _socket: socket }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        drop(self.queue.abandon());
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.queue.poll_next(cx)
    }
}
