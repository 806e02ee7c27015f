//! How a WebSocket ends.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::tungstenite::Error as WsError;
use async_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use bytes::Bytes;
use smol::future::{self, poll_fn};
use sockeye_core::{CloseCause, Input};

use crate::codec::Codec;
use crate::hub::Hub;
use crate::line::{Line, Wire};
use crate::linger::{late, linger};
use crate::stream::Stream;
use crate::ticket::Ticket;

/// Why a WebSocket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The machine wants it, and everything is written.
    Asked,
    /// The peer sent a Close frame.
    Left,
    /// The peer sent a Close frame with a code that must not stand in one.
    LeftBadly,
    /// The stream ended.
    Gone,
    /// A message was over the limit.
    TooLarge,
    /// Something is wrong; the peer should be told so with this code, if it can be.
    Broken(Option<CloseCode>),
}

impl Ending {
    /// How a peer left that sent this Close frame.
    pub(crate) fn closed(frame: Option<&CloseFrame>) -> Self {
        // What the library makes of a frame with an illegal code.
        let illegal = frame.is_some_and(|frame| {
            frame.code == CloseCode::Protocol && frame.reason.as_str() == "Protocol violation"
        });
        if illegal { Self::LeftBadly } else { Self::Left }
    }
}

impl From<WsError> for Ending {
    fn from(error: WsError) -> Self {
        match error {
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            WsError::Protocol(_) => Self::Broken(Some(CloseCode::Protocol)),
            WsError::Utf8(_) => Self::Broken(Some(CloseCode::Invalid)),
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                log::debug!("a WebSocket message of {size} bytes or more, over {max_size}");
                Self::TooLarge
            }
            WsError::Capacity(CapacityError::TooManyHeaders) => Self::Broken(None),
            WsError::Io(_)
            | WsError::Tls(_)
            | WsError::WriteBufferFull(_)
            | WsError::AttackAttempt
            | WsError::Url(_)
            | WsError::Http(_)
            | WsError::HttpFormat(_) => Self::Broken(None),
        }
    }
}

/// Tells the machine, unless it knows, and the peer, if it can hear.
pub(crate) async fn say<S: Stream>(
    line: Rc<Line<S>>,
    codec: Option<Codec>,
    unread: Bytes,
    limit: usize,
    mut ticket: Ticket,
    ending: Ending,
) {
    let hub = Rc::clone(ticket.hub());
    let patience = hub.limits.get().close_timeout;
    tell_machine(&mut ticket, ending);
    drop(ticket);
    // The slot had the only other one.
    let Some(line) = Rc::into_inner(line) else { return };
    let codec = codec.unwrap_or_else(|| hub.tools.codec(limit));
    let mut end = End { wire: line.into_wire(), codec, unread, hub };
    match ending {
        Ending::Gone | Ending::Broken(None) => {}
        Ending::Asked => {
            if !end.close(patience).await {
                linger(end.wire.stream, patience).await;
            }
        }
        Ending::Left | Ending::LeftBadly => {
            end.close(patience).await;
            linger(end.wire.stream, patience).await;
        }
        Ending::TooLarge => end.refuse(CloseCode::Size, patience).await,
        Ending::Broken(Some(code)) => end.refuse(code, patience).await,
    }
}

fn tell_machine(ticket: &mut Ticket, ending: Ending) {
    let cause = match ending {
        Ending::Asked => return ticket.close(),
        Ending::Left | Ending::Gone => CloseCause::Peer,
        Ending::TooLarge => CloseCause::TooLarge,
        Ending::LeftBadly | Ending::Broken(_) => CloseCause::Error,
    };
    ticket.close();
    ticket.hub().feed(Input::Closed { ws: ticket.websocket(), cause });
    ticket.hub().drive();
}

/// A WebSocket that the machine has done with.
struct End<S> {
    wire: Wire<S>,
    codec: Codec,
    /// What was read before the end.
    unread: Bytes,
    hub: Rc<Hub>,
}

impl<S: Stream> End<S> {
    /// Closes, or answers a Close frame, and waits until the peer has closed too, but not for long;
    /// false if what it says instead can't be understood.
    async fn close(&mut self, patience: Duration) -> bool {
        let closed = async {
            if !self.send(None).await {
                return false;
            }
            loop {
                match self.read().await {
                    Ok(()) => future::yield_now().await,
                    Err(ending) => return ending == Ending::Gone,
                }
            }
        };
        let too_late = async {
            late(patience).await;
            true
        };
        future::or(closed, too_late).await
    }

    /// Tells the peer what is wrong, and reads no more.
    async fn refuse(mut self, code: CloseCode, patience: Duration) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static("") };
        let sent = async {
            self.send(Some(frame)).await;
        };
        future::or(sent, late(patience)).await;
        linger(self.wire.stream, patience).await;
    }

    /// Sends a Close frame as the last frame of all: a pong that is owed goes before it. Says
    /// whether the peer has yet to answer it.
    ///
    /// If that fails, so be it: the connection ends either way.
    async fn send(&mut self, frame: Option<CloseFrame>) -> bool {
        // One who has closed already can't be sent anything: he gets his answer.
        let closing = self.wire.answer(&self.hub.tools, |output| self.codec.close(frame, output));
        poll_fn(|cx| self.wire.poll_flush(cx)).await.is_ok() && closing.is_ok()
    }

    /// Reads what still comes, up to the Close frame.
    async fn read(&mut self) -> Result<(), Ending> {
        let Self { wire, codec, unread, hub } = self;
        let unread = std::mem::take(unread);
        let mut input = [0; 1024];
        let mut bytes = &unread[..];
        if bytes.is_empty() {
            let read = poll_fn(|cx| Pin::new(&mut wire.stream).poll_read(cx, &mut input)).await;
            let read = read.ok().filter(|&read| read > 0).ok_or(Ending::Gone)?;
            bytes = &input[..read];
        }
        while wire.answer(&hub.tools, |output| codec.read(&mut bytes, output))?.is_some() {}
        Ok(())
    }
}
