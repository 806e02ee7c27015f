//! The server that the clients of `tests/clients` talk to: `blocking-peer 127.0.0.1:3000`.
//!
//! It says where it listens as soon as it does; port 0 lets the system choose. With `suites` as a
//! second argument it does what the protocol suites of the Socket.IO project expect. A line
//! `retire 500` on its standard input sends everybody away within 500 ms.

#[path = "../tests/support/peer_app.rs"]
mod peer_app;

use std::io;
use std::time::Duration;

use serde_json::Value;
use sockeye_tiny_http::core::Frame;
use sockeye_tiny_http::core::engineio::{Cors, EngineConfig, Origins};
use sockeye_tiny_http::{
    Ack, App, Args, Auth, EngineApp, Handle, Limits, Namespace, ServeBlocking, ServerConfig,
    Session, Socket, client_addr, tiny_http,
};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let server = match std::env::args().nth(2).as_deref() {
        Some("suites") => suites().bind(&*address)?,
        _ => peer_app::app().bind(&*address)?,
    };
    let server = server
        // All clients of a test come from one address.
        .limits(Limits { max_connections_per_address: usize::MAX, ..Limits::default() })
        .page("/page", "text/plain", "a page")
        .fallback(|request: tiny_http::Request| {
            let text = format!("{:?} {}", client_addr(&request).map(|it| it.ip()), request.url());
            let _ = request.respond(tiny_http::Response::from_string(text));
        });
    println!("listening on {}", server.local_addr());
    let handle = server.handle();
    std::thread::spawn(move || obey(&handle));
    server.serve()
}

fn suites() -> (App, EngineApp) {
    let engine = EngineConfig::default()
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .cors(Cors::new(Origins::Any));
    let config = ServerConfig::default()
        .engine(engine.clone().path("/socket.io"))
        .connect_timeout(Duration::from_secs(1));
    let sockets = App::new().config(config).of("/", echoes).of("/custom", echoes);
    let messages = EngineApp::new()
        .config(engine)
        .on_message(|session: &Session, message: Frame| session.send(message));
    (sockets, messages)
}

fn echoes(namespace: Namespace) -> Namespace {
    namespace
        .on_connect(|socket: Socket, Auth(auth): Auth<Value>| socket.emit("auth", auth))
        .on("message", |socket: Socket, args: Args| socket.emit("message-back", args))
        .on("message-with-ack", |args: Args| Ack(args))
}

fn obey(handle: &Handle) {
    for line in io::stdin().lines().map_while(Result::ok) {
        let time = line.strip_prefix("retire ").and_then(|time| time.parse().ok());
        if let Some(time) = time {
            handle.retire(Duration::from_millis(time));
        }
    }
}
