//! The machine of an app: the core's server together with the handlers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, atomic::AtomicBool, atomic::AtomicUsize};
use std::time::{Duration, Instant};

use log::Level;
use sockeye_core::engineio::EngineConfig;
use sockeye_core::{
    ConfigError, Input, Namespace as NamespaceName, Request, Response, Server, ServerConfig,
    SocketId,
};

use super::admission::{AllowRequest, Undecided};
use super::machine::{Machine, Runtime};
use crate::handlers::namespace::Directory;
use crate::handles::socket::Socket;
use crate::state::driven::Wake;
use crate::state::report::write;
use crate::state::seed::seed;
use crate::state::shared::{Data, Entry, Registered, ServerRef, Settings, Shared};
use crate::state::values::AnyValue;

/// The machine of an [`App`](crate::App): the core's server together with the handlers.
///
/// It alone keeps the server; handles refer to it.
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: Directory,
    pub(crate) allow_request: Option<AllowRequest>,
    pub(crate) undecided: Undecided,
    /// What handles refer to the server by.
    pub(crate) reference: ServerRef,
    config: EngineConfig,
    /// When the figures were last handed to the recorder of metrics.
    #[cfg(feature = "metrics")]
    published: std::sync::Mutex<Published>,
}

/// When the recorder of metrics may get figures again, and whether there are new ones.
#[cfg(feature = "metrics")]
#[derive(Default)]
struct Published {
    next: Option<Instant>,
    is_stale: bool,
}

impl Endpoint {
    pub(crate) fn new(
        config: ServerConfig,
        directory: Directory,
        settings: Settings,
        allow_request: Option<AllowRequest>,
        reference: ServerRef,
    ) -> Result<Arc<Self>, ConfigError> {
        let engine = config.engine.clone();
        let server = Server::new(config, seed()?)?;
        let is_watched = directory.all().any(|handlers| !handlers.any_outgoing.is_empty());
        let shared = Arc::new(Shared::new(server, settings, is_watched));
        reference.set(&shared);
        Ok(Arc::new(Self {
            shared,
            directory,
            allow_request,
            undecided: Undecided::default(),
            reference,
            config: engine,
            #[cfg(feature = "metrics")]
            published: std::sync::Mutex::default(),
        }))
    }

    /// Hands the figures to the recorder of metrics, at most once in a second; what came after that
    /// a second later.
    #[cfg(feature = "metrics")]
    fn publish(&self, changed: bool) {
        let now = Instant::now();
        let mut published = self.published();
        published.is_stale |= changed;
        if !published.is_stale {
            return;
        }
        if published.next.is_none_or(|next| next <= now) {
            *published = Published { next: Some(now + Duration::from_secs(1)), is_stale: false };
            drop(published);
            self.shared.snapshot().publish();
        }
    }

    #[cfg(not(feature = "metrics"))]
    const fn publish(&self, _: bool) {}

    #[cfg(feature = "metrics")]
    fn published(&self) -> std::sync::MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// When figures that have changed are to be handed over.
    fn publish_at(&self) -> Option<Instant> {
        #[cfg(feature = "metrics")]
        return Some(self.published()).filter(|it| it.is_stale).and_then(|it| it.next);
        #[cfg(not(feature = "metrics"))]
        None
    }

    /// Which handlers are for a namespace; none if a matcher panics.
    pub(crate) fn find(&self, namespace: &str) -> Option<(usize, Option<AnyValue>)> {
        let found = catch_unwind(AssertUnwindSafe(|| self.directory.find(namespace)));
        found.unwrap_or_else(|_| {
            let text = format!("the function that matches namespaces panicked for {namespace:?}");
            write(Level::Error, &text);
            None
        })
    }

    /// The handle to a socket, made when the machine first tells of it.
    pub(crate) fn get_or_create(&self, key: SocketId, namespace: NamespaceName) -> Option<Socket> {
        let known = self.shared.driven.with(|state| {
            let sid = state.server.socket(key)?.sid().clone();
            let known = state.sockets.get(&key).filter(|socket| socket.entry.sid == sid);
            known.map(|socket| Arc::clone(&socket.entry))
        });
        if let Some(entry) = known {
            return Some(Socket::new(entry));
        }
        // The matcher of a namespace is the application's: it may ask the server something.
        let (handlers, captured) = self.find(&namespace)?;
        let is_watched = !self.directory.get(handlers).any_outgoing.is_empty();
        let (entry, replaced) = self.shared.driven.with(|state| {
            let sid = state.server.socket(key)?.sid().clone();
            // Who came back too late for what it has missed got a new id while it was waiting.
            let renamed = state.sockets.get(&key).cloned();
            let end = renamed.as_ref().map(|socket| Arc::clone(&socket.entry.end));
            let kept = state.kept.get(&sid).map(|kept| Arc::clone(&kept.data));
            let recovered = kept.is_some();
            let data = kept
                .or_else(|| renamed.map(|socket| socket.data))
                .unwrap_or_else(|| Arc::new(Data { captured, ..Data::default() }));
            let entry = Arc::new(Entry {
                server: self.reference.clone(),
                key,
                sid,
                namespace,
                handlers,
                recovered,
                limits: self.shared.settings.limits,
                data: Arc::downgrade(&data),
                end: end.unwrap_or_default(),
                is_watched: AtomicBool::new(is_watched),
                waiting: AtomicUsize::new(0),
                paused: AtomicBool::new(false),
            });
            let registered = Registered { entry: Arc::clone(&entry), data, listeners: None };
            Some((entry, state.sockets.insert(key, registered)))
        })?;
        // Its listeners are the application's, and dropped when nothing is locked.
        drop(replaced);
        Some(Socket::new(entry))
    }
}

impl Machine for Endpoint {
    fn matches(&self, path: &str) -> bool {
        self.config.matches(path)
    }

    fn max_payload(&self) -> usize {
        self.config.max_payload
    }

    fn refusal(&self, request: &Request<'_>) -> Response {
        self.config.refusal(request)
    }

    fn handle(&self, input: Input<'_>, now: Instant) {
        self.shared.driven.with(|state| state.server.handle(input, now));
    }

    fn handle_timeout(&self, now: Instant) {
        self.shared.driven.with(|state| state.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.shared.driven.with(|state| state.poll_timeout());
        deadline.into_iter().chain(self.publish_at()).min()
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        let mut acted = false;
        self.shared.driven.drive(|output| {
            acted = true;
            match output.into_event() {
                Err(output) => runtime.perform(output),
                Ok(event) => {
                    // Handlers are guarded one by one; values that they leave behind are not.
                    let dispatch = AssertUnwindSafe(|| self.dispatch(event, runtime));
                    if catch_unwind(dispatch).is_err() {
                        write(
                            Level::Error,
                            &"a panic beside the handlers; everything else goes on",
                        );
                    }
                }
            }
        });
        self.publish(acted);
    }

    fn set_waker(&self, wake: Wake) {
        self.shared.driven.set_waker(wake);
    }

    fn close(&self, now: Instant) {
        self.shared.driven.command(|state| state.server.shut_down(now));
    }

    fn retire(&self, over: Duration, now: Instant) {
        self.shared.driven.command(|state| state.server.retire(over, now));
    }

    fn is_idle(&self) -> bool {
        self.shared.driven.with(|state| state.server.is_idle())
    }
}
