//! The one task that keeps the time of a client, and hands its outputs to others.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use smol::future::{self, FutureExt};
use smol::{LocalExecutor, Timer};
use sockeye_app::Task;
use sockeye_app::client::{Machine, Runtime};
use sockeye_core::client::{Input, Output};
use sockeye_core::{RequestId, WsId};

use super::address::Address;
use super::http::{self, Pool};
use super::link::Ways;
use super::websocket;
use super::wishes::Wishes;
use crate::signal::Signal;
use crate::spelling::Spelling;

/// How many turns tasks have once the client is over.
const LAST_TURNS: u32 = 1_000;

/// Runs a client; made by [`Connector::build`](super::Connector::build).
#[must_use = "a client does nothing unless it is run"]
pub struct Driver {
    machine: Abandoning,
    address: Address,
    ways: Ways,
}

/// What the tasks of one client share.
///
/// No borrow of what is in here is held while the machine is called, for that runs handlers.
pub(super) struct Hub {
    machine: Arc<dyn Machine>,
    address: Rc<Address>,
    pub(super) ways: Ways,
    /// The executor owns the tasks, and the tasks own the hub.
    executor: Weak<LocalExecutor<'static>>,
    signal: Arc<Signal>,
    /// When the main task looks at the machine again.
    due: Cell<Option<Instant>>,
    requests: RefCell<HashMap<RequestId, smol::Task<()>>>,
    websockets: RefCell<HashMap<WsId, Rc<Wishes>>>,
    /// Nothing is read from WebSockets.
    paused: Cell<bool>,
    pub(super) pool: Pool,
    pub(super) spelling: Spelling,
}

impl Driver {
    pub(super) fn new(machine: Arc<dyn Machine>, address: Address, ways: Ways) -> Self {
        Self { machine: Abandoning(machine), address, ways }
    }

    /// Runs the client until it is [closed](super::Socket::close). The future stays on its thread.
    ///
    /// Handlers that wait for that end still go on; those that wait for something else are dropped.
    ///
    /// Dropping it ends the client at once, and what is not delivered is lost.
    pub async fn run(self) {
        let Self { machine, address, ways } = self;
        let abandoning = machine;
        let machine = Arc::clone(&abandoning.0);
        let executor = Rc::new(LocalExecutor::new());
        let signal = Arc::new(Signal::default());
        let woken = Arc::clone(&signal);
        machine.set_waker(Box::new(move || woken.raise()));
        let hub = Rc::new(Hub {
            machine,
            address: Rc::new(address),
            ways,
            executor: Rc::downgrade(&executor),
            signal,
            due: Cell::default(),
            requests: RefCell::default(),
            websockets: RefCell::default(),
            paused: Cell::default(),
            pool: Pool::default(),
            spelling: Spelling::default(),
        });
        // A task like the others, which has its turn among them: what an executor runs for comes
        // behind many turns of who is busy.
        let keeping = executor.spawn(async move { hub.keep_time().await });
        executor.run(keeping).await;
        drop(abandoning);
        for _ in 0..LAST_TURNS {
            if !executor.try_tick() {
                break;
            }
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Makes known that nobody drives any more, however that came.
struct Abandoning(Arc<dyn Machine>);

impl Drop for Abandoning {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Hub {
    async fn keep_time(self: &Rc<Self>) {
        loop {
            self.drive();
            if self.machine.is_over() && self.websockets.borrow().is_empty() {
                return;
            }
            let due = self.machine.poll_timeout();
            self.due.set(due);
            let time = async {
                match due {
                    Some(due) => drop(Timer::at(due).await),
                    None => future::pending().await,
                }
            };
            future::or(poll_fn(|cx| self.signal.poll_lower(cx)), time).await;
            let now = Instant::now();
            if self.machine.poll_timeout().is_some_and(|due| due <= now) {
                self.machine.handle_timeout(now);
            }
        }
    }

    /// Feeds one input, and carries out what it leads to.
    pub(super) fn feed(self: &Rc<Self>, input: Input) {
        self.machine.handle(input, Instant::now());
        self.drive();
        let due = self.machine.poll_timeout();
        let earlier = due.is_some_and(|due| self.due.get().is_none_or(|before| due < before));
        if earlier || self.machine.is_over() {
            self.signal.raise();
        }
    }

    /// The server of one attempt: the one that was named for it, or the one of the client.
    pub(super) fn address(&self, named: Option<&str>) -> Result<Rc<Address>, String> {
        match named {
            None => Ok(Rc::clone(&self.address)),
            Some(url) => Address::parse(url).map(Rc::new).map_err(|error| error.to_string()),
        }
    }

    fn drive(self: &Rc<Self>) {
        Arc::clone(&self.machine).drive(&mut Hands(self));
        let is_full = self.machine.is_full();
        if self.paused.replace(is_full) != is_full {
            self.websockets.borrow().values().for_each(|wishes| wishes.pause(is_full));
        }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) -> Option<smol::Task<()>> {
        self.executor.upgrade().map(|executor| executor.spawn(task))
    }

    pub(super) fn end_request(&self, req: RequestId) {
        if let Some(task) = self.requests.borrow_mut().remove(&req) {
            task.detach();
        }
    }

    pub(super) fn end_websocket(&self, ws: WsId) {
        self.websockets.borrow_mut().remove(&ws);
        self.signal.raise();
    }

    fn wishes(&self, ws: WsId) -> Option<Rc<Wishes>> {
        self.websockets.borrow().get(&ws).cloned()
    }
}

/// Carries out what the machine wants.
struct Hands<'a>(&'a Rc<Hub>);

impl Runtime for Hands<'_> {
    fn perform(&mut self, output: Output<Infallible>) {
        let hub = self.0;
        match output {
            Output::Request { req, request } => {
                let task = hub.spawn(http::request(Rc::clone(hub), req, request));
                if let Some(task) = task {
                    hub.requests.borrow_mut().insert(req, task);
                }
            }
            Output::Abort { req } => drop(hub.requests.borrow_mut().remove(&req)),
            Output::Open { ws, address, target, headers, protocols, limit } => {
                let wishes = Rc::new(Wishes::default());
                wishes.pause(hub.paused.get());
                hub.websockets.borrow_mut().insert(ws, Rc::clone(&wishes));
                let wanted = websocket::Wanted { ws, address, target, headers, protocols, limit };
                hub.spawn(websocket::serve(Rc::clone(hub), wishes, wanted))
                    .into_iter()
                    .for_each(smol::Task::detach);
            }
            Output::Send { ws, frames } => {
                if let Some(wishes) = hub.wishes(ws) {
                    wishes.send(frames);
                }
            }
            Output::Ping { ws } => {
                if let Some(wishes) = hub.wishes(ws) {
                    wishes.ping();
                }
            }
            Output::Close { ws } => {
                if let Some(wishes) = hub.wishes(ws) {
                    wishes.close();
                }
            }
            Output::Event(never) => match never {},
        }
    }

    fn spawn(&mut self, task: Task) {
        let guarded = async {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                log::error!("a task panicked; everything else goes on");
            }
        };
        self.0.spawn(guarded).into_iter().for_each(smol::Task::detach);
    }
}
