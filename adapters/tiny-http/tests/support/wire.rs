//! A connection, seen as bytes and answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::PATIENCE;

pub struct Wire {
    stream: TcpStream,
    /// What has arrived and was not looked at.
    ahead: Vec<u8>,
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
        Some(Self::over(TcpStream::connect(address).ok()?))
    }

    /// Connects from an address of its own.
    pub fn connect_from(here: IpAddr, address: SocketAddr) -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let stream = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&stream, &SocketAddr::new(here, 0)).expect("an address of this machine");
        connect(&stream, &address).expect("the server listens");
        Self::over(stream.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a valid timeout");
        Self { stream, ahead: Vec::new(), was_reset: false }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends what a server that has had enough need not read; says whether it was taken.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Says that nothing more will be sent.
    pub fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a connected socket");
    }

    /// Resets the connection.
    pub fn reset(self) {
        let now = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, now).expect("a TCP socket");
    }

    /// Has the system take in no more than so much before it is read.
    pub fn take_in(&self, size: usize) {
        rustix::net::sockopt::set_socket_recv_buffer_size(&self.stream, size).expect("a socket");
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
