//! What the driver of a client must do: HTTP requests and WebSockets.
//!
//! The client side of Engine.IO makes everything here but events; those are the type parameter,
//! and come from the layer above. A driver answers each of these outputs with an
//! [`Input`](crate::client::Input), as the documentation of each says.
//!
//! ```text
//! Request  -> Response | Failed          Abort  -> nothing
//! Open     -> Opened | Refused | Closed  Close  -> nothing
//! Send     -> Drained | Closed           Ping   -> Pong | Closed | nothing
//! ```

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;

use crate::io::{Frames, Headers, RequestId, WsId};

/// Something the driver must do, or something the application may care about.
///
/// Outputs are to be carried out in the order in which they are polled; for different requests
/// and WebSockets they are independent.
#[derive(Debug)]
pub enum Output<E> {
    /// Make an HTTP request, then feed [`Input::Response`] or [`Input::Failed`]. Two may be under
    /// way at once, and neither is to be repeated.
    ///
    /// [`Input::Response`]: crate::client::Input::Response
    /// [`Input::Failed`]: crate::client::Input::Failed
    Request {
        /// The machine's name for the request.
        req: RequestId,
        /// The request.
        request: HttpRequest,
    },
    /// Abort a request; no further input is needed.
    Abort {
        /// The request.
        req: RequestId,
    },
    /// Open a WebSocket, then feed [`Input::Opened`], [`Input::Refused`] or [`Input::Closed`].
    ///
    /// [`Input::Opened`]: crate::client::Input::Opened
    /// [`Input::Refused`]: crate::client::Input::Refused
    /// [`Input::Closed`]: crate::client::Input::Closed
    Open {
        /// The machine's name for the WebSocket.
        ws: WsId,
        /// The server, if [`Attempt::address`](crate::client::Attempt::address) named one.
        address: Option<Arc<str>>,
        /// Path and query.
        target: String,
        /// Headers to add to the handshake.
        headers: Headers,
        /// The subprotocols to offer.
        protocols: Vec<String>,
        /// The greatest size in bytes of a message from the server. A longer one is not to be
        /// read: close with code 1009, then feed [`Input::Closed`](crate::client::Input::Closed).
        limit: usize,
    },
    /// Write these messages, then feed [`Input::Drained`](crate::client::Input::Drained). At most
    /// one `Send` is in flight for a WebSocket.
    Send {
        /// The WebSocket.
        ws: WsId,
        /// The messages, in order.
        frames: Frames,
    },
    /// Send a Ping frame (RFC 6455, section 5.5.2), then feed
    /// [`Input::Pong`](crate::client::Input::Pong) when the answer arrives. A driver that can't
    /// need not: after a second the machine goes on without.
    Ping {
        /// The WebSocket.
        ws: WsId,
    },
    /// Close a WebSocket, or stop opening it. What was sent on it is written first, then a Close
    /// frame, with a deadline of the driver's for the answer. No further input is needed.
    Close {
        /// The WebSocket.
        ws: WsId,
    },
    /// Something the application may care about.
    Event(E),
}

impl<E> Output<E> {
    /// Takes the event out, or returns the work of the driver, for drivers that hand events to
    /// another component.
    ///
    /// # Errors
    ///
    /// Returns every output that is not an event.
    #[expect(clippy::result_large_err, reason = "the error is the output, moved once")]
    pub fn into_event<F>(self) -> Result<E, Output<F>> {
        Err(match self {
            Self::Event(event) => return Ok(event),
            Self::Request { req, request } => Output::Request { req, request },
            Self::Abort { req } => Output::Abort { req },
            Self::Open { ws, address, target, headers, protocols, limit } => {
                Output::Open { ws, address, target, headers, protocols, limit }
            }
            Self::Send { ws, frames } => Output::Send { ws, frames },
            Self::Ping { ws } => Output::Ping { ws },
            Self::Close { ws } => Output::Close { ws },
        })
    }
}

impl Output<Infallible> {
    /// Returns the same output as one of a layer that has events.
    pub(crate) fn with_events<E>(self) -> Output<E> {
        match self.into_event() {
            Ok(never) => match never {},
            Err(output) => output,
        }
    }
}

/// An HTTP request to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The server, if [`Attempt::address`](crate::client::Attempt::address) named one.
    pub address: Option<Arc<str>>,
    /// Path and query.
    pub target: String,
    /// The headers. `host`, framing headers such as `content-length`, and what content encodings
    /// are accepted, are the driver's.
    pub headers: Headers,
    /// The body, empty for a GET.
    pub body: Bytes,
    /// The greatest size in bytes of the body of the answer, decoded. A longer one is not to be
    /// read: feed [`Input::Failed`](crate::client::Input::Failed).
    pub limit: usize,
}
