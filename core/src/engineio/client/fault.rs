//! Why an Engine.IO session can't be opened, or ends, as the client sees it.
//!
//! A [`CloseReason`](crate::engineio::CloseReason) says in one word of the documentation why a
//! session has ended; a fault says what exactly happened, for logs and for people. The faults of
//! Socket.IO packets are those of the layer above.

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::engineio::Transport;
use crate::io::{CloseCause, Response};

/// What went wrong with a transport or with the Engine.IO session on it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportFault {
    /// It took too long.
    #[error("timeout")]
    Timeout,
    /// The server answered with an HTTP status other than the expected one.
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
    /// The server sent the packet `1` (close).
    #[error("the server closed the session")]
    ClosedByServer,
    /// The first packet of the server is not a valid `0` (open) packet.
    #[error("unusable handshake: {0}")]
    Handshake(&'static str),
    /// The server violated the Engine.IO protocol.
    #[error("malformed data: {0}")]
    Malformed(&'static str),
    /// The server sent more than is allowed.
    #[error("more than {limit} bytes at once")]
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
}

/// Displays a code and a message, as far as there are any.
struct Detail<'a>(Option<u64>, &'a str);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.0 {
            write!(f, ", code {code}")?;
        }
        if self.1.is_empty() { Ok(()) } else { write!(f, ": {}", self.1) }
    }
}

impl TransportFault {
    /// Reads an HTTP answer with an unexpected status. Engine.IO servers explain it in the body:
    /// `{"code":1,"message":"Session ID unknown"}`.
    pub(super) fn status(transport: Transport, status: u16, body: &[u8]) -> Self {
        /// The body of the error; further fields are ignored.
        #[derive(Deserialize)]
        struct ErrorBody {
            code: u64,
            message: String,
        }
        // A longer body is a page of a proxy; it is not worth its parsing.
        const MAX_BODY: usize = 4096;
        let body = if body.len() > MAX_BODY { &[] } else { body };
        let error: Option<ErrorBody> = serde_json::from_slice(body).ok();
        let (code, message) =
            error.map_or((None, String::new()), |error| (Some(error.code), error.message));
        Self::Status { transport, status, code, message }
    }

    /// Describes a WebSocket handshake that was not answered with status 101.
    pub(crate) fn refused(response: &Response) -> Self {
        Self::status(Transport::WebSocket, response.status, &response.body)
    }

    /// Describes the end of a WebSocket.
    pub(crate) const fn websocket_closed(
        cause: CloseCause,
        code: Option<u16>,
        message: String,
    ) -> Self {
        match cause {
            CloseCause::Peer => Self::WebSocketClosed { code, message },
            CloseCause::Error | CloseCause::TooLarge => {
                Self::Network { transport: Transport::WebSocket, message }
            }
        }
    }
}
