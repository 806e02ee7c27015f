//! One socket, as handlers see it.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use sockeye_core::engineio::{Handshake, Transport};
use sockeye_core::{Room, SocketId, SocketMut};

use super::rooms::{IntoRooms, names};
use crate::state::fault::Fault;
use crate::state::report::write;
use crate::state::shared::{Entry, Shared, State};
use crate::state::values::AnyValue;

/// A client's connection to a namespace.
///
/// A handle: cloning it copies a pointer, and it may be kept and used anywhere, on any thread.
/// Once the client is gone, commands do nothing and questions have empty answers. It keeps neither
/// the connection nor the server.
#[derive(Clone)]
pub struct Socket(Arc<Entry>);

impl Socket {
    pub(crate) const fn new(entry: Arc<Entry>) -> Self {
        Self(entry)
    }

    pub(crate) const fn entry(&self) -> &Arc<Entry> {
        &self.0
    }

    /// The id, which the client knows as `socket.id`; the name of a room that only it is in.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.sid.as_str()
    }

    /// The name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Whether the client is still there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.command(|socket| socket.is_connected()).unwrap_or(false)
    }

    /// The transport at this moment: `polling` or `websocket`; `None` once the client is gone.
    #[must_use]
    pub fn transport(&self) -> Option<&'static str> {
        self.command(|socket| socket.transport()).flatten().map(Transport::as_str)
    }

    /// The version of Engine.IO that the client speaks: 4, or 3 for clients of Socket.IO 2.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.command(|socket| socket.protocol()).unwrap_or(4)
    }

    /// The request that opened the connection; `None` once the client is gone, or if nobody has
    /// asked to [keep](crate::App::keep_handshakes) it.
    #[must_use]
    pub fn handshake(&self) -> Option<Arc<Handshake>> {
        self.command(|socket| socket.handshake().cloned()).flatten()
    }

    /// Joins a room, or several.
    ///
    /// ```
    /// # fn example(socket: sockeye_app::Socket) {
    /// socket.join("lobby");
    /// socket.join(["red", "blue"]);
    /// # }
    /// ```
    pub fn join(&self, rooms: impl IntoRooms) {
        let rooms = names(rooms);
        self.command(|socket| rooms.iter().for_each(|room| socket.join(room)));
    }

    /// Leaves a room, or several.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let rooms = names(rooms);
        self.command(|socket| rooms.iter().for_each(|room| socket.leave(room)));
    }

    /// Whether it is a socket of before, with its id, rooms and data, whose client was away.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.0.recovered
    }

    /// Whether the client is away and may still come back to this socket: from its `disconnect`
    /// on, until it is back or [`on_expired`](crate::Namespace::on_expired) runs. Always false
    /// without [recovery](crate::guide::recovery), and when the server itself shuts down.
    ///
    /// ```
    /// use sockeye_app::{App, Socket};
    ///
    /// fn clean_up(socket: &Socket) {
    ///     println!("{} does not come back", socket.id());
    /// }
    ///
    /// let app = App::new()
    ///     .on_disconnect(|socket: Socket| {
    ///         if !socket.may_return() {
    ///             clean_up(&socket);
    ///         }
    ///     })
    ///     .on_expired(|socket: Socket| clean_up(&socket));
    /// ```
    #[must_use]
    pub fn may_return(&self) -> bool {
        let kept = |state: &mut State| match state.kept.get(&self.0.sid) {
            Some(kept) => kept.entry.key == self.0.key,
            None => false,
        };
        self.server().is_some_and(|server| server.driven.with(kept))
    }

    /// How many bytes wait to be sent to the client.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.command(|socket| socket.buffered()).unwrap_or(0)
    }

    /// Ends the whole connection without a word to its namespaces: the client takes it for a loss
    /// of the connection, and comes back.
    pub fn close(&self) {
        let Some(server) = self.server() else { return };
        server.command(|state| {
            if let Some(socket) = state.server.socket(self.0.key) {
                socket.close(Instant::now());
            }
        });
    }

    /// The rooms it is in, in alphabetical order after that of its own id. None once the client is
    /// gone, but for handlers of [`on_disconnecting`](crate::Namespace::on_disconnecting).
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        let own = || std::iter::once(Room::from(self.id()));
        let Some(server) = self.server() else { return Vec::new() };
        server.command(|state| match state.server.socket(self.0.key) {
            Some(socket) => own().chain(socket.rooms().cloned()).collect(),
            None => match &state.leaving {
                Some((key, rooms)) if *key == self.0.key => own().chain(rooms.clone()).collect(),
                Some(_) | None => Vec::new(),
            },
        })
    }

    /// Whether it is in this room, that of its own id included. False once the client is gone, but
    /// for handlers of [`on_disconnecting`](crate::Namespace::on_disconnecting). Unlike a look into
    /// [`rooms`](Self::rooms), this allocates nothing.
    ///
    /// ```
    /// use sockeye_app::{App, Socket};
    ///
    /// let app = App::new().on("move", |socket: Socket, step: i32| {
    ///     if socket.is_in("players") {
    ///         socket.to("players").emit("moved", step);
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn is_in(&self, room: &str) -> bool {
        let Some(server) = self.server() else { return false };
        let is_own = room == self.id();
        server.command(|state| match state.server.socket(self.0.key) {
            Some(socket) => is_own || socket.rooms().any(|it| **it == *room),
            None => match &state.leaving {
                Some((key, rooms)) if *key == self.0.key => {
                    is_own || rooms.iter().any(|it| **it == *room)
                }
                Some(_) | None => false,
            },
        })
    }

    /// Keeps a value of any type with this socket, in place of the last one of its type. It stays
    /// for as long as [`data`](Self::data) says; after that it is dropped at once.
    pub fn set_data<T: Send + Sync + 'static>(&self, value: T) {
        let value: AnyValue = Arc::new(value);
        let Some(data) = self.0.data.upgrade() else { return };
        let mut data = data.values.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = match data.iter_mut().find(|other| other.is::<T>()) {
            Some(place) => Some(std::mem::replace(place, value)),
            None => {
                data.push(value);
                None
            }
        };
        // Whoever drops the last handle to a value runs code of the application.
        drop(data);
        drop(replaced);
    }

    /// The value of this type that was kept with this socket. It stays until the handlers of
    /// [`on_disconnect`](crate::Namespace::on_disconnect) are done; where the client
    /// [may return](Self::may_return), until those of
    /// [`on_expired`](crate::Namespace::on_expired) are. A value that is needed for longer is to be
    /// taken before: what this returns stays for as long as it is held.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let data = self.0.data.upgrade()?;
        let values = data.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.iter().find(|value| value.is::<T>()).cloned()?.downcast().ok()
    }

    /// Removes the client from the namespace, or with `close` ends its whole connection.
    pub fn disconnect(&self, close: bool) {
        let Some(server) = self.server() else { return };
        server.command(|state| {
            if let Some(socket) = state.server.socket(self.0.key) {
                socket.disconnect(close, Instant::now());
            }
        });
    }

    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut SocketMut<'_>) -> T) -> Option<T> {
        self.server()?.command(|state| state.server.socket(self.0.key).as_mut().map(act))
    }

    /// The server, unless that is gone.
    pub(crate) fn server(&self) -> Option<Arc<Shared>> {
        self.0.server.get()
    }

    pub(crate) fn report(&self, event: &str, fault: Fault) {
        match self.server() {
            Some(server) => server.report(&self.0, event, fault),
            None => write(fault.level(), &format!("event {event:?} of {self:?}: {fault}")),
        }
    }

    pub(crate) fn key(&self) -> SocketId {
        self.0.key
    }

    /// What the pattern of the namespace found in its name.
    pub(crate) fn captured(&self) -> Option<AnyValue> {
        self.0.data.upgrade()?.captured.clone()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Socket");
        debug.field("id", &self.id()).field("namespace", &self.namespace()).finish()
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}
