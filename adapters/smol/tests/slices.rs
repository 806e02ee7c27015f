//! A machine that has more to do than it does at once does it in slices: sockets are read and
//! written between them, and nothing is called when nothing is due.

mod support;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use sockeye_smol::core::{ConfigError, Frames, Input, Output, Response, WsId};
use sockeye_smol::{IntoMachine, Machine, Runtime, Serve};
use support::client::{poll, poll_head};
use support::{Frame, TestServer, Wire, eventually, quick};

/// Sends each message back, behind the number of slices so far.
struct Sliced {
    /// When `handle_timeout` is due.
    due: Option<Instant>,
    /// After how many messages a WebSocket is paused.
    patience: usize,
    slices: AtomicU64,
    state: Mutex<State>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct State {
    outputs: VecDeque<Output<Infallible>>,
    /// How many messages were heard from each WebSocket.
    heard: BTreeMap<WsId, usize>,
}

impl Sliced {
    fn new(due: Option<Instant>, patience: usize) -> Arc<Self> {
        let (slices, state, wake) = Default::default();
        Arc::new(Self { due, patience, slices, state, wake })
    }

    /// A machine that is never done.
    fn busy() -> Arc<Self> {
        Self::new(Some(Instant::now()), usize::MAX)
    }

    fn slices(&self) -> u64 {
        self.slices.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics")
    }

    /// How many messages were heard from a WebSocket.
    fn heard(&self, ws: WsId) -> usize {
        self.state().heard.get(&ws).copied().unwrap_or(0)
    }

    fn serve(self: &Arc<Self>) -> TestServer {
        let app = App(Arc::clone(self));
        TestServer::start(|| app.bind("127.0.0.1:0").expect("a free port").limits(quick()))
    }
}

impl Machine for Sliced {
    fn matches(&self, path: &str) -> bool {
        path == "/socket.io/"
    }

    fn handle(&self, input: Input<'_>, _: Instant) {
        let slices = self.slices();
        let mut state = self.state();
        match input {
            Input::Request { req, .. } => {
                let response = Response::new(200, "text/plain", slices.to_string());
                state.outputs.push_back(Output::Respond { req, response });
            }
            Input::Upgrade { ws, .. } => {
                let (headers, limit) = (Vec::new(), 1_000);
                state.outputs.push_back(Output::Accept { ws, headers, limit });
            }
            Input::Frame { ws, frame } => {
                let text = format!("{slices} {}", frame.as_text().expect("it was text"));
                let frames = Frames::from_iter([text.into()]);
                state.outputs.push_back(Output::Send { ws, frames });
                let heard = state.heard.entry(ws).or_default();
                *heard += 1;
                if *heard == self.patience {
                    state.outputs.push_back(Output::Pause { ws });
                }
            }
            Input::Body { .. }
            | Input::BodyTooLarge { .. }
            | Input::BodyTimedOut { .. }
            | Input::Aborted { .. }
            | Input::Drained { .. }
            | Input::Closed { .. } => {}
        }
    }

    fn handle_timeout(&self, _: Instant) {
        self.slices.fetch_add(1, Ordering::Relaxed);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        loop {
            let next = self.state().outputs.pop_front();
            let Some(output) = next else { return };
            runtime.perform(output);
        }
    }

    fn set_waker(&self, wake: Box<dyn Fn() + Send + Sync>) {
        assert!(self.wake.set(wake).is_ok(), "one adapter drives it");
    }

    fn close(&self, _: Instant) {}

    fn is_idle(&self) -> bool {
        true
    }
}

struct App(Arc<Sliced>);

impl IntoMachine for App {
    fn into_machine(self) -> Result<Arc<dyn Machine>, ConfigError> {
        Ok(self.0)
    }

    fn polling_only(self) -> Self {
        self
    }
}

/// Reads an answer; gives the number of slices before it.
fn slices_before(wire: &mut Wire, word: &str) -> u64 {
    let text = wire.text();
    let (slices, rest) = text.split_once(' ').expect("a number in front");
    assert_eq!(rest, word);
    slices.parse().expect("a number")
}

#[test]
fn everybody_is_read_and_written_between_two_slices() {
    let machine = Sliced::busy();
    let server = machine.serve();
    let mut wire = Wire::websocket(server.address, "");
    let mut last = 0;
    for number in 0..50 {
        let word = format!("round {number}");
        wire.send_frame(&Frame::text(&word));
        let slices = slices_before(&mut wire, &word);
        assert!(slices >= last);
        last = slices;
        assert_eq!(poll(server.address, "").status, 200);
    }
    let before = machine.slices();
    eventually("it goes on", || machine.slices() > before);
}

#[test]
fn messages_without_end_do_not_keep_the_next_slice_from_coming() {
    const FLOOD: u64 = 20_000;
    let machine = Sliced::busy();
    let server = machine.serve();
    let mut wire = Wire::websocket(server.address, "");
    let wave = Frame::text("x").bytes().repeat(1_000);
    let mut all = Vec::new();
    for _ in 0..FLOOD / 1_000 {
        wire.send(&wave);
        all.extend((0..1_000).map(|_| slices_before(&mut wire, "x")));
    }
    // There is one at least for each 32 messages, but for those that come alone.
    let slices = all.last().expect("there were some") - all[0];
    assert!(slices >= FLOOD / 64, "{slices} slices among {FLOOD} messages");
}

#[test]
fn requests_without_end_do_not_keep_the_next_slice_from_coming() {
    const FLOOD: usize = 2_000;
    let machine = Sliced::busy();
    let server = machine.serve();
    let mut wire = Wire::connect(server.address);
    let mut all = Vec::new();
    for _ in 0..FLOOD / 100 {
        wire.send(poll_head("").repeat(100));
        all.extend((0..100).map(|_| wire.answer().text().parse::<u64>().expect("a number")));
    }
    let slices = all.last().expect("there were some") - all[0];
    assert!(slices >= FLOOD as u64 / 32, "{slices} slices among {FLOOD} requests");
}

#[test]
fn nothing_is_called_when_nothing_is_due() {
    let later = Instant::now() + Duration::from_secs(3600);
    for due in [None, Some(later)] {
        let machine = Sliced::new(due, usize::MAX);
        let server = machine.serve();
        let mut wire = Wire::websocket(server.address, "");
        for _ in 0..100 {
            wire.send(Frame::text("x").bytes().repeat(100));
            (0..100).for_each(|_| assert_eq!(slices_before(&mut wire, "x"), 0));
        }
        assert_eq!(poll(server.address, "").text(), "0");
        drop(server);
        assert_eq!(machine.slices(), 0);
    }
}

#[test]
fn a_pause_stops_within_a_segment_and_nothing_is_lost() {
    let machine = Sliced::new(None, 5);
    let server = machine.serve();
    let words: Vec<String> = (0..100).map(|number| format!("word {number}")).collect();
    let mut paused = Wire::websocket(server.address, "");
    paused.send(words.iter().flat_map(|word| Frame::text(word).bytes()).collect::<Vec<u8>>());
    words[..5].iter().for_each(|word| assert_eq!(slices_before(&mut paused, word), 0));
    // What had been fed before the machine was asked for its outputs comes through.
    let ws = *machine.state().heard.keys().next().expect("it was heard");
    // Others are heard meanwhile.
    for _ in 0..3 {
        assert_eq!(poll(server.address, "").status, 200);
    }
    let heard = machine.heard(ws);
    assert!(heard <= 5 + 16, "{heard} messages");
    machine.state().outputs.push_back(Output::Resume { ws });
    (machine.wake.get().expect("it is driven"))();
    words[5..].iter().for_each(|word| assert_eq!(slices_before(&mut paused, word), 0));
    assert_eq!(machine.heard(ws), 100);
}
