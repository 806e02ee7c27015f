//! Handlers that wait: a small executor on the thread of the driver.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use sockeye_app::Task;

type Call = dyn Fn() + Send + Sync;

/// Runs futures on the thread that it is used on.
pub(crate) struct Executor {
    tasks: HashMap<u64, (Task, Arc<Bell>)>,
    last: u64,
    ready: Arc<Ready>,
}

/// Which tasks are to be polled.
struct Ready {
    ids: Mutex<Vec<u64>>,
    /// Has [`Executor::run`] called soon.
    call: Box<Call>,
}

struct Bell {
    id: u64,
    /// It is among those to be polled already.
    rung: AtomicBool,
    ready: Arc<Ready>,
}

impl Executor {
    pub(crate) fn new(call: impl Fn() + Send + Sync + 'static) -> Self {
        let ready = Arc::new(Ready { ids: Mutex::default(), call: Box::new(call) });
        Self { tasks: HashMap::new(), last: 0, ready }
    }

    pub(crate) fn spawn(&mut self, task: Task) {
        self.last += 1;
        let id = self.last;
        let rung = AtomicBool::new(false);
        let bell = Arc::new(Bell { id, rung, ready: Arc::clone(&self.ready) });
        bell.wake_by_ref();
        self.tasks.insert(id, (task, bell));
    }

    /// Polls the tasks that are ready, each once.
    pub(crate) fn run(&mut self) {
        let ids = std::mem::take(&mut *self.ready.lock());
        for id in ids {
            let Some((task, bell)) = self.tasks.get_mut(&id) else { continue };
            bell.rung.store(false, Ordering::Release);
            let waker = Waker::from(Arc::clone(bell));
            let mut context = Context::from_waker(&waker);
            let poll = AssertUnwindSafe(|| task.as_mut().poll(&mut context));
            let done = catch_unwind(poll).map_or_else(
                |_| {
                    log::error!("a task panicked; everything else goes on");
                    true
                },
                |poll| poll == Poll::Ready(()),
            );
            if done {
                self.tasks.remove(&id);
            }
        }
    }
}

impl Ready {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.ready.lock().push(self.id);
            (self.ready.call)();
        }
    }
}
