//! Waiting for the end of a connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::socket::Socket;
use crate::state::end::{End, Place};

/// The end of a connection to come; made by [`Socket::closed`].
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Closed {
    end: Arc<End>,
    place: Place,
}

impl Future for Closed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { end, place } = &mut *self;
        if end.watch(place, cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let Self { end, place } = self;
        end.leave(place);
    }
}

impl Socket {
    /// Waits until the socket is disconnected and the handlers of
    /// [`on_disconnect`](crate::Namespace::on_disconnect) were called, or until the server ends.
    /// Resolves at once if that is so already.
    ///
    /// For tasks of the application's own that serve one client. Handlers need it only to do
    /// something behind it: one that waits when its connection ends goes on once more, up to its
    /// next wait, and is dropped there.
    ///
    /// ```
    /// # async fn tick() {}
    /// # async fn either<A, B>(_: A, _: B) -> bool { true }
    /// # async fn example(socket: sockeye_app::Socket) {
    /// while either(tick(), socket.closed()).await {
    ///     socket.emit("tick", ());
    /// }
    /// # }
    /// ```
    pub fn closed(&self) -> Closed {
        Closed { end: Arc::clone(&self.entry().end), place: Place::default() }
    }
}
