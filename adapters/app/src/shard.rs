//! What an adapter drives: the machine together with the handlers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use sockeye_core::engine::{Admission, EngineConfig, StaticFile};
use sockeye_core::{
    AckId, ConfigError, Event, Input, Output, Room, Server, ServerConfig, SocketId,
};

use crate::ack::{AckSender, Slot};
use crate::app::{Handlers, Shared};
use crate::call::{ConnectCall, DisconnectCall, EventCall};
use crate::error::Error;
use crate::gate::{decide, judge};
use crate::handler::run;
use crate::socket::Socket;

/// The rest of a handler that has to wait for something.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What a shard asks of the adapter that drives it.
pub trait Runtime {
    /// Carries out one output. Called without any lock held; must not call back into the shard.
    fn perform(&mut self, output: Output<Infallible>);

    /// Runs the rest of a handler to its end, on this thread.
    fn spawn(&mut self, task: Task);
}

/// Where a request belongs by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the machine: feed it as [`Input::Request`] or [`Input::Upgrade`].
    Machine,
    /// To nobody here: the adapter's own routes.
    Elsewhere,
}

/// One machine with its handlers.
///
/// An adapter feeds inputs with [`handle`](Self::handle) and then calls [`drive`](Self::drive),
/// sleeps until [`poll_timeout`](Self::poll_timeout), and calls `drive` when it was woken.
pub struct Shard {
    state: Mutex<State>,
    handlers: HashMap<Room, Arc<Handlers>>,
    shared: Shared,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
    config: EngineConfig,
}

/// What is changed under the lock; no user code runs while it is held.
pub(crate) struct State {
    pub(crate) server: Server,
    pub(crate) waiting: HashMap<(SocketId, AckId), Arc<Slot>>,
    sockets: HashMap<SocketId, Socket>,
    /// Somebody is in `drive` and will see what is added.
    driving: bool,
    /// The adapter was told to drive.
    woken: bool,
}

impl State {
    pub(crate) fn forget(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
    }
}

impl Shard {
    pub(crate) fn new(
        mut config: ServerConfig,
        handlers: HashMap<Room, Arc<Handlers>>,
        shared: Shared,
    ) -> Result<Arc<Self>, ConfigError> {
        if config.engine.files.is_empty() {
            config.engine.files = client_files();
        }
        let mut seed = [0; 32];
        let entropy = ConfigError { field: "seed", problem: "the system has no random numbers" };
        getrandom::fill(&mut seed).map_err(|_| entropy)?;
        let engine = config.engine.clone();
        let server = Server::new(config, seed)?;
        Ok(Arc::new(Self {
            state: Mutex::new(State {
                server,
                waiting: HashMap::new(),
                sockets: HashMap::new(),
                driving: false,
                woken: false,
            }),
            handlers,
            shared,
            wake: OnceLock::new(),
            config: engine,
        }))
    }

    /// Says where a request with this path belongs.
    #[must_use]
    pub fn route(&self, path: &str) -> Route {
        if self.config.matches(path) { Route::Machine } else { Route::Elsewhere }
    }

    /// The greatest size in bytes of a WebSocket message.
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        self.config.max_payload
    }

    /// Feeds one input; follow with [`drive`](Self::drive).
    pub fn handle(&self, input: Input<'_>, now: Instant) {
        self.lock().server.handle(input, now);
    }

    /// Lets time pass; follow with [`drive`](Self::drive).
    pub fn handle_timeout(&self, now: Instant) {
        self.lock().server.handle_timeout(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.lock().server.poll_timeout()
    }

    /// Runs handlers and hands out outputs until nothing is left to do.
    ///
    /// If another call is doing so already, returns at once: that one takes over what is there.
    pub fn drive(self: &Arc<Self>, runtime: &mut impl Runtime) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.driving, true) {
            return;
        }
        let _driving = Driving(self);
        loop {
            let Some(output) = state.server.poll_output() else {
                state.driving = false;
                state.woken = false;
                return;
            };
            match output.into_event() {
                Err(output) => {
                    drop(state);
                    runtime.perform(output);
                }
                Ok(event) => self.dispatch(event, state, runtime),
            }
            state = self.lock();
        }
    }

    /// Sets what is called when something outside of [`drive`](Self::drive), on whatever thread,
    /// has made outputs or an earlier deadline, so that `drive` must be called soon. Only the
    /// first call counts.
    pub fn set_waker(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second driver for one machine is a mistake that loses nothing.
        let _ = self.wake.set(Box::new(wake));
    }

    /// Closes everything gracefully; the adapter drives on until [`is_idle`](Self::is_idle).
    pub fn close(&self, now: Instant) {
        self.command(|state| state.server.shut_down(now));
    }

    /// Whether no session is left, not even one that is being closed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lock().server.is_idle()
    }

    /// Applies a command at once, and sees to it that its outputs are carried out.
    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        let wake = !state.driving && !std::mem::replace(&mut state.woken, true);
        drop(state);
        if wake {
            if let Some(wake) = self.wake.get() {
                wake();
            }
        }
        result
    }

    pub(crate) fn report(&self, error: Error) {
        match &self.shared.on_error {
            Some(handler) => handler(error),
            None => log::error!("{error}"),
        }
    }

    pub(crate) fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.shared.state.iter().find(|value| value.is::<T>()).cloned()?.downcast().ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handle to a socket, made when the machine first tells of it.
    fn meet(self: &Arc<Self>, state: &mut State, key: SocketId, namespace: Room) -> Option<Socket> {
        if let Some(socket) = state.sockets.get(&key) {
            return Some(socket.clone());
        }
        let sid = state.server.socket(key)?.sid().clone();
        let handlers = Arc::clone(self.handlers.get(&namespace)?);
        let socket = Socket::new(Arc::clone(self), key, sid, namespace, handlers);
        state.sockets.insert(key, socket.clone());
        Some(socket)
    }

    /// Hands an event to whoever waits for it; gives the lock back before user code runs.
    fn dispatch(
        self: &Arc<Self>,
        event: Event,
        mut state: MutexGuard<'_, State>,
        runtime: &mut impl Runtime,
    ) {
        match event {
            Event::Requested { id, handshake } => {
                drop(state);
                let Some(veto) = &self.shared.veto else { return };
                let shard = Arc::clone(self);
                let tell = move |verdict: Result<Admission, String>| {
                    shard.command(|state| match verdict {
                        Ok(admission) => state.server.allow(id, admission, Instant::now()),
                        Err(message) => state.server.deny(id, &message),
                    });
                };
                judge(veto, handshake, tell).into_iter().for_each(|task| runtime.spawn(task));
            }
            Event::Connecting { socket: key, namespace, auth } => {
                let Some(socket) = self.meet(&mut state, key, namespace) else { return };
                drop(state);
                decide(socket, auth).into_iter().for_each(|task| runtime.spawn(task));
            }
            Event::Withdrawn { socket } => state.forget(socket),
            Event::Connected { socket: key, namespace, auth } => {
                let Some(socket) = self.meet(&mut state, key, namespace) else { return };
                drop(state);
                for handler in &socket.handlers().connect {
                    let call = ConnectCall { socket: socket.clone(), auth: auth.clone() };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
                }
            }
            Event::Received { socket: key, name, args, ack } => {
                let Some(socket) = state.sockets.get(&key).cloned() else {
                    return;
                };
                drop(state);
                let handlers = socket.handlers();
                let single = handlers.events.get(name.as_str()).into_iter().flatten();
                let mut ack = ack.map(|responder| AckSender::new(socket.clone(), responder));
                let last = single.clone().count();
                for (index, handler) in handlers.any.iter().chain(single).enumerate() {
                    // The right to answer goes to the first handler for this very event.
                    let first = index == handlers.any.len() && last > 0;
                    let call = EventCall {
                        socket: socket.clone(),
                        name: name.clone(),
                        args: args.clone(),
                        ack: if first { ack.take() } else { None },
                    };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
                }
            }
            Event::Acked { socket, ack, result } => {
                let slot = state.waiting.remove(&(socket, ack));
                drop(state);
                if let Some(slot) = slot {
                    slot.fill(result);
                }
            }
            Event::Disconnected { socket: key, reason, rooms } => {
                let Some(socket) = state.sockets.remove(&key) else {
                    return;
                };
                drop(state);
                for handler in &socket.handlers().disconnect {
                    let (socket, rooms) = (socket.clone(), rooms.clone());
                    let call = DisconnectCall { socket, reason, rooms };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
                }
            }
            // The core may learn to tell more, which an older app does not ask for.
            _ => {}
        }
    }
}

/// Ends a drive that a panic of the adapter's has cut short.
struct Driving<'a>(&'a Shard);

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().driving = false;
        }
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").finish_non_exhaustive()
    }
}

/// The client script, as the machine takes files.
fn client_files() -> &'static [StaticFile] {
    static FILES: LazyLock<Vec<StaticFile>> = LazyLock::new(|| {
        let file = |file: &'static sockeye_browser::ClientFile| StaticFile {
            name: file.name,
            content_type: file.content_type,
            etag: file.etag(),
            body: file.body,
        };
        sockeye_browser::FILES.iter().map(file).collect()
    });
    &FILES
}
