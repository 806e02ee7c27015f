//! What the driver of a client reports. What it must do is [`Output`](crate::client::Output).

use crate::io::{CloseCause, Frame, RequestId, Response, WsId};

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
    /// Everything in the last [`Output::Send`](crate::client::Output::Send) for this WebSocket was
    /// written.
    Drained {
        /// The WebSocket that is ready to write.
        ws: WsId,
    },
    /// The answer to a ping arrived.
    Pong {
        /// The WebSocket it came from.
        ws: WsId,
    },
    /// A WebSocket could not be opened, or is gone, and not by
    /// [`Output::Close`](crate::client::Output::Close).
    Closed {
        /// The WebSocket that is gone.
        ws: WsId,
        /// How it ended.
        cause: CloseCause,
        /// The code of the Close frame, if there was one.
        code: Option<u16>,
        /// What happened, for people to read; perhaps empty.
        message: String,
    },
    /// There is a network (again), as far as the system knows. The delay before the next attempt to
    /// connect ends.
    Online,
    /// There is no network any more, as far as the system knows. The connection is lost.
    Offline,
}
