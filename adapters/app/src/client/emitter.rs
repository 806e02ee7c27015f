//! Ways of emitting, for one event or several.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::{EmitError, EmitOptions, EventPayload, TypedEvent};

use super::socket::Socket;
use crate::handles::ack::{AckFuture, Asked};
use crate::handles::emitter::{self, EmitTarget};
use crate::state::fault::Fault;
use crate::state::slot::Slot;

/// A way of emitting; made by [`Socket::volatile`] and [`Socket::timeout`].
pub type Emitter<'a> = emitter::Emitter<'a, Socket>;

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
        self.emit_with(event, &data, EmitOptions::default()).map(drop)
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
        self.request(event, &data, None)
    }

    /// Emits a typed event and waits for its answer; see [`emit_with_ack`](Self::emit_with_ack).
    pub fn ask<E: TypedEvent>(&self, event: E) -> AckFuture<E::Answer> {
        self.request(E::NAME, &event, None)
    }

    /// Limits the time within which the acknowledgement must come, whether or not the event could
    /// be sent.
    #[must_use]
    pub fn timeout(&self, timeout: Duration) -> Emitter<'_> {
        self.emitter().timeout(timeout)
    }

    /// Emits events that are dropped unless they can be sent at once.
    #[must_use]
    pub fn volatile(&self) -> Emitter<'_> {
        self.emitter().volatile()
    }

    fn emitter(&self) -> Emitter<'_> {
        Emitter::new(self)
    }
}

impl EmitTarget for Socket {
    fn emit_with(
        &self,
        event: &str,
        data: &impl Serialize,
        options: EmitOptions,
    ) -> Result<bool, EmitError> {
        let client = self.client().ok_or(EmitError::Disconnected)?;
        let payload = EventPayload::new(event, data, client.limits)?;
        client.driven.command(|state| {
            state.emitting(self.key())?.emit_payload(payload, options, Instant::now())
        })
    }

    fn request<T>(
        &self,
        event: &str,
        data: &impl Serialize,
        timeout: Option<Duration>,
    ) -> AckFuture<T> {
        let asked = self.client().ok_or(EmitError::Disconnected).and_then(|client| {
            let payload = EventPayload::new(event, data, client.limits)?;
            let (slot, ack) = client.driven.command(|state| {
                let mut socket = state.emitting(self.key())?;
                let ack = socket.emit_payload_with_ack(payload, timeout, Instant::now())?;
                let slot = Arc::new(Slot::default());
                state.waiting.insert((self.key(), ack), Arc::clone(&slot));
                Ok::<_, EmitError>((slot, ack))
            })?;
            let weak = Arc::downgrade(&client);
            let asked = Asked { owner: weak, socket: self.key(), ack };
            Ok((slot, asked))
        });
        AckFuture::new(asked, None)
    }

    fn report(&self, event: &str, fault: Fault) {
        self.report(event, fault);
    }
}
