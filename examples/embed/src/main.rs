//! The core in a loop of one's own: the standard library and tungstenite, and nothing else.
//!
//! This file is what embedding takes: every input is fed to the [`Server`], and its outputs are
//! executed. Like a game it takes turns, one every few milliseconds. WebSockets are read and written
//! in `websockets.rs`, and accepted in `accept.rs`. Every event is sent back to its sender.

mod accept;
mod websockets;

use std::error::Error;
use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use sockeye_core::{EmitOptions, Event, Output, Server, ServerConfig};

use crate::websockets::WebSockets;

/// How long a turn takes if nothing is to be done.
const TURN: Duration = Duration::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut config = ServerConfig::default().max_packet_bytes(1_000_000);
    config.engine = config.engine.max_buffered(1 << 20).max_sessions(1_000).polling(false);
    let mut server = Server::new(config, seed)?;
    let mut websockets = WebSockets::new(listener);
    loop {
        // A server that has more to do than it does at once is due at once.
        let deadline = server.poll_timeout().unwrap_or_else(|| Instant::now() + TURN);
        websockets.wait(deadline.saturating_duration_since(Instant::now()).min(TURN));
        if deadline <= Instant::now() {
            server.handle_timeout(Instant::now());
            execute(&mut server, &mut websockets);
        }
        while websockets.poll(|input| server.handle(input, Instant::now())) {
            execute(&mut server, &mut websockets);
        }
    }
}

/// Executes what the server wants.
fn execute(server: &mut Server, websockets: &mut WebSockets) {
    while let Some(output) = server.poll_output() {
        match output {
            Output::Accept { ws, limit, .. } => websockets.set_limit(ws, limit),
            Output::Send { ws, frames } => websockets.send(ws, frames),
            Output::Pause { ws } => websockets.pause(ws, true),
            Output::Resume { ws } => websockets.pause(ws, false),
            Output::Close { ws } | Output::Refuse { ws, .. } => websockets.close(ws),
            Output::Event(Event::Received { socket, name, args, ack }) => {
                let Some(mut socket) = server.socket(socket) else { continue };
                let _ = match ack {
                    Some(ack) => socket.ack(ack, &args).is_ok(),
                    None => socket.emit(&name, &args, EmitOptions::default()).is_ok(),
                };
            }
            Output::Event(_) => {}
            // There is no long-polling.
            Output::ReadBody { .. } | Output::Respond { .. } | Output::Abort { .. } => {}
        }
    }
}
