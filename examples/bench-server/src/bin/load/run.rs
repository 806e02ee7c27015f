//! One run: connections at work, and what is measured meanwhile.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::{LocalExecutor, Task, Timer};

use crate::process::Processes;
use crate::session::Failure;

/// How many connections are being opened at the same time: fewer than a listener's backlog.
const OPENING: usize = 64;
/// How often a wait looks whether something failed.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last answers may take.
const DRAIN: Duration = Duration::from_secs(10);
/// How long it is looked for messages that nobody asked for.
const QUIET: Duration = Duration::from_millis(100);

/// What all connections of a run share.
pub(crate) struct Run {
    /// Where the server listens.
    pub(crate) server: SocketAddr,
    executor: LocalExecutor<'static>,
    operations: Cell<u64>,
    missing: Cell<u64>,
    /// How many operations there may be.
    limit: Cell<u64>,
    stopped: Cell<bool>,
    failure: RefCell<Option<Failure>>,
}

/// What was measured.
pub(crate) struct Figures {
    /// Operations that ended in this time.
    pub(crate) operations: u64,
    /// The time by the clock.
    pub(crate) time: Duration,
    /// CPU time that the server took.
    pub(crate) server: Duration,
    /// CPU time that this program took.
    pub(crate) load: Duration,
}

impl Run {
    /// Nothing is open yet.
    pub(crate) fn new(server: SocketAddr) -> Rc<Self> {
        Rc::new(Self {
            server,
            executor: LocalExecutor::new(),
            operations: Cell::new(0),
            missing: Cell::new(0),
            limit: Cell::new(u64::MAX),
            stopped: Cell::new(false),
            failure: RefCell::new(None),
        })
    }

    /// Drives everything on this thread, until `main` is done.
    pub(crate) fn block_on<T>(&self, main: impl Future<Output = T>) -> T {
        smol::block_on(self.executor.run(main))
    }

    /// Opens so many connections.
    pub(crate) async fn open<T: 'static, F>(
        &self,
        connections: usize,
        open: impl Fn(SocketAddr) -> F,
    ) -> Result<Vec<T>, Failure>
    where
        F: Future<Output = Result<T, Failure>> + 'static,
    {
        let mut sessions = Vec::with_capacity(connections);
        while sessions.len() < connections {
            let batch: Vec<_> = (sessions.len()..connections)
                .take(OPENING)
                .map(|_| self.executor.spawn(open(self.server)))
                .collect();
            for session in batch {
                sessions.push(session.await?);
            }
        }
        Ok(sessions)
    }

    /// Lets a connection work; when it fails, the run does.
    pub(crate) fn spawn(
        self: &Rc<Self>,
        work: impl Future<Output = Result<(), Failure>> + 'static,
    ) -> Task<()> {
        let run = Rc::clone(self);
        self.executor.spawn(async move {
            if let Err(failure) = work.await {
                run.failure.borrow_mut().get_or_insert(failure);
            }
        })
    }

    /// Whether nothing more is to be begun.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Ends the measuring early after so many operations, a third of which may warm up.
    pub(crate) fn limit(&self, operations: u64) {
        self.limit.set(operations);
    }

    /// Counts operations that begin.
    pub(crate) fn begin(&self, operations: usize) {
        self.missing.set(self.missing.get() + operations as u64);
    }

    /// Counts an operation that has ended.
    pub(crate) fn end(&self) {
        self.missing.set(self.missing.get() - 1);
        self.operations.set(self.operations.get() + 1);
    }

    /// How many operations have begun and not ended.
    pub(crate) fn missing(&self) -> u64 {
        self.missing.get()
    }

    /// Waits, unless something fails.
    pub(crate) async fn wait(&self, time: Duration) -> Result<(), Failure> {
        let since = Instant::now();
        while since.elapsed() < time {
            Timer::after(LOOK.min(time - since.elapsed().min(time))).await;
            if let Some(failure) = self.failure.borrow().clone() {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Measures while the connections work, then stops them and sees that nothing is missing.
    ///
    /// Before that the server may take `warm_up` of CPU time, for compilers that do their work
    /// while the program runs.
    pub(crate) async fn measure(
        &self,
        server: &Processes,
        warm_up: Duration,
        time: Duration,
    ) -> Result<Figures, Failure> {
        let load = Processes::of(std::process::id());
        let (cold, since) = (server.cpu()?, Instant::now());
        while server.cpu()? - cold < warm_up
            && since.elapsed() < warm_up * 4
            && self.operations.get() < self.limit.get() / 3
        {
            self.wait(LOOK).await?;
        }
        let before = (self.operations.get(), server.cpu()?, load.cpu()?, Instant::now());
        while before.3.elapsed() < time && self.operations.get() < self.limit.get() {
            self.wait(LOOK.min(time.saturating_sub(before.3.elapsed()))).await?;
        }
        let figures = Figures {
            operations: self.operations.get() - before.0,
            time: before.3.elapsed(),
            server: server.cpu()? - before.1,
            load: load.cpu()? - before.2,
        };
        self.stopped.set(true);
        let since = Instant::now();
        while self.missing.get() > 0 && since.elapsed() < DRAIN {
            self.wait(LOOK).await?;
        }
        if self.missing.get() > 0 {
            return Err(format!("{} answers never came", self.missing.get()));
        }
        self.wait(QUIET).await?;
        Ok(figures)
    }
}
