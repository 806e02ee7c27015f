//! The contract between a machine and its driver: inputs, outputs, and the types in them.
//!
//! They are those of HTTP and WebSocket, and do not show packets of Engine.IO or Socket.IO.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::network;
use crate::network::Network;

/// Identifies an HTTP request among the open ones. The driver of a server chooses it; a client
/// chooses it itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Identifies a WebSocket connection among the open ones. The driver of a server chooses it; a
/// client chooses it itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WsId(pub u64);

/// An event of the network, which the driver feeds.
///
/// Inputs for a request or WebSocket that is no longer open are ignored: a driver need not track
/// what the machine has closed.
#[derive(Debug)]
pub enum Input<'a> {
    /// The head of an HTTP request arrived. Exactly one [`Output::Respond`] or [`Output::Abort`]
    /// follows, perhaps much later, unless [`Input::Aborted`] comes first.
    Request {
        /// The id that the driver chose for the request.
        req: RequestId,
        /// The head of the request.
        request: Request<'a>,
    },
    /// The body that [`Output::ReadBody`] requested arrived completely.
    Body {
        /// The request of the body.
        req: RequestId,
        /// The body, at most as long as the limit of [`Output::ReadBody`].
        body: Bytes,
    },
    /// The body that [`Output::ReadBody`] requested exceeds its limit, by its `Content-Length` or
    /// by the bytes that arrived; or it has more chunks than the driver accepts.
    BodyTooLarge {
        /// The request of the body.
        req: RequestId,
    },
    /// The body that [`Output::ReadBody`] requested did not arrive within the timeout of the
    /// driver, which stops reading it.
    BodyTimedOut {
        /// The request of the body.
        req: RequestId,
    },
    /// The connection of an open request was closed, or its body ended early. The request gets no
    /// response.
    Aborted {
        /// The aborted request.
        req: RequestId,
    },
    /// A WebSocket handshake arrived. [`Output::Accept`] or [`Output::Refuse`] follows.
    Upgrade {
        /// The id that the driver chose for the WebSocket.
        ws: WsId,
        /// The head of the request.
        request: Request<'a>,
    },
    /// A complete WebSocket message arrived.
    Frame {
        /// The WebSocket of the message.
        ws: WsId,
        /// The message.
        frame: Frame,
    },
    /// Everything in the last [`Output::Send`] for this WebSocket was written.
    Drained {
        /// The WebSocket that is ready to write.
        ws: WsId,
    },
    /// A WebSocket ended without [`Output::Close`].
    Closed {
        /// The WebSocket that ended.
        ws: WsId,
        /// How it ended.
        cause: CloseCause,
    },
}

/// How a WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer closed it: a Close frame, or the end of the stream.
    Peer,
    /// It failed: a reset, or a violation of the WebSocket protocol.
    Error,
    /// A message exceeded the limit of [`Output::Accept`]. This has the same effect as
    /// [`CloseCause::Error`], and is counted.
    TooLarge,
}

/// An action for the driver, or an event for the application.
///
/// The driver executes the outputs of one request or WebSocket in the order in which it polls them.
/// Those of different ones are independent.
#[derive(Debug)]
pub enum Output<E> {
    /// Read the body of a request, at most `limit` bytes, then feed [`Input::Body`],
    /// [`Input::BodyTooLarge`], [`Input::BodyTimedOut`] or [`Input::Aborted`]. The response may
    /// come before the body is read.
    ReadBody {
        /// The request.
        req: RequestId,
        /// The greatest number of bytes to read.
        limit: usize,
    },
    /// Respond to an HTTP request.
    Respond {
        /// The request, which this closes.
        req: RequestId,
        /// The response.
        response: Response,
    },
    /// Close the connection of a request without a response.
    Abort {
        /// The request, which this closes.
        req: RequestId,
    },
    /// Accept a WebSocket handshake with status 101. The WebSocket is then ready to write.
    Accept {
        /// The WebSocket, open from now on.
        ws: WsId,
        /// Headers to add to the response.
        headers: Headers,
        /// The greatest size in bytes of a message from the client. For a longer one, close with
        /// code 1009 without reading it, then feed [`Input::Closed`] with [`CloseCause::TooLarge`].
        limit: usize,
    },
    /// Refuse a WebSocket handshake with an ordinary response.
    Refuse {
        /// The WebSocket, which is not opened.
        ws: WsId,
        /// The response.
        response: Response,
    },
    /// Write these messages, then feed [`Input::Drained`]. At most one `Send` is in flight for a
    /// WebSocket.
    Send {
        /// The WebSocket.
        ws: WsId,
        /// The messages, in order.
        frames: Frames,
    },
    /// Stop reading from a WebSocket until [`Output::Resume`], so that the peer has to wait.
    /// Messages that were read before may still be fed; they are kept in memory. So a driver that
    /// goes on reading lets one client use memory without bound.
    Pause {
        /// The WebSocket.
        ws: WsId,
    },
    /// Read from a WebSocket again.
    Resume {
        /// The WebSocket.
        ws: WsId,
    },
    /// Close a WebSocket once everything sent to it is written: with a Close frame, and a timeout
    /// of the driver for that of the peer. No further input is needed.
    Close {
        /// The WebSocket, which this closes.
        ws: WsId,
    },
    /// An event for the application.
    Event(E),
}

impl<E> Output<E> {
    /// Returns the event, or the output with events of another type.
    ///
    /// For layers above a machine, which handle its events and pass everything else to their
    /// driver.
    ///
    /// # Errors
    ///
    /// Every output other than an event.
    pub fn into_event<F>(self) -> Result<E, Output<F>> {
        Err(match self {
            Self::Event(event) => return Ok(event),
            Self::ReadBody { req, limit } => Output::ReadBody { req, limit },
            Self::Respond { req, response } => Output::Respond { req, response },
            Self::Abort { req } => Output::Abort { req },
            Self::Accept { ws, headers, limit } => Output::Accept { ws, headers, limit },
            Self::Refuse { ws, response } => Output::Refuse { ws, response },
            Self::Send { ws, frames } => Output::Send { ws, frames },
            Self::Pause { ws } => Output::Pause { ws },
            Self::Resume { ws } => Output::Resume { ws },
            Self::Close { ws } => Output::Close { ws },
        })
    }
}

/// The head of an HTTP request, borrowed from the driver that parsed it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, as sent, such as `GET`.
    pub method: &'a str,
    /// The request target, path and query, such as `/socket.io/?EIO=4&transport=polling`.
    pub target: &'a str,
    /// The names and values of the headers, as sent. Names are compared without case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The address of the peer; `None` on a Unix socket.
    pub remote: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

impl<'a> Request<'a> {
    /// Returns the path without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        split_target(self.target).0
    }

    /// Returns the query without its question mark; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &'a str {
        split_target(self.target).1
    }

    /// Returns the value of a header, the first if there are several, unless it is missing or not
    /// UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Returns the address of the client: that of the peer, or, if the peer is a trusted proxy, the
    /// last address in `X-Forwarded-For` that is not one.
    #[must_use]
    pub fn client_address(&self, trusted: &[Network]) -> Option<IpAddr> {
        let values = self.headers.iter().rev();
        let values = values.filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
        network::client_address(self.remote, values.map(|(_, value)| *value), trusted)
    }
}

fn split_target(target: &str) -> (&str, &str) {
    cut(target, b'?')
}

/// Splits text at the first occurrence of an ASCII character, like `split_once`; the second part is
/// empty if there is none. It is several times as fast for texts as short as those of requests.
pub(crate) fn cut(text: &str, at: u8) -> (&str, &str) {
    let Some(found) = text.bytes().position(|byte| byte == at) else { return (text, "") };
    (&text[..found], &text[found + 1..])
}

/// Returns whether text is a `token`, as names of headers and subprotocols are (RFC 9110, section
/// 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// Returns whether text is a valid value of a header (RFC 9110, section 5.5).
pub(crate) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80)
}

/// Returns whether a header can be written: its name is a token, and its value has no control
/// characters except tabs. The server leaves out headers of the application that are not valid.
#[must_use]
pub fn is_valid_header(name: &str, value: &str) -> bool {
    is_token(name) && is_header_value(value)
}

/// The headers of a response, without line breaks in them.
///
/// Names are case-insensitive, but some small devices compare them with case. So a driver writes
/// them as they are here: the RFCs' spelling for those of this crate, the application's for its
/// own. HTTP/2 needs lower case.
pub type Headers = Vec<(Cow<'static, str>, Cow<'static, str>)>;

/// The response to an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, including `content-type`. The driver adds those of framing, such as
    /// `content-length` and `connection`.
    pub headers: Headers,
    /// The body, perhaps empty.
    pub body: Bytes,
    /// Whether a driver may compress the body for a client that accepts it, by default false. True
    /// for packets of long-polling, unless [`EmitOptions::compress`](crate::EmitOptions) is false
    /// for all of them. Answers to several clients with the same packets share the memory of their
    /// body, so it can be compressed once for all. A client has no use for this.
    pub compressible: bool,
}

impl Response {
    /// Creates a response without headers or body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), compressible: false }
    }

    /// Creates a response with a body of the given type.
    #[must_use]
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Self { body: body.into(), ..Self::empty(status) };
        response.add("Content-Type", content_type);
        response
    }

    /// Adds a header.
    pub(crate) fn add(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.push((Cow::Borrowed(name), value.into()));
    }
}

/// A WebSocket message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message in valid UTF-8.
    ///
    /// Bytes that are not valid UTF-8 are handled like a malformed packet: the connection is
    /// closed.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Frame {
    /// Returns the length of the message in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Returns the text of a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => std::str::from_utf8(text).ok(),
            Self::Binary(_) => None,
        }
    }

    /// Returns whether the message is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Returns the bytes of the message of either kind.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

impl From<&str> for Frame {
    fn from(text: &str) -> Self {
        Self::Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Frame {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl From<Vec<u8>> for Frame {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data.into())
    }
}

/// The messages of one [`Output::Send`]: at least one, in order.
///
/// The default is empty, for drivers that have nothing to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames(Batch);

/// One frame is by far the most common batch. It needs no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Batch {
    #[default]
    Empty,
    One(Frame),
    Many(Vec<Frame>),
}

impl Frames {
    pub(crate) const fn new() -> Self {
        Self(Batch::Empty)
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        self.0 = match std::mem::replace(&mut self.0, Batch::Empty) {
            Batch::Empty => Batch::One(frame),
            Batch::One(first) => Batch::Many(vec![first, frame]),
            Batch::Many(mut frames) => {
                frames.push(frame);
                Batch::Many(frames)
            }
        };
    }

    /// Returns the messages as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Frame] {
        match &self.0 {
            Batch::Empty => &[],
            Batch::One(frame) => std::slice::from_ref(frame),
            Batch::Many(frames) => frames,
        }
    }
}

/// For tests of drivers; all others get frames from [`Output::Send`].
impl FromIterator<Frame> for Frames {
    fn from_iter<I: IntoIterator<Item = Frame>>(frames: I) -> Self {
        let mut batch = Self::new();
        frames.into_iter().for_each(|frame| batch.push(frame));
        batch
    }
}

impl IntoIterator for Frames {
    type Item = Frame;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Frame>, std::vec::IntoIter<Frame>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self.0 {
            Batch::Empty => (None, Vec::new()),
            Batch::One(frame) => (Some(frame), Vec::new()),
            Batch::Many(frames) => (None, frames),
        };
        one.into_iter().chain(many)
    }
}
