//! From what the machine tells to the handlers that want to hear it.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use log::Level;
use sockeye_core::engineio::Admission;
use sockeye_core::{
    DisconnectReason, Event, Namespace as NamespaceName, Room, RoomChange, SocketId,
};

use super::admission::decide;
use super::endpoint::Endpoint;
use super::machine::Runtime;
use crate::handlers::call::{ConnectCall, DisconnectCall, EventCall, ExpiredCall, UpgradeCall};
use crate::handlers::delivery::Delivery;
use crate::handlers::handler::{Outcome, Task, discard, guard, run, start};
use crate::handlers::listeners::{SocketListeners, listeners_of};
use crate::handlers::namespace::Handlers;
use crate::handlers::packet::{Packet, PacketCall};
use crate::handles::ack::AckSender;
use crate::handles::backpressure::{Awaited, HandlerPermit, ServerPermit, polling};
use crate::handles::io::Io;
use crate::handles::socket::Socket;
use crate::state::end::Place;
use crate::state::fault::Fault;
use crate::state::report::write;
use crate::state::shared::{AppEvent, Data, Entry, Kept, Sent};
use crate::state::slot::Gathered;

impl Endpoint {
    /// Hands an event to whoever waits for it.
    pub(crate) fn dispatch(&self, event: AppEvent, runtime: &mut dyn Runtime) {
        let event = match event {
            AppEvent::Core(event) => event,
            AppEvent::Sent(sent) => return self.sent(&sent, runtime),
            AppEvent::Stalled(entry) => {
                let socket = Socket::new(entry);
                socket.report("max_handlers", Fault::Stalled);
                return socket.close();
            }
        };
        match event {
            Event::HandshakeRequested { id, handshake } => {
                let Some(allow_request) = &self.allow_request else { return };
                let server = self.reference.clone();
                let tell = move |decision: Result<Admission, String>| {
                    let Some(server) = server.get() else { return };
                    server.command(|state| match decision {
                        Ok(admission) => {
                            state.server.accept_handshake(id, admission, Instant::now())
                        }
                        Err(message) => state.server.reject_handshake(id, &message),
                    });
                };
                spawn(self.undecided.judge(allow_request, (id, handshake), tell), runtime);
            }
            Event::HandshakeAborted { id } => self.undecided.abort(id),
            Event::Connecting { socket: key, namespace, auth } => {
                let Some(socket) = self.get_or_create(key, namespace) else {
                    // Nobody has told what to do with a namespace of this name.
                    return self.shared.command(|state| state.server.reject_namespace(key));
                };
                spawn(decide(socket.clone(), Arc::clone(self.handlers(&socket)), auth), runtime);
            }
            Event::ConnectAborted { socket } => {
                let forgotten = self.shared.driven.with(|state| state.forget(socket));
                if let Some(registered) = &forgotten {
                    registered.entry.end.finish();
                }
                drop(forgotten);
            }
            Event::Connected { socket: key, namespace, auth, .. } => {
                let Some(socket) = self.get_or_create(key, namespace) else { return };
                if socket.is_recovered() {
                    // It is the socket of before from now on.
                    let sid = &socket.entry().sid;
                    drop(self.shared.driven.with(|state| state.kept.remove(sid)));
                }
                for handler in &self.handlers(&socket).connect {
                    let call = ConnectCall { socket: socket.clone(), auth: auth.clone() };
                    spawn(run(handler, call), runtime);
                }
            }
            Event::Upgraded { socket: key } => {
                let Some(socket) = self.get(key) else { return };
                for handler in &self.handlers(&socket).upgrade {
                    spawn(run(handler, UpgradeCall { socket: socket.clone() }), runtime);
                }
            }
            Event::Received { socket: key, name, args, ack } => {
                let found = self.shared.driven.with(|state| {
                    let registered = state.sockets.get(&key)?;
                    Some((Arc::clone(&registered.entry), registered.listeners.clone()))
                });
                let Some((entry, listeners)) = found else { return };
                let ack = ack.map(|responder| {
                    let target = Arc::<Entry>::clone(&entry);
                    AckSender::new(target, responder)
                });
                let delivery = Delivery { socket: Socket::new(entry), name, args, ack };
                self.received(delivery, listeners_of(listeners), runtime);
            }
            Event::Acked { socket, ack, result } => {
                let slot = self.shared.driven.with(|state| state.waiting.remove(&(socket, ack)));
                if let Some(slot) = slot {
                    slot.fill(result);
                }
            }
            Event::BroadcastAcked { ack, answers, disconnected, timed_out } => {
                let slot = self.shared.driven.with(|state| state.gathering.remove(&ack));
                if let Some(slot) = slot {
                    slot.fill(Gathered { answers, lost: disconnected, late: timed_out });
                }
            }
            Event::Drained { socket } => {
                let waiting = self.shared.driven.with(|state| state.take_draining(socket));
                waiting.iter().for_each(|slot| slot.fill(true));
            }
            Event::Room { namespace, room, change } => self.tell_room(namespace, &room, &change),
            Event::Violation { sid, violation } => {
                log::debug!("the connection of session {sid} is closed: {violation}");
            }
            Event::RecoveryExpired { sid } => {
                let kept = self.shared.driven.with(|state| state.kept.remove(&sid));
                let Some(Kept { entry, data }) = kept else { return };
                let socket = Socket::new(entry);
                for handler in &self.handlers(&socket).expired {
                    let left = run(handler, ExpiredCall { socket: socket.clone() });
                    spawn(left.map(|task| keeping(&data, task)), runtime);
                }
            }
            Event::Disconnected { socket, reason, rooms, may_return } => {
                self.disconnected(socket, reason, &rooms, may_return, runtime);
            }
            // The core may learn to tell more, which an older app does not ask for.
            _ => {}
        }
    }

    fn get(&self, key: SocketId) -> Option<Socket> {
        let registered = self
            .shared
            .driven
            .with(|state| state.sockets.get(&key).map(|registered| Arc::clone(&registered.entry)));
        registered.map(Socket::new)
    }

    /// The handlers for the namespace of a socket.
    fn handlers(&self, socket: &Socket) -> &Arc<Handlers> {
        self.directory.get(socket.entry().handlers)
    }

    fn tell_room(&self, namespace: NamespaceName, room: &str, change: &RoomChange) {
        let Some((index, _)) = self.find(&namespace) else { return };
        let io = Io::new(self.reference.clone(), namespace);
        for handler in &self.directory.get(index).room {
            if catch_unwind(AssertUnwindSafe(|| handler(&io, room, change))).is_err() {
                write(Level::Error, &"a handler for changes of rooms panicked");
            }
        }
    }

    fn disconnected(
        &self,
        key: SocketId,
        reason: DisconnectReason,
        rooms: &[Room],
        may_return: bool,
        runtime: &mut dyn Runtime,
    ) {
        // Nobody comes back to a server that shuts down.
        let may_return = may_return && reason != DisconnectReason::ServerShuttingDown;
        let (registered, waiting, replaced) = self.shared.driven.with(|state| {
            state.stalls.clear(key);
            let registered = state.sockets.remove(&key);
            let returning = registered.as_ref().filter(|_| may_return);
            let replaced = returning.and_then(|it| {
                let kept = Kept { entry: Arc::clone(&it.entry), data: Arc::clone(&it.data) };
                state.kept.insert(it.entry.sid.clone(), kept)
            });
            state.leaving = Some((key, rooms.to_vec()));
            (registered, state.take_draining(key), replaced)
        });
        drop(replaced);
        waiting.iter().for_each(|slot| slot.fill(false));
        let Some(registered) = registered else { return };
        let socket = Socket::new(Arc::clone(&registered.entry));
        let handlers = self.handlers(&socket);
        let call = || DisconnectCall { socket: socket.clone(), reason, rooms: rooms.to_vec() };
        for handler in &handlers.disconnecting {
            let left = run(handler, call());
            spawn(left.map(|task| keeping(&registered.data, task)), runtime);
        }
        self.shared.driven.with(|state| state.leaving = None);
        for handler in &handlers.disconnect {
            let left = run(handler, call());
            spawn(left.map(|task| keeping(&registered.data, task)), runtime);
        }
        // Its listeners and handlers end here, and its data unless a handler goes on.
        registered.entry.end.finish();
        drop(registered);
    }

    /// Calls those who want to hear what was emitted.
    fn sent(&self, sent: &Sent, runtime: &mut dyn Runtime) {
        let Sent { socket: registered, name, args } = sent;
        let socket = Socket::new(Arc::clone(&registered.entry));
        let own = listeners_of(registered.listeners.clone());
        let own = own.map(|own| own.with(|it| it.for_any_outgoing())).unwrap_or_default();
        for handler in self.handlers(&socket).any_outgoing.iter().chain(&own) {
            let (socket, name, args) = (socket.clone(), name.clone(), args.clone());
            spawn(run(handler, EventCall { socket, name, args, ack: None }), runtime);
        }
    }

    fn received(
        &self,
        mut delivery: Delivery<Socket>,
        mut listeners: Option<Arc<SocketListeners>>,
        runtime: &mut dyn Runtime,
    ) {
        let handlers = self.directory.get(delivery.socket.entry().handlers);
        let own = listeners.as_ref().map(|own| own.with(|it| it.for_any())).unwrap_or_default();
        for handler in handlers.events.any.iter().chain(&own) {
            spawn(run(handler, delivery.call(false)), runtime);
        }
        if handlers.packet.is_empty() {
            if listeners.is_none() && !handlers.events.any.is_empty() {
                // These may have added the first one.
                listeners = delivery.socket.listeners();
            }
            let left = deliver(delivery, handlers, listeners.as_deref());
            left.into_iter().for_each(|task| runtime.spawn(task));
        } else {
            let (socket, asking) = (delivery.socket.clone(), Asking::default());
            let future = Box::pin(pass(delivery, Arc::clone(handlers), Rc::clone(&asking)));
            let passing = Passing {
                future,
                socket,
                asking,
                awaited: Awaited::default(),
                place: Place::default(),
            };
            spawn(start(passing), runtime);
        }
    }
}

fn spawn(task: Option<Task>, runtime: &mut dyn Runtime) {
    if let Some(task) = task {
        runtime.spawn(task);
    }
}

/// Keeps the data of a socket for a handler that outlives it.
fn keeping(data: &Arc<Data>, task: Task) -> Task {
    let data = Arc::clone(data);
    Box::pin(async move {
        task.await;
        drop(data);
    })
}

/// Calls the handlers for this very event; returns what is left of them.
fn deliver(
    delivery: Delivery<Socket>,
    handlers: &Handlers,
    listeners: Option<&SocketListeners>,
) -> Vec<Task> {
    let own = listeners.map(|own| own.with(|it| it.for_event(&delivery.name))).unwrap_or_default();
    let name = delivery.name.clone();
    delivery.deliver(handlers.events.of_event(&name).iter().chain(&own))
}

/// There while middlewares are asked about an event, and how they count if they take their time.
/// After that the handlers count themselves.
type Asking = Rc<RefCell<Option<Option<ServerPermit>>>>;

/// An event on its way through the middlewares.
struct Passing {
    future: Task,
    socket: Socket,
    asking: Asking,
    awaited: Awaited,
    place: Place,
}

impl Future for Passing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { future, socket, asking, awaited, place } = &mut *self;
        let polled =
            polling(Some(socket.entry().reference()), awaited, || future.as_mut().poll(cx));
        if polled.is_pending() {
            let asks = awaited.is_any();
            match &mut *asking.borrow_mut() {
                Some(Some(permit)) => permit.set_asking(asks),
                Some(permit @ None) => *permit = Some(ServerPermit::new(socket.entry(), asks)),
                None => {}
            }
            // The handlers that it has reached see to their end themselves.
            let is_asked = asking.borrow().is_some();
            if is_asked && socket.entry().end.watch(place, cx.waker()) {
                if let Err(fault) = discard(future) {
                    socket.report("packet middleware", fault);
                }
                return Poll::Ready(());
            }
        }
        polled
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.socket.entry().end.leave(&mut self.place);
    }
}

/// Leads an event through the middlewares to its handlers.
async fn pass(mut delivery: Delivery<Socket>, handlers: Arc<Handlers>, asking: Asking) {
    asking.replace(Some(None));
    let socket = delivery.socket.clone();
    let packet = Packet::new(delivery.name.clone(), delivery.args.clone());
    for middleware in &handlers.packet {
        let call = PacketCall { socket: socket.clone(), packet: packet.clone() };
        let asked = async {
            match middleware(call) {
                Outcome::Done(result) => result,
                Outcome::Future(future) | Outcome::Detached(future) => future.await,
            }
        };
        if let Err(fault) = guard(asked).await {
            return socket.report(&packet.name(), fault);
        }
    }
    if !socket.is_connected() {
        return;
    }
    (delivery.name, delivery.args) = packet.contents();
    drop(asking.take());
    let listeners = socket.listeners();
    let mut tasks = deliver(delivery, &handlers, listeners.as_deref());
    drop((listeners, handlers));
    poll_fn(|cx| {
        tasks.retain_mut(|task| task.as_mut().poll(cx).is_pending());
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
