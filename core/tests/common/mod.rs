//! Plays clients against the machines, without sockets and in virtual time.
//!
//! Every step checks what must hold whatever happens: one answer for each request, at most one
//! `Send` in flight for each WebSocket, nothing after `Close`, no deadline left in the past, events
//! in the order of a life. When a harness is dropped, everybody leaves, and nothing must remain.

#![allow(dead_code, reason = "each test file uses some of the helpers")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

mod engine;
mod server;
mod words;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockeye_core::{CloseCause, Frame, Headers, Input, Output, RequestId, Response, WsId};

#[allow(unused_imports, reason = "each test file uses some of them")]
pub(crate) use server::{PollingClient, WebSocketClient, unpack};
use words::{check_headers, epoch, request};
#[allow(unused_imports, reason = "each test file uses some of them")]
pub(crate) use words::{secs, show};

pub(crate) const SEED: [u8; 32] = [7; 32];

/// What a message counts while it waits to be sent.
pub(crate) fn cost(message: &str) -> usize {
    message.len() + sockeye_core::engineio::Encoded::OVERHEAD
}

/// What both machines have in common.
pub(crate) trait Machine {
    type Event: Debug;
    /// What is remembered to check that events come in a sensible order.
    type Watch: Default;
    const PATH: &'static str;

    fn handle(&mut self, input: Input<'_>, now: Instant);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_output(&mut self) -> Option<Output<Self::Event>>;
    fn poll_timeout(&self) -> Option<Instant>;
    /// Returns whether tests see the event among the others.
    fn watch(watch: &mut Self::Watch, event: &Self::Event) -> bool;
    fn assert_forgotten(&self);
}

pub(crate) struct Harness<M: Machine> {
    pub(crate) server: M,
    pub(crate) now: Instant,
    /// The address that requests come from.
    pub(crate) remote: Option<SocketAddr>,
    /// Whether outputs are taken after every input, as most drivers do.
    pub(crate) eager: bool,
    /// Everything that went in and came out, in order, if it is wanted.
    pub(crate) transcript: Option<Vec<String>>,
    requests: BTreeMap<RequestId, Exchange>,
    websockets: BTreeMap<WsId, Pipe>,
    events: Vec<M::Event>,
    watch: M::Watch,
    last_id: u64,
}

#[derive(Debug)]
enum Exchange {
    /// With the limit of the body, once it was asked for.
    Open(Option<usize>),
    Answered(Response),
    Aborted,
    Gone,
}

#[derive(Debug, Default)]
struct Pipe {
    state: State,
    /// Those of the answer to the handshake.
    headers: Headers,
    in_flight: bool,
    stalled: bool,
    paused: bool,
    received: Vec<Frame>,
    /// How many messages each `Send` carried.
    sends: Vec<usize>,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Asking,
    Open,
    Refused(Response),
    Closed,
}

impl<M: Machine> Harness<M> {
    pub(crate) fn around(server: M) -> Self {
        Self {
            server,
            now: epoch(),
            remote: None,
            eager: true,
            transcript: None,
            requests: BTreeMap::new(),
            websockets: BTreeMap::new(),
            events: Vec::new(),
            watch: M::Watch::default(),
            last_id: 0,
        }
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn feed(&mut self, input: Input<'_>) {
        self.record(format_args!("> {input:?}"));
        self.server.handle(input, self.now);
        if self.eager {
            self.collect();
        }
    }

    fn record(&mut self, line: std::fmt::Arguments<'_>) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push(line.to_string());
        }
    }

    /// Carries out what the machine wants; every client that is not stalled reads at once.
    pub(crate) fn collect(&mut self) {
        loop {
            while let Some(output) = self.server.poll_output() {
                self.record(format_args!("< {output:?}"));
                self.perform(output);
            }
            assert!(self.server.poll_output().is_none(), "None is final");
            let ready = |pipe: &Pipe| pipe.in_flight && !pipe.stalled;
            let Some((&ws, _)) = self.websockets.iter().find(|(_, pipe)| ready(pipe)) else {
                return;
            };
            self.write_ended(ws);
        }
    }

    /// Carries out one output; false if there is none.
    pub(crate) fn step(&mut self) -> bool {
        let Some(output) = self.server.poll_output() else { return false };
        self.record(format_args!("< {output:?}"));
        self.perform(output);
        true
    }

    /// Takes the events that came so far, without asking for more.
    pub(crate) fn take_events(&mut self) -> Vec<M::Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn is_in_flight(&self, ws: WsId) -> bool {
        self.websockets[&ws].in_flight
    }

    pub(crate) fn wants_body_now(&self, req: RequestId) -> Option<usize> {
        match self.requests[&req] {
            Exchange::Open(limit) => limit,
            Exchange::Answered(_) | Exchange::Aborted | Exchange::Gone => None,
        }
    }

    pub(crate) fn last_event(&self) -> Option<&M::Event> {
        self.events.last()
    }

    fn perform(&mut self, output: Output<M::Event>) {
        match output {
            Output::ReadBody { req, limit } => {
                let exchange = self.requests.get_mut(&req).expect("a known request");
                assert!(matches!(exchange, Exchange::Open(None)), "{exchange:?}");
                *exchange = Exchange::Open(Some(limit));
            }
            Output::Respond { req, response } => {
                check_headers(&response.headers);
                self.conclude(req, Exchange::Answered(response));
            }
            Output::Abort { req } => self.conclude(req, Exchange::Aborted),
            Output::Accept { ws, headers, .. } => {
                check_headers(&headers);
                let pipe = self.pipe(ws, &State::Asking);
                (pipe.state, pipe.headers) = (State::Open, headers);
            }
            Output::Refuse { ws, response } => {
                check_headers(&response.headers);
                self.pipe(ws, &State::Asking).state = State::Refused(response);
            }
            Output::Send { ws, frames } => {
                let pipe = self.pipe(ws, &State::Open);
                assert!(!pipe.in_flight, "at most one Send is in flight");
                assert!(!frames.as_slice().is_empty(), "a Send sends something");
                pipe.in_flight = true;
                pipe.sends.push(frames.as_slice().len());
                pipe.received.extend(frames);
            }
            Output::Pause { ws } => {
                let pipe = self.pipe(ws, &State::Open);
                assert!(!std::mem::replace(&mut pipe.paused, true), "paused once");
            }
            Output::Resume { ws } => {
                let pipe = self.pipe(ws, &State::Open);
                assert!(std::mem::replace(&mut pipe.paused, false), "resumed once");
            }
            Output::Close { ws } => {
                let pipe = self.pipe(ws, &State::Open);
                pipe.state = State::Closed;
                pipe.in_flight = false;
            }
            Output::Event(event) => {
                if M::watch(&mut self.watch, &event) {
                    self.events.push(event);
                }
            }
        }
    }

    fn conclude(&mut self, req: RequestId, end: Exchange) {
        let exchange = self.requests.get_mut(&req).expect("a known request");
        assert!(
            matches!(exchange, Exchange::Open(_)),
            "one answer for each request, but {exchange:?} came before {end:?}"
        );
        *exchange = end;
    }

    fn pipe(&mut self, ws: WsId, expected: &State) -> &mut Pipe {
        let pipe = self.websockets.get_mut(&ws).expect("a known WebSocket");
        assert_eq!(pipe.state, *expected);
        pipe
    }

    // Time.

    /// Lets time pass, with a visit at each deadline.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        self.collect();
        while let Some(next) = self.server.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.record(format_args!("> {:?}", self.now - epoch()));
            self.server.handle_timeout(self.now);
            let due = self.server.poll_timeout();
            assert!(due.is_none_or(|due| due > self.now), "no busy loop");
            self.collect();
        }
        self.now = end;
    }

    // HTTP.

    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &[u8])],
    ) -> RequestId {
        let req = RequestId(self.id());
        self.requests.insert(req, Exchange::Open(None));
        let request = request(method, target, headers, self.remote);
        self.feed(Input::Request { req, request });
        req
    }

    /// Sends a GET, which is often answered later.
    pub(crate) fn get(&mut self, sid: &str) -> RequestId {
        self.request("GET", &Self::target("polling", Some(sid)), &[])
    }

    /// Sends a whole POST.
    pub(crate) fn post(&mut self, sid: &str, body: impl Into<Bytes>) -> RequestId {
        let req = self.post_head(sid);
        if self.wants_body(req).is_some() {
            self.body(req, body);
        }
        req
    }

    /// Sends the head of a POST alone.
    pub(crate) fn post_head(&mut self, sid: &str) -> RequestId {
        self.request("POST", &Self::target("polling", Some(sid)), &[])
    }

    pub(crate) fn body(&mut self, req: RequestId, body: impl Into<Bytes>) {
        let body = body.into();
        self.feed(Input::Body { req, body });
    }

    pub(crate) fn abort(&mut self, req: RequestId) {
        self.collect();
        self.conclude(req, Exchange::Gone);
        self.feed(Input::Aborted { req });
    }

    /// The limit of the body that the machine waits for.
    pub(crate) fn wants_body(&mut self, req: RequestId) -> Option<usize> {
        self.collect();
        match self.requests[&req] {
            Exchange::Open(limit) => limit,
            Exchange::Answered(_) | Exchange::Aborted | Exchange::Gone => None,
        }
    }

    pub(crate) fn is_waiting(&mut self, req: RequestId) -> bool {
        self.collect();
        matches!(self.requests[&req], Exchange::Open(_))
    }

    pub(crate) fn is_aborted(&mut self, req: RequestId) -> bool {
        self.collect();
        matches!(self.requests[&req], Exchange::Aborted)
    }

    pub(crate) fn response(&mut self, req: RequestId) -> Response {
        self.collect();
        match &self.requests[&req] {
            Exchange::Answered(response) => response.clone(),
            other => panic!("{req:?} has no answer: {other:?}"),
        }
    }

    /// The answer to a request as `200 body`.
    pub(crate) fn answer(&mut self, req: RequestId) -> String {
        let Response { status, body, .. } = self.response(req);
        format!("{status} {}", String::from_utf8_lossy(&body)).trim_end().to_owned()
    }

    /// Fetches what waits: sends a GET and returns the body of the answer.
    pub(crate) fn fetch(&mut self, sid: &str) -> String {
        let req = self.get(sid);
        let response = self.response(req);
        assert_eq!(response.status, 200);
        String::from_utf8(response.body.to_vec()).expect("payloads are text")
    }

    pub(crate) fn target(transport: &str, sid: Option<&str>) -> String {
        let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
        format!("{}/?EIO=4&transport={transport}{sid}", M::PATH)
    }

    // WebSockets.

    pub(crate) fn upgrade_with(&mut self, target: &str, headers: &[(&str, &[u8])]) -> WsId {
        let ws = WsId(self.id());
        self.websockets.insert(ws, Pipe::default());
        let request = request("GET", target, headers, self.remote);
        self.feed(Input::Upgrade { ws, request });
        ws
    }

    /// Opens a WebSocket that is to take over a session.
    pub(crate) fn upgrade(&mut self, sid: &str) -> WsId {
        self.upgrade_with(&Self::target("websocket", Some(sid)), &[])
    }

    pub(crate) fn frame(&mut self, ws: WsId, text: impl Into<Bytes>) {
        let frame = Frame::Text(text.into());
        self.feed(Input::Frame { ws, frame });
    }

    pub(crate) fn binary(&mut self, ws: WsId, data: impl Into<Bytes>) {
        let frame = Frame::Binary(data.into());
        self.feed(Input::Frame { ws, frame });
    }

    /// What is sent to this client from now on is not written.
    pub(crate) fn stall(&mut self, ws: WsId) {
        self.collect();
        self.websockets.get_mut(&ws).expect("known").stalled = true;
    }

    /// The write that is in flight ends.
    pub(crate) fn drained(&mut self, ws: WsId) {
        if self.eager {
            self.collect();
        }
        self.write_ended(ws);
        if self.eager {
            self.collect();
        }
    }

    pub(crate) fn write_ended(&mut self, ws: WsId) {
        self.websockets.get_mut(&ws).expect("known").in_flight = false;
        let input = Input::Drained { ws };
        self.record(format_args!("> {input:?}"));
        self.server.handle(input, self.now);
    }

    pub(crate) fn closed(&mut self, ws: WsId, cause: CloseCause) {
        self.collect();
        let pipe = self.pipe(ws, &State::Open);
        pipe.state = State::Closed;
        pipe.in_flight = false;
        self.feed(Input::Closed { ws, cause });
    }

    /// The client is gone before its handshake was answered.
    pub(crate) fn given_up(&mut self, ws: WsId) {
        self.collect();
        self.pipe(ws, &State::Asking).state = State::Closed;
        self.feed(Input::Closed { ws, cause: CloseCause::Error });
    }

    pub(crate) fn is_open(&mut self, ws: WsId) -> bool {
        self.collect();
        self.websockets[&ws].state == State::Open
    }

    /// Whether the handshake of a WebSocket was not answered.
    pub(crate) fn is_asking(&mut self, ws: WsId) -> bool {
        self.collect();
        self.websockets[&ws].state == State::Asking
    }

    /// Whether nothing is to be read from a WebSocket.
    pub(crate) fn is_paused(&mut self, ws: WsId) -> bool {
        self.collect();
        self.websockets[&ws].paused
    }

    /// The headers of the answer to a WebSocket handshake, whether it was accepted or refused.
    pub(crate) fn handshake_headers(&mut self, ws: WsId) -> Headers {
        self.collect();
        match &self.websockets[&ws] {
            Pipe { state: State::Refused(response), .. } => response.headers.clone(),
            pipe => pipe.headers.clone(),
        }
    }

    /// The answer to a WebSocket handshake that was refused, as `400 body`.
    pub(crate) fn refusal(&mut self, ws: WsId) -> String {
        self.collect();
        match &self.websockets[&ws].state {
            State::Refused(Response { status, body, .. }) => {
                format!("{status} {}", String::from_utf8_lossy(body))
            }
            other => panic!("{ws:?} was not refused: {other:?}"),
        }
    }

    /// Takes the messages that were sent; binary ones are shown as `<01 02>`.
    pub(crate) fn received(&mut self, ws: WsId) -> Vec<String> {
        self.collect();
        let pipe = self.websockets.get_mut(&ws).expect("known");
        pipe.sends.clear();
        pipe.received.drain(..).map(|frame| show(&frame)).collect()
    }

    /// Takes the messages that were sent, as they are.
    pub(crate) fn frames(&mut self, ws: WsId) -> Vec<Frame> {
        self.collect();
        std::mem::take(&mut self.websockets.get_mut(&ws).expect("known").received)
    }

    /// Takes the sizes of the `Send`s, in messages.
    pub(crate) fn sends(&mut self, ws: WsId) -> Vec<usize> {
        self.collect();
        std::mem::take(&mut self.websockets.get_mut(&ws).expect("known").sends)
    }

    // The application.

    /// Takes the events that came.
    pub(crate) fn events(&mut self) -> Vec<M::Event> {
        self.collect();
        std::mem::take(&mut self.events)
    }

    /// All connections break; what the machine still remembers has to time out.
    pub(crate) fn everybody_leaves(&mut self) {
        self.eager = true;
        self.collect();
        let open: Vec<_> = self
            .websockets
            .iter()
            .filter(|(_, pipe)| pipe.state == State::Open)
            .map(|(&ws, _)| ws)
            .collect();
        for ws in open {
            if self.is_open(ws) {
                self.closed(ws, CloseCause::Error);
            }
        }
        let waiting: Vec<_> = self.requests.keys().copied().collect();
        for req in waiting {
            if self.is_waiting(req) {
                self.abort(req);
            }
        }
        self.advance(Duration::from_secs(24 * 3600));
    }
}

impl<M: Machine> Drop for Harness<M> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.everybody_leaves();
            self.server.assert_forgotten();
            assert_eq!(self.server.poll_timeout(), None);
        }
    }
}
