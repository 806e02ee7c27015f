//! Newcomers shake hands on threads of their own, for tungstenite waits for them meanwhile.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, sleep, spawn};
use std::time::Duration;

use tungstenite::WebSocket;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tungstenite::protocol::WebSocketConfig;

/// How many may shake hands at once. One more is turned away.
const GREETED: usize = 100;
/// How long to wait when a connection cannot be accepted: there may be no descriptor left.
const PAUSE: Duration = Duration::from_millis(50);
/// How many bytes may wait to be written to one client. Over it the connection ends.
const UNWRITTEN: usize = 32 << 20;

pub(crate) type Socket = WebSocket<TcpStream>;

/// A client that has shaken hands.
pub(crate) struct Arrival {
    /// What it asked for: path and query.
    pub(crate) target: String,
    pub(crate) socket: Socket,
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
fn greet(stream: TcpStream) -> Option<Arrival> {
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut target = String::new();
    let look = |head: &Request, mut answer: Response| {
        target = head.uri().to_string();
        // A browser that has offered subprotocols wants one of them.
        let offers = head.headers().get(SEC_WEBSOCKET_PROTOCOL);
        let first = offers.and_then(|it| it.to_str().ok()?.split(',').next()?.trim().parse().ok());
        answer.headers_mut().extend(first.map(|first| (SEC_WEBSOCKET_PROTOCOL, first)));
        Ok(answer)
    };
    let config = WebSocketConfig::default().max_write_buffer_size(UNWRITTEN);
    let socket = tungstenite::accept_hdr_with_config(stream, look, Some(config)).ok()?;
    socket.get_ref().set_nonblocking(true).ok()?;
    Some(Arrival { target, socket })
}
