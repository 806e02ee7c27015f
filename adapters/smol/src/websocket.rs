//! One connection that has become a WebSocket.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use bytes::{Buf, Bytes};
use smol::future::poll_fn;
use sockeye_core::{Frame, Input};

use crate::codec::Codec;
use crate::conversation::Handover;
use crate::farewell::{self, Ending};
use crate::frames::Boundaries;
use crate::hub::{Hub, MANY_SENT};
use crate::line::Line;
use crate::stream::Stream;
use crate::ticket::Ticket;

/// How many messages are taken in before others have their turn.
const BURST: u32 = 32;
/// How many of those are taken in before what they lead to is done.
const BATCH: u64 = 16;
/// How many bytes are read before others have their turn.
const RATION: usize = 64 * 1024;

/// Serves a WebSocket until it is gone.
pub(crate) async fn serve<S: Stream + 'static>(mut socket: Socket<S>) {
    let ending = poll_fn(|cx| socket.poll(cx)).await;
    let Socket { line, codec, unread, limit, ticket, .. } = socket;
    Box::pin(farewell::say(line, codec, unread, limit, ticket, ending)).await;
}

/// A WebSocket, and what is to be known to serve it.
///
/// Between two messages it has no buffers.
pub(crate) struct Socket<S> {
    line: Rc<Line<S>>,
    /// What knows of a message that is not taken in yet.
    codec: Option<Codec>,
    boundaries: Boundaries,
    /// What was read and is not taken in yet.
    unread: Bytes,
    /// How many messages have come whole and are not taken in yet.
    awaited: usize,
    limit: usize,
    controls: u32,
    counting_since: Instant,
    ticket: Ticket,
    hub: Rc<Hub>,
}

/// What may be done before others have their turn.
struct Ration {
    bytes: usize,
    messages: u32,
    /// How often something had been sent before.
    sent: u64,
}

impl Ration {
    fn new(hub: &Hub) -> Self {
        Self { bytes: RATION, messages: BURST, sent: hub.sent() }
    }

    fn is_spent(&self, hub: &Hub) -> bool {
        self.bytes == 0 || self.messages == 0 || hub.sent() - self.sent >= MANY_SENT
    }
}

impl<S: Stream + 'static> Socket<S> {
    /// Begins to speak in frames.
    pub(crate) fn open(handover: Handover<S>) -> Self {
        let Handover { ticket, stream, tail, limit } = handover;
        let hub = Rc::clone(ticket.hub());
        let line = Rc::new(Line::new(stream, hub.limits.get().write_timeout));
        ticket.slot().open(Rc::clone(&line) as _, &hub.tools);
        let mut boundaries = Boundaries::default();
        Self {
            line,
            codec: None,
            awaited: boundaries.pass(&tail),
            boundaries,
            // A copy: HTTP has read it into a large buffer.
            unread: Bytes::copy_from_slice(&tail),
            limit,
            controls: 0,
            counting_since: Instant::now(),
            ticket,
            hub,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        self.ticket.slot().forget_waker();
        self.line.gather(cx);
        let ending = self.work(cx);
        self.line.end_gathering();
        self.ticket.slot().wake_on_change(cx);
        ending.map_or(Poll::Pending, Poll::Ready)
    }

    /// Reads and writes until there is nothing to do, or until others should have their turn.
    fn work(&mut self, cx: &mut Context<'_>) -> Option<Ending> {
        let mut ration = Ration::new(&self.hub);
        loop {
            if let Some(ending) = self.write(cx) {
                return Some(ending);
            }
            if self.line.has_to_wait(&self.hub.tools) {
                self.hub.turns.wait(cx);
                return None;
            }
            if self.ticket.slot().is_paused() {
                return None;
            }
            if ration.is_spent(&self.hub) {
                self.hub.turns.wait(cx);
                return None;
            }
            let goes_on = if self.awaited > 0 || !self.unread.is_empty() {
                let mut unread = std::mem::take(&mut self.unread);
                self.take_in(&unread, &mut ration).map(|taken| {
                    unread.advance(taken);
                    self.unread = unread;
                    true
                })
            } else {
                self.read(cx, &mut ration)
            };
            match goes_on {
                Ok(true) => {}
                Ok(false) => return None,
                Err(ending) => return Some(ending),
            }
        }
    }

    /// Writes until there is nothing more to write, and then closes if that is wanted.
    fn write(&self, cx: &mut Context<'_>) -> Option<Ending> {
        loop {
            if self.line.has_to_wait(&self.hub.tools) {
                return None;
            }
            match self.line.poll_write(cx, &self.hub.tools) {
                Poll::Ready(Ok(true)) => {
                    self.hub.feed(Input::Drained { ws: self.ticket.websocket() });
                    self.hub.drive();
                }
                Poll::Ready(Ok(false)) => {
                    return self.ticket.slot().is_closed().then_some(Ending::Asked);
                }
                Poll::Ready(Err(_)) => return Some(Ending::Broken(None)),
                Poll::Pending => return None,
            }
        }
    }

    /// Reads once, and takes in what came; says whether there may be more to do.
    fn read(&mut self, cx: &mut Context<'_>, ration: &mut Ration) -> Result<bool, Ending> {
        let mut input = self.hub.tools.input();
        let polled = self.line.with(|wire| Pin::new(&mut wire.stream).poll_read(cx, &mut input));
        let outcome = match polled {
            Poll::Ready(Ok(0)) => Err(Ending::Gone),
            Poll::Ready(Ok(read)) => {
                ration.bytes = ration.bytes.saturating_sub(read);
                self.arrive(&input[..read], ration).map(|()| true)
            }
            Poll::Ready(Err(_)) => Err(Ending::Broken(None)),
            Poll::Pending => Ok(false),
        };
        self.hub.tools.return_input(input);
        outcome
    }

    fn arrive(&mut self, bytes: &[u8], ration: &mut Ration) -> Result<(), Ending> {
        self.awaited = self.boundaries.pass(bytes);
        // A message cut into pieces of a byte or none costs much more than its length.
        if self.boundaries.unfinished() > self.limit.saturating_mul(2).saturating_add(RATION) {
            return Err(Ending::Broken(Some(CloseCode::Policy)));
        }
        let taken = self.take_in(bytes, ration)?;
        self.unread = Bytes::copy_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Takes messages in, as long as more are wanted and others need not have their turn. Says how
    /// many of the bytes that makes, all of them unless there are more messages.
    fn take_in(&mut self, bytes: &[u8], ration: &mut Ration) -> Result<usize, Ending> {
        let hub = Rc::clone(&self.hub);
        let mut codec = self.codec.take().unwrap_or_else(|| hub.tools.codec(self.limit));
        let mut left = bytes;
        let mut outcome = Ok(());
        // Several at once are cheaper, but only where each does not lead to much.
        let mut batch = 1;
        while outcome.is_ok() && self.awaited > 0 {
            if self.ticket.slot().is_paused() || ration.is_spent(&hub) {
                break;
            }
            let sent = hub.sent();
            for _ in 0..batch {
                if outcome.is_ok() && self.awaited > 0 && ration.messages > 0 {
                    ration.messages -= 1;
                    self.awaited -= 1;
                    outcome = self.take_one_in(&mut codec, &mut left);
                }
            }
            // Also before the end: handlers run while the socket they are about is there.
            hub.drive();
            batch = if hub.sent() - sent > batch { 1 } else { BATCH };
        }
        if outcome.is_ok() && self.awaited == 0 {
            if self.boundaries.is_between_messages() {
                hub.tools.return_codec(codec);
                return Ok(bytes.len());
            }
            outcome = self.next(&mut codec, &mut left).map(drop);
        }
        self.codec = Some(codec);
        outcome.map(|()| bytes.len() - left.len())
    }

    fn take_one_in(&mut self, codec: &mut Codec, bytes: &mut &[u8]) -> Result<(), Ending> {
        let frame = match self.next(codec, bytes)? {
            Some(Message::Text(text)) => Frame::Text(Bytes::from(text)),
            Some(Message::Binary(bytes)) => Frame::Binary(bytes),
            Some(Message::Ping(_) | Message::Pong(_)) => {
                self.count_control()?;
                self.answer(|output| codec.flush(output))?;
                return Ok(());
            }
            Some(Message::Close(frame)) => return Err(Ending::closed(frame.as_ref())),
            // Raw frames are only ever written.
            Some(Message::Frame(_)) | None => return Ok(()),
        };
        self.hub.feed(Input::Frame { ws: self.ticket.websocket(), frame });
        Ok(())
    }

    fn next(&self, codec: &mut Codec, bytes: &mut &[u8]) -> Result<Option<Message>, Ending> {
        Ok(self.answer(|output| codec.read(bytes, output))?)
    }

    fn answer<T>(&self, act: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.line.with(|wire| wire.answer(&self.hub.tools, act))
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
