//! What the server side of Engine.IO reports.

use crate::engineio::{CloseReason, Handshake, HandshakeId};
use crate::id::SessionId;
use crate::io::Frame;

/// What an [`Engine`](crate::engineio::Engine) tells the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client wants to open a session, where the application
    /// [decides](crate::engineio::EngineConfig::manual_accept) about that; answer with [`Engine::accept_handshake`](crate::engineio::Engine::accept_handshake) or
    /// [`Engine::reject_handshake`](crate::engineio::Engine::reject_handshake).
    HandshakeRequested {
        /// The handshake.
        id: HandshakeId,
        /// What the client sent.
        handshake: Handshake,
    },
    /// A handshake needs no decision any more: its client is gone, or was refused because the
    /// decision took longer than
    /// [`handshake_timeout`](crate::engineio::EngineConfig::handshake_timeout) or the server closes.
    HandshakeAborted {
        /// The handshake.
        id: HandshakeId,
    },
    /// A session was opened.
    Opened {
        /// The new session.
        session: SessionId,
        /// The request that opened it, if such are to be [kept](crate::engineio::EngineConfig::keep_handshakes).
        handshake: Option<Handshake>,
    },
    /// A message arrived.
    Message {
        /// The session it came from.
        session: SessionId,
        /// The message.
        message: Frame,
    },
    /// The session went over from long-polling to a WebSocket.
    Upgraded {
        /// The session.
        session: SessionId,
    },
    /// Nothing waits to be sent to the session any more. Comes once for each
    /// [`Engine::watch_drained`](crate::engineio::Engine::watch_drained) that was false, unless the session ends first.
    Drained {
        /// The session.
        session: SessionId,
    },
    /// The session is over. What was sent to it before is still delivered if the end is one of
    /// the application's own making.
    Closed {
        /// The session.
        session: SessionId,
        /// Why it ended.
        reason: CloseReason,
    },
}
