//! Emitting to one socket.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::{EmitError, EmitOptions, TypedEvent};

use super::ack::{AckFuture, Asked};
use super::socket::Socket;
use crate::state::fault::Fault;
use crate::state::shared::Outgoing;
use crate::state::slot::Slot;

impl Socket {
    /// Emits an event to the client. A tuple is several arguments, `()` none, everything else one.
    ///
    /// What can't be sent is reported to [`App::on_error`](crate::App::on_error). If the client is
    /// gone nothing happens; its `disconnect` says so.
    ///
    /// ```
    /// # fn example(socket: sockeye_app::Socket) {
    /// socket.emit("news", "one argument");
    /// socket.emit("news", ("two", vec!["arguments"]));
    /// socket.emit("news", ());
    /// # }
    /// ```
    pub fn emit(&self, event: &str, data: impl Serialize) {
        match self.try_emit(event, data) {
            Ok(()) | Err(EmitError::Disconnected) => {}
            Err(error) => self.report(event, Fault::Emit(error)),
        }
    }

    /// Emits an event to the client.
    ///
    /// # Errors
    ///
    /// If it can't be sent because of its name or data, or the client is gone; also if the client is
    /// closed for this very event, because more would wait for it than
    /// [`max_buffered`](sockeye_core::engineio::EngineConfig::max_buffered).
    pub fn try_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let sent = self.emit_with(event, &data, EmitOptions::default())?;
        if sent { Ok(()) } else { Err(EmitError::Disconnected) }
    }

    /// Emits the event `message`.
    pub fn send(&self, data: impl Serialize) {
        self.emit("message", data);
    }

    /// Emits a typed event.
    ///
    /// ```
    /// sockeye_app::events! {
    ///     pub struct News = "news" { title: String, urgent: bool };
    /// }
    ///
    /// # fn example(socket: sockeye_app::Socket) {
    /// socket.emit_event(News { title: "hello".to_owned(), urgent: false });
    /// # }
    /// ```
    pub fn emit_event<E: TypedEvent>(&self, event: E) {
        self.emit(E::NAME, event);
    }

    /// Emits a typed event and waits for its answer; see [`emit_with_ack`](Self::emit_with_ack).
    pub fn ask<E: TypedEvent>(&self, event: E) -> AckFuture<E::Answer> {
        self.request(E::NAME, &event, None)
    }

    /// Emits an event as soon as the client has caught up: while more than a quarter of
    /// [`max_buffered`](sockeye_core::engineio::EngineConfig::max_buffered) waits to be sent to it,
    /// this waits, too. So a client can be sent more than fits into memory, at its own pace.
    ///
    /// ```
    /// # async fn example(socket: sockeye_app::Socket, file: Vec<Vec<u8>>) {
    /// for chunk in file {
    ///     if socket.emit_when_ready("chunk", sockeye_app::Bytes::from(chunk)).await.is_err() {
    ///         return; // the client is gone
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it can't be sent because of its name or data, or the client is gone.
    pub async fn emit_when_ready(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> Result<(), EmitError> {
        loop {
            let server = self.server().ok_or(EmitError::Disconnected)?;
            let high_water = server.settings.high_water;
            drop(server);
            if self.buffered() <= high_water {
                match self.try_emit(event, &data) {
                    Err(EmitError::Full { .. }) => {}
                    other => return other,
                }
            }
            self.drained().await?;
        }
    }

    /// Waits until nothing waits to be sent to the client any more.
    ///
    /// # Errors
    ///
    /// [`EmitError::Disconnected`] if the client is gone.
    pub async fn drained(&self) -> Result<(), EmitError> {
        let server = self.server().ok_or(EmitError::Disconnected)?;
        let (slot, gone) = server.command(|state| state.watch_drained(self.key()))?;
        drop(server);
        drop(gone);
        let Some(slot) = slot else { return Ok(()) };
        let drained = poll_fn(|cx| slot.poll(cx)).await;
        if drained { Ok(()) } else { Err(EmitError::Disconnected) }
    }

    /// Emits events that are dropped if the client is not ready to receive.
    ///
    /// ```
    /// # fn example(socket: sockeye_app::Socket) {
    /// socket.volatile().emit("position", (1.5, 2.5));
    /// # }
    /// ```
    #[must_use]
    pub fn volatile(&self) -> Emitter<'_> {
        self.emitter().volatile()
    }

    /// Says whether answers of long-polling that hold the event may be compressed.
    #[must_use]
    pub fn compress(&self, compress: bool) -> Emitter<'_> {
        self.emitter().compress(compress)
    }

    fn emitter(&self) -> Emitter<'_> {
        Emitter::new(self)
    }

    /// Emits an event and waits for the client's acknowledgement, without a time limit: until it
    /// comes or the client is gone. See [`timeout`](Self::timeout).
    ///
    /// The event is sent at once, not when the future is first polled. The answer is read as the
    /// type that is asked for: a tuple for several arguments, `()` for none.
    ///
    /// ```
    /// # async fn example(socket: sockeye_app::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let answer: String = socket.emit_with_ack("question", 42).await?;
    /// # Ok(()) }
    /// ```
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AckFuture<T> {
        self.request(event, &data, None)
    }

    /// Limits the time within which the acknowledgement must come.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn example(socket: sockeye_app::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let limit = Duration::from_secs(5);
    /// let (x, y): (i32, i32) = socket.timeout(limit).emit_with_ack("where", ()).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Emitter<'_> {
        self.emitter().timeout(timeout)
    }
}

/// A socket that events are emitted on: one of a server or of a client.
#[doc(hidden)]
pub trait EmitTarget {
    /// Emits an event; returns whether it is sent or will be.
    fn emit_with(
        &self,
        event: &str,
        data: &impl Serialize,
        options: EmitOptions,
    ) -> Result<bool, EmitError>;

    /// Emits an event that asks for an acknowledgement.
    fn request<T>(
        &self,
        event: &str,
        data: &impl Serialize,
        timeout: Option<Duration>,
    ) -> AckFuture<T>;

    /// Says that an event could not be sent.
    fn report(&self, event: &str, fault: Fault);
}

impl EmitTarget for Socket {
    fn emit_with(
        &self,
        event: &str,
        data: &impl Serialize,
        options: EmitOptions,
    ) -> Result<bool, EmitError> {
        let server = self.server().ok_or(EmitError::Disconnected)?;
        let Outgoing { payload, heard } = server.encode(event, data)?;
        server.command(|state| {
            let mut socket = state.server.socket(self.key()).ok_or(EmitError::Disconnected)?;
            let sent = socket.emit_payload(payload, options)?;
            if sent {
                state.note_sent(&[self.key()], heard);
            }
            Ok(sent)
        })
    }

    fn request<T>(
        &self,
        event: &str,
        data: &impl Serialize,
        timeout: Option<Duration>,
    ) -> AckFuture<T> {
        let asked = self.server().ok_or(EmitError::Disconnected).and_then(|server| {
            let Outgoing { payload, heard } = server.encode(event, data)?;
            let (slot, ack) = server.command(|state| {
                let mut socket = state.server.socket(self.key()).ok_or(EmitError::Disconnected)?;
                let ack = socket.emit_payload_with_ack(payload, timeout, Instant::now())?;
                let slot = Arc::new(Slot::default());
                state.waiting.insert((self.key(), ack), Arc::clone(&slot));
                state.note_sent(&[self.key()], heard);
                Ok::<_, EmitError>((slot, ack))
            })?;
            let weak = Arc::downgrade(&server);
            let asked = Asked { owner: weak, socket: self.key(), ack };
            Ok((slot, asked))
        });
        AckFuture::new(asked, Some(self.entry().reference()))
    }

    fn report(&self, event: &str, fault: Fault) {
        self.report(event, fault);
    }
}

/// A way of emitting to a socket; made by [`Socket::volatile`], [`Socket::compress`] and
/// [`Socket::timeout`], or those of a [client's socket](crate::client::Socket::timeout).
#[derive(Clone, Copy, Debug)]
pub struct Emitter<'a, S = Socket> {
    socket: &'a S,
    options: EmitOptions,
    timeout: Option<Duration>,
}

impl<'a, S: EmitTarget> Emitter<'a, S> {
    pub(crate) fn new(socket: &'a S) -> Self {
        Self { socket, options: EmitOptions::default(), timeout: None }
    }

    /// Emits events that are dropped if they can't be sent at once.
    #[must_use]
    pub const fn volatile(mut self) -> Self {
        self.options.volatile = true;
        self
    }

    /// Says whether answers of long-polling that hold the event may be compressed.
    #[must_use]
    pub const fn compress(mut self, compress: bool) -> Self {
        self.options.compress = compress;
        self
    }

    /// Limits the time within which the acknowledgement must come.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Emits an event; returns whether it is sent or will be. See [`Socket::emit`].
    pub fn emit(&self, event: &str, data: impl Serialize) -> bool {
        match self.socket.emit_with(event, &data, self.options) {
            Ok(sent) => sent,
            Err(EmitError::Disconnected) => false,
            Err(error) => {
                self.socket.report(event, Fault::Emit(error));
                false
            }
        }
    }

    /// Emits an event and waits for its acknowledgement; see [`Socket::emit_with_ack`].
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AckFuture<T> {
        self.socket.request(event, &data, self.timeout)
    }

    /// Emits a typed event; returns whether it is sent. See [`Socket::emit_event`].
    pub fn emit_event<E: TypedEvent>(&self, event: E) -> bool {
        self.emit(E::NAME, event)
    }

    /// Emits a typed event and waits for its answer; see [`Socket::ask`].
    pub fn ask<E: TypedEvent>(&self, event: E) -> AckFuture<E::Answer> {
        self.socket.request(E::NAME, &event, self.timeout)
    }
}
