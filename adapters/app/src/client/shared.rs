//! What the handles of a client share, and what there is of each socket.
//!
//! The machine owns [`Shared`]; handles refer to it. What the application attaches to a socket,
//! handlers and listeners, ends with the client.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use sockeye_core::client::{
    Client as Core, Config, Event, OpenError, Output, SocketConfig, SocketMut,
};
use sockeye_core::packet::Limits;
use sockeye_core::{AckError, AckId, ConfigError, EmitError, SocketId};

use super::connect_error::{ConnectError, Refused, Undelivered};
use super::held::{Held, keeps_order};
use super::queue::Queue;
use crate::state::driven::{Driven, Source};
use crate::state::fault::Fault;
use crate::state::seed::seed;
use crate::state::slot::{AckOwner, Slot};
use crate::state::values::{AnyValue, States};

/// Tells the application what went wrong in a handler of a socket.
pub(super) type Reporter = Box<dyn Fn(&Arc<Entry>, &str, Fault) + Send + Sync>;

/// What the handles of a client share.
pub(crate) struct Shared {
    pub(super) driven: Driven<State>,
    /// What packets may hold that are sent.
    pub(super) limits: Limits,
    /// How many handlers wait.
    pub(super) busy: Arc<AtomicUsize>,
    pub(super) max_handlers: usize,
    /// How many handles there are.
    pub(super) handles: AtomicUsize,
    /// The connection goes on without handles.
    pub(super) is_detached: AtomicBool,
    states: States,
    reporter: Reporter,
}

/// What a handle to a socket points to.
pub(crate) struct Entry {
    pub(super) client: Weak<Shared>,
    pub(super) key: SocketId,
    pub(super) namespace: String,
    /// What packets may hold that are sent.
    pub(super) limits: Limits,
}

/// A socket with all that belongs to it, of types that are known where they are called.
pub(super) struct Registered {
    pub(super) entry: Arc<Entry>,
    pub(super) handlers: AnyValue,
    pub(super) listeners: Option<AnyValue>,
}

/// What is changed under the lock.
pub(crate) struct State {
    pub(super) client: Core,
    pub(super) waiting: HashMap<(SocketId, AckId), Arc<Slot>>,
    pub(super) sockets: HashMap<SocketId, Registered>,
    /// Who waits until a socket is connected.
    pub(super) connecting: HashMap<SocketId, Vec<Connecting>>,
    /// The last refusals, of sockets that have not asked again.
    pub(super) refused: HashMap<SocketId, Refused>,
    /// Who listens to a socket in a loop.
    pub(super) queues: HashMap<SocketId, Vec<Arc<Queue>>>,
    /// Events for which too many handlers wait.
    pub(super) held: Held,
    busy: Arc<AtomicUsize>,
    max_handlers: usize,
    /// It ends when nothing is left of the connection.
    pub(super) closing: bool,
    /// Who waits for the end.
    pub(super) ending: Vec<Arc<Slot<Result<(), Undelivered>>>>,
    /// How it ended; nobody drives it any more.
    pub(super) outcome: Option<Result<(), Undelivered>>,
}

/// Somebody who waits until a socket is connected.
pub(super) struct Connecting {
    pub(super) slot: Arc<Slot<Result<(), ConnectError>>>,
    /// One attempt that fails is enough to give up.
    pub(super) once: bool,
}

impl Connecting {
    fn take_hasty(waiting: &mut Vec<Self>) -> Vec<Self> {
        let (hasty, others) = std::mem::take(waiting).into_iter().partition(|it| it.once);
        *waiting = others;
        hasty
    }
}

/// Those who have waited until a socket is connected. They are told how it went when nothing is
/// locked, because their wakers are the executor's.
#[must_use]
#[derive(Default)]
pub(super) struct Settled(Vec<Connecting>);

impl Settled {
    pub(super) fn tell(self, result: &Result<(), ConnectError>) {
        self.0.iter().for_each(|waiting| waiting.slot.fill(result.clone()));
    }
}

impl State {
    /// Takes those who wait until a socket is connected.
    pub(super) fn settle(&mut self, socket: SocketId) -> Settled {
        Settled(self.connecting.remove(&socket).unwrap_or_default())
    }

    /// Takes those who do not wait for a second attempt.
    pub(super) fn settle_hasty(&mut self) -> Settled {
        Settled(self.connecting.values_mut().flat_map(Connecting::take_hasty).collect())
    }

    /// The same for one socket.
    pub(super) fn settle_hasty_of(&mut self, socket: SocketId) -> Settled {
        let waiting = self.connecting.get_mut(&socket);
        Settled(waiting.map(Connecting::take_hasty).unwrap_or_default())
    }

    /// Takes all who wait for some socket.
    pub(super) fn settle_all(&mut self) -> Settled {
        Settled(std::mem::take(&mut self.connecting).into_values().flatten().collect())
    }
}

impl Shared {
    pub(super) fn new(
        config: Config,
        max_handlers: usize,
        states: States,
        reporter: Reporter,
    ) -> Result<Arc<Self>, ConfigError> {
        let limits = config.limits_out();
        let busy = Arc::<AtomicUsize>::default();
        let state = State {
            client: Core::new(config, seed()?)?,
            waiting: HashMap::new(),
            sockets: HashMap::new(),
            connecting: HashMap::new(),
            refused: HashMap::new(),
            queues: HashMap::new(),
            held: Held::default(),
            busy: Arc::clone(&busy),
            max_handlers,
            closing: false,
            ending: Vec::new(),
            outcome: None,
        };
        Ok(Arc::new(Self {
            driven: Driven::new(state),
            limits,
            busy,
            max_handlers,
            handles: AtomicUsize::new(0),
            is_detached: AtomicBool::new(false),
            states,
            reporter,
        }))
    }

    /// Makes one more socket; `None` if the client was closed.
    pub(super) fn open(
        self: &Arc<Self>,
        namespace: String,
        config: SocketConfig,
        handlers: &AnyValue,
    ) -> Result<Option<Arc<Entry>>, ConfigError> {
        self.driven.command(|state| {
            if state.is_ending() {
                return Ok(None);
            }
            let opened = state.client.open(&namespace, config, Instant::now());
            let key = opened.map_err(|error| {
                let problem = match error {
                    OpenError::Taken => "has a socket already",
                    OpenError::Name | _ => "has no sound name",
                };
                ConfigError { field: "namespace", problem }
            })?;
            let (client, limits) = (Arc::downgrade(self), self.limits);
            let entry = Arc::new(Entry { client, key, namespace, limits });
            let (known, handlers) = (Arc::clone(&entry), Arc::clone(handlers));
            let registered = Registered { entry: known, handlers, listeners: None };
            state.sockets.insert(key, registered);
            Ok(Some(entry))
        })
    }

    pub(super) fn report(&self, entry: &Arc<Entry>, event: &str, fault: Fault) {
        (self.reporter)(entry, event, fault);
    }

    /// The value of a type that handlers get as `State`.
    pub(super) fn state(&self, id: TypeId) -> Option<AnyValue> {
        self.states.get(id).cloned()
    }

    /// Makes known that nobody drives any more, to those who wait for something.
    pub(super) fn abandon(&self) {
        let held = self.driven.with(|state| std::mem::take(&mut state.held));
        let (sockets, settled, waiting, queues, ending, outcome) = self.driven.with(|state| {
            let all_is_well = state.client.is_idle() && state.client.is_delivered();
            let outcome = if all_is_well { Ok(()) } else { Err(Undelivered) };
            state.outcome = Some(outcome);
            let ending = std::mem::take(&mut state.ending);
            let settled = state.settle_all();
            // Sockets hold the machine that holds them.
            let sockets = std::mem::take(&mut state.sockets);
            let (waiting, queues) = (&mut state.waiting, &mut state.queues);
            let (waiting, queues) = (std::mem::take(waiting), std::mem::take(queues));
            (sockets, settled, waiting, queues, ending, outcome)
        });
        settled.tell(&Err(ConnectError::Disconnected));
        waiting.values().for_each(|slot| slot.fill(Err(AckError::Disconnected)));
        queues.values().flatten().for_each(|queue| queue.end());
        ending.iter().for_each(|slot| slot.fill(outcome));
        drop((sockets, held));
    }
}

impl AckOwner for Shared {
    fn cancel_ack(&self, socket: SocketId, ack: AckId) {
        let slot = self.driven.with(|state| {
            if let Some(mut socket) = state.client.socket(socket) {
                socket.cancel_ack(ack);
            }
            state.waiting.remove(&(socket, ack))
        });
        drop(slot);
    }
}

impl Source for State {
    type Output = Output<Event>;

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.next_output()
    }
}

impl State {
    /// A socket, as long as the client can emit.
    pub(super) fn emitting(&mut self, key: SocketId) -> Result<SocketMut<'_>, EmitError> {
        if self.is_ending() {
            return Err(EmitError::Disconnected);
        }
        self.client.socket(key).ok_or(EmitError::Disconnected)
    }

    /// Whether nobody drives the client any more, so that nothing will happen.
    pub(super) const fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether nothing more is to be emitted or connected.
    pub(super) const fn is_ending(&self) -> bool {
        self.closing || self.is_over()
    }

    /// The next output, without those events for which too many handlers wait.
    fn next_output(&mut self) -> Option<Output<Event>> {
        loop {
            let is_busy = self.busy.load(Ordering::Relaxed) >= self.max_handlers;
            if !is_busy {
                if let Some(event) = self.held.pop() {
                    return Some(Output::Event(event));
                }
            }
            self.client.pause(self.held.is_full());
            let output = self.client.poll_output()?;
            if !is_busy {
                return Some(output);
            }
            match output {
                Output::Event(event) if keeps_order(&event) => self.held.push(event),
                output @ (Output::Request { .. }
                | Output::Abort { .. }
                | Output::Open { .. }
                | Output::Send { .. }
                | Output::Ping { .. }
                | Output::Close { .. }
                | Output::Event(_)) => return Some(output),
            }
        }
    }
}
