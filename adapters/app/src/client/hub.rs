//! The core's client together with the handlers.

use std::any::Any;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Instant;

use log::Level;
use sockeye_core::client::{Client as Core, Event, Input, OpenError, Output};
use sockeye_core::packet::Limits;
use sockeye_core::{AckError, AckId, ConfigError, SocketId};

use super::builder::{Client, Handlers, Shared};
use super::closing::Undelivered;
use super::events::Queue;
use super::held::{Count, Held};
use super::machine::{Machine, Runtime};
use super::socket::{Inner, Socket};
use super::{ConnectError, Error, Refused};
use crate::handles::ack::Slot;
use crate::server::endpoint::seed;
use crate::state::driven::{Driven, Source, Wake};
use crate::state::report::{report, write};

/// The machine of a [`Client`].
pub(crate) struct Hub {
    pub(super) driven: Driven<State>,
    pub(super) shared: Shared,
    limits: Limits,
    /// How many handlers wait.
    pub(super) busy: Count,
    max_handlers: usize,
    /// How many handles there are.
    pub(super) handles: AtomicUsize,
    /// The connection goes on without handles.
    pub(super) is_detached: AtomicBool,
}

/// What is changed under the lock.
pub(crate) struct State {
    pub(super) client: Core,
    pub(super) waiting: HashMap<(SocketId, AckId), Arc<Slot>>,
    pub(super) sockets: HashMap<SocketId, Arc<Inner>>,
    /// Who waits until a socket is connected.
    pub(super) connecting: HashMap<SocketId, Vec<Connecting>>,
    /// The last refusals, of sockets that have not asked again.
    pub(super) refused: HashMap<SocketId, Refused>,
    /// Who listens to a socket in a loop.
    pub(super) queues: HashMap<SocketId, Vec<Arc<Queue>>>,
    /// Events for which too many handlers wait.
    pub(super) held: Held,
    pub(super) busy: Count,
    pub(super) max_handlers: usize,
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

impl Hub {
    pub(super) fn new(client: Client) -> Result<(Arc<Self>, Vec<Socket>), ConfigError> {
        let Client { config, namespaces, shared } = client;
        let limits = config.limits_out();
        let core = Core::new(config, seed()?)?;
        let busy = Count::default();
        let max_handlers = shared.max_handlers.map_or(100, NonZeroUsize::get);
        let state = State {
            client: core,
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
        let hub = Arc::new(Self {
            driven: Driven::new(state),
            shared,
            limits,
            busy,
            max_handlers,
            handles: AtomicUsize::new(0),
            is_detached: AtomicBool::new(false),
        });
        let mut sockets = Vec::new();
        for (name, handlers) in namespaces {
            let handlers = Arc::new(handlers);
            sockets.push(hub.driven.command(|state| hub.add(state, name, &handlers))?);
        }
        Ok((hub, sockets))
    }

    /// Makes one more socket, unless the client was closed.
    pub(super) fn open(
        self: &Arc<Self>,
        name: String,
        handlers: Handlers,
    ) -> Result<Socket, ConnectError> {
        // If there is no socket for them, they are dropped when nothing is locked.
        let handlers = Arc::new(handlers);
        self.driven.command(|state| {
            if state.is_ending() {
                return Err(ConnectError::Disconnected);
            }
            Ok(self.add(state, name, &handlers)?)
        })
    }

    fn add(
        self: &Arc<Self>,
        state: &mut State,
        name: String,
        handlers: &Arc<Handlers>,
    ) -> Result<Socket, ConfigError> {
        if let Some(problem) = handlers.problem {
            return Err(ConfigError { field: "auth", problem });
        }
        let opened = state.client.open(&name, handlers.config.clone(), Instant::now());
        let key = opened.map_err(|error| {
            let problem = match error {
                OpenError::Taken => "has a socket already",
                OpenError::Name | _ => "has no sound name",
            };
            ConfigError { field: "namespace", problem }
        })?;
        let socket = Socket::new(self, key, name, Arc::clone(handlers));
        state.sockets.insert(key, Arc::clone(socket.inner()));
        Ok(socket)
    }

    pub(super) fn report(&self, error: Error) {
        report(self.shared.on_error.as_ref(), error.fault.level(), error);
    }

    pub(super) const fn max_handlers(&self) -> usize {
        self.max_handlers
    }

    /// What packets may hold that are sent.
    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn states(&self) -> &[Arc<dyn Any + Send + Sync>] {
        &self.shared.state
    }
}

impl Source for State {
    type Output = Output<Event>;

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.next_output()
    }
}

impl Machine for Hub {
    fn handle(&self, input: Input, now: Instant) {
        self.driven.with(|state| state.client.handle(input, now));
    }

    fn handle_timeout(&self, now: Instant) {
        self.driven.with(|state| state.client.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.driven.with(|state| state.client.poll_timeout())
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        self.driven.drive(|output| match output.into_event() {
            Ok(event) => {
                // Handlers are guarded one by one; values that they leave behind are not.
                let dispatch = AssertUnwindSafe(|| self.dispatch(event, runtime));
                if catch_unwind(dispatch).is_err() {
                    write(Level::Error, &"a panic beside the handlers; everything else goes on");
                }
            }
            Err(output) => runtime.perform(output),
        });
    }

    fn set_waker(&self, wake: Wake) {
        self.driven.set_waker(wake);
    }

    fn is_full(&self) -> bool {
        self.driven.with(|state| state.is_full())
    }

    fn is_over(&self) -> bool {
        self.driven.with(|state| state.closing && state.client.is_idle())
    }

    fn abandon(&self) {
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

impl State {
    /// Whether nobody drives the client any more, so that nothing will happen.
    pub(super) const fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether nothing more is to be emitted or connected.
    pub(super) const fn is_ending(&self) -> bool {
        self.closing || self.is_over()
    }
}
