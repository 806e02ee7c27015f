//! All sockets of a namespace, and selections of them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use sockeye_core::{Emission, EmitError, Room, Selector};

use crate::shard::Shard;

/// All sockets of a namespace.
///
/// A handle that may be cloned and used anywhere, on any thread, also outside of handlers; see
/// [`App::io`](crate::App::io). Before the app is served, nobody is connected.
#[derive(Clone)]
pub struct Io {
    shard: Arc<OnceLock<Arc<Shard>>>,
    namespace: Room,
}

impl Io {
    pub(crate) fn new(shard: Arc<OnceLock<Arc<Shard>>>) -> Self {
        Self { shard, namespace: Room::from("/") }
    }

    pub(crate) fn on_shard(shard: Arc<Shard>, namespace: Room) -> Self {
        Self { shard: Arc::new(OnceLock::from(shard)), namespace }
    }

    /// All sockets of another namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Self {
        Self { shard: Arc::clone(&self.shard), namespace: namespace.into() }
    }

    /// Those in the room.
    #[must_use]
    pub fn to(&self, room: impl Into<Room>) -> Operator {
        self.all().to(room)
    }

    /// Those in the room; another word for [`to`](Self::to).
    #[must_use]
    pub fn in_(&self, room: impl Into<Room>) -> Operator {
        self.all().to(room)
    }

    /// Those not in the room.
    #[must_use]
    pub fn except(&self, room: impl Into<Room>) -> Operator {
        self.all().except(room)
    }

    /// Everybody, with events that are dropped for clients that are not ready to receive.
    #[must_use]
    pub fn volatile(&self) -> Operator {
        self.all().volatile()
    }

    /// Emits an event to everybody in the namespace; see [`Operator::emit`].
    pub fn emit(&self, event: &str, data: impl Serialize) {
        self.all().emit(event, data);
    }

    /// How many sockets are connected to the namespace.
    #[must_use]
    pub fn len(&self) -> usize {
        let shard = self.shard.get();
        shard.map_or(0, |shard| shard.command(|state| state.server.len(&self.namespace)))
    }

    /// Whether nobody is connected to the namespace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn all(&self) -> Operator {
        Operator::new(self.clone(), Selector::all())
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
    emission: Emission,
}

impl Operator {
    pub(crate) fn new(io: Io, selector: Selector) -> Self {
        Self { io, selector, emission: Emission::default() }
    }

    /// Those in this room too.
    #[must_use]
    pub fn to(mut self, room: impl Into<Room>) -> Self {
        self.selector = self.selector.to(room);
        self
    }

    /// Those in this room too; another word for [`to`](Self::to).
    #[must_use]
    pub fn in_(self, room: impl Into<Room>) -> Self {
        self.to(room)
    }

    /// Without those in this room.
    #[must_use]
    pub fn except(mut self, room: impl Into<Room>) -> Self {
        self.selector = self.selector.except(room);
        self
    }

    /// With events that are dropped for clients that are not ready to receive.
    #[must_use]
    pub const fn volatile(mut self) -> Self {
        self.emission.volatile = true;
        self
    }

    /// Emits an event to each of them, encoded once. A tuple is several arguments, `()` none,
    /// everything else one.
    ///
    /// What can't be sent is an error in the log; use [`try_emit`](Self::try_emit) to handle it.
    pub fn emit(&self, event: &str, data: impl Serialize) {
        if let Err(error) = self.try_emit(event, data) {
            log::error!("event {event:?} in {} was not emitted: {error}", self.io.namespace);
        }
    }

    /// Emits an event to each of them.
    ///
    /// # Errors
    ///
    /// If it can't be sent to anybody, because of its name or data.
    pub fn try_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let Some(shard) = self.io.shard.get() else {
            return Ok(());
        };
        let (namespace, selector) = (&self.io.namespace, &self.selector);
        shard.command(|state| state.server.emit(namespace, selector, event, &data, self.emission))
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        let (namespace, selector) = (&self.io.namespace, &self.selector);
        let shard = self.io.shard.get();
        shard.map_or(0, |shard| shard.command(|s| s.server.select(namespace, selector).len()))
    }
}
