//! The stream beneath both HTTP and WebSocket, with bounds on what a peer can make it do.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use smol::Timer;
use smol::io::{AsyncRead, AsyncWrite};

use crate::alarm::Alarm;

/// How often the end of the stream is held back; enough to read, ask and answer in between.
const GRACE: u8 = 4;

/// A stream that gives up writing to a peer who does not read.
pub(crate) struct Link<S> {
    stream: S,
    /// How often the end of the stream is still held back.
    ///
    /// A client may close its sending half as soon as it has asked. It gets an answer that is
    /// ready at once, and has left when the answer takes longer.
    grace: u8,
    /// Rings when there is something to read, after a read that was pending.
    alarm: Arc<Alarm>,
    waker: Waker,
    asleep: bool,
    patience: Duration,
    /// Runs while a write is blocked.
    stalled: Option<Timer>,
}

impl<S> Link<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        let alarm = Arc::new(Alarm::default());
        let waker = Waker::from(Arc::clone(&alarm));
        Self { stream, grace: GRACE, alarm, waker, asleep: false, patience, stalled: None }
    }

    /// Gives the stream back, for those who see to themselves.
    pub(crate) fn into_inner(self) -> S {
        self.stream
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

impl<S: AsyncRead + Unpin> Link<S> {
    /// Reads, unless it is known that there is nothing: a task is woken for many reasons, and
    /// asking costs a system call.
    fn read(&mut self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.alarm.is_for(cx.waker());
        if self.asleep && !self.alarm.has_rung() {
            return Poll::Pending;
        }
        self.alarm.reset();
        let mut cx = Context::from_waker(&self.waker);
        let outcome = Pin::new(&mut self.stream).poll_read(&mut cx, buffer);
        self.asleep = outcome.is_pending();
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Link<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let outcome = this.read(cx, buffer);
        if matches!(outcome, Poll::Ready(Ok(0))) && this.grace > 0 && !buffer.is_empty() {
            this.grace -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Link<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, outcome)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_close(cx);
        self.watch(cx, outcome)
    }
}
