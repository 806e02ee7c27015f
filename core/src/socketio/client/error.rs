//! What can go wrong between a client and its server.

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::args::Args;
use crate::args::Name;
use crate::engineio::Transport;
use crate::engineio::client::Ending;
use crate::error::EmitError;
use crate::io::{Closure, Response};
use crate::socketio::packet::PacketError;

/// Why a connection could not be opened, or was lost.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It took too long.
    #[error("timeout")]
    Timeout,
    /// The server answered with an error.
    #[error("{}: status {status}{}", transport.as_str(), Detail(*code, message))]
    Status {
        /// The transport that was used or asked for.
        transport: Transport,
        /// The status of the answer.
        status: u16,
        /// The code of the Engine.IO error, such as 1 for an unknown session.
        code: Option<u64>,
        /// The message of the Engine.IO error; perhaps empty.
        message: String,
    },
    /// There was no answer, or the connection broke.
    #[error("{}: {message}", transport.as_str())]
    Network {
        /// The transport that was used.
        transport: Transport,
        /// What the driver says about it.
        message: String,
    },
    /// The WebSocket was closed.
    #[error("websocket: closed{}", Detail(code.map(u64::from), message))]
    WebSocketClosed {
        /// The code of the Close frame, if there was one.
        code: Option<u16>,
        /// The reason in the Close frame; perhaps empty.
        message: String,
    },
    /// The server closed the session.
    #[error("the server closed the session")]
    ClosedByServer,
    /// What the server says when it opens a session makes no sense.
    #[error("unusable handshake: {0}")]
    Handshake(&'static str),
    /// The server broke the rules of Engine.IO.
    #[error("malformed data: {0}")]
    Malformed(&'static str),
    /// The server broke the rules of Socket.IO.
    #[error("malformed packet: {0}")]
    Packet(PacketError),
    /// The server sent more than is allowed.
    #[error("more than {limit} bytes at once")]
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
    /// The binary values of a packet did not come in time.
    #[error("a packet is not completed in time")]
    Unfinished,
    /// The server did not say in time whether it lets a socket in.
    #[error("the server does not answer who asks to be let in")]
    Unanswered,
    /// The application did not say where to connect to.
    #[error("no attempt: {0}")]
    NoAttempt(String),
    /// There is no network.
    #[error("no network")]
    Offline,
}

/// A code and a message, as far as there are any.
struct Detail<'a>(Option<u64>, &'a str);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.0 {
            write!(f, ", code {code}")?;
        }
        if self.1.is_empty() { Ok(()) } else { write!(f, ": {}", self.1) }
    }
}

impl Fault {
    /// An answer other than the one that was hoped for; Engine.IO says in its body what is wrong.
    pub(crate) fn status(transport: Transport, status: u16, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Refusal {
            code: u64,
            message: String,
        }
        const MAX_BODY: usize = 4096;
        let body = if body.len() > MAX_BODY { &[] } else { body };
        let refusal: Option<Refusal> = serde_json::from_slice(body).ok();
        let (code, message) =
            refusal.map_or((None, String::new()), |refusal| (Some(refusal.code), refusal.message));
        Self::Status { transport, status, code, message }
    }

    pub(super) fn refused(response: &Response) -> Self {
        Self::status(Transport::WebSocket, response.status, &response.body)
    }

    pub(super) const fn closed(cause: Closure, code: Option<u16>, message: String) -> Self {
        match cause {
            Closure::Peer => Self::WebSocketClosed { code, message },
            Closure::Error | Closure::TooLarge => {
                Self::Network { transport: Transport::WebSocket, message }
            }
        }
    }
}

/// Why a socket was disconnected. `Display` gives the words of the Socket.IO documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server removed the client from the namespace. The socket does not connect again by
    /// itself.
    ServerDisconnect,
    /// The application disconnected the socket.
    ClientDisconnect,
    /// The server was silent for too long.
    PingTimeout,
    /// The server closed the connection, or there is no network any more.
    TransportClose,
    /// The connection broke, or the server answered with an error.
    TransportError,
    /// What the server sent was malformed.
    ParseError,
}

impl DisconnectReason {
    /// The reason in the words of the Socket.IO documentation, such as `transport close`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Ending> for DisconnectReason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::PingTimeout => Self::PingTimeout,
            Ending::TransportClose => Self::TransportClose,
            Ending::TransportError => Self::TransportError,
            Ending::ParseError => Self::ParseError,
        }
    }
}

/// Why a socket can't be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// There is one for this namespace already.
    #[error("there is a socket for this namespace already")]
    Taken,
    /// A name begins with a slash and holds no comma, question mark or control character, and at
    /// most 255 bytes.
    #[error("this can't be the name of a namespace")]
    Name,
}

/// Why something can't be sent along at connect.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// It can't be written as JSON.
    #[error("data can't be serialized: {0}")]
    Serialize(serde_json::Error),
    /// It is no object.
    #[error("data is no object")]
    NoObject,
    /// It can't be sent to a server for another reason.
    #[error(transparent)]
    Emit(EmitError),
}

impl From<EmitError> for AuthError {
    fn from(error: EmitError) -> Self {
        if let EmitError::Serialize(error) = error {
            Self::Serialize(error)
        } else {
            Self::Emit(error)
        }
    }
}

/// What a server says about why it lets nobody in, read without trust.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) data: Args,
}

impl Refusal {
    /// Reads `{"message":"..","data":..}`, or a text alone.
    pub(super) fn parse(args: &Args) -> Self {
        use serde_json::value::RawValue;
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            message: Option<&'a RawValue>,
            #[serde(borrow)]
            data: Option<&'a RawValue>,
        }
        let Some(json) = args.iter().next() else { return Self::default() };
        if json.starts_with('"') {
            return Self { message: text(json), data: Args::none() };
        }
        let Ok(Wire { message, data }) = serde_json::from_str(json) else {
            return Self { message: String::new(), data: args.clone() };
        };
        let message = message.map(RawValue::get).filter(|json| json.starts_with('"'));
        let data = data.map(|data| bytes::Bytes::copy_from_slice(data.get().as_bytes()));
        Self {
            message: message.map(text).unwrap_or_default(),
            data: data.map_or_else(Args::none, Args::one),
        }
    }
}

/// A JSON string that was checked before; surrogates that stand alone are replaced.
fn text(json: &str) -> String {
    Name::from_json(bytes::Bytes::copy_from_slice(json.as_bytes())).to_string()
}
