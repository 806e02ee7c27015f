//! What an adapter drives, and what it has to offer in return.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sockeye_core::engineio::EngineConfig;
use sockeye_core::{Input, Output, Request, Response};

use crate::handlers::handler::Task;

/// What a machine asks of the adapter that drives it.
pub trait Runtime {
    /// Carries out one output. Called without any lock held: it may feed the machine with what comes
    /// of it at once, but must not drive it.
    fn perform(&mut self, output: Output<Infallible>);

    /// Runs the rest of a handler to its end, on this thread.
    fn spawn(&mut self, task: Task);
}

/// A machine with its handlers: an endpoint, made of an [`App`](crate::App) or an
/// [`EngineApp`](crate::EngineApp).
///
/// An adapter feeds inputs with [`handle`](Self::handle) and then calls [`drive`](Self::drive),
/// sleeps until [`poll_timeout`](Self::poll_timeout), and calls `drive` when it was woken.
pub trait Machine: Send + Sync {
    /// Whether a request with this path is for this machine: then it is to be fed as
    /// [`Input::Request`] or [`Input::Upgrade`].
    fn matches(&self, path: &str) -> bool;

    /// The greatest size in bytes of the body of a request, for adapters that read it before they
    /// feed the request; 0 for a machine that takes no requests.
    fn max_payload(&self) -> usize {
        0
    }

    /// The answer to a request that the adapter turns away by itself because it is malformed, so
    /// that clients get the same words, and browsers may read them.
    fn refusal(&self, request: &Request<'_>) -> Response {
        EngineConfig::default().refusal(request)
    }

    /// Feeds one input; follow with [`drive`](Self::drive).
    fn handle(&self, input: Input<'_>, now: Instant);

    /// Lets time pass; follow with [`drive`](Self::drive).
    fn handle_timeout(&self, now: Instant);

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Runs handlers and hands out outputs until nothing is left to do.
    ///
    /// If another call is doing so already, returns at once: that one takes over what is there.
    fn drive(self: Arc<Self>, runtime: &mut dyn Runtime);

    /// Sets what is called when something outside of [`drive`](Self::drive), on whatever thread,
    /// has made outputs or an earlier deadline, so that `drive` must be called soon. Only the
    /// first call counts.
    fn set_waker(&self, wake: Box<dyn Fn() + Send + Sync>);

    /// Closes everything gracefully; the adapter drives on until [`is_idle`](Self::is_idle).
    fn close(&self, now: Instant);

    /// Closes the sessions one by one, spread evenly over this time, and opens no new ones. A
    /// machine that can't do so closes them all at once.
    fn retire(&self, over: Duration, now: Instant) {
        let _ = over;
        self.close(now);
    }

    /// Whether no session is left, not even one that is being closed.
    fn is_idle(&self) -> bool;
}

/// What can be served: an [`App`](crate::App) or an [`EngineApp`](crate::EngineApp).
pub trait IntoMachine {
    /// Makes the machine that an adapter drives.
    ///
    /// # Errors
    ///
    /// If an option has a value that can't work.
    fn into_machine(self) -> Result<Arc<dyn Machine>, sockeye_core::ConfigError>;

    /// Offers no WebSockets, for adapters that have none.
    #[must_use]
    fn polling_only(self) -> Self
    where
        Self: Sized;
}
