//! The streams that connections run on.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use smol::Async;
use smol::io::{AsyncRead, AsyncWrite};

/// A stream that can wait for something to read without trying to.
pub(crate) trait Readable: AsyncRead + AsyncWrite + Unpin {
    /// Waits until it may be worth an attempt.
    fn poll_readable(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is known of whether there is something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prospect {
    Unknown,
    /// Probably not: the last read got less than it could.
    Emptied,
    /// There was nothing, and the task is woken when there is.
    Awaited,
}

impl Prospect {
    /// Waits until a read may be worth its system call.
    pub(crate) fn poll(
        &mut self,
        stream: &impl Readable,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if *self != Self::Unknown {
            *self = Self::Awaited;
            ready!(stream.poll_readable(cx))?;
            *self = Self::Unknown;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes note of what a read with this much room came to.
    pub(crate) fn learn(&mut self, outcome: &Poll<io::Result<usize>>, room: usize) {
        *self = match outcome {
            Poll::Pending => Self::Awaited,
            // The end is always there to be read.
            Poll::Ready(Ok(read)) if *read > 0 && *read < room => Self::Emptied,
            Poll::Ready(_) => Self::Unknown,
        };
    }
}

impl Readable for Tcp {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_readable(cx)
    }
}

/// A stream of whatever kind, of which nothing more is known.
pub(crate) struct Other<S>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Readable for Other<S> {}

impl<S: AsyncRead + Unpin> AsyncRead for Other<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Other<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// A TCP connection whose `poll_close` says goodbye to the peer, which that of [`Async`] does not.
#[derive(Debug)]
pub(crate) struct Tcp(Async<TcpStream>);

impl Tcp {
    /// Wraps a connection, and switches off the delay that would hold back small writes.
    pub(crate) fn new(stream: Async<TcpStream>) -> io::Result<Self> {
        stream.get_ref().set_nodelay(true)?;
        Ok(Self(stream))
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            Ok(()) | Err(_) => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use smol::Async;

    use super::Tcp;

    #[test]
    fn small_writes_are_not_held_back() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stream = TcpStream::connect(address).expect("somebody listens");
        let stream = Async::new(stream).expect("a socket");
        let tcp = Tcp::new(stream).expect("a TCP socket");
        assert!(tcp.0.get_ref().nodelay().expect("a TCP socket"));
    }
}
