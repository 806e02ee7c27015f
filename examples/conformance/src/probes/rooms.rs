//! Events between clients, by way of the server.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye_smol::core::Value;
use sockeye_smol::{Ack, EmitError, Namespace, Operator, Socket};

use super::spread::Spread;

#[derive(Deserialize)]
struct RoomEmit {
    via: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    event: String,
    #[serde(default)]
    args: Vec<Value>,
}

#[derive(Deserialize)]
struct RoomAck {
    #[serde(default)]
    to: Vec<String>,
    event: String,
    #[serde(default)]
    args: Vec<Value>,
    timeout: u64,
}

#[derive(Serialize)]
struct Gathered {
    error: Option<&'static str>,
    responses: Vec<Value>,
}

pub(crate) fn events(namespace: Namespace) -> Namespace {
    namespace
        .on("join", |socket: Socket, room: String| {
            socket.join(room);
            Ack(())
        })
        .on("leave", |socket: Socket, room: String| {
            socket.leave(room);
            Ack(())
        })
        .on("rooms", |socket: Socket| Ack(sorted(socket.rooms().iter().map(ToString::to_string))))
        .on("room-emit", room_emit)
        .on("room-ack", room_ack)
        .on("sockets", |socket: Socket, room: String| {
            let sockets = socket.io().in_(room).sockets();
            Ack(sorted(sockets.iter().map(|socket| socket.id().to_owned())))
        })
        .on("sockets-join", |socket: Socket, room: String, added: String| {
            socket.io().in_(room).sockets_join(added);
            Ack(())
        })
        .on("sockets-leave", |socket: Socket, room: String, removed: String| {
            socket.io().in_(room).sockets_leave(removed);
            Ack(())
        })
        .on("sockets-disconnect", |socket: Socket, room: String, close: Option<bool>| {
            socket.io().in_(room).disconnect_sockets(close.unwrap_or(false));
        })
}

fn room_emit(socket: Socket, what: RoomEmit) -> Ack<()> {
    let mut whom = if what.via == "nsp" { everybody(&socket) } else { socket.broadcast() };
    for room in what.to {
        whom = whom.to(room);
    }
    for room in what.except {
        whom = whom.except(room);
    }
    whom.emit(&what.event, Spread(what.args));
    Ack(())
}

async fn room_ack(socket: Socket, what: RoomAck) -> Result<Ack<Gathered>, EmitError> {
    let mut whom = everybody(&socket).timeout(Duration::from_millis(what.timeout));
    for room in what.to {
        whom = whom.to(room);
    }
    let answers = whom.emit_with_ack(&what.event, Spread(what.args)).await?;
    let error = (answers.late > 0).then_some("operation has timed out");
    Ok(Ack(Gathered { error, responses: answers.answers }))
}

fn everybody(socket: &Socket) -> Operator {
    socket.io().everybody()
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}
