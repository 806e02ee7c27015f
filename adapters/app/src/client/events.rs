//! The events of a socket as a stream, for those who prefer loops to handlers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use sockeye_core::client::DisconnectReason;
use sockeye_core::{Args, Name};

use super::{Refused, Socket};
use crate::handles::ack::AckSender;

/// Something that happened to a socket; see [`Socket::events`](super::Socket::events).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server let it in.
    Connected {
        /// Whether the server had kept its place while it was away.
        recovered: bool,
    },
    /// The server does not let it in.
    Refused(Refused),
    /// It is not connected any more.
    Disconnected(DisconnectReason),
    /// An event arrived.
    Received {
        /// Its name.
        name: Name,
        /// Its arguments.
        args: Args,
        /// The acknowledgement, if the server waits for one.
        ack: Option<AckSender>,
    },
    /// So many events are missing here, because they were not taken in time.
    Lagged(u64),
}

/// What happened to a socket, in order; made by [`Socket::events`](super::Socket::events). It ends
/// when the client does.
///
/// Up to 10,000 events of 16 MiB in all wait to be taken. Further ones are dropped, and
/// [`Lagged`](Event::Lagged) tells how many.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    /// Keeps the connection.
    _socket: Option<Socket>,
}

impl Events {
    pub(super) fn new(queue: Arc<Queue>, socket: Socket) -> Self {
        Self { queue, _socket: Some(socket) }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // What nobody takes any more may hold acknowledgements, which keep the connection.
        self.queue.end();
        let mut waiting = self.queue.lock();
        let events = std::mem::take(&mut waiting.events);
        drop(waiting);
        drop(events);
    }
}

/// What waits to be taken.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    bytes: usize,
    missing: u64,
    ended: bool,
    waker: Option<Waker>,
}

const MAX_WAITING: usize = 10_000;
const MAX_BYTES: usize = 16 << 20;

/// What an event takes besides a constant, in bytes.
fn cost(event: &Event) -> usize {
    match event {
        Event::Received { name, args, .. } => name.len() + args.size(),
        Event::Refused(refused) => refused.message.len() + refused.data.size(),
        Event::Connected { .. } | Event::Disconnected(_) | Event::Lagged(_) => 0,
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, event: Event) {
        let mut waiting = self.lock();
        if waiting.ended {
            return;
        }
        // What is missing is told where it is missing.
        let bytes = waiting.bytes.saturating_add(cost(&event));
        let has_room = waiting.events.len() < MAX_WAITING && bytes <= MAX_BYTES;
        if has_room && waiting.missing == 0 {
            waiting.bytes = bytes;
            waiting.events.push_back(event);
        } else {
            waiting.missing += 1;
        }
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        // A waker is the executor's: it is cloned and dropped when nothing is locked.
        let waker = cx.waker().clone();
        let mut waiting = self.queue.lock();
        if let Some(event) = waiting.events.pop_front() {
            waiting.bytes -= cost(&event);
            return Poll::Ready(Some(event));
        }
        if waiting.missing > 0 {
            return Poll::Ready(Some(Event::Lagged(std::mem::take(&mut waiting.missing))));
        }
        if waiting.ended {
            return Poll::Ready(None);
        }
        let replaced = waiting.waker.replace(waker);
        drop(waiting);
        drop(replaced);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn take(events: &mut Events) -> Poll<Option<Event>> {
        Pin::new(events).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_is_not_taken_in_time_is_told_to_be_missing_where_it_is() {
        let mut events = Events { queue: Arc::default(), _socket: None };
        for _ in 0..MAX_WAITING + 3 {
            events.queue.push(Event::Connected { recovered: false });
        }
        for _ in 0..MAX_WAITING {
            let event = take(&mut events);
            assert!(matches!(event, Poll::Ready(Some(Event::Connected { .. }))));
            // Comes too early to have a place.
            events.queue.push(Event::Connected { recovered: true });
        }
        let missing = 3 + MAX_WAITING as u64;
        let told = take(&mut events);
        assert!(matches!(told, Poll::Ready(Some(Event::Lagged(n))) if n == missing));
        events.queue.push(Event::Connected { recovered: true });
        let event = take(&mut events);
        assert!(matches!(event, Poll::Ready(Some(Event::Connected { recovered: true }))));
        assert!(matches!(take(&mut events), Poll::Pending));
        events.queue.end();
        assert!(matches!(take(&mut events), Poll::Ready(None)));
    }

    #[test]
    fn what_waits_to_be_taken_is_bounded_in_bytes() {
        let mut events = Events { queue: Arc::default(), _socket: None };
        let data = Args::of(&"x".repeat(1 << 20)).unwrap();
        for _ in 0..20 {
            let (name, args) = (Name::new("e"), data.clone());
            events.queue.push(Event::Received { name, args, ack: None });
        }
        for _ in 0..15 {
            assert!(matches!(take(&mut events), Poll::Ready(Some(Event::Received { .. }))));
        }
        assert!(matches!(take(&mut events), Poll::Ready(Some(Event::Lagged(5)))));
        assert!(matches!(take(&mut events), Poll::Pending));
    }
}
