//! Engine.IO, protocol 4: sessions over HTTP long-polling and WebSockets, and the way from one to
//! the other. Knows nothing of Socket.IO, and can be used without it.

mod admission;
mod answers;
mod compress;
mod config;
mod cookie;
mod cors;
mod dialer;
mod encoded;
mod files;
mod flow;
mod handshake;
mod heartbeat;
mod http;
mod inbox;
mod machine;
mod origin;
mod outbox;
mod pace;
mod packet;
mod pending;
mod receive;
mod request;
mod session;
mod shares;
mod subprotocol;
mod upgrade;
mod v3;

use std::fmt;

pub use compress::Compression;
pub use config::{EngineConfig, HeaderHook, Stage, StaticFile};
pub use cookie::{Cookie, SameSite};
pub use cors::{Cors, Origins};
pub(crate) use dialer::{Context, Dialer, Ending, PacketKind, Report};
pub use encoded::Encoded;
pub(crate) use handshake::decode as decode_query;
pub use handshake::{Admission, Handshake, HandshakeId};
pub use machine::{Engine, Transport};
pub use origin::WebSocketOrigins;
pub(crate) use shares::Address;
pub use subprotocol::Subprotocols;

use crate::id::SessionId;
use crate::io::Frame;

/// What an [`Engine`] tells the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client wants to open a session, where the application
    /// [decides](EngineConfig::decides) about that; answer with [`Engine::allow`] or
    /// [`Engine::deny`].
    Requested {
        /// The handshake.
        id: HandshakeId,
        /// What the client sent.
        handshake: Handshake,
    },
    /// A session was opened.
    Opened {
        /// The new session.
        session: SessionId,
        /// The request that opened it, if such are to be [kept](EngineConfig::keep_handshakes).
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
    /// [`Engine::watch_drained`] that was false, unless the session ends first.
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

/// Why a session ended. `Display` gives the words of the Engine.IO documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The connection broke, or the client violated the rules of its transport, or it did not
    /// read fast enough what was sent to it.
    TransportError,
    /// The client closed the connection, or its machine went away.
    TransportClose,
    /// The application closed the session.
    ForcedClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// A packet was malformed.
    ParseError,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::DisconnectReason::from(*self).as_str())
    }
}
