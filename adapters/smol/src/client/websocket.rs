//! One WebSocket of a client.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_tungstenite::tungstenite::error::CapacityError;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Error as WsError, Message};
use bytes::Bytes;
use smol::Timer;
use smol::future::{self, poll_fn};
use sockeye_core::client::Input;
use sockeye_core::{CloseCause, Frame, Headers, WsId};

use super::driver::Hub;
use super::handshake::{self, Failure};
use super::http;
use super::wire::{Wire, Wrote};
use super::wishes::Wishes;
use crate::linger::late;

/// How many messages are read before others have their turn.
const BURST: u32 = 64;
/// How long a WebSocket that was closed here waits until everything is written, and then for the
/// server to close it too.
const PATIENCE: Duration = Duration::from_secs(3);

/// A WebSocket that is to be opened.
pub(super) struct Wanted {
    pub(super) ws: WsId,
    /// The server, if it is another than that of the client.
    pub(super) address: Option<Arc<str>>,
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
pub(super) async fn serve(hub: Rc<Hub>, wishes: Rc<Wishes>, wanted: Wanted) {
    let ws = wanted.ws;
    let given_up = poll_fn(|cx| {
        if wishes.is_closed() {
            return Poll::Ready(None);
        }
        wishes.wake_on_change(cx);
        Poll::Pending
    });
    let opened = future::or(given_up, async { Some(open(&hub, wanted).await) }).await;
    let wire = match opened {
        None => return hub.end_websocket(ws),
        Some(Ok(wire)) => wire,
        Some(Err(failure)) => {
            hub.end_websocket(ws);
            return hub.feed(match failure {
                Failure::Refused(response) => Input::Refused { ws, response },
                Failure::Broken(message) => {
                    Input::Closed { ws, cause: CloseCause::Error, code: None, message }
                }
            });
        }
    };
    hub.feed(Input::Opened { ws });
    let mut socket = Socket { wire, ws, wishes, hub, patience: None };
    let ending = poll_fn(|cx| socket.poll(cx)).await;
    socket.end(ending).await;
}

async fn open(hub: &Rc<Hub>, wanted: Wanted) -> Result<Wire, Failure> {
    let Wanted { address, target, headers, protocols, limit, .. } = wanted;
    let is_named = address.is_some();
    let address = hub.address(address.as_deref()).map_err(Failure::Broken)?;
    let target = http::target(target, is_named.then_some(&*address));
    let (stream, tail) = handshake::open(hub, &address, target, headers, &protocols).await?;
    Ok(Wire::new(stream, &tail, limit))
}

struct Socket {
    wire: Wire,
    ws: WsId,
    wishes: Rc<Wishes>,
    hub: Rc<Hub>,
    /// Runs since it is to be closed: a server that does not read is not waited for.
    patience: Option<Timer>,
}

impl Socket {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        self.wishes.forget_waker();
        for _ in 0..BURST {
            if let Poll::Ready(ending) = self.poll_write(cx) {
                return Poll::Ready(ending);
            }
            if self.wishes.is_paused() {
                self.wishes.wake_on_change(cx);
                return Poll::Pending;
            }
            let message = match self.wire.poll_read(cx) {
                Poll::Ready(Ok(message)) => message,
                Poll::Ready(Err(error)) => return Poll::Ready(Ending::Broken(error)),
                Poll::Pending => {
                    self.wishes.wake_on_change(cx);
                    return Poll::Pending;
                }
            };
            let ws = self.ws;
            self.hub.feed(match message {
                Message::Text(text) => Input::Frame { ws, frame: Frame::Text(Bytes::from(text)) },
                Message::Binary(bytes) => Input::Frame { ws, frame: Frame::Binary(bytes) },
                Message::Pong(_) => Input::Pong { ws },
                Message::Close(frame) => return Poll::Ready(Ending::Left(frame)),
                // Pings are answered with what is written next; raw frames are only ever written.
                Message::Ping(_) | Message::Frame(_) => continue,
            });
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what there is to write; ready at the end.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            match self.wire.poll_write(cx) {
                Poll::Ready(Ok(Wrote::Batch)) => self.hub.feed(Input::Drained { ws: self.ws }),
                Poll::Ready(Ok(Wrote::All)) => {
                    if let Some(frames) = self.wishes.take_batch() {
                        self.wire.send(frames);
                    } else if self.wishes.take_ping() {
                        if let Err(error) = self.wire.ping() {
                            return Poll::Ready(Ending::Broken(error));
                        }
                    } else if self.wishes.is_closed() {
                        return Poll::Ready(Ending::Asked);
                    } else {
                        return Poll::Pending;
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Ending::Broken(error)),
                Poll::Pending if self.wishes.is_closed() => {
                    let timer = self.patience.get_or_insert_with(|| Timer::after(PATIENCE));
                    return Pin::new(timer).poll(cx).map(|_| Ending::Broken(timed_out()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Tells the machine, unless it knows, and the server, if it can hear.
    async fn end(self, ending: Ending) {
        let Self { mut wire, ws, hub, .. } = self;
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
                Some(Input::Closed { ws, cause: CloseCause::Peer, code, message })
            }
            Ending::Broken(error) => {
                let message = error.to_string();
                Some(Input::Closed { ws, cause: CloseCause::Error, code: None, message })
            }
        };
        if let Some(told) = told {
            hub.feed(told);
        }
        let frame = too_large
            .then(|| CloseFrame { code: CloseCode::Size, reason: Utf8Bytes::from_static("") });
        let closed = wire.close(frame);
        // If that fails, so be it: the connection ends either way.
        let farewell = poll_fn(|cx| {
            if matches!(wire.poll_write(cx), Poll::Ready(Err(_))) {
                return Poll::Ready(());
            }
            match wire.poll_read(cx) {
                Poll::Ready(Ok(_)) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Ready(Err(_)) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            }
        });
        if (!matches!(ending, Ending::Broken(_)) || too_large) && closed.is_ok() {
            future::or(farewell, late(PATIENCE)).await;
        }
        hub.end_websocket(ws);
    }
}

fn timed_out() -> WsError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
