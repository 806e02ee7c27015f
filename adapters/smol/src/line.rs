//! The stream of one WebSocket, and the way out of it: its task writes, and so does whoever has
//! something to send, without waking the task for it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use smol::Timer;
use sockeye_core::Frames;

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
    /// The rest of a batch that is not on its way yet.
    batch: Option<Box<<Frames as IntoIterator>::IntoIter>>,
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
            batch: None,
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

    /// Writes what is gathered; says whether a batch is on its way by that which was not.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, tools: &Tools) -> Poll<io::Result<bool>> {
        let mut wire = self.0.borrow_mut();
        if wire.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let batch = wire.batch.take();
        let had_batch = batch.is_some();
        let mut frames = batch.map_or_else(|| Frames::default().into_iter(), |batch| *batch);
        match wire.poll_send(cx, &mut frames, false) {
            Poll::Ready(outcome) => {
                outcome?;
                wire.stalled = None;
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
        if wire.unsent.capacity() == 0 {
            wire.unsent = tools.output();
        }
        let mut frames = frames.into_iter();
        let Some(task) = wire.task.take() else {
            wire.batch = Some(Box::new(frames));
            return false;
        };
        let gathering = wire.gathering;
        let outcome = wire.poll_send(&mut Context::from_waker(&task), &mut frames, gathering);
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
        // It ends, or sees to it that this does not take too long.
        task.wake_by_ref();
        wire.task = Some(task);
        false
    }
}

impl<S: Stream> Wire<S> {
    /// Where the codec puts what the peer gets in answer.
    pub(crate) fn output(&mut self, tools: &Tools) -> &mut Vec<u8> {
        if self.unsent.capacity() == 0 {
            self.unsent = tools.output();
        }
        &mut self.unsent
    }

    /// Writes everything, or, if more is to come, everything but the last of it.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut <Frames as IntoIterator>::IntoIter,
        more: bool,
    ) -> Poll<io::Result<()>> {
        loop {
            while self.unsent.len() < WRITE_BUFFER {
                let Some(frame) = frames.next() else { break };
                codec::write(&frame, &mut self.unsent);
            }
            if more && self.unsent.len() < WRITE_BUFFER {
                return Poll::Ready(Ok(()));
            }
            if self.unsent.is_empty() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_flush(cx))?;
        }
    }

    /// Writes what is in the buffer, and empties it.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.unsent.len() {
            let rest = &self.unsent[self.written..];
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.stalled = None;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
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
