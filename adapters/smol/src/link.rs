//! The stream beneath HTTP, with bounds on what a peer can make it do.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use smol::Timer;

use crate::hub::Hub;
use crate::progress::Progress;
use crate::stream::Stream;
use crate::targets::Targets;

/// How often the end of the stream is held back; enough to read, ask and answer in between.
const GRACE: u8 = 4;

/// A stream that gives up writing to a peer who does not read.
pub(crate) struct Link<S> {
    stream: S,
    hub: Rc<Hub>,
    progress: Rc<Progress>,
    targets: Targets,
    /// What was read, or is to be taken as read, and is not passed on yet.
    ahead: Vec<u8>,
    /// How often the end of the stream is still held back.
    ///
    /// A client may close its sending half as soon as it has asked. It gets an answer that is
    /// ready at once, however slowly it reads, and has left when the answer takes longer.
    grace: u8,
    /// The peer has closed its half.
    ended: bool,
    patience: Duration,
    /// Runs while a write is blocked.
    stalled: Option<Timer>,
}

impl<S> Link<S> {
    pub(crate) fn new(stream: S, hub: Rc<Hub>) -> Self {
        let patience = hub.limits.get().write_timeout;
        let (progress, targets) = (Rc::new(Progress::new()), Targets::default());
        let (ahead, grace, ended, stalled) = (Vec::new(), GRACE, false, None);
        Self { stream, hub, progress, targets, ahead, grace, ended, patience, stalled }
    }

    pub(crate) const fn progress(&self) -> &Rc<Progress> {
        &self.progress
    }

    /// Gives the stream back, for those who see to themselves, with what was read ahead.
    pub(crate) fn into_inner(self) -> (S, Vec<u8>) {
        (self.stream, self.ahead)
    }

    /// A stream on which this is read, in place of what the peer has sent or will send.
    pub(crate) fn reading(self, bytes: &[u8]) -> Self {
        let progress = Rc::new(Progress::new());
        Self { progress, ahead: bytes.to_vec(), targets: Targets::default(), ..self }
    }

    /// Tells of the end when it has been held back often enough, and nothing is being written.
    fn hold_back(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.stalled.is_some() {
            return Poll::Pending;
        }
        if self.grace == 0 {
            return Poll::Ready(Ok(()));
        }
        self.grace -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Passes on what a write or flush came to; an error once it was blocked for too long.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let timer = self.stalled.get_or_insert_with(|| Timer::after(self.patience));
        match Future::poll(Pin::new(timer), cx) {
            Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: Stream> Read for Link<S> {
    /// Reads by way of a buffer that all share: nothing has to be cleared for it.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.ahead.is_empty() {
            let taken = this.ahead.len().min(cursor.remaining());
            cursor.put_slice(&this.ahead[..taken]);
            this.ahead.drain(..taken);
            return Poll::Ready(Ok(()));
        }
        if this.ended {
            return this.hold_back(cx);
        }
        let mut input = this.hub.tools.input();
        let room = input.len().min(cursor.remaining());
        let outcome = Pin::new(&mut this.stream).poll_read(cx, &mut input[..room]);
        if let Poll::Ready(Ok(read)) = outcome {
            if read > 0 {
                this.progress.on_read();
            }
            match this.targets.pass(&input[..read]) {
                None => cursor.put_slice(&input[..read]),
                Some(mut changed) => {
                    let taken = changed.len().min(cursor.remaining());
                    cursor.put_slice(&changed[..taken]);
                    changed.drain(..taken);
                    this.ahead = changed;
                }
            }
        }
        this.hub.tools.return_input(input);
        if outcome.is_pending() {
            this.progress.on_blocked();
        }
        if matches!(outcome, Poll::Ready(Ok(0))) && room > 0 {
            this.ended = true;
            return this.hold_back(cx);
        }
        outcome.map_ok(drop)
    }
}

impl<S: Stream> Write for Link<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.progress.withholds(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.grace = GRACE;
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(outcome, Poll::Ready(Ok(()))) {
            self.progress.on_flushed(self.targets.is_in_head());
        }
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.progress.refused().is_some() {
            // The peer has yet to be told.
            return Poll::Ready(Ok(()));
        }
        let outcome = Pin::new(&mut self.stream).poll_close(cx);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        if first.is_some_and(|first| self.progress.withholds(first)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        self.grace = GRACE;
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, outcome)
    }
}
