//! The core's server together with the handlers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sockeye_core::engine::{Admission, EngineConfig};
use sockeye_core::{
    AckId, ConfigError, Event, Input, Output, Room, Selector, Server, ServerConfig, Sid, SocketId,
};

use crate::ack::{AckSender, Gathered, Slot};
use crate::app::{Directory, Shared};
use crate::call::{ConnectCall, DisconnectCall, EventCall};
use crate::driven::{Driven, Source, Wake};
use crate::error::Error;
use crate::gate::{decide, judge};
use crate::handler::run;
use crate::machine::{Machine, Runtime};
use crate::socket::{Data, Socket};

/// The machine of an [`App`](crate::App): the core's server together with the handlers.
pub(crate) struct Shard {
    driven: Driven<State>,
    handlers: Directory,
    shared: Shared,
    config: EngineConfig,
}

/// What is changed under the lock.
pub(crate) struct State {
    pub(crate) server: Server,
    pub(crate) waiting: HashMap<(SocketId, AckId), Arc<Slot>>,
    pub(crate) gathering: HashMap<AckId, Arc<Slot<Gathered>>>,
    /// The data of sockets whose clients are away.
    kept: HashMap<Sid, Arc<Data>>,
    sockets: HashMap<SocketId, Socket>,
}

impl State {
    /// Forgets a socket that was asking to join. Who came back by it may try again.
    fn withdraw(&mut self, socket: SocketId) {
        if let Some(socket) = self.sockets.remove(&socket).filter(Socket::is_recovered) {
            let (sid, data) = socket.keep();
            self.kept.insert(sid, data);
        }
    }

    pub(crate) fn sockets(&self, namespace: &str, selector: &Selector) -> Vec<Socket> {
        let keys = self.server.select(namespace, selector);
        keys.iter().filter_map(|key| self.sockets.get(key).cloned()).collect()
    }

    pub(crate) fn forget(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
    }
}

impl Shard {
    pub(crate) fn new(
        config: ServerConfig,
        handlers: Directory,
        shared: Shared,
    ) -> Result<Arc<Self>, ConfigError> {
        let engine = config.engine.clone();
        let server = Server::new(config, seed()?)?;
        let state = State {
            server,
            waiting: HashMap::new(),
            gathering: HashMap::new(),
            kept: HashMap::new(),
            sockets: HashMap::new(),
        };
        Ok(Arc::new(Self { driven: Driven::new(state), handlers, shared, config: engine }))
    }

    /// Applies a command at once, and sees to it that its outputs are carried out.
    pub(crate) fn command<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.driven.command(act)
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

    /// The handle to a socket, made when the machine first tells of it.
    fn meet(self: &Arc<Self>, key: SocketId, namespace: Room) -> Option<Socket> {
        self.driven.with(|state| {
            let sid = state.server.socket(key)?.sid().clone();
            let met = state.sockets.get(&key);
            if let Some(socket) = met.filter(|socket| socket.id() == sid.as_str()) {
                return Some(socket.clone());
            }
            // Who came back too late for what it has missed got a new id while it was waiting.
            let renamed = met.map(|socket| socket.keep().1);
            let handlers = self.handlers.find(&namespace)?;
            let kept = state.kept.remove(&sid);
            let recovered = kept.is_some();
            let data = kept.or(renamed).unwrap_or_default();
            let shard = Arc::clone(self);
            let socket = Socket::new(shard, key, sid, namespace, handlers, data, recovered);
            state.sockets.insert(key, socket.clone());
            Some(socket)
        })
    }

    /// Hands an event to whoever waits for it.
    fn dispatch(self: &Arc<Self>, event: Event, runtime: &mut dyn Runtime) {
        match event {
            Event::Requested { id, handshake } => {
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
                let Some(socket) = self.meet(key, namespace) else {
                    // Nobody has told what to do with a namespace of this name.
                    return self.command(|state| state.server.reject_namespace(key));
                };
                decide(socket, auth).into_iter().for_each(|task| runtime.spawn(task));
            }
            Event::Withdrawn { socket } => self.driven.with(|state| state.withdraw(socket)),
            Event::Connected { socket: key, namespace, auth, .. } => {
                let Some(socket) = self.meet(key, namespace) else { return };
                for handler in &socket.handlers().connect {
                    let call = ConnectCall { socket: socket.clone(), auth: auth.clone() };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
                }
            }
            Event::Received { socket: key, name, args, ack } => {
                let socket = self.driven.with(|state| state.sockets.get(&key).cloned());
                let Some(socket) = socket else { return };
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
                let slot = self.driven.with(|state| state.waiting.remove(&(socket, ack)));
                if let Some(slot) = slot {
                    slot.fill(result);
                }
            }
            Event::Gathered { ack, answers, lost, late } => {
                let slot = self.driven.with(|state| state.gathering.remove(&ack));
                if let Some(slot) = slot {
                    slot.fill(Gathered { answers, lost, late });
                }
            }
            Event::Expired { sid } => {
                self.driven.with(|state| state.kept.remove(&sid));
            }
            Event::Disconnected { socket: key, reason, rooms, may_return } => {
                let socket = self.driven.with(|state| {
                    let socket = state.sockets.remove(&key)?;
                    if may_return {
                        let (sid, data) = socket.keep();
                        state.kept.insert(sid, data);
                    }
                    Some(socket)
                });
                let Some(socket) = socket else { return };
                for handler in &socket.handlers().disconnect {
                    let (socket, rooms) = (socket.clone(), rooms.clone());
                    let call = DisconnectCall { socket, reason, rooms };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
                }
            }
            // The core may learn to tell more, which an older app does not ask for.
            Event::Upgraded { .. } | _ => {}
        }
    }
}

impl Source for State {
    type Event = Event;

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.server.poll_output()
    }
}

impl Machine for Shard {
    fn matches(&self, path: &str) -> bool {
        self.config.matches(path)
    }

    fn handle(&self, input: Input<'_>, now: Instant) {
        self.driven.with(|state| state.server.handle(input, now));
    }

    fn handle_timeout(&self, now: Instant) {
        self.driven.with(|state| state.server.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.driven.with(|state| state.server.poll_timeout())
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        self.driven.drive(runtime, |event, runtime| self.dispatch(event, runtime));
    }

    fn set_waker(&self, wake: Wake) {
        self.driven.set_waker(wake);
    }

    fn close(&self, now: Instant) {
        self.driven.command(|state| state.server.shut_down(now));
    }

    fn is_idle(&self) -> bool {
        self.driven.with(|state| state.server.is_idle())
    }
}

/// Random numbers of the system's, from which ids are drawn.
pub(crate) fn seed() -> Result<[u8; 32], ConfigError> {
    let mut seed = [0; 32];
    let missing = ConfigError { field: "seed", problem: "the system has no random numbers" };
    getrandom::fill(&mut seed).map_err(|_| missing)?;
    Ok(seed)
}
