//! Sockets wherever they are.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::engineio::Handshake;
use sockeye_core::{AckError, EmitError, Room};

use crate::handles::ack::AckFailure;
use crate::handles::io::Operator;
use crate::handles::rooms::IntoRooms;
use crate::handles::socket::Socket;

/// A socket as [`fetch_sockets`](Operator::fetch_sockets) finds it: with its rooms of that moment,
/// and commands that reach it on whichever server it is.
#[derive(Clone, Debug)]
pub struct RemoteSocket {
    id: Room,
    rooms: Vec<Room>,
    handshake: Option<Arc<Handshake>>,
    local: Option<Socket>,
    operator: Operator,
}

/// Some servers of a cluster did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{missing} servers did not answer in time")]
pub struct FetchError {
    /// How many they are.
    pub missing: usize,
}

impl RemoteSocket {
    pub(crate) fn local_one(socket: Socket) -> Self {
        let id = Room::from(socket.id());
        Self {
            rooms: socket.rooms(),
            handshake: socket.handshake(),
            operator: socket.io().to(Room::clone(&id)),
            local: Some(socket),
            id,
        }
    }

    /// The id of the socket.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The rooms it was in, in alphabetical order after that of its own id.
    #[must_use]
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// The request that opened its connection, if such are
    /// [kept](crate::App::keep_handshakes).
    #[must_use]
    pub const fn handshake(&self) -> Option<&Arc<Handshake>> {
        self.handshake.as_ref()
    }

    /// The socket itself, with its data, if it is connected to this server.
    #[must_use]
    pub const fn local(&self) -> Option<&Socket> {
        self.local.as_ref()
    }

    /// Emits an event to it; see [`Operator::emit`].
    pub fn emit(&self, event: &str, data: impl Serialize) {
        self.operator.emit(event, data);
    }

    /// Emits an event to it and waits for its acknowledgement, as long as this.
    ///
    /// # Errors
    ///
    /// If the event can't be sent, or the answer does not come or does not fit.
    pub async fn emit_with_ack<T: DeserializeOwned>(
        &self,
        timeout: Duration,
        event: &str,
        data: impl Serialize,
    ) -> Result<T, AckFailure> {
        let asked = self.operator.clone().timeout(timeout).emit_with_ack(event, data);
        let mut answers = asked.await.map_err(EmitError::from)?;
        answers.answers.pop().ok_or(if answers.late > 0 {
            AckFailure::Ack(AckError::Timeout)
        } else {
            AckFailure::Ack(AckError::Disconnected)
        })
    }

    /// Has it join a room, or several.
    pub fn join(&self, rooms: impl IntoRooms) {
        self.operator.sockets_join(rooms);
    }

    /// Has it leave a room, or several.
    pub fn leave(&self, rooms: impl IntoRooms) {
        self.operator.sockets_leave(rooms);
    }

    /// Removes it from its namespace, or with `close` ends its whole connection.
    pub fn disconnect(&self, close: bool) {
        self.operator.disconnect_sockets(close);
    }
}
