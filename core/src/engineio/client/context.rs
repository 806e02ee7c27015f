//! What a dialer works with besides itself.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::engineio::Transport;
use crate::engineio::client::target::target;
use crate::id::{Mint, SocketId};
use crate::io::{Frame, Headers, RequestId, WsId};
use crate::socketio::client::{Attempt, Config, Cookies, Event, Fault, Fetch, Output};

pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) mint: Mint,
    pub(super) cookies: Cookies,
    /// Counts the inputs, so that it is known whether something happened during this one.
    pub(crate) turn: u64,
    /// Something that was emitted was lost with its session.
    pub(crate) lost_data: bool,
    outputs: VecDeque<Output>,
    reports: VecDeque<Report>,
    last_id: u64,
}

/// What the layer above has to know.
#[derive(Debug)]
pub(crate) enum Report {
    /// The session is open, over this transport.
    Opened(Transport),
    /// A message arrived.
    Message(Frame),
    /// The session went over to a WebSocket.
    Upgraded,
    /// The session stays with long-polling.
    NotUpgraded(Fault),
    /// The session is over.
    Closed(Ending, Option<Fault>),
    /// There is no session, and will be none.
    Failed(Fault),
}

/// How a session ends against the will of this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    PingTimeout,
    TransportClose,
    TransportError,
    ParseError,
}

impl Context {
    pub(crate) fn new(config: Config, mint: Mint) -> Self {
        let (outputs, reports) = (VecDeque::new(), VecDeque::new());
        let cookies = Cookies::default();
        Self { config, mint, cookies, turn: 1, lost_data: false, outputs, reports, last_id: 0 }
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    /// Drops the events that have arrived for a socket and were not taken yet.
    pub(crate) fn drop_received(&mut self, id: SocketId) {
        let is_for_it = |output: &Output| matches!(output, Output::Event(Event::Received { socket, .. }) if *socket == id);
        self.outputs.retain(|output| !is_for_it(output));
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn report(&mut self, report: Report) {
        self.reports.push_back(report);
    }

    pub(crate) fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// Forgets what a session had to say which is not of interest any more.
    pub(crate) fn ignore_reports(&mut self) {
        self.reports.clear();
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn request(
        &mut self,
        method: &'static str,
        sid: Option<&str>,
        body: Bytes,
        attempt: &Attempt,
    ) -> RequestId {
        let req = RequestId(self.id());
        let config = &self.config;
        let stamp = config.timestamp_param.is_some().then(|| self.mint.sid());
        let stamp = stamp.as_ref().map(|stamp| &stamp.as_str()[12..]);
        let query = attempt.query.as_ref().unwrap_or(&config.query);
        let target = target(config, query, Transport::Polling, sid, stamp);
        let mut headers: Headers = vec![("Accept".into(), "*/*".into())];
        if method == "POST" {
            headers.push(("Content-Type".into(), "text/plain;charset=UTF-8".into()));
        }
        self.dress(&mut headers, attempt);
        let limit = config.max_incoming;
        let address = attempt.address.clone();
        let fetch = Fetch { method, address, target, headers, body, limit };
        self.push(Output::Request { req, fetch });
        req
    }

    fn dress(&self, headers: &mut Headers, attempt: &Attempt) {
        let extra = attempt.headers.as_ref().unwrap_or(&self.config.extra_headers);
        headers.extend(extra.iter().cloned());
        if let Some(cookies) = self.cookies.header() {
            headers.push(("Cookie".into(), cookies.into()));
        }
    }

    pub(super) fn open_websocket(&mut self, sid: Option<&str>, attempt: &Attempt) -> WsId {
        let ws = WsId(self.id());
        let config = &self.config;
        let query = attempt.query.as_ref().unwrap_or(&config.query);
        let target = target(config, query, Transport::WebSocket, sid, None);
        let mut headers = Headers::new();
        self.dress(&mut headers, attempt);
        let (protocols, limit) = (config.protocols.clone(), config.max_incoming);
        let address = attempt.address.clone();
        self.push(Output::Open { ws, address, target, headers, protocols, limit });
        ws
    }
}
