//! One connection that has become a WebSocket.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error as WsError, Message};
use bytes::Bytes;
use futures_sink::Sink;
use smol::future::poll_fn;
use smol::io::{AsyncRead, AsyncWrite};
use smol::stream::Stream;
use sockeye_core::{Frame, Frames, Input};

use crate::conversation::Handover;
use crate::farewell::{self, Ending};
use crate::hub::Hub;
use crate::link::Link;
use crate::ticket::Ticket;

/// How many messages are read before others have their turn.
const BURST: u32 = 32;
/// How many bytes are read before what they led to is written.
const RATION: usize = 64 * 1024;
/// Many connections are idle, so the buffer of each is small.
const READ_BUFFER: usize = 4 * 1024;
/// How much is gathered into one write.
const WRITE_BUFFER: usize = 16 * 1024;
/// Never reached by more than one message: the next one waits until the last one is written.
const MAX_WRITE_BUFFER: usize = 64 << 20;

/// Begins to speak in frames.
pub(crate) async fn open<S>(handover: Handover<S>) -> Socket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Handover { ticket, link, tail, limit } = handover;
    let hub = Rc::clone(ticket.hub());
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let stream =
        WebSocketStream::from_partially_read(link, tail.into(), Role::Server, Some(config)).await;
    Socket {
        stream,
        unsent: None,
        // A message cut into pieces of a byte or none costs much more than its length.
        max_unfinished: limit.saturating_mul(2).saturating_add(RATION),
        controls: 0,
        counting_since: Instant::now(),
        ticket,
        hub,
    }
}

/// Serves a WebSocket until it is gone.
pub(crate) async fn serve<S>(mut socket: Socket<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ending = poll_fn(|cx| socket.poll(cx)).await;
    Box::pin(farewell::say(socket.stream, socket.ticket, ending)).await;
}

/// A WebSocket, and what is to be known to serve it.
pub(crate) struct Socket<S> {
    stream: WebSocketStream<Link<S>>,
    /// The rest of the batch that is being written.
    unsent: Option<<Frames as IntoIterator>::IntoIter>,
    /// How many bytes may arrive without making up a message.
    max_unfinished: usize,
    controls: u32,
    counting_since: Instant,
    ticket: Ticket,
    hub: Rc<Hub>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        self.ticket.slot().forget_waker();
        let mut budget = BURST;
        loop {
            match self.write_all(cx) {
                Poll::Ready(Some(ending)) => return Poll::Ready(ending),
                Poll::Ready(None) | Poll::Pending => {}
            }
            if budget == 0 {
                cx.waker().wake_by_ref();
                break;
            }
            if self.ticket.slot().is_paused() {
                break;
            }
            // The library clears its buffer for each attempt.
            if self.stream.get_ref().is_quiet(cx) {
                break;
            }
            let mut fed = false;
            let outcome = self.read(cx, &mut budget, &mut fed);
            if fed {
                // Also before the end: handlers run while the socket they are about is there.
                self.hub.drive();
            }
            if let Err(ending) = outcome {
                return Poll::Ready(ending);
            }
            if !fed && !self.stream.get_ref().is_used_up() {
                break;
            }
        }
        self.ticket.slot().wake_on_change(cx);
        Poll::Pending
    }

    /// Writes until there is nothing more to write, and then closes if that is wanted.
    fn write_all(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        loop {
            match ready!(self.write(cx)) {
                Ok(true) => {
                    self.hub.feed(Input::Drained { ws: self.ticket.websocket() });
                    self.hub.drive();
                }
                Ok(false) => {
                    let asked = self.ticket.slot().is_closed();
                    return Poll::Ready(asked.then_some(Ending::Asked));
                }
                Err(error) => return Poll::Ready(Some(Ending::of(&error))),
            }
        }
    }

    /// Writes one batch to its end; says whether there was one.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, WsError>> {
        if self.unsent.is_none() {
            self.unsent = self.ticket.slot().take_batch().map(Frames::into_iter);
        }
        let Some(frames) = &mut self.unsent else {
            return Poll::Ready(Ok(false));
        };
        let mut stream = Pin::new(&mut self.stream);
        loop {
            ready!(stream.as_mut().poll_ready(cx))?;
            let Some(frame) = frames.next() else { break };
            stream.as_mut().start_send(message(frame))?;
        }
        ready!(stream.poll_flush(cx))?;
        self.unsent = None;
        Poll::Ready(Ok(true))
    }

    /// Reads messages while there are any, and feeds them.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        budget: &mut u32,
        fed: &mut bool,
    ) -> Result<(), Ending> {
        self.stream.get_mut().allow(RATION);
        while *budget > 0 && !self.ticket.slot().is_paused() {
            *budget -= 1;
            let message = match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(Some(Err(error))) => return Err(Ending::of(&error)),
                Poll::Ready(None) => return Err(Ending::Gone),
                Poll::Pending if self.stream.get_ref().count() > self.max_unfinished => {
                    return Err(Ending::Broken(Some(CloseCode::Policy)));
                }
                Poll::Pending => break,
            };
            let frame = match message {
                Message::Text(text) => Frame::Text(Bytes::from(text)),
                Message::Binary(bytes) => Frame::Binary(bytes),
                Message::Ping(_) | Message::Pong(_) => {
                    self.count_control()?;
                    continue;
                }
                Message::Close(_) => return Err(Ending::Left),
                // Raw frames are only ever written.
                Message::Frame(_) => continue,
            };
            self.stream.get_mut().reset_count();
            self.hub.feed(Input::Frame { ws: self.ticket.websocket(), frame });
            *fed = true;
        }
        Ok(())
    }

    fn count_control(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        if now.duration_since(self.counting_since) >= Duration::from_secs(1) {
            self.counting_since = now;
            self.controls = 0;
        }
        self.controls += 1;
        if self.controls > self.hub.limits.get().max_control_frames {
            return Err(Ending::Broken(Some(CloseCode::Policy)));
        }
        Ok(())
    }
}

/// A raw frame for text: a text message would be checked for UTF-8 once more.
fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => {
            Message::Frame(RawFrame::message(text, OpCode::Data(Data::Text), true))
        }
        Frame::Binary(bytes) => Message::Binary(bytes),
    }
}
