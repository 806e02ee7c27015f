//! As much of a client for HTTP/1.1 as long-polling needs: one request at a time.

use std::net::SocketAddr;
use std::ops::Range;

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream;

use crate::dial::dial;
use crate::session::{Failure, failed};

/// How long an answer may be, in bytes.
const LONGEST: usize = 4096;

/// A connection that is kept alive.
pub(crate) struct Http {
    stream: TcpStream,
    server: SocketAddr,
    buffer: Vec<u8>,
}

impl Http {
    /// Connects, and asks for nothing yet.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self, Failure> {
        let stream = dial(server).await.map_err(failed("connect"))?;
        stream.set_nodelay(true).map_err(failed("connect"))?;
        Ok(Self { stream, server, buffer: vec![0; LONGEST] })
    }

    /// Asks for something.
    pub(crate) async fn get(&mut self, target: &str) -> Result<(), Failure> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.server);
        self.stream.write_all(request.as_bytes()).await.map_err(failed("send"))
    }

    /// Sends something.
    pub(crate) async fn post(&mut self, target: &str, body: &str) -> Result<(), Failure> {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain;charset=UTF-8\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.server,
            body.len(),
        );
        self.stream.write_all(request.as_bytes()).await.map_err(failed("send"))
    }

    /// Waits for the answer, and gives its body.
    pub(crate) async fn answer(&mut self) -> Result<&str, Failure> {
        let mut filled = 0;
        let body = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await;
            match read.map_err(failed("receive"))? {
                0 if filled == LONGEST => return Err("an answer is too long".into()),
                0 => return Err("the server closed a connection".into()),
                read => filled += read,
            }
            if let Some(body) = body(&self.buffer[..filled])? {
                break body;
            }
        };
        std::str::from_utf8(&self.buffer[body]).map_err(failed("read a body"))
    }
}

/// Tells where the body is, when all of it is there.
fn body(answer: &[u8]) -> Result<Option<Range<usize>>, Failure> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answer[..end]).map_err(failed("read a head"))?;
    let unexpected = || format!("an answer begins with {head:?}");
    let mut lines = head.split("\r\n");
    if !lines.next().is_some_and(|status| status.starts_with("HTTP/1.1 200 ")) {
        return Err(unexpected());
    }
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(unexpected)?;
        if name.eq_ignore_ascii_case("Transfer-Encoding") {
            return Err(unexpected());
        }
        if name.eq_ignore_ascii_case("Content-Length") {
            length = Some(value.trim().parse().map_err(|_| unexpected())?);
        }
    }
    let start = end + 4;
    let length: usize = length.ok_or_else(unexpected)?;
    match answer.len() - start {
        there if there < length => Ok(None),
        there if there == length => Ok(Some(start..answer.len())),
        _ => Err("more than one answer came".into()),
    }
}
