//! A server with several clients and an application, all of which do anything at all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockeye_core::{
    CloseCause, Counts, EmitOptions, Event, Frame, Input, NamespaceConfig, OnExceeded, OnOverflow,
    Output, RateLimit, RecoveryConfig, Request, RequestId, Responder, Selector, Server,
    ServerConfig, SocketId, WsId,
};

use super::tape::{Tape, packet};

/// Takes bytes for what clients and the application do, and checks what must hold.
///
/// # Panics
///
/// If the server does what it never should.
pub(crate) fn server(data: &[u8]) {
    let mut tape = Tape::new(data);
    let config = config(tape.byte());
    let mut world = World {
        server: Server::new(config, [7; 32]).expect("a valid configuration"),
        now: super::epoch(),
        sids: Vec::new(),
        requests: BTreeMap::new(),
        websockets: BTreeMap::new(),
        sockets: BTreeSet::new(),
        asking: BTreeSet::new(),
        over: BTreeSet::new(),
        owed: Vec::new(),
        last: 0,
    };
    for _ in 0..400 {
        if tape.is_over() {
            break;
        }
        world.step(&mut tape);
        world.drain();
    }
    world.end();
}

/// Eight options, each on or off.
fn config(options: u8) -> ServerConfig {
    let on = |bit: u8| options >> bit & 1 == 1;
    let mut secret = NamespaceConfig::new("/secret");
    secret.manual_accept = true;
    let mut config = ServerConfig::default()
        .namespaces(vec![NamespaceConfig::new("/"), NamespaceConfig::new("/admin"), secret])
        .recovery(on(0).then(|| RecoveryConfig::default().max_bytes(500)))
        .on_overflow(if on(1) { OnOverflow::Refuse } else { OnOverflow::Close })
        .room_events(on(2))
        .rate(on(3).then_some(RateLimit::per_second(3).on_exceeded(if on(4) {
            OnExceeded::Delay
        } else {
            OnExceeded::Disconnect
        })))
        .dynamic_namespaces(on(5))
        .max_pending_acks(3);
    config.engine.max_unused_sessions = 3;
    config.engine.max_sessions_per_address = Some(5);
    config.engine.max_sessions = 12;
    config.engine.keep_handshakes = true;
    config.engine.max_unused_bytes = 600;
    config.engine.max_buffered = 300;
    config.engine.allow_v3 = on(6);
    config.engine.upgrade_poll_hold = Duration::from_millis(if on(7) { 100 } else { 0 });
    config
}

/// A request from one of four clients, of which one has no address.
fn from<'a>(id: u64, method: &'a str, target: &'a str) -> Request<'a> {
    let client = (id % 4) as u8;
    let remote = (client > 0).then(|| SocketAddr::from(([192, 0, 2, client], 4711)));
    Request { remote, ..super::request(method, target) }
}

struct World {
    server: Server,
    now: Instant,
    sids: Vec<String>,
    /// Open requests, and whether their bodies are wanted.
    requests: BTreeMap<RequestId, bool>,
    websockets: BTreeMap<WsId, Pipe>,
    sockets: BTreeSet<SocketId>,
    asking: BTreeSet<SocketId>,
    over: BTreeSet<SocketId>,
    owed: Vec<(SocketId, Responder)>,
    last: u64,
}

#[derive(Default)]
struct Pipe {
    accepted: bool,
    in_flight: bool,
    paused: bool,
}

impl World {
    fn id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn feed(&mut self, input: Input<'_>) {
        self.server.handle(input, self.now);
    }

    fn target(&self, tape: &mut Tape<'_>, transport: &str) -> String {
        let version = if tape.byte() > 240 { 3 } else { 4 };
        let sid = match tape.below(self.sids.len() + 1) {
            0 => String::new(),
            n => format!("&sid={}", self.sids[n - 1]),
        };
        format!("/socket.io/?EIO={version}&transport={transport}{sid}")
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        match tape.below(16) {
            0..=1 => self.request(tape, "GET"),
            2 => self.request(tape, "POST"),
            3 => {
                let target = self.target(tape, "websocket");
                let ws = WsId(self.id());
                self.websockets.insert(ws, Pipe::default());
                self.feed(Input::Upgrade { ws, request: from(ws.0, "GET", &target) });
            }
            4..=6 => {
                if let Some(ws) = self.websocket(tape) {
                    let frame = match tape.byte() {
                        0..=15 => Frame::Binary(Bytes::copy_from_slice(tape.bytes())),
                        _ => packet(tape).into(),
                    };
                    self.feed(Input::Frame { ws, frame });
                }
            }
            7 => self.write_ended(tape),
            8 => self.leave(tape),
            9 => {
                self.now += Duration::from_millis(u64::from(tape.byte()) * 100);
                self.server.handle_timeout(self.now);
                let due = self.server.poll_timeout();
                assert!(due.is_none_or(|due| due > self.now), "no busy loop");
            }
            10 => self.body(tape),
            _ => self.command(tape),
        }
    }

    fn request(&mut self, tape: &mut Tape<'_>, method: &str) {
        let target = self.target(tape, "polling");
        let req = RequestId(self.id());
        self.requests.insert(req, false);
        self.feed(Input::Request { req, request: from(req.0, method, &target) });
    }

    fn websocket(&self, tape: &mut Tape<'_>) -> Option<WsId> {
        let open: Vec<_> = self.websockets.iter().filter(|(_, pipe)| pipe.accepted).collect();
        (!open.is_empty()).then(|| *open[tape.below(open.len())].0)
    }

    fn write_ended(&mut self, tape: &mut Tape<'_>) {
        let Some(ws) = self.websocket(tape) else { return };
        let pipe = self.websockets.get_mut(&ws).expect("it is open");
        if std::mem::take(&mut pipe.in_flight) {
            self.feed(Input::Drained { ws });
        }
    }

    fn leave(&mut self, tape: &mut Tape<'_>) {
        if tape.flip() {
            if let Some(ws) = self.websocket(tape) {
                self.websockets.remove(&ws);
                let cause = if tape.flip() { CloseCause::Peer } else { CloseCause::Error };
                self.feed(Input::Closed { ws, cause });
            }
        } else {
            let open: Vec<_> = self.requests.keys().copied().collect();
            if !open.is_empty() {
                let req = open[tape.below(open.len())];
                self.requests.remove(&req);
                self.feed(Input::Aborted { req });
            }
        }
    }

    fn body(&mut self, tape: &mut Tape<'_>) {
        let wanted: Vec<_> = self.requests.iter().filter(|(_, wanted)| **wanted).collect();
        if wanted.is_empty() {
            return;
        }
        let req = *wanted[tape.below(wanted.len())].0;
        let packets: Vec<_> = (0..=tape.below(4)).map(|_| packet(tape)).collect();
        self.requests.insert(req, false);
        self.feed(match tape.below(16) {
            0 => Input::BodyTimedOut { req },
            1 => Input::BodyTooLarge { req },
            _ => Input::Body { req, body: packets.join("\x1e").into() },
        });
    }

    fn command(&mut self, tape: &mut Tape<'_>) {
        let now = self.now;
        let room = tape.pick(&["red", "blue"]);
        let selector = match tape.below(4) {
            0 => Selector::all(),
            1 => Selector::all().to(room),
            2 => Selector::all().except(room),
            _ => Selector::all().to("red").to("blue"),
        };
        let namespace = tape.pick(&["/", "/admin", "/secret"]);
        let options = EmitOptions::default().volatile(tape.flip()).compress(tape.flip());
        let data = "x".repeat(tape.below(100));
        let second = Some(Duration::from_secs(1));
        if let Some(&asking) = self.asking.iter().next().filter(|_| tape.flip()) {
            // Those that are refused leave without a word.
            self.asking.remove(&asking);
            return match tape.below(3) {
                0 => self.server.accept(asking),
                1 => drop(self.server.reject(asking, "no", &1)),
                _ => self.server.reject_namespace(asking),
            };
        }
        let known: Vec<_> = self.sockets.iter().copied().collect();
        let socket = (!known.is_empty()).then(|| known[tape.below(known.len())]);
        if let Some(mut socket) = socket.and_then(|id| self.server.socket(id)) {
            match tape.below(12) {
                0 => socket.join(room),
                1 => socket.leave(room),
                2 => drop(socket.emit("e", &data, options)),
                3 => drop(socket.emit_with_ack("ask", &data, second, now)),
                4 => drop(socket.watch_drained()),
                5 => socket.pause(now),
                6 => socket.resume(now),
                7 => return socket.disconnect(tape.flip(), now),
                8 => return socket.close(now),
                9 => {
                    let (id, owed) = (socket.id(), &mut self.owed);
                    if let Some(at) = owed.iter().position(|(asker, _)| *asker == id) {
                        drop(socket.ack(owed.swap_remove(at).1, &data));
                    }
                }
                _ => {}
            }
        }
        match tape.below(10) {
            0 => drop(self.server.emit(namespace, &selector, "all", &data, options)),
            1 => drop(self.server.emit_with_ack(namespace, &selector, "q", &data, second, now)),
            2 => self.server.join(namespace, &selector, &[room]),
            3 => self.server.leave(namespace, &selector, &[room]),
            4 => self.server.disconnect(namespace, &selector, tape.flip(), now),
            5 if tape.byte() > 250 => self.server.retire(Duration::from_secs(5), now),
            6 if tape.byte() > 250 => self.server.shut_down(now),
            _ => {}
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::ReadBody { req, .. } => {
                    let wanted = self.requests.insert(req, true);
                    assert_eq!(wanted, Some(false), "a body is asked for once");
                }
                Output::Respond { req, response } => {
                    assert!(self.requests.remove(&req).is_some(), "one answer for each request");
                    self.learn(&response.body);
                }
                Output::Abort { req } => {
                    assert!(self.requests.remove(&req).is_some(), "one end for each request");
                }
                Output::Accept { ws, .. } => self.pipe(ws).accepted = true,
                Output::Refuse { ws, .. } => {
                    assert!(!self.pipe(ws).accepted);
                    self.websockets.remove(&ws);
                }
                Output::Send { ws, frames } => {
                    let pipe = self.pipe(ws);
                    assert!(pipe.accepted && !pipe.in_flight, "at most one Send is in flight");
                    pipe.in_flight = true;
                    for frame in frames.as_slice() {
                        assert!(super::is_valid(frame), "{frame:?}");
                        self.learn(frame.bytes());
                    }
                }
                Output::Pause { ws } => {
                    assert!(!std::mem::replace(&mut self.pipe(ws).paused, true))
                }
                Output::Resume { ws } => {
                    assert!(std::mem::replace(&mut self.pipe(ws).paused, false));
                }
                Output::Close { ws } => drop(self.websockets.remove(&ws).expect("it is open")),
                Output::Event(event) => self.hear(event),
            }
        }
        let counts = self.server.counts();
        // A message beyond the limit may be on its way to each client.
        assert!(counts.engine.buffered <= counts.engine.sessions * 2_000, "{counts:?}");
        assert!(counts.logged <= 500);
        assert!(counts.engine.unused <= 3 && counts.engine.sessions <= 12, "{counts:?}");
        assert!(counts.engine.handshakes <= counts.engine.sessions * 600, "{counts:?}");
        let timers = counts.engine.timers + counts.timers;
        let most = 4 * counts.engine.sessions + counts.acks + counts.away + 8;
        assert!(timers <= most, "{counts:?}");
    }

    fn pipe(&mut self, ws: WsId) -> &mut Pipe {
        self.websockets.get_mut(&ws).expect("a WebSocket that is there")
    }

    /// Notes the id of a session, of which a few are enough.
    fn learn(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let open = text.split_once("0{\"sid\":\"").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((sid, _)) = open.filter(|_| self.sids.len() < 8) {
            self.sids.push(sid.to_owned());
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Connecting { socket, .. } => assert!(self.asking.insert(socket)),
            Event::ConnectAborted { socket } => assert!(self.asking.remove(&socket)),
            Event::Connected { socket, .. } => {
                self.asking.remove(&socket);
                assert!(!self.over.contains(&socket), "an id is used once");
                assert!(self.sockets.insert(socket), "connected once");
            }
            Event::Received { socket, ack, .. } => {
                assert!(self.sockets.contains(&socket), "events come while it is connected");
                self.owed.extend(ack.map(|ack| (socket, ack)));
            }
            Event::Acked { socket, .. }
            | Event::Upgraded { socket }
            | Event::Drained { socket } => assert!(self.sockets.contains(&socket)),
            Event::Disconnected { socket, .. } => {
                assert!(self.sockets.remove(&socket), "disconnected once");
                self.over.insert(socket);
            }
            _ => {}
        }
    }

    /// Everybody leaves, and nothing remains.
    fn end(&mut self) {
        self.drain();
        for ws in self.websockets.keys().copied().collect::<Vec<_>>() {
            if self.websockets.remove(&ws).is_some() {
                self.feed(Input::Closed { ws, cause: CloseCause::Peer });
                self.drain();
            }
        }
        for req in self.requests.keys().copied().collect::<Vec<_>>() {
            if self.requests.remove(&req).is_some() {
                self.feed(Input::Aborted { req });
                self.drain();
            }
        }
        while let Some(due) = self.server.poll_timeout() {
            assert!(due > self.now, "no busy loop");
            self.now = due;
            self.server.handle_timeout(due);
            self.drain();
        }
        assert_eq!(self.server.counts(), Counts::default());
        assert!(self.sockets.is_empty() && self.server.is_idle());
    }
}
