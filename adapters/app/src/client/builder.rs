//! The set of handlers that makes up a client.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Serialize;
use sockeye_core::client::{Attempt, Config};
use sockeye_core::{ConfigError, TypedEvent};

use super::calls::{ConnectCall, DisconnectCall, RefusedCall};
use super::connection::Connection;
use super::endpoint::{ConnectionHandler, Endpoint};
use super::error::Error;
use super::handlers::{Ask, Handlers, Namespace, boxed_ask};
use super::machine::Machine;
use super::shared::{Entry, Reporter, Shared};
use super::socket::Socket;
use crate::handlers::call::EventCall;
use crate::handlers::handler::Handler;
use crate::handlers::typed::TypedHandler;
use crate::state::fault::{BoxError, Fault};
use crate::state::names::full_name;
use crate::state::report::{OnError, report};
use crate::state::values::States;

/// A Socket.IO client to be: its handlers and options. See the [module's documentation](super).
#[derive(Default)]
pub struct Client {
    config: Config,
    namespaces: Vec<(String, Handlers)>,
    states: States,
    on_error: Option<OnError<Error>>,
    on_connection: Option<ConnectionHandler>,
    max_handlers: Option<NonZeroUsize>,
    ask_attempt: Option<Ask<Attempt>>,
}

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
        self.states.set(value);
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
        self.on_error = Some(Box::new(handler));
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
        self.max_handlers = Some(limit);
        self
    }

    /// Sets what hears of the connection that all sockets share: opened, upgraded, lost, tried
    /// again.
    #[must_use]
    pub fn on_connection(mut self, handler: impl Fn(&Connection) + Send + Sync + 'static) -> Self {
        self.on_connection = Some(Box::new(handler));
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
        self.ask_attempt = Some(boxed_ask(ask, Ok));
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
    /// [told not to](sockeye_core::client::SocketConfig::auto_connect).
    ///
    /// # Errors
    ///
    /// If an option has a value that can't work.
    pub fn into_machine(mut self) -> Result<(Arc<dyn Machine>, Vec<Socket>), ConfigError> {
        self.config.ask_attempts = self.ask_attempt.is_some();
        if self.namespaces.is_empty() {
            self.namespaces.push(("/".to_owned(), Handlers::default()));
        }
        let max_handlers = self.max_handlers.map_or(100, NonZeroUsize::get);
        let reporter = reporter(self.on_error);
        let shared = Shared::new(self.config, max_handlers, self.states, reporter)?;
        let mut sockets = Vec::new();
        for (name, handlers) in self.namespaces {
            sockets.extend(handlers.open(&shared, name)?.map(Socket::new));
        }
        let (on_connection, ask_attempt) = (self.on_connection, self.ask_attempt);
        Ok((Arc::new(Endpoint { shared, on_connection, ask_attempt }), sockets))
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.namespaces.iter().map(|(name, _)| name).collect();
        f.debug_struct("Client").field("namespaces", &names).finish_non_exhaustive()
    }
}
