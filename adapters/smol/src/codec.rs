//! The WebSocket library as what turns bytes into messages and messages into bytes.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use async_tungstenite::tungstenite::protocol::frame::FrameHeader;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use async_tungstenite::tungstenite::protocol::{
    CloseFrame, Role, WebSocketConfig, WebSocketContext,
};
use async_tungstenite::tungstenite::{Error as WsError, Message};
use bytes::Bytes;
use sockeye_core::Frame;

/// How much the library takes at once: it clears that much for each attempt.
const READ_BUFFER: usize = 2 * 1024;
/// How much is read at once.
const INPUT: usize = 16 * 1024;
/// From how many bytes on a payload is not copied: many may share it, and wait for their peers.
const LONG: usize = 16 * 1024;
/// What is kept for the next one to write.
const OUTPUT: usize = 64 * 1024;

/// One side of a WebSocket, without its stream.
pub(crate) struct Codec {
    context: Box<WebSocketContext>,
    limit: usize,
}

impl Codec {
    fn new(limit: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        Self { context: Box::new(WebSocketContext::new(Role::Server, Some(config))), limit }
    }

    /// The next message; `None` if more has to be read first. What the peer gets in answer to a
    /// ping or a Close frame is written by the next call.
    pub(crate) fn read(
        &mut self,
        input: &mut &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Message>, WsError> {
        match self.context.read(&mut Pipe { input, output }) {
            Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Writes what the peer gets in answer.
    pub(crate) fn flush(&mut self, output: &mut Vec<u8>) -> Result<(), WsError> {
        self.context.flush(&mut Pipe { input: &mut &[][..], output })
    }

    /// Writes a Close frame, or the answer to one.
    pub(crate) fn close(
        &mut self,
        frame: Option<CloseFrame>,
        output: &mut Vec<u8>,
    ) -> Result<(), WsError> {
        self.flush(output)?;
        self.context.close(&mut Pipe { input: &mut &[][..], output }, frame)
    }
}

/// Writes a message, but leaves the payload to the caller if it is long: `Some` is written next.
pub(crate) fn write(frame: Frame, output: &mut Vec<u8>) -> Option<Bytes> {
    let (kind, bytes) = match frame {
        Frame::Text(text) => (Data::Text, text),
        Frame::Binary(bytes) => (Data::Binary, bytes),
    };
    let head = FrameHeader { opcode: OpCode::Data(kind), ..FrameHeader::default() };
    let len = bytes.len();
    let copied = if len < LONG { len } else { 0 };
    output.reserve(head.len(len as u64) + copied);
    // A vector takes everything.
    let _ = head.format(len as u64, output);
    output.extend_from_slice(&bytes[..copied]);
    (len > copied).then_some(bytes)
}

/// What is in memory already and what is to be written, in place of a stream.
struct Pipe<'a, 'b> {
    input: &'a mut &'b [u8],
    output: &'a mut Vec<u8>,
}

impl Read for Pipe<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Pipe<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the connections of one thread lend each other, for only one of them is at work at a time:
/// who waits has no buffer.
#[derive(Default)]
pub(crate) struct Tools {
    codec: Cell<Option<Codec>>,
    input: Cell<Vec<u8>>,
    output: Cell<Vec<u8>>,
    /// The time that writes took in this turn.
    spent: Cell<Duration>,
}

impl Tools {
    /// For how long is written before others have their turn: one message can be for so many that
    /// everybody else would have to wait for long.
    pub(crate) const RATION: Duration = Duration::from_millis(4);
    /// From how many bytes on a write is timed, and may have to wait. To a peer that does not read,
    /// one can take a hundred times as long as to one that does.
    pub(crate) const LONG_WRITE: usize = 4 * 1024;
    /// What any other one is taken to need.
    const SHORT_WRITE: Duration = Duration::from_micros(5);

    /// Counts the time of a write of so many bytes.
    pub(crate) fn time<T>(&self, bytes: usize, write: impl FnOnce() -> T) -> T {
        let began = (bytes >= Self::LONG_WRITE).then(Instant::now);
        let outcome = write();
        self.spend(began.map_or(Self::SHORT_WRITE, |began| began.elapsed()));
        outcome
    }

    fn spend(&self, time: Duration) {
        self.spent.set(self.spent.get().saturating_add(time));
    }

    /// Whether nothing long is to be written before the next turn.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get() >= Self::RATION
    }

    /// Begins a turn.
    pub(crate) fn begin_turn(&self) {
        self.spent.set(Duration::ZERO);
    }

    /// A codec that knows of nothing.
    pub(crate) fn codec(&self, limit: usize) -> Codec {
        self.codec.take().filter(|codec| codec.limit == limit).unwrap_or_else(|| Codec::new(limit))
    }

    /// Takes back a codec that knows of nothing: neither of a message that is unfinished nor of a
    /// Close frame.
    pub(crate) fn return_codec(&self, codec: Codec) {
        self.codec.set(Some(codec));
    }

    /// Where to read to.
    pub(crate) fn input(&self) -> Vec<u8> {
        let mut input = self.input.take();
        input.resize(INPUT, 0);
        input
    }

    pub(crate) fn return_input(&self, input: Vec<u8>) {
        self.input.set(input);
    }

    /// Where to write to, empty.
    pub(crate) fn output(&self) -> Vec<u8> {
        self.output.take()
    }

    pub(crate) fn return_output(&self, mut output: Vec<u8>) {
        if (1..=OUTPUT).contains(&output.capacity()) {
            output.clear();
            self.output.set(output);
        }
    }
}
