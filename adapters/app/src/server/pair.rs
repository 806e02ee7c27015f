//! Several endpoints on one port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sockeye_core::{ConfigError, Input, Request, Response};

use super::machine::{IntoMachine, Machine, Runtime};
use crate::state::driven::Wake;

/// Two endpoints with different paths, served together.
///
/// ```
/// use sockeye_app::core::engineio::EngineConfig;
/// use sockeye_app::{App, EngineApp, IntoMachine};
///
/// let both = (App::new(), EngineApp::new());
/// let machine = both.into_machine()?;
/// assert!(machine.matches("/socket.io/") && machine.matches("/engine.io/"));
/// # Ok::<(), sockeye_app::ConfigError>(())
/// ```
impl<A: IntoMachine, B: IntoMachine> IntoMachine for (A, B) {
    fn into_machine(self) -> Result<Arc<dyn Machine>, ConfigError> {
        Ok(Arc::new(Pair(self.0.into_machine()?, self.1.into_machine()?)))
    }

    fn polling_only(self) -> Self {
        (self.0.polling_only(), self.1.polling_only())
    }
}

/// Requests go where their path belongs. What comes after goes to both: a machine ignores what is
/// about a connection that it does not know.
struct Pair(Arc<dyn Machine>, Arc<dyn Machine>);

impl Machine for Pair {
    fn matches(&self, path: &str) -> bool {
        self.0.matches(path) || self.1.matches(path)
    }

    fn max_payload(&self) -> usize {
        self.0.max_payload().max(self.1.max_payload())
    }

    fn refusal(&self, request: &Request<'_>) -> Response {
        let is_second = !self.0.matches(request.path()) && self.1.matches(request.path());
        let machine = if is_second { &self.1 } else { &self.0 };
        machine.refusal(request)
    }

    fn handle(&self, input: Input<'_>, now: Instant) {
        let again = match &input {
            Input::Request { request, .. } | Input::Upgrade { request, .. } => {
                let first = self.0.matches(request.path());
                return if first { &self.0 } else { &self.1 }.handle(input, now);
            }
            Input::Body { req, body } => Input::Body { req: *req, body: body.clone() },
            Input::BodyTooLarge { req } => Input::BodyTooLarge { req: *req },
            Input::BodyTimedOut { req } => Input::BodyTimedOut { req: *req },
            Input::Aborted { req } => Input::Aborted { req: *req },
            Input::Frame { ws, frame } => Input::Frame { ws: *ws, frame: frame.clone() },
            Input::Drained { ws } => Input::Drained { ws: *ws },
            Input::Closed { ws, cause } => Input::Closed { ws: *ws, cause: *cause },
        };
        self.0.handle(again, now);
        self.1.handle(input, now);
    }

    fn handle_timeout(&self, now: Instant) {
        self.0.handle_timeout(now);
        self.1.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout().into_iter().chain(self.1.poll_timeout()).min()
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        Arc::clone(&self.0).drive(runtime);
        Arc::clone(&self.1).drive(runtime);
    }

    fn set_waker(&self, wake: Wake) {
        let wake: Arc<dyn Fn() + Send + Sync> = wake.into();
        let same = Arc::clone(&wake);
        self.0.set_waker(Box::new(move || wake()));
        self.1.set_waker(Box::new(move || same()));
    }

    fn close(&self, now: Instant) {
        self.0.close(now);
        self.1.close(now);
    }

    fn retire(&self, over: Duration, now: Instant) {
        self.0.retire(over, now);
        self.1.retire(over, now);
    }

    fn is_idle(&self) -> bool {
        self.0.is_idle() && self.1.is_idle()
    }
}
