//! What listens to a single socket: listeners of its own, and loops.

use std::sync::{Arc, PoisonError};

use sockeye_core::{Name, TypedEvent};

use super::events::{Events, Queue};
use super::socket::Socket;
use crate::handlers::call::EventCall;
use crate::handlers::handler::{BoxHandler, Handler, boxed};
use crate::handlers::listeners::{ListenerId, Listeners};
use crate::handlers::typed::{self, TypedHandler};

/// The listeners of one socket for one event.
pub(super) struct Own {
    pub(super) any: Vec<BoxHandler<EventCall<Socket>>>,
    pub(super) single: Vec<BoxHandler<EventCall<Socket>>>,
}

impl Socket {
    /// What happens to this socket from now on, one after the other, for those who prefer loops
    /// to handlers. Handlers run all the same. It keeps the connection as a handle does.
    ///
    /// ```
    /// # use futures_core::Stream;
    /// # async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    /// #     std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx)).await
    /// # }
    /// # async fn example(socket: sockeye_app::client::Socket) {
    /// use sockeye_app::client::Event;
    ///
    /// let mut events = socket.events();
    /// while let Some(event) = next(&mut events).await {
    ///     if let Event::Received { name, args, ack } = event {
    ///         println!("{name} {args:?}");
    ///         if let Some(ack) = ack {
    ///             ack.send("thanks");
    ///         }
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn events(&self) -> Events {
        let queue = Arc::new(Queue::default());
        self.hub().driven.with(|state| {
            if state.is_over() {
                queue.end();
            } else {
                state.queues.entry(self.key()).or_default().push(Arc::clone(&queue));
            }
        });
        Events::new(queue, self.clone())
    }

    /// Adds a listener for an event, besides the handlers of the [`Client`](super::Client).
    pub fn on<M>(&self, event: &str, handler: impl Handler<EventCall<Self>, M>) -> ListenerId {
        self.listen(|listeners| listeners.add(event, boxed(handler), false))
    }

    /// Adds a listener for the next event of this name alone.
    pub fn once<M>(&self, event: &str, handler: impl Handler<EventCall<Self>, M>) -> ListenerId {
        self.listen(|listeners| listeners.add(event, boxed(handler), true))
    }

    /// Adds a listener for a typed event.
    pub fn on_event<E: TypedEvent, M>(&self, handler: impl TypedHandler<E, M, Self>) -> ListenerId {
        self.listen(|listeners| listeners.add(E::NAME, typed::boxed(handler), false))
    }

    /// Adds a listener for all events, which runs before those for single ones.
    pub fn on_any<M>(&self, handler: impl Handler<EventCall<Self>, M>) -> ListenerId {
        self.listen(|listeners| listeners.add_any(boxed(handler)))
    }

    /// Removes a listener; returns whether it was there.
    pub fn off(&self, listener: ListenerId) -> bool {
        self.listen(|listeners| listeners.remove(listener)).is_some()
    }

    /// Removes all listeners for an event. The handlers of the client stay.
    pub fn off_event(&self, event: &str) {
        self.listen(|listeners| listeners.remove_event(event));
    }

    /// Removes all listeners. The handlers of the client stay.
    pub fn off_all(&self) {
        self.listen(Listeners::clear);
    }

    fn listen<T>(&self, act: impl FnOnce(&mut Listeners<Self>) -> T) -> T {
        let listeners = self.inner().listeners.get_or_init(Box::default);
        act(&mut listeners.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn own_handlers(&self, name: &Name) -> Own {
        if self.inner().listeners.get().is_none() {
            return Own { any: Vec::new(), single: Vec::new() };
        }
        self.listen(|listeners| Own { any: listeners.for_any(), single: listeners.for_event(name) })
    }
}
