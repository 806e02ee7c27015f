//! A server on a thread of its own, and clients that speak in bytes.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

pub mod client;
pub mod frames;
pub mod peer_app;
pub mod wire;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sockeye_smol::{Handle, Limits, Serve, Server};

#[allow(unused_imports, reason = "each test file uses some of it")]
pub use client::Bystander;
#[allow(unused_imports, reason = "each test file uses some of it")]
pub use frames::{Frame, Opcode};
#[allow(unused_imports, reason = "each test file uses some of it")]
pub use wire::Wire;

/// How long a test waits before it fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A server that lives as long as this.
pub struct TestServer {
    pub address: SocketAddr,
    pub handle: Handle,
    pub thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Starts the app of the tests with limits of its own.
    pub fn with(limits: Limits) -> Self {
        Self::start(move || {
            let server = peer_app::app().bind("127.0.0.1:0").expect("a free port");
            server.limits(limits)
        })
    }

    pub fn new() -> Self {
        Self::with(quick())
    }

    /// Starts what is built on the server's thread.
    pub fn start(build: impl FnOnce() -> Server + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let server = build();
            let address = server.local_addr().expect("it is bound");
            sender.send((address, server.handle())).expect("the test waits for it");
            server.serve().expect("it is bound");
        });
        let (address, handle) = receiver.recv().expect("the server starts");
        Self { address, handle, thread: Some(thread) }
    }

    /// Closes the server and waits for its end.
    pub fn stop(mut self) {
        self.handle.shutdown();
        self.thread.take().expect("it stops once").join().expect("no panic on the server's thread");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(thread::panicking() || ended.is_ok(), "no panic on the server's thread");
        }
    }
}

/// Limits under which tests of deadlines do not take long.
pub fn quick() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_millis(500),
        body_timeout: Duration::from_millis(500),
        write_timeout: Duration::from_millis(500),
        close_timeout: Duration::from_millis(500),
        shutdown_timeout: Duration::from_millis(500),
        ..Limits::default()
    }
}

/// Tries again until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
