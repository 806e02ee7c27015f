//! Newcomers shake hands on threads of their own, for tungstenite waits for them meanwhile.

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

/// How many may shake hands at once. One more is turned away.
const GREETED: usize = 100;
/// How long to wait when a connection cannot be accepted: there may be no descriptor left.
const PAUSE: Duration = Duration::from_millis(50);
/// How many bytes may wait to be written to one client. Over it the connection ends.
const UNWRITTEN: usize = 8 << 20;
/// How long shaking hands may take, however slowly the bytes come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) type Socket = WebSocket<Stream>;

/// A client that has shaken hands.
pub(crate) struct Arrival {
    /// What it asked for: path and query.
    pub(crate) target: String,
    /// Names and values. The core looks at where a page comes from that has cookies.
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
pub(crate) fn greet_all(listener: TcpListener) -> Receiver<Arrival> {
    let (tell, arrivals) = sync_channel(GREETED);
    let seats = Arc::new(());
    spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                sleep(PAUSE);
                continue;
            };
            let (tell, seat) = (tell.clone(), Arc::clone(&seats));
            if Arc::strong_count(&seats) > GREETED {
                continue;
            }
            let greeting = move || {
                let _seat = seat;
                greet(stream).and_then(|arrival| tell.send(arrival).ok())
            };
            // Where there can be no more threads, the client may come again.
            let _ = Builder::new().spawn(greeting);
        }
    });
    arrivals
}

/// Shakes hands, whatever the core will say of it.
#[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
fn greet(tcp: TcpStream) -> Option<Arrival> {
    tcp.set_nodelay(true).ok()?;
    let stream = Stream { tcp, until: Some(Instant::now() + PATIENCE) };
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
    Some(Arrival { target, headers, socket })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_its_handshake_slowly_is_not_waited_for_without_end() {
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
