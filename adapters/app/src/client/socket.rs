//! One socket of a client, as handlers see it.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use sockeye_core::client::{Auth, SocketMut};
use sockeye_core::engineio::Transport;
use sockeye_core::packet::Limits;
use sockeye_core::{AckPayload, RespondError, Responder, SocketId};

use super::closing::Closing;
use super::connect_error::ConnectError;
use super::shared::{Connecting, Entry, Shared};
use crate::handles::ack::AckTarget;
use crate::state::fault::Fault;
use crate::state::names::full_name;
use crate::state::report::write;
use crate::state::slot::{Slot, take_gone};

/// A client's connection to a namespace of its server.
///
/// A handle: cloning it copies a pointer, and it may be kept and used anywhere, on any thread.
///
/// When the last handle of a client is dropped, those of its other namespaces and what
/// [`events`](Self::events) gives included, the client is closed as by [`close`](Self::close):
/// what was emitted is still delivered as long as the program runs. A client that lives for its
/// handlers alone is [detached](Self::detach). Handlers that keep a handle keep the connection.
pub struct Socket(Arc<Entry>);

impl Clone for Socket {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(client) = self.client() {
            client.let_go();
        }
    }
}

impl Socket {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        if let Some(client) = entry.client.upgrade() {
            client.hold();
        }
        Self(entry)
    }

    /// What it is a handle of, which does not keep the connection.
    pub(super) const fn entry(&self) -> &Arc<Entry> {
        &self.0
    }

    /// The client, unless that is gone.
    pub(super) fn client(&self) -> Option<Arc<Shared>> {
        self.0.client.upgrade()
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
        self.client()?.driven.with(|state| state.client.transport()).map(Transport::as_str)
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
        let entry = self.client()?.driven.with(|state| {
            let key = state.client.find(&name)?;
            Some(Arc::clone(&state.sockets.get(&key)?.entry))
        });
        entry.map(Self::new)
    }

    // Its life.

    /// Connects; does nothing if it is connected, or tries to be, or the client was closed.
    pub fn connect(&self) {
        let Some(client) = self.client() else { return };
        let (refused, is_ending) =
            client.driven.with(|state| (state.refused.remove(&self.0.key), state.is_ending()));
        drop(refused);
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
        let client = self.client().ok_or(ConnectError::Disconnected)?;
        let (slot, gone) = client.driven.with(|state| {
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
        drop((client, gone));
        match slot {
            Some(slot) => poll_fn(|cx| slot.poll(cx)).await,
            None => Ok(()),
        }
    }

    /// Leaves the namespace, or stops trying to join it. The last socket to leave closes the
    /// connection; what was emitted before is still delivered if it can be.
    pub fn disconnect(&self) {
        let Some(client) = self.client() else { return };
        let settled = client.driven.command(|state| {
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
    /// [retries](crate::client::Namespace::retries) after it is acknowledged, and those that are still being
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
        self.client().map_or_else(Closing::over, |client| client.close(None))
    }

    /// The same within another time than the
    /// [`close_timeout`](super::Config::close_timeout). Called again, it sets the time anew.
    pub fn close_within(&self, timeout: Duration) -> Closing {
        self.client().map_or_else(Closing::over, |client| client.close(Some(timeout)))
    }

    /// Lets the client go on when all handles are dropped, for the sake of its handlers. It ends
    /// with [`close`](Self::close), which handlers may call that have a parameter of type
    /// `Socket`, or when its driver is dropped.
    pub fn detach(self) {
        if let Some(client) = self.client() {
            client.detach();
        }
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

    pub(super) fn report(&self, event: &str, fault: Fault) {
        match self.client() {
            Some(client) => client.report(&self.0, event, fault),
            None => write(fault.level(), &format!("event {event:?} of {self:?}: {fault}")),
        }
    }

    fn command<T>(&self, act: impl FnOnce(&mut SocketMut<'_>, Instant) -> T) -> Option<T> {
        self.client()?.driven.command(|state| {
            if state.is_over() {
                return None;
            }
            state.client.socket(self.0.key).as_mut().map(|socket| act(socket, Instant::now()))
        })
    }

    /// Asks without changing anything.
    fn look<T>(&self, ask: impl FnOnce(&SocketMut<'_>) -> T) -> Option<T> {
        self.client()?.driven.with(|state| state.client.socket(self.0.key).as_ref().map(ask))
    }

    pub(super) fn key(&self) -> SocketId {
        self.0.key
    }
}

impl AckTarget for Socket {
    fn limits(&self) -> Limits {
        self.0.limits
    }

    fn send(&self, responder: Responder, payload: AckPayload) -> Result<(), RespondError> {
        let sent = self.command(|socket, now| socket.ack_payload(responder, payload, now));
        sent.unwrap_or(Ok(true)).map(drop)
    }

    fn report(self: Arc<Self>, fault: Fault) {
        Self::report(&self, "ack", fault);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
