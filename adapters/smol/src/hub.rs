//! What the tasks of one shard share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::http1;
use smol::LocalExecutor;
use smol::future::FutureExt;
use sockeye_app::{Machine, Runtime, Task};
use sockeye_core::{Input, Output};

use crate::clock::Clock;
use crate::codec::Tools;
use crate::fallback::Pages;
use crate::limits::Limits;
use crate::pulse::Pulse;
use crate::seats::Seats;
use crate::slot::{Slot, Verdict};
use crate::spelling::Spelling;
use crate::tcp::Reactor;
use crate::turns::Turns;

/// How often something is sent before others than those who made it be sent have their turn.
pub(crate) const MANY_SENT: u64 = 256;

/// One shard, and the way from its outputs to the tasks that carry them out.
///
/// No borrow of what is in here is held while the shard is called, for that runs handlers.
pub(crate) struct Hub {
    shard: Arc<dyn Machine>,
    /// The executor owns the tasks, and the tasks own the hub.
    executor: Weak<LocalExecutor<'static>>,
    slots: RefCell<HashMap<u64, Rc<Slot>>>,
    last_id: Cell<u64>,
    /// When the last input came, or what it led to was begun.
    now: Cell<Instant>,
    /// Inputs from where handlers cannot run.
    later: RefCell<Vec<Input<'static>>>,
    /// How often something was sent, so far.
    sent: Cell<u64>,
    pub(crate) pulse: Pulse,
    pub(crate) turns: Turns,
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) clock: Clock,
    pub(crate) tools: Tools,
    pub(crate) spelling: Spelling,
    pub(crate) seats: Seats,
    pub(crate) limits: Cell<Limits>,
    pub(crate) http: http1::Builder,
    pub(crate) pages: RefCell<Pages>,
}

impl Hub {
    pub(crate) fn new(
        shard: Arc<dyn Machine>,
        executor: Weak<LocalExecutor<'static>>,
    ) -> io::Result<Self> {
        let clock = Clock::default();
        let pulse = Pulse::default();
        let woken = pulse.signal();
        shard.set_waker(Box::new(move || woken.raise()));
        Ok(Self {
            shard,
            executor,
            slots: RefCell::default(),
            last_id: Cell::new(0),
            now: Cell::new(Instant::now()),
            later: RefCell::default(),
            sent: Cell::new(0),
            pulse,
            turns: Turns::default(),
            tools: Tools::default(),
            spelling: Spelling::default(),
            seats: Seats::default(),
            limits: Cell::default(),
            http: crate::conversation::builder(),
            clock,
            pages: RefCell::default(),
            reactor: Rc::new(Reactor::new()?),
        })
    }

    pub(crate) fn shard(&self) -> &dyn Machine {
        &*self.shard
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        self.limits.set(limits);
    }

    pub(crate) fn is_for_machine(&self, path: &str) -> bool {
        self.shard.matches(path)
    }

    /// Feeds one input; [`drive`](Self::drive) makes it take effect.
    pub(crate) fn feed(&self, input: Input<'_>) {
        self.now.set(Instant::now());
        self.feed_on(input);
    }

    /// Feeds one input that came about just now.
    fn feed_on(&self, input: Input<'_>) {
        self.shard.handle(input, self.now.get());
    }

    /// Has the pulse feed one input.
    pub(crate) fn feed_later(&self, input: Input<'static>) {
        self.later.borrow_mut().push(input);
        self.pulse.quicken();
    }

    /// Feeds what was put off with [`feed_later`](Self::feed_later).
    pub(crate) fn feed_what_was_put_off(&self) {
        let inputs = self.later.take();
        for input in inputs {
            self.feed(input);
        }
    }

    /// Runs handlers and hands outputs to the tasks they are for.
    pub(crate) fn drive(&self) {
        self.now.set(Instant::now());
        Arc::clone(&self.shard).drive(&mut Hands(self));
        self.pulse.keep(self.shard.poll_timeout());
        self.seats.wake_watcher();
    }

    /// How often something was sent to a WebSocket, so far: what a message leads to may be much more
    /// than its length tells.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Runs a task on this thread until it ends or panics.
    pub(crate) fn spawn(&self, task: Task) {
        if let Some(executor) = self.executor.upgrade() {
            let guarded = async {
                if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                    log::error!("a task panicked; everything else goes on");
                }
            };
            executor.spawn(guarded).detach();
        }
    }

    pub(crate) fn open_slot(&self) -> (u64, Rc<Slot>) {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let slot = Rc::new(Slot::default());
        self.slots.borrow_mut().insert(id, Rc::clone(&slot));
        (id, slot)
    }

    pub(crate) fn close_slot(&self, id: u64) {
        self.slots.borrow_mut().remove(&id);
    }

    /// The slot with this id, unless its task has gone meanwhile.
    fn slot(&self, id: u64) -> Option<Rc<Slot>> {
        self.slots.borrow().get(&id).cloned()
    }

    fn pause(&self, id: u64, pause: bool) {
        if let Some(slot) = self.slot(id) {
            slot.pause(pause);
        }
    }

    fn decide(&self, id: u64, verdict: Verdict) {
        if let Some(slot) = self.slot(id) {
            slot.decide(verdict);
        }
    }
}

/// Carries out what the shard wants.
struct Hands<'a>(&'a Hub);

impl Runtime for Hands<'_> {
    fn perform(&mut self, output: Output<Infallible>) {
        let hub = self.0;
        match output {
            Output::ReadBody { req, limit } => hub.decide(req.0, Verdict::Read(limit)),
            Output::Respond { req, response } => {
                hub.decide(req.0, Verdict::Answer(response, false))
            }
            Output::Abort { req } => hub.decide(req.0, Verdict::Abort),
            Output::Accept { ws, headers, limit } => {
                hub.decide(ws.0, Verdict::Accept(headers, limit));
            }
            Output::Refuse { ws, response } => {
                let text = String::from_utf8_lossy(&response.body);
                log::debug!("a WebSocket is refused with {}: {text}", response.status);
                hub.decide(ws.0, Verdict::Answer(response, true));
            }
            Output::Send { ws, frames } => {
                hub.sent.set(hub.sent.get() + 1);
                if hub.slot(ws.0).is_some_and(|slot| slot.send_now(frames, &hub.tools)) {
                    hub.feed_on(Input::Drained { ws });
                }
            }
            Output::Pause { ws } => hub.pause(ws.0, true),
            Output::Resume { ws } => hub.pause(ws.0, false),
            Output::Close { ws } => {
                if let Some(slot) = hub.slot(ws.0) {
                    slot.close();
                }
            }
            Output::Event(never) => match never {},
        }
    }

    fn spawn(&mut self, task: Task) {
        self.0.spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use sockeye_core::{Frames, WsId};

    use super::*;
    use crate::line::Outlet;

    /// Sends when it is driven, and notes when that has arrived.
    #[derive(Default)]
    struct Sending(Mutex<Vec<Instant>>);

    impl Machine for Sending {
        fn matches(&self, _: &str) -> bool {
            false
        }

        fn handle(&self, _: Input<'_>, now: Instant) {
            self.0.lock().expect("nobody panics").push(now);
        }

        fn handle_timeout(&self, _: Instant) {}

        fn poll_timeout(&self) -> Option<Instant> {
            None
        }

        fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
            runtime.perform(Output::Send { ws: WsId(1), frames: Frames::default() });
        }

        fn set_waker(&self, _: Box<dyn Fn() + Send + Sync>) {}

        fn close(&self, _: Instant) {}

        fn is_idle(&self) -> bool {
            true
        }
    }

    struct Open;

    impl Outlet for Open {
        fn send(&self, _: Frames, _: &Tools) -> bool {
            true
        }
    }

    #[test]
    fn what_is_sent_long_after_the_last_input_does_not_turn_back_the_time() {
        let machine = Arc::new(Sending::default());
        let hub =
            Hub::new(Arc::clone(&machine) as _, Weak::new()).expect("there are descriptors left");
        let (id, slot) = hub.open_slot();
        assert_eq!(id, 1);
        slot.open(Rc::new(Open), &hub.tools);
        hub.feed(Input::Closed { ws: WsId(2), cause: sockeye_core::CloseCause::Peer });
        std::thread::sleep(Duration::from_millis(2));
        let before = Instant::now();
        hub.drive();
        let heard = machine.0.lock().expect("nobody panics");
        assert_eq!(heard.len(), 2, "the batch was drained");
        assert!(heard[1] >= before);
    }
}
