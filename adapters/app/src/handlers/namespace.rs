//! The handlers of one namespace.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use sockeye_core::{Args, Namespace as NamespaceName, RoomChange, TypedEvent};

use super::call::{ConnectCall, DisconnectCall, EventCall, ExpiredCall, UpgradeCall};
use super::event_handlers::EventHandlers;
use super::handler::{BoxHandler, Handler, boxed};
use super::packet::PacketCall;
use super::pattern::Matcher;
use super::typed::{self, TypedHandler};
use crate::handles::io::Io;
use crate::handles::socket::Socket;
use crate::state::fault::Fault;
use crate::state::values::{AnyValue, States};

/// The handlers of all namespaces.
#[derive(Default)]
pub(crate) struct Directory {
    all: Vec<Arc<Handlers>>,
    known: HashMap<NamespaceName, usize>,
    matching: Vec<(Matcher, usize)>,
}

impl Directory {
    /// Adds the handlers of the namespace of this name.
    pub(crate) fn add(&mut self, name: &str, handlers: Handlers) {
        self.known.insert(name.into(), self.all.len());
        self.all.push(Arc::new(handlers));
    }

    /// Adds the handlers of the namespaces whose names match.
    pub(crate) fn add_matching(&mut self, matcher: Matcher, handlers: Handlers) {
        self.matching.push((matcher, self.all.len()));
        self.all.push(Arc::new(handlers));
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Handlers>> {
        self.all.iter()
    }

    /// The handlers of this number, which [`find`](Self::find) gave.
    pub(crate) fn get(&self, index: usize) -> &Arc<Handlers> {
        &self.all[index]
    }

    /// The number of the handlers for a namespace, and what was found in its name.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, Option<AnyValue>)> {
        if let Some(index) = self.known.get(name) {
            return Some((*index, None));
        }
        self.matching.iter().find_map(|(matcher, index)| Some((*index, Some(matcher(name)?))))
    }
}

/// Checks that what a client sends along fits the parameters of a handler.
type AuthCheck = fn(&Args) -> Result<(), Fault>;

/// The handlers of one namespace.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) middleware: Vec<BoxHandler<ConnectCall>>,
    pub(crate) connect: Vec<BoxHandler<ConnectCall>>,
    /// What the handlers for new connections demand of what the client sends along.
    pub(crate) auth_checks: Vec<AuthCheck>,
    /// The states that they want.
    states: Vec<(TypeId, &'static str)>,
    /// One of these that was not given: nobody is let in then.
    pub(crate) missing_state: Option<&'static str>,
    pub(crate) upgrade: Vec<BoxHandler<UpgradeCall>>,
    pub(crate) disconnecting: Vec<BoxHandler<DisconnectCall>>,
    pub(crate) disconnect: Vec<BoxHandler<DisconnectCall>>,
    pub(crate) expired: Vec<BoxHandler<ExpiredCall>>,
    pub(crate) events: EventHandlers<Socket>,
    pub(crate) any_outgoing: Vec<BoxHandler<EventCall>>,
    pub(crate) packet: Vec<BoxHandler<PacketCall>>,
    pub(crate) room: Vec<RoomHandler>,
    pub(crate) wants_handshake: bool,
}

pub(crate) type RoomHandler = Box<dyn Fn(&Io, &str, &RoomChange) + Send + Sync>;

impl Handlers {
    /// Takes note of the states that were given.
    pub(crate) fn check_states(&mut self, given: &States) {
        let missing = self.states.iter().find(|(id, _)| given.get(*id).is_none());
        self.missing_state = missing.map(|(_, name)| *name);
    }
}

/// The handlers of a namespace, as [`App::of`](crate::App::of) builds them.
pub struct Namespace(pub(crate) Handlers);

impl Namespace {
    /// Adds a middleware, which decides who may join: it returns `Ok(())`, or an error that the
    /// client gets as its `connect_error`, perhaps with data: [`Refusal`](crate::Refusal). Several
    /// are asked in the order of their registration, until one refuses.
    ///
    /// The socket is not connected yet. It may join rooms, and data may be kept with it.
    #[must_use]
    pub fn middleware<M>(mut self, handler: impl Handler<ConnectCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.middleware.push(handler);
        self
    }

    fn boxed<C: 'static, M, H: Handler<C, M>>(&mut self, handler: H) -> BoxHandler<C> {
        self.0.wants_handshake |= H::WANTS_HANDSHAKE;
        boxed(handler)
    }

    /// Adds a handler for new connections.
    #[must_use]
    pub fn on_connect<M, H: Handler<ConnectCall, M>>(mut self, handler: H) -> Self {
        if H::WANTS_AUTH {
            self.0.auth_checks.push(H::check_auth);
        }
        self.0.states.extend(H::wanted_states());
        let handler = self.boxed(handler);
        self.0.connect.push(handler);
        self
    }

    /// Adds a handler for an event. Several for one event run in the order of their registration;
    /// the first of them that answers gives the acknowledgement. A reserved name, such as `connect`
    /// or `disconnect`, is an error when the app is served, and so is `connection`.
    ///
    /// A handler that waits when its connection ends is dropped after the handlers of
    /// [`on_disconnect`](Self::on_disconnect) were called, as are those of
    /// [`on_connect`](Self::on_connect) and middlewares, unless it is
    /// [`Detached`](crate::Detached). It goes on once more before, up to its next wait, so what it
    /// does behind [`Socket::closed`](crate::Socket::closed) is done.
    #[must_use]
    pub fn on<M>(mut self, event: &str, handler: impl Handler<EventCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.events.add(event, handler);
        self
    }

    /// Adds a handler for a typed event: a function of the socket and the event, sync or async,
    /// that returns the event's answer or a `Result` of it.
    ///
    /// ```
    /// use sockeye_app::{App, Socket, events};
    ///
    /// events! {
    ///     pub struct Add = "add" { a: i64, b: i64 } -> i64;
    /// }
    ///
    /// let app = App::new().on_event(|_: Socket, Add { a, b }: Add| a + b);
    /// ```
    #[must_use]
    pub fn on_event<E: TypedEvent, M>(mut self, handler: impl TypedHandler<E, M>) -> Self {
        let handler = typed::boxed(handler);
        self.0.events.add(E::NAME, handler);
        self
    }

    /// Adds a handler for all events, which runs before those for single ones.
    #[must_use]
    pub fn on_any<M>(mut self, handler: impl Handler<EventCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.events.any.push(handler);
        self
    }

    /// Adds a handler for all events that are emitted to sockets, once for each socket, broadcasts
    /// included; acknowledgements are no events. It runs soon after the event was sent.
    ///
    /// What it emits itself is an event like any other, so it must not answer each with one more.
    ///
    /// ```
    /// use sockeye_app::{App, Args, Name, Socket};
    ///
    /// let app = App::new().on_any_outgoing(|socket: Socket, name: Name, args: Args| {
    ///     println!("to {}: {name} {args:?}", socket.id());
    /// });
    /// ```
    #[must_use]
    pub fn on_any_outgoing<M>(mut self, handler: impl Handler<EventCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.any_outgoing.push(handler);
        self
    }

    /// Adds a middleware for events: each has to pass all of them, in the order of their
    /// registration, before it reaches its handlers. It passes with `Ok(())` or `()`; an error
    /// goes to [`App::on_error`](crate::App::on_error), and nobody handles the event. A middleware
    /// may change the event: see [`Packet`](crate::Packet).
    ///
    /// Handlers for all events ([`on_any`](Self::on_any)) have run before. While an async
    /// middleware waits, later events of the same socket may overtake.
    ///
    /// ```
    /// use sockeye_app::{App, Name, Socket};
    ///
    /// struct User {
    ///     may_write: bool,
    /// }
    ///
    /// let app = App::new().packet_middleware(|socket: Socket, name: Name| {
    ///     let user = socket.data::<User>().ok_or("who are you?")?;
    ///     if user.may_write || !name.starts_with("write") { Ok(()) } else { Err("read only") }
    /// });
    /// ```
    #[must_use]
    pub fn packet_middleware<M>(mut self, handler: impl Handler<PacketCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.packet.push(handler);
        self
    }

    /// Adds a handler for connections that go over from long-polling to a WebSocket.
    #[must_use]
    pub fn on_upgrade<M>(mut self, handler: impl Handler<UpgradeCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.upgrade.push(handler);
        self
    }

    /// Adds a handler for connections that are ending, which runs before those of
    /// [`on_disconnect`](Self::on_disconnect). Nothing reaches the client any more, but
    /// [`Socket::rooms`](crate::Socket::rooms) still has the rooms it was in, up to the first wait
    /// of the handler.
    ///
    /// ```
    /// use sockeye_app::{App, Socket};
    ///
    /// let app = App::new().on_disconnecting(|socket: Socket| {
    ///     for room in socket.rooms() {
    ///         socket.to(room).emit("left", socket.id());
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_disconnecting<M>(mut self, handler: impl Handler<DisconnectCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.disconnecting.push(handler);
        self
    }

    /// Adds a handler for the end of connections. The socket's data is still there, its rooms are
    /// a parameter of type [`Rooms`](crate::Rooms). A handler that waits goes on up to its own end.
    /// Whether the client may come back to the socket
    /// says [`Socket::may_return`](crate::Socket::may_return).
    #[must_use]
    pub fn on_disconnect<M>(mut self, handler: impl Handler<DisconnectCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.disconnect.push(handler);
        self
    }

    /// Adds a handler for sockets whose clients were away and can't come back any more, where
    /// [recovery](crate::guide::recovery) is on. It runs once for each `disconnect` after which
    /// [`Socket::may_return`](crate::Socket::may_return) was true, unless the client is back; not
    /// when the server ends. The socket's id and data are still there.
    ///
    /// A handler that is async has its end with the server's at the latest.
    #[must_use]
    pub fn on_expired<M>(mut self, handler: impl Handler<ExpiredCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.expired.push(handler);
        self
    }

    /// Adds a handler for changes of rooms: one is created, joined, left, deleted. Rooms that are
    /// a socket's own id do not count. What a socket leaves by its end is told after its
    /// `disconnect`.
    ///
    /// ```
    /// use sockeye_app::{App, Io, RoomChange};
    ///
    /// let app = App::new().of("/games", |namespace| {
    ///     namespace.on_room(|io: &Io, room: &str, change: &RoomChange| {
    ///         if let RoomChange::Deleted = change {
    ///             io.to("lobby").emit("game over", room);
    ///         }
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn on_room(
        mut self,
        handler: impl Fn(&Io, &str, &RoomChange) + Send + Sync + 'static,
    ) -> Self {
        self.0.room.push(Box::new(handler));
        self
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").finish_non_exhaustive()
    }
}
