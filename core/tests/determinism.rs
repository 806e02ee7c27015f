//! The same seed and the same inputs make the same outputs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::Harness;
use sockeye_core::{
    CloseCause, EmitOptions, Frame, Input, Output, Request, RequestId, Selector, Server,
    ServerConfig, WsId,
};

/// Many clients of every kind do a bit of everything.
fn scenario() -> Vec<String> {
    let mut h: Harness<Server> = Harness::new();
    h.transcript = Some(Vec::new());
    let mut websockets = Vec::new();
    let mut polling = Vec::new();
    for n in 0..20 {
        let client = h.connect_websocket(if n % 3 == 0 { "/admin" } else { "/" });
        h.socket(client.socket).join(&format!("room {}", n % 4));
        h.socket(client.socket).join(&format!("own {n}"));
        websockets.push(client);
        let client = h.connect_polling("/");
        h.socket(client.socket).join(&format!("room {}", n % 4));
        h.get(&client.sid);
        polling.push(client);
    }
    for n in 0..4 {
        h.emit_to(&Selector::all().to(format!("room {n}")).to("own 7"), "news");
        h.collect();
    }
    let now = h.now;
    for client in &websockets {
        let socket = &mut h.socket(client.socket);
        socket.emit_with_ack("q", &1, Some(common::secs(5)), now).unwrap();
    }
    h.advance(common::secs(30));
    for client in polling.iter().step_by(2) {
        let ws = h.upgrade(&client.sid);
        h.frame(ws, "2probe");
        h.frame(ws, "5");
    }
    h.frame(websockets[3].ws, "4x");
    h.closed(websockets[5].ws, CloseCause::Error);
    h.server.shut_down(h.now);
    h.advance(common::secs(60));
    h.transcript.take().unwrap()
}

#[test]
fn the_same_seed_and_inputs_make_the_same_transcript() {
    let transcript = scenario();

    assert!(transcript.len() > 500);
    assert_eq!(transcript, scenario());
}

#[test]
fn another_seed_makes_other_ids() {
    let open = |seed| {
        let mut server = Server::new(ServerConfig::default(), [seed; 32]).unwrap();
        let mut h = Harness::around(std::mem::replace(&mut server, quiet()));
        h.open_polling()
    };
    assert_ne!(open(1), open(2));
    assert_eq!(open(1), open(1));
}

fn quiet() -> Server {
    Server::new(ServerConfig::default(), [0; 32]).unwrap()
}

/// What each connection is given, in order.
#[derive(Debug, Default, PartialEq)]
struct Bytes {
    requests: BTreeMap<RequestId, (u16, String)>,
    websockets: BTreeMap<WsId, Vec<Frame>>,
    closed: Vec<WsId>,
    events: Vec<String>,
}

impl Bytes {
    fn drain(&mut self, server: &mut Server) {
        while let Some(output) = server.poll_output() {
            match output {
                Output::Respond { req, response } => {
                    let body = String::from_utf8(response.body.to_vec()).unwrap();
                    let before = self.requests.insert(req, (response.status, body));
                    assert_eq!(before, None);
                }
                Output::Send { ws, frames } => {
                    self.websockets.entry(ws).or_default().extend(frames);
                }
                Output::Close { ws } => self.closed.push(ws),
                Output::Event(event) => self.events.push(format!("{event:?}")),
                Output::ReadBody { .. }
                | Output::Pause { .. }
                | Output::Resume { .. }
                | Output::Abort { .. }
                | Output::Accept { .. }
                | Output::Refuse { .. } => {}
            }
        }
    }
}

#[test]
fn taking_outputs_after_each_input_or_at_the_end_gives_the_same_bytes() {
    let each = play(true);
    let all = play(false);

    assert_eq!(each, all);
    assert!(each.websockets[&WsId(1)].len() > 3);
    assert!(each.requests.len() > 5);
}

fn play(drain: bool) -> Bytes {
    let mut server = Server::new(ServerConfig::default(), common::SEED).unwrap();
    let now = Harness::around(quiet()).now;
    let mut bytes = Bytes::default();
    let ws = WsId(1);
    let sid = {
        let mut probe = Server::new(ServerConfig::default(), common::SEED).unwrap();
        let mut first = Bytes::default();
        probe.handle(get(1, "/socket.io/?EIO=4&transport=polling"), now);
        first.drain(&mut probe);
        first.requests[&RequestId(1)].1.split('"').nth(3).unwrap().to_owned()
    };
    let poll = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let upgrade = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let text = |ws, text: &'static str| Input::Frame { ws, frame: Frame::Text(text.into()) };
    let body = |req, body: &'static str| Input::Body { req: RequestId(req), body: body.into() };
    let probing = WsId(2);
    let inputs = vec![
        get(1, "/socket.io/?EIO=4&transport=polling"),
        Input::Upgrade { ws, request: request("GET", "/socket.io/?EIO=4&transport=websocket") },
        post(2, &poll),
        get(3, &poll),
        text(ws, "40"),
        body(2, "40\x1e42[\"a\"]"),
        Input::Drained { ws },
        get(4, &poll),
        text(ws, "421[\"b\"]"),
        Input::Drained { ws },
        Input::Upgrade { ws: probing, request: request("GET", &upgrade) },
        text(probing, "2probe"),
        get(5, &poll),
        post(6, &poll),
        text(probing, "5"),
        text(probing, "42[\"d\"]"),
        body(6, "42[\"c\"]"),
        Input::Drained { ws: probing },
        text(ws, "42/admin,[\"wrong\"]"),
        get(7, &poll),
        Input::Closed { ws: probing, cause: CloseCause::Peer },
    ];
    for (n, input) in inputs.into_iter().enumerate() {
        server.handle(input, now);
        if drain || n % 3 == 2 {
            bytes.drain(&mut server);
        }
        if n % 3 == 2 {
            server.emit("/", &Selector::all(), "tick", &n, EmitOptions::default()).unwrap();
        }
    }
    bytes.drain(&mut server);
    bytes
}

fn request<'a>(method: &'a str, target: &'a str) -> Request<'a> {
    Request { method, target, headers: &[], remote: None, secure: false }
}

fn get(req: u64, target: &str) -> Input<'_> {
    Input::Request { req: RequestId(req), request: request("GET", target) }
}

fn post(req: u64, target: &str) -> Input<'_> {
    Input::Request { req: RequestId(req), request: request("POST", target) }
}
