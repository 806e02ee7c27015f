//! The line between the front and the driver: tiny_http, and what wakes those who wait at its ends.

use std::io;
use std::os::unix::net::UnixListener;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tiny_http::Request;

use crate::home::Home;

/// How long an engine that has ended may still bring a request that it was reading.
const AFTERLIFE: Duration = Duration::from_secs(1);
/// More than there can be in the queue of an engine.
const QUEUE: usize = 100;

/// A tiny_http server on a Unix socket that only this process uses.
struct Engine {
    /// Before the directory that its socket is in.
    server: tiny_http::Server,
    path: PathBuf,
    _home: Home,
}

impl Engine {
    fn start() -> io::Result<Self> {
        let home = Home::new()?;
        let path = home.socket();
        let listener = UnixListener::bind(&path)?;
        // It panics when there can be no more threads.
        let server = catch_unwind(|| tiny_http::Server::from_listener(listener, None))
            .map_err(|_| io::Error::other("cannot start the threads of tiny_http"))?
            .map_err(io::Error::other)?;
        Ok(Self { server, path, _home: home })
    }
}

/// The engine in use. It ends for good when it runs out of descriptors or threads, so it can be
/// replaced.
pub(crate) struct Line {
    engine: Mutex<Arc<Engine>>,
    /// The one before, until nothing that it has read is to be expected any more.
    last: Mutex<Option<(Arc<Engine>, Instant)>>,
    /// The driver was woken and has not looked yet.
    woken: AtomicBool,
    dead: AtomicBool,
}

impl Line {
    pub(crate) fn new() -> io::Result<Self> {
        let engine = Mutex::new(Arc::new(Engine::start()?));
        let (woken, dead) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { engine, last: Mutex::default(), woken, dead })
    }

    /// Where the engine listens.
    pub(crate) fn path(&self) -> PathBuf {
        self.engine().path.clone()
    }

    /// Has the driver look at everything soon.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.engine().server.unblock();
        }
    }

    /// Says that nobody listens at the other end.
    pub(crate) fn report_dead(&self) {
        self.dead.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether somebody said so since the engine was replaced.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Waits for the next request, at most this long or until the driver is woken.
    pub(crate) fn receive(&self, patience: Duration) -> Option<Request> {
        let engine = Arc::clone(&self.engine());
        engine.server.recv_timeout(patience).unwrap_or_else(|error| {
            log::warn!("tiny_http has ended and will be started again: {error}");
            self.report_dead();
            None
        })
    }

    /// The next request, if it is there.
    pub(crate) fn receive_now(&self) -> Option<Request> {
        let engine = Arc::clone(&self.engine());
        engine.server.try_recv().unwrap_or_else(|error| {
            log::warn!("tiny_http has ended and will be started again: {error}");
            self.report_dead();
            None
        })
    }

    /// Notes that the driver looks at everything, after this.
    pub(crate) fn lower(&self) {
        self.woken.swap(false, Ordering::AcqRel);
    }

    /// Starts another engine in place of one that has ended.
    pub(crate) fn replace(&self) -> io::Result<()> {
        let engine = Arc::new(Engine::start()?);
        let old = std::mem::replace(&mut *self.engine(), engine);
        self.dead.store(false, Ordering::Release);
        *self.last() = Some((old, Instant::now()));
        Ok(())
    }

    /// Takes what the last engine had read when it ended. Only once `None` was given is there
    /// nothing more to be expected.
    pub(crate) fn receive_left(&self) -> Option<Vec<Request>> {
        let mut last = self.last();
        let (engine, since) = last.as_ref()?;
        // Its queue has more in it than requests: words of its end, and calls to the driver.
        let left = (0..QUEUE).filter_map(|_| engine.server.try_recv().ok().flatten()).collect();
        if since.elapsed() > AFTERLIFE {
            *last = None;
        }
        Some(left)
    }

    fn last(&self) -> MutexGuard<'_, Option<(Arc<Engine>, Instant)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> MutexGuard<'_, Arc<Engine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
