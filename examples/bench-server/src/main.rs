//! The server that load generators are pointed at: what it does is little, so that its time goes
//! into the library.
//!
//! `PORT` and `PING_INTERVAL_MS` are taken from the environment.

use std::time::Duration;

use sockeye_smol::{Ack, App, Bytes, Io, Serve, ServerConfig, Socket};

fn main() -> std::io::Result<()> {
    let mut config = ServerConfig::default();
    config.engine.ping_interval = Duration::from_millis(number("PING_INTERVAL_MS", 25_000));
    let port = u16::try_from(number("PORT", 3000)).map_err(std::io::Error::other)?;
    let server = App::new()
        .config(config)
        .on("echo", |socket: Socket, payload: String| socket.emit("echo", payload))
        .on("ack", |payload: String| Ack(payload))
        .on("broadcast", |io: Io, payload: String| io.emit("broadcast", payload))
        .on("join", |socket: Socket, room: String| {
            socket.join(room);
            Ack(())
        })
        .on("room", |io: Io, room: String, payload: String| io.to(room).emit("room", payload))
        .on("bin", |socket: Socket, bytes: Bytes| socket.emit("bin", bytes))
        .bind(("127.0.0.1", port))?;
    println!("listening on {}", server.local_addr()?);
    server.serve()
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
