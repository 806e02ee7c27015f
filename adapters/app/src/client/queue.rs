//! What happened to a socket and waits to be taken.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sockeye_core::client::DisconnectReason;
use sockeye_core::{Args, Name};

use super::connect_error::Refused;
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

    /// Ends, and gives back what is left: it may hold acknowledgements, which keep the connection.
    pub(super) fn abandon(&self) -> impl Drop + use<> {
        self.end();
        std::mem::take(&mut self.lock().events)
    }

    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        // A waker is the executor's: it is cloned and dropped when nothing is locked.
        let waker = cx.waker().clone();
        let mut waiting = self.lock();
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

    fn take(events: &Queue) -> Poll<Option<Event>> {
        events.poll_next(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_is_not_taken_in_time_is_told_to_be_missing_where_it_is() {
        let events = Queue::default();
        for _ in 0..MAX_WAITING + 3 {
            events.push(Event::Connected { recovered: false });
        }
        for _ in 0..MAX_WAITING {
            let event = take(&events);
            assert!(matches!(event, Poll::Ready(Some(Event::Connected { .. }))));
            // Comes too early to have a place.
            events.push(Event::Connected { recovered: true });
        }
        let missing = 3 + MAX_WAITING as u64;
        let told = take(&events);
        assert!(matches!(told, Poll::Ready(Some(Event::Lagged(n))) if n == missing));
        events.push(Event::Connected { recovered: true });
        let event = take(&events);
        assert!(matches!(event, Poll::Ready(Some(Event::Connected { recovered: true }))));
        assert!(matches!(take(&events), Poll::Pending));
        events.end();
        assert!(matches!(take(&events), Poll::Ready(None)));
    }

    #[test]
    fn what_waits_to_be_taken_is_bounded_in_bytes() {
        let events = Queue::default();
        let data = Args::of(&"x".repeat(1 << 20)).unwrap();
        for _ in 0..20 {
            let (name, args) = (Name::new("e"), data.clone());
            events.push(Event::Received { name, args, ack: None });
        }
        for _ in 0..15 {
            assert!(matches!(take(&events), Poll::Ready(Some(Event::Received { .. }))));
        }
        assert!(matches!(take(&events), Poll::Ready(Some(Event::Lagged(5)))));
        assert!(matches!(take(&events), Poll::Pending));
    }
}
