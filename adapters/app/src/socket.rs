//! One socket, as handlers see it.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::engine::{Handshake, Transport};
use sockeye_core::{Emission, EmitError, Room, Selector, Sid, SocketId, SocketMut};

use crate::ack::{AckFuture, Slot};
use crate::app::Handlers;
use crate::error::{Error, Fault};
use crate::io::{Io, Operator};
use crate::rooms::IntoRooms;
use crate::shard::Shard;

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
    namespace: Room,
    handlers: Arc<Handlers>,
    recovered: bool,
    data: Arc<Data>,
}

/// Values of different types that are kept with a socket.
pub(crate) type Data = Mutex<Vec<Arc<dyn Any + Send + Sync>>>;

impl Socket {
    pub(crate) fn new(
        shard: Arc<Shard>,
        key: SocketId,
        sid: Sid,
        namespace: Room,
        handlers: Arc<Handlers>,
        data: Arc<Data>,
        recovered: bool,
    ) -> Self {
        Self(Arc::new(Inner { shard, key, sid, namespace, handlers, recovered, data }))
    }

    pub(crate) fn keep(&self) -> (Sid, Arc<Data>) {
        (self.0.sid.clone(), Arc::clone(&self.0.data))
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
        Io::on_shard(Arc::clone(&self.0.shard), Room::clone(&self.0.namespace))
    }

    /// Emits an event to the client. A tuple is several arguments, `()` none, everything else one.
    ///
    /// What can't be sent is reported to [`App::on_error`](crate::App::on_error). If the client is
    /// gone nothing happens; its `disconnect` says so.
    ///
    /// ```
    /// # fn example(socket: sockeye_app::Socket) {
    /// socket.emit("news", "one argument");
    /// socket.emit("news", ("two", vec!["arguments"]));
    /// socket.emit("news", ());
    /// # }
    /// ```
    pub fn emit(&self, event: &str, data: impl Serialize) {
        match self.try_emit(event, data) {
            Ok(()) | Err(EmitError::Disconnected) => {}
            Err(error) => self.report(event, Fault::Emit(error)),
        }
    }

    /// Emits an event to the client.
    ///
    /// # Errors
    ///
    /// If it can't be sent because of its name or data, or the client is gone.
    pub fn try_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let sent = self.command(|socket| socket.emit(event, &data, Emission::default()));
        sent.unwrap_or(Err(EmitError::Disconnected)).map(drop)
    }

    /// Emits events that are dropped if the client is not ready to receive.
    ///
    /// ```
    /// # fn example(socket: sockeye_app::Socket) {
    /// socket.volatile().emit("position", (1.5, 2.5));
    /// # }
    /// ```
    #[must_use]
    pub fn volatile(&self) -> Emitter<'_> {
        self.emitter().volatile()
    }

    /// Says whether answers of long-polling that hold the event may be compressed.
    #[must_use]
    pub fn compress(&self, compress: bool) -> Emitter<'_> {
        self.emitter().compress(compress)
    }

    fn emitter(&self) -> Emitter<'_> {
        Emitter { socket: self, emission: Emission::default(), timeout: None }
    }

    /// Emits an event and waits for the client's acknowledgement, without a time limit: until it
    /// comes or the client is gone. See [`timeout`](Self::timeout).
    ///
    /// The event is sent at once, not when the future is first polled. The answer is read as the
    /// type that is asked for: a tuple for several arguments, `()` for none.
    ///
    /// ```
    /// # async fn example(socket: sockeye_app::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let answer: String = socket.emit_with_ack("question", 42).await?;
    /// # Ok(()) }
    /// ```
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AckFuture<T> {
        self.ask(event, &data, None)
    }

    /// Limits the time within which the acknowledgement must come.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn example(socket: sockeye_app::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let limit = Duration::from_secs(5);
    /// let (x, y): (i32, i32) = socket.timeout(limit).emit_with_ack("where", ()).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Emitter<'_> {
        self.emitter().timeout(timeout)
    }

    fn ask<T>(
        &self,
        event: &str,
        data: &impl Serialize,
        timeout: Option<Duration>,
    ) -> AckFuture<T> {
        AckFuture::new(self.0.shard.command(|state| {
            let Some(mut socket) = state.server.socket(self.0.key) else {
                return Err(EmitError::Disconnected);
            };
            let ack = socket.emit_with_ack(event, data, timeout, Instant::now())?;
            let slot = Arc::new(Slot::default());
            state.waiting.insert((self.0.key, ack), Arc::clone(&slot));
            Ok(slot)
        }))
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
        self.command(|socket| rooms.for_each(&mut |room| socket.join(room)));
    }

    /// Leaves a room, or several.
    pub fn leave(&self, rooms: impl IntoRooms) {
        self.command(|socket| rooms.for_each(&mut |room| socket.leave(room)));
    }

    /// Whether it is a socket of before, with its id, rooms and data, whose client was away.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.0.recovered
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

    /// The rooms it is in, in alphabetical order after that of its own id.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        let rooms = self.command(|socket| {
            let own = Room::from(socket.sid().as_str());
            std::iter::once(own).chain(socket.rooms().cloned()).collect()
        });
        rooms.unwrap_or_default()
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
        let mut data = self.0.data.lock().unwrap_or_else(PoisonError::into_inner);
        data.retain(|other| !other.is::<T>());
        data.push(Arc::new(value));
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

    pub(crate) fn reject(&self, message: &str, data: &impl Serialize) {
        self.0.shard.command(|state| {
            state.forget(self.0.key);
            let rejected = state.server.reject(self.0.key, message, data);
            rejected.expect("a JSON value can be written as JSON");
        });
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

/// A way of emitting to a socket; made by [`Socket::volatile`], [`Socket::compress`] and
/// [`Socket::timeout`].
#[derive(Clone, Copy, Debug)]
pub struct Emitter<'a> {
    socket: &'a Socket,
    emission: Emission,
    timeout: Option<Duration>,
}

impl Emitter<'_> {
    /// Emits events that are dropped if the client is not ready to receive.
    #[must_use]
    pub const fn volatile(mut self) -> Self {
        self.emission.volatile = true;
        self
    }

    /// Says whether answers of long-polling that hold the event may be compressed.
    #[must_use]
    pub const fn compress(mut self, compress: bool) -> Self {
        self.emission.compress = compress;
        self
    }

    /// Limits the time within which the acknowledgement must come.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Emits an event; returns whether it is sent. See [`Socket::emit`].
    pub fn emit(&self, event: &str, data: impl Serialize) -> bool {
        let sent = self.socket.command(|socket| socket.emit(event, &data, self.emission));
        match sent.unwrap_or(Err(EmitError::Disconnected)) {
            Ok(sent) => sent,
            Err(EmitError::Disconnected) => false,
            Err(error) => {
                self.socket.report(event, Fault::Emit(error));
                false
            }
        }
    }

    /// Emits an event and waits for the client's acknowledgement; see [`Socket::emit_with_ack`].
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AckFuture<T> {
        self.socket.ask(event, &data, self.timeout)
    }
}
