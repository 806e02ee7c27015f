//! The core in a loop of one's own: the standard library and tungstenite, and nothing else.
//!
//! Like a game it takes turns, one every few milliseconds: it tells the [`Server`] what has happened
//! and does what the server wants. Every event is sent back to whom it came from.

mod greet;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use sockeye_core::{
    CloseCause, EmitOptions, Event, Frame, Frames, Input, Output, Request, Server, ServerConfig,
    WsId,
};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error as WsError, Message};

use crate::greet::{Arrival, Socket, greet_all};

/// How long a turn takes if nothing is to be done.
const TURN: Duration = Duration::from_millis(5);
/// How many newcomers, and how many messages of one client, are taken in a turn.
const BURST: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut echo = Echo { server: Server::new(config(), seed)?, clients: BTreeMap::new() };
    let arrivals = greet_all(listener);
    let mut ids = (1..).map(WsId);
    loop {
        // A server that has more to do than it does at once is due at once.
        let due = echo.server.poll_timeout();
        let wait = due.map_or(TURN, |due| due.saturating_duration_since(Instant::now()).min(TURN));
        let first = arrivals.recv_timeout(wait).ok();
        for (arrival, ws) in first.into_iter().chain(arrivals.try_iter()).take(BURST).zip(&mut ids)
        {
            echo.arrive(ws, arrival);
        }
        if due.is_some_and(|due| due <= Instant::now()) {
            echo.server.handle_timeout(Instant::now());
            echo.obey();
        }
        let everybody: Vec<WsId> = echo.clients.keys().copied().collect();
        everybody.into_iter().for_each(|ws| echo.serve(ws));
    }
}

/// What clients may take: a megabyte for an event, as much again that waits for each of them, and
/// what tungstenite has not written yet.
fn config() -> ServerConfig {
    let mut config = ServerConfig::default().max_packet_bytes(1_000_000);
    config.engine.max_buffered = 1 << 20;
    config.engine.max_sessions = 1_000;
    config
}

struct Echo {
    server: Server,
    clients: BTreeMap<WsId, Client>,
}

struct Client {
    socket: Socket,
    paused: bool,
}

impl Echo {
    fn arrive(&mut self, ws: WsId, Arrival { target, headers, socket }: Arrival) {
        let remote = socket.get_ref().tcp.peer_addr().ok();
        self.clients.insert(ws, Client { socket, paused: false });
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request =
            Request { method: "GET", target: &target, headers: &headers, remote, secure: false };
        self.tell(Input::Upgrade { ws, request });
    }

    /// Writes and reads what can be written and read of one client at the moment.
    fn serve(&mut self, ws: WsId) {
        for number in 0..BURST {
            let Some(client) = self.clients.get_mut(&ws) else { return };
            if number == 0 && client.socket.flush().is_ok() {
                self.tell(Input::Drained { ws });
                continue;
            }
            if client.paused {
                return;
            }
            let frame = match client.socket.read() {
                Ok(Message::Text(text)) => Frame::Text(text.into()),
                Ok(Message::Binary(data)) => Frame::Binary(data),
                Ok(_) => continue,
                Err(WsError::Io(it)) if it.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.lose(ws, &error);
                    return self.obey();
                }
            };
            self.tell(Input::Frame { ws, frame });
        }
    }

    /// Tells of a WebSocket that has ended.
    fn lose(&mut self, ws: WsId, error: &WsError) {
        let end = ProtocolError::ResetWithoutClosingHandshake;
        let too_large = matches!(error, WsError::Capacity(_));
        let left = matches!(error, WsError::ConnectionClosed)
            || matches!(error, WsError::Protocol(error) if *error == end);
        if let Some(mut client) = self.clients.remove(&ws).filter(|_| too_large) {
            let _ =
                client.socket.close(Some(CloseFrame { code: CloseCode::Size, reason: "".into() }));
        }
        let cause = match (left, too_large) {
            (true, _) => CloseCause::Peer,
            (_, true) => CloseCause::TooLarge,
            _ => CloseCause::Error,
        };
        self.server.handle(Input::Closed { ws, cause }, Instant::now());
    }

    /// Writes messages. What cannot be written yet waits in the socket, up to a limit.
    fn send(&mut self, ws: WsId, frames: Frames) {
        let Some(client) = self.clients.get_mut(&ws) else { return };
        for frame in frames {
            let binary = || Message::binary(frame.bytes().clone());
            match client.socket.write(frame.as_text().map_or_else(binary, Message::text)) {
                Ok(()) => {}
                Err(WsError::Io(it)) if it.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return self.lose(ws, &error),
            }
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.server.handle(input, Instant::now());
        self.obey();
    }

    /// Does what the server wants.
    fn obey(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Accept { ws, limit, .. } => {
                    let Some(client) = self.clients.get_mut(&ws) else { continue };
                    client.socket.set_config(|config| {
                        config.max_message_size = Some(limit);
                        config.max_frame_size = Some(limit);
                    });
                }
                Output::Send { ws, frames } => self.send(ws, frames),
                Output::Pause { ws } => self.pause(ws, true),
                Output::Resume { ws } => self.pause(ws, false),
                Output::Close { ws } | Output::Refuse { ws, .. } => {
                    let _ = self.clients.remove(&ws).map(|mut client| client.socket.close(None));
                }
                Output::Event(Event::Received { socket, name, args, ack }) => {
                    let Some(mut socket) = self.server.socket(socket) else { continue };
                    let _ = match ack {
                        Some(ack) => socket.ack(ack, &args).is_ok(),
                        None => socket.emit(&name, &args, EmitOptions::default()).is_ok(),
                    };
                }
                Output::Event(_) => {}
                // Nobody comes by long-polling.
                Output::ReadBody { .. } | Output::Respond { .. } | Output::Abort { .. } => {}
            }
        }
    }

    fn pause(&mut self, ws: WsId, pause: bool) {
        if let Some(client) = self.clients.get_mut(&ws) {
            client.paused = pause;
        }
    }
}
