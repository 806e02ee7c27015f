//! Contract A: the official protocol suites.

use std::time::Duration;

use serde_json::Value;
use sockeye_smol::core::engineio::{Cors, EngineConfig, Origins};
use sockeye_smol::core::{Frame, ServerConfig};
use sockeye_smol::{Ack, App, Args, Auth, EngineApp, IntoMachine, Namespace, Session, Socket};

use crate::flag;

pub(crate) fn app() -> impl IntoMachine {
    let engine = EngineConfig::default()
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .max_payload(1_000_000)
        .allow_v3(flag("EIO3", false))
        .allow_jsonp(flag("EIO3", false))
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
