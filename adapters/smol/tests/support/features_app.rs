//! What an app can do beyond events and rooms, as clients see it.
#![allow(unreachable_pub, reason = "an example uses it")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sockeye_smol::{
    Ack, AckSender, App, Bytes, Captures, DisconnectReason, Io, Name, Namespace, OnExceeded,
    Packet, Params, RateLimit, RoomChange, ServerConfig, Socket, State, events,
};

events! {
    /// Asks for a sum.
    pub struct Add = "add" { a: i64, b: i64 } -> i64;

    /// Tells of a sum.
    pub struct Sum = "sum" { of: Vec<i64>, is: i64 };
}

/// How many handlers run at once, and how many did at most.
#[derive(Default)]
pub struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// What was emitted, as the listeners for that have heard it.
#[derive(Default)]
pub struct Heard(Mutex<Vec<String>>);

/// Adds what is tested here to an app.
pub fn add(app: App) -> App {
    app.state(Load::default())
        .state(Heard::default())
        .on_upgrade(|socket: Socket| socket.emit("upgraded", socket.transport()))
        .of("/listeners", listeners)
        .of("/passage", passage)
        .of("/flow", flow)
        .of("/rooms", rooms)
        .of("/typed", |namespace| {
            namespace.on_event(|socket: Socket, Add { a, b }: Add| async move {
                socket.emit_event(Sum { of: vec![a, b], is: a + b });
                a.checked_add(b).ok_or("too much")
            })
        })
        .of_template("/team-{team}/{room}", |namespace| {
            namespace.on("where", |Captures(found): Captures<Params>| {
                Ack((found.get("team").map(str::to_owned), found.get("room").map(str::to_owned)))
            })
        })
}

/// An app that lets clients send no more than 20 packets in half a second.
pub fn rated(excess: OnExceeded) -> App {
    let rate = RateLimit::new(20, Duration::from_millis(500)).on_exceeded(excess);
    let config = ServerConfig::default().rate(rate);
    App::new()
        .config(config)
        .on("count", |socket: Socket, n: u32| socket.emit("counted", n))
        .on("throttled", |io: Io| Ack(io.snapshot().totals.throttled))
}

fn listeners(namespace: Namespace) -> Namespace {
    namespace
        .on_any_outgoing(|socket: Socket, name: Name, heard: State<Heard>| {
            let mut heard = heard.0.lock().expect("no handler panics here");
            heard.push(format!("{} {name}", socket.id()));
        })
        .on("heard", |socket: Socket, heard: State<Heard>| {
            let heard = heard.0.lock().expect("no handler panics here");
            let own = heard.iter().filter_map(|line| line.strip_prefix(socket.id()));
            Ack(own.map(|name| name.trim().to_owned()).collect::<Vec<_>>())
        })
        .on("listen", |socket: Socket| {
            let own = socket.on("own", |socket: Socket, n: u32| socket.emit("own", n));
            socket.once("first", |socket: Socket| socket.emit("first", ()));
            socket.once("stop", move |socket: Socket| {
                socket.off(own);
            });
            Ack(())
        })
        .on("answers", |_: Socket| {})
        .on("answers", |ack: AckSender| ack.send("the first to answer"))
        .on("answers", || Ack("too late"))
        .on("say", |socket: Socket, io: Io| {
            socket.send("to you");
            io.send(("to all", 2));
        })
}

fn passage(namespace: Namespace) -> Namespace {
    namespace
        .packet_middleware(|name: Name| async move {
            smol::Timer::after(Duration::from_millis(1)).await;
            if &*name == "forbidden" { Err("forbidden") } else { Ok(()) }
        })
        .packet_middleware(|packet: Packet| {
            if &*packet.name() == "shout" {
                let text = packet.args().get::<String>(0).unwrap_or_default();
                return packet.set_args(text.to_uppercase());
            }
            Ok(())
        })
        .on("shout", |text: String| Ack(text))
        .on("forbidden", || Ack("never"))
}

fn flow(namespace: Namespace) -> Namespace {
    namespace
        .on("slow", |n: u32, load: State<Load>| async move {
            let now = load.now.fetch_add(1, Ordering::Relaxed) + 1;
            load.most.fetch_max(now, Ordering::Relaxed);
            smol::Timer::after(Duration::from_millis(20)).await;
            load.now.fetch_sub(1, Ordering::Relaxed);
            Ack(n)
        })
        .on("most", |load: State<Load>| Ack(load.most.load(Ordering::Relaxed)))
        .on("file", |socket: Socket, chunks: u32, size: usize| async move {
            let mut most = 0;
            for n in 0..chunks {
                let chunk = Bytes::from(vec![u8::try_from(n % 256).unwrap_or(0); size]);
                socket.emit_when_ready("chunk", (n, chunk)).await?;
                most = most.max(socket.buffered());
            }
            socket.drained().await?;
            Ok::<_, sockeye_smol::EmitError>(Ack((most, socket.buffered())))
        })
}

fn rooms(namespace: Namespace) -> Namespace {
    namespace
        .on("join", |socket: Socket, room: String| {
            socket.join(room);
            Ack(())
        })
        .on("find", |io: Io, room: String| async move {
            let found = io.in_(room).fetch_sockets().await?;
            for socket in &found {
                socket.emit("found", socket.rooms().len());
            }
            Ok::<_, sockeye_smol::FetchError>(Ack(found.len()))
        })
        .on("ask each", |io: Io, room: String| async move {
            let found = io.in_(room).fetch_sockets().await?;
            let mut answers = Vec::new();
            for socket in found {
                let second = Duration::from_secs(1);
                answers.push(socket.emit_with_ack::<String>(second, "who", ()).await?);
            }
            Ok::<_, sockeye_smol::BoxError>(Ack(answers))
        })
        .on_disconnecting(|socket: Socket, reason: DisconnectReason| {
            for room in socket.rooms() {
                socket.to(room.clone()).emit("left", (&*room, reason.as_str()));
            }
        })
        .on_room(|io: &Io, room: &str, change: &RoomChange| match change {
            RoomChange::Created => io.emit("created", room),
            RoomChange::Joined(id) => io.emit("joined", (room, id.as_str())),
            RoomChange::Left(id) => io.emit("left room", (room, id.as_str())),
            RoomChange::Deleted | _ => io.emit("deleted", room),
        })
}
