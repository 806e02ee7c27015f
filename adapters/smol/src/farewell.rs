//! How a WebSocket ends.

use std::pin::Pin;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::error::ProtocolError;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Error as WsError, Message};
use futures_sink::Sink;
use smol::future::{self, poll_fn};
use smol::io::{AsyncRead, AsyncWrite};
use smol::stream::StreamExt;
use sockeye_core::{Closure, Input};

use crate::linger::{late, linger};
use crate::link::Link;
use crate::ticket::Ticket;

/// Why a WebSocket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The machine wants it, and everything is written.
    Asked,
    /// The peer sent a Close frame.
    Left,
    /// The stream ended.
    Gone,
    /// Something is wrong; the peer should be told so with this code, if it can be.
    Broken(Option<CloseCode>),
}

impl Ending {
    pub(crate) fn of(error: &WsError) -> Self {
        match error {
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            WsError::Protocol(_) => Self::Broken(Some(CloseCode::Protocol)),
            WsError::Utf8(_) => Self::Broken(Some(CloseCode::Invalid)),
            WsError::Capacity(_) => Self::Broken(Some(CloseCode::Size)),
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
pub(crate) async fn say<S>(mut stream: WebSocketStream<Link<S>>, mut ticket: Ticket, ending: Ending)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let patience = ticket.hub().limits.get().close_timeout;
    tell_machine(&mut ticket, ending);
    drop(ticket);
    stream.get_mut().allow_all();
    match ending {
        Ending::Gone | Ending::Broken(None) => {}
        Ending::Asked => close(&mut stream, patience).await,
        Ending::Left => {
            close(&mut stream, patience).await;
            linger(stream.into_inner(), patience).await;
        }
        Ending::Broken(Some(code)) => {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static("") };
            future::or(send(&mut stream, Some(frame)), late(patience)).await;
            linger(stream.into_inner(), patience).await;
        }
    }
}

fn tell_machine(ticket: &mut Ticket, ending: Ending) {
    let cause = match ending {
        Ending::Asked => return ticket.close(),
        Ending::Left | Ending::Gone => Closure::Peer,
        Ending::Broken(_) => Closure::Error,
    };
    ticket.close();
    ticket.hub().feed(Input::Closed { ws: ticket.websocket(), cause });
    ticket.hub().drive();
}

/// Closes, or answers a Close frame, and waits until the peer has closed too.
async fn close<S>(stream: &mut WebSocketStream<Link<S>>, patience: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let closed = async {
        send(stream, None).await;
        while let Some(Ok(_)) = stream.next().await {
            future::yield_now().await;
        }
    };
    future::or(closed, late(patience)).await;
}

/// Sends a Close frame as the last frame of all: a pong that is owed goes before it.
///
/// If that fails, so be it: the connection ends either way. To a peer that has closed already
/// nothing can be sent, and flushing answers it.
async fn send<S>(stream: &mut WebSocketStream<Link<S>>, frame: Option<CloseFrame>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let flushed = poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx)).await;
    if flushed.is_ok() {
        let _ = stream.send(Message::Close(frame)).await;
    }
}
