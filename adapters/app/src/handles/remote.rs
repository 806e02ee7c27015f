//! Sockets wherever they are.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::engineio::Handshake;
use sockeye_core::{AckError, EmitError, Room};

use super::ack::AckFailure;
use super::io::{Io, Operator};
use super::rooms::IntoRooms;
use super::socket::Socket;

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
    fn local_one(socket: Socket) -> Self {
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

impl Io {
    /// All sockets of the namespace, on whichever server they are; see
    /// [`Operator::fetch_sockets`].
    ///
    /// # Errors
    ///
    /// If other servers do not answer in time.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, FetchError> {
        self.everybody().fetch_sockets().await
    }
}

impl Operator {
    /// All of them, on whichever server they are, in the order of their connection.
    ///
    /// ```
    /// # async fn example(io: sockeye_app::Io) -> Result<(), sockeye_app::FetchError> {
    /// for socket in io.in_("lobby").fetch_sockets().await? {
    ///     println!("{} is in {:?}", socket.id(), socket.rooms());
    ///     socket.leave("lobby");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If other servers do not answer in time. A server that runs alone answers at once.
    #[allow(clippy::unused_async, reason = "servers of a cluster take their time")]
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, FetchError> {
        Ok(self.sockets().into_iter().map(RemoteSocket::local_one).collect())
    }
}
