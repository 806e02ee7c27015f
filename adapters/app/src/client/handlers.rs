//! The handlers of one namespace of a client.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sockeye_core::client::SocketConfig;
use sockeye_core::{ConfigError, TypedEvent};

use super::calls::{ConnectCall, DisconnectCall, RefusedCall};
use super::connect_error::ConnectError;
use super::shared::{Entry, Shared};
use super::socket::Socket;
use crate::handlers::call::EventCall;
use crate::handlers::event_handlers::EventHandlers;
use crate::handlers::handler::{BoxHandler, Handler, boxed};
use crate::handlers::typed::{self, TypedHandler};
use crate::state::fault::BoxError;
use crate::state::names::full_name;
use crate::state::values::AnyValue;

/// The handlers of one namespace.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(super) config: SocketConfig,
    pub(super) auth: Option<Ask<serde_json::Value>>,
    pub(super) problem: Option<&'static str>,
    pub(super) connect: Vec<BoxHandler<ConnectCall>>,
    pub(super) refused: Vec<BoxHandler<RefusedCall>>,
    pub(super) disconnect: Vec<BoxHandler<DisconnectCall>>,
    pub(super) events: EventHandlers<Socket>,
}

impl Handlers {
    /// Makes a socket with these handlers; `None` if the client was closed.
    pub(super) fn open(
        self,
        client: &Arc<Shared>,
        namespace: String,
    ) -> Result<Option<Arc<Entry>>, ConfigError> {
        if let Some(problem) = self.problem {
            return Err(ConfigError { field: "auth", problem });
        }
        let config = self.config.clone();
        // If there is no socket for them, they are dropped when nothing is locked.
        let handlers: AnyValue = Arc::new(self);
        client.open(namespace, config, &handlers)
    }
}

/// Asks the application for something.
pub(super) type Ask<T> = Box<dyn Fn() -> Asked<T> + Send + Sync>;
type Asked<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>>>>;

/// Forgets the types of a function that is asked, and of what it answers.
pub(super) fn boxed_ask<R, A, E, T>(
    ask: impl Fn() -> R + Send + Sync + 'static,
    convert: impl Fn(A) -> Result<T, BoxError> + Copy + Send + Sync + 'static,
) -> Ask<T>
where
    R: Future<Output = Result<A, E>> + 'static,
    E: Into<BoxError>,
{
    Box::new(move || {
        let asked = ask();
        Box::pin(async move { convert(asked.await.map_err(Into::into)?) })
    })
}

/// The handlers of a namespace, as [`Client::of`](crate::client::Client::of) and [`Socket::open`] build them.
pub struct Namespace(pub(super) Handlers);

impl Namespace {
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
    /// error goes to [`Client::on_error`](crate::client::Client::on_error), and the socket is not connected.
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
        self.0.auth = Some(boxed_ask(ask, |data| Ok(serde_json::to_value(data)?)));
        self
    }

    /// Has events sent again that the server does not acknowledge, up to so many times, each after
    /// this time: see [`SocketConfig::retries`]. Events that are given up after that are reported
    /// to [`Client::on_error`](crate::client::Client::on_error), with [`Fault::GivenUp`](crate::Fault::GivenUp).
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
        self.0.events.add(event, boxed(handler));
        self
    }

    /// Adds a handler for a typed event: a function of the socket and the event, sync or async,
    /// that returns the event's answer or a `Result` of it.
    #[must_use]
    pub fn on_event<E: TypedEvent, M>(mut self, handler: impl TypedHandler<E, M, Socket>) -> Self {
        let handler = typed::boxed(handler);
        self.0.events.add(E::NAME, handler);
        self
    }

    /// Adds a handler for all events, which runs before those for single ones.
    #[must_use]
    pub fn on_any<M>(mut self, handler: impl Handler<EventCall<Socket>, M>) -> Self {
        self.0.events.any.push(boxed(handler));
        self
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").finish_non_exhaustive()
    }
}

impl Socket {
    /// Makes a socket for a further namespace of the same server, with handlers of its own, as
    /// [`Client::of`](crate::client::Client::of)(super::Client::of) does before the client is connected. It shares the
    /// connection, and connects at once unless it is [told not to](Namespace::connect_later). A
    /// slash in front of the name may be left out.
    ///
    /// ```
    /// # fn example(socket: sockeye_app::client::Socket) -> Result<(), sockeye_app::client::ConnectError> {
    /// let news = socket.open("/news", |it| it.on("headline", |text: String| println!("{text}")))?;
    /// news.emit("subscribe", "weather");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is a socket for this namespace already, which [`of`](Self::of) gives; if the name
    /// can't be that of a namespace; if what it has to tell the server is no object; or if the
    /// client was closed.
    pub fn open(
        &self,
        namespace: &str,
        build: impl FnOnce(Namespace) -> Namespace,
    ) -> Result<Self, ConnectError> {
        let handlers = build(Namespace(Handlers::default())).0;
        let client = self.client().ok_or(ConnectError::Disconnected)?;
        let entry = handlers.open(&client, full_name(namespace))?;
        entry.map(Self::new).ok_or(ConnectError::Disconnected)
    }
}
