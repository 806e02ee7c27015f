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

/// A stream that gives up writing to a peer who does not read, and reads no more than allowed.
pub(crate) struct Link<S> {
    stream: S,
    reading: Reading,
    /// Rings when there is something to read, after a read that was pending.
    alarm: Arc<Alarm>,
    waker: Waker,
    asleep: bool,
    /// Bytes read since it was last reset.
    count: usize,
    patience: Duration,
    /// Runs while a write is blocked.
    stalled: Option<Timer>,
}

/// How [`Link`] reads.
enum Reading {
    /// Without bounds, as HTTP does: but the end of the stream is held back for some polls.
    ///
    /// A client may close its sending half as soon as it has asked. It gets an answer that is
    /// ready at once, and has left when the answer takes longer.
    Lenient { grace: u8 },
    /// At most this much, and no more after a read that emptied the stream. Then reading is
    /// pending until it is allowed again, and *wakes nobody*.
    Rationed { left: usize },
}

impl<S> Link<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        let reading = Reading::Lenient { grace: GRACE };
        let alarm = Arc::new(Alarm::default());
        let waker = Waker::from(Arc::clone(&alarm));
        Self { stream, reading, alarm, waker, asleep: false, count: 0, patience, stalled: None }
    }

    /// Allows to read this many bytes, or until the stream seems to be empty.
    pub(crate) fn allow(&mut self, bytes: usize) {
        self.reading = Reading::Rationed { left: bytes };
    }

    /// Allows to read whatever comes, and shows the end of the stream at once.
    pub(crate) fn allow_all(&mut self) {
        self.reading = Reading::Lenient { grace: 0 };
    }

    /// Whether a pending read is pending only because no more is allowed.
    pub(crate) const fn is_used_up(&self) -> bool {
        matches!(self.reading, Reading::Rationed { left: 0 })
    }

    /// Whether nothing has happened since a read was pending; if so, something will wake the task.
    pub(crate) fn is_quiet(&self, cx: &Context<'_>) -> bool {
        self.alarm.is_for(cx.waker());
        self.asleep && self.stalled.is_none() && !self.alarm.has_rung()
    }

    /// The number of bytes read since it was last reset.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn reset_count(&mut self) {
        self.count = 0;
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
        if this.is_used_up() {
            return Poll::Pending;
        }
        let outcome = this.read(cx, buffer);
        let Poll::Ready(Ok(read)) = outcome else {
            return outcome;
        };
        this.count += read;
        match &mut this.reading {
            Reading::Lenient { grace } if read == 0 && *grace > 0 && !buffer.is_empty() => {
                *grace -= 1;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Reading::Lenient { .. } => {}
            Reading::Rationed { left } => {
                *left = if read < buffer.len() { 0 } else { left.saturating_sub(read) };
            }
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
