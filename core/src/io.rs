//! What a driver feeds into a machine, and what it must do: the whole contract with the outside.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::network;
use crate::network::Network;

/// Names an HTTP request; unique among the requests still open. Chosen by the driver of a server,
/// and by a client itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a WebSocket connection; unique among those still open. Chosen by the driver of a server,
/// and by a client itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WsId(pub u64);

/// Something that happened outside.
///
/// Inputs that name a request or WebSocket which is no longer open are ignored: drivers need not
/// track what the machine has already closed.
#[derive(Debug)]
pub enum Input<'a> {
    /// The head of an HTTP request arrived. It is answered by exactly one [`Output::Respond`] or
    /// [`Output::Abort`], perhaps much later, unless [`Input::Aborted`] comes first.
    Request {
        /// The driver's name for the request.
        req: RequestId,
        /// The head of the request.
        request: Request<'a>,
    },
    /// The whole body asked for by [`Output::ReadBody`] arrived.
    Body {
        /// The request it belongs to.
        req: RequestId,
        /// The body, at most as long as the limit of [`Output::ReadBody`].
        body: Bytes,
    },
    /// The body asked for by [`Output::ReadBody`] is longer than its limit, by declaration or by
    /// what arrived; or it comes in more pieces than the driver puts together.
    BodyTooLarge {
        /// The request it belongs to.
        req: RequestId,
    },
    /// The body asked for by [`Output::ReadBody`] did not arrive within the time that the driver
    /// waits. What still comes of it is not to be read.
    BodyTimedOut {
        /// The request it belongs to.
        req: RequestId,
    },
    /// The client gave up on a request that is still open, or its body broke off. The request gets
    /// no answer.
    Aborted {
        /// The request that is gone.
        req: RequestId,
    },
    /// A WebSocket handshake arrived. It is answered by [`Output::Accept`] or [`Output::Refuse`].
    Upgrade {
        /// The driver's name for the WebSocket to be.
        ws: WsId,
        /// The head of the request.
        request: Request<'a>,
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
    /// A WebSocket is gone, and not by [`Output::Close`].
    Closed {
        /// The WebSocket that is gone.
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
    /// It broke: a reset, or a violation of the WebSocket protocol.
    Error,
    /// A message was longer than the limit of [`Output::Accept`]. It ends like one that broke, and
    /// is counted.
    TooLarge,
}

/// Something the driver must do, or something the application may care about.
///
/// Outputs are to be carried out in the order in which they are polled; for different requests
/// and WebSockets they are independent.
#[derive(Debug)]
pub enum Output<E> {
    /// Read the body of a request, at most `limit` bytes, then feed [`Input::Body`],
    /// [`Input::BodyTooLarge`], [`Input::BodyTimedOut`] or [`Input::Aborted`]. The answer may come
    /// before the body has.
    ReadBody {
        /// The request.
        req: RequestId,
        /// The greatest number of bytes to read.
        limit: usize,
    },
    /// Answer an HTTP request.
    Respond {
        /// The request, which is closed by this.
        req: RequestId,
        /// The answer.
        response: Response,
    },
    /// End the connection of a request without an answer.
    Abort {
        /// The request, which is closed by this.
        req: RequestId,
    },
    /// Answer a WebSocket handshake with status 101. The WebSocket is then ready to write.
    Accept {
        /// The WebSocket, open from now on.
        ws: WsId,
        /// Headers to add to the answer.
        headers: Headers,
        /// The greatest size in bytes of a message from the client. A longer one is not to be
        /// read: close with code 1009, then feed [`Input::Closed`] with [`CloseCause::TooLarge`].
        limit: usize,
    },
    /// Answer a WebSocket handshake with an ordinary response.
    Refuse {
        /// The WebSocket, which does not come into being.
        ws: WsId,
        /// The answer.
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
    /// Stop reading from a WebSocket until [`Output::Resume`], so that the peer has to wait. What
    /// was read before may still be fed, and waits in memory: a driver that reads on all the same lets
    /// one client take memory without bound.
    Pause {
        /// The WebSocket.
        ws: WsId,
    },
    /// Read from a WebSocket again.
    Resume {
        /// The WebSocket.
        ws: WsId,
    },
    /// Close a WebSocket after everything sent to it was written: with a Close frame and a
    /// deadline of the driver's for the peer's answer. No further input is needed.
    Close {
        /// The WebSocket, which is closed by this.
        ws: WsId,
    },
    /// Something the application may care about.
    Event(E),
}

impl<E> Output<E> {
    /// Returns the event, or the output with events of another type.
    ///
    /// For layers above a machine, which handle its events and pass everything else to their driver.
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

/// The head of an HTTP request, borrowed from whoever parsed it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in upper case as it was sent.
    pub method: &'a str,
    /// The request target: path and query, like `/socket.io/?EIO=4&transport=polling`.
    pub target: &'a str,
    /// Names and values of the headers, as sent; names are compared without case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The address of the peer, where there is one.
    pub remote: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

impl<'a> Request<'a> {
    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        split_target(self.target).0
    }

    /// The query, without its question mark; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &'a str {
        split_target(self.target).1
    }

    /// The value of a header, if it is there and is text; the first one, if it is there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The address of the client: that of the peer, or behind trusted proxies the last address in
    /// `X-Forwarded-For` that is not one of theirs.
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

/// What stands before and behind the first of an ASCII character. For texts that are as short as
/// those of requests, the standard library takes several times as long.
pub(crate) fn cut(text: &str, at: u8) -> (&str, &str) {
    let Some(found) = text.bytes().position(|byte| byte == at) else { return (text, "") };
    (&text[..found], &text[found + 1..])
}

/// Whether this is a token, as names of headers and subprotocols are (RFC 9110, section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(sound)
}

/// Headers of a response, without line breaks in them.
///
/// Names mean the same with and without case, but small devices compare them with it. So they are
/// to be written as they stand here: those of this crate as the RFCs spell them, those that the
/// application adds as it did. HTTP/2 wants them in lower case.
pub type Headers = Vec<(Cow<'static, str>, Cow<'static, str>)>;

/// The answer to an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, `content-type` among them. Framing headers such as `content-length` and
    /// `connection` are the driver's.
    pub headers: Headers,
    /// The body, perhaps empty.
    pub body: Bytes,
}

impl Response {
    /// Makes a response without headers or body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// Makes a response with a body of the given type.
    #[must_use]
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Self { status, headers: Vec::new(), body: body.into() };
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
    /// A text message; the bytes are valid UTF-8 when they come from a driver.
    ///
    /// A driver that feeds anything else gets what a malformed packet gets: the connection is
    /// closed.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Frame {
    /// The length of the message in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// The text, if it is a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => std::str::from_utf8(text).ok(),
            Self::Binary(_) => None,
        }
    }

    /// Whether the message is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// The bytes of the message, whichever kind it is.
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
/// The default is none at all, for drivers that have nothing to write at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames(Batch);

/// One frame is by far the most common batch and costs no allocation.
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

    /// The messages as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Frame] {
        match &self.0 {
            Batch::Empty => &[],
            Batch::One(frame) => std::slice::from_ref(frame),
            Batch::Many(frames) => frames,
        }
    }
}

/// For tests of drivers: whatever else there is to send comes in an [`Output::Send`].
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
