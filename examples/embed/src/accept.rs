//! Accepts WebSockets. Each handshake has a thread of its own, because tungstenite waits for it.

use std::io::{ErrorKind, Read, Result as IoResult, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, sleep, spawn};
use std::time::{Duration, Instant};

use tungstenite::WebSocket;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tungstenite::protocol::WebSocketConfig;

/// How many handshakes there may be at once. One more connection is closed.
const HANDSHAKES: usize = 100;
/// How long to wait when a connection cannot be accepted: there may be no descriptor left.
const PAUSE: Duration = Duration::from_millis(50);
/// How many bytes may wait to be written to one client. Over it the connection ends.
const UNWRITTEN: usize = 8 << 20;
/// How long a handshake may take, however slowly the bytes come.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Socket = WebSocket<Stream>;

/// A client whose handshake is done.
pub(crate) struct Accepted {
    /// The target of its request: path and query.
    pub(crate) target: String,
    /// Names and values of the headers. The core checks the origin of pages.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) socket: Socket,
}

/// A stream that is read until a time, if there is one.
pub(crate) struct Stream {
    pub(crate) tcp: TcpStream,
    until: Option<Instant>,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.tcp.set_read_timeout(Some(left))?;
        }
        self.tcp.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> IoResult<()> {
        self.tcp.flush()
    }
}

/// Accepts connections, for ever.
pub(crate) fn accept_all(listener: TcpListener) -> Receiver<Accepted> {
    let (sender, accepted) = sync_channel(HANDSHAKES);
    let slots = Arc::new(());
    spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                sleep(PAUSE);
                continue;
            };
            let (sender, slot) = (sender.clone(), Arc::clone(&slots));
            if Arc::strong_count(&slots) > HANDSHAKES {
                continue;
            }
            let handshake = move || {
                let _slot = slot;
                shake_hands(stream).and_then(|accepted| sender.send(accepted).ok())
            };
            // Where there can be no more threads, the client may come again.
            let _ = Builder::new().spawn(handshake);
        }
    });
    accepted
}

/// Answers a handshake. Whether the core accepts the client is seen later.
#[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
fn shake_hands(tcp: TcpStream) -> Option<Accepted> {
    tcp.set_nodelay(true).ok()?;
    let stream = Stream { tcp, until: Some(Instant::now() + HANDSHAKE_TIMEOUT) };
    let (mut target, mut headers) = (String::new(), Vec::new());
    let look = |head: &Request, mut answer: Response| {
        target = head.uri().to_string();
        let all = head.headers().iter();
        headers.extend(all.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())));
        // A browser that has offered subprotocols wants one of them.
        let offers = head.headers().get(SEC_WEBSOCKET_PROTOCOL);
        let first = offers.and_then(|it| it.to_str().ok()?.split(',').next()?.trim().parse().ok());
        answer.headers_mut().extend(first.map(|first| (SEC_WEBSOCKET_PROTOCOL, first)));
        Ok(answer)
    };
    let config = WebSocketConfig::default().max_write_buffer_size(UNWRITTEN);
    let mut socket = tungstenite::accept_hdr_with_config(stream, look, Some(config)).ok()?;
    socket.get_mut().until = None;
    socket.get_ref().tcp.set_nonblocking(true).ok()?;
    Some(Accepted { target, headers, socket })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_handshake_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut client =
            TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        let (tcp, _) = listener.accept().expect("a connection");
        client.write_all(b"G").expect("it is connected");
        let mut stream = Stream { tcp, until: Some(Instant::now()) };

        let read = stream.read(&mut [0]).map_err(|error| error.kind());

        assert_eq!(read, Err(ErrorKind::TimedOut));
        stream.until = None;
        assert_eq!(stream.read(&mut [0]).ok(), Some(1));
    }
}
