//! Listeners of single sockets.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use sockeye_core::TypedEvent;

use super::call::EventCall;
use super::handler::{BoxHandler, Handler, boxed};
use super::typed::{self, TypedHandler};
use crate::handles::socket::Socket;
use crate::state::shared::State;
use crate::state::values::AnyValue;

/// Names a listener of a socket, to [remove](Socket::off) it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

impl ListenerId {
    /// That of no listener.
    pub(crate) const NONE: Self = Self(0);
}

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

    pub(crate) fn add_any_outgoing(&mut self, handler: BoxHandler<EventCall<S>>) -> ListenerId {
        let listener = self.make(handler, false);
        let id = listener.id;
        self.any_outgoing.push(listener);
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

    /// Those for what is emitted.
    pub(crate) fn for_any_outgoing(&self) -> Vec<BoxHandler<EventCall<S>>> {
        handlers(&self.any_outgoing)
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
/// run after those, and cost memory for each socket. They are dropped when the handlers of
/// [`on_disconnect`](crate::Namespace::on_disconnect) have been called, so they may hold the socket
/// itself; what is added later is dropped at once.
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
        let id = self.listen(|listeners| listeners.add_any_outgoing(boxed(handler)));
        self.entry().is_watched.store(true, Ordering::Relaxed);
        if let Some(server) = self.server() {
            server.watch_outgoing();
        }
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

    /// The listeners of this socket, made if there are none; `None` once it is gone.
    fn make_listeners(&self) -> Option<Arc<SocketListeners>> {
        let listeners = self.server()?.driven.with(|state| {
            let registered = state.registered(self.entry())?;
            let make = || Arc::<SocketListeners>::default() as AnyValue;
            Some(Arc::clone(registered.listeners.get_or_insert_with(make)))
        });
        listeners?.downcast().ok()
    }

    /// The listeners of this socket, if it ever had one and is still there.
    pub(crate) fn listeners(&self) -> Option<Arc<SocketListeners>> {
        let registered = |state: &mut State| state.registered(self.entry())?.listeners.clone();
        listeners_of(self.server()?.driven.with(registered))
    }

    fn listen(&self, act: impl FnOnce(&mut Listeners) -> ListenerId) -> ListenerId {
        match self.make_listeners() {
            Some(listeners) => listeners.with(act),
            None => ListenerId::NONE,
        }
    }

    /// Like [`listen`](Self::listen), but only if there ever was a listener.
    fn with_listeners<T>(&self, act: impl FnOnce(&mut Listeners) -> T) -> Option<T> {
        Some(self.listeners()?.with(act))
    }
}

/// The listeners of a socket, as they are kept with it.
pub(crate) struct SocketListeners<S = Socket>(Mutex<Listeners<S>>);

impl<S> SocketListeners<S> {
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Listeners<S>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> Default for SocketListeners<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// The listeners that are kept with a socket, with their type.
pub(crate) fn listeners_of<S: 'static>(kept: Option<AnyValue>) -> Option<Arc<SocketListeners<S>>> {
    kept?.downcast().ok()
}

fn handlers<S>(listeners: &[Listener<S>]) -> Vec<BoxHandler<EventCall<S>>> {
    listeners.iter().map(|listener| listener.handler.clone()).collect()
}
