//! A stream within the process, and the client's end of it: a WebSocket of the simplest kind.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use smol::io::{AsyncRead, AsyncWrite};

/// How a text in one frame begins.
const TEXT: u8 = 0x81;

/// One direction. It takes whatever is written, and an empty one has no buffer.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    reader: Option<Waker>,
    closed: bool,
}

impl Pipe {
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.bytes.extend_from_slice(bytes);
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Sends a text as a client does: masked, by zeros.
    pub(crate) fn say(&self, text: &str) {
        let length = u8::try_from(text.len()).ok().filter(|&length| length < 126);
        let length = length.expect("clients say short things");
        self.write(&[&[TEXT, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat());
    }

    /// Nothing more is written.
    fn close(&self) {
        let mut state = self.0.borrow_mut();
        state.closed = true;
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&self) -> Result<String, String> {
        let head = |bytes: &[u8]| {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            Some((0, end))
        };
        self.take(head).await
    }

    /// Reads the text that a server sends in one frame.
    pub(crate) async fn hear(&self) -> Result<String, String> {
        let frame = |bytes: &[u8]| {
            let (start, length) = match bytes {
                [_, 126, high, low, ..] => (4, usize::from(*high) << 8 | usize::from(*low)),
                [_, length, ..] => (2, usize::from(*length)),
                _ => return None,
            };
            Some((start, start + length))
        };
        self.take(frame).await
    }

    /// Reads the text between the places that `find` gives, and drops what is before it: the
    /// header of a text frame.
    async fn take(&self, find: fn(&[u8]) -> Option<(usize, usize)>) -> Result<String, String> {
        poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            let found = find(&state.bytes).filter(|&(_, end)| end <= state.bytes.len());
            let Some((start, end)) = found else { return state.wait(cx).map(Err) };
            if start > 0 && state.bytes[0] != TEXT {
                return Poll::Ready(Err("the server sent something else than text".into()));
            }
            let text = String::from_utf8(state.bytes[start..end].to_vec());
            state.consume(end);
            Poll::Ready(text.map_err(|error| error.to_string()))
        })
        .await
    }
}

impl State {
    fn wait(&mut self, cx: &Context<'_>) -> Poll<String> {
        if self.closed {
            return Poll::Ready("the server closed a connection".into());
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn consume(&mut self, count: usize) {
        self.bytes.drain(..count);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }
}

/// The server's end.
pub(crate) struct Stream {
    pub(crate) read: Pipe,
    pub(crate) write: Pipe,
}

/// What there is in place of a server.
impl Stream {
    /// Answers what clients say when they enter, before they have said it.
    pub(crate) fn welcome(&self) {
        self.write.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x030{}\x81\x0440{}");
    }

    /// Sends a ping.
    pub(crate) fn ping(&self) {
        self.write.write(b"\x81\x012");
    }

    /// Drops what was not read.
    pub(crate) fn forget(&self) {
        self.read.0.borrow_mut().bytes = Vec::new();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.read.0.borrow_mut();
        let count = buffer.len().min(state.bytes.len());
        if count == 0 {
            return state.wait(cx).map(|_| Ok(0));
        }
        buffer[..count].copy_from_slice(&state.bytes[..count]);
        state.consume(count);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write.write(buffer);
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.write.close();
    }
}
