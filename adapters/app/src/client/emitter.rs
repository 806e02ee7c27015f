//! Ways of emitting, for one event or several.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::{EmitError, EmitOptions, EventPayload, TypedEvent};

use super::socket::Socket;
use crate::handlers::call::Origin;
use crate::handles::ack::{AckFuture, Slot};
use crate::handles::error::Fault;

/// A way of emitting; made by [`Socket::volatile`] and [`Socket::timeout`].
#[derive(Clone, Copy, Debug)]
pub struct Emitter<'a> {
    socket: &'a Socket,
    options: EmitOptions,
    timeout: Option<Duration>,
}

impl Emitter<'_> {
    /// Emits an event; returns whether it is sent or will be. See [`Socket::emit`].
    pub fn emit(&self, event: &str, data: impl Serialize) -> bool {
        match self.socket.send_out(event, &data, self.options) {
            Ok(sent) => sent,
            Err(EmitError::Disconnected) => false,
            Err(error) => {
                Origin::report(self.socket, event, Fault::Emit(error));
                false
            }
        }
    }

    /// Emits an event and waits for the server's acknowledgement; see
    /// [`Socket::emit_with_ack`].
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AckFuture<T> {
        self.socket.question(event, &data, self.timeout)
    }

    /// Emits a typed event and waits for its answer; see [`Socket::ask`].
    pub fn ask<E: TypedEvent>(&self, event: E) -> AckFuture<E::Answer> {
        self.socket.question(E::NAME, &event, self.timeout)
    }
}

impl Socket {
    /// Emits an event. A tuple is several arguments, `()` none, everything else one. While the
    /// socket is not connected it waits, to be sent when it is.
    ///
    /// What can't be sent is reported to [`Client::on_error`](super::Client::on_error).
    pub fn emit(&self, event: &str, data: impl Serialize) {
        self.emitter().emit(event, data);
    }

    /// Emits an event.
    ///
    /// # Errors
    ///
    /// If it can't be sent because of its name or data, or because too much waits to be sent.
    pub fn try_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        self.send_out(event, &data, EmitOptions::default()).map(drop)
    }

    /// Emits the event `message`.
    pub fn send(&self, data: impl Serialize) {
        self.emit("message", data);
    }

    /// Emits a typed event.
    pub fn emit_event<E: TypedEvent>(&self, event: E) {
        self.emit(E::NAME, event);
    }

    /// Emits an event and waits for the server's acknowledgement: until it comes, or the
    /// connection ends on which the event was sent. The event is sent at once, not when the future
    /// is first polled. See [`timeout`](Self::timeout).
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AckFuture<T> {
        self.question(event, &data, None)
    }

    /// Emits a typed event and waits for its answer; see [`emit_with_ack`](Self::emit_with_ack).
    pub fn ask<E: TypedEvent>(&self, event: E) -> AckFuture<E::Answer> {
        self.question(E::NAME, &event, None)
    }

    /// Limits the time within which the acknowledgement must come, whether or not the event could
    /// be sent.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Emitter<'_> {
        Emitter { timeout: Some(timeout), ..self.emitter() }
    }

    /// Emits events that are dropped unless they can be sent at once.
    #[must_use]
    pub fn volatile(&self) -> Emitter<'_> {
        let options = EmitOptions::default().volatile(true);
        Emitter { options, ..self.emitter() }
    }

    fn emitter(&self) -> Emitter<'_> {
        Emitter { socket: self, options: EmitOptions::default(), timeout: None }
    }

    fn send_out(
        &self,
        event: &str,
        data: &impl Serialize,
        options: EmitOptions,
    ) -> Result<bool, EmitError> {
        let payload = EventPayload::new(event, data, self.hub().limits())?;
        self.hub().driven.command(|state| {
            let ending = state.is_ending();
            let socket = state.client.socket(self.key()).filter(|_| !ending);
            let mut socket = socket.ok_or(EmitError::Disconnected)?;
            socket.emit_payload(payload, options, Instant::now())
        })
    }

    fn question<T>(
        &self,
        event: &str,
        data: &impl Serialize,
        timeout: Option<Duration>,
    ) -> AckFuture<T> {
        let payload = EventPayload::new(event, data, self.hub().limits());
        let asked = payload.map_err(EmitError::from).and_then(|payload| {
            self.hub().driven.command(|state| {
                let ending = state.is_ending();
                let socket = state.client.socket(self.key()).filter(|_| !ending);
                let mut socket = socket.ok_or(EmitError::Disconnected)?;
                let ack = socket.emit_payload_with_ack(payload, timeout, Instant::now())?;
                let slot = Arc::new(Slot::default());
                state.waiting.insert((self.key(), ack), Arc::clone(&slot));
                Ok(slot)
            })
        });
        AckFuture::new(asked, None)
    }
}
