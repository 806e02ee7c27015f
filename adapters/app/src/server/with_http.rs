//! A machine whose answers are completed by the layer of HTTP.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sockeye_core::engineio::EngineConfig;
use sockeye_core::{Input, Output, Request, RequestId, Response};

use super::machine::{Machine, Runtime};
use crate::handlers::handler::Task;
use crate::http::{HttpConfig, Layer, Turn};
use crate::state::driven::Wake;

/// A machine whose answers are completed by the layer of HTTP.
pub(crate) struct WithHttp {
    layer: Layer,
    machine: Arc<dyn Machine>,
    /// The answers that the machine has no part in.
    own: Mutex<VecDeque<(RequestId, Response)>>,
}

impl WithHttp {
    pub(crate) fn new(machine: Arc<dyn Machine>, http: HttpConfig, engine: &EngineConfig) -> Self {
        Self { layer: Layer::new(http, engine), machine, own: Mutex::default() }
    }

    fn own(&self) -> MutexGuard<'_, VecDeque<(RequestId, Response)>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds the machine. If it panics, which a function of the configuration may, the request gets
    /// no answer from it.
    fn feed(&self, input: Input<'_>, now: Instant, forget: impl FnOnce(&Layer)) {
        let feed = AssertUnwindSafe(|| self.machine.handle(input, now));
        if let Err(panic) = catch_unwind(feed) {
            forget(&self.layer);
            resume_unwind(panic);
        }
    }
}

impl Machine for WithHttp {
    fn matches(&self, path: &str) -> bool {
        self.machine.matches(path) || self.layer.has_file(path)
    }

    fn max_payload(&self) -> usize {
        self.machine.max_payload()
    }

    fn refusal(&self, request: &Request<'_>) -> Response {
        self.machine.refusal(request)
    }

    fn handle(&self, input: Input<'_>, now: Instant) {
        match &input {
            Input::Request { req, request } => {
                let req = *req;
                match self.layer.on_request(req, request, now) {
                    Some(response) => self.own().push_back((req, response)),
                    None => self.feed(input, now, |layer| layer.forget_request(req)),
                }
            }
            Input::Upgrade { ws, request } => {
                let ws = *ws;
                self.layer.on_upgrade(ws, request);
                self.feed(input, now, |layer| layer.forget_websocket(ws));
            }
            Input::Aborted { req } => {
                self.layer.forget_request(*req);
                self.machine.handle(input, now);
            }
            Input::Closed { ws, .. } => {
                self.layer.forget_websocket(*ws);
                self.machine.handle(input, now);
            }
            Input::Body { .. }
            | Input::BodyTooLarge { .. }
            | Input::BodyTimedOut { .. }
            | Input::Frame { .. }
            | Input::Drained { .. } => self.machine.handle(input, now),
        }
    }

    fn handle_timeout(&self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        loop {
            let answer = self.own().pop_front();
            let Some((req, response)) = answer else { break };
            runtime.perform(Output::Respond { req, response });
        }
        let turn = Turn::new(&self.layer);
        Arc::clone(&self.machine).drive(&mut Completing { turn, runtime });
    }

    fn set_waker(&self, wake: Wake) {
        self.machine.set_waker(wake);
    }

    fn close(&self, now: Instant) {
        self.machine.close(now);
    }

    fn retire(&self, over: Duration, now: Instant) {
        self.machine.retire(over, now);
    }

    fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }
}

/// A runtime that gets the outputs of the machine completed.
struct Completing<'a> {
    turn: Turn<'a>,
    runtime: &'a mut dyn Runtime,
}

impl Runtime for Completing<'_> {
    fn perform(&mut self, output: Output<Infallible>) {
        self.runtime.perform(self.turn.complete(output));
    }

    fn spawn(&mut self, task: Task) {
        self.runtime.spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sockeye_core::engineio::{Cors, Origins};
    use sockeye_core::{CloseCause, WsId};

    use super::*;
    use crate::http::HeaderHook;
    use crate::server::engine_app::EngineApp;
    use crate::server::machine::IntoMachine;

    /// Feeds a request and a handshake of a page of this origin.
    fn feed(machine: &WithHttp, origin: &str) {
        let headers: &[(&str, &[u8])] =
            &[("accept-encoding", b"gzip"), ("origin", origin.as_bytes())];
        let feed = |input: Input<'_>| {
            let handle = AssertUnwindSafe(|| machine.handle(input, Instant::now()));
            assert_eq!(catch_unwind(handle).is_err(), origin == "panic");
        };
        let (method, remote, secure) = ("GET", None, false);
        let target = "/engine.io/?EIO=4&transport=polling";
        let request = Request { method, target, headers, remote, secure };
        feed(Input::Request { req: RequestId(1), request });
        let target = "/engine.io/?EIO=4&transport=websocket";
        let request = Request { target, ..request };
        feed(Input::Upgrade { ws: WsId(1), request });
    }

    #[test]
    fn nothing_is_kept_for_requests_that_get_no_answer() {
        let refuse_panic = |origin: &str| {
            assert_ne!(origin, "panic", "as asked");
            true
        };
        let cors = Cors::new(Origins::Matching(Arc::new(refuse_panic)));
        let engine = EngineConfig::default().cors(cors).manual_accept(true);
        let inner =
            EngineApp::new().config(engine.clone()).allow_request(async |_| Ok::<_, &str>(()));
        let hook = HeaderHook::new(|_, _, headers| headers.push(("x".into(), "y".into())));
        let http = HttpConfig::default().header_hook(hook);
        let machine = WithHttp::new(inner.into_machine().expect("valid"), http, &engine);

        feed(&machine, "panic");
        assert!(machine.layer.is_empty());
        feed(&machine, "good");
        assert!(!machine.layer.is_empty(), "nothing is decided");
        machine.handle(Input::Aborted { req: RequestId(1) }, Instant::now());
        machine.handle(Input::Closed { ws: WsId(1), cause: CloseCause::Peer }, Instant::now());
        assert!(machine.layer.is_empty());
    }
}
