//! Acknowledgements: those that handlers give, and those that they wait for.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_core::packet::Limits;
use sockeye_core::{
    AckError, AckId, AckPayload, Args, EmitError, EncodeError, RespondError, Responder, SocketId,
};

use super::backpressure::Awaiting;
use super::socket::Socket;
use crate::state::fault::Fault;
use crate::state::shared::{Entry, ServerRef, SocketRef, State as ServerState};
use crate::state::slot::{AckOwner, Gathered, Slot};

/// The acknowledgement that the other side waits for; sent at most once, now or later, from
/// anywhere.
///
/// Dropping it sends nothing, as if the handler had never called its callback in JavaScript.
#[derive(Debug)]
pub struct AckSender(Right);

/// The right to answer: one's own, or the one of whoever is first.
#[derive(Debug)]
enum Right {
    Own(Unanswered),
    Shared(Arc<Mutex<Option<Unanswered>>>),
}

/// An event that waits for its acknowledgement.
struct Unanswered {
    target: Arc<dyn AckTarget>,
    responder: Responder,
}

/// The socket on which an acknowledgement is sent.
pub(crate) trait AckTarget: Send + Sync {
    /// What packets may hold that it sends.
    fn limits(&self) -> Limits;

    /// Sends what is encoded already.
    fn send(&self, responder: Responder, payload: AckPayload) -> Result<(), RespondError>;

    /// Says that an acknowledgement could not be sent.
    fn report(self: Arc<Self>, fault: Fault);
}

impl AckTarget for Entry {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn send(&self, responder: Responder, payload: AckPayload) -> Result<(), RespondError> {
        let Some(server) = self.server.get() else { return Ok(()) };
        server.command(|state| match state.server.socket(self.key) {
            Some(mut socket) => socket.ack_payload(responder, payload).map(drop),
            None => Ok(()),
        })
    }

    fn report(self: Arc<Self>, fault: Fault) {
        Socket::new(self).report("ack", fault);
    }
}

impl Unanswered {
    fn send(self, data: &impl Serialize) -> Result<(), (Arc<dyn AckTarget>, RespondError)> {
        let Self { target, responder } = self;
        let payload = AckPayload::new(data, target.limits()).map_err(RespondError::from);
        let sent = payload.and_then(|payload| target.send(responder, payload));
        sent.map_err(|error| (target, error))
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unanswered").field(&self.responder).finish()
    }
}

impl AckSender {
    pub(crate) fn new(target: Arc<dyn AckTarget>, responder: Responder) -> Self {
        Self(Right::Own(Unanswered { target, responder }))
    }

    /// Makes a second one; the first of them to be sent is the acknowledgement.
    pub(crate) fn share(self) -> (Self, Self) {
        let shared = match self.0 {
            Right::Own(unanswered) => Arc::new(Mutex::new(Some(unanswered))),
            Right::Shared(shared) => shared,
        };
        (Self(Right::Shared(Arc::clone(&shared))), Self(Right::Shared(shared)))
    }

    fn take(self) -> Option<Unanswered> {
        match self.0 {
            Right::Own(unanswered) => Some(unanswered),
            Right::Shared(shared) => shared.lock().unwrap_or_else(PoisonError::into_inner).take(),
        }
    }

    /// Sends it. A tuple is several arguments, `()` none, everything else one. Data that can't be
    /// sent is reported to [`App::on_error`](crate::App::on_error).
    pub fn send(self, data: impl Serialize) {
        let Some(unanswered) = self.take() else { return };
        if let Err((target, error)) = unanswered.send(&data) {
            target.report(Fault::Respond(error));
        }
    }

    /// Sends it.
    ///
    /// # Errors
    ///
    /// If the data can't be sent. That the socket is gone is no error: nobody waits any more; nor
    /// is that another handler for the same event has answered.
    pub fn try_send(self, data: impl Serialize) -> Result<(), RespondError> {
        let Some(unanswered) = self.take() else { return Ok(()) };
        unanswered.send(&data).map_err(|(_, error)| error)
    }
}

/// The answer of a client to come: what was emitted has been sent already.
///
/// Resolves in any case: to the answer, to [`AckError::Timeout`], or to
/// [`AckError::Disconnected`]. Dropping it before ends the wait: nothing is kept for an answer that
/// nobody takes, and one that still arrives is ignored.
#[must_use = "the answer is lost; use `emit` for events that need none"]
#[derive(Debug)]
pub struct AckFuture<T> {
    state: State,
    answer: PhantomData<fn() -> T>,
}

#[derive(Debug)]
enum State {
    Failed(Option<AckFailure>),
    Waiting(Pending),
}

/// An answer that is being waited for.
#[derive(Debug)]
struct Pending {
    slot: Arc<Slot>,
    /// What waits for it; `None` once it is there.
    asked: Option<Asked>,
    /// The socket of the server's that owes it.
    debtor: Option<SocketRef>,
    awaiting: Awaiting,
}

/// An acknowledgement that was asked for.
pub(crate) struct Asked {
    pub(crate) owner: Weak<dyn AckOwner>,
    pub(crate) socket: SocketId,
    pub(crate) ack: AckId,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("ack", &self.ack).finish_non_exhaustive()
    }
}

impl Pending {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Args, AckError>> {
        let polled = self.slot.poll(cx);
        if polled.is_pending() {
            self.awaiting.note(|socket| self.debtor == Some(socket));
        } else {
            self.asked = None;
        }
        polled
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(Asked { owner, socket, ack }) = self.asked.take() else { return };
        if let Some(owner) = owner.upgrade() {
            owner.cancel_ack(socket, ack);
        }
    }
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
    /// Waits for what is put into the slot, by `debtor` if that is a socket of the server's.
    pub(crate) fn new(
        sent: Result<(Arc<Slot>, Asked), EmitError>,
        debtor: Option<SocketRef>,
    ) -> Self {
        let state = match sent {
            Ok((slot, asked)) => {
                let (asked, awaiting) = (Some(asked), Awaiting::default());
                State::Waiting(Pending { slot, asked, debtor, awaiting })
            }
            Err(error) => State::Failed(Some(error.into())),
        };
        Self { state, answer: PhantomData }
    }
}

impl<T> AckFuture<T> {
    /// All arguments of the answer, undecoded.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn args(self) -> Result<Args, AckFailure> {
        match self.state {
            State::Failed(failure) => Err(failure.expect("a future is not polled after its end")),
            State::Waiting(mut pending) => Ok(poll_fn(|cx| pending.poll(cx)).await?),
        }
    }
}

impl<T: DeserializeOwned> Future for AckFuture<T> {
    type Output = Result<T, AckFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Failed(failure) => {
                Poll::Ready(Err(failure.take().expect("a future is not polled after its end")))
            }
            State::Waiting(pending) => pending.poll(cx).map(|result| Ok(result?.parse()?)),
        }
    }
}

/// The answers to a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answers<T> {
    /// Those that came, in the order of their coming.
    pub answers: Vec<T>,
    /// How many clients were gone before they answered, or answered with something else than is
    /// asked for.
    pub lost: usize,
    /// How many clients had not answered when the time was up.
    pub late: usize,
}

/// The answers to a broadcast to come: what was emitted has been sent already.
///
/// Resolves when all have answered or are gone, or when the time is up. Dropping it before ends the
/// wait, as for [`AckFuture`].
#[must_use = "the answers are lost; use `emit` for events that need none"]
#[derive(Debug)]
pub struct AnswersFuture<T> {
    state: Result<Gathering, Option<EncodeError>>,
    answer: PhantomData<fn() -> T>,
}

/// Answers that are being waited for.
pub(crate) struct Gathering {
    pub(crate) slot: Arc<Slot<Gathered>>,
    /// Where the answers are gathered, and which ones they are; `None` once they are there.
    pub(crate) asked: Option<(ServerRef, AckId)>,
    pub(crate) awaiting: Awaiting,
}

impl fmt::Debug for Gathering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathering").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl Gathering {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Gathered> {
        let polled = self.slot.poll(cx);
        if polled.is_ready() {
            self.asked = None;
        }
        if let Some((server, ack)) = &self.asked {
            self.awaiting.note(|(number, key)| {
                let owes = |state: &mut ServerState| {
                    state.server.socket(key).is_some_and(|socket| socket.is_ack_pending(*ack))
                };
                number == server.number()
                    && server.get().is_some_and(|server| server.driven.with(owes))
            });
        }
        polled
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let Some((server, ack)) = self.asked.take() else { return };
        let Some(server) = server.get() else { return };
        let slot = server.driven.with(|state| {
            state.server.cancel_broadcast_acks(ack);
            state.gathering.remove(&ack)
        });
        drop(slot);
    }
}

impl<T> AnswersFuture<T> {
    pub(crate) fn new(sent: Result<Gathering, EncodeError>) -> Self {
        Self { state: sent.map_err(Some), answer: PhantomData }
    }
}

impl<T: DeserializeOwned> Future for AnswersFuture<T> {
    type Output = Result<Answers<T>, EncodeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let gathering = match &mut self.state {
            Ok(gathering) => gathering,
            Err(error) => {
                let error = error.take().expect("a future is not polled after its end");
                return Poll::Ready(Err(error));
            }
        };
        gathering.poll(cx).map(|Gathered { answers, lost, late }| {
            let all = answers.len();
            let fitting = answers.into_iter().filter_map(|(_, args)| args.parse().ok());
            let answers: Vec<T> = fitting.collect();
            Ok(Answers { lost: lost + all - answers.len(), answers, late })
        })
    }
}
