//! What listens to a single socket: listeners of its own, and loops.

use std::sync::Arc;

use sockeye_core::{Name, TypedEvent};

use super::events::Events;
use super::queue::Queue;
use super::socket::Socket;
use crate::handlers::call::EventCall;
use crate::handlers::handler::{BoxHandler, Handler, boxed};
use crate::handlers::listeners::{ListenerId, Listeners, SocketListeners, listeners_of};
use crate::handlers::typed::{self, TypedHandler};
use crate::state::values::AnyValue;

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
        let Some(client) = self.client() else {
            queue.end();
            return Events::new(queue, self.clone());
        };
        client.driven.with(|state| {
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
        self.with_listeners(|listeners| listeners.remove(listener)).flatten().is_some()
    }

    /// Removes all listeners for an event. The handlers of the client stay.
    pub fn off_event(&self, event: &str) {
        self.with_listeners(|listeners| listeners.remove_event(event));
    }

    /// Removes all listeners. The handlers of the client stay.
    pub fn off_all(&self) {
        self.with_listeners(Listeners::clear);
    }

    fn listen(&self, act: impl FnOnce(&mut Listeners<Self>) -> ListenerId) -> ListenerId {
        let make = || Arc::<SocketListeners<Self>>::default() as AnyValue;
        match self.listeners(|kept| Some(Arc::clone(kept.get_or_insert_with(make)))) {
            Some(listeners) => listeners.with(act),
            None => ListenerId::NONE,
        }
    }

    /// Like [`listen`](Self::listen), but only if there ever was a listener.
    fn with_listeners<T>(&self, act: impl FnOnce(&mut Listeners<Self>) -> T) -> Option<T> {
        Some(self.listeners(|kept| kept.clone())?.with(act))
    }

    fn listeners(
        &self,
        get: impl FnOnce(&mut Option<AnyValue>) -> Option<AnyValue>,
    ) -> Option<Arc<SocketListeners<Self>>> {
        let kept = self.client()?.driven.with(|state| {
            let registered = state.sockets.get_mut(&self.key())?;
            get(&mut registered.listeners)
        });
        listeners_of(kept)
    }
}

/// The handlers for an event among the listeners of a socket.
pub(super) fn own_handlers(kept: Option<AnyValue>, name: &Name) -> Own {
    match listeners_of::<Socket>(kept) {
        Some(listeners) => {
            listeners.with(|it| Own { any: it.for_any(), single: it.for_event(name) })
        }
        None => Own { any: Vec::new(), single: Vec::new() },
    }
}
