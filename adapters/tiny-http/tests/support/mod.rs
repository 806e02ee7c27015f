//! A server on a thread of its own, and clients that speak in bytes.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

pub mod client;
pub mod peer_app;
pub mod wire;

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sockeye_tiny_http::{Handle, Limits, ServeBlocking, Server};

#[allow(unused_imports, reason = "each test file uses some of it")]
pub use client::Bystander;
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
        Self::start(peer_app::app().bind("127.0.0.1:0").expect("a free port").limits(limits))
    }

    pub fn new() -> Self {
        Self::with(quick())
    }

    pub fn start(server: Server) -> Self {
        let (address, handle) = (server.local_addr(), server.handle());
        let thread = thread::spawn(move || server.serve().expect("there are threads"));
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
        max_connections_per_address: usize::MAX,
        head_timeout: Duration::from_millis(1500),
        idle_timeout: Duration::from_millis(1500),
        body_timeout: Duration::from_millis(1000),
        write_timeout: Duration::from_millis(1000),
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
        thread::sleep(Duration::from_millis(5));
    }
}

/// How many threads, and how many descriptors, this process has.
pub fn census() -> (usize, usize) {
    let count = |path| std::fs::read_dir(path).expect("a system with /proc").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// How many bytes of memory this process has.
pub fn memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a system with /proc");
    let pages: usize = statm.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a number");
    pages * rustix::param::page_size()
}
