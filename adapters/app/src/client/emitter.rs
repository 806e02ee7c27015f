//! Ways of emitting, for one event or several.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::{Emission, EmitError, TypedEvent};

use super::socket::Socket;
use crate::ack::AckFuture;
use crate::call::Origin;
use crate::error::Fault;

/// A way of emitting; made by [`Socket::volatile`] and [`Socket::timeout`].
#[derive(Clone, Copy, Debug)]
pub struct Emitter<'a> {
    pub(super) socket: &'a Socket,
    pub(super) emission: Emission,
    pub(super) timeout: Option<Duration>,
}

impl Emitter<'_> {
    /// Emits an event; returns whether it is sent or will be. See [`Socket::emit`].
    pub fn emit(&self, event: &str, data: impl Serialize) -> bool {
        match self.socket.send_out(event, &data, self.emission) {
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
