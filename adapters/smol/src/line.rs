//! The stream of one WebSocket, and the way out of it: its task writes, and so does whoever has
//! something to send, without waking the task for it.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use smol::Timer;
use sockeye_core::{Frame, Frames};

use crate::codec::{self, Tools};
use crate::stream::Stream;

/// How much is gathered into one write.
const WRITE_BUFFER: usize = 16 * 1024;

/// Where messages can be sent to.
pub(crate) trait Outlet {
    /// Sends a batch; says whether it is on its way. If not, the task does the rest.
    fn send(&self, frames: Frames, tools: &Tools) -> bool;
}

/// A stream that is shared with whoever sends.
pub(crate) struct Line<S>(RefCell<Wire<S>>);

/// The stream of a WebSocket, with what waits to be written.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    unsent: Vec<u8>,
    written: usize,
    /// A payload that comes behind it.
    long: Bytes,
    /// The rest of a batch that is not on its way yet.
    batch: Option<Box<<Frames as IntoIterator>::IntoIter>>,
    /// What is not written yet is long.
    is_long: bool,
    /// Runs while a write is blocked.
    stalled: Option<Box<Timer>>,
    patience: Duration,
    broken: bool,
    /// The task is at work, and will write what is gathered.
    gathering: bool,
    task: Option<Waker>,
}

impl<S: Stream> Line<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self(RefCell::new(Wire {
            stream,
            unsent: Vec::new(),
            written: 0,
            long: Bytes::new(),
            batch: None,
            is_long: false,
            stalled: None,
            patience,
            broken: false,
            gathering: false,
            task: None,
        }))
    }

    pub(crate) fn into_wire(self) -> Wire<S> {
        self.0.into_inner()
    }

    /// Lets the task act on the stream; nobody may be called from there.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Wire<S>) -> T) -> T {
        act(&mut self.0.borrow_mut())
    }

    /// Begins to gather what is sent, until it is written with [`poll_write`](Self::poll_write).
    pub(crate) fn gather(&self, cx: &Context<'_>) {
        let mut wire = self.0.borrow_mut();
        wire.gathering = true;
        match &mut wire.task {
            Some(task) => task.clone_from(cx.waker()),
            None => wire.task = Some(cx.waker().clone()),
        }
    }

    /// Has what is sent from now on written at once.
    pub(crate) fn end_gathering(&self) {
        self.0.borrow_mut().gathering = false;
    }

    /// Whether what is not written yet has to wait for the next turn.
    pub(crate) fn has_to_wait(&self, tools: &Tools) -> bool {
        tools.is_spent() && self.0.borrow().is_long
    }

    /// Writes what is gathered; says whether a batch is on its way by that which was not.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, tools: &Tools) -> Poll<io::Result<bool>> {
        let mut wire = self.0.borrow_mut();
        if wire.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let batch = wire.batch.take();
        let had_batch = batch.is_some();
        let mut frames = batch.map_or_else(|| Frames::default().into_iter(), |batch| *batch);
        match wire.poll_send(cx, &mut frames, false, tools) {
            Poll::Ready(outcome) => {
                outcome?;
                wire.stalled = None;
                wire.is_long = false;
                tools.return_output(std::mem::take(&mut wire.unsent));
                Poll::Ready(Ok(had_batch))
            }
            Poll::Pending => {
                wire.batch = had_batch.then(|| Box::new(frames));
                ready!(wire.poll_patience(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: Stream> Outlet for Line<S> {
    fn send(&self, frames: Frames, tools: &Tools) -> bool {
        let mut wire = self.0.borrow_mut();
        let length: usize = frames.as_slice().iter().map(Frame::len).sum();
        let is_long = length >= Tools::LONG_WRITE;
        let mut frames = frames.into_iter();
        let Some(task) = wire.task.take() else {
            wire.batch = Some(Box::new(frames));
            return false;
        };
        let gathering = wire.gathering;
        let outcome = if is_long && tools.is_spent() {
            Poll::Pending
        } else {
            if wire.unsent.capacity() == 0 {
                wire.unsent = tools.output();
            }
            wire.poll_send(&mut Context::from_waker(&task), &mut frames, gathering, tools)
        };
        match outcome {
            Poll::Ready(Ok(())) => {
                if !gathering {
                    tools.return_output(std::mem::take(&mut wire.unsent));
                }
                wire.task = Some(task);
                return true;
            }
            Poll::Ready(Err(_)) => wire.broken = true,
            Poll::Pending => wire.batch = Some(Box::new(frames)),
        }
        wire.is_long = is_long;
        // It ends, or sees to it that this does not take too long.
        task.wake_by_ref();
        wire.task = Some(task);
        false
    }
}

impl<S: Stream> Wire<S> {
    /// Lets the codec write what the peer gets in answer, behind what is on its way.
    pub(crate) fn answer<T>(&mut self, tools: &Tools, act: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if self.long.is_empty() {
            if self.unsent.capacity() == 0 {
                self.unsent = tools.output();
            }
            return act(&mut self.unsent);
        }
        let mut answer = Vec::new();
        let outcome = act(&mut answer);
        if !answer.is_empty() {
            self.unsent.extend_from_slice(&std::mem::take(&mut self.long));
            self.unsent.append(&mut answer);
        }
        outcome
    }

    /// Writes everything, or, if more is to come, everything but the last of it.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut <Frames as IntoIterator>::IntoIter,
        more: bool,
        tools: &Tools,
    ) -> Poll<io::Result<()>> {
        loop {
            while self.unsent.len() < WRITE_BUFFER && self.long.is_empty() {
                let Some(frame) = frames.next() else { break };
                self.long = codec::write(frame, &mut self.unsent).unwrap_or_default();
            }
            if more && self.unsent.len() < WRITE_BUFFER && self.long.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if self.unsent.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let bytes = self.unsent.len() - self.written + self.long.len();
            ready!(tools.time(bytes, || self.poll_flush(cx)))?;
        }
    }

    /// Writes what is in the buffer, and empties it.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let rest = &self.unsent[self.written..];
            let stream = Pin::new(&mut self.stream);
            let written = ready!(match (rest.is_empty(), self.long.is_empty()) {
                (true, true) => break,
                (false, true) => stream.poll_write(cx, rest),
                (_, false) => {
                    let slices = [IoSlice::new(rest), IoSlice::new(&self.long)];
                    stream.poll_write_vectored(cx, &slices)
                }
            })?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let before = written.min(rest.len());
            self.written += before;
            self.long.advance(written - before);
            self.stalled = None;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.long = Bytes::new();
        self.written = 0;
        self.unsent.clear();
        Poll::Ready(Ok(()))
    }

    /// Waits for as long as a write may be blocked.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        let timer = self.stalled.get_or_insert_with(|| Box::new(Timer::after(patience)));
        Future::poll(Pin::new(&mut **timer), cx).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use async_tungstenite::tungstenite::Message;
    use async_tungstenite::tungstenite::protocol::{Role, WebSocket};
    use smol::io::{AsyncRead, AsyncWrite};

    use super::*;

    const PONG: [u8; 2] = [0x8a, 0];

    /// Takes this many bytes at once and then nothing for a while, and keeps them.
    struct Sluggish {
        appetite: usize,
        sated: bool,
        taken: Vec<u8>,
    }

    impl AsyncRead for Sluggish {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Sluggish {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.sated = !self.sated;
            let taken = bytes.len().min(self.appetite);
            if !self.sated || taken == 0 {
                return Poll::Pending;
            }
            self.taken.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn line(appetite: usize) -> Line<Sluggish> {
        let stream = Sluggish { appetite, sated: false, taken: Vec::new() };
        let line = Line::new(stream, Duration::from_secs(3600));
        line.gather(&Context::from_waker(Waker::noop()));
        line
    }

    fn message(length: usize) -> Frame {
        Frame::Binary((0..length).map(|number| number as u8).collect())
    }

    #[test]
    fn messages_and_answers_stay_whole_however_slowly_they_are_taken() {
        let lengths = [5, 16_383, 16_384, 16_385, 100_000, 0, 70_000, 3];
        for appetite in [1, 1_000, 16_384, 60_000] {
            let (line, tools) = (line(appetite), Tools::default());
            let cx = &mut Context::from_waker(Waker::noop());
            for (number, length) in lengths.into_iter().enumerate() {
                if number == 3 {
                    line.end_gathering();
                }
                let mut is_on_its_way = line.send(Frames::from_iter([message(length)]), &tools);
                line.with(|wire| wire.answer(&tools, |output| output.extend(PONG)));
                while !is_on_its_way {
                    is_on_its_way = matches!(line.poll_write(cx, &tools), Poll::Ready(Ok(true)));
                }
            }
            while line.poll_write(cx, &tools).is_pending() {}
            let taken = line.into_wire().stream.taken;
            let mut peer = WebSocket::from_raw_socket(Cursor::new(taken), Role::Client, None);
            let mut heard = (Vec::new(), 0);
            while let Ok(message) = peer.read() {
                if let Message::Binary(bytes) = message {
                    heard.0.push(Frame::Binary(bytes));
                } else {
                    assert!(message.is_pong(), "{message:?}");
                    heard.1 += 1;
                }
            }
            assert_eq!(heard, (lengths.map(message).to_vec(), lengths.len()), "{appetite}");
        }
    }

    #[test]
    fn what_is_sent_when_enough_was_written_waits_for_the_next_turn() {
        let (line, tools) = (line(usize::MAX), Tools::default());
        line.end_gathering();
        let cx = &mut Context::from_waker(Waker::noop());
        tools.time(1 << 20, || std::thread::sleep(Tools::RATION));

        assert!(!line.send(Frames::from_iter([message(10_000)]), &tools));

        assert!(line.has_to_wait(&tools));
        assert!(line.with(|wire| wire.stream.taken.is_empty()));
        tools.begin_turn();
        assert!(!line.has_to_wait(&tools));
        while line.poll_write(cx, &tools).is_pending() {}
        assert_eq!(line.into_wire().stream.taken.len(), 10_004);
    }

    #[test]
    fn what_is_short_is_sent_at_any_time() {
        let (line, tools) = (line(usize::MAX), Tools::default());
        line.end_gathering();
        line.with(|wire| wire.stream.sated = false);
        tools.time(1 << 20, || std::thread::sleep(Tools::RATION));

        assert!(line.send(Frames::from_iter([message(100)]), &tools));

        assert_eq!(line.into_wire().stream.taken.len(), 102);
    }

    #[test]
    fn a_long_message_is_not_copied_for_a_peer_who_does_not_read() {
        let (line, tools) = (line(0), Tools::default());
        line.end_gathering();
        assert!(!line.send(Frames::from_iter([message(1 << 20)]), &tools));
        assert!(line.with(|wire| wire.unsent.capacity()) <= 64);
    }
}
