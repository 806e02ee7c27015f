//! The server of `tests/official/server.mjs`, as an app of our own.

use std::collections::HashMap;
use std::time::Duration;

use sockeye_smol::core::RecoveryConfig;
use sockeye_smol::{
    Ack, App, Args, Auth, Detached, DisconnectReason, Namespace, Refusal, ServerConfig, Socket,
};

pub(crate) fn app() -> App {
    let recovery = Some(RecoveryConfig::default());
    let mut config = ServerConfig::default().recovery(recovery);
    config.engine.ping_interval = Duration::from_millis(300);
    config.engine.ping_timeout = Duration::from_millis(500);
    App::new()
        .config(config)
        .of("/", events)
        .of("/custom", |namespace| {
            events(namespace).on_connect(
                |socket: Socket, auth: Auth<HashMap<String, serde_json::Value>>| {
                    socket.emit("auth", auth.0);
                },
            )
        })
        .of("/watched", |namespace| {
            namespace
                .on("tell", |socket: Socket, n: u32| socket.broadcast().emit("told", n))
                .on_disconnect(|socket: Socket, reason: DisconnectReason| {
                    socket.broadcast().emit("gone", reason.to_string());
                })
        })
        .of("/secret", |namespace| {
            namespace.middleware(|auth: Auth<HashMap<String, String>>| {
                if auth.0.get("token").is_some_and(|token| token == "let me in") {
                    return Ok(());
                }
                Err(Refusal::new("not authorized").with_data(HashMap::from([("code", 7)])))
            })
        })
}

fn events(namespace: Namespace) -> Namespace {
    namespace
        .on("echo", |socket: Socket, args: Args| socket.emit("echo", args))
        .on("ack", |args: Args| Ack(args))
        .on("swallow", || ())
        .on("ask me", |socket: Socket, args: Args| async move {
            let answer = socket.emit_with_ack::<()>("question", args).args().await?;
            socket.emit("answered", answer);
            Ok::<_, sockeye_smol::AckFailure>(())
        })
        .on("numbers", |socket: Socket, count: u32| {
            (0..count).for_each(|n| socket.emit("number", n));
        })
        .on("transport", |socket: Socket| Ack(socket.transport()))
        .on("kick me", |socket: Socket| socket.disconnect(false))
        // It goes on when the client that it serves is cut off.
        .on(
            "cut me off",
            Detached(|socket: Socket, room: String, words: Vec<String>| async move {
                let io = socket.io();
                socket.join(&room);
                socket.emit("joined", ());
                smol::Timer::after(Duration::from_millis(50)).await;
                socket.close();
                smol::Timer::after(Duration::from_millis(50)).await;
                words.iter().for_each(|word| io.to(&*room).emit("word", word));
            }),
        )
}
