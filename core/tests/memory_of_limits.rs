//! The memory that each limit bounds, for the worst input that is known; the figures are those of the
//! documentation. Allocations can be counted exactly. What recovery keeps is in
//! `recovery_memory.rs`.

use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use sockeye_core::client::{self, Client, SocketConfig};
use sockeye_core::engineio::Transport;
use sockeye_core::{
    EmitOptions, Event, Frame, Input, NamespaceConfig, Output, Request, RequestId, Selector,
    Server, ServerConfig, SocketId, WsId,
};

/// What tables and queues may take beside what is counted.
const SLACK: usize = 32 << 10;

#[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
fn start() -> Instant {
    Instant::now()
}

fn bytes(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// A message of exactly the memory of its text.
fn text(text: &str) -> Frame {
    Frame::Text(Bytes::copy_from_slice(text.as_bytes()))
}

#[track_caller]
fn check_kept(what: &str, measured: AllocationInfo, bound: usize) {
    let kept = bytes(measured.bytes_current);
    assert!(kept <= bound, "{what}: {kept} bytes are kept, at most {bound} expected");
    // A bound that is far off says nothing.
    assert!(kept >= bound / 8, "{what}: only {kept} bytes are kept of {bound}");
}

struct World {
    server: Server,
    now: Instant,
    sockets: Vec<SocketId>,
    /// Whether clients read what is sent to them.
    reads: bool,
    closed: usize,
}

impl World {
    fn new(config: ServerConfig) -> Self {
        let server = Server::new(config, [7; 32]).expect("a valid configuration");
        Self { server, now: start(), sockets: Vec::new(), reads: true, closed: 0 }
    }

    fn open(&mut self, ws: u64) {
        let target = "/socket.io/?EIO=4&transport=websocket";
        let request = Request { method: "GET", target, headers: &[], remote: None, secure: false };
        self.server.handle(Input::Upgrade { ws: WsId(ws), request }, self.now);
        self.settle();
    }

    fn receive(&mut self, ws: u64, frame: impl Into<Frame>) {
        self.server.handle(Input::Frame { ws: WsId(ws), frame: frame.into() }, self.now);
        self.settle();
    }

    fn join(&mut self, ws: u64) -> SocketId {
        self.open(ws);
        self.receive(ws, "40");
        self.sockets.pop().expect("it was let in")
    }

    fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { ws, .. } if self.reads => {
                    self.server.handle(Input::Drained { ws }, self.now);
                }
                Output::Event(Event::Connected { socket, .. }) => self.sockets.push(socket),
                Output::Close { .. } => self.closed += 1,
                Output::ReadBody { .. }
                | Output::Respond { .. }
                | Output::Abort { .. }
                | Output::Accept { .. }
                | Output::Refuse { .. }
                | Output::Send { .. }
                | Output::Pause { .. }
                | Output::Resume { .. }
                | Output::Event(_) => {}
            }
        }
    }
}

#[test]
fn max_buffered_bounds_what_waits_for_a_client_that_does_not_read() {
    const LIMIT: usize = 1 << 20;
    for data in ["", "0123456789", &"x".repeat(1_000), &"x".repeat(100_000)] {
        let mut config = ServerConfig::default();
        config.engine.max_buffered = LIMIT;
        let mut world = World::new(config);
        let socket = world.join(1);
        world.reads = false;
        let mut most = 0;
        let mut kept = measure(|| {});
        while world.closed == 0 {
            let more = measure(|| {
                let mut socket = world.server.socket(socket).expect("it is connected");
                let _ = socket.emit("e", data, EmitOptions::default());
            });
            kept += more;
            most = most.max(bytes(kept.bytes_current));
            world.settle();
        }
        assert!(most <= LIMIT + LIMIT / 2 + SLACK, "{}: {most} bytes", data.len());
        assert!(most >= LIMIT / 8, "{}: {most} bytes", data.len());
    }
}

#[test]
fn max_payload_bounds_what_waits_to_be_handled_of_a_post() {
    const LIMIT: usize = 500_000;
    let mut config = ServerConfig::default();
    config.engine.max_payload = LIMIT;
    let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
    let now = start();
    let request =
        |method, target| Request { method, target, headers: &[], remote: None, secure: false };
    let target = "/socket.io/?EIO=4&transport=polling";
    server.handle(Input::Request { req: RequestId(1), request: request("GET", target) }, now);
    let mut sid = None;
    while let Some(output) = server.poll_output() {
        if let Output::Respond { response, .. } = output {
            let body = String::from_utf8(response.body.to_vec()).expect("text");
            sid = body.split('"').nth(3).map(str::to_owned);
        }
    }
    let target = format!("{target}&sid={}", sid.expect("an id"));
    let post = |server: &mut Server, req, body: String| {
        server
            .handle(Input::Request { req: RequestId(req), request: request("POST", &target) }, now);
        while server.poll_output().is_some() {}
        measure(|| server.handle(Input::Body { req: RequestId(req), body: body.into() }, now))
    };
    post(&mut server, 2, "40".to_owned());
    while server.poll_output().is_some() {}
    // The smallest messages there are.
    for (req, message) in [(3, "42[1]\u{1e}"), (4, "4\u{1e}"), (5, "3\u{1e}")] {
        let body = message.repeat(LIMIT / message.len() - 1) + "3";
        let size = body.len();
        let held = post(&mut server, req, body);
        // The body itself was there before.
        let max = bytes(i64::try_from(held.bytes_max).expect("it is small"));
        assert!(max <= size + SLACK, "{message:?}: {max} bytes for {size}");
        let mut rest = measure(|| {});
        let mut most = 0;
        loop {
            rest += measure(|| while server.poll_output().is_some() {});
            most = most.max(rest.bytes_max);
            let Some(due) = server.poll_timeout().filter(|&due| due < now + Duration::from_secs(9))
            else {
                break;
            };
            server.handle_timeout(due);
        }
        assert!(most <= SLACK as u64, "{message:?}: {most} bytes while it is handled");
    }
}

#[test]
fn max_packet_bytes_bounds_an_incomplete_packet() {
    const LIMIT: usize = 1_000_000;
    let name = "n".repeat(LIMIT / 2);
    let mut world = World::new(ServerConfig::default().max_packet_bytes(LIMIT));
    world.join(1);
    let placeholders: Vec<_> =
        (0..10).map(|num| format!("{{\"_placeholder\":true,\"num\":{num}}}")).collect();
    let kept = measure(|| {
        world.receive(1, text(&format!("4510-[\"{name}\",{}]", placeholders.join(","))));
        for _ in 0..9 {
            world.receive(1, vec![7; LIMIT / 20]);
        }
    });
    assert_eq!(world.closed, 0);
    check_kept("an incomplete packet", kept, LIMIT + SLACK);
}

#[test]
fn max_pending_acks_bounds_what_is_kept_of_questions() {
    const COUNT: usize = 10_000;
    let mut world = World::new(ServerConfig::default());
    let socket = world.join(1);
    let now = world.now;
    let kept = measure(|| {
        for n in 0..COUNT {
            let mut socket = world.server.socket(socket).expect("it is connected");
            let timeout = Some(Duration::from_secs(60 + n as u64));
            socket.emit_with_ack("e", &(), timeout, now).expect("it can be sent");
            world.settle();
        }
    });
    check_kept("acknowledgements", kept, 200 * COUNT + SLACK);
}

#[test]
fn max_namespaces_bounds_dynamic_namespaces() {
    const COUNT: usize = 2_000;
    let config = ServerConfig::default()
        .dynamic_namespaces(true)
        .max_namespaces(COUNT + 1)
        .max_namespaces_per_client(COUNT);
    let mut world = World::new(config);
    world.open(1);
    let kept = measure(|| {
        for n in 0..COUNT {
            // The longest names there are.
            world.receive(1, format!("40/{n:0254},"));
        }
    });
    assert_eq!(world.server.counts().sockets, COUNT);
    check_kept("namespaces", kept, 800 * COUNT + SLACK);
}

#[test]
fn max_sessions_bounds_idle_clients() {
    const COUNT: u64 = 2_000;
    let mut world = World::new(ServerConfig::default());
    world.sockets.reserve(4_000);
    let kept = measure(|| {
        for ws in 1..=COUNT {
            world.join(ws);
        }
    });
    check_kept("sessions", kept, 1_500 * COUNT as usize + SLACK);
}

#[test]
fn max_namespaces_per_client_bounds_the_sockets_of_a_client() {
    const COUNT: usize = 100;
    let mut config = ServerConfig::default();
    for n in 0..COUNT {
        config.namespaces.push(NamespaceConfig::new(format!("/{n}")));
    }
    let mut world = World::new(config.max_namespaces_per_client(COUNT));
    world.open(1);
    world.sockets.reserve(COUNT);
    let kept = measure(|| {
        for n in 0..COUNT {
            world.receive(1, format!("40/{n},"));
        }
    });
    assert_eq!(world.sockets.len(), COUNT);
    check_kept("sockets", kept, 600 * COUNT + SLACK);
}

/// A client on long-polling: the target of its requests.
fn poll_session(server: &mut Server, now: Instant, version: u8) -> String {
    let target = format!("/socket.io/?EIO={version}&transport=polling");
    let request =
        Request { method: "GET", target: &target, headers: &[], remote: None, secure: false };
    server.handle(Input::Request { req: RequestId(1), request }, now);
    let mut sid = None;
    while let Some(output) = server.poll_output() {
        if let Output::Respond { response, .. } = output {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            sid = body
                .split("\"sid\":\"")
                .nth(1)
                .and_then(|it| it.split('"').next())
                .map(str::to_owned);
        }
    }
    format!("{target}&sid={}", sid.expect("an id"))
}

/// Handles a POST, and hands the events to `react`.
fn post(
    server: &mut Server,
    now: Instant,
    target: &str,
    binary: bool,
    body: impl Into<Bytes>,
    mut react: impl FnMut(&mut Server, Event),
) {
    let headers: &[(&str, &[u8])] =
        if binary { &[("Content-Type", b"application/octet-stream")] } else { &[] };
    let request = Request { method: "POST", target, headers, remote: None, secure: false };
    let req = RequestId(2);
    server.handle(Input::Request { req, request }, now);
    while server.poll_output().is_some() {}
    server.handle(Input::Body { req, body: body.into() }, now);
    loop {
        while let Some(output) = server.poll_output() {
            if let Output::Event(event) = output {
                react(server, event);
            }
        }
        let Some(due) = server.poll_timeout().filter(|&due| due < now + Duration::from_secs(20))
        else {
            return;
        };
        server.handle_timeout(due);
    }
}

#[test]
fn a_binary_value_of_an_old_client_keeps_nothing_of_its_post_when_it_is_sent_on() {
    let mut config = ServerConfig::default();
    config.engine.allow_v3 = true;
    let mut world = World::new(config);
    let slow = world.join(1);
    world.reads = false;
    let World { mut server, now, .. } = world;
    let target = poll_session(&mut server, now, 3);
    let packet = |kind: u8, data: &[u8]| {
        let digits = data.len().to_string();
        let digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
        [&[kind][..], &digits, &[0xff], data].concat()
    };
    let mut body = packet(0, br#"451-["m",{"_placeholder":true,"num":0}]"#);
    body.extend(packet(1, &[4, 7]));
    while body.len() < 900_000 {
        body.extend(packet(0, b"6"));
    }
    let kept = measure(|| {
        for _ in 0..10 {
            post(&mut server, now, &target, true, body.clone(), |server, event| {
                let Event::Received { args, .. } = event else { return };
                let mut socket = server.socket(slow).expect("it is connected");
                assert!(socket.emit("m", &args, EmitOptions::default()).expect("it can be sent"));
            });
        }
    });
    assert!(server.socket(slow).expect("it is connected").buffered() > 1_000);
    assert!(kept.bytes_current < 100_000, "{} bytes", kept.bytes_current);
}

#[test]
fn an_answer_to_a_broadcast_keeps_nothing_of_its_post() {
    let mut world = World::new(ServerConfig::default());
    world.join(1);
    let World { mut server, now, .. } = world;
    let target = poll_session(&mut server, now, 4);
    post(&mut server, now, &target, false, "40", |_, _| {});
    for _ in 0..10 {
        let all = Selector::all();
        server.emit_with_ack("/", &all, "q", &(), None, now).expect("it can be sent");
    }
    while server.poll_output().is_some() {}
    let noops = "\u{1e}3".repeat(450_000);
    let kept = measure(|| {
        for n in 0..10 {
            let body = format!("43{n}[1]{noops}");
            post(&mut server, now, &target, false, body, |_, event| {
                assert!(!matches!(event, Event::Disconnected { .. }), "{event:?}");
            });
        }
    });
    assert!(kept.bytes_current < 100_000, "{} bytes", kept.bytes_current);
}

#[test]
fn an_incomplete_packet_keeps_nothing_of_its_post() {
    let mut server = Server::new(ServerConfig::default(), [7; 32]).expect("a valid configuration");
    let now = start();
    let target = poll_session(&mut server, now, 4);
    post(&mut server, now, &target, false, "40", |_, _| {});
    let body =
        format!("{}451-[\"x\",{{\"_placeholder\":true,\"num\":0}}]", "3\u{1e}".repeat(450_000));
    let kept = measure(|| post(&mut server, now, &target, false, body, |_, _| {}));
    assert!(kept.bytes_current < 100_000, "{} bytes", kept.bytes_current);
}

// The other role.

/// A client that has a WebSocket.
fn client(config: client::Config) -> (Client, SocketId, Instant) {
    let now = start();
    let config = config.transports(vec![Transport::WebSocket]);
    let mut client = Client::new(config, [7; 32]).expect("a valid configuration");
    let id = client.open("/", SocketConfig::default(), now).expect("a new namespace");
    let Some(client::Output::Open { ws, .. }) = client.poll_output() else {
        panic!("no WebSocket is opened")
    };
    client.handle(client::Input::Opened { ws }, now);
    let open = r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    receive(&mut client, now, Frame::from(open));
    (client, id, now)
}

fn receive(client: &mut Client, now: Instant, frame: Frame) {
    client.handle(client::Input::Frame { ws: WsId(1), frame }, now);
    while let Some(output) = client.poll_output() {
        if let client::Output::Send { ws, .. } = output {
            client.handle(client::Input::Drained { ws }, now);
        }
    }
}

#[test]
fn max_buffered_bounds_what_a_client_keeps_until_it_is_connected() {
    const LIMIT: usize = 1 << 20;
    for data in ["", "0123456789", &"x".repeat(1_000), &"x".repeat(100_000)] {
        let (mut client, id, now) = client(client::Config::default().max_buffered(LIMIT));
        let kept = measure(|| {
            loop {
                let mut socket = client.socket(id).expect("it is there");
                if socket.emit("e", data, EmitOptions::default(), now).is_err() {
                    break;
                }
            }
        });
        check_kept("events", kept, LIMIT + LIMIT / 2 + SLACK);
    }
}

#[test]
fn max_early_bytes_bounds_events_before_connect_is_answered() {
    const LIMIT: usize = 1 << 20;
    for event in [r#"42["e"]"#.to_owned(), format!(r#"42["e","{}"]"#, "x".repeat(10_000))] {
        let (mut client, id, now) = client(client::Config::default().max_early_bytes(LIMIT));
        let mut kept = measure(|| {});
        let mut most = 0;
        while client.is_connected() {
            kept += measure(|| receive(&mut client, now, text(&event)));
            most = most.max(bytes(kept.bytes_current));
        }
        assert!(client.socket(id).is_some());
        assert!(
            (LIMIT / 8..=LIMIT + LIMIT / 2 + SLACK).contains(&most),
            "{}: {most} bytes",
            event.len()
        );
    }
}

#[test]
fn max_packet_bytes_bounds_an_incomplete_packet_of_a_server() {
    const LIMIT: usize = 1_000_000;
    let (mut client, _, now) = client(client::Config::default().max_packet_bytes(LIMIT));
    receive(&mut client, now, Frame::from(r#"40{"sid":"s"}"#));
    let name = "n".repeat(LIMIT / 2);
    let kept = measure(|| {
        let head = format!(
            "452-[\"{name}\",{{\"_placeholder\":true,\"num\":0}},{{\"_placeholder\":true,\"num\":1}}]"
        );
        receive(&mut client, now, text(&head));
        receive(&mut client, now, Frame::Binary(Bytes::from(vec![7; LIMIT / 3])));
    });
    assert!(client.is_connected());
    check_kept("an incomplete packet", kept, LIMIT + SLACK);
}

#[test]
fn max_pending_acks_bounds_what_a_client_keeps_of_questions() {
    const COUNT: usize = 10_000;
    let (mut client, id, now) = client(client::Config::default());
    receive(&mut client, now, Frame::from(r#"40{"sid":"s"}"#));
    let kept = measure(|| {
        for n in 0..COUNT {
            let mut socket = client.socket(id).expect("it is there");
            let timeout = Some(Duration::from_secs(60 + n as u64));
            socket.emit_with_ack("e", &(), timeout, now).expect("it can be sent");
            while let Some(output) = client.poll_output() {
                if let client::Output::Send { ws, .. } = output {
                    client.handle(client::Input::Drained { ws }, now);
                }
            }
        }
    });
    check_kept("acknowledgements", kept, 200 * COUNT + SLACK);
}

#[test]
fn nothing_of_a_broadcast_is_kept_twice_for_its_receivers() {
    const COUNT: u64 = 100;
    let mut world = World::new(ServerConfig::default());
    for ws in 1..=COUNT {
        world.join(ws);
    }
    world.reads = false;
    let data = "x".repeat(100_000);
    let kept = measure(|| {
        for _ in 0..3 {
            let sent = world.server.emit("/", &Selector::all(), "e", &data, EmitOptions::default());
            sent.expect("it can be sent");
        }
    });
    check_kept("a broadcast", kept, 3 * 100_000 + 4_000 * COUNT as usize + SLACK);
}
