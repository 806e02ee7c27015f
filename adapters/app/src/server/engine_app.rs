//! Engine.IO alone: messages without names, for protocols of one's own.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Instant;

use log::Level;
use sockeye_core::engineio::{
    Admission, CloseReason, Encoded, Engine, EngineConfig, Event, Handshake, Transport,
};
use sockeye_core::{ConfigError, Frame, Input, Output, Request, Response, SessionId, Sid};

use super::admission::{AllowRequest, Undecided, allow_request};
use super::machine::{IntoMachine, Machine, Runtime};
use super::with_http::WithHttp;
use crate::http::HttpConfig;
use crate::state::driven::{Driven, Source, Wake};
use crate::state::fault::BoxError;
use crate::state::report::write;
use crate::state::seed::seed;

/// An Engine.IO server to be: what [`App`](crate::App) is for Socket.IO, one layer below.
///
/// ```
/// use sockeye_app::{EngineApp, Session};
/// use sockeye_app::core::Frame;
///
/// let echo = EngineApp::new().on_message(|session: &Session, message: Frame| {
///     session.send(message);
/// });
/// ```
#[derive(Default)]
pub struct EngineApp {
    config: EngineConfig,
    http: HttpConfig,
    handlers: Handlers,
}

type OnOpen = dyn Fn(&Session) + Send + Sync;
type OnMessage = dyn Fn(&Session, Frame) + Send + Sync;
type OnClose = dyn Fn(&Session, CloseReason) + Send + Sync;

#[derive(Default)]
struct Handlers {
    open: Option<Box<OnOpen>>,
    message: Option<Box<OnMessage>>,
    close: Option<Box<OnClose>>,
    allow_request: Option<AllowRequest>,
}

impl EngineApp {
    /// Makes an app without handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options.
    #[must_use]
    pub fn config(mut self, config: EngineConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets what the server does for HTTP beside the protocol: compression, files, further headers.
    #[must_use]
    pub fn http(mut self, config: HttpConfig) -> Self {
        self.http = config;
        self
    }

    /// Sets what decides about each connection; see
    /// [`App::allow_request`](crate::App::allow_request).
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
        self.handlers.allow_request = Some(allow_request(ask));
        self
    }

    /// Sets what is called when a session was opened.
    #[must_use]
    pub fn on_open(mut self, handler: impl Fn(&Session) + Send + Sync + 'static) -> Self {
        self.handlers.open = Some(Box::new(handler));
        self
    }

    /// Sets what is called for each message.
    #[must_use]
    pub fn on_message(mut self, handler: impl Fn(&Session, Frame) + Send + Sync + 'static) -> Self {
        self.handlers.message = Some(Box::new(handler));
        self
    }

    /// Sets what is called when a session is over.
    #[must_use]
    pub fn on_close(
        mut self,
        handler: impl Fn(&Session, CloseReason) + Send + Sync + 'static,
    ) -> Self {
        self.handlers.close = Some(Box::new(handler));
        self
    }
}

impl fmt::Debug for EngineApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineApp").field("config", &self.config).finish_non_exhaustive()
    }
}

impl IntoMachine for EngineApp {
    fn into_machine(self) -> Result<Arc<dyn Machine>, ConfigError> {
        let config = self.config.manual_accept(self.handlers.allow_request.is_some());
        let engine = Engine::new(config.clone(), seed()?)?;
        let driven = Driven::new(engine);
        let engine = config.clone();
        let (handlers, undecided) = (self.handlers, Undecided::default());
        let endpoint = Arc::new(EngineEndpoint { driven, config, handlers, undecided });
        Ok(Arc::new(WithHttp::new(endpoint, self.http, &engine)))
    }

    fn polling_only(mut self) -> Self {
        self.config.websocket = false;
        self
    }
}

/// A client's session. A handle that may be cloned and used anywhere, on any thread; once the
/// session is over, commands do nothing. It keeps neither the session nor the server.
#[derive(Clone)]
pub struct Session {
    endpoint: Weak<EngineEndpoint>,
    id: SessionId,
}

impl Session {
    /// Sends a message: text from a `&str` or `String`, binary from [`Bytes`](crate::Bytes) or a
    /// `Vec<u8>`.
    pub fn send(&self, message: impl Into<Frame>) {
        let message = Encoded::from(message.into());
        if let Some(endpoint) = self.endpoint.upgrade() {
            endpoint.driven.command(|engine| engine.send(self.id, &message, false));
        }
    }

    /// The id on the wire, a secret of the client's; `None` once the session is over.
    #[must_use]
    pub fn sid(&self) -> Option<Sid> {
        self.endpoint.upgrade()?.driven.with(|engine| engine.sid(self.id).cloned())
    }

    /// Closes the session, after what was sent to it.
    pub fn close(&self) {
        if let Some(endpoint) = self.endpoint.upgrade() {
            endpoint.driven.command(|engine| engine.close(self.id, Instant::now()));
        }
    }

    /// The transport at this moment: `polling` or `websocket`; `None` once the session is over.
    #[must_use]
    pub fn transport(&self) -> Option<&'static str> {
        self.endpoint
            .upgrade()?
            .driven
            .with(|engine| engine.transport(self.id))
            .map(Transport::as_str)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.id).finish()
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && Weak::ptr_eq(&self.endpoint, &other.endpoint)
    }
}

impl Eq for Session {}

struct EngineEndpoint {
    driven: Driven<Engine>,
    config: EngineConfig,
    handlers: Handlers,
    undecided: Undecided,
}

impl Source for Engine {
    type Output = Output<Event>;

    fn poll_output(&mut self) -> Option<Output<Event>> {
        Self::poll_output(self)
    }
}

impl EngineEndpoint {
    fn dispatch(self: &Arc<Self>, event: Event, runtime: &mut dyn Runtime) {
        let session = |id| Session { endpoint: Arc::downgrade(self), id };
        let handlers = &self.handlers;
        match event {
            Event::HandshakeRequested { id, handshake } => {
                let Some(allow_request) = &handlers.allow_request else { return };
                let endpoint = Arc::downgrade(self);
                let tell = move |decision: Result<Admission, String>| {
                    let Some(endpoint) = endpoint.upgrade() else { return };
                    endpoint.driven.command(|engine| match decision {
                        Ok(admission) => engine.accept_handshake(id, admission, Instant::now()),
                        Err(message) => engine.reject_handshake(id, &message),
                    });
                };
                let judged = self.undecided.judge(allow_request, (id, handshake), tell);
                judged.into_iter().for_each(|task| runtime.spawn(task));
            }
            Event::HandshakeAborted { id } => self.undecided.abort(id),
            Event::Opened { session: id, .. } => {
                if let Some(handler) = &handlers.open {
                    handler(&session(id));
                }
            }
            Event::Message { session: id, message } => {
                if let Some(handler) = &handlers.message {
                    handler(&session(id), message);
                }
            }
            Event::Closed { session: id, reason } => {
                if let Some(handler) = &handlers.close {
                    handler(&session(id), reason);
                }
            }
            // The core may learn to tell more, which nobody here asks for.
            Event::Upgraded { .. } | _ => {}
        }
    }
}

impl Machine for EngineEndpoint {
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
        self.driven.with(|engine| engine.handle(input, now));
    }

    fn handle_timeout(&self, now: Instant) {
        self.driven.with(|engine| engine.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.driven.with(|engine| engine.poll_timeout())
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        self.driven.drive(|output| match output.into_event() {
            Err(output) => runtime.perform(output),
            Ok(event) => {
                let dispatch = AssertUnwindSafe(|| self.dispatch(event, runtime));
                if catch_unwind(dispatch).is_err() {
                    write(Level::Error, &"a handler of an Engine.IO session panicked");
                }
            }
        });
    }

    fn set_waker(&self, wake: Wake) {
        self.driven.set_waker(wake);
    }

    fn close(&self, now: Instant) {
        self.driven.command(|engine| engine.shut_down(now));
    }

    fn is_idle(&self) -> bool {
        self.driven.with(|engine| engine.is_idle())
    }
}
