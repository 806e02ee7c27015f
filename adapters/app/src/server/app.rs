//! The set of handlers that makes up a server.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::engineio::{Admission, Handshake};
use sockeye_core::{
    ConfigError, Namespace as NamespaceName, NamespaceConfig, ServerConfig, TypedEvent,
};

use super::admission::{AllowRequest, allow_request};
use super::endpoint::Endpoint;
use super::files::ClientFiles;
use super::machine::{IntoMachine, Machine};
use super::with_http::WithHttp;
use crate::handlers::call::{ConnectCall, DisconnectCall, EventCall, ExpiredCall, UpgradeCall};
use crate::handlers::handler::Handler;
use crate::handlers::namespace::{Directory, Handlers, Namespace};
use crate::handlers::packet::PacketCall;
use crate::handlers::pattern::{self, Finding, Matcher};
use crate::handlers::typed::TypedHandler;
use crate::handles::error::Error;
use crate::handles::io::Io;
use crate::handles::socket::Socket;
use crate::http::HttpConfig;
use crate::state::fault::{BoxError, Fault};
use crate::state::names::full_name;
use crate::state::report::{OnError, report};
use crate::state::shared::{Entry, Reporter, ServerRef, Settings};
use crate::state::values::States;

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
    /// What single methods set, whatever the configuration says.
    settings: Vec<Setting>,
    namespaces: Vec<(String, Handlers)>,
    matching: Vec<(Result<Matcher, &'static str>, Handlers)>,
    states: States,
    on_error: Option<OnError<Error>>,
    allow_request: Option<AllowRequest>,
    /// How many handlers of one socket may be waiting at once.
    max_handlers: Option<NonZeroUsize>,
    stall_timeout: Option<Duration>,
    http: HttpConfig,
    files: ClientFiles,
    keep_handshakes: bool,
    server: ServerRef,
}

type Setting = Box<dyn FnOnce(&mut ServerConfig) + Send + Sync>;

impl App {
    /// Makes an app with the namespace `/`, without handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options, whatever was set before and will be by other methods: the result does not
    /// depend on the order of the calls. The list of namespaces is made of those that have
    /// handlers; whether the application decides about handshakes, of
    /// [`allow_request`](Self::allow_request).
    #[must_use]
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets what the server does for HTTP beside the protocol: compression, files, further headers.
    #[must_use]
    pub fn http(mut self, config: HttpConfig) -> Self {
        self.http = config;
        self
    }

    /// Sets which client script is handed out, by default Sockeye's own; none if
    /// [`HttpConfig::files`] has any.
    #[must_use]
    pub fn client_files(mut self, files: ClientFiles) -> Self {
        self.files = files;
        self
    }

    /// Gives a value to the app, which handlers get by a parameter [`State<T>`](crate::State).
    ///
    /// A handler whose state was not given is not called, and that is an error in the log. A client
    /// is refused with the message `internal error` where it is one of
    /// [`on_connect`](Self::on_connect).
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.set(value);
        self
    }

    /// Sets what hears of errors in handlers; by default they go to the log, at the level `debug`
    /// where the other side sent what does not fit the parameters of a handler. Without a logger
    /// they go to stderr, up to ten a second, because nothing else would tell why a handler is not
    /// called.
    ///
    /// A panic in the function is caught, and written to the log.
    #[must_use]
    pub fn on_error(mut self, handler: impl Fn(Error) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Box::new(handler));
        self
    }

    /// Sets how many handlers for events of one socket may be waiting at once, by default 100.
    ///
    /// From then on nothing more is read from that client until one of them is done: TCP lets it
    /// wait, so a client that asks for more than it is given costs no memory.
    ///
    /// A handler that itself awaits an acknowledgement of this client does not count meanwhile, for
    /// else the acknowledgement could not be read; how many such handlers there can be is limited by
    /// [`max_pending_acks`](ServerConfig::max_pending_acks). One that waits for something else counts,
    /// whatever the client owes. So handlers that wait for a further event of the same client, or
    /// for a task of their own that awaits its acknowledgement, wait in vain when they are so many:
    /// such a wait needs a time limit, or ends by the [`stall_timeout`](Self::stall_timeout).
    #[must_use]
    pub fn max_handlers(mut self, limit: NonZeroUsize) -> Self {
        self.max_handlers = Some(limit);
        self
    }

    /// Sets how long a client may be not read because of [`max_handlers`](Self::max_handlers) while
    /// none of its handlers is done, by default 60 seconds. `Duration::MAX` is for ever.
    ///
    /// After that its connection is closed, for its client as if it was lost, its handlers end with
    /// it, and [`on_error`](Self::on_error) hears of [`Fault::Stalled`](crate::Fault::Stalled). Those
    /// handlers may wait for what can't come as long as the client is not read.
    #[must_use]
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = Some(timeout);
        self
    }

    /// Sets what decides about each connection before there is one: `Ok(())`, or `Ok` of an
    /// [`Admission`] that adds to it, or an error whose text the client gets with status 403.
    ///
    /// A decision that takes longer than the
    /// [`handshake_timeout`](sockeye_core::engineio::EngineConfig::handshake_timeout), or whose client
    /// is gone, is dropped at its next wait.
    ///
    /// This is for what concerns the connection as a whole, such as cookies and addresses. Who may
    /// join a namespace is decided by its [`middleware`](Self::middleware).
    ///
    /// ```
    /// use sockeye_app::core::engineio::Handshake;
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
        self.allow_request = Some(allow_request(ask));
        self
    }

    /// Keeps the request that opened a connection, for [`Socket::handshake`](crate::Socket). It
    /// is kept without this where a handler has a parameter `Arc<Handshake>`.
    #[must_use]
    pub fn keep_handshakes(mut self) -> Self {
        self.keep_handshakes = true;
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

    /// Adds a handler for a typed event in `/`; see [`Namespace::on_event`].
    #[must_use]
    pub fn on_event<E: TypedEvent, M>(self, handler: impl TypedHandler<E, M>) -> Self {
        self.of("/", |namespace| namespace.on_event(handler))
    }

    /// Adds a handler for everything that is emitted to sockets of `/`; see
    /// [`Namespace::on_any_outgoing`].
    #[must_use]
    pub fn on_any_outgoing<M>(self, handler: impl Handler<EventCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_any_outgoing(handler))
    }

    /// Adds a middleware for the events of `/`; see [`Namespace::packet_middleware`].
    #[must_use]
    pub fn packet_middleware<M>(self, handler: impl Handler<PacketCall, M>) -> Self {
        self.of("/", |namespace| namespace.packet_middleware(handler))
    }

    /// Adds a handler for connections to `/` that go over to a WebSocket.
    #[must_use]
    pub fn on_upgrade<M>(self, handler: impl Handler<UpgradeCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_upgrade(handler))
    }

    /// Adds a handler for connections to `/` that are ending; see
    /// [`Namespace::on_disconnecting`].
    #[must_use]
    pub fn on_disconnecting<M>(self, handler: impl Handler<DisconnectCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_disconnecting(handler))
    }

    /// Adds a handler for the end of connections to `/`.
    #[must_use]
    pub fn on_disconnect<M>(self, handler: impl Handler<DisconnectCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_disconnect(handler))
    }

    /// Adds a handler for sockets of `/` whose clients can't come back any more; see
    /// [`Namespace::on_expired`].
    #[must_use]
    pub fn on_expired<M>(self, handler: impl Handler<ExpiredCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_expired(handler))
    }

    /// Adds handlers to a namespace, which exists from then on. A slash in front of its name may
    /// be left out.
    #[must_use]
    pub fn of(mut self, name: &str, build: impl FnOnce(Namespace) -> Namespace) -> Self {
        let name = full_name(name);
        let known = self.namespaces.iter().position(|(other, _)| *other == name);
        let index = known.unwrap_or_else(|| {
            self.namespaces.push((name, Handlers::default()));
            self.namespaces.len() - 1
        });
        let handlers = std::mem::take(&mut self.namespaces[index].1);
        self.namespaces[index].1 = build(Namespace(handlers)).0;
        self
    }

    /// Adds handlers to all namespaces whose names fit a template, in which each `{name}` stands
    /// for one or more characters other than `/`. Handlers find those in
    /// [`Captures<Params>`](crate::Captures).
    ///
    /// Such a namespace comes into being when somebody joins it, and goes with the last one who
    /// leaves. A namespace of that very name with handlers of its own comes first; of several
    /// templates and [functions](Self::of_matching) that fit, the first one counts. A malformed
    /// template is an error when the app is served.
    ///
    /// ```
    /// use sockeye_app::{App, Captures, Params, Socket};
    ///
    /// let app = App::new().of_template("/{organization}/room-{id}", |namespace| {
    ///     namespace.on_connect(|socket: Socket, Captures(found): Captures<Params>| {
    ///         socket.emit("welcome to", (found.get("organization"), found.get("id")));
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn of_template(
        mut self,
        template: &str,
        build: impl FnOnce(Namespace) -> Namespace,
    ) -> Self {
        let handlers = build(Namespace(Handlers::default())).0;
        self.matching.push((pattern::template(template), handlers));
        self
    }

    /// Adds handlers to all namespaces whose names a function says match, with `true`, or with
    /// `Some` of what it found in the name, which handlers get as [`Captures`](crate::Captures).
    /// See [`of_template`](Self::of_template) for the rest.
    ///
    /// ```
    /// use sockeye_app::{App, Captures, Socket};
    ///
    /// let app = App::new().of_matching(
    ///     |name| name.strip_prefix("/user-")?.parse::<u32>().ok(),
    ///     |namespace| {
    ///         namespace.on("who", |socket: Socket, user: Captures<u32>| {
    ///             socket.emit("you are", *user.0);
    ///         })
    ///     },
    /// );
    /// ```
    #[must_use]
    pub fn of_matching<R: Finding>(
        mut self,
        matches: impl Fn(&str) -> R + Send + Sync + 'static,
        build: impl FnOnce(Namespace) -> Namespace,
    ) -> Self {
        let handlers = build(Namespace(Handlers::default())).0;
        self.matching.push((Ok(Box::new(move |name| matches(name).found())), handlers));
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
        Io::new(self.server.clone(), NamespaceName::from("/"))
    }

    /// Keeps a setting, which counts also if [`config`](Self::config) is called later.
    pub(super) fn set(
        mut self,
        setting: impl FnOnce(&mut ServerConfig) + Send + Sync + 'static,
    ) -> Self {
        self.settings.push(Box::new(setting));
        self
    }

    fn into_endpoint(mut self) -> Result<Arc<Endpoint>, ConfigError> {
        if !self.namespaces.iter().any(|(name, _)| name == "/") {
            self.namespaces.push(("/".to_owned(), Handlers::default()));
        }
        let known = self.namespaces.iter_mut().map(|(_, handlers)| handlers);
        for handlers in known.chain(self.matching.iter_mut().map(|(_, handlers)| handlers)) {
            handlers.check_states(&self.states);
            if let Some(problem) = handlers.events.reserved() {
                return Err(ConfigError { field: "on", problem });
            }
        }
        let config = |(name, handlers): &(String, Handlers)| {
            NamespaceConfig::new(name).manual_accept(
                !handlers.middleware.is_empty()
                    || !handlers.auth_checks.is_empty()
                    || handlers.missing_state.is_some(),
            )
        };
        self.config.namespaces = self.namespaces.iter().map(config).collect();
        let all = || {
            let known = self.namespaces.iter().map(|(_, handlers)| handlers);
            known.chain(self.matching.iter().map(|(_, handlers)| handlers))
        };
        self.config.engine.manual_accept = self.allow_request.is_some();
        self.config.engine.keep_handshakes |= self.keep_handshakes;
        self.config.engine.keep_handshakes |= all().any(|handlers| handlers.wants_handshake);
        self.config.room_events |= all().any(|handlers| !handlers.room.is_empty());
        self.config.dynamic_namespaces = !self.matching.is_empty();
        let mut directory = Directory::default();
        for (name, handlers) in self.namespaces {
            directory.add(&name, handlers);
        }
        for (matcher, handlers) in self.matching {
            let unsound = |problem| ConfigError { field: "of_template", problem };
            directory.add_matching(matcher.map_err(unsound)?, handlers);
        }
        let settings = Settings {
            limits: self.config.limits_out(),
            high_water: self.config.engine.max_buffered / 4,
            max_handlers: self.max_handlers.map_or(100, NonZeroUsize::get),
            stall_timeout: self.stall_timeout.unwrap_or(Duration::from_secs(60)),
            states: self.states,
            reporter: reporter(self.on_error),
        };
        Endpoint::new(self.config, directory, settings, self.allow_request, self.server)
    }
}

/// Tells errors to the application, or writes them down.
fn reporter(on_error: Option<OnError<Error>>) -> Reporter {
    Box::new(move |entry: &Arc<Entry>, event: &str, fault: Fault| {
        let socket = Socket::new(Arc::clone(entry));
        let error = Error { socket, event: event.to_owned(), fault };
        report(on_error.as_ref(), error.fault.level(), error);
    })
}

impl IntoMachine for App {
    fn into_machine(mut self) -> Result<Arc<dyn Machine>, ConfigError> {
        for setting in std::mem::take(&mut self.settings) {
            setting(&mut self.config);
        }
        let (mut http, engine) = (self.http.clone(), self.config.engine.clone());
        if http.files.is_empty() {
            let missing = ConfigError { field: "client_files", problem: "can't be read" };
            http.files = self.files.load().map_err(|_| missing)?;
        }
        Ok(Arc::new(WithHttp::new(self.into_endpoint()?, http, &engine)))
    }

    fn polling_only(mut self) -> Self {
        self.config.engine.websocket = false;
        self
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.namespaces.iter().map(|(name, _)| name).collect();
        f.debug_struct("App").field("namespaces", &names).finish_non_exhaustive()
    }
}
