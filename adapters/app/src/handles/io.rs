//! All sockets of a namespace, and selections of them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::{
    AckId, EmitOptions, EncodeError, Namespace as NamespaceName, Room, Selector, TypedEvent,
};

use super::ack::{AnswersFuture, Gathering};
use super::backpressure::Awaiting;
use super::rooms::{IntoRooms, names};
use super::socket::Socket;
use crate::state::names::full_name;
use crate::state::report::write;
use crate::state::shared::{Outgoing, ServerRef, State};
use crate::state::slot::{Gathered, Slot};
use crate::state::snapshot::Snapshot;

/// All sockets of a namespace.
///
/// A handle that may be cloned and used anywhere, on any thread, also outside of handlers; see
/// [`App::io`](crate::App::io). Before the app is served, and after that, nobody is connected. It
/// does not keep the server.
#[derive(Clone)]
pub struct Io {
    server: ServerRef,
    namespace: NamespaceName,
}

impl Io {
    pub(crate) const fn new(server: ServerRef, namespace: NamespaceName) -> Self {
        Self { server, namespace }
    }

    /// All sockets of another namespace. A slash in front of its name may be left out.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Self {
        Self { server: self.server.clone(), namespace: full_name(namespace).into() }
    }

    /// The socket of this id, which its client knows as `socket.id`; `None` if it is not connected
    /// to this namespace of this server.
    ///
    /// ```
    /// use sockeye_app::{App, Io};
    ///
    /// let app = App::new().on("kick", |io: Io, id: String| {
    ///     if let Some(socket) = io.socket(&id) {
    ///         socket.disconnect(false);
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn socket(&self, id: &str) -> Option<Socket> {
        let entry = self.server.get()?.command(|state| {
            let key = state.server.find(id)?;
            let entry = Arc::clone(&state.sockets.get(&key)?.entry);
            let is_connected = state.server.socket(key)?.is_connected();
            (is_connected && entry.namespace == self.namespace).then_some(entry)
        });
        entry.map(Socket::new)
    }

    /// Those in the room, or in any of several.
    #[must_use]
    pub fn to(&self, rooms: impl IntoRooms) -> Operator {
        self.everybody().to(rooms)
    }

    /// Those in the room; another word for [`to`](Self::to).
    #[must_use]
    pub fn in_(&self, rooms: impl IntoRooms) -> Operator {
        self.everybody().to(rooms)
    }

    /// Those not in the room, or in none of several.
    #[must_use]
    pub fn except(&self, rooms: impl IntoRooms) -> Operator {
        self.everybody().except(rooms)
    }

    /// Everybody, with events that are dropped for clients that are not ready to receive.
    #[must_use]
    pub fn volatile(&self) -> Operator {
        self.everybody().volatile()
    }

    /// Emits an event to everybody in the namespace; see [`Operator::emit`].
    pub fn emit(&self, event: &str, data: impl Serialize) {
        self.everybody().emit(event, data);
    }

    /// Emits the event `message` to everybody in the namespace.
    pub fn send(&self, data: impl Serialize) {
        self.everybody().send(data);
    }

    /// Emits a typed event to everybody in the namespace.
    pub fn emit_event<E: TypedEvent>(&self, event: E) {
        self.everybody().emit_event(event);
    }

    /// All sockets of the namespace that are connected to this server, in the order of their
    /// connection.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.everybody().sockets()
    }

    /// Says whether answers of long-polling that hold the event may be compressed.
    #[must_use]
    pub fn compress(&self, compress: bool) -> Operator {
        self.everybody().compress(compress)
    }

    /// How much of everything there is and was, in all namespaces. Costs little.
    ///
    /// ```
    /// # fn example(io: sockeye_app::Io) {
    /// let now = io.snapshot();
    /// println!("{} sockets, {} bytes wait", now.counts.sockets, now.counts.engine.buffered);
    /// println!("{} clients were too slow", now.totals.engine.overflows);
    /// # }
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.server.get().map(|server| server.snapshot()).unwrap_or_default()
    }

    /// Closes all connections of this server one by one, spread evenly `over` this time, and lets
    /// nobody in any more: the way to replace a server without a rush of clients to the others.
    ///
    /// Sockets are disconnected with `server shutting down`, what was sent to them is delivered,
    /// and their clients take it for a lost connection and come back, to wherever the balancer in
    /// front sends them.
    pub fn retire(&self, over: Duration) {
        if let Some(server) = self.server.get() {
            server.command(|state| state.server.retire(over, Instant::now()));
        }
    }

    /// Lets all sockets of the namespace join a room, or several.
    pub fn sockets_join(&self, rooms: impl IntoRooms) {
        self.everybody().sockets_join(rooms);
    }

    /// Lets all sockets of the namespace leave a room, or several.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) {
        self.everybody().sockets_leave(rooms);
    }

    /// Removes everybody from the namespace, or with `close` ends their whole connections.
    pub fn disconnect_sockets(&self, close: bool) {
        self.everybody().disconnect_sockets(close);
    }

    /// The rooms of the namespace with the number of sockets in each, in alphabetical order,
    /// without those of the sockets' own ids.
    #[must_use]
    pub fn rooms(&self) -> Vec<(Room, usize)> {
        let server = self.server.get();
        let rooms = server.map(|it| it.command(|state| state.server.rooms(&self.namespace)));
        rooms.unwrap_or_default()
    }

    /// Limits the time within which acknowledgements must come.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Operator {
        self.everybody().timeout(timeout)
    }

    /// How many sockets are connected to the namespace.
    #[must_use]
    pub fn len(&self) -> usize {
        let server = self.server.get();
        server.map_or(0, |it| it.command(|state| state.server.socket_count(&self.namespace)))
    }

    /// Whether nobody is connected to the namespace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everybody in the namespace, to be narrowed down step by step.
    #[must_use]
    pub fn everybody(&self) -> Operator {
        Operator::new(self.clone(), Selector::all())
    }
}

impl Socket {
    /// All sockets of this namespace.
    #[must_use]
    pub fn io(&self) -> Io {
        let entry = self.entry();
        Io::new(entry.server.clone(), NamespaceName::clone(&entry.namespace))
    }

    /// All others of the namespace who are in the room, or in any of several.
    #[must_use]
    pub fn to(&self, rooms: impl IntoRooms) -> Operator {
        self.broadcast().to(rooms)
    }

    /// All others of the namespace who are not in the room, or in none of several.
    #[must_use]
    pub fn except(&self, rooms: impl IntoRooms) -> Operator {
        self.broadcast().except(rooms)
    }

    /// All others of the namespace.
    #[must_use]
    pub fn broadcast(&self) -> Operator {
        Operator::new(self.io(), Selector::all().except_socket(self.key()))
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Some sockets of a namespace: a selection that can be narrowed down and emitted to.
#[derive(Clone, Debug)]
pub struct Operator {
    io: Io,
    selector: Selector,
    options: EmitOptions,
    timeout: Option<Duration>,
}

impl Operator {
    pub(crate) fn new(io: Io, selector: Selector) -> Self {
        Self { io, selector, options: EmitOptions::default(), timeout: None }
    }

    /// Those in this room too, or in any of several. Somebody who is in more than one of them gets
    /// an event once. An empty list changes nothing: without any room the selection is of everybody.
    #[must_use]
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        self.selector = names(rooms).into_iter().fold(self.selector, Selector::to);
        self
    }

    /// Those in this room too; another word for [`to`](Self::to).
    #[must_use]
    pub fn in_(self, rooms: impl IntoRooms) -> Self {
        self.to(rooms)
    }

    /// Without those in this room, or in any of several.
    #[must_use]
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        self.selector = names(rooms).into_iter().fold(self.selector, Selector::except);
        self
    }

    /// With events that are dropped for clients that are not ready to receive.
    #[must_use]
    pub const fn volatile(mut self) -> Self {
        self.options.volatile = true;
        self
    }

    /// Says whether answers of long-polling that hold the event may be compressed.
    #[must_use]
    pub const fn compress(mut self, compress: bool) -> Self {
        self.options.compress = compress;
        self
    }

    /// Limits the time within which acknowledgements must come.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Emits an event to each of them and waits for their acknowledgements: until all have
    /// answered or are gone, or until the [`timeout`](Self::timeout) if one is set.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn example(io: sockeye_app::Io) -> Result<(), Box<dyn std::error::Error>> {
    /// let limit = Duration::from_secs(5);
    /// let votes = io.to("jury").timeout(limit).emit_with_ack::<u8>("vote", ()).await?;
    /// println!("{:?}, and {} are missing", votes.answers, votes.lost + votes.late);
    /// # Ok(()) }
    /// ```
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AnswersFuture<T> {
        let (namespace, selector, timeout) = (&self.io.namespace, &self.selector, self.timeout);
        gather(&self.io.server, event, &data, |state, Outgoing { payload, heard }| {
            let (server, now) = (&mut state.server, Instant::now());
            let sent = server.emit_payload_with_ack(namespace, selector, payload, timeout, now)?;
            state.note_broadcast(namespace, selector, heard);
            Ok(sent)
        })
    }

    /// Emits a typed event to each of them and waits for their answers; see
    /// [`emit_with_ack`](Self::emit_with_ack).
    pub fn ask<E: TypedEvent>(&self, event: E) -> AnswersFuture<E::Answer> {
        self.emit_with_ack(E::NAME, event)
    }

    /// Emits a typed event to each of them.
    pub fn emit_event<E: TypedEvent>(&self, event: E) {
        self.emit(E::NAME, event);
    }

    /// Emits the event `message` to each of them.
    pub fn send(&self, data: impl Serialize) {
        self.emit("message", data);
    }

    /// Lets each of them join a room, or several.
    pub fn sockets_join(&self, rooms: impl IntoRooms) {
        let rooms = names(rooms);
        self.each(|state, namespace, selector| {
            state.server.join(namespace, selector, &rooms);
        });
    }

    /// Lets each of them leave a room, or several.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) {
        let rooms = names(rooms);
        self.each(|state, namespace, selector| {
            state.server.leave(namespace, selector, &rooms);
        });
    }

    /// Removes each of them from the namespace, or with `close` ends their whole connections.
    pub fn disconnect_sockets(&self, close: bool) {
        self.each(|state, namespace, selector| {
            state.server.disconnect(namespace, selector, close, Instant::now());
        });
    }

    /// All of them that are connected to this server, in the order of their connection.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let mut entries = Vec::new();
        self.each(|state, namespace, selector| entries = state.entries(namespace, selector));
        entries.into_iter().map(Socket::new).collect()
    }

    fn each(&self, act: impl FnOnce(&mut State, &str, &Selector)) {
        if let Some(server) = self.io.server.get() {
            server.command(|state| act(state, &self.io.namespace, &self.selector));
        }
    }

    /// Emits an event to each of them, encoded once. A tuple is several arguments, `()` none,
    /// everything else one.
    ///
    /// What can't be sent is an error in the log; use [`try_emit`](Self::try_emit) to handle it.
    pub fn emit(&self, event: &str, data: impl Serialize) {
        if let Err(error) = self.try_emit(event, data) {
            let namespace = &self.io.namespace;
            let text = format!("event {event:?} in {namespace} was not emitted: {error}");
            write(log::Level::Error, &text);
        }
    }

    /// Emits an event to each of them.
    ///
    /// # Errors
    ///
    /// If it can't be sent to anybody, because of its name or data.
    pub fn try_emit(&self, event: &str, data: impl Serialize) -> Result<(), EncodeError> {
        let Some(server) = self.io.server.get() else {
            return Ok(());
        };
        let (namespace, selector) = (&self.io.namespace, &self.selector);
        let Outgoing { payload, heard } = server.encode(event, &data)?;
        server.command(|state| {
            state.server.emit_payload(namespace, selector, payload, self.options)?;
            state.note_broadcast(namespace, selector, heard);
            Ok(())
        })
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        let (namespace, selector) = (&self.io.namespace, &self.selector);
        let server = self.io.server.get();
        server.map_or(0, |it| it.command(|s| s.server.select(namespace, selector).len()))
    }
}

/// Has the machine collect answers, for whoever waits for them.
fn gather<T>(
    to: &ServerRef,
    event: &str,
    data: &impl Serialize,
    ask: impl FnOnce(&mut State, Outgoing) -> Result<AckId, EncodeError>,
) -> AnswersFuture<T> {
    let (slot, awaiting) = (Arc::new(Slot::default()), Awaiting::default());
    let Some(server) = to.get() else {
        slot.fill(Gathered { answers: Vec::new(), lost: 0, late: 0 });
        return AnswersFuture::new(Ok(Gathering { slot, asked: None, awaiting }));
    };
    AnswersFuture::new(server.encode(event, data).and_then(|outgoing| {
        server.command(|state| {
            let ack = ask(state, outgoing)?;
            state.gathering.insert(ack, Arc::clone(&slot));
            let asked = Some((to.clone(), ack));
            Ok(Gathering { slot, asked, awaiting })
        })
    }))
}
