//! A runtime without I/O for clients: the server is the frames that the tests write and read.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use sockeye_app::Task;
use sockeye_app::client::{Client, Config, Machine, Runtime, Socket, Transport};
use sockeye_app::core::client::{Input, Output};
use sockeye_app::core::{Frame, WsId};

/// A client whose server exists only as its frames.
pub(crate) struct ClientWorld {
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) socket: Socket,
    pub(crate) now: Instant,
    work: Work,
}

#[derive(Default)]
struct Work {
    opened: Option<WsId>,
    ws: Option<WsId>,
    frames: Vec<Frame>,
    drained: bool,
    tasks: Vec<Task>,
}

impl Runtime for Work {
    fn perform(&mut self, output: Output<Infallible>) {
        match output {
            Output::Open { ws, .. } => self.opened = Some(ws),
            Output::Send { frames, .. } => {
                self.frames.extend(frames);
                self.drained = true;
            }
            Output::Close { .. } => self.ws = None,
            Output::Ping { .. } => {}
            other @ (Output::Request { .. } | Output::Abort { .. } | Output::Event(_)) => {
                panic!("not expected here: {other:?}")
            }
        }
    }

    fn spawn(&mut self, task: Task) {
        self.tasks.push(task);
    }
}

impl ClientWorld {
    /// A client for `/` alone, which has begun to open its WebSocket.
    pub(crate) fn new(client: Client) -> Self {
        let config = Config::default().transports(vec![Transport::WebSocket]);
        let (machine, mut sockets) =
            client.config(config).into_machine().expect("the configuration is valid");
        let socket = sockets.pop().expect("a socket for `/`");
        let mut world = Self { machine, socket, now: Instant::now(), work: Work::default() };
        world.settle();
        world
    }

    /// Opens the WebSocket and lets the socket in.
    pub(crate) fn connect(&mut self) {
        let ws = self.work.opened.take().expect("a WebSocket is being opened");
        self.work.ws = Some(ws);
        self.feed(Input::Opened { ws });
        let open = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000000}"#;
        self.say(open);
        self.say(r#"40{"sid":"b"}"#);
        self.texts();
    }

    pub(crate) fn say(&mut self, text: &str) {
        let ws = self.work.ws.expect("there is a WebSocket");
        let frame = Frame::Text(text.to_owned().into());
        self.feed(Input::Frame { ws, frame });
    }

    /// Everything that was sent to the server since the last question, as text.
    pub(crate) fn texts(&mut self) -> Vec<String> {
        self.settle();
        let text = |frame: &Frame| String::from_utf8_lossy(frame.bytes()).into_owned();
        std::mem::take(&mut self.work.frames).iter().map(text).collect()
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.now += time;
        self.machine.handle_timeout(self.now);
        self.settle();
    }

    fn feed(&mut self, input: Input) {
        self.machine.handle(input, self.now);
        self.settle();
    }

    /// Does all there is to do: outputs, handlers, tasks.
    pub(crate) fn settle(&mut self) {
        loop {
            Arc::clone(&self.machine).drive(&mut self.work);
            let drained = std::mem::take(&mut self.work.drained);
            if let Some(ws) = self.work.ws.filter(|_| drained) {
                self.machine.handle(Input::Drained { ws }, self.now);
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
            Arc::clone(&self.machine).drive(&mut self.work);
            if !progress && !drained {
                return;
            }
        }
    }
}
