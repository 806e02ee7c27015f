//! Listeners of single sockets.

use std::collections::HashMap;
use std::fmt;

use sockeye_core::{Name, TypedEvent};

use crate::handlers::call::EventCall;
use crate::handlers::handler::{BoxHandler, Handler, boxed};
use crate::handlers::typed::{self, TypedHandler};
use crate::handles::socket::Socket;

/// Names a listener of a socket, to [remove](Socket::off) it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

/// The listeners of one socket.
pub(crate) struct Listeners<S = Socket> {
    last: u64,
    events: HashMap<String, Vec<Listener<S>>>,
    any: Vec<Listener<S>>,
    any_outgoing: Vec<Listener<S>>,
}

struct Listener<S> {
    id: ListenerId,
    once: bool,
    handler: BoxHandler<EventCall<S>>,
}

/// Listeners that are to be dropped.
pub(crate) struct Removed<S>(#[allow(dead_code, reason = "only to be dropped")] Vec<Listener<S>>);

impl<S> Default for Listeners<S> {
    fn default() -> Self {
        let events = HashMap::new();
        Self { last: 0, events, any: Vec::new(), any_outgoing: Vec::new() }
    }
}

impl<S> Listeners<S> {
    fn make(&mut self, handler: BoxHandler<EventCall<S>>, once: bool) -> Listener<S> {
        self.last += 1;
        Listener { id: ListenerId(self.last), once, handler }
    }

    pub(crate) fn add(
        &mut self,
        event: &str,
        handler: BoxHandler<EventCall<S>>,
        once: bool,
    ) -> ListenerId {
        let listener = self.make(handler, once);
        let id = listener.id;
        self.events.entry(event.to_owned()).or_default().push(listener);
        id
    }

    pub(crate) fn add_any(&mut self, handler: BoxHandler<EventCall<S>>) -> ListenerId {
        let listener = self.make(handler, false);
        let id = listener.id;
        self.any.push(listener);
        id
    }

    // What is removed is returned, to be dropped when nothing is locked: a closure may hold values
    // whose `Drop` is the application's.

    pub(crate) fn remove(&mut self, id: ListenerId) -> Option<Removed<S>> {
        let mut removed = Vec::new();
        let events = self.events.values_mut();
        for listeners in events.chain([&mut self.any, &mut self.any_outgoing]) {
            let is_it = |listener: &Listener<S>| listener.id == id;
            let (mut gone, others) = std::mem::take(listeners).into_iter().partition(is_it);
            *listeners = others;
            removed.append(&mut gone);
        }
        self.events.retain(|_, listeners| !listeners.is_empty());
        (!removed.is_empty()).then_some(Removed(removed))
    }

    pub(crate) fn remove_event(&mut self, event: &str) -> Removed<S> {
        Removed(self.events.remove(event).unwrap_or_default())
    }

    pub(crate) fn clear(&mut self) -> Removed<S> {
        let mut removed: Vec<_> =
            self.events.drain().flat_map(|(_, listeners)| listeners).collect();
        removed.append(&mut self.any);
        removed.append(&mut self.any_outgoing);
        Removed(removed)
    }

    /// Those for all events.
    pub(crate) fn for_any(&self) -> Vec<BoxHandler<EventCall<S>>> {
        handlers(&self.any)
    }

    /// Those for an event; the ones that listen once have done so.
    pub(crate) fn for_event(&mut self, name: &str) -> Vec<BoxHandler<EventCall<S>>> {
        let Some(listeners) = self.events.get_mut(name) else { return Vec::new() };
        let handlers = listeners.iter().map(|listener| listener.handler.clone()).collect();
        listeners.retain(|listener| !listener.once);
        if listeners.is_empty() {
            self.events.remove(name);
        }
        handlers
    }
}

impl<S> fmt::Debug for Listeners<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}

/// Listeners of this socket alone, besides the handlers of the app that all sockets share. They
/// run after those, and cost memory for each socket.
impl Socket {
    /// Adds a listener for an event of this socket.
    ///
    /// ```
    /// use sockeye_app::{App, Socket};
    ///
    /// let app = App::new().on("play", |socket: Socket, game: String| {
    ///     let listener = socket.on("move", move |socket: Socket, square: String| {
    ///         socket.to(&*game).emit("moved", square);
    ///     });
    ///     socket.once("resign", move |socket: Socket| {
    ///         socket.off(listener);
    ///     });
    /// });
    /// ```
    pub fn on<M>(&self, event: &str, handler: impl Handler<EventCall, M>) -> ListenerId {
        self.listen(|listeners| listeners.add(event, boxed(handler), false))
    }

    /// Adds a listener for the next event of this name alone.
    pub fn once<M>(&self, event: &str, handler: impl Handler<EventCall, M>) -> ListenerId {
        self.listen(|listeners| listeners.add(event, boxed(handler), true))
    }

    /// Adds a listener for a typed event of this socket; see
    /// [`Namespace::on_event`](crate::Namespace::on_event).
    pub fn on_event<E: TypedEvent, M>(&self, handler: impl TypedHandler<E, M>) -> ListenerId {
        self.listen(|listeners| listeners.add(E::NAME, typed::boxed(handler), false))
    }

    /// Adds a listener for all events of this socket, which runs before those for single ones.
    pub fn on_any<M>(&self, handler: impl Handler<EventCall, M>) -> ListenerId {
        self.listen(|listeners| listeners.add_any(boxed(handler)))
    }

    /// Adds a listener for all events that are emitted to this socket; see
    /// [`Namespace::on_any_outgoing`](crate::Namespace::on_any_outgoing).
    pub fn on_any_outgoing<M>(&self, handler: impl Handler<EventCall, M>) -> ListenerId {
        let id = self.listen(|listeners| {
            let listener = listeners.make(boxed(handler), false);
            let id = listener.id;
            listeners.any_outgoing.push(listener);
            id
        });
        self.shard().watch_outgoing();
        id
    }

    /// Removes a listener; returns whether it was there.
    pub fn off(&self, listener: ListenerId) -> bool {
        self.with_listeners(|listeners| listeners.remove(listener)).flatten().is_some()
    }

    /// Removes all listeners of this socket for an event.
    pub fn off_event(&self, event: &str) {
        self.with_listeners(|listeners| listeners.remove_event(event));
    }

    /// Removes all listeners of this socket. The handlers of the app stay.
    pub fn off_all(&self) {
        self.with_listeners(Listeners::clear);
    }

    pub(crate) fn listeners_for(&self, name: &Name) -> Vec<BoxHandler<EventCall>> {
        self.with_listeners(|listeners| listeners.for_event(name)).unwrap_or_default()
    }

    pub(crate) fn any_listeners(&self) -> Vec<BoxHandler<EventCall>> {
        self.with_listeners(|listeners| listeners.for_any()).unwrap_or_default()
    }

    pub(crate) fn outgoing_listeners(&self) -> Vec<BoxHandler<EventCall>> {
        self.with_listeners(|listeners| handlers(&listeners.any_outgoing)).unwrap_or_default()
    }

    /// Whether somebody wants to hear what is emitted to this socket.
    pub(crate) fn is_watched(&self) -> bool {
        let own = || self.with_listeners(|listeners| !listeners.any_outgoing.is_empty());
        !self.handlers().any_outgoing.is_empty() || own() == Some(true)
    }
}

fn handlers<S>(listeners: &[Listener<S>]) -> Vec<BoxHandler<EventCall<S>>> {
    listeners.iter().map(|listener| listener.handler.clone()).collect()
}
