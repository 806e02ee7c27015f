//! Handlers for events with types of the application's own.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use sockeye_core::TypedEvent;

use super::call::EventCall;
use super::handler::{BoxHandler, Outcome};
use super::marker::{Async, Fallible, Immediate};
use crate::handles::ack::AckSender;
use crate::handles::socket::Socket;
use crate::state::fault::BoxError;
use crate::state::fault::Fault;

/// A function that handles a typed event: it takes the [`Socket`] and the event, and returns the
/// event's answer, a `Result` of it, or a future of either.
///
/// `M` only keeps the implementations apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "this is no handler for the typed event `{E}`",
    note = "such a handler is `Fn(Socket, Event) -> Answer`, `Send`, `Sync` and `'static`, with \
            its parameters' types written out"
)]
pub trait TypedHandler<E: TypedEvent, M, S = Socket>: Send + Sync + 'static {
    /// Calls the handler.
    #[doc(hidden)]
    fn call(&self, socket: S, event: E, ack: Option<AckSender>) -> Outcome;
}

impl<S, E, F, R, M> TypedHandler<E, M, S> for F
where
    E: TypedEvent,
    F: Fn(S, E) -> R + Send + Sync + 'static,
    R: Answer<E::Answer, M>,
{
    fn call(&self, socket: S, event: E, ack: Option<AckSender>) -> Outcome {
        self(socket, event).outcome(ack)
    }
}

/// What a handler for a typed event may return where the answer is `A`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer this event",
    note = "the handler returns `{A}`, a `Result` of it, or a future of either"
)]
pub trait Answer<A, M> {
    /// Sends the answer, now or when there is one.
    #[doc(hidden)]
    fn outcome(self, ack: Option<AckSender>) -> Outcome;
}

fn send(answer: &impl Serialize, ack: Option<AckSender>) -> Result<(), Fault> {
    ack.map_or(Ok(()), |ack| ack.try_send(answer).map_err(Fault::from))
}

impl<A: Serialize> Answer<A, Immediate> for A {
    fn outcome(self, ack: Option<AckSender>) -> Outcome {
        Outcome::Done(send(&self, ack))
    }
}

impl<A: Serialize, E: Into<BoxError>> Answer<A, Fallible<Immediate>> for Result<A, E> {
    fn outcome(self, ack: Option<AckSender>) -> Outcome {
        let sent = self.map_err(|error| Fault::Handler(error.into()));
        Outcome::Done(sent.and_then(|answer| send(&answer, ack)))
    }
}

impl<A, R> Answer<A, Async> for R
where
    A: Serialize + 'static,
    R: Future<Output = A> + 'static,
{
    fn outcome(self, ack: Option<AckSender>) -> Outcome {
        Outcome::Future(Box::pin(async move { send(&self.await, ack) }))
    }
}

impl<A, E, R> Answer<A, Fallible<Async>> for R
where
    A: Serialize + 'static,
    E: Into<BoxError>,
    R: Future<Output = Result<A, E>> + 'static,
{
    fn outcome(self, ack: Option<AckSender>) -> Outcome {
        Outcome::Future(Box::pin(async move {
            let answer = self.await.map_err(|error| Fault::Handler(error.into()))?;
            send(&answer, ack)
        }))
    }
}

pub(crate) fn boxed<E: TypedEvent, M, S>(
    handler: impl TypedHandler<E, M, S>,
) -> BoxHandler<EventCall<S>> {
    Arc::new(move |call: EventCall<S>| {
        let EventCall { socket, args, ack, .. } = call;
        match E::from_args(&args) {
            Ok(event) => handler.call(socket, event, ack),
            Err(error) => Outcome::Done(Err(Fault::Argument(error))),
        }
    })
}
