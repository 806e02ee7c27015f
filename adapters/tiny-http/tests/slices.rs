//! A machine that has more to do than it does at once does it in slices: requests are taken and
//! answered between them, and nothing is called when nothing is due.

mod support;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sockeye_tiny_http::core::{ConfigError, Input, Output, Response};
use sockeye_tiny_http::{IntoMachine, Machine, Runtime, ServeBlocking};
use support::client::{poll, poll_head};
use support::{TestServer, Wire, eventually, quick};

/// Answers each request with the number of slices so far.
struct Sliced {
    /// When `handle_timeout` is due.
    due: Option<Instant>,
    slices: AtomicU64,
    outputs: Mutex<VecDeque<Output<Infallible>>>,
}

impl Sliced {
    fn new(due: Option<Instant>) -> Arc<Self> {
        Arc::new(Self { due, slices: AtomicU64::default(), outputs: Mutex::default() })
    }

    fn slices(&self) -> u64 {
        self.slices.load(Ordering::Relaxed)
    }

    fn outputs(&self) -> MutexGuard<'_, VecDeque<Output<Infallible>>> {
        self.outputs.lock().expect("nobody panics")
    }

    fn serve(self: &Arc<Self>) -> TestServer {
        let app = App(Arc::clone(self));
        TestServer::start(app.bind("127.0.0.1:0").expect("a free port").limits(quick()))
    }
}

impl Machine for Sliced {
    fn matches(&self, path: &str) -> bool {
        path == "/socket.io/"
    }

    fn handle(&self, input: Input<'_>, _: Instant) {
        if let Input::Request { req, .. } = input {
            let response = Response::new(200, "text/plain", self.slices().to_string());
            self.outputs().push_back(Output::Respond { req, response });
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
            let next = self.outputs().pop_front();
            let Some(output) = next else { return };
            runtime.perform(output);
        }
    }

    fn set_waker(&self, _: Box<dyn Fn() + Send + Sync>) {}

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

#[test]
fn everybody_is_answered_between_two_slices() {
    let machine = Sliced::new(Some(Instant::now()));
    let server = machine.serve();
    for _ in 0..50 {
        assert_eq!(poll(server.address, "").status, 200);
    }
    let before = machine.slices();
    eventually("it goes on", || machine.slices() > before);
}

#[test]
fn requests_without_end_do_not_keep_the_next_slice_from_coming() {
    const FLOOD: usize = 2_000;
    let machine = Sliced::new(Some(Instant::now()));
    let server = machine.serve();
    let mut wire = Wire::connect(server.address);
    let mut all = Vec::new();
    for _ in 0..FLOOD / 100 {
        wire.send(poll_head("").repeat(100));
        all.extend((0..100).map(|_| wire.answer().text().parse::<u64>().expect("a number")));
    }
    // There is one at least for each burst of 64 requests.
    let slices = all.last().expect("there were some") - all[0];
    assert!(slices >= FLOOD as u64 / 128, "{slices} slices among {FLOOD} requests");
}

#[test]
fn nothing_is_called_when_nothing_is_due() {
    let later = Instant::now() + Duration::from_secs(3600);
    for due in [None, Some(later)] {
        let machine = Sliced::new(due);
        let server = machine.serve();
        for _ in 0..50 {
            assert_eq!(poll(server.address, "").text(), "0");
        }
        drop(server);
        assert_eq!(machine.slices(), 0);
    }
}
