//! The core in a loop of one's own: the standard library and tungstenite, and nothing else.
//!
//! Like a game it takes turns, one every few milliseconds: it tells the [`Server`] what has happened
//! and does what the server wants. Every event is sent back to whom it came from.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use sockeye_core::{Closure, Emission, Event, Frame, Input, Output, Request, Server, WsId};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::server::{Request as Head, Response};
use tungstenite::{Error as WsError, Message, WebSocket};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let (tell, arrivals) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || greet(stream).and_then(|it| tell.send(it).ok()));
        }
    });
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut server = Server::new(Default::default(), seed)?;
    let mut sockets: HashMap<WsId, WebSocket<TcpStream>> = HashMap::new();
    for ws in (1..).map(WsId) {
        let arrival = arrivals.recv_timeout(Duration::from_millis(5));
        let now = Instant::now();
        server.handle_timeout(now);
        if let Ok((target, socket)) = arrival {
            // Whoever looks at cookies or origins passes on the headers, too.
            let (method, target, headers) = ("GET", &*target, &[][..]);
            let request = Request { method, target, headers, remote: None, secure: false };
            server.handle(Input::Upgrade { ws, request }, now);
            sockets.insert(ws, socket);
        }
        sockets.retain(|&ws, socket| {
            if socket.flush().is_ok() {
                server.handle(Input::Drained { ws }, now);
            }
            for _ in 0..100 {
                let frame = match socket.read() {
                    Ok(Message::Text(text)) => Frame::Text(text.into()),
                    Ok(Message::Binary(data)) => Frame::Binary(data),
                    Ok(_) => continue,
                    Err(WsError::Io(it)) if it.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        server.handle(Input::Closed { ws, cause: closure(&error) }, now);
                        return false;
                    }
                };
                server.handle(Input::Frame { ws, frame }, now);
            }
            true
        });
        while let Some(output) = server.poll_output() {
            match output {
                Output::Accept { ws, limit, .. } => {
                    let Some(socket) = sockets.get_mut(&ws) else { continue };
                    socket.set_config(|config| config.max_message_size = Some(limit));
                }
                Output::Send { ws, frames } => {
                    let Some(socket) = sockets.get_mut(&ws) else { continue };
                    // What cannot be written yet waits there, and an error shows in the next turn.
                    for frame in frames {
                        let binary = || Message::binary(frame.bytes().clone());
                        let _ = socket.write(frame.as_text().map_or_else(binary, Message::text));
                    }
                }
                Output::Close { ws } | Output::Refuse { ws, .. } => {
                    let _ = sockets.remove(&ws).map(|mut socket| socket.close(None));
                }
                Output::Event(Event::Received { socket, name, args, ack }) => {
                    let Some(mut socket) = server.socket(socket) else { continue };
                    let _ = match ack {
                        Some(ack) => socket.ack(ack, &args),
                        None => socket.emit(&name, &args, Emission::default()).map(drop),
                    };
                }
                Output::Event(_) => {}
                // Everybody may send at any time, and nobody comes by long-polling.
                Output::Pause { .. } | Output::Resume { .. } => {}
                Output::ReadBody { .. } | Output::Respond { .. } | Output::Abort { .. } => {}
            }
        }
    }
    Ok(())
}

/// How a WebSocket ended.
fn closure(error: &WsError) -> Closure {
    let is_end = |error| matches!(error, &ProtocolError::ResetWithoutClosingHandshake);
    if matches!(error, WsError::Capacity(_)) {
        Closure::TooLarge
    } else if matches!(error, WsError::ConnectionClosed)
        || matches!(error, WsError::Protocol(error) if is_end(error))
    {
        Closure::Peer
    } else {
        Closure::Error
    }
}

/// Shakes hands, whatever the core will say of it: tungstenite waits for the client meanwhile.
#[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
fn greet(stream: TcpStream) -> Option<(String, WebSocket<TcpStream>)> {
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut target = String::new();
    let look = |head: &Head, answer: Response| {
        target = head.uri().to_string();
        Ok(answer)
    };
    let socket = tungstenite::accept_hdr(stream, look).ok()?;
    socket.get_ref().set_nonblocking(true).ok()?;
    Some((target, socket))
}
