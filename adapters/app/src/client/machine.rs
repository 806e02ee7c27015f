//! What an adapter drives, and what it has to offer in return.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use sockeye_core::client::{Input, Output};

use crate::handlers::handler::Task;

/// What a client asks of the adapter that drives it.
pub trait Runtime {
    /// Carries out one output. Called without any lock held; must not call back into the machine.
    fn perform(&mut self, output: Output<Infallible>);

    /// Runs the rest of a handler to its end, on this thread.
    fn spawn(&mut self, task: Task);
}

/// A client with its handlers.
///
/// An adapter feeds inputs with [`handle`](Self::handle) and then calls [`drive`](Self::drive),
/// sleeps until [`poll_timeout`](Self::poll_timeout), and calls `drive` when it was woken.
pub trait Machine: Send + Sync {
    /// Feeds one input; follow with [`drive`](Self::drive).
    fn handle(&self, input: Input, now: Instant);

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

    /// Whether so many events wait for handlers that nothing more should be read from WebSockets.
    /// It is to be asked after each [`drive`](Self::drive).
    fn is_full(&self) -> bool;

    /// Whether the client was closed, and nothing is left of its connection.
    fn is_over(&self) -> bool;

    /// Makes known that nobody drives any more, to those who wait for something.
    fn abandon(&self);
}
