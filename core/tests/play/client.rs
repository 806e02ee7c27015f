//! A client whose server does anything at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockeye_core::client::{Auth, Client, Config, Counts, Event, Input, Output, SocketConfig};
use sockeye_core::engineio::Transport;
use sockeye_core::{CloseCause, EmitOptions, Frame, RequestId, Response, SocketId, WsId};

use super::tape::{Tape, packet};

/// Takes bytes for what the server, the network and the application do.
///
/// # Panics
///
/// If the client does what it never should.
pub(crate) fn client(data: &[u8]) {
    let mut tape = Tape::new(data);
    let now = super::epoch();
    let mut client = Client::new(config(tape.byte()), [7; 32]).expect("a valid configuration");
    let retries = u32::from(tape.flip());
    let ack_timeout = Some(Duration::from_secs(1));
    let auth = if tape.flip() { Auth::ask() } else { Auth::none() };
    let root = SocketConfig::default().retries(retries).ack_timeout(ack_timeout).auth(auth);
    let sockets = [
        client.open("/", root, now).expect("a new namespace"),
        client.open("/admin", SocketConfig::default(), now).expect("a new namespace"),
    ];
    let mut world = World {
        client,
        now,
        sockets,
        connected: BTreeSet::new(),
        asked: 0,
        requests: BTreeMap::new(),
        websockets: BTreeMap::new(),
    };
    world.drain();
    for _ in 0..400 {
        if tape.is_over() {
            break;
        }
        world.step(&mut tape);
        world.drain();
    }
    world.end();
}

fn config(options: u8) -> Config {
    let on = |bit: u8| options >> bit & 1 == 1;
    let (polling, websocket) = (Transport::Polling, Transport::WebSocket);
    let transports = match options & 3 {
        0 => vec![polling, websocket],
        1 => vec![websocket],
        2 => vec![polling],
        _ => vec![websocket, polling],
    };
    Config::default()
        .transports(transports)
        .try_all_transports(on(2))
        .remember_upgrade(on(3))
        .reconnection(on(4))
        .reconnection_attempts(on(5).then_some(2))
        .cookies(on(6))
        .force_base64(on(7))
        .max_buffered(2_000)
        .max_early_bytes(1_000)
        .max_incoming(10_000)
        .max_pending_acks(3)
}

const OPEN: &str = r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":2500,"pingTimeout":2000,"maxPayload":100}"#;

struct World {
    client: Client,
    now: Instant,
    sockets: [SocketId; 2],
    connected: BTreeSet<SocketId>,
    /// How many acknowledgements are to come.
    asked: usize,
    requests: BTreeMap<RequestId, &'static str>,
    /// Whether each WebSocket is open, and something is being written to it.
    websockets: BTreeMap<WsId, (bool, bool)>,
}

impl World {
    fn feed(&mut self, input: Input) {
        self.client.handle(input, self.now);
    }

    fn message(tape: &mut Tape<'_>) -> Vec<u8> {
        match tape.byte() {
            0..=63 => OPEN.into(),
            64..=127 => r#"40{"sid":"s"}"#.into(),
            128..=143 => r#"40/admin,{"sid":"t","pid":"p"}"#.into(),
            144..=159 => "3probe".into(),
            160..=175 => "2".into(),
            // This need not be UTF-8.
            254 => [&b"42[\""[..], tape.bytes(), b"\"]"].concat(),
            255 => [&b"44\""[..], tape.bytes(), b"\\n\""].concat(),
            _ => packet(tape).into(),
        }
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        match tape.below(12) {
            0..=2 => self.answer(tape),
            3..=6 => self.websocket(tape),
            7 => {
                self.now += Duration::from_millis(u64::from(tape.byte()) * 50);
                self.client.handle_timeout(self.now);
            }
            8 => self.feed(if tape.flip() { Input::Online } else { Input::Offline }),
            _ => self.command(tape),
        }
    }

    fn answer(&mut self, tape: &mut Tape<'_>) {
        let open: Vec<_> = self.requests.iter().map(|(req, method)| (*req, *method)).collect();
        if open.is_empty() {
            return;
        }
        let (req, method) = open[tape.below(open.len())];
        self.requests.remove(&req);
        let status = tape.pick(&[&200_u16, &200, &200, &400, &500, &302]);
        let body = match method {
            "POST" => b"ok".to_vec(),
            _ => {
                let packets: Vec<_> = (0..=tape.below(4)).map(|_| Self::message(tape)).collect();
                packets.join(&b'\x1e')
            }
        };
        if tape.byte() > 240 {
            return self.feed(Input::Failed { req, message: "broken".to_owned() });
        }
        let response = Response { body: body.into(), ..Response::empty(*status) };
        self.feed(Input::Response { req, response });
    }

    fn websocket(&mut self, tape: &mut Tape<'_>) {
        let known: Vec<_> = self.websockets.keys().copied().collect();
        if known.is_empty() {
            return;
        }
        let ws = known[tape.below(known.len())];
        let (open, in_flight) = self.websockets[&ws];
        match tape.below(8) {
            0 if !open => {
                self.websockets.insert(ws, (true, false));
                self.feed(Input::Opened { ws });
            }
            1 if !open => {
                self.websockets.remove(&ws);
                let response = Response::new(400, "text/plain", "no");
                self.feed(Input::Refused { ws, response });
            }
            2 => {
                self.websockets.remove(&ws);
                let (cause, code) = if tape.flip() {
                    (CloseCause::Peer, Some(1001))
                } else {
                    (CloseCause::Error, None)
                };
                self.feed(Input::Closed { ws, cause, code, message: String::new() });
            }
            3 if in_flight => {
                self.websockets.insert(ws, (true, false));
                self.feed(Input::Drained { ws });
            }
            5 if open => self.feed(Input::Pong { ws }),
            4 if open => {
                let frame = Frame::Binary(Bytes::copy_from_slice(tape.bytes()));
                self.feed(Input::Frame { ws, frame });
            }
            _ if open => {
                let frame = Frame::Text(Self::message(tape).into());
                self.feed(Input::Frame { ws, frame });
            }
            _ => {}
        }
    }

    fn command(&mut self, tape: &mut Tape<'_>) {
        let (now, id) = (self.now, self.sockets[tape.below(2)]);
        let data = "x".repeat(tape.below(100));
        let options = EmitOptions::default().volatile(tape.flip());
        let mut socket = self.client.socket(id).expect("it is never removed before the end");
        match tape.below(7) {
            6 => self.client.shut_down(Duration::from_secs(1), now),
            0 | 1 => drop(socket.emit("e", &data, options, now)),
            2 => {
                let timeout = tape.flip().then_some(Duration::from_secs(1));
                if socket.emit_with_ack("ask", &data, timeout, now).is_ok() {
                    self.asked += 1;
                }
            }
            3 => socket.connect(now),
            4 => socket.disconnect(now),
            _ => drop(socket.authenticate(&serde_json::json!({ "n": 1 }), now)),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Request { req, request } => {
                    assert!(self.requests.insert(req, request.method).is_none(), "a new request");
                }
                Output::Abort { req } => assert!(self.requests.remove(&req).is_some()),
                Output::Open { ws, .. } => {
                    assert!(self.websockets.insert(ws, (false, false)).is_none());
                }
                Output::Send { ws, frames } => {
                    let state = self.websockets.insert(ws, (true, true));
                    assert_eq!(state, Some((true, false)), "at most one Send is in flight");
                    assert!(frames.as_slice().iter().all(super::is_valid), "{frames:?}");
                }
                Output::Ping { ws } => {
                    assert_eq!(self.websockets.get(&ws), Some(&(true, false)), "ready to write");
                }
                Output::Close { ws } => assert!(self.websockets.remove(&ws).is_some()),
                Output::Event(event) => self.hear(event),
            }
        }
        let counts = self.client.counts();
        assert!(counts.buffered <= 4_000, "{counts:?}");
        assert!(counts.acks <= 6 && counts.requests <= 10, "{counts:?}");
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Connected { socket, .. } => assert!(self.connected.insert(socket)),
            Event::Disconnected { socket, .. } => assert!(self.connected.remove(&socket)),
            Event::Received { socket, name, args, ack } => {
                assert!(self.connected.contains(&socket), "events come while it is connected");
                assert_eq!(args.len(), args.iter().count());
                if let (Some(ack), Some(mut socket)) = (ack, self.client.socket(socket)) {
                    drop(socket.ack(ack, &(&*name, args), self.now));
                }
            }
            Event::Acked { .. } => {
                assert!(self.asked > 0, "one answer for each question");
                self.asked -= 1;
            }
            _ => {}
        }
    }

    /// The application has enough, and nothing remains.
    fn end(&mut self) {
        for id in self.sockets {
            if let Some(socket) = self.client.socket(id) {
                socket.remove(self.now);
            }
        }
        self.drain();
        while let Some(due) = self.client.poll_timeout() {
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            let next = self.client.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "no busy loop");
            self.drain();
        }
        assert!(self.client.is_idle(), "nothing waits for ever");
        assert_eq!(self.client.counts(), Counts::default());
        assert!(self.connected.is_empty() && self.asked == 0);
        assert!(self.requests.is_empty() && self.websockets.is_empty());
    }
}
