//! The network: connections that take their time, each its own, and may break or fall silent.
//!
//! Each HTTP request is a connection of its own, so requests overtake each other; what is said on
//! one connection keeps its order.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use sockeye_core::client::{self, HttpRequest, Output as FromClient};
use sockeye_core::{
    CloseCause, Event, Frame, Headers, Output as FromServer, RequestId, Response, WsId,
};

use super::agenda::{Agenda, Task};
use super::rng::Rng;
use super::swarm::{MS, S, Swarm};
use super::wire::{self, Wire};

/// The side that something goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Server = 0,
    Client = 1,
}

#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    // At the server.
    Request,
    Body(Bytes),
    Aborted,
    Upgrade,
    ServerFrame(Frame),
    ServerClosed(CloseCause),
    ServerDrained,
    // At the client.
    Response(Response),
    Failed,
    Opened,
    Refused(Response),
    ClientFrame(Frame),
    ClientClosed(CloseCause),
    ClientDrained,
}

impl Arrival {
    /// Whether it tells the end of a connection that carries nothing any more.
    pub(crate) const fn is_end(&self) -> bool {
        matches!(self, Self::Aborted | Self::ServerClosed(_) | Self::Failed | Self::ClientClosed(_))
    }
}

/// One HTTP request with its answer, or one WebSocket.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: usize,
    /// The client's name for it.
    pub(crate) id: u64,
    /// Of which connection of the client's it is a part, counted from 1.
    pub(crate) conn: u64,
    pub(crate) websocket: bool,
    /// The request that it repeats.
    pub(crate) copy_of: Option<u64>,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    /// The id of the session, once it is known.
    pub(crate) sid: Option<String>,
    /// It belongs to a session that was there before it.
    pub(crate) of_session: bool,
    /// The side cares about what happens on it.
    pub(crate) open: [bool; 2],
    /// The server has accepted the WebSocket.
    pub(crate) accepted: bool,
    /// The client knows that the WebSocket is open.
    pub(crate) opened: bool,
    /// A `Send` is in flight, to each side.
    pub(crate) busy: [bool; 2],
    /// Nothing more goes on its way to the side.
    pub(crate) shut: [bool; 2],
    /// What is on its way to the side is lost.
    pub(crate) dead: [bool; 2],
    /// What a black hole or proxy keeps from the side.
    pub(crate) held: [Option<Vec<Arrival>>; 2],
    /// When the last thing arrives that was sent to the side.
    last: [u64; 2],
    /// The server does not read it.
    pub(crate) paused: bool,
    pub(crate) unread: VecDeque<Arrival>,
    /// When something was said last.
    pub(crate) active: u64,
}

pub(crate) struct Net {
    pub(crate) rng: Rng,
    pub(crate) agenda: Agenda,
    pub(crate) swarm: Swarm,
    /// By the server's names for them.
    pub(crate) links: Vec<Link>,
    /// The server's names, by the client and its name.
    pub(crate) names: BTreeMap<(usize, u64), u64>,
    /// Which connection of its client's a session is, by its id.
    conns: BTreeMap<String, u64>,
    pub(crate) wire: Wire,
    /// The clients that can't connect.
    pub(crate) down: Vec<bool>,
    /// The connections of clients to which something was done.
    pub(crate) harmed: Vec<(usize, u64)>,
    /// WebSockets that the server reads again.
    pub(crate) resumed: Vec<u64>,
}

impl Net {
    pub(crate) fn new(rng: Rng, swarm: Swarm) -> Self {
        let down = vec![false; swarm.clients];
        Self {
            rng,
            agenda: Agenda::default(),
            swarm,
            links: Vec::new(),
            names: BTreeMap::new(),
            conns: BTreeMap::new(),
            wire: Wire::default(),
            down,
            harmed: Vec::new(),
            resumed: Vec::new(),
        }
    }

    pub(crate) fn link(&mut self, key: u64) -> &mut Link {
        &mut self.links[usize::try_from(key).unwrap()]
    }

    pub(crate) fn key(&self, client: usize, id: u64) -> u64 {
        *self.names.get(&(client, id)).expect("the client has opened it")
    }

    /// Notes that what becomes of a connection of this client's is not its fault, or the server's.
    pub(crate) fn harm(&mut self, key: u64) {
        let link = &self.links[usize::try_from(key).unwrap()];
        let mark = (link.client, link.conn);
        if !self.harmed.contains(&mark) {
            self.harmed.push(mark);
        }
    }

    /// Lets something arrive, in order on one connection.
    pub(crate) fn toward(&mut self, to: To, key: u64, arrival: Arrival, extra: u64) {
        let jitter = self.rng.below(self.swarm.jitter);
        let buffered = self.rng.per_mille(self.swarm.faults.buffer);
        let extra = extra + if buffered { self.rng.below(3 * S) } else { 0 };
        if buffered {
            self.harm(key);
        }
        let (now, latency) = (self.agenda.now, self.swarm.latency);
        let link = self.link(key);
        link.active = now;
        if link.shut[to as usize] {
            return;
        }
        if let Some(held) = &mut link.held[to as usize] {
            return held.push(arrival);
        }
        let at = (now + latency + jitter + extra).max(link.last[to as usize]);
        link.last[to as usize] = at;
        self.agenda.at(at, Task::Arrive(key, arrival));
    }

    /// Lets a side know something by itself.
    fn locally(&mut self, key: u64, arrival: Arrival, delay: u64) {
        self.agenda.after(delay, Task::Arrive(key, arrival));
    }

    fn add(&mut self, link: Link) -> u64 {
        let key = self.links.len() as u64;
        let name = (link.client, link.id);
        self.links.push(link);
        assert!(self.names.insert(name, key).is_none(), "names are used once");
        key
    }

    fn new_link(&mut self, client: usize, conn: u64, id: u64, target: String) -> Link {
        let sid = target
            .split_once("&sid=")
            .map(|(_, rest)| rest.split('&').next().expect("split gives something").to_owned());
        // What has no id, or one that is new, is the beginning of the next connection.
        let conn =
            sid.as_ref().map_or(conn + 1, |sid| *self.conns.entry(sid.clone()).or_insert(conn + 1));
        let now = self.agenda.now;
        Link {
            client,
            id,
            conn,
            websocket: false,
            copy_of: None,
            method: "GET",
            target,
            headers: Headers::new(),
            body: Bytes::new(),
            of_session: sid.is_some(),
            sid,
            open: [false, true],
            accepted: false,
            opened: false,
            busy: [false; 2],
            shut: [false; 2],
            dead: [false; 2],
            held: [None, None],
            last: [now; 2],
            paused: false,
            unread: VecDeque::new(),
            active: now,
        }
    }

    // What clients want.

    pub(crate) fn take_from_client(
        &mut self,
        client: usize,
        conn: u64,
        output: FromClient<client::Event>,
    ) {
        match output {
            FromClient::Request { req: RequestId(id), request } => {
                self.on_request(client, conn, id, request);
            }
            FromClient::Abort { req: RequestId(id) } => {
                let key = self.hang_up(client, id);
                self.end_exchange(key, false);
                self.toward(To::Server, key, Arrival::Aborted, 0);
            }
            FromClient::Open { ws: WsId(id), target, headers, .. } => {
                let link =
                    Link { websocket: true, headers, ..self.new_link(client, conn, id, target) };
                let key = self.add(link);
                self.on_open(client, key);
            }
            // A driver need not answer it.
            FromClient::Ping { .. } => {}
            FromClient::Send { ws: WsId(id), frames } => {
                let key = self.key(client, id);
                let link = self.link(key);
                assert!(link.open[1] && link.opened, "sent on an open WebSocket");
                assert!(!std::mem::replace(&mut link.busy[0], true), "one Send in flight");
                assert!(!frames.as_slice().is_empty(), "a Send sends something");
                let (sid, probing) = (link.sid.clone(), link.of_session);
                let sid = sid.expect("nothing is sent before the session is open");
                let write = self.swarm.write;
                for frame in frames {
                    self.wire.on_client_frame(&sid, &frame, probing);
                    self.toward(To::Server, key, Arrival::ServerFrame(frame), write);
                }
                self.locally(key, Arrival::ClientDrained, write);
            }
            FromClient::Close { ws: WsId(id) } => {
                let key = self.hang_up(client, id);
                self.toward(To::Server, key, Arrival::ServerClosed(CloseCause::Peer), 0);
            }
            FromClient::Event(_) => unreachable!("events are no work for the network"),
        }
    }

    fn hang_up(&mut self, client: usize, id: u64) -> u64 {
        let key = self.key(client, id);
        assert!(std::mem::replace(&mut self.link(key).open[1], false), "given up once");
        key
    }

    /// A request is over for the client.
    pub(crate) fn end_exchange(&mut self, key: u64, failed: bool) {
        let link = &self.links[usize::try_from(key).unwrap()];
        if let Some(sid) = link.sid.as_deref().filter(|_| link.of_session) {
            self.wire.on_end(sid, key, failed);
        }
    }

    fn on_request(&mut self, client: usize, conn: u64, id: u64, request: HttpRequest) {
        let HttpRequest { method, target, headers, body, .. } = request;
        let link = Link { method, headers, body, ..self.new_link(client, conn, id, target) };
        let key = self.add(link);
        let link = &self.links[usize::try_from(key).unwrap()];
        let (sid, body) = (link.sid.clone(), link.body.clone());
        if let Some(sid) = &sid {
            self.wire.on_request(sid, method, &body, key);
        }
        if self.down[client] {
            self.harm(key);
            return self.locally(key, Arrival::Failed, MS);
        }
        if sid.is_some() && self.rng.per_mille(self.swarm.faults.unsticky) {
            self.harm(key);
            let body = Bytes::from_static(b"{\"code\":1,\"message\":\"Session ID unknown\"}");
            let response = Response { body, ..Response::empty(400) };
            return self.toward(To::Client, key, Arrival::Response(response), 0);
        }
        self.toward(To::Server, key, Arrival::Request, 0);
        if method == "GET" && sid.is_some() {
            if let Some(limit) = self.swarm.faults.poll_limit {
                self.agenda.after(limit, Task::KillPoll(key));
            }
            if self.rng.per_mille(self.swarm.faults.repeat) {
                self.repeat(key);
            }
        }
    }

    /// Makes a GET once more, as a proxy does that takes the first one for lost. If that was
    /// answered meanwhile, it does not: what the server says then would be lost, and neither side
    /// could know.
    fn repeat(&mut self, key: u64) {
        self.harm(key);
        let link = &self.links[usize::try_from(key).unwrap()];
        let (client, conn, target) = (link.client, link.conn, link.target.clone());
        let mut copy = self.new_link(client, conn, u64::MAX - key, target);
        copy.open[1] = false;
        copy.copy_of = Some(key);
        let key = self.add(copy);
        self.toward(To::Server, key, Arrival::Request, 0);
    }

    fn on_open(&mut self, client: usize, key: u64) {
        if self.down[client] {
            self.harm(key);
            return self.locally(key, Arrival::ClientClosed(CloseCause::Error), MS);
        }
        if self.rng.per_mille(self.swarm.faults.refuse) {
            self.harm(key);
            let refusal = Response::empty(self.rng.pick(&[400, 403, 502]));
            return self.toward(To::Client, key, Arrival::Refused(refusal), 0);
        }
        self.toward(To::Server, key, Arrival::Upgrade, 0);
        if let Some(limit) = self.swarm.faults.idle_limit {
            self.agenda.after(limit, Task::KillIdle(key));
        }
    }

    // What the server wants.

    pub(crate) fn take_from_server(&mut self, output: FromServer<Event>) {
        match output {
            FromServer::ReadBody { req: RequestId(key), .. } => self.on_read(key),
            FromServer::Respond { req: RequestId(key), response } => {
                self.conclude(key);
                self.on_response(key, response);
            }
            FromServer::Abort { req: RequestId(key) } => {
                self.conclude(key);
                self.toward(To::Client, key, Arrival::Failed, 0);
            }
            FromServer::Accept { ws: WsId(key), .. } => {
                let link = self.link(key);
                assert!(link.open[0] && !std::mem::replace(&mut link.accepted, true));
                self.toward(To::Client, key, Arrival::Opened, 0);
                if self.rng.per_mille(self.swarm.faults.swallow) {
                    self.harm(key);
                    self.link(key).shut = [true; 2];
                }
            }
            FromServer::Refuse { ws: WsId(key), response } => {
                self.conclude(key);
                self.toward(To::Client, key, Arrival::Refused(response), 0);
            }
            FromServer::Send { ws: WsId(key), frames } => {
                let link = self.link(key);
                assert!(link.open[0] && link.accepted, "I7: sent on an open WebSocket");
                assert!(!std::mem::replace(&mut link.busy[1], true), "one Send in flight");
                let (probing, clogged) = (link.of_session, link.held[1].is_some());
                for frame in frames {
                    let link = self.link(key);
                    link.sid = link.sid.take().or_else(|| wire::opened(frame.bytes()));
                    let sid = link.sid.clone().expect("the handshake comes first");
                    self.wire.on_server_frame(&sid, &frame, probing);
                    self.toward(To::Client, key, Arrival::ClientFrame(frame), 0);
                }
                // What a hole swallows fills the buffers of the system, and then the server waits.
                if clogged && self.rng.one_in(2) {
                    self.link(key).held[1].iter_mut().for_each(|held| {
                        held.push(Arrival::ServerDrained);
                    });
                } else {
                    let write = self.swarm.write;
                    self.locally(key, Arrival::ServerDrained, write);
                }
            }
            FromServer::Pause { ws: WsId(key) } => self.link(key).paused = true,
            FromServer::Resume { ws: WsId(key) } => {
                self.link(key).paused = false;
                self.resumed.push(key);
            }
            FromServer::Close { ws: WsId(key) } => {
                self.conclude(key);
                self.toward(To::Client, key, Arrival::ClientClosed(CloseCause::Peer), 0);
            }
            FromServer::Event(_) => unreachable!("events are no work for the network"),
        }
    }

    fn on_read(&mut self, key: u64) {
        assert!(self.link(key).open[0], "I7: a body is read of an open request");
        let body = std::mem::take(&mut self.link(key).body);
        if self.rng.per_mille(self.swarm.faults.cut_body) {
            self.harm(key);
            let delay = self.rng.below(S);
            self.locally(key, Arrival::Aborted, delay);
            self.link(key).shut = [true; 2];
            return self.locally(key, Arrival::Failed, 2 * delay);
        }
        let delay = if self.rng.one_in(4) { self.rng.below(self.swarm.jitter) } else { 0 };
        let arrival = Arrival::Body(body);
        let link = self.link(key);
        match &mut link.held[0] {
            Some(held) => held.push(arrival),
            None => self.locally(key, arrival, delay),
        }
    }

    fn on_response(&mut self, key: u64, response: Response) {
        let link = self.link(key);
        link.sid = link.sid.take().or_else(|| wire::opened(&response.body));
        let is_get = link.method == "GET" && response.status == 200;
        if let Some(sid) = self.link(key).sid.clone().filter(|_| is_get) {
            self.wire.on_answer(&sid, &response.body);
        }
        if self.rng.per_mille(self.swarm.faults.cut_answer) {
            self.harm(key);
            return self.toward(To::Client, key, Arrival::Failed, 0);
        }
        self.toward(To::Client, key, Arrival::Response(response), 0);
    }

    /// A connection is over for the server.
    fn conclude(&mut self, key: u64) {
        let open = std::mem::replace(&mut self.link(key).open[0], false);
        assert!(open, "I7: one answer for each request, and none after it is gone");
    }
}
