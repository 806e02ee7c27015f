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
    Args, DisconnectReason, Event, Name, Namespace as NamespaceName, Responder, Room, RoomChange,
    SocketId,
};

use crate::handlers::call::{ConnectCall, DisconnectCall, EventCall, ExpiredCall, UpgradeCall};
use crate::handlers::delivery::Arrival;
use crate::handlers::handler::{Outcome, run};
use crate::handlers::packet::{Packet, PacketCall};
use crate::handles::ack::{AckSender, Gathered};
use crate::handles::backpressure::{Awaited, Waiting, polling};
use crate::handles::io::Io;
use crate::handles::socket::Socket;
use crate::server::admission::{decide, judge, start};
use crate::server::endpoint::{Happening, Shard};
use crate::server::machine::{Runtime, Task};
use crate::state::report::write;

impl Shard {
    /// Hands an event to whoever waits for it.
    pub(crate) fn dispatch(self: &Arc<Self>, happening: Happening, runtime: &mut dyn Runtime) {
        let event = match happening {
            Happening::Told(event) => event,
            Happening::Sent(socket, name, args) => return sent(&socket, &name, &args, runtime),
        };
        match event {
            Event::HandshakeRequested { id, handshake } => {
                let Some(veto) = &self.shared.veto else { return };
                let shard = Arc::clone(self);
                let tell = move |verdict: Result<Admission, String>| {
                    shard.command(|state| match verdict {
                        Ok(admission) => {
                            state.server.accept_handshake(id, admission, Instant::now())
                        }
                        Err(message) => state.server.reject_handshake(id, &message),
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
            Event::ConnectAborted { socket } => {
                drop(self.driven.with(|state| state.forget(socket)));
            }
            Event::Connected { socket: key, namespace, auth, .. } => {
                let Some(socket) = self.meet(key, namespace) else { return };
                if socket.is_recovered() {
                    // It is the socket of before from now on.
                    drop(self.driven.with(|state| state.kept.remove(socket.sid())));
                }
                for handler in &socket.handlers().connect {
                    let call = ConnectCall { socket: socket.clone(), auth: auth.clone() };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
                }
            }
            Event::Upgraded { socket: key } => {
                let Some(socket) = self.get(key) else { return };
                for handler in &socket.handlers().upgrade {
                    let call = UpgradeCall { socket: socket.clone() };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
                }
            }
            Event::Received { socket: key, name, args, ack } => {
                let Some(socket) = self.get(key) else { return };
                received(socket, name, args, ack, runtime);
            }
            Event::Acked { socket, ack, result } => {
                let slot = self.driven.with(|state| state.waiting.remove(&(socket, ack)));
                if let Some(slot) = slot {
                    slot.fill(result);
                }
            }
            Event::BroadcastAcked { ack, answers, disconnected, timed_out } => {
                let slot = self.driven.with(|state| state.gathering.remove(&ack));
                if let Some(slot) = slot {
                    slot.fill(Gathered { answers, lost: disconnected, late: timed_out });
                }
            }
            Event::Drained { socket } => {
                let waiting = self.driven.with(|state| state.take_draining(socket));
                waiting.iter().for_each(|slot| slot.fill(true));
            }
            Event::Room { namespace, room, change } => self.tell_room(namespace, &room, &change),
            Event::RecoveryExpired { sid } => {
                let kept = self.driven.with(|state| state.kept.remove(&sid));
                let Some((key, origin)) = kept else { return };
                let socket = Socket::new(self, key, sid, origin);
                for handler in &socket.handlers().expired {
                    let call = ExpiredCall { socket: socket.clone() };
                    run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
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
        self.driven.with(|state| state.sockets.get(&key).cloned())
    }

    fn tell_room(self: &Arc<Self>, namespace: NamespaceName, room: &str, change: &RoomChange) {
        let Some((handlers, _)) = self.find(&namespace) else { return };
        let io = Io::on_shard(Arc::clone(self), namespace);
        for handler in &handlers.room {
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
        let (socket, waiting, replaced) = self.driven.with(|state| {
            let socket = state.sockets.remove(&key);
            let kept = socket.as_ref().filter(|_| may_return).map(Socket::keep);
            let replaced =
                kept.and_then(|(sid, key, origin)| state.kept.insert(sid, (key, origin)));
            state.leaving = Some((key, rooms.to_vec()));
            (socket, state.take_draining(key), replaced)
        });
        drop(replaced);
        waiting.iter().for_each(|slot| slot.fill(false));
        let Some(socket) = socket else { return };
        let call = || DisconnectCall { socket: socket.clone(), reason, rooms: rooms.to_vec() };
        for handler in &socket.handlers().disconnecting {
            run(handler, call()).into_iter().for_each(|task| runtime.spawn(task));
        }
        self.driven.with(|state| state.leaving = None);
        for handler in &socket.handlers().disconnect {
            run(handler, call()).into_iter().for_each(|task| runtime.spawn(task));
        }
    }
}

/// Calls those who want to hear what was emitted.
fn sent(socket: &Socket, name: &Name, args: &Args, runtime: &mut dyn Runtime) {
    let own = socket.outgoing_listeners();
    for handler in socket.handlers().any_outgoing.iter().chain(&own) {
        let (socket, name, args) = (socket.clone(), name.clone(), args.clone());
        let call = EventCall { socket, name, args, ack: None };
        run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
    }
}

fn received(
    socket: Socket,
    name: Name,
    args: Args,
    ack: Option<Responder>,
    runtime: &mut dyn Runtime,
) {
    let ack = ack.map(|responder| AckSender::new(socket.clone(), responder));
    let handlers = Arc::clone(socket.handlers());
    let own = socket.any_listeners();
    let mut arrival = Arrival { socket, name, args, ack };
    for handler in handlers.any.iter().chain(&own) {
        let call = arrival.call(false);
        run(handler, call).into_iter().for_each(|task| runtime.spawn(task));
    }
    if handlers.packet.is_empty() {
        deliver(arrival).into_iter().for_each(|task| runtime.spawn(task));
    } else {
        let (socket, asking) = (arrival.socket.clone(), Asking::default());
        let future = Box::pin(pass(arrival, Rc::clone(&asking)));
        let passing = Passing { future, socket, asking, awaited: Awaited::default() };
        start(passing).into_iter().for_each(|task| runtime.spawn(task));
    }
}

/// Calls the handlers for this very event; returns what is left of them.
fn deliver(arrival: Arrival<Socket>) -> Vec<Task> {
    let handlers = Arc::clone(arrival.socket.handlers());
    let own = arrival.socket.listeners_for(&arrival.name);
    let shared = handlers.events.get(arrival.name.as_str());
    arrival.deliver(shared.into_iter().flatten().chain(&own))
}

/// There while middlewares are asked about an event, and how they count if they take their time.
/// After that the handlers count themselves.
type Asking = Rc<RefCell<Option<Option<Waiting>>>>;

/// An event on its way through the middlewares.
struct Passing {
    future: Task,
    socket: Socket,
    asking: Asking,
    awaited: Awaited,
}

impl Future for Passing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { future, socket, asking, awaited } = &mut *self;
        let polled = polling(Some(socket.reference()), awaited, || future.as_mut().poll(cx));
        if polled.is_pending() {
            let asks = awaited.is_any();
            match &mut *asking.borrow_mut() {
                Some(Some(waiting)) => waiting.set_asking(asks),
                Some(waiting @ None) => *waiting = Some(Waiting::new(socket, asks)),
                None => {}
            }
        }
        polled
    }
}

/// Leads an event through the middlewares to its handlers.
async fn pass(mut arrival: Arrival<Socket>, asking: Asking) {
    asking.replace(Some(None));
    let socket = arrival.socket.clone();
    let packet = Packet::new(arrival.name.clone(), arrival.args.clone());
    for middleware in &socket.handlers().packet {
        let call = PacketCall { socket: socket.clone(), packet: packet.clone() };
        let asked = async {
            match middleware(call) {
                Outcome::Done(result) => result,
                Outcome::Future(future) => future.await,
            }
        };
        if let Err(fault) = crate::handlers::handler::guard(asked).await {
            return socket.report(&packet.name(), fault);
        }
    }
    if !socket.is_connected() {
        return;
    }
    (arrival.name, arrival.args) = packet.contents();
    drop(asking.take());
    let mut tasks = deliver(arrival);
    poll_fn(|cx| {
        tasks.retain_mut(|task| task.as_mut().poll(cx).is_pending());
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
