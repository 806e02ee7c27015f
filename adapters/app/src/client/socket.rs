//! One socket of a client, as handlers see it.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde::Serialize;
use sockeye_core::client::{Auth, Responder, SocketMut};
use sockeye_core::engineio::Transport;
use sockeye_core::{AckPayload, RespondError, SocketId};

use super::ConnectError;
use super::builder::{Handlers, Namespace, full_name};
use super::closing::Closing;
use super::hub::{Connecting, Hub};
use crate::handlers::listeners::Listeners;
use crate::handles::ack::Slot;
use crate::handles::error::Fault;
use crate::server::endpoint::take_gone;

/// A client's connection to a namespace of its server.
///
/// A handle: cloning it copies a pointer, and it may be kept and used anywhere, on any thread.
///
/// When the last handle of a client is dropped, those of its other namespaces and what
/// [`events`](Self::events) gives included, the client is closed as by [`close`](Self::close):
/// what was emitted is still delivered as long as the program runs. A client that lives for its
/// handlers alone is [detached](Self::detach). Handlers that keep a handle keep the connection.
pub struct Socket(Arc<Inner>);

pub(crate) struct Inner {
    hub: Arc<Hub>,
    key: SocketId,
    namespace: String,
    handlers: Arc<Handlers>,
    pub(super) listeners: OnceLock<Box<Mutex<Listeners<Socket>>>>,
}

impl Clone for Socket {
    fn clone(&self) -> Self {
        Self::from_inner(Arc::clone(&self.0))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.hub.let_go();
    }
}

impl Socket {
    pub(super) fn from_inner(inner: Arc<Inner>) -> Self {
        inner.hub.hold();
        Self(inner)
    }

    /// What it is a handle of, which does not keep the connection.
    pub(super) const fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    pub(super) fn new(
        hub: &Arc<Hub>,
        key: SocketId,
        namespace: String,
        handlers: Arc<Handlers>,
    ) -> Self {
        let hub = Arc::clone(hub);
        let listeners = OnceLock::new();
        Self::from_inner(Arc::new(Inner { hub, key, namespace, handlers, listeners }))
    }

    /// The name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The id, which the server knows it by; `None` unless it is connected. It changes with each
    /// connection that is not recovered.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.look(|socket| socket.sid().map(ToString::to_string)).flatten()
    }

    /// Whether the server has let it in.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.look(|socket| socket.is_connected()).unwrap_or(false)
    }

    /// Whether it is connected or tries to be.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.look(|socket| socket.is_active()).unwrap_or(false)
    }

    /// Whether the server had kept its place when it was connected last.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.look(|socket| socket.is_recovered()).unwrap_or(false)
    }

    /// The transport at this moment; `None` while there is no connection.
    #[must_use]
    pub fn transport(&self) -> Option<&'static str> {
        self.0.hub.driven.with(|state| state.client.transport()).map(Transport::as_str)
    }

    /// How many events wait to be sent.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.look(|socket| socket.buffered()).unwrap_or(0)
    }

    /// Another socket of the same client.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Option<Self> {
        let name = full_name(namespace);
        let inner = self.0.hub.driven.with(|state| {
            let key = state.client.find(&name)?;
            state.sockets.get(&key).cloned()
        });
        inner.map(Self::from_inner)
    }

    /// Makes a socket for a further namespace of the same server, with handlers of its own, as
    /// [`Client::of`](super::Client::of) does before the client is connected. It shares the
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
        let handlers = build(Namespace::new()).into_handlers();
        self.0.hub.open(full_name(namespace), handlers)
    }

    // Its life.

    /// Connects; does nothing if it is connected, or tries to be, or the client was closed.
    pub fn connect(&self) {
        let is_ending = self.0.hub.driven.with(|state| {
            state.refused.remove(&self.0.key);
            state.is_ending()
        });
        if !is_ending {
            self.command(|socket, now| socket.connect(now));
        }
    }

    /// Waits until it is connected, through as many attempts as it takes.
    ///
    /// # Errors
    ///
    /// If the server refuses, if there are no more attempts, or if the socket is disconnected.
    pub async fn connected(&self) -> Result<(), ConnectError> {
        self.wait(false).await
    }

    /// Waits until it is connected, or the first attempt has failed.
    ///
    /// # Errors
    ///
    /// If the server refuses or can't be reached, if it does not answer within the
    /// [`connect_timeout`](super::Config::connect_timeout), or if the socket is disconnected.
    pub async fn connected_at_once(&self) -> Result<(), ConnectError> {
        self.wait(true).await
    }

    async fn wait(&self, once: bool) -> Result<(), ConnectError> {
        let (slot, gone) = self.0.hub.driven.with(|state| {
            let over = state.is_over();
            let Some(socket) = state.client.socket(self.0.key).filter(|_| !over) else {
                return Err(ConnectError::Disconnected);
            };
            if socket.is_connected() {
                return Ok((None, Vec::new()));
            }
            if !socket.is_active() {
                // The refusal may have come before anybody waited.
                let refused = state.refused.get(&self.0.key).cloned();
                return Err(refused.map_or(ConnectError::Disconnected, ConnectError::Refused));
            }
            let slot = Arc::new(Slot::default());
            let waiting = state.connecting.entry(self.0.key).or_default();
            let gone = take_gone(waiting, |other| &other.slot);
            waiting.push(Connecting { slot: Arc::clone(&slot), once });
            Ok((Some(slot), gone))
        })?;
        drop(gone);
        match slot {
            Some(slot) => poll_fn(|cx| slot.poll(cx)).await,
            None => Ok(()),
        }
    }

    /// Leaves the namespace, or stops trying to join it. The last socket to leave closes the
    /// connection; what was emitted before is still delivered if it can be.
    pub fn disconnect(&self) {
        let settled = self.0.hub.driven.command(|state| {
            if let Some(mut socket) = state.client.socket(self.0.key) {
                socket.disconnect(Instant::now());
            }
            state.refused.remove(&self.0.key);
            state.settle(self.0.key)
        });
        settled.tell(&Err(ConnectError::Disconnected));
    }

    /// Ends the whole client, all of its sockets included, once everything that was emitted is
    /// delivered: connected sockets disconnect after it has left, with
    /// [retries](Namespace::retries) after it is acknowledged, and those that are still being
    /// connected go on until they are. The rest is given up after the
    /// [`close_timeout`](super::Config::close_timeout), by default 5 s.
    ///
    /// It begins at once. Await what is returned to know that all is delivered, in particular
    /// before the end of the program:
    ///
    /// ```
    /// # async fn example(socket: sockeye_app::client::Socket) -> Result<(), sockeye_app::client::Undelivered> {
    /// socket.emit("chat message", "goodbye");
    /// socket.close().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// Nothing can be emitted or connected any more, and acknowledgements that the server owes are
    /// not waited for: await those first. Delivered means that the server has answered the request,
    /// or that the WebSocket was written and closed; to know that the server has done something
    /// with an event, ask for an acknowledgement.
    pub fn close(&self) -> Closing {
        self.0.hub.close(None)
    }

    /// The same within another time than the
    /// [`close_timeout`](super::Config::close_timeout). Called again, it sets the time anew.
    pub fn close_within(&self, timeout: Duration) -> Closing {
        self.0.hub.close(Some(timeout))
    }

    /// Lets the client go on when all handles are dropped, for the sake of its handlers. It ends
    /// with [`close`](Self::close), which handlers may call that have a parameter of type
    /// `Socket`, or when its driver is dropped.
    pub fn detach(self) {
        self.0.hub.detach();
    }

    /// Replaces what the server is told at each connect from now on: an object, or nothing if it is
    /// `()`.
    ///
    /// # Errors
    ///
    /// If the data is no object, or can't be written as JSON.
    pub fn set_auth(&self, data: impl Serialize) -> Result<(), sockeye_core::client::AuthError> {
        let auth = Auth::value(&data)?;
        self.command(|socket, _| socket.set_auth(auth));
        Ok(())
    }

    pub(super) fn authenticate(&self, data: &serde_json::Value) -> Result<(), Fault> {
        let told = self.command(|socket, now| socket.authenticate(data, now));
        told.unwrap_or(Ok(())).map_err(|error| Fault::Handler(error.into()))
    }

    // For the inside.

    pub(crate) fn ack(
        &self,
        responder: Responder,
        data: &impl Serialize,
    ) -> Result<(), RespondError> {
        let payload = AckPayload::new(data, self.0.hub.limits())?;
        let sent = self.command(|socket, now| socket.ack_payload(responder, payload, now));
        sent.unwrap_or(Ok(true)).map(drop)
    }

    fn command<T>(&self, act: impl FnOnce(&mut SocketMut<'_>, Instant) -> T) -> Option<T> {
        self.0.hub.driven.command(|state| {
            if state.is_over() {
                return None;
            }
            state.client.socket(self.0.key).as_mut().map(|socket| act(socket, Instant::now()))
        })
    }

    /// Asks without changing anything.
    fn look<T>(&self, ask: impl FnOnce(&SocketMut<'_>) -> T) -> Option<T> {
        self.0.hub.driven.with(|state| state.client.socket(self.0.key).as_ref().map(ask))
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    pub(super) fn key(&self) -> SocketId {
        self.0.key
    }

    pub(super) fn handlers(&self) -> &Arc<Handlers> {
        &self.0.handlers
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
