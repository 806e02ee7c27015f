//! The core's server together with the handlers.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use log::Level;
use serde::Serialize;
use sockeye_core::engineio::EngineConfig;
use sockeye_core::packet::Limits;
use sockeye_core::{
    AckId, Args, ConfigError, EmitError, EncodeError, Event, EventPayload, Input, Name,
    Namespace as NamespaceName, Output, Request, Response, Room, Selector, Server, ServerConfig,
    Sid, SocketId,
};

use crate::handlers::namespace::{Directory, Handlers};
use crate::handlers::pattern::Captured;
use crate::handles::ack::{Gathered, Slot};
use crate::handles::error::Error;
use crate::handles::socket::{Origin, Socket};
use crate::server::app::Shared;
use crate::server::machine::{Machine, Runtime};
use crate::state::driven::{Driven, Source, Wake};
use crate::state::report::{report, write};
use crate::state::snapshot::Snapshot;

/// The machine of an [`App`](crate::App): the core's server together with the handlers.
pub(crate) struct Shard {
    pub(crate) driven: Driven<State>,
    pub(crate) handlers: Directory,
    pub(crate) shared: Shared,
    config: EngineConfig,
    limits: Limits,
    /// Somebody wants to hear what is emitted.
    is_watched: AtomicBool,
    /// How many handlers for events are waiting.
    waiting: AtomicUsize,
    /// How often what a client sent did not fit the parameters of a handler.
    mismatches: AtomicU64,
    /// When the figures were last handed to the recorder of metrics.
    #[cfg(feature = "metrics")]
    published: std::sync::Mutex<Published>,
}

/// When the recorder of metrics may get figures again, and whether there are new ones.
#[cfg(feature = "metrics")]
#[derive(Default)]
struct Published {
    next: Option<Instant>,
    is_stale: bool,
}

/// What is changed under the lock.
pub(crate) struct State {
    pub(crate) server: Server,
    pub(crate) waiting: HashMap<(SocketId, AckId), Arc<Slot>>,
    pub(crate) gathering: HashMap<AckId, Arc<Slot<Gathered>>>,
    /// The sockets whose clients are away, or are back and not let in yet.
    pub(crate) kept: HashMap<Sid, (SocketId, Origin)>,
    pub(crate) sockets: HashMap<SocketId, Socket>,
    /// Who waits until everything is sent to a socket.
    draining: HashMap<SocketId, Vec<Arc<Slot<bool>>>>,
    /// The rooms of the socket whose end is being told.
    pub(crate) leaving: Option<(SocketId, Vec<Room>)>,
    /// What was emitted, for those who want to hear it.
    sent: VecDeque<(Socket, Name, Args)>,
}

/// An event on its way out.
pub(crate) struct Outgoing {
    pub(crate) payload: EventPayload,
    /// Its name and arguments, if somebody wants to hear what is emitted.
    pub(crate) heard: Option<(Name, Args)>,
}

/// Something that handlers are called for.
pub(crate) enum Happening {
    Told(Event),
    Sent(Socket, Name, Args),
}

impl State {
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
    pub(crate) fn note_sent(&mut self, sockets: &[&Socket], heard: Option<(Name, Args)>) {
        let Some((name, args)) = heard else { return };
        let watched = sockets.iter().filter(|socket| socket.is_watched());
        self.sent.extend(watched.map(|&it| (it.clone(), name.clone(), args.clone())));
    }

    /// Notes what was emitted to a selection.
    pub(crate) fn note_broadcast(
        &mut self,
        namespace: &str,
        selector: &Selector,
        heard: Option<(Name, Args)>,
    ) {
        if heard.is_some() {
            let sockets = self.sockets(namespace, selector);
            self.note_sent(&sockets.iter().collect::<Vec<_>>(), heard);
        }
    }

    pub(crate) fn sockets(&self, namespace: &str, selector: &Selector) -> Vec<Socket> {
        let keys = self.server.select(namespace, selector);
        keys.iter().filter_map(|key| self.sockets.get(key).cloned()).collect()
    }

    /// Forgets a socket that was asking to join. What is returned is to be dropped when nothing is
    /// locked: it may hold values of the application's.
    #[must_use]
    pub(crate) fn forget(&mut self, socket: SocketId) -> Option<Socket> {
        self.sockets.remove(&socket)
    }
}

impl Shard {
    pub(crate) fn new(
        config: ServerConfig,
        handlers: Directory,
        shared: Shared,
    ) -> Result<Arc<Self>, ConfigError> {
        let (engine, limits) = (config.engine.clone(), config.limits_out());
        let server = Server::new(config, seed()?)?;
        let is_watched = handlers.all().any(|handlers| !handlers.any_outgoing.is_empty());
        let state = State {
            server,
            waiting: HashMap::default(),
            gathering: HashMap::default(),
            kept: HashMap::new(),
            sockets: HashMap::default(),
            draining: HashMap::default(),
            leaving: None,
            sent: VecDeque::new(),
        };
        Ok(Arc::new(Self {
            driven: Driven::new(state),
            handlers,
            shared,
            config: engine,
            limits,
            is_watched: AtomicBool::new(is_watched),
            waiting: AtomicUsize::new(0),
            mismatches: AtomicU64::new(0),
            #[cfg(feature = "metrics")]
            published: std::sync::Mutex::default(),
        }))
    }

    /// Applies a command at once, and sees to it that its outputs are carried out.
    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.driven.command(act)
    }

    pub(crate) fn report(&self, error: Error) {
        if error.fault.is_mismatch() {
            self.mismatches.fetch_add(1, Ordering::Relaxed);
        }
        report(self.shared.on_error.as_ref(), error.fault.level(), error);
    }

    /// A number that no other server in this process has at the same time.
    pub(crate) fn reference(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// How many handlers of one socket may be waiting at once.
    pub(crate) fn max_handlers(&self) -> usize {
        self.shared.max_handlers.map_or(100, NonZeroUsize::get)
    }

    pub(crate) fn count_handler(&self, begins: bool) {
        if begins {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// From how many waiting bytes on a sender that can wait has to.
    pub(crate) const fn high_water(&self) -> usize {
        self.config.max_buffered / 4
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
        let payload = EventPayload::new(event, data, self.limits)?;
        let is_heard = self.is_watched.load(Ordering::Relaxed);
        let heard = is_heard.then(|| (Name::new(event), payload.args()));
        Ok(Outgoing { payload, heard })
    }

    /// What packets may hold that are sent.
    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let (counts, totals) =
            self.driven.with(|state| (state.server.counts(), state.server.totals()));
        let handlers = self.waiting.load(Ordering::Relaxed);
        let argument_errors = self.mismatches.load(Ordering::Relaxed);
        Snapshot { counts, totals, handlers, argument_errors }
    }

    /// Hands the figures to the recorder of metrics, at most once in a second; what came after that
    /// a second later.
    #[cfg(feature = "metrics")]
    fn publish(&self, changed: bool) {
        let now = Instant::now();
        let mut published = self.published();
        published.is_stale |= changed;
        if !published.is_stale {
            return;
        }
        if published.next.is_none_or(|next| next <= now) {
            *published = Published { next: Some(now + Duration::from_secs(1)), is_stale: false };
            drop(published);
            self.snapshot().publish();
        }
    }

    #[cfg(not(feature = "metrics"))]
    const fn publish(&self, _: bool) {}

    #[cfg(feature = "metrics")]
    fn published(&self) -> std::sync::MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// When figures that have changed are to be handed over.
    fn publish_at(&self) -> Option<Instant> {
        #[cfg(feature = "metrics")]
        return Some(self.published()).filter(|it| it.is_stale).and_then(|it| it.next);
        #[cfg(not(feature = "metrics"))]
        None
    }

    /// The handlers for a namespace; none if a matcher panics.
    pub(crate) fn find(&self, namespace: &str) -> Option<(Arc<Handlers>, Option<Captured>)> {
        let found = catch_unwind(AssertUnwindSafe(|| self.handlers.find(namespace)));
        found.unwrap_or_else(|_| {
            let text = format!("the function that matches namespaces panicked for {namespace:?}");
            write(Level::Error, &text);
            None
        })
    }

    pub(crate) fn states(&self) -> &[Arc<dyn Any + Send + Sync>] {
        &self.shared.state
    }

    /// The handle to a socket, made when the machine first tells of it.
    pub(crate) fn meet(
        self: &Arc<Self>,
        key: SocketId,
        namespace: NamespaceName,
    ) -> Option<Socket> {
        let met = self.driven.with(|state| {
            let sid = state.server.socket(key)?.sid().clone();
            state.sockets.get(&key).filter(|socket| socket.id() == sid.as_str()).cloned()
        });
        if met.is_some() {
            return met;
        }
        // The matcher of a namespace is the application's: it may ask the server something.
        let (handlers, captured) = self.find(&namespace)?;
        let (socket, replaced) = self.driven.with(|state| {
            let sid = state.server.socket(key)?.sid().clone();
            // Who came back too late for what it has missed got a new id while it was waiting.
            let renamed = state.sockets.get(&key).map(|socket| socket.keep().2.data);
            let kept = state.kept.get(&sid).map(|(_, origin)| Arc::clone(&origin.data));
            let recovered = kept.is_some();
            let data = kept.or(renamed).unwrap_or_default();
            let origin = Origin { namespace, handlers, captured, data, recovered };
            let socket = Socket::new(self, key, sid, origin);
            let replaced = state.sockets.insert(key, socket.clone());
            Some((socket, replaced))
        })?;
        // Its listeners are the application's, and dropped when nothing is locked.
        drop(replaced);
        Some(socket)
    }
}

impl Source for State {
    type Output = Output<Happening>;

    fn poll_output(&mut self) -> Option<Output<Happening>> {
        if let Some(output) = self.server.poll_output() {
            return Some(match output.into_event() {
                Ok(event) => Output::Event(Happening::Told(event)),
                Err(output) => output,
            });
        }
        let (socket, name, args) = self.sent.pop_front()?;
        Some(Output::Event(Happening::Sent(socket, name, args)))
    }
}

impl Machine for Shard {
    fn matches(&self, path: &str) -> bool {
        self.config.matches(path)
    }

    fn max_payload(&self) -> usize {
        self.config.max_payload
    }

    fn refusal(&self, request: &Request<'_>) -> Response {
        self.config.refusal(request)
    }

    fn handle(&self, input: Input<'_>, now: Instant) {
        self.driven.with(|state| state.server.handle(input, now));
    }

    fn handle_timeout(&self, now: Instant) {
        self.driven.with(|state| state.server.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.driven.with(|state| state.server.poll_timeout());
        deadline.into_iter().chain(self.publish_at()).min()
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        let mut acted = false;
        self.driven.drive(|output| {
            acted = true;
            match output.into_event() {
                Err(output) => runtime.perform(output),
                Ok(event) => {
                    // Handlers are guarded one by one; values that they leave behind are not.
                    let dispatch = AssertUnwindSafe(|| self.dispatch(event, runtime));
                    if catch_unwind(dispatch).is_err() {
                        write(
                            Level::Error,
                            &"a panic beside the handlers; everything else goes on",
                        );
                    }
                }
            }
        });
        self.publish(acted);
    }

    fn set_waker(&self, wake: Wake) {
        self.driven.set_waker(wake);
    }

    fn close(&self, now: Instant) {
        self.driven.command(|state| state.server.shut_down(now));
    }

    fn retire(&self, over: Duration, now: Instant) {
        self.driven.command(|state| state.server.retire(over, now));
    }

    fn is_idle(&self) -> bool {
        self.driven.with(|state| state.server.is_idle())
    }
}

/// Takes out what nobody else holds any more. It may hold wakers, and those futures, so it is to be
/// dropped when nothing is locked.
#[must_use]
pub(crate) fn take_gone<T, U>(all: &mut Vec<T>, shared: impl Fn(&T) -> &Arc<U>) -> Vec<T> {
    if all.iter().all(|one| Arc::strong_count(shared(one)) > 1) {
        return Vec::new();
    }
    let is_gone = |one: &T| Arc::strong_count(shared(one)) == 1;
    let (gone, others) = std::mem::take(all).into_iter().partition(is_gone);
    *all = others;
    gone
}

/// Random numbers of the system's, from which ids are drawn.
pub(crate) fn seed() -> Result<[u8; 32], ConfigError> {
    let mut seed = [0; 32];
    let missing = ConfigError { field: "seed", problem: "the system has no random numbers" };
    getrandom::fill(&mut seed).map_err(|_| missing)?;
    Ok(seed)
}
