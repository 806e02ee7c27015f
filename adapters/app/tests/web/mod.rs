//! A runtime without I/O: clients are requests, whose answers the tests read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sockeye_app::core::{Headers, Input, Output, Request, RequestId, Response, WsId};
use sockeye_app::{IntoMachine, Machine, Runtime, Task};

/// An app that is being served to clients that exist only as their requests.
pub(crate) struct Web {
    pub(crate) machine: Arc<dyn Machine>,
    work: Work,
    now: Instant,
    requests: u64,
}

#[derive(Default)]
struct Work {
    answers: BTreeMap<RequestId, Response>,
    /// The headers with which handshakes were accepted or refused.
    handshakes: BTreeMap<WsId, (u16, Headers)>,
}

impl Runtime for Work {
    fn perform(&mut self, output: Output<Infallible>) {
        match output {
            Output::Respond { req, response } => {
                assert!(self.answers.insert(req, response).is_none(), "answered once");
            }
            Output::Accept { ws, headers, .. } => {
                self.handshakes.insert(ws, (101, headers));
            }
            Output::Refuse { ws, response } => {
                self.handshakes.insert(ws, (response.status, response.headers));
            }
            Output::ReadBody { .. }
            | Output::Abort { .. }
            | Output::Send { .. }
            | Output::Pause { .. }
            | Output::Resume { .. }
            | Output::Close { .. }
            | Output::Event(_) => {}
        }
    }

    fn spawn(&mut self, _: Task) {
        panic!("no handler waits here");
    }
}

impl Web {
    pub(crate) fn new(app: impl IntoMachine) -> Self {
        let machine = app.into_machine().expect("the configuration is valid");
        Self { machine, work: Work::default(), now: Instant::now(), requests: 0 }
    }

    fn feed(&mut self, input: Input<'_>) {
        self.machine.handle(input, self.now);
        self.drive();
    }

    pub(crate) fn drive(&mut self) {
        Arc::clone(&self.machine).drive(&mut self.work);
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.now += time;
        self.machine.handle_timeout(self.now);
        self.drive();
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> RequestId {
        self.requests += 1;
        let req = RequestId(self.requests);
        let headers = &*bytes(headers);
        let request = Request { method, target, headers, remote: None, secure: false };
        self.feed(Input::Request { req, request });
        req
    }

    pub(crate) fn upgrade(&mut self, target: &str, headers: &[(&str, &str)]) -> WsId {
        self.requests += 1;
        let ws = WsId(self.requests);
        let headers = &*bytes(headers);
        let request = Request { method: "GET", target, headers, remote: None, secure: false };
        self.feed(Input::Upgrade { ws, request });
        ws
    }

    /// The status and the headers of the answer to a handshake.
    pub(crate) fn handshake(&self, ws: WsId) -> &(u16, Headers) {
        self.work.handshakes.get(&ws).expect("it is answered")
    }

    pub(crate) fn answer(&mut self, req: RequestId) -> Response {
        self.work.answers.remove(&req).expect("it is answered")
    }

    pub(crate) fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Response {
        let req = self.request("GET", target, headers);
        self.answer(req)
    }

    pub(crate) fn post(&mut self, target: &str, body: &'static str) -> Response {
        let req = self.request("POST", target, &[]);
        self.feed(Input::Body { req, body: body.into() });
        self.answer(req)
    }

    /// Opens a session; returns its id.
    pub(crate) fn open(&mut self, target: &str) -> String {
        let response = self.get(target, &[]);
        let body = String::from_utf8_lossy(&response.body).into_owned();
        body.split('"').nth(3).expect("an OPEN packet").to_owned()
    }
}

fn bytes<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
}
