//! From what the machine tells to the handlers that want to hear it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use log::Level;
use sockeye_core::SocketId;
use sockeye_core::client::{Event as Told, Fault as ConnectionFault};

use super::calls::{ConnectCall, DisconnectCall, RefusedCall};
use super::connect_error::{ConnectError, Refused};
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::handlers::Handlers;
use super::listening::own_handlers;
use super::machine::Runtime;
use super::queue::{Event, Queue};
use super::shared::State;
use super::socket::Socket;
use crate::handlers::call::Call;
use crate::handlers::delivery::Delivery;
use crate::handlers::handler::{BoxHandler, guard, run, start};
use crate::handles::ack::AckSender;
use crate::state::fault::Fault;
use crate::state::report::write;
use crate::state::slot::take_gone;
use crate::state::values::AnyValue;

impl Endpoint {
    /// Hands an event to whoever waits for it.
    pub(super) fn dispatch(self: &Arc<Self>, event: Told, runtime: &mut dyn Runtime) {
        match event {
            Told::Authenticating { socket } => self.authenticate(socket, runtime),
            Told::Attempting => self.attempt(runtime),
            Told::Connected { socket: key, recovered, .. } => {
                // Who listens once it is connected has not asked for this.
                self.queues(key).iter().for_each(|it| it.push(Event::Connected { recovered }));
                self.shared.driven.with(|state| state.settle(key)).tell(&Ok(()));
                let Some((socket, handlers)) = self.get(key) else { return };
                let call = || ConnectCall { socket: socket.clone() };
                call_all(&handlers.connect, call, runtime);
            }
            Told::Refused { socket: key, message, data } => {
                let refused = Refused { message, data };
                let error = ConnectError::Refused(refused.clone());
                let settled = self.shared.driven.with(|state| {
                    state.refused.insert(key, refused.clone());
                    state.settle(key)
                });
                for queue in self.queues(key) {
                    queue.push(Event::Refused(refused.clone()));
                }
                settled.tell(&Err(error));
                let Some((socket, handlers)) = self.get(key) else { return };
                let call = || RefusedCall { socket: socket.clone(), refused: refused.clone() };
                call_all(&handlers.refused, call, runtime);
            }
            Told::Unanswered { socket: key } => {
                let error = ConnectError::Failed(ConnectionFault::Unanswered);
                self.shared.driven.with(|state| state.settle_hasty_of(key)).tell(&Err(error));
                if let Some((socket, _)) = self.get(key) {
                    socket.report("connect", Fault::Unanswered);
                }
            }
            Told::Disconnected { socket: key, reason, .. } => {
                let Some((socket, handlers)) = self.get(key) else { return };
                self.queues(key).iter().for_each(|it| it.push(Event::Disconnected(reason)));
                let call = || DisconnectCall { socket: socket.clone(), reason };
                call_all(&handlers.disconnect, call, runtime);
            }
            Told::Received { socket, name, args, ack } => {
                let found = self.shared.driven.with(|state| {
                    let it = state.sockets.get(&socket)?;
                    let (entry, handlers) = (Arc::clone(&it.entry), Arc::clone(&it.handlers));
                    Some((entry, handlers, it.listeners.clone()))
                });
                let Some((entry, handlers, listeners)) = found else { return };
                let socket = Socket::new(entry);
                let ack = ack.map(|responder| AckSender::new(Arc::new(socket.clone()), responder));
                let delivery = Delivery { socket, name, args, ack };
                self.received(delivery, handlers, listeners, runtime);
            }
            Told::Acked { socket, ack, result } => {
                let slot = self.shared.driven.with(|state| state.waiting.remove(&(socket, ack)));
                if let Some(slot) = slot {
                    slot.fill(result);
                }
            }
            Told::GivenUp { socket, name, error } => {
                if let Some((socket, _)) = self.get(socket) {
                    socket.report(&name, Fault::GivenUp(error));
                }
            }
            Told::Opened { transport, attempts } => {
                self.tell(&Connection::Opened { transport, attempts });
            }
            Told::Upgraded => self.tell(&Connection::Upgraded),
            Told::NotUpgraded { fault } => self.tell(&Connection::NotUpgraded(fault)),
            Told::Failed { attempt, fault } => {
                let settled = self.shared.driven.with(|state| {
                    let last = !state.client.config().reconnection;
                    if last { state.settle_all() } else { state.settle_hasty() }
                });
                settled.tell(&Err(ConnectError::Failed(fault.clone())));
                self.tell(&Connection::Failed { attempt, fault });
            }
            Told::Closed { reason, fault } => {
                // Who waits for the first attempt alone was not let in by it.
                let error = fault.clone().map_or(ConnectError::Disconnected, ConnectError::Failed);
                self.shared.driven.with(State::settle_hasty).tell(&Err(error));
                self.tell(&Connection::Closed { reason, fault });
            }
            Told::Reconnecting { attempt } => self.tell(&Connection::Reconnecting { attempt }),
            Told::GaveUp => {
                let settled = self.shared.driven.with(|state| state.settle_all());
                settled.tell(&Err(ConnectError::Disconnected));
                self.tell(&Connection::GaveUp);
            }
            // The core may learn to tell more, which nobody here asks for.
            _ => {}
        }
    }

    fn get(&self, key: SocketId) -> Option<(Socket, Arc<Handlers>)> {
        let (entry, handlers) = self.shared.driven.with(|state| {
            let it = state.sockets.get(&key)?;
            Some((Arc::clone(&it.entry), Arc::clone(&it.handlers)))
        })?;
        Some((Socket::new(entry), handlers.downcast().ok()?))
    }

    /// Those who listen in a loop, and are still there.
    fn queues(&self, key: SocketId) -> Vec<Arc<Queue>> {
        let (queues, gone) = self.shared.driven.with(|state| match state.queues.get_mut(&key) {
            Some(queues) => {
                let gone = take_gone(queues, |queue| queue);
                (queues.clone(), gone)
            }
            None => (Vec::new(), Vec::new()),
        });
        drop(gone);
        queues
    }

    fn tell(&self, connection: &Connection) {
        let Some(handler) = &self.on_connection else { return };
        if catch_unwind(AssertUnwindSafe(|| handler(connection))).is_err() {
            write(Level::Error, &"a handler for the connection panicked");
        }
    }

    fn authenticate(&self, key: SocketId, runtime: &mut dyn Runtime) {
        let Some((socket, handlers)) = self.get(key) else { return };
        let asking = async move {
            let answer = socket.clone();
            let asked = async {
                let Some(ask) = &handlers.auth else { return Ok(()) };
                let data = ask().await.map_err(Fault::Handler)?;
                answer.authenticate(&data)
            };
            if let Err(fault) = guard(asked).await {
                answer.report("auth", fault);
                answer.disconnect();
            }
        };
        start(asking).into_iter().for_each(|task| runtime.spawn(task));
    }

    fn attempt(self: &Arc<Self>, runtime: &mut dyn Runtime) {
        let endpoint = Arc::clone(self);
        let asking = async move {
            let asked = async {
                let Some(ask) = &endpoint.ask_attempt else { return Ok(()) };
                let attempt = ask().await.map_err(Fault::Handler)?;
                let begun = endpoint
                    .shared
                    .driven
                    .command(|state| state.client.attempt(attempt, Instant::now()));
                begun.map_err(|error| Fault::Handler(error.into()))
            };
            if let Err(fault) = guard(asked).await {
                let (message, now) = (fault.to_string(), Instant::now());
                endpoint.shared.driven.command(|state| state.client.fail_attempt(message, now));
            }
        };
        start(asking).into_iter().for_each(|task| runtime.spawn(task));
    }

    fn received(
        &self,
        mut delivery: Delivery<Socket>,
        handlers: AnyValue,
        listeners: Option<AnyValue>,
        runtime: &mut dyn Runtime,
    ) {
        let Ok(handlers) = handlers.downcast::<Handlers>() else { return };
        let own = own_handlers(listeners, &delivery.name);
        for queue in self.queues(delivery.socket.key()) {
            let call = delivery.call(false);
            let (name, args, ack) = (call.name, call.args, call.ack);
            queue.push(Event::Received { name, args, ack });
        }
        let name = delivery.name.clone();
        let any = handlers.events.any.iter().chain(&own.any);
        let all = any.chain(handlers.events.of_event(&name)).chain(&own.single);
        delivery.deliver(all).into_iter().for_each(|task| runtime.spawn(task));
    }
}

fn call_all<C: Call>(handlers: &[BoxHandler<C>], call: impl Fn() -> C, runtime: &mut dyn Runtime) {
    for handler in handlers {
        run(handler, call()).into_iter().for_each(|task| runtime.spawn(task));
    }
}
