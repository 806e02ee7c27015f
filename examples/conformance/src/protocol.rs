//! Contract A: the official protocol suites.

use std::time::Duration;

use serde_json::Value;
use sockeye_smol::{Ack, App, Args, Auth, Namespace, ServerConfig, Socket};

pub(crate) fn app() -> App {
    let mut config = ServerConfig::default();
    config.engine.ping_interval = Duration::from_millis(300);
    config.engine.ping_timeout = Duration::from_millis(200);
    App::new().config(config).of("/", echoes).of("/custom", echoes)
}

fn echoes(namespace: Namespace) -> Namespace {
    namespace
        .on_connect(|socket: Socket, Auth(auth): Auth<Value>| socket.emit("auth", auth))
        .on("message", |socket: Socket, args: Args| socket.emit("message-back", args))
        .on("message-with-ack", |args: Args| Ack(args))
}
