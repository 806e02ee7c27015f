//! A connection, seen as bytes, answers and frames.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::RecvFlags;

use super::PATIENCE;
use super::frames::{Frame, Opcode};

/// The key in the handshake of RFC 6455, and what answers it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub struct Wire {
    stream: TcpStream,
    /// What has arrived and was not looked at.
    ahead: Vec<u8>,
    pub address: Option<SocketAddr>,
    was_reset: bool,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }
}

impl Wire {
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("the server listens")
    }

    /// Connects, if there is a descriptor left.
    pub fn try_connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).expect("a TCP socket");
        Some(Self { address: Some(address), ..Self::from_socket(stream) })
    }

    pub fn over(stream: UnixStream) -> Self {
        Self::from_socket(TcpStream::from(OwnedFd::from(stream)))
    }

    fn from_socket(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a valid timeout");
        Self { stream, ahead: Vec::new(), address: None, was_reset: false }
    }

    /// Connects and shakes hands for a WebSocket.
    pub fn websocket(address: SocketAddr, query: &str) -> Self {
        let mut wire = Self::connect(address);
        wire.shake_hands(query);
        wire
    }

    /// Turns the connection into a WebSocket.
    pub fn shake_hands(&mut self, query: &str) {
        self.send(handshake(query));
        let answer = self.answer();
        assert_eq!(answer.status, 101, "{answer:?}");
        assert_eq!(answer.header("sec-websocket-accept"), Some(&*ACCEPT.to_lowercase()));
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends what a server that has had enough need not read.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Whether something has come that is not read yet.
    pub fn is_answered(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        rustix::net::recv(&self.stream, &mut [0], flags).is_ok()
    }

    pub fn send_frame(&mut self, frame: &Frame) {
        self.send(frame.bytes());
    }

    /// Says that nothing more will be sent.
    pub fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a connected socket");
    }

    /// Resets the connection.
    pub fn reset(self) {
        let now = Some(std::time::Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, now).expect("a TCP socket");
    }

    /// Reads the answer to a request; its body is there in full.
    pub fn answer(&mut self) -> Answer {
        let head = self.until(b"\r\n\r\n");
        let head = String::from_utf8(head).expect("a head in ASCII").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = Answer { status: status.expect("a status"), head, body: Vec::new() };
        if let Some(length) = answer.header("content-length") {
            answer.body = self.exactly(length.parse().expect("a length"));
        }
        answer
    }

    /// Reads one frame that a server sent.
    pub fn frame(&mut self) -> Frame {
        let head = self.exactly(2);
        assert_eq!(head[1] >> 7, 0, "servers do not mask");
        let length = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.exactly(2).try_into().expect("two bytes"))),
            127 => u64::from_be_bytes(self.exactly(8).try_into().expect("eight bytes")),
            short => u64::from(short),
        };
        let payload = self.exactly(usize::try_from(length).expect("it fits"));
        Frame {
            opcode: Opcode(head[0] & 0x0f),
            payload,
            last: head[0] >> 7 == 1,
            masked: false,
            reserved: head[0] >> 4 & 7,
            announced: None,
        }
    }

    /// Reads the next text frame.
    pub fn text(&mut self) -> String {
        let frame = self.frame();
        assert_eq!(frame.opcode, Opcode::TEXT, "{frame:?}");
        String::from_utf8(frame.payload).expect("text is UTF-8")
    }

    /// Reads frames up to a Close frame, and gives its code.
    pub fn close_code(&mut self) -> Option<u16> {
        loop {
            let frame = self.frame();
            if frame.opcode == Opcode::CLOSE {
                let code = frame.payload.get(..2)?;
                return Some(u16::from_be_bytes(code.try_into().expect("two bytes")));
            }
        }
    }

    /// Waits for the end of the connection; gives what arrived before.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.read_more() {}
        std::mem::take(&mut self.ahead)
    }

    /// The same, and fails if the connection was reset: that may lose what arrived before.
    pub fn rest_without_reset(&mut self) -> Vec<u8> {
        let rest = self.rest();
        assert!(!self.was_reset, "the connection was reset");
        rest
    }

    pub fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self.ahead.windows(end.len()).position(|window| window == end);
            if let Some(at) = found {
                return self.ahead.drain(..at + end.len()).collect();
            }
            assert!(self.read_more(), "the connection ended after {:?}", self.ahead_as_text());
        }
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            assert!(self.read_more(), "the connection ended after {:?}", self.ahead_as_text());
        }
        self.ahead.drain(..length).collect()
    }

    /// Reads what is there; false at the end, orderly or not.
    fn read_more(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(read) => {
                self.ahead.extend(&chunk[..read]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.was_reset = true;
                false
            }
            Err(error) => panic!("{error} after {:?}", self.ahead_as_text()),
        }
    }

    fn ahead_as_text(&self) -> String {
        String::from_utf8_lossy(&self.ahead).into_owned()
    }
}

/// A sound handshake for a WebSocket.
pub fn handshake(query: &str) -> String {
    handshake_with(query, &format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"))
}

/// A handshake with these headers besides those that make it one.
pub fn handshake_with(query: &str, headers: &str) -> String {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: test\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n{headers}\r\n"
    )
}
