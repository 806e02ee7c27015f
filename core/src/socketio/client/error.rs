//! What can go wrong between a client and its server.

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::args::Args;
use crate::args::Name;
use crate::engineio::CloseReason;
use crate::engineio::client::TransportFault;
use crate::error::EmitError;
use crate::socketio::packet::PacketError;

/// Why a connection could not be opened, or was lost.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The transport failed, or the server violated the Engine.IO protocol.
    #[error(transparent)]
    Transport(#[from] TransportFault),
    /// The server violated the Socket.IO protocol.
    #[error("malformed packet: {0}")]
    Packet(PacketError),
    /// The binary values of a packet did not come in time.
    #[error("a packet is not completed in time")]
    Unfinished,
    /// The server did not answer a CONNECT packet in time.
    #[error("the server does not answer a CONNECT packet")]
    Unanswered,
    /// The application did not say where to connect to.
    #[error("no attempt: {0}")]
    NoAttempt(String),
    /// There is no network.
    #[error("no network")]
    Offline,
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

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::TransportError => Self::TransportError,
            CloseReason::ParseError => Self::ParseError,
            CloseReason::ForcedClose => Self::ClientDisconnect,
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
