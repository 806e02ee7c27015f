//! Events between a client and the server.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use smol::Timer;
use sockeye_smol::core::engineio::Handshake;
use sockeye_smol::{
    Ack, AckFailure, AckSender, Args, Bytes, Detached, Name, Namespace, Socket, State,
};

use super::{Departures, Said};

pub(crate) fn events(namespace: Namespace) -> Namespace {
    let namespace = namespace
        .on_any(|socket: Socket, name: Name, args: Args| {
            if name.starts_with("any-") {
                socket.emit("any-seen", (name.as_str(), args));
            }
        })
        .on("get-disconnects", |tag: String, departures: State<Departures>| {
            let departures = departures.lock().unwrap_or_else(PoisonError::into_inner);
            Ack(departures.get(&tag).cloned().unwrap_or_default())
        })
        .on("message", |socket: Socket, args: Args| socket.emit("message-back", args))
        .on("message-with-ack", |args: Args| Ack(args))
        .on("ask", |socket: Socket, args: Args| async move {
            let answer = socket.emit_with_ack::<()>("question", args).args().await?;
            socket.emit("answer", (answer,));
            Ok::<_, AckFailure>(())
        })
        .on("ask-timeout", |socket: Socket, millis: u64| async move {
            let limit = Duration::from_millis(millis);
            let answer = socket.timeout(limit).emit_with_ack::<()>("unanswered", ()).await;
            let error = answer.err().map(|error| error.to_string());
            socket.emit("ask-timeout-result", json!({ "error": error }));
        })
        .on("slow-ack", |millis: u64, value: Value| async move {
            Timer::after(Duration::from_millis(millis)).await;
            Ack(value)
        })
        .on("double-ack", |ack: Option<AckSender>| {
            // The right to answer is gone with the first answer, so there is no second one.
            ack.into_iter().for_each(|ack| ack.send("first"));
        })
        // It goes on when the client is cut off, which may come back.
        .on(
            "later",
            Detached(|socket: Socket, millis: u64, name: String, args: Args| async move {
                let (io, id) = (socket.io(), socket.id().to_owned());
                Timer::after(Duration::from_millis(millis)).await;
                io.to(id).emit(&name, args);
            }),
        )
        .on("info", info)
        .on("set-data", |socket: Socket, value: Value| {
            socket.set_data(value);
            Ack(())
        })
        .on("server-disconnect", |socket: Socket, close: Option<bool>| {
            socket.disconnect(close.unwrap_or(false));
        })
        .on("server-kill", |socket: Socket| socket.close())
        .on("forbidden", |socket: Socket| socket.emit("middleware-error", "forbidden event"));
    bulk(namespace)
}

/// Events of many bytes or in great number.
fn bulk(namespace: Namespace) -> Namespace {
    namespace
        .on("bin-info", |args: Args| {
            let data = args.binary(0);
            let sum = data.into_iter().flatten().fold(0_u32, |sum, byte| sum + u32::from(*byte));
            Ack(json!({
                "binary": data.is_some(),
                "length": data.map_or(0, Bytes::len),
                "sum": sum % 65_536,
            }))
        })
        .on("get-bin", |size: usize| Ack(pattern(size)))
        .on("send-bin", |socket: Socket, size: usize| socket.emit("bin", pattern(size)))
        .on("many", |socket: Socket, count: u8| {
            let values: Vec<_> = (0..count).map(|byte| Bytes::from(vec![byte])).collect();
            socket.emit("many-back", values);
        })
        .on("burst", |socket: Socket, count: u32, name: String| {
            (0..count).for_each(|i| socket.emit(&name, i));
        })
        .on("burst-mixed", |socket: Socket, count: u32, name: String| {
            for i in 0..count {
                match i % 2 {
                    0 => socket.emit(&name, i),
                    _ => socket.emit(&name, (i, Bytes::from(vec![i.to_le_bytes()[0]]))),
                }
            }
        })
        .on("volatile-burst", |socket: Socket, count: u32, name: String| {
            for i in 0..count {
                socket.volatile().emit(&name, i);
            }
            socket.emit("volatile-done", count);
        })
        .on("compress-emit", |socket: Socket, compress: bool, size: usize| {
            socket.compress(compress).emit("compressed", "x".repeat(size));
        })
}

/// Bytes that count up to 250 and begin again.
fn pattern(size: usize) -> Bytes {
    (0..=250).cycle().take(size.min(100_000_000)).collect()
}

fn info(socket: Socket, request: Arc<Handshake>) -> Ack<Value> {
    let engine = ["EIO", "transport", "t", "sid", "b64", "j"];
    let pairs = request.query_pairs().filter(|(key, _)| !engine.contains(&&**key));
    let query: BTreeMap<String, String> =
        pairs.map(|(key, value)| (key.into(), value.into())).collect();
    let mut rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
    rooms.sort_unstable();
    let data = socket.data::<Value>();
    let auth = socket.data::<Said>();
    Ack(json!({
        "sid": socket.id(),
        "nsp": socket.namespace(),
        "transport": socket.transport(),
        "protocol": socket.protocol(),
        "recovered": socket.is_recovered(),
        "rooms": rooms,
        "data": data.map_or_else(|| json!({}), |data| (*data).clone()),
        "auth": auth.map_or_else(|| json!({}), |auth| auth.0.clone()),
        "query": query,
        "xdomain": request.header("origin").is_some(),
        "secure": request.secure,
    }))
}
