//! What is kept for those who are away, and of those about whom the application decides, takes no
//! more memory than it may. Allocations can be counted exactly.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use bytes::Bytes;
use sockeye_core::{
    Args, EmitOptions, Event, Frame, Input, Output, RecoveryConfig, Request, Selector, Server,
    ServerConfig, SocketId, WsId,
};

const MAX_BYTES: usize = 1 << 20;

/// What may be there although nothing is kept.
const SLACK: usize = 16 << 10;

fn server(clients: u64, now: Instant) -> (Server, Vec<SocketId>) {
    let recovery = RecoveryConfig::default().max_bytes(MAX_BYTES);
    let config = ServerConfig::default().recovery(recovery);
    let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
    let mut sockets = Vec::new();
    for ws in (1..=clients).map(WsId) {
        let target = "/socket.io/?EIO=4&transport=websocket";
        let request = Request { method: "GET", target, headers: &[], remote: None, secure: false };
        server.handle(Input::Upgrade { ws, request }, now);
        server.handle(Input::Frame { ws, frame: Frame::from("40") }, now);
        settle(&mut server, now, &mut sockets);
    }
    (server, sockets)
}

fn settle(server: &mut Server, now: Instant, sockets: &mut Vec<SocketId>) {
    while let Some(output) = server.poll_output() {
        if let Output::Send { ws, .. } = output {
            server.handle(Input::Drained { ws }, now);
        } else if let Output::Event(Event::Connected { socket, .. }) = output {
            sockets.push(socket);
        }
    }
}

/// Emits this often, each time to the receivers that are named.
fn check(
    name: &str,
    clients: u64,
    times: usize,
    mut emit: impl FnMut(&mut Server, &[SocketId], usize),
) {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    let now = Instant::now();
    let (mut server, sockets) = server(clients, now);
    let mut nobody = Vec::new();
    let (mut most, mut logged) = (0, 0);
    let kept = measure(|| {
        for n in 0..times {
            emit(&mut server, &sockets, n);
            settle(&mut server, now, &mut nobody);
            logged = server.counts().logged;
            most = most.max(logged);
        }
    });
    let memory = usize::try_from(kept.bytes_current).unwrap_or(0);
    assert!(most <= MAX_BYTES && most > MAX_BYTES / 2, "{name}: {most}");
    assert!(memory <= logged + SLACK, "{name}: {memory} bytes, counted as {logged}");
    assert!(logged <= 2 * memory + SLACK, "{name}: {memory} bytes, counted as {logged}");

    let later = now + Duration::from_secs(121);
    let freed = measure(|| server.handle_timeout(later));
    assert_eq!(server.counts().logged, 0);
    if clients > 1 {
        // They have not answered their pings, and are away now.
        return;
    }
    let left = kept.bytes_current + freed.bytes_current;
    assert!(left <= i64::try_from(SLACK).expect("it is small"), "{name}: {left} bytes stay");
}

fn broadcast(server: &mut Server, selector: &Selector, data: &(impl serde::Serialize + ?Sized)) {
    let sent = server.emit("/", selector, "e", data, EmitOptions::default());
    sent.expect("an event that can be sent");
}

#[test]
fn packets_take_no_more_memory_than_is_counted_whatever_is_sent_to_whom() {
    let all = Selector::all;
    check("small, to everybody", 1, 10_000, |server, _, _| broadcast(server, &all(), &()));
    check("medium, to everybody", 1, 4_000, |server, _, n| {
        broadcast(server, &all(), &"x".repeat(n % 1_000));
    });
    check("large, to everybody", 1, 30, |server, _, _| {
        broadcast(server, &all(), &"x".repeat(100_000));
    });
    check("to one room", 1, 10_000, |server, _, _| broadcast(server, &all().to("room"), &()));
    check("to a room each", 1, 10_000, |server, _, n| {
        broadcast(server, &all().to(format!("room-{n}")), &());
    });
    check("to rooms with long names", 1, 3_000, |server, _, n| {
        broadcast(server, &all().to(format!("{}-{n}", "x".repeat(500))), &());
    });
    check("to ten rooms each", 1, 2_000, |server, _, n| {
        let rooms = (0..10).map(|room| format!("room-{}", n + room));
        broadcast(server, &rooms.fold(all(), Selector::to), &());
    });
    check("except for ten rooms", 1, 4_000, |server, _, _| {
        let rooms = (0..10).map(|room| format!("room-{room}"));
        broadcast(server, &rooms.fold(all(), Selector::except), &());
    });
    check("from a socket", 10, 10_000, |server, sockets, n| {
        broadcast(server, &all().except_socket(sockets[n % 10]), &());
    });
    check("to one socket each", 500, 10_000, |server, sockets, n| {
        let mut socket = server.socket(sockets[n % 500]).expect("it is connected");
        socket.emit("e", &(), EmitOptions::default()).expect("an event that can be sent");
    });
    check("first to many rooms, then to one", 1, 20_000, |server, _, n| {
        let room = if n < 5_000 { format!("room-{n}") } else { "room".to_owned() };
        broadcast(server, &all().to(room), &());
    });
    check("small binary values", 1, 4_000, |server, _, _| {
        let data = [1; 3].map(|byte| serde_bytes::ByteBuf::from(vec![byte; 10]));
        broadcast(server, &all(), &data);
    });
}

/// Has the first client send a binary value; returns the arguments of the event.
fn received(server: &mut Server, data: Bytes, now: Instant) -> Args {
    let header = Frame::from(r#"451-["e",{"_placeholder":true,"num":0}]"#);
    for frame in [header, Frame::Binary(data)] {
        server.handle(Input::Frame { ws: WsId(1), frame }, now);
    }
    while let Some(output) = server.poll_output() {
        if let Output::Event(Event::Received { args, .. }) = output {
            return args;
        }
    }
    panic!("no event arrived");
}

#[test]
fn a_part_of_what_a_client_has_sent_keeps_nothing_of_the_rest() {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    let now = Instant::now();
    let mut bodies = 0;
    check("a part each", 1, 4_000, |server, _, n| {
        // As a driver may cut it out of what it has read.
        let body = Bytes::from(vec![7; 50_000]);
        bodies += body.len();
        let args = received(server, body.slice(n..=n), now);
        broadcast(server, &Selector::all(), &args);
    });
    assert!(bodies > 100 * MAX_BYTES, "it would not fit if it was kept");
}

#[test]
fn a_client_about_which_the_application_decides_keeps_nothing_but_its_auth() {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    let now = Instant::now();
    let config = ServerConfig::default().dynamic_namespaces(true);
    let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
    let target = "/socket.io/?EIO=4&transport=websocket";
    let request = Request { method: "GET", target, headers: &[], remote: None, secure: false };
    server.handle(Input::Upgrade { ws: WsId(1), request }, now);
    settle(&mut server, now, &mut Vec::new());

    let kept = measure(|| {
        for n in 0..50 {
            let connect = format!("40/{n},{{\"a\":1}}");
            // As a driver may cut it out of what it has read.
            let mut body = connect.clone().into_bytes();
            body.resize(100_000, b' ');
            let frame = Frame::Text(Bytes::from(body).slice(..connect.len()));
            server.handle(Input::Frame { ws: WsId(1), frame }, now);
            settle(&mut server, now, &mut Vec::new());
        }
    });

    assert_eq!(server.counts().sockets, 50);
    assert!(kept.bytes_current < 100_000, "{} bytes", kept.bytes_current);
}
