//! One WebSocket of a client.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::error::CapacityError;
use async_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error as WsError, Message};
use bytes::Bytes;
use futures_sink::Sink;
use smol::future::{self, poll_fn};
use smol::stream::{Stream as _, StreamExt};
use sockeye_core::client::Input;
use sockeye_core::{Closure, Frame, Frames, Headers, WsId};

use super::driver::Hub;
use super::handshake::{self, Failure};
use crate::linger::late;
use crate::slot::Slot;
use crate::stream::Stream;

/// How many messages are read before others have their turn.
const BURST: u32 = 64;
/// How long a WebSocket that was closed here waits for the server to close it too.
const PATIENCE: Duration = Duration::from_secs(3);

/// A WebSocket that is to be opened.
pub(super) struct Wanted {
    pub(super) ws: WsId,
    pub(super) target: String,
    pub(super) headers: Headers,
    pub(super) protocols: Vec<String>,
    pub(super) limit: usize,
}

/// Why a WebSocket ends.
enum Ending {
    /// The machine wants it, and everything is written.
    Asked,
    /// The server sent a Close frame.
    Left(Option<CloseFrame>),
    /// It broke.
    Broken(WsError),
}

/// Opens a WebSocket, and serves it until it is gone.
pub(super) async fn serve(hub: Rc<Hub>, slot: Rc<Slot>, wanted: Wanted) {
    let ws = wanted.ws;
    let given_up = poll_fn(|cx| {
        if slot.is_closed() {
            return Poll::Ready(None);
        }
        slot.wake_on_change(cx);
        Poll::Pending
    });
    let opened = future::or(given_up, async { Some(open(&hub, wanted).await) }).await;
    let stream = match opened {
        None => return hub.end_websocket(ws),
        Some(Ok(stream)) => stream,
        Some(Err(failure)) => {
            hub.end_websocket(ws);
            return hub.feed(match failure {
                Failure::Refused(response) => Input::Refused { ws, response },
                Failure::Broken(message) => {
                    Input::Closed { ws, cause: Closure::Error, code: None, message }
                }
            });
        }
    };
    hub.feed(Input::Opened { ws });
    let mut socket = Socket { stream, unsent: None, ws, slot, hub };
    let ending = poll_fn(|cx| socket.poll(cx)).await;
    socket.end(ending).await;
}

async fn open(hub: &Rc<Hub>, wanted: Wanted) -> Result<WebSocketStream<Box<dyn Stream>>, Failure> {
    let Wanted { target, headers, protocols, limit, .. } = wanted;
    let (stream, tail) = handshake::open(hub, target, headers, &protocols).await?;
    let config =
        WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
    let (tail, role) = (tail.to_vec(), Role::Client);
    Ok(WebSocketStream::from_partially_read(stream, tail, role, Some(config)).await)
}

struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    /// The rest of the batch that is being written.
    unsent: Option<<Frames as IntoIterator>::IntoIter>,
    ws: WsId,
    slot: Rc<Slot>,
    hub: Rc<Hub>,
}

impl Socket {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        self.slot.forget_waker();
        for _ in 0..BURST {
            while let Poll::Ready(wrote) = self.write(cx) {
                match wrote {
                    Ok(true) => self.hub.feed(Input::Drained { ws: self.ws }),
                    Ok(false) if self.slot.is_closed() => return Poll::Ready(Ending::Asked),
                    Ok(false) => break,
                    Err(error) => return Poll::Ready(Ending::Broken(error)),
                }
            }
            let message = match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Ending::Broken(error)),
                Poll::Ready(None) => return Poll::Ready(Ending::Left(None)),
                Poll::Pending => {
                    self.slot.wake_on_change(cx);
                    return Poll::Pending;
                }
            };
            let frame = match message {
                Message::Text(text) => Frame::Text(Bytes::from(text)),
                Message::Binary(bytes) => Frame::Binary(bytes),
                Message::Close(frame) => return Poll::Ready(Ending::Left(frame)),
                // Pongs are sent by the library; raw frames are only ever written.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            self.hub.feed(Input::Frame { ws: self.ws, frame });
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes one batch to its end; says whether there was one.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, WsError>> {
        if self.unsent.is_none() {
            self.unsent = self.slot.take_batch().map(Frames::into_iter);
        }
        let Some(frames) = &mut self.unsent else {
            return Poll::Ready(Ok(false));
        };
        let mut stream = Pin::new(&mut self.stream);
        loop {
            ready!(stream.as_mut().poll_ready(cx))?;
            let Some(frame) = frames.next() else { break };
            stream.as_mut().start_send(match frame {
                Frame::Text(text) => Message::Text(Utf8Bytes::try_from(text)?),
                Frame::Binary(bytes) => Message::Binary(bytes),
            })?;
        }
        ready!(stream.poll_flush(cx))?;
        self.unsent = None;
        Poll::Ready(Ok(true))
    }

    /// Tells the machine, unless it knows, and the server, if it can hear.
    async fn end(self, ending: Ending) {
        let Self { mut stream, ws, hub, .. } = self;
        let too_large = matches!(
            &ending,
            Ending::Broken(WsError::Capacity(CapacityError::MessageTooLong { .. }))
        );
        let told = match &ending {
            Ending::Asked => None,
            Ending::Left(frame) => {
                let code = frame.as_ref().map(|frame| frame.code.into());
                let message = frame.as_ref().map(|frame| frame.reason.to_string());
                let message = message.unwrap_or_default();
                Some(Input::Closed { ws, cause: Closure::Peer, code, message })
            }
            Ending::Broken(error) => {
                let message = error.to_string();
                Some(Input::Closed { ws, cause: Closure::Error, code: None, message })
            }
        };
        if let Some(told) = told {
            hub.feed(told);
        }
        let frame = too_large
            .then(|| CloseFrame { code: CloseCode::Size, reason: Utf8Bytes::from_static("") });
        let farewell = async {
            // If that fails, so be it: the connection ends either way.
            if stream.close(frame).await.is_ok() {
                while let Some(Ok(_)) = stream.next().await {}
            }
        };
        if !matches!(ending, Ending::Broken(_)) || too_large {
            future::or(farewell, late(PATIENCE)).await;
        }
        hub.end_websocket(ws);
    }
}
