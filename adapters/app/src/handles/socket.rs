//! One socket, as handlers see it.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use serde::Serialize;
use sockeye_core::engineio::{Handshake, Transport};
use sockeye_core::{
    AckPayload, Namespace as NamespaceName, RespondError, Responder, Room, Selector, Sid, SocketId,
    SocketMut,
};

use crate::handlers::listeners::Listeners;
use crate::handlers::namespace::Handlers;
use crate::handlers::pattern::Captured;
use crate::handles::backpressure::SocketRef;
use crate::handles::error::{Error, Fault};
use crate::handles::io::{Io, Operator};
use crate::handles::rooms::{IntoRooms, names};
use crate::server::endpoint::{Shard, State};

/// A client's connection to a namespace.
///
/// A handle: cloning it copies a pointer, and it may be kept and used anywhere, on any thread.
/// Once the client is gone, commands do nothing and questions have empty answers.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    shard: Arc<Shard>,
    key: SocketId,
    sid: Sid,
    namespace: NamespaceName,
    handlers: Arc<Handlers>,
    recovered: bool,
    data: Arc<Data>,
    /// What the pattern of the namespace found in its name.
    captured: Option<Captured>,
    listeners: OnceLock<Box<Mutex<Listeners>>>,
    /// How many handlers for its events are waiting for something else than itself.
    waiting: AtomicUsize,
    /// They are so many that nothing more is read.
    paused: AtomicBool,
}

/// What a socket has from the beginning.
pub(crate) struct Origin {
    pub(crate) namespace: NamespaceName,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) captured: Option<Captured>,
    pub(crate) data: Arc<Data>,
    pub(crate) recovered: bool,
}

/// Values of different types that are kept with a socket.
pub(crate) type Data = Mutex<Vec<Arc<dyn Any + Send + Sync>>>;

impl Socket {
    pub(crate) fn new(shard: &Arc<Shard>, key: SocketId, sid: Sid, origin: Origin) -> Self {
        let Origin { namespace, handlers, captured, data, recovered } = origin;
        Self(Arc::new(Inner {
            shard: Arc::clone(shard),
            key,
            sid,
            namespace,
            handlers,
            recovered,
            data,
            captured,
            listeners: OnceLock::new(),
            waiting: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
        }))
    }

    pub(crate) fn sid(&self) -> &Sid {
        &self.0.sid
    }

    /// What is kept of it while its client is away.
    pub(crate) fn keep(&self) -> (Sid, SocketId, Origin) {
        let Inner { key, sid, namespace, handlers, captured, data, recovered, .. } = &*self.0;
        let origin = Origin {
            namespace: NamespaceName::clone(namespace),
            handlers: Arc::clone(handlers),
            captured: captured.clone(),
            data: Arc::clone(data),
            recovered: *recovered,
        };
        (sid.clone(), *key, origin)
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

    /// All sockets of this namespace.
    #[must_use]
    pub fn io(&self) -> Io {
        Io::on_shard(Arc::clone(&self.0.shard), NamespaceName::clone(&self.0.namespace))
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
        let rooms = names(&rooms);
        self.command(|socket| rooms.iter().for_each(|room| socket.join(room)));
    }

    /// Leaves a room, or several.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let rooms = names(&rooms);
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
            Some((key, _)) => *key == self.0.key,
            None => false,
        };
        self.0.shard.driven.with(kept)
    }

    /// How many bytes wait to be sent to the client.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.command(|socket| socket.buffered()).unwrap_or(0)
    }

    /// Ends the whole connection without a word to its namespaces: the client takes it for a loss
    /// of the connection, and comes back.
    pub fn close(&self) {
        self.0.shard.command(|state| {
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
        self.0.shard.command(|state| match state.server.socket(self.0.key) {
            Some(socket) => own().chain(socket.rooms().cloned()).collect(),
            None => match &state.leaving {
                Some((key, rooms)) if *key == self.0.key => own().chain(rooms.clone()).collect(),
                Some(_) | None => Vec::new(),
            },
        })
    }

    /// All others of the namespace who are in the room.
    #[must_use]
    pub fn to(&self, room: impl Into<Room>) -> Operator {
        self.broadcast().to(room)
    }

    /// All others of the namespace who are not in the room.
    #[must_use]
    pub fn except(&self, room: impl Into<Room>) -> Operator {
        self.broadcast().except(room)
    }

    /// All others of the namespace.
    #[must_use]
    pub fn broadcast(&self) -> Operator {
        Operator::new(self.io(), Selector::all().except_socket(self.0.key))
    }

    /// Keeps a value of any type with this socket, in place of the last one of its type.
    pub fn set_data<T: Send + Sync + 'static>(&self, value: T) {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        let mut data = self.0.data.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// The value of this type that was kept with this socket. Stays there after it is
    /// disconnected, for as long as a handle is.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let data = self.0.data.lock().unwrap_or_else(PoisonError::into_inner);
        data.iter().find(|value| value.is::<T>()).cloned()?.downcast().ok()
    }

    /// Removes the client from the namespace, or with `close` ends its whole connection.
    pub fn disconnect(&self, close: bool) {
        self.0.shard.command(|state| {
            if let Some(socket) = state.server.socket(self.0.key) {
                socket.disconnect(close, Instant::now());
            }
        });
    }

    pub(crate) fn accept(&self) {
        self.0.shard.command(|state| state.server.accept(self.0.key));
    }

    /// Refuses the client, without the data if that is nested too deeply to be sent.
    pub(crate) fn reject(&self, message: &str, data: &Option<serde_json::Value>) {
        let forgotten = self.0.shard.command(|state| {
            if state.server.reject(self.0.key, message, data).is_err() {
                let rejected = state.server.reject(self.0.key, message, &());
                rejected.expect("a text can be written as JSON");
            }
            state.forget(self.0.key)
        });
        drop(forgotten);
    }

    pub(crate) fn ack(
        &self,
        responder: Responder,
        data: &impl Serialize,
    ) -> Result<(), RespondError> {
        let payload = AckPayload::new(data, self.shard().limits())?;
        let sent = self.command(|socket| socket.ack_payload(responder, payload));
        sent.unwrap_or(Ok(true)).map(drop)
    }

    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut SocketMut<'_>) -> T) -> Option<T> {
        self.0.shard.command(|state| state.server.socket(self.0.key).as_mut().map(act))
    }

    pub(crate) fn report(&self, event: &str, fault: Fault) {
        let error = Error { socket: self.clone(), event: event.to_owned(), fault };
        self.0.shard.report(error);
    }

    pub(crate) fn shard(&self) -> &Arc<Shard> {
        &self.0.shard
    }

    pub(crate) fn handlers(&self) -> &Arc<Handlers> {
        &self.0.handlers
    }

    pub(crate) fn key(&self) -> SocketId {
        self.0.key
    }

    /// Names this socket among those of all servers in this process.
    pub(crate) fn reference(&self) -> SocketRef {
        (self.0.shard.reference(), self.0.key)
    }

    pub(crate) fn captured(&self) -> Option<&Captured> {
        self.0.captured.as_ref()
    }

    pub(crate) fn listen<T>(&self, act: impl FnOnce(&mut Listeners) -> T) -> T {
        let listeners = self.0.listeners.get_or_init(Box::default);
        act(&mut listeners.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Like [`listen`](Self::listen), but only if there ever was a listener.
    pub(crate) fn with_listeners<T>(&self, act: impl FnOnce(&mut Listeners) -> T) -> Option<T> {
        self.0.listeners.get()?;
        Some(self.listen(act))
    }

    pub(crate) fn waiting(&self) -> (&AtomicUsize, &AtomicBool) {
        (&self.0.waiting, &self.0.paused)
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
