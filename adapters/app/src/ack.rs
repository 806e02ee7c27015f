//! Acknowledgements: those that handlers give, and those that they wait for.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::{AckError, Args, EmitError, Responder};

use crate::error::Fault;
use crate::socket::Socket;

/// The acknowledgement that a client waits for; sent at most once, now or later, from anywhere.
///
/// Dropping it sends nothing, as if the handler had never called its callback in JavaScript.
#[derive(Debug)]
pub struct AckSender {
    socket: Socket,
    responder: Responder,
}

impl AckSender {
    pub(crate) const fn new(socket: Socket, responder: Responder) -> Self {
        Self { socket, responder }
    }

    /// Sends it. A tuple is several arguments, `()` none, everything else one. Data that can't be
    /// sent is reported to [`App::on_error`](crate::App::on_error).
    pub fn send(self, data: impl Serialize) {
        let socket = self.socket.clone();
        if let Err(error) = self.try_send(data) {
            socket.report("ack", Fault::Emit(error));
        }
    }

    /// Sends it.
    ///
    /// # Errors
    ///
    /// If the data can't be sent. That the socket is gone is no error: nobody waits any more.
    pub fn try_send(self, data: impl Serialize) -> Result<(), EmitError> {
        let Self { socket, responder } = self;
        socket.command(|socket| socket.ack(responder, &data)).unwrap_or(Ok(()))
    }
}

/// Where the answer of a client is put for the one who waits.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Answer>);

#[derive(Debug, Default)]
struct Answer {
    result: Option<Result<Args, AckError>>,
    waker: Option<Waker>,
}

impl Slot {
    pub(crate) fn fill(&self, result: Result<Args, AckError>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.result = Some(result);
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The answer of a client to come: what was emitted has been sent already.
///
/// Resolves in any case: to the answer, to [`AckError::Timeout`], or to
/// [`AckError::Disconnected`].
#[must_use = "the answer is lost; use `emit` for events that need none"]
#[derive(Debug)]
pub struct AckFuture<T> {
    state: State,
    answer: PhantomData<fn() -> T>,
}

#[derive(Debug)]
enum State {
    Failed(Option<AckFailure>),
    Waiting(Arc<Slot>),
}

/// Why there is no answer, or none that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckFailure {
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The answer did not come.
    #[error(transparent)]
    Ack(#[from] AckError),
    /// The answer does not fit the type that is wanted.
    #[error(transparent)]
    Answer(#[from] sockeye_core::ArgError),
}

impl<T> AckFuture<T> {
    pub(crate) fn new(sent: Result<Arc<Slot>, EmitError>) -> Self {
        let state = match sent {
            Ok(slot) => State::Waiting(slot),
            Err(error) => State::Failed(Some(error.into())),
        };
        Self { state, answer: PhantomData }
    }
}

impl<T: DeserializeOwned> Future for AckFuture<T> {
    type Output = Result<T, AckFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Failed(failure) => {
                Poll::Ready(Err(failure.take().expect("a future is not polled after its end")))
            }
            State::Waiting(slot) => {
                let mut slot = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(result) = slot.result.take() else {
                    slot.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                };
                drop(slot);
                Poll::Ready(result.map_err(AckFailure::from).and_then(|args| Ok(args.parse()?)))
            }
        }
    }
}
