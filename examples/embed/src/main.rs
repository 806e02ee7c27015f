//! The core in a loop of one's own: the standard library and tungstenite, and nothing else.
//!
//! A thread for each WebSocket tells of what happens; the one that owns the [`Server`] does what
//! is to be done. Every event is sent back to whom it came from.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_core::{Closure, Emission, Event, Frame, Input, Output, Request, Server, ServerConfig};
use sockeye_core::{WsId, engine::EngineConfig};
use tungstenite::handshake::server::{Request as Head, Response};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

enum News {
    Opened(WsId, Head, TcpStream),
    Came(WsId, Frame),
    Gone(WsId),
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let engine = EngineConfig { polling: false, ..ServerConfig::default().engine };
    let config = ServerConfig { engine, ..ServerConfig::default() };
    let mut server = Server::new(config, seed).map_err(io::Error::other)?;
    let mut writers = HashMap::new();
    let (news, arrivals) = channel();
    thread::spawn(move || {
        for (stream, id) in listener.incoming().zip(1..) {
            let news = news.clone();
            thread::spawn(move || stream.map(|stream| serve(WsId(id), stream, &news)));
        }
    });
    loop {
        let now = Instant::now();
        let patience = server.poll_timeout().map_or(Duration::MAX, |at| at - now);
        match arrivals.recv_timeout(patience) {
            Ok(News::Opened(ws, head, stream)) => {
                writers.insert(ws, WebSocket::from_raw_socket(stream, Role::Server, None));
                let target = head.uri().path_and_query().map_or("/", |target| target.as_str());
                let headers = head.headers().iter();
                let headers: Vec<_> =
                    headers.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
                let (method, remote, secure) = ("GET", None, false);
                let request = Request { method, target, headers: &headers, remote, secure };
                server.handle(Input::Upgrade { ws, request }, Instant::now());
            }
            Ok(News::Came(ws, frame)) => server.handle(Input::Frame { ws, frame }, Instant::now()),
            Ok(News::Gone(ws)) => {
                writers.remove(&ws);
                server.handle(Input::Closed { ws, cause: Closure::Peer }, Instant::now());
            }
            Err(_) => server.handle_timeout(Instant::now()),
        }
        while let Some(output) = server.poll_output() {
            match output {
                Output::Send { ws, frames } => {
                    let Some(writer) = writers.get_mut(&ws) else { continue };
                    let sent =
                        frames.into_iter().try_for_each(|frame| writer.write(message(frame)));
                    let cause = Closure::Error;
                    let done = sent.and_then(|()| writer.flush()).is_ok();
                    let input =
                        if done { Input::Drained { ws } } else { Input::Closed { ws, cause } };
                    server.handle(input, Instant::now());
                }
                Output::Close { ws } | Output::Refuse { ws, .. } => {
                    let Some(mut writer) = writers.remove(&ws) else { continue };
                    let _ = writer.close(None).and_then(|()| writer.flush());
                    let _ = writer.get_ref().shutdown(Shutdown::Both);
                }
                Output::Event(Event::Received { socket, name, args, ack }) => {
                    let Some(mut socket) = server.socket(socket) else { continue };
                    let _ = match ack {
                        Some(ack) => socket.ack(ack, &args),
                        None => socket.emit(&name, &args, Emission::default()).map(drop),
                    };
                }
                // Other events are nothing to this server; the handshake is over, long-polling is
                // off, and everybody may send at any time.
                Output::Event(_) | Output::Accept { .. } => {}
                Output::ReadBody { .. } | Output::Respond { .. } | Output::Abort { .. } => {}
                Output::Pause { .. } | Output::Resume { .. } => {}
            }
        }
    }
}

/// Shakes hands, whatever the core will say of it, and tells of every message.
fn serve(ws: WsId, stream: TcpStream, news: &Sender<News>) -> Option<()> {
    // Neither one who never finishes a handshake nor one who never reads holds up the others.
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.set_nodelay(true).ok()?;
    let writer = stream.try_clone().ok()?;
    let mut asked = None;
    let limits = WebSocketConfig::default().max_message_size(Some(1_000_000));
    #[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
    let look = |head: &Head, answer: Response| {
        asked = Some(head.clone());
        Ok(answer)
    };
    let mut socket = tungstenite::accept_hdr_with_config(stream, look, Some(limits)).ok()?;
    socket.get_ref().set_read_timeout(None).ok()?;
    news.send(News::Opened(ws, asked?, writer)).ok()?;
    while let Ok(message) = socket.read() {
        let frame = match message {
            Message::Text(text) => Frame::Text(text.into()),
            Message::Binary(data) => Frame::Binary(data),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
        };
        news.send(News::Came(ws, frame)).ok()?;
    }
    news.send(News::Gone(ws)).ok()
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(String::from_utf8_lossy(&text).into_owned()),
        Frame::Binary(data) => Message::Binary(data),
    }
}
