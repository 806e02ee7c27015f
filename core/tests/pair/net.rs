//! The network: carries what one machine puts out to the other, which may take its time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockeye_core::client::{self, HttpRequest, Output as FromClient};
use sockeye_core::{
    CloseCause, Event, Frame, Frames, Headers, Output as FromServer, RequestId, Response, WsId,
};

/// A small generator of numbers that look random.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `limit`.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

pub(crate) struct Net {
    pub(crate) rng: Rng,
    /// How long it takes to the server and back.
    pub(crate) latency: (Duration, Duration),
    /// How much longer it may take.
    pub(crate) jitter: Duration,
    /// How long a write of the client's takes.
    pub(crate) write: Duration,
    /// No new connection comes into being.
    pub(crate) down: bool,
    /// WebSockets are refused with this status.
    pub(crate) refuse_websockets: Option<u16>,
    /// HTTP requests are answered with this status.
    pub(crate) refuse_requests: Option<u16>,
    /// What goes to the server, and to the client, is lost without a trace, and with it all that
    /// comes later on the same link.
    pub(crate) silent: (bool, bool),
    arrivals: BTreeMap<(Instant, u64), Arrival>,
    serial: u64,
    pub(super) links: BTreeMap<u64, Link>,
    pub(super) bodies: BTreeMap<u64, Bytes>,
    sessions: BTreeMap<String, Session>,
    /// What the client has asked for, as `GET polling`.
    pub(crate) asked: Vec<String>,
    /// The bodies of POSTs.
    pub(crate) posted: Vec<String>,
    /// The messages that the client has sent by WebSocket.
    pub(crate) written: Vec<String>,
    pub(crate) headers: Vec<Headers>,
}

/// One HTTP request with its answer, or one WebSocket.
#[derive(Debug)]
pub(super) struct Link {
    websocket: bool,
    /// The side is interested in what happens.
    pub(super) client: bool,
    pub(super) server: bool,
    pub(super) opened: bool,
    pub(super) client_busy: bool,
    pub(super) server_busy: bool,
    sid: Option<String>,
    /// Something was lost on the way to the server, and to the client: nothing comes after it.
    lost: (bool, bool),
    /// When the last thing arrives that was sent, at the server and at the client.
    last: (Instant, Instant),
}

/// What the client has done with one id of a session.
#[derive(Debug, Default)]
pub(super) struct Session {
    gets: BTreeSet<u64>,
    posts: BTreeSet<u64>,
    upgraded: bool,
    pub(super) failed: bool,
}

#[derive(Debug)]
pub(crate) enum Arrival {
    // At the server.
    Request(u64, HttpRequest),
    Body(u64, Bytes),
    Aborted(u64),
    Upgrade(u64, String, Headers),
    ServerFrame(u64, Frame),
    ServerClosed(u64, CloseCause),
    ServerDrained(u64),
    // At the client.
    Response(u64, Response),
    Failed(u64),
    Opened(u64),
    Refused(u64, Response),
    ClientFrame(u64, Frame),
    ClientClosed(u64, CloseCause),
    ClientDrained(u64),
    Pong(u64),
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            latency: (Duration::from_millis(10), Duration::from_millis(10)),
            jitter: Duration::ZERO,
            write: Duration::ZERO,
            down: false,
            refuse_websockets: None,
            refuse_requests: None,
            silent: (false, false),
            arrivals: BTreeMap::new(),
            serial: 0,
            links: BTreeMap::new(),
            bodies: BTreeMap::new(),
            sessions: BTreeMap::new(),
            asked: Vec::new(),
            posted: Vec::new(),
            written: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Everything works again.
    pub(crate) fn heal(&mut self) {
        self.down = false;
        self.refuse_websockets = None;
        self.refuse_requests = None;
        self.silent = (false, false);
    }

    /// What the client has opened and neither closed nor lost.
    pub(crate) fn abandoned(&self) -> Vec<u64> {
        self.links.iter().filter(|(_, link)| link.client).map(|(id, _)| *id).collect()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.arrivals.keys().next().map(|key| key.0)
    }

    pub(crate) fn pop(&mut self, now: Instant) -> Option<Arrival> {
        let first = self.arrivals.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn at(&mut self, at: Instant, arrival: Arrival) {
        self.serial += 1;
        self.arrivals.insert((at, self.serial), arrival);
    }

    fn jitter(&mut self) -> Duration {
        let most = u64::try_from(self.jitter.as_micros()).unwrap();
        if most == 0 { Duration::ZERO } else { Duration::from_micros(self.rng.below(most)) }
    }

    /// Lets something arrive at the server, in order on one link.
    fn toward_server(&mut self, id: u64, arrival: Arrival, now: Instant) {
        let at = now + self.latency.0 + self.jitter();
        let Some(link) = self.links.get_mut(&id) else { return };
        link.lost.0 |= self.silent.0;
        if link.lost.0 {
            return;
        }
        link.last.0 = link.last.0.max(at);
        let at = link.last.0;
        self.at(at, arrival);
    }

    fn toward_client(&mut self, id: u64, arrival: Arrival, now: Instant) {
        let at = now + self.latency.1 + self.jitter();
        let Some(link) = self.links.get_mut(&id) else { return };
        link.lost.1 |= self.silent.1;
        if link.lost.1 {
            return;
        }
        link.last.1 = link.last.1.max(at);
        let at = link.last.1;
        self.at(at, arrival);
    }

    fn link(&mut self, id: u64, websocket: bool, target: &str, now: Instant) {
        let sid = target.split("sid=").nth(1).map(str::to_owned);
        let link = Link {
            websocket,
            client: true,
            server: false,
            opened: false,
            client_busy: false,
            server_busy: false,
            sid,
            lost: (false, false),
            last: (now, now),
        };
        assert!(self.links.insert(id, link).is_none(), "ids are used once");
    }

    pub(super) fn session(&mut self, id: u64) -> Option<&mut Session> {
        let sid = self.links.get(&id)?.sid.clone()?;
        Some(self.sessions.entry(sid).or_default())
    }

    /// All connections break, and both sides notice.
    pub(crate) fn cut(&mut self, now: Instant) {
        self.arrivals.clear();
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let link = &self.links[&id];
            let (client, server, websocket) = (link.client, link.server, link.websocket);
            match (websocket, client) {
                (true, true) => self.at(now, Arrival::ClientClosed(id, CloseCause::Error)),
                (false, true) => self.at(now, Arrival::Failed(id)),
                _ => {}
            }
            match (websocket, server) {
                (true, true) => self.at(now, Arrival::ServerClosed(id, CloseCause::Error)),
                (false, true) => self.at(now, Arrival::Aborted(id)),
                _ => {}
            }
        }
    }

    // What the machines want.

    pub(crate) fn take_from_client(&mut self, output: FromClient<client::Event>, now: Instant) {
        match output {
            FromClient::Request { req: RequestId(id), request } => {
                self.on_request(id, request, now)
            }
            FromClient::Abort { req: RequestId(id) } => {
                self.forget(id);
                self.hang_up(id);
                self.toward_server(id, Arrival::Aborted(id), now);
            }
            FromClient::Open { ws: WsId(id), target, headers, .. } => {
                self.link(id, true, &target, now);
                self.asked.push(format!("OPEN {}", transport(&target)));
                self.headers.push(headers.clone());
                let session = self.session(id);
                assert!(session.is_none_or(|session| !session.failed), "a failed session is over");
                if self.down {
                    self.at(now, Arrival::ClientClosed(id, CloseCause::Error));
                } else if let Some(status) = self.refuse_websockets {
                    self.toward_client(id, Arrival::Refused(id, Response::empty(status)), now);
                } else {
                    self.toward_server(id, Arrival::Upgrade(id, target, headers), now);
                }
            }
            FromClient::Send { ws: WsId(id), frames } => self.on_send(id, frames, now),
            FromClient::Ping { ws: WsId(id) } => {
                let there = now + self.latency.0;
                self.toward_client(id, Arrival::Pong(id), there);
            }
            FromClient::Close { ws: WsId(id) } => {
                self.hang_up(id);
                self.toward_server(id, Arrival::ServerClosed(id, CloseCause::Peer), now);
            }
            FromClient::Event(_) => unreachable!("events are no work for the network"),
        }
    }

    fn hang_up(&mut self, id: u64) {
        let link = self.links.get_mut(&id).expect("a known link");
        assert!(link.client, "given up once");
        link.client = false;
    }

    fn on_request(&mut self, id: u64, request: HttpRequest, now: Instant) {
        self.link(id, false, &request.target, now);
        self.asked.push(format!("{} {}", request.method, transport(&request.target)));
        self.headers.push(request.headers.clone());
        if request.method == "POST" {
            assert!(!request.body.is_empty(), "a POST carries something");
            self.posted.push(String::from_utf8(request.body.to_vec()).unwrap());
        }
        if let Some(session) = self.session(id) {
            assert!(!session.failed, "a failed session is over");
            assert!(!session.upgraded, "nothing takes the old way after `5`");
            let (same, limit) = match request.method {
                "GET" => (&mut session.gets, 1),
                "POST" => (&mut session.posts, 1),
                method => panic!("unknown method {method}"),
            };
            same.insert(id);
            assert!(same.len() <= limit, "one {} at a time", request.method);
        }
        if self.down {
            self.at(now, Arrival::Failed(id));
        } else if let Some(status) = self.refuse_requests {
            let body = Bytes::from_static(b"{\"code\":3,\"message\":\"Bad request\"}");
            let response = Response { body, ..Response::empty(status) };
            self.toward_client(id, Arrival::Response(id, response), now);
        } else {
            self.toward_server(id, Arrival::Request(id, request), now);
        }
    }

    /// A request is over.
    pub(super) fn forget(&mut self, id: u64) {
        if let Some(session) = self.session(id) {
            session.gets.remove(&id);
            session.posts.remove(&id);
        }
    }

    fn on_send(&mut self, id: u64, frames: Frames, now: Instant) {
        let link = self.links.get_mut(&id).expect("a known link");
        assert!(link.client && link.opened, "sent on an open WebSocket");
        assert!(!std::mem::replace(&mut link.client_busy, true), "one Send in flight");
        assert!(!frames.as_slice().is_empty(), "a Send sends something");
        let write = self.write;
        for frame in frames {
            self.written.push(frame.as_text().unwrap_or("<binary>").to_owned());
            if frame.as_text() == Some("5") {
                let session = self.session(id).expect("an upgrade is one of a session");
                assert!(session.gets.is_empty() && session.posts.is_empty(), "polling is over");
                session.upgraded = true;
            }
            self.toward_server(id, Arrival::ServerFrame(id, frame), now + write);
        }
        self.at(now + write, Arrival::ClientDrained(id));
    }

    pub(crate) fn take_from_server(&mut self, output: FromServer<Event>, now: Instant) {
        match output {
            // Bodies come along with their heads.
            FromServer::ReadBody { req: RequestId(id), .. } => {
                let body = self.bodies.remove(&id).expect("a body is read once");
                self.at(now, Arrival::Body(id, body));
            }
            FromServer::Respond { req: RequestId(id), response } => {
                self.conclude(id);
                self.toward_client(id, Arrival::Response(id, response), now);
            }
            FromServer::Abort { req: RequestId(id) } => {
                self.conclude(id);
                self.toward_client(id, Arrival::Failed(id), now);
            }
            FromServer::Accept { ws: WsId(id), .. } => {
                self.toward_client(id, Arrival::Opened(id), now);
            }
            FromServer::Refuse { ws: WsId(id), response } => {
                self.conclude(id);
                self.toward_client(id, Arrival::Refused(id, response), now);
            }
            FromServer::Send { ws: WsId(id), frames } => {
                let link = self.links.get_mut(&id).expect("a known link");
                assert!(!std::mem::replace(&mut link.server_busy, true), "one Send in flight");
                for frame in frames {
                    self.toward_client(id, Arrival::ClientFrame(id, frame), now);
                }
                self.at(now, Arrival::ServerDrained(id));
            }
            FromServer::Close { ws: WsId(id) } => {
                self.conclude(id);
                self.toward_client(id, Arrival::ClientClosed(id, CloseCause::Peer), now);
            }
            FromServer::Pause { .. } | FromServer::Resume { .. } => {}
            FromServer::Event(_) => unreachable!("events are no work for the network"),
        }
    }

    pub(super) fn conclude(&mut self, id: u64) {
        if let Some(link) = self.links.get_mut(&id) {
            link.server = false;
        }
    }
}

fn transport(target: &str) -> &str {
    let name = target.split("transport=").nth(1).expect("a transport is named");
    name.split('&').next().expect("split gives something")
}
