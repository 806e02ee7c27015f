//! A client in the hands of a server that says whatever the test wants.

#![allow(dead_code, reason = "each test file uses some of the helpers")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

#[path = "../pair/words.rs"]
mod words;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockeye_core::client::{Client, Config, Event, Fault, Input, Output, SocketConfig};
use sockeye_core::engineio::Transport;
use sockeye_core::{CloseCause, Frame, RequestId, Response, SocketId, WsId};

pub(crate) const OPEN: &str = "0{\"sid\":\"secret\",\"upgrades\":[],\"pingInterval\":25000,\
     \"pingTimeout\":20000,\"maxPayload\":1000000}";

pub(crate) const UPGRADABLE: &str = "0{\"sid\":\"secret\",\"upgrades\":[\"evil\",\"websocket\"],\
     \"pingInterval\":25000,\"pingTimeout\":20000}";

pub(crate) struct Victim {
    pub(crate) client: Client,
    pub(crate) socket: SocketId,
    pub(crate) now: Instant,
    /// Whether writes are done at once, and POSTs answered.
    pub(crate) drains: bool,
    /// The GET that waits for an answer.
    get: Option<RequestId>,
    posts: Vec<RequestId>,
    /// The WebSockets that are open; the last one is that of a probe if there is a GET.
    websockets: Vec<WsId>,
    busy: BTreeSet<WsId>,
    told: Vec<String>,
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a refused handshake is told as.
pub(crate) fn status_fault(status: u16, body: &str) -> Fault {
    let config = Config::default();
    let mut client = Client::new(config, [7; 32]).unwrap();
    let now = epoch();
    client.open("/", SocketConfig::default(), now).unwrap();
    let Some(Output::Request { req, .. }) = client.poll_output() else { panic!("no request") };
    let body = Bytes::copy_from_slice(body.as_bytes());
    let response = Response { body, ..Response::empty(status) };
    client.handle(Input::Response { req, response }, now);
    match client.poll_output() {
        Some(Output::Event(Event::Failed { fault, .. })) => fault,
        other => panic!("no failure: {other:?}"),
    }
}

impl Victim {
    /// A client that has just dialed.
    pub(crate) fn new(transport: Transport) -> Self {
        Self::with(transport, |_| {})
    }

    pub(crate) fn with(transport: Transport, change: impl FnOnce(&mut Config)) -> Self {
        Self::asking(transport, change, SocketConfig::default())
    }

    pub(crate) fn asking(
        transport: Transport,
        change: impl FnOnce(&mut Config),
        socket: SocketConfig,
    ) -> Self {
        let mut config = Config::default();
        if transport == Transport::WebSocket {
            config.transports = vec![Transport::WebSocket];
        }
        change(&mut config);
        let mut client = Client::new(config, [7; 32]).unwrap();
        let now = epoch();
        let socket = client.open("/", socket, now).unwrap();
        let mut victim = Self {
            client,
            socket,
            now,
            drains: true,
            get: None,
            posts: Vec::new(),
            websockets: Vec::new(),
            busy: BTreeSet::new(),
            told: Vec::new(),
        };
        victim.collect();
        victim
    }

    /// A client that asks to join the main namespace.
    pub(crate) fn opened(transport: Transport) -> Self {
        let mut victim = Self::new(transport);
        victim.open();
        victim
    }

    /// A client whose CONNECT was answered.
    pub(crate) fn connected(transport: Transport) -> Self {
        let mut victim = Self::opened(transport);
        victim.say("40{\"sid\":\"s\"}");
        assert_eq!(victim.told().last().unwrap(), "connected");
        victim
    }

    /// A client whose CONNECT was answered, and that has sent `2probe`.
    pub(crate) fn probing() -> Self {
        let mut victim = Self::new(Transport::Polling);
        victim.say(UPGRADABLE);
        victim.say("40{\"sid\":\"s\"}");
        victim.told();
        assert_eq!(victim.websockets.len(), 1);
        victim
    }

    /// Says what a server says first.
    pub(crate) fn open(&mut self) {
        self.say(OPEN);
    }

    /// Says this on whatever way the client listens: as the answer to its GET, or by WebSocket,
    /// each packet as a message.
    pub(crate) fn say(&mut self, text: &str) {
        if self.get.is_some() {
            return self.answer(200, text);
        }
        if let Some(&ws) = self.websockets.first() {
            for packet in text.split('\x1e') {
                let frame = match packet.strip_prefix('b') {
                    Some("AAAA") => Frame::Binary(Bytes::from_static(&[0, 0, 0])),
                    _ => Frame::Text(Bytes::copy_from_slice(packet.as_bytes())),
                };
                self.feed(Input::Frame { ws, frame });
            }
        }
    }

    pub(crate) fn say_binary(&mut self, data: &[u8]) {
        if let Some(&ws) = self.websockets.first() {
            let frame = Frame::Binary(Bytes::copy_from_slice(data));
            self.feed(Input::Frame { ws, frame });
        }
    }

    /// Says what need not be valid UTF-8.
    pub(crate) fn say_raw(&mut self, text: &[u8]) {
        if self.get.is_some() {
            return self.answer(200, text);
        }
        if let Some(&ws) = self.websockets.first() {
            let frame = Frame::Text(Bytes::copy_from_slice(text));
            self.feed(Input::Frame { ws, frame });
        }
    }

    pub(crate) fn say_to_probe(&mut self, text: &str) {
        if let Some(&ws) = self.websockets.last() {
            let frame = Frame::Text(Bytes::copy_from_slice(text.as_bytes()));
            self.feed(Input::Frame { ws, frame });
        }
    }

    /// Answers the GET.
    pub(crate) fn answer(&mut self, status: u16, body: impl AsRef<[u8]>) {
        if let Some(req) = self.get.take() {
            let body = Bytes::copy_from_slice(body.as_ref());
            let response = Response { body, ..Response::empty(status) };
            self.feed(Input::Response { req, response });
        }
    }

    /// Answers the GET, and counts the events that come; also how much the bytes that the client
    /// keeps for them ever were, in events.
    pub(crate) fn answer_slowly(&mut self, body: &str) -> (usize, usize) {
        let req = self.get.take().expect("a GET waits");
        let response =
            Response { body: Bytes::copy_from_slice(body.as_bytes()), ..Response::empty(200) };
        self.client.handle(Input::Response { req, response }, self.now);
        let (mut events, mut asked_at) = (0, 0);
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Event(_) => events += 1,
                Output::Request { req, request } if request.method == "GET" => {
                    self.get = Some(req);
                    asked_at = events;
                }
                Output::Request { req, .. } => self.posts.push(req),
                other => panic!("{other:?}"),
            }
        }
        // Only when everything was looked at more is asked for.
        (events, events - asked_at)
    }

    /// Answers the GET, and lets the POST fail before anything is taken from the client.
    pub(crate) fn answer_and_fail(&mut self, body: &str) {
        let (req, post) = (self.get.take().expect("a GET waits"), self.posts.pop());
        let body = Bytes::copy_from_slice(body.as_bytes());
        let response = Response { body, ..Response::empty(200) };
        self.client.handle(Input::Response { req, response }, self.now);
        let req = post.expect("a POST waits");
        self.feed(Input::Failed { req, message: "reset".to_owned() });
    }

    pub(crate) fn fail(&mut self) {
        if let Some(req) = self.get.take() {
            self.feed(Input::Failed { req, message: "reset".to_owned() });
        }
    }

    pub(crate) fn close(&mut self) {
        if let Some(ws) = self.websockets.pop() {
            self.busy.remove(&ws);
            let message = String::new();
            self.feed(Input::Closed { ws, cause: CloseCause::Peer, code: Some(1000), message });
        }
    }

    /// Things happen to requests and WebSockets that are not open.
    pub(crate) fn nonsense(&mut self) {
        let (req, ws) = (RequestId(1 << 60), WsId(1 << 60));
        self.feed(Input::Response { req, response: Response::empty(400) });
        self.feed(Input::Failed { req, message: String::new() });
        self.feed(Input::Opened { ws });
        self.feed(Input::Refused { ws, response: Response::empty(400) });
        self.feed(Input::Frame { ws, frame: Frame::from("x") });
        self.feed(Input::Drained { ws });
        let message = String::new();
        self.feed(Input::Closed { ws, cause: CloseCause::Error, code: None, message });
    }

    pub(crate) fn feed(&mut self, input: Input) {
        self.client.handle(input, self.now);
        self.collect();
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.client.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            assert!(self.client.poll_timeout().is_none_or(|due| due > self.now), "no busy loop");
            self.collect();
        }
        self.now = end;
    }

    /// Whether everything that the client has opened is closed.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.get.is_none() && self.posts.is_empty() && self.websockets.is_empty()
    }

    /// How many requests and WebSockets the client has open.
    pub(crate) fn connections(&self) -> usize {
        let counts = self.client.counts();
        counts.requests + counts.websockets
    }

    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    pub(crate) fn collect(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Request { req, request } if request.method == "GET" => self.get = Some(req),
                Output::Request { req, .. } if self.drains => {
                    let response = Response::empty(200);
                    self.client.handle(Input::Response { req, response }, self.now);
                }
                Output::Request { req, .. } => self.posts.push(req),
                Output::Abort { req } => {
                    self.get.take_if(|get| *get == req);
                    self.posts.retain(|post| *post != req);
                }
                Output::Open { ws, .. } => {
                    self.websockets.push(ws);
                    self.client.handle(Input::Opened { ws }, self.now);
                }
                Output::Send { ws, .. } => {
                    assert!(self.websockets.contains(&ws), "sent on an open WebSocket");
                    assert!(self.busy.insert(ws), "one Send in flight");
                    if self.drains {
                        self.busy.remove(&ws);
                        self.client.handle(Input::Drained { ws }, self.now);
                    }
                }
                Output::Close { ws } => {
                    assert!(self.websockets.contains(&ws), "closed once");
                    self.websockets.retain(|other| *other != ws);
                    self.busy.remove(&ws);
                }
                // A server need not answer it.
                Output::Ping { .. } => {}
                Output::Event(event) => self.told.push(words::client(&event)),
            }
        }
    }
}

/// Some time; which one is of no importance.
fn epoch() -> Instant {
    use std::sync::OnceLock;
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    *EPOCH.get_or_init(Instant::now)
}
