//! The set of handlers that makes up a client.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sockeye_core::client::{Attempt, Config, SocketConfig};
use sockeye_core::{ConfigError, TypedEvent};

use super::calls::{ConnectCall, DisconnectCall, RefusedCall};
use super::hub::Hub;
use super::machine::Machine;
use super::socket::Socket;
use super::{Connection, Error};
use crate::handlers::call::EventCall;
use crate::handlers::handler::{BoxHandler, Handler, boxed};
use crate::handlers::reply::BoxError;
use crate::handlers::typed::{self, TypedHandler};
use crate::state::report::OnError;

/// A Socket.IO client to be: its handlers and options. See the [module's documentation](super).
#[derive(Default)]
pub struct Client {
    pub(super) config: Config,
    pub(super) namespaces: Vec<(String, Handlers)>,
    pub(super) shared: Shared,
}

/// What all namespaces share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(super) state: Vec<Arc<dyn Any + Send + Sync>>,
    pub(super) on_error: Option<OnError<Error>>,
    pub(super) on_connection: Option<ConnectionHandler>,
    pub(super) max_handlers: Option<NonZeroUsize>,
    pub(super) ask_attempt: Option<AskAttempt>,
}

type ConnectionHandler = Box<dyn Fn(&Connection) + Send + Sync>;

/// The handlers of one namespace.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(super) config: SocketConfig,
    pub(super) auth: Option<AskAuth>,
    pub(super) problem: Option<&'static str>,
    pub(super) connect: Vec<BoxHandler<ConnectCall>>,
    pub(super) refused: Vec<BoxHandler<RefusedCall>>,
    pub(super) disconnect: Vec<BoxHandler<DisconnectCall>>,
    pub(super) any: Vec<BoxHandler<EventCall<Socket>>>,
    pub(super) events: HashMap<String, Vec<BoxHandler<EventCall<Socket>>>>,
}

/// Asks what a server is to be told, as JSON.
pub(super) type AskAuth = Box<dyn Fn() -> Asked + Send + Sync>;
pub(super) type Asked = Pin<Box<dyn Future<Output = Result<serde_json::Value, BoxError>>>>;

/// Asks where an attempt to connect goes.
type AskAttempt = Box<dyn Fn() -> AskedAttempt + Send + Sync>;
type AskedAttempt = Pin<Box<dyn Future<Output = Result<Attempt, BoxError>>>>;

impl Client {
    /// Makes a client for the namespace `/`, without handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The options, for an adapter that adds to them.
    #[doc(hidden)]
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Gives a value to the client, which handlers get by a parameter
    /// [`State<T>`](crate::State).
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.shared.state.retain(|other| !other.is::<T>());
        self.shared.state.push(Arc::new(value));
        self
    }

    /// Sets what hears of errors in handlers, and of others that nobody awaits; by default they go to the log, at the level `debug`
    /// where the other side sent what does not fit the parameters of a handler. Without a logger
    /// they go to stderr, up to ten a second, because nothing else would tell why a handler is not
    /// called.
    ///
    /// A panic in the function is caught, and written to the log.
    #[must_use]
    pub fn on_error(mut self, handler: impl Fn(Error) + Send + Sync + 'static) -> Self {
        self.shared.on_error = Some(Box::new(handler));
        self
    }

    /// Sets how many handlers for events may be waiting at once, by default 100.
    ///
    /// Further events, and what else happens to their sockets, are told when one of them is done.
    /// Acknowledgements are not held up, so handlers may await those. When 16 MiB of events wait,
    /// nothing more is read from the server until half of them are handled; a server whose pings are
    /// not answered meanwhile ends the connection. Handlers that wait for a further event can wait
    /// for ever when they are so many: such a wait needs a time limit.
    #[must_use]
    pub fn max_handlers(mut self, limit: NonZeroUsize) -> Self {
        self.shared.max_handlers = Some(limit);
        self
    }

    /// Sets what hears of the connection that all sockets share: opened, upgraded, lost, tried
    /// again.
    #[must_use]
    pub fn on_connection(mut self, handler: impl Fn(&Connection) + Send + Sync + 'static) -> Self {
        self.shared.on_connection = Some(Box::new(handler));
        self
    }

    /// Adds handlers to a namespace, which is joined when the client connects. A slash in front of
    /// its name may be left out.
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

    /// What the server is told when `/` is joined; see [`Namespace::auth`].
    #[must_use]
    pub fn auth(self, data: impl Serialize) -> Self {
        self.of("/", |namespace| namespace.auth(data))
    }

    /// Asks at each connect what the server is to be told; see [`Namespace::auth_with`].
    #[must_use]
    pub fn auth_with<R, T, E>(self, ask: impl Fn() -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Result<T, E>> + 'static,
        T: Serialize,
        E: Into<BoxError>,
    {
        self.of("/", |namespace| namespace.auth_with(ask))
    }

    /// Asks before each attempt to connect, the first one and all others, where it is to go and
    /// what is sent along: another address, a fresh token in the query or in a header. What is not
    /// said is as in address and options. An error fails the attempt, and another one follows as
    /// after any that fails.
    ///
    /// The path of an address names no namespace here; its query is added to that of requests.
    ///
    /// ```
    /// use sockeye_app::client::{Attempt, Client};
    ///
    /// async fn least_busy() -> Result<String, std::io::Error> {
    ///     Ok("https://node-7.example.com".to_owned())
    /// }
    ///
    /// let client = Client::new().attempt_with(|| async {
    ///     let address = least_busy().await?;
    ///     Ok::<_, std::io::Error>(Attempt::new().address(&address).header("x-key", "secret"))
    /// });
    /// ```
    #[must_use]
    pub fn attempt_with<R, E>(mut self, ask: impl Fn() -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Result<Attempt, E>> + 'static,
        E: Into<BoxError>,
    {
        self.shared.ask_attempt = Some(Box::new(move || {
            let asked = ask();
            Box::pin(async move { asked.await.map_err(Into::into) })
        }));
        self
    }

    /// Adds a handler for being connected to `/`, again or for the first time.
    #[must_use]
    pub fn on_connect<M>(self, handler: impl Handler<ConnectCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_connect(handler))
    }

    /// Adds a handler for being refused by `/`; see [`Namespace::on_refused`].
    #[must_use]
    pub fn on_refused<M>(self, handler: impl Handler<RefusedCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_refused(handler))
    }

    /// Adds a handler for being disconnected from `/`.
    #[must_use]
    pub fn on_disconnect<M>(self, handler: impl Handler<DisconnectCall, M>) -> Self {
        self.of("/", |namespace| namespace.on_disconnect(handler))
    }

    /// Adds a handler for an event in `/`; see [`Namespace::on`].
    #[must_use]
    pub fn on<M>(self, event: &str, handler: impl Handler<EventCall<Socket>, M>) -> Self {
        self.of("/", |namespace| namespace.on(event, handler))
    }

    /// Adds a handler for a typed event in `/`; see [`Namespace::on_event`].
    #[must_use]
    pub fn on_event<E: TypedEvent, M>(self, handler: impl TypedHandler<E, M, Socket>) -> Self {
        self.of("/", |namespace| namespace.on_event(handler))
    }

    /// Adds a handler for all events in `/`, which runs before those for single ones.
    #[must_use]
    pub fn on_any<M>(self, handler: impl Handler<EventCall<Socket>, M>) -> Self {
        self.of("/", |namespace| namespace.on_any(handler))
    }

    /// Makes the machine that an adapter drives, and a socket for each namespace that has handlers,
    /// or for `/` if there is none. The sockets connect when the machine is driven, unless they are
    /// [told not to](SocketConfig::auto_connect).
    ///
    /// # Errors
    ///
    /// If an option has a value that can't work.
    pub fn into_machine(mut self) -> Result<(Arc<dyn Machine>, Vec<Socket>), ConfigError> {
        self.config.ask_attempts = self.shared.ask_attempt.is_some();
        if self.namespaces.is_empty() {
            self.namespaces.push(("/".to_owned(), Handlers::default()));
        }
        let (hub, sockets) = Hub::new(self)?;
        Ok((hub, sockets))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.namespaces.iter().map(|(name, _)| name).collect();
        f.debug_struct("Client").field("namespaces", &names).finish_non_exhaustive()
    }
}

/// The name of a namespace with the slash in front, which may be left out.
pub(super) fn full_name(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}

/// The handlers of a namespace, as [`Client::of`] and [`Socket::open`] build them.
pub struct Namespace(Handlers);

impl Namespace {
    pub(super) fn new() -> Self {
        Self(Handlers::default())
    }

    pub(super) fn into_handlers(self) -> Handlers {
        self.0
    }

    /// What the server is told at each connect: an object, often with a token in it, which
    /// middlewares of the server get. Anything else is an error when the client is connected.
    #[must_use]
    pub fn auth(mut self, data: impl Serialize) -> Self {
        match sockeye_core::client::Auth::value(&data) {
            Ok(auth) => self.0.config.auth = auth,
            Err(_) => self.0.problem = Some("must be an object that can be written as JSON"),
        }
        self
    }

    /// Asks at each connect what the server is to be told, for what changes, such as tokens. An
    /// error goes to [`Client::on_error`], and the socket is not connected.
    ///
    /// ```
    /// use sockeye_app::client::Client;
    ///
    /// async fn fresh_token() -> Result<String, std::io::Error> {
    ///     Ok("secret".to_owned())
    /// }
    ///
    /// let client = Client::new().auth_with(|| async {
    ///     Ok::<_, std::io::Error>(serde_json::json!({ "token": fresh_token().await? }))
    /// });
    /// ```
    #[must_use]
    pub fn auth_with<R, T, E>(mut self, ask: impl Fn() -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Result<T, E>> + 'static,
        T: Serialize,
        E: Into<BoxError>,
    {
        self.0.config.auth = sockeye_core::client::Auth::ask();
        self.0.auth = Some(Box::new(move || {
            let asked = ask();
            Box::pin(async move {
                let data = asked.await.map_err(Into::into)?;
                Ok(serde_json::to_value(data)?)
            })
        }));
        self
    }

    /// Has events sent again that the server does not acknowledge, up to so many times, each after
    /// this time: see [`SocketConfig::retries`]. Events that are given up after that are reported
    /// to [`Client::on_error`], with [`Fault::GivenUp`](crate::Fault::GivenUp).
    #[must_use]
    pub fn retries(mut self, retries: u32, ack_timeout: Duration) -> Self {
        self.0.config.retries = retries;
        self.0.config.ack_timeout = Some(ack_timeout);
        self
    }

    /// Sets the time that acknowledgements may take where no other is given, by default any.
    #[must_use]
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.0.config.ack_timeout = Some(timeout);
        self
    }

    /// Waits for [`Socket::connect`] instead of connecting at once.
    #[must_use]
    pub fn connect_later(mut self) -> Self {
        self.0.config.auto_connect = false;
        self
    }

    /// Adds a handler for being connected, again or for the first time.
    #[must_use]
    pub fn on_connect<M>(mut self, handler: impl Handler<ConnectCall, M>) -> Self {
        self.0.connect.push(boxed(handler));
        self
    }

    /// Adds a handler for being refused by the server: the `connect_error` of a middleware, which
    /// it gets as [`Refused`](super::Refused). The socket does not ask again by itself.
    #[must_use]
    pub fn on_refused<M>(mut self, handler: impl Handler<RefusedCall, M>) -> Self {
        self.0.refused.push(boxed(handler));
        self
    }

    /// Adds a handler for being disconnected, with the
    /// [`DisconnectReason`](super::DisconnectReason).
    #[must_use]
    pub fn on_disconnect<M>(mut self, handler: impl Handler<DisconnectCall, M>) -> Self {
        self.0.disconnect.push(boxed(handler));
        self
    }

    /// Adds a handler for an event. Several for one event run in the order of their registration;
    /// the first of them that answers gives the acknowledgement.
    #[must_use]
    pub fn on<M>(mut self, event: &str, handler: impl Handler<EventCall<Socket>, M>) -> Self {
        self.0.events.entry(event.to_owned()).or_default().push(boxed(handler));
        self
    }

    /// Adds a handler for a typed event: a function of the socket and the event, sync or async,
    /// that returns the event's answer or a `Result` of it.
    #[must_use]
    pub fn on_event<E: TypedEvent, M>(mut self, handler: impl TypedHandler<E, M, Socket>) -> Self {
        let handler = typed::boxed(handler);
        self.0.events.entry(E::NAME.to_owned()).or_default().push(handler);
        self
    }

    /// Adds a handler for all events, which runs before those for single ones.
    #[must_use]
    pub fn on_any<M>(mut self, handler: impl Handler<EventCall<Socket>, M>) -> Self {
        self.0.any.push(boxed(handler));
        self
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").finish_non_exhaustive()
    }
}
