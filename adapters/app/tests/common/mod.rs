//! A runtime without I/O: clients are WebSockets whose frames the tests write and read.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod client;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use sockeye_app::core::{CloseCause, Frame, Input, Output, Request, RequestId, Response, WsId};
use sockeye_app::{IntoMachine, Machine, Runtime, Task};

/// Runs this on a thread of its own: what waits for a lock for ever is a failure, not a hang.
pub(crate) fn within_reason(run: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let running = std::thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    if wait.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("a lock was taken twice");
    }
    if let Err(panic) = running.join() {
        std::panic::resume_unwind(panic);
    }
}

/// An app that is being served to clients that exist only as their frames.
pub(crate) struct World {
    pub(crate) shard: Arc<dyn Machine>,
    pub(crate) now: Instant,
    pub(crate) wakes: Arc<AtomicUsize>,
    work: Work,
    clients: u64,
}

#[derive(Default)]
struct Work {
    frames: BTreeMap<WsId, Vec<Frame>>,
    closed: Vec<WsId>,
    responses: Vec<Response>,
    drained: Vec<WsId>,
    paused: BTreeSet<WsId>,
    /// Those that do not read by themselves.
    stalled: BTreeSet<WsId>,
    in_flight: BTreeSet<WsId>,
    tasks: Vec<Task>,
}

impl Runtime for Work {
    fn perform(&mut self, output: Output<Infallible>) {
        match output {
            Output::Send { ws, frames } => {
                self.frames.entry(ws).or_default().extend(frames);
                if self.stalled.contains(&ws) {
                    self.in_flight.insert(ws);
                } else {
                    self.drained.push(ws);
                }
            }
            Output::Close { ws } => self.closed.push(ws),
            Output::Pause { ws } => assert!(self.paused.insert(ws), "paused once"),
            Output::Resume { ws } => assert!(self.paused.remove(&ws), "resumed once"),
            Output::Accept { .. } => {}
            Output::Respond { response, .. } => self.responses.push(response),
            other @ (Output::ReadBody { .. }
            | Output::Abort { .. }
            | Output::Refuse { .. }
            | Output::Event(_)) => panic!("not expected here: {other:?}"),
        }
    }

    fn spawn(&mut self, task: Task) {
        self.tasks.push(task);
    }
}

impl World {
    pub(crate) fn new(app: impl IntoMachine) -> Self {
        let shard = app.into_machine().expect("the configuration is valid");
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        shard.set_waker(Box::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        Self { shard, now: Instant::now(), wakes, work: Work::default(), clients: 0 }
    }

    /// Opens a connection that has joined no namespace.
    pub(crate) fn open(&mut self) -> WsId {
        let ws = self.accept();
        assert_eq!(self.texts(ws).len(), 1, "the handshake");
        ws
    }

    /// Opens a connection, and leaves what was sent to it so far.
    pub(crate) fn accept(&mut self) -> WsId {
        self.clients += 1;
        let ws = WsId(self.clients);
        let target = "/socket.io/?EIO=4&transport=websocket";
        let headers = &[];
        let request = Request { method: "GET", target, headers, remote: None, secure: false };
        self.feed(Input::Upgrade { ws, request });
        ws
    }

    /// Opens a connection that has joined `/`.
    pub(crate) fn connect(&mut self) -> WsId {
        let ws = self.open();
        self.say(ws, "40");
        ws
    }

    pub(crate) fn say(&mut self, ws: WsId, text: &str) {
        let frame = Frame::Text(text.to_owned().into());
        self.feed(Input::Frame { ws, frame });
    }

    pub(crate) fn say_binary(&mut self, ws: WsId, data: &'static [u8]) {
        self.feed(Input::Frame { ws, frame: Frame::Binary(data.into()) });
    }

    pub(crate) fn hang_up(&mut self, ws: WsId) {
        self.feed(Input::Closed { ws, cause: CloseCause::Peer });
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.now += time;
        self.shard.handle_timeout(self.now);
        self.settle();
    }

    /// The status of the answer to a GET, and the headers that are its own with the body.
    pub(crate) fn request(&mut self, target: &str) -> (u16, String) {
        self.request_with(target, &[])
    }

    /// The same for a GET with headers.
    pub(crate) fn request_with(
        &mut self,
        target: &str,
        headers: &[(&str, &[u8])],
    ) -> (u16, String) {
        let request = Request { method: "GET", target, headers, remote: None, secure: false };
        self.clients += 1;
        self.feed(Input::Request { req: RequestId(self.clients), request });
        let response = self.work.responses.pop().expect("an answer at once");
        let mut text = String::new();
        for (name, value) in &response.headers {
            if name.starts_with("x-") || name.starts_with("Access-Control-") {
                text += &format!("{name}: {value} ");
            }
        }
        (response.status, text + &String::from_utf8_lossy(&response.body))
    }

    /// Sends a GET whose answer is not waited for.
    pub(crate) fn ask(&mut self, target: &str) {
        let headers = &[];
        let request = Request { method: "GET", target, headers, remote: None, secure: false };
        self.clients += 1;
        self.feed(Input::Request { req: RequestId(self.clients), request });
    }

    /// The client of the last request is gone.
    pub(crate) fn abort_last_request(&mut self) {
        self.feed(Input::Aborted { req: RequestId(self.clients) });
    }

    /// Everything that was sent to a client since the last question, as text.
    pub(crate) fn texts(&mut self, ws: WsId) -> Vec<String> {
        let frames = self.work.frames.remove(&ws).unwrap_or_default();
        let text = |frame: &Frame| String::from_utf8_lossy(frame.bytes()).into_owned();
        frames.iter().map(text).collect()
    }

    pub(crate) fn is_closed(&self, ws: WsId) -> bool {
        self.work.closed.contains(&ws)
    }

    pub(crate) fn is_paused(&self, ws: WsId) -> bool {
        self.work.paused.contains(&ws)
    }

    /// A client reads from now on only when it is told to [`drain`](Self::drain).
    pub(crate) fn stall(&mut self, ws: WsId) {
        self.work.stalled.insert(ws);
    }

    /// A stalled client reads what is on its way.
    pub(crate) fn drain(&mut self, ws: WsId) {
        if self.work.in_flight.remove(&ws) {
            self.feed(Input::Drained { ws });
        }
    }

    pub(crate) fn waiting_tasks(&self) -> usize {
        self.work.tasks.len()
    }

    fn feed(&mut self, input: Input<'_>) {
        self.shard.handle(input, self.now);
        self.settle();
    }

    /// Does all there is to do: outputs, handlers, tasks.
    pub(crate) fn settle(&mut self) {
        loop {
            Arc::clone(&self.shard).drive(&mut self.work);
            for ws in std::mem::take(&mut self.work.drained) {
                self.shard.handle(Input::Drained { ws }, self.now);
            }
            let mut cx = Context::from_waker(Waker::noop());
            let tasks = std::mem::take(&mut self.work.tasks);
            let before = tasks.len();
            let pending = tasks
                .into_iter()
                .filter_map(|mut task| task.as_mut().poll(&mut cx).is_pending().then_some(task));
            let pending: Vec<_> = pending.collect();
            let progress = pending.len() < before;
            self.work.tasks.extend(pending);
            Arc::clone(&self.shard).drive(&mut self.work);
            if !progress && self.work.drained.is_empty() {
                return;
            }
        }
    }
}
