//! The set of handlers that makes up a server.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use sockeye_core::engine::{Admission, Handshake};
use sockeye_core::{ConfigError, NamespaceConfig, Room, ServerConfig};

use crate::call::{ConnectCall, DisconnectCall, EventCall};
use crate::error::Error;
use crate::files::ClientFiles;
use crate::gate::{Veto, veto};
use crate::handler::{BoxHandler, Handler, boxed};
use crate::io::Io;
use crate::machine::{IntoMachine, Machine};
use crate::reply::BoxError;
use crate::shard::Shard;

/// A Socket.IO server to be: its handlers, shared by all sockets, and its options.
///
/// ```
/// use sockeye_app::{Ack, App, Auth, Bytes, Socket, State};
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// #[derive(serde::Deserialize)]
/// struct Login {
///     name: Option<String>,
/// }
///
/// let app = App::new()
///     .state(AtomicUsize::new(0))
///     .on_connect(|socket: Socket, Auth(login): Auth<Login>| {
///         socket.set_data(login.name.unwrap_or_default());
///     })
///     .on("upload", |name: String, data: Bytes, uploads: State<AtomicUsize>| async move {
///         uploads.fetch_add(data.len(), Ordering::Relaxed);
///         Ack(name)
///     })
///     .of("/admin", |namespace| {
///         namespace.on("restart", |socket: Socket| socket.io().emit("restarting", ()))
///     });
/// ```
#[derive(Default)]
pub struct App {
    config: ServerConfig,
    namespaces: Vec<(String, Handlers)>,
    matching: Vec<(Pattern, Handlers)>,
    shared: Shared,
    files: ClientFiles,
    shard: Arc<OnceLock<Arc<Shard>>>,
}

/// What all namespaces share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) state: Vec<Arc<dyn Any + Send + Sync>>,
    pub(crate) on_error: Option<Box<dyn Fn(Error) + Send + Sync>>,
    pub(crate) veto: Option<Veto>,
}

/// The handlers of all namespaces.
#[derive(Default)]
pub(crate) struct Directory {
    known: HashMap<Room, Arc<Handlers>>,
    matching: Vec<(Pattern, Arc<Handlers>)>,
}

/// Which names of namespaces are meant.
type Pattern = Box<dyn Fn(&str) -> bool + Send + Sync>;

impl Directory {
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Handlers>> {
        let mut matching = self.matching.iter();
        let known = self.known.get(name);
        known.or_else(|| matching.find(|(holds, _)| holds(name)).map(|(_, it)| it)).cloned()
    }
}

/// The handlers of one namespace.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) middleware: Vec<BoxHandler<ConnectCall>>,
    pub(crate) connect: Vec<BoxHandler<ConnectCall>>,
    pub(crate) disconnect: Vec<BoxHandler<DisconnectCall>>,
    pub(crate) any: Vec<BoxHandler<EventCall>>,
    pub(crate) events: HashMap<String, Vec<BoxHandler<EventCall>>>,
    pub(crate) wants_handshake: bool,
}

impl App {
    /// Makes an app with the namespace `/`, without handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options. Its list of namespaces is made of those that have handlers.
    #[must_use]
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets which client script is handed out, by default Sockeye's own.
    #[must_use]
    pub fn client_files(mut self, files: ClientFiles) -> Self {
        self.files = files;
        self
    }

    /// Gives a value to the app, which handlers get by a parameter [`State<T>`](crate::State).
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.shared.state.retain(|other| !other.is::<T>());
        self.shared.state.push(Arc::new(value));
        self
    }

    /// Sets what hears of errors in handlers; by default they go to the log.
    #[must_use]
    pub fn on_error(mut self, handler: impl Fn(Error) + Send + Sync + 'static) -> Self {
        self.shared.on_error = Some(Box::new(handler));
        self
    }

    /// Sets what decides about each connection before there is one: `Ok(())`, or `Ok` of an
    /// [`Admission`] that adds to it, or an error whose text the client gets with status 403.
    ///
    /// This is for what concerns the connection as a whole, such as cookies and addresses. Who may
    /// join a namespace is decided by its [`middleware`](Self::middleware).
    ///
    /// ```
    /// use sockeye_app::core::engine::Handshake;
    ///
    /// let app = sockeye_app::App::new().allow_request(|handshake: Handshake| async move {
    ///     handshake.header("cookie").map(drop).ok_or("who are you?")
    /// });
    /// ```
    #[must_use]
    pub fn allow_request<R, A, E>(
        mut self,
        ask: impl Fn(Handshake) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Future<Output = Result<A, E>> + 'static,
        A: Into<Admission>,
        E: Into<BoxError>,
    {
        self.config.engine.decides = true;
        self.shared.veto = Some(veto(ask));
        self
    }

    /// Keeps the request that opened a connection, for [`Socket::handshake`](crate::Socket). It
    /// is kept without this where a handler has a parameter `Arc<Handshake>`.
    #[must_use]
    pub fn keep_handshakes(mut self) -> Self {
        self.config.engine.keep_handshakes = true;
        self
    }

    /// Adds a middleware for `/`, which decides who may join; see [`Namespace::middleware`].
    #[must_use]
    pub fn middleware<M>(self, handler: impl Handler<ConnectCall, M>) -> Self {
        self.of("/", |namespace| namespace.middleware(handler))
    }

    /// Adds a handler for new connections to `/`.
    #[must_use]
    pub fn on_connect<M>(self, handler: impl Handler<ConnectCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_connect(handler))
    }

    /// Adds a handler for an event in `/`. Several for one event run in the order of their
    /// registration.
    #[must_use]
    pub fn on<M>(self, event: &str, handler: impl Handler<EventCall, M>) -> Self {
        self.of("/", |namespace| namespace.on(event, handler))
    }

    /// Adds a handler for all events in `/`, which runs before those for single ones.
    #[must_use]
    pub fn on_any<M>(self, handler: impl Handler<EventCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_any(handler))
    }

    /// Adds a handler for the end of connections to `/`.
    #[must_use]
    pub fn on_disconnect<M>(self, handler: impl Handler<DisconnectCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_disconnect(handler))
    }

    /// Adds handlers to a namespace, which exists from then on. A slash in front of its name may
    /// be left out.
    #[must_use]
    pub fn of(mut self, name: &str, build: impl FnOnce(Namespace) -> Namespace) -> Self {
        let name = if name.starts_with('/') { name.to_owned() } else { format!("/{name}") };
        let known = self.namespaces.iter().position(|(other, _)| *other == name);
        let index = known.unwrap_or_else(|| {
            self.namespaces.push((name, Handlers::default()));
            self.namespaces.len() - 1
        });
        let handlers = std::mem::take(&mut self.namespaces[index].1);
        self.namespaces[index].1 = build(Namespace(handlers)).0;
        self
    }

    /// Adds handlers to all namespaces whose names match, where no namespace of that very name has
    /// handlers of its own. They come into being when somebody joins them, and go with the last
    /// one who leaves. Of several patterns that match, the first one counts.
    ///
    /// ```
    /// use sockeye_app::{App, Socket};
    ///
    /// let is_room = |name: &str| {
    ///     name.strip_prefix("/room-").is_some_and(|id| id.parse::<u32>().is_ok())
    /// };
    /// let app = App::new().of_matching(is_room, |namespace| {
    ///     namespace.on("where", |socket: Socket| socket.emit("here", socket.namespace()))
    /// });
    /// ```
    #[must_use]
    pub fn of_matching(
        mut self,
        pattern: impl Fn(&str) -> bool + Send + Sync + 'static,
        build: impl FnOnce(Namespace) -> Namespace,
    ) -> Self {
        let handlers = build(Namespace(Handlers::default())).0;
        self.matching.push((Box::new(pattern), handlers));
        self
    }

    /// A handle to all sockets, for code outside of handlers: other threads, tasks, timers.
    ///
    /// ```
    /// let app = sockeye_app::App::new();
    /// let io = app.io();
    /// std::thread::spawn(move || io.emit("tick", 1));
    /// ```
    #[must_use]
    pub fn io(&self) -> Io {
        Io::new(Arc::clone(&self.shard))
    }

    fn into_shard(mut self) -> Result<Arc<Shard>, ConfigError> {
        if !self.namespaces.iter().any(|(name, _)| name == "/") {
            self.namespaces.push(("/".to_owned(), Handlers::default()));
        }
        let config = |(name, handlers): &(String, Handlers)| NamespaceConfig {
            decides: !handlers.middleware.is_empty(),
            ..NamespaceConfig::new(name)
        };
        self.config.namespaces = self.namespaces.iter().map(config).collect();
        self.config.engine.keep_handshakes |=
            self.namespaces.iter().any(|(_, handlers)| handlers.wants_handshake)
                || self.matching.iter().any(|(_, handlers)| handlers.wants_handshake);
        self.config.dynamic_namespaces = !self.matching.is_empty();
        let known = self.namespaces.into_iter();
        let matching = self.matching.into_iter();
        let directory = Directory {
            known: known.map(|(name, it)| (name.into(), Arc::new(it))).collect(),
            matching: matching.map(|(pattern, it)| (pattern, Arc::new(it))).collect(),
        };
        if self.config.engine.files.is_empty() {
            let missing = ConfigError { field: "client_files", problem: "can't be read" };
            self.config.engine.files = self.files.load().map_err(|_| missing)?;
        }
        let shard = Shard::new(self.config, directory, self.shared)?;
        let shard = self.shard.get_or_init(|| shard);
        Ok(Arc::clone(shard))
    }
}

impl IntoMachine for App {
    fn into_machine(self) -> Result<Arc<dyn Machine>, ConfigError> {
        Ok(self.into_shard()?)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.namespaces.iter().map(|(name, _)| name).collect();
        f.debug_struct("App").field("namespaces", &names).finish_non_exhaustive()
    }
}

/// The handlers of a namespace, as [`App::of`] builds them.
pub struct Namespace(Handlers);

impl Namespace {
    /// Adds a middleware, which decides who may join: it returns `Ok(())`, or an error that the
    /// client gets as its `connect_error`, perhaps with data: [`Refusal`](crate::Refusal). Several
    /// are asked in the order of their registration, until one refuses.
    ///
    /// The socket is not connected yet. It may join rooms, and data may be kept with it.
    #[must_use]
    pub fn middleware<M>(mut self, handler: impl Handler<ConnectCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.middleware.push(handler);
        self
    }

    fn boxed<C: 'static, M, H: Handler<C, M>>(&mut self, handler: H) -> BoxHandler<C> {
        self.0.wants_handshake |= H::WANTS_HANDSHAKE;
        boxed(handler)
    }

    /// Adds a handler for new connections.
    #[must_use]
    pub fn on_connect<M>(mut self, handler: impl Handler<ConnectCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.connect.push(handler);
        self
    }

    /// Adds a handler for an event. Several for one event run in the order of their registration;
    /// the first of them that answers gives the acknowledgement.
    #[must_use]
    pub fn on<M>(mut self, event: &str, handler: impl Handler<EventCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.events.entry(event.to_owned()).or_default().push(handler);
        self
    }

    /// Adds a handler for all events, which runs before those for single ones.
    #[must_use]
    pub fn on_any<M>(mut self, handler: impl Handler<EventCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.any.push(handler);
        self
    }

    /// Adds a handler for the end of connections. The socket's data is still there, its rooms are
    /// a parameter of type [`Rooms`](crate::Rooms).
    #[must_use]
    pub fn on_disconnect<M>(mut self, handler: impl Handler<DisconnectCall, M>) -> Self {
        let handler = self.boxed(handler);
        self.0.disconnect.push(handler);
        self
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").finish_non_exhaustive()
    }
}
