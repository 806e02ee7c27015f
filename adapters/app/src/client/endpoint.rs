//! The machine of a client: the core's client together with the handlers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use log::Level;
use sockeye_core::client::{Attempt, Input};

use super::connection::Connection;
use super::handlers::Ask;
use super::machine::{Machine, Runtime};
use super::shared::Shared;
use crate::state::driven::Wake;
use crate::state::report::write;

pub(super) type ConnectionHandler = Box<dyn Fn(&Connection) + Send + Sync>;

/// The machine of a [`Client`](super::Client). It alone keeps the client; handles refer to it.
pub(super) struct Endpoint {
    pub(super) shared: Arc<Shared>,
    pub(super) on_connection: Option<ConnectionHandler>,
    pub(super) ask_attempt: Option<Ask<Attempt>>,
}

impl Machine for Endpoint {
    fn handle(&self, input: Input, now: Instant) {
        self.shared.driven.with(|state| state.client.handle(input, now));
    }

    fn handle_timeout(&self, now: Instant) {
        self.shared.driven.with(|state| state.client.handle_timeout(now));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.shared.driven.with(|state| state.client.poll_timeout())
    }

    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime) {
        self.shared.driven.drive(|output| match output.into_event() {
            Ok(event) => {
                // Handlers are guarded one by one; values that they leave behind are not.
                let dispatch = AssertUnwindSafe(|| self.dispatch(event, runtime));
                if catch_unwind(dispatch).is_err() {
                    write(Level::Error, &"a panic beside the handlers; everything else goes on");
                }
            }
            Err(output) => runtime.perform(output),
        });
    }

    fn set_waker(&self, wake: Wake) {
        self.shared.driven.set_waker(wake);
    }

    fn is_full(&self) -> bool {
        self.shared.driven.with(|state| state.held.is_full())
    }

    fn is_over(&self) -> bool {
        self.shared.driven.with(|state| state.closing && state.client.is_idle())
    }

    fn abandon(&self) {
        self.shared.abandon();
    }
}
