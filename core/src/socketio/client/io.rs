//! What a driver feeds into a client, and what it must do.

use std::sync::Arc;

use bytes::Bytes;

use crate::io::{Closure, Frame, Frames, Headers, RequestId, Response, WsId};
use crate::socketio::client::Event;

/// Something that happened outside.
///
/// Inputs that name a request or WebSocket which is no longer open are ignored: drivers need not
/// track what the machine has already closed.
#[derive(Debug)]
pub enum Input {
    /// The answer to a request arrived, whatever its status. Redirects are not to be followed.
    Response {
        /// The request.
        req: RequestId,
        /// The answer, its body without any content encoding.
        response: Response,
    },
    /// A request got no answer: there is no connection, or it broke, or the answer is longer than
    /// it may be.
    Failed {
        /// The request.
        req: RequestId,
        /// What happened, for people to read.
        message: String,
    },
    /// A WebSocket is open, and ready to write.
    Opened {
        /// The WebSocket.
        ws: WsId,
    },
    /// A WebSocket handshake got an answer other than status 101.
    Refused {
        /// The WebSocket, which does not come into being.
        ws: WsId,
        /// The answer.
        response: Response,
    },
    /// A whole WebSocket message arrived.
    Frame {
        /// The WebSocket it came from.
        ws: WsId,
        /// The message.
        frame: Frame,
    },
    /// Everything in the last [`Output::Send`] for this WebSocket was written.
    Drained {
        /// The WebSocket that is ready to write.
        ws: WsId,
    },
    /// The answer to a ping arrived.
    Pong {
        /// The WebSocket it came from.
        ws: WsId,
    },
    /// A WebSocket could not be opened, or is gone, and not by [`Output::Close`].
    Closed {
        /// The WebSocket that is gone.
        ws: WsId,
        /// How it ended.
        cause: Closure,
        /// The code of the Close frame, if there was one.
        code: Option<u16>,
        /// What happened, for people to read; perhaps empty.
        message: String,
    },
    /// There is a network (again), as far as the system knows. Who waits for the next attempt to
    /// connect, waits no more.
    Online,
    /// There is no network any more, as far as the system knows. The connection is lost.
    Offline,
}

/// Something the driver must do, or something the application may care about.
///
/// Outputs are to be carried out in the order in which they are polled; for different requests
/// and WebSockets they are independent.
#[derive(Debug)]
pub enum Output {
    /// Make an HTTP request, then feed [`Input::Response`] or [`Input::Failed`]. Two may be under
    /// way at once, and neither is to be repeated.
    Request {
        /// The machine's name for the request.
        req: RequestId,
        /// The request.
        fetch: Fetch,
    },
    /// Give up on a request; no further input is needed.
    Abort {
        /// The request.
        req: RequestId,
    },
    /// Open a WebSocket, then feed [`Input::Opened`], [`Input::Refused`] or [`Input::Closed`].
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
        /// read: close with code 1009, then feed [`Input::Closed`].
        limit: usize,
    },
    /// Write these messages, then feed [`Input::Drained`]. At most one `Send` is in flight for a
    /// WebSocket.
    Send {
        /// The WebSocket.
        ws: WsId,
        /// The messages, in order.
        frames: Frames,
    },
    /// Send a Ping frame (RFC 6455, section 5.5.2), then feed [`Input::Pong`] when the answer
    /// arrives. A driver that can't need not: after a second the machine goes on without.
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
    Event(Event),
}

/// An HTTP request to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
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
    /// read: feed [`Input::Failed`].
    pub limit: usize,
}
