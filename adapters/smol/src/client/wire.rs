//! A WebSocket as a stream of messages, with bounds on what waits to be written.
//!
//! What the server makes the client write, answers to pings, is kept apart from what the client
//! wants to write: while one answer is unsent, there is one more at most (RFC 6455, section 5.5.3),
//! however many pings a server sends that never reads.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::{
    CloseFrame, Role, WebSocketConfig, WebSocketContext,
};
use async_tungstenite::tungstenite::{Error as WsError, Message};
use bytes::Bytes;
use smol::io::{AsyncRead, AsyncWrite};
use sockeye_core::{Frame, Frames};

use crate::stream::Stream;

/// How much is read at once.
const INPUT: usize = 16 * 1024;
/// From how many bytes on no further message is encoded before the others are written.
const OUTPUT: usize = 64 * 1024;
/// How many bytes of answers to pings wait to be written.
const ANSWERS: usize = 1024;

/// One end of a WebSocket, the client's.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    /// What was read and is not decoded.
    input: Vec<u8>,
    decoded: usize,
    ended: bool,
    /// Reads, and writes what answers pings and Close frames.
    reader: WebSocketContext,
    answers: Vec<u8>,
    /// Writes messages.
    writer: WebSocketContext,
    /// What is being written.
    output: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// The rest of the batch that is being written.
    batch: Option<<Frames as IntoIterator>::IntoIter>,
}

/// What there is to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// A batch was written to its end.
    Batch,
    /// Nothing is left.
    All,
}

impl Wire {
    /// Goes on behind the handshake, of which this was read too much.
    pub(super) fn new(stream: Box<dyn Stream>, tail: &[u8], limit: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(INPUT)
            .write_buffer_size(0)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let bounded = config.max_write_buffer_size(ANSWERS);
        Self {
            stream,
            input: tail.to_vec(),
            decoded: 0,
            ended: false,
            reader: WebSocketContext::new(Role::Client, Some(bounded)),
            answers: Vec::new(),
            writer: WebSocketContext::new(Role::Client, Some(config)),
            output: Vec::new(),
            written: 0,
            unflushed: false,
            batch: None,
        }
    }

    /// The next message.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, WsError>> {
        loop {
            let mut pipe = Pipe {
                input: &self.input[self.decoded..],
                ended: self.ended,
                output: &mut self.answers,
                is_bounded: true,
            };
            let message = self.reader.read(&mut pipe);
            let rest = pipe.input.len();
            self.decoded = self.input.len() - rest;
            match message {
                Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                message => return Poll::Ready(message),
            }
            if self.ended {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
            }
            self.input.resize(INPUT, 0);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut self.input);
            let len = match &read {
                Poll::Ready(Ok(len)) => *len,
                Poll::Ready(Err(_)) | Poll::Pending => 0,
            };
            (self.decoded, self.ended) = (0, matches!(read, Poll::Ready(Ok(0))));
            self.input.truncate(len);
            ready!(read)?;
        }
    }

    /// Begins to write a batch; the one before is written.
    pub(super) fn send(&mut self, frames: Frames) {
        self.batch = Some(frames.into_iter());
    }

    /// Sends a ping, behind what is being written.
    pub(super) fn ping(&mut self) -> Result<(), WsError> {
        self.encode(Message::Ping(Bytes::new()))
    }

    /// Sends a Close frame, or the answer to one, and no further messages.
    pub(super) fn close(&mut self, frame: Option<CloseFrame>) -> Result<(), WsError> {
        self.batch = None;
        let mut pipe = Pipe::to(&mut self.answers);
        self.reader.close(&mut pipe, frame)
    }

    /// Writes as much as can be.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<Wrote, WsError>> {
        loop {
            while self.written < self.output.len() {
                let rest = &self.output[self.written..];
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
                }
                self.written += written;
                self.unflushed = true;
            }
            self.written = 0;
            self.output.clear();
            if self.answers.is_empty() {
                match self.reader.flush(&mut Pipe::to(&mut self.answers)) {
                    // What follows the end of a WebSocket is of no interest.
                    Ok(()) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            if !self.answers.is_empty() {
                std::mem::swap(&mut self.output, &mut self.answers);
                continue;
            }
            let Some(batch) = &mut self.batch else { break };
            let Some(frame) = batch.next() else { break };
            self.encode(match frame {
                Frame::Text(text) => Message::Text(Utf8Bytes::try_from(text)?),
                Frame::Binary(bytes) => Message::Binary(bytes),
            })?;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        // Memory of a large message is given back.
        self.output.shrink_to(OUTPUT);
        Poll::Ready(Ok(if self.batch.take().is_some() { Wrote::Batch } else { Wrote::All }))
    }

    /// Encodes a message, and those behind it as long as they are small.
    fn encode(&mut self, message: Message) -> Result<(), WsError> {
        let mut next = Some(message);
        while let Some(message) = next {
            self.writer.write(&mut Pipe::to(&mut self.output), message)?;
            self.writer.flush(&mut Pipe::to(&mut self.output))?;
            let room = self.output.len() < OUTPUT;
            let frame = self.batch.as_mut().filter(|_| room).and_then(Iterator::next);
            next = match frame {
                None => None,
                Some(Frame::Text(text)) => Some(Message::Text(Utf8Bytes::try_from(text)?)),
                Some(Frame::Binary(bytes)) => Some(Message::Binary(bytes)),
            };
        }
        Ok(())
    }
}

/// What is in memory already and what is to be written, in place of a stream.
struct Pipe<'a> {
    input: &'a [u8],
    ended: bool,
    output: &'a mut Vec<u8>,
    /// Nothing more is taken while there is output.
    is_bounded: bool,
}

impl<'a> Pipe<'a> {
    /// Takes everything.
    const fn to(output: &'a mut Vec<u8>) -> Self {
        Self { input: &[], ended: false, output, is_bounded: false }
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_bounded && !self.output.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use super::*;

    /// A peer who has sent this, and reads when it is told to.
    #[derive(Clone, Default)]
    struct Peer(Arc<Mutex<Life>>);

    #[derive(Default)]
    struct Life {
        sent: Vec<u8>,
        reads: bool,
        read: Vec<u8>,
    }

    impl AsyncRead for Peer {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let sent = &mut self.0.lock().unwrap().sent;
            let len = buffer.len().min(sent.len());
            if len == 0 {
                return Poll::Pending;
            }
            buffer[..len].copy_from_slice(&sent[..len]);
            sent.drain(..len);
            Poll::Ready(Ok(len))
        }
    }

    impl AsyncWrite for Peer {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let mut life = self.0.lock().unwrap();
            if !life.reads {
                return Poll::Pending;
            }
            life.read.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// The frames in what a client has written, as opcode and payload.
    fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Vec::new();
        while let [first, second, mask @ ..] = bytes {
            let len = usize::from(second & 0x7f);
            assert!(second & 0x80 != 0 && len < 126, "a short frame with a mask");
            let (mask, rest) = mask.split_at(4);
            let payload = rest[..len].iter().enumerate().map(|(n, byte)| byte ^ mask[n % 4]);
            frames.push((first & 0x0f, payload.collect()));
            bytes = &rest[len..];
        }
        frames
    }

    #[test]
    fn pings_cost_a_bounded_number_of_answers_while_nobody_reads_them() {
        let peer = Peer::default();
        let mut wire = Wire::new(Box::new(peer.clone()), &[], 1000);
        let mut cx = Context::from_waker(Waker::noop());
        wire.send([Frame::Text(Bytes::from_static(b"before"))].into_iter().collect());
        for n in 0..100_000_u32 {
            let mut ping = vec![0x89, 4];
            ping.extend(n.to_be_bytes());
            peer.0.lock().unwrap().sent.extend(ping);
            assert!(wire.poll_write(&mut cx).is_pending());
            let read = wire.poll_read(&mut cx);
            assert!(matches!(read, Poll::Ready(Ok(Message::Ping(_)))), "{read:?}");
        }
        peer.0.lock().unwrap().reads = true;
        assert!(matches!(wire.poll_write(&mut cx), Poll::Ready(Ok(Wrote::Batch))));
        let written = frames(&peer.0.lock().unwrap().read);
        assert_eq!(written[0], (1, b"before".to_vec()));
        assert!(written[1..].iter().all(|(kind, _)| *kind == 10));
        assert!(written.len() < 2 + ANSWERS / 6, "{}", written.len());
        let last = 99_999_u32.to_be_bytes().to_vec();
        assert_eq!(written.last(), Some(&(10, last)), "the newest one is answered");
    }

    #[test]
    fn what_was_read_with_the_handshake_comes_first() {
        let peer = Peer::default();
        peer.0.lock().unwrap().sent.extend([2, b'b', b'c']);
        let mut wire = Wire::new(Box::new(peer), &[0x81, 1, b'a', 0x81], 1000);
        let mut cx = Context::from_waker(Waker::noop());
        for expected in ["a", "bc"] {
            let Poll::Ready(Ok(Message::Text(text))) = wire.poll_read(&mut cx) else { panic!() };
            assert_eq!(text.as_str(), expected);
        }
        assert!(wire.poll_read(&mut cx).is_pending());
    }
}
