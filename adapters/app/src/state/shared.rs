//! What the handles of a server share, and what there is of each socket.
//!
//! The server owns [`Shared`]; handles reach it by a [`ServerRef`], which does not keep it. What the
//! application attaches to a socket, data and listeners, belongs to the server and ends with the
//! connection: handles in it keep nothing.

use std::any::TypeId;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use log::Level;
use serde::Serialize;
use sockeye_core::packet::Limits;
use sockeye_core::{
    AckError, AckId, Args, EmitError, EncodeError, Event, EventPayload, Name,
    Namespace as NamespaceName, Output, Room, Selector, Server, Sid, SocketId,
};

use super::driven::{Driven, Source};
use super::end::End;
use super::fault::Fault;
use super::report::write;
use super::slot::{AckOwner, Gathered, Slot, take_gone};
use super::snapshot::Snapshot;
use super::stalls::Stalls;
use super::values::{AnyValue, States};

/// Tells the application what went wrong in a handler of a socket.
pub(crate) type Reporter = Box<dyn Fn(&Arc<Entry>, &str, Fault) + Send + Sync>;

/// What the handles of a server share.
pub(crate) struct Shared {
    pub(crate) driven: Driven<State>,
    pub(crate) settings: Settings,
    /// Somebody wants to hear what is emitted.
    is_watched: AtomicBool,
    /// How many handlers for events are waiting.
    waiting: AtomicUsize,
    /// How often what a client sent did not fit the parameters of a handler.
    mismatches: AtomicU64,
}

/// What does not change while a server runs.
pub(crate) struct Settings {
    /// What packets may hold that are sent.
    pub(crate) limits: Limits,
    /// From how many waiting bytes on a sender that can wait has to.
    pub(crate) high_water: usize,
    /// How many handlers of one socket may be waiting at once.
    pub(crate) max_handlers: usize,
    /// How long a client may be not read because of that, while none of them is done.
    pub(crate) stall_timeout: Duration,
    /// The values that handlers get as `State`.
    pub(crate) states: States,
    pub(crate) reporter: Reporter,
}

/// Refers to a server without keeping it: empty before there is one, and after its end.
#[derive(Clone, Default)]
pub(crate) struct ServerRef(Arc<OnceLock<Weak<Shared>>>);

impl ServerRef {
    pub(crate) fn get(&self) -> Option<Arc<Shared>> {
        self.0.get()?.upgrade()
    }

    /// Only the first call counts.
    pub(crate) fn set(&self, shared: &Arc<Shared>) {
        let _ = self.0.set(Arc::downgrade(shared));
    }

    /// A number that no other server in this process has at the same time.
    pub(crate) fn number(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl fmt::Debug for ServerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerRef").finish_non_exhaustive()
    }
}

/// What a handle to a socket points to.
pub(crate) struct Entry {
    pub(crate) server: ServerRef,
    pub(crate) key: SocketId,
    pub(crate) sid: Sid,
    pub(crate) namespace: NamespaceName,
    /// Which handlers of the app are for its namespace.
    pub(crate) handlers: usize,
    pub(crate) recovered: bool,
    /// What packets may hold that are sent.
    pub(crate) limits: Limits,
    pub(crate) data: Weak<Data>,
    /// The end of its connection.
    pub(crate) end: Arc<End>,
    /// Somebody wants to hear what is emitted to it.
    pub(crate) is_watched: AtomicBool,
    /// How many handlers for its events are waiting for something else than itself.
    pub(crate) waiting: AtomicUsize,
    /// They are so many that nothing more is read.
    pub(crate) paused: AtomicBool,
}

/// Names one socket of all servers in this process.
pub(crate) type SocketRef = (usize, SocketId);

impl Entry {
    pub(crate) fn reference(&self) -> SocketRef {
        (self.server.number(), self.key)
    }
}

/// What the application keeps with a socket.
#[derive(Default)]
pub(crate) struct Data {
    /// Values of different types.
    pub(crate) values: Mutex<Vec<AnyValue>>,
    /// What the pattern of the namespace found in its name.
    pub(crate) captured: Option<AnyValue>,
}

/// A socket that is connected, or asks to be, with all that belongs to it.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) entry: Arc<Entry>,
    pub(crate) data: Arc<Data>,
    /// Its listeners, of a type that is known where they are called.
    pub(crate) listeners: Option<AnyValue>,
}

/// What is kept of a socket while its client is away.
pub(crate) struct Kept {
    pub(crate) entry: Arc<Entry>,
    pub(crate) data: Arc<Data>,
}

/// What is changed under the lock.
pub(crate) struct State {
    pub(crate) server: Server,
    pub(crate) waiting: HashMap<(SocketId, AckId), Arc<Slot>>,
    pub(crate) gathering: HashMap<AckId, Arc<Slot<Gathered>>>,
    /// The sockets whose clients are away, or are back and not let in yet.
    pub(crate) kept: HashMap<Sid, Kept>,
    pub(crate) sockets: HashMap<SocketId, Registered>,
    /// Who waits until everything is sent to a socket.
    draining: HashMap<SocketId, Vec<Arc<Slot<bool>>>>,
    /// The rooms of the socket whose end is being told.
    pub(crate) leaving: Option<(SocketId, Vec<Room>)>,
    /// What was emitted, for those who want to hear it.
    sent: VecDeque<Sent>,
    /// The clients that are not read because too many handlers wait.
    pub(crate) stalls: Stalls,
    /// Those for which that took too long.
    stalled: VecDeque<Arc<Entry>>,
}

/// An event on its way out.
pub(crate) struct Outgoing {
    pub(crate) payload: EventPayload,
    /// Its name and arguments, if somebody wants to hear what is emitted.
    pub(crate) heard: Option<(Name, Args)>,
}

/// An event that was emitted to a socket.
pub(crate) struct Sent {
    pub(crate) socket: Registered,
    pub(crate) name: Name,
    pub(crate) args: Args,
}

/// Something that handlers are called for.
pub(crate) enum AppEvent {
    Core(Event),
    Sent(Sent),
    /// The handlers of a socket are stuck.
    Stalled(Arc<Entry>),
}

impl State {
    pub(crate) fn new(server: Server, stall_timeout: Duration) -> Self {
        Self {
            server,
            waiting: HashMap::default(),
            gathering: HashMap::default(),
            kept: HashMap::new(),
            sockets: HashMap::default(),
            draining: HashMap::default(),
            leaving: None,
            sent: VecDeque::new(),
            stalls: Stalls::new(stall_timeout),
            stalled: VecDeque::new(),
        }
    }

    /// Where it is told that everything is sent, `None` if that is so already; with those who have
    /// stopped waiting, who are to be dropped when nothing is locked.
    #[allow(clippy::type_complexity, reason = "its parts are named here")]
    pub(crate) fn watch_drained(
        &mut self,
        key: SocketId,
    ) -> Result<(Option<Arc<Slot<bool>>>, Vec<Arc<Slot<bool>>>), EmitError> {
        let mut socket = self.server.socket(key).ok_or(EmitError::Disconnected)?;
        if socket.watch_drained() {
            return Ok((None, Vec::new()));
        }
        let slot = Arc::new(Slot::default());
        let waiting = self.draining.entry(key).or_default();
        let gone = take_gone(waiting, |other| other);
        waiting.push(Arc::clone(&slot));
        Ok((Some(slot), gone))
    }

    pub(crate) fn take_draining(&mut self, key: SocketId) -> Vec<Arc<Slot<bool>>> {
        self.draining.remove(&key).unwrap_or_default()
    }

    /// Notes what was emitted to sockets, for those who want to hear it.
    pub(crate) fn note_sent(&mut self, keys: &[SocketId], heard: Option<(Name, Args)>) {
        let Some((name, args)) = heard else { return };
        for socket in keys.iter().filter_map(|key| self.sockets.get(key)) {
            if socket.entry.is_watched.load(Ordering::Relaxed) {
                let (socket, name, args) = (socket.clone(), name.clone(), args.clone());
                self.sent.push_back(Sent { socket, name, args });
            }
        }
    }

    /// Notes what was emitted to a selection.
    pub(crate) fn note_broadcast(
        &mut self,
        namespace: &str,
        selector: &Selector,
        heard: Option<(Name, Args)>,
    ) {
        if heard.is_some() {
            self.note_sent(&self.server.select(namespace, selector), heard);
        }
    }

    pub(crate) fn entries(&self, namespace: &str, selector: &Selector) -> Vec<Arc<Entry>> {
        let keys = self.server.select(namespace, selector);
        let registered = keys.iter().filter_map(|key| self.sockets.get(key));
        registered.map(|socket| Arc::clone(&socket.entry)).collect()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.server.handle_timeout(now);
        while let Some(key) = self.stalls.take_due(now) {
            let registered = self.sockets.get(&key);
            self.stalled.extend(registered.map(|socket| Arc::clone(&socket.entry)));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout().into_iter().chain(self.stalls.next()).min()
    }

    /// What belongs to a socket, for as long as it is the one of this key.
    pub(crate) fn registered(&mut self, entry: &Arc<Entry>) -> Option<&mut Registered> {
        self.sockets.get_mut(&entry.key).filter(|it| Arc::ptr_eq(&it.entry, entry))
    }

    /// Forgets a socket that was asking to join. What is returned is to be dropped when nothing is
    /// locked: it may hold values of the application's.
    #[must_use]
    pub(crate) fn forget(&mut self, socket: SocketId) -> Option<Registered> {
        self.sockets.remove(&socket)
    }
}

impl Source for State {
    type Output = Output<AppEvent>;

    fn poll_output(&mut self) -> Option<Output<AppEvent>> {
        if let Some(output) = self.server.poll_output() {
            return Some(match output.into_event() {
                Ok(event) => Output::Event(AppEvent::Core(event)),
                Err(output) => output,
            });
        }
        if let Some(entry) = self.stalled.pop_front() {
            return Some(Output::Event(AppEvent::Stalled(entry)));
        }
        Some(Output::Event(AppEvent::Sent(self.sent.pop_front()?)))
    }
}

impl Shared {
    pub(crate) fn new(server: Server, settings: Settings, is_watched: bool) -> Self {
        Self {
            driven: Driven::new(State::new(server, settings.stall_timeout)),
            settings,
            is_watched: AtomicBool::new(is_watched),
            waiting: AtomicUsize::new(0),
            mismatches: AtomicU64::new(0),
        }
    }

    /// Applies a command at once, and sees to it that its outputs are carried out.
    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.driven.command(act)
    }

    pub(crate) fn report(&self, entry: &Arc<Entry>, event: &str, fault: Fault) {
        if fault.is_mismatch() {
            self.mismatches.fetch_add(1, Ordering::Relaxed);
        }
        (self.settings.reporter)(entry, event, fault);
    }

    /// The value of a type that handlers get as `State`.
    pub(crate) fn state(&self, id: TypeId) -> Option<AnyValue> {
        self.settings.states.get(id).cloned()
    }

    pub(crate) fn count_handler(&self, begins: bool) {
        if begins {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn watch_outgoing(&self) {
        self.is_watched.store(true, Ordering::Relaxed);
    }

    /// Encodes an event. `Serialize` is the application's, so this is done before locking.
    pub(crate) fn encode(
        &self,
        event: &str,
        data: &impl Serialize,
    ) -> Result<Outgoing, EncodeError> {
        let payload = EventPayload::new(event, data, self.settings.limits)?;
        let is_heard = self.is_watched.load(Ordering::Relaxed);
        let heard = is_heard.then(|| (Name::new(event), payload.args()));
        Ok(Outgoing { payload, heard })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let (counts, totals) =
            self.driven.with(|state| (state.server.counts(), state.server.totals()));
        let handlers = self.waiting.load(Ordering::Relaxed);
        let argument_errors = self.mismatches.load(Ordering::Relaxed);
        Snapshot { counts, totals, handlers, argument_errors }
    }
}

impl AckOwner for Shared {
    fn cancel_ack(&self, socket: SocketId, ack: AckId) {
        let slot = self.driven.with(|state| {
            if let Some(mut socket) = state.server.socket(socket) {
                socket.cancel_ack(ack);
            }
            state.waiting.remove(&(socket, ack))
        });
        drop(slot);
    }
}

impl Drop for Shared {
    /// Nobody drives the server any more: who waits for something of it is told so, and what the
    /// application attached to its sockets ends.
    fn drop(&mut self) {
        let ((waiting, gathering, draining), sockets, kept) = self.driven.with(|state| {
            let State { server, sockets, gathering, .. } = state;
            let mut gathered = Vec::new();
            for (ack, slot) in gathering.drain() {
                let owes = |key: &&SocketId| {
                    server.socket(**key).is_some_and(|socket| socket.is_ack_pending(ack))
                };
                gathered.push((slot, sockets.keys().filter(owes).count()));
            }
            let (waiting, draining) = (&mut state.waiting, &mut state.draining);
            let ends = (std::mem::take(waiting), gathered, std::mem::take(draining));
            (ends, std::mem::take(sockets), std::mem::take(&mut state.kept))
        });
        waiting.values().for_each(|slot| slot.fill(Err(AckError::Disconnected)));
        for (slot, lost) in gathering {
            slot.fill(Gathered { answers: Vec::new(), lost, late: 0 });
        }
        draining.values().flatten().for_each(|slot| slot.fill(false));
        sockets.values().for_each(|socket| socket.entry.end.finish());
        sockets.into_values().for_each(drop_value);
        kept.into_values().for_each(drop_value);
    }
}

/// Drops what holds values of the application's: a panic of one leaves the others alone.
fn drop_value<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        write(Level::Error, &"a value that was kept with a socket panicked when it was dropped");
    }
}
