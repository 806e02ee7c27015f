//! Closures as handlers: any number of parameters up to eight, sync or async.

use std::any::TypeId;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sockeye_core::Args;

use super::call::{Call, FromCall, Label, Origin};
use super::marker::{Async, Immediate};
use super::reply::Reply;
use crate::handles::backpressure::{Awaited, HandlerPermit, polling};
use crate::state::end::Place;
use crate::state::fault::Fault;
use crate::state::values::AnyValue;

/// The rest of a handler that has to wait for something.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What became of a call.
pub enum Outcome {
    /// The handler is done.
    Done(Result<(), Fault>),
    /// The handler is a future, not polled so far.
    Future(Pin<Box<dyn Future<Output = Result<(), Fault>>>>),
    /// The same, of a handler that does not end with its connection.
    Detached(Pin<Box<dyn Future<Output = Result<(), Fault>>>>),
}

/// A closure that handles calls of type `C`; see the [crate docs](crate) for what it may take and
/// return.
///
/// `M` only keeps the implementations apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "this is no handler for a `{C}`",
    note = "a handler is `Fn`, `Send`, `Sync` and `'static`; its parameters have their types \
            written out, and it returns `()`, `Ack(value)`, a `Result` of one of them, or a \
            future of these"
)]
pub trait Handler<C, M>: Send + Sync + 'static {
    /// Whether the request that opened the connection must be kept for this handler.
    #[doc(hidden)]
    const WANTS_HANDSHAKE: bool;

    /// Whether a parameter is what the client sent along when it connected.
    #[doc(hidden)]
    const WANTS_AUTH: bool;

    /// Checks that what the client sent along fits the parameters, before it is let in.
    #[doc(hidden)]
    fn check_auth(auth: &Args) -> Result<(), Fault>;

    /// The states that the parameters are, with their names.
    #[doc(hidden)]
    fn wanted_states() -> Vec<(TypeId, &'static str)>;

    /// Calls the handler.
    #[doc(hidden)]
    fn call(&self, call: C) -> Outcome;
}

macro_rules! handler {
    ($($param:ident $marker:ident),*) => {
        impl<C, F, R, $($param, $marker),*> Handler<C, (Immediate, $(($param, $marker),)*)> for F
        where
            C: Call,
            F: Fn($($param),*) -> R + Send + Sync + 'static,
            R: Reply,
            $($param: FromCall<C, $marker>,)*
        {
            const WANTS_HANDSHAKE: bool = false $(|| $param::WANTS_HANDSHAKE)*;
            const WANTS_AUTH: bool = false $(|| $param::WANTS_AUTH)*;

            fn check_auth(_auth: &Args) -> Result<(), Fault> {
                $($param::check_auth(_auth)?;)*
                Ok(())
            }

            fn wanted_states() -> Vec<(TypeId, &'static str)> {
                let wanted: &[Option<fn() -> _>] = &[$($param::WANTS_STATE),*];
                wanted.iter().flatten().map(|state| state()).collect()
            }

            #[allow(non_snake_case, reason = "parameters are named like their types")]
            fn call(&self, mut call: C) -> Outcome {
                $(let $param = match $param::from_call(&mut call) {
                    Ok(param) => param,
                    Err(fault) => return Outcome::Done(Err(fault)),
                };)*
                Outcome::Done(self($($param),*).reply(call.take_ack()))
            }
        }

        impl<C, F, R, $($param, $marker),*> Handler<C, (Async, $(($param, $marker),)*)> for F
        where
            C: Call,
            F: Fn($($param),*) -> R + Send + Sync + 'static,
            R: Future + 'static,
            R::Output: Reply,
            $($param: FromCall<C, $marker>,)*
        {
            const WANTS_HANDSHAKE: bool = false $(|| $param::WANTS_HANDSHAKE)*;
            const WANTS_AUTH: bool = false $(|| $param::WANTS_AUTH)*;

            fn check_auth(_auth: &Args) -> Result<(), Fault> {
                $($param::check_auth(_auth)?;)*
                Ok(())
            }

            fn wanted_states() -> Vec<(TypeId, &'static str)> {
                let wanted: &[Option<fn() -> _>] = &[$($param::WANTS_STATE),*];
                wanted.iter().flatten().map(|state| state()).collect()
            }

            #[allow(non_snake_case, reason = "parameters are named like their types")]
            fn call(&self, mut call: C) -> Outcome {
                $(let $param = match $param::from_call(&mut call) {
                    Ok(param) => param,
                    Err(fault) => return Outcome::Done(Err(fault)),
                };)*
                let (future, ack) = (self($($param),*), call.take_ack());
                Outcome::Future(Box::pin(async move { future.await.reply(ack) }))
            }
        }
    };
}

handler!();
handler!(A MA);
handler!(A MA, B MB);
handler!(A MA, B MB, D MD);
handler!(A MA, B MB, D MD, E ME);
handler!(A MA, B MB, D MD, E ME, G MG);
handler!(A MA, B MB, D MD, E ME, G MG, H MH);
handler!(A MA, B MB, D MD, E ME, G MG, H MH, I MI);
handler!(A MA, B MB, D MD, E ME, G MG, H MH, I MI, J MJ);

/// A handler whose type is forgotten.
pub(crate) type BoxHandler<C> = Arc<dyn Fn(C) -> Outcome + Send + Sync>;

pub(crate) fn boxed<C: 'static, M>(handler: impl Handler<C, M>) -> BoxHandler<C> {
    Arc::new(move |call| handler.call(call))
}

/// Runs a handler up to its first wait; returns what then is left of it. What goes wrong is
/// reported, panics included.
pub(crate) fn run<C: Call>(handler: &BoxHandler<C>, call: C) -> Option<Task> {
    let (socket, event) = (call.socket().clone(), call.event());
    let outcome = catch_unwind(AssertUnwindSafe(|| handler(call)));
    match outcome {
        Ok(Outcome::Done(Ok(()))) => None,
        Ok(Outcome::Done(Err(fault))) => {
            socket.report(&event, fault);
            None
        }
        Ok(Outcome::Future(future)) => begin::<C>(future, socket, event, C::ENDS_WITH_CONNECTION),
        Ok(Outcome::Detached(future)) => begin::<C>(future, socket, event, false),
        Err(panic) => {
            socket.report(&event, Fault::from_panic(&*panic));
            None
        }
    }
}

/// Runs the future of a handler up to its first wait; returns what then is left of it.
fn begin<C: Call>(
    future: Pin<Box<dyn Future<Output = Result<(), Fault>>>>,
    socket: C::Socket,
    event: Label,
    ends: bool,
) -> Option<Task> {
    let (awaited, place) = (Awaited::default(), ends.then(Place::default));
    let kept = None;
    let mut running = Running { future, socket, event, awaited, permit: None, place, kept };
    let polled = running.poll_handler(&mut Context::from_waker(Waker::noop()));
    // The first poll by the runtime's executor gives it a waker that wakes.
    polled.is_pending().then(|| {
        if C::IS_COUNTED {
            running.permit = Some(running.socket.count(running.awaited.is_any()));
        }
        if !ends {
            running.kept = running.socket.keep();
        }
        Box::pin(running) as Task
    })
}

/// Runs a future up to its first wait; returns what then is left of it.
pub(crate) fn start(future: impl Future<Output = ()> + 'static) -> Option<Task> {
    let mut future: Task = Box::pin(future);
    let mut cx = Context::from_waker(Waker::noop());
    // The first poll by the runtime's executor gives it a waker that wakes.
    future.as_mut().poll(&mut cx).is_pending().then_some(future)
}

/// Waits for what a handler comes to, and makes an error of its panic.
pub(crate) async fn guard(handler: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    let mut handler = pin!(handler);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(Fault::from_panic(&*panic))))
    })
    .await
}

/// A handler's future that reports what goes wrong instead of passing it on.
struct Running<S: Origin> {
    future: Pin<Box<dyn Future<Output = Result<(), Fault>>>>,
    socket: S,
    event: Label,
    awaited: Awaited,
    permit: Option<S::Permit>,
    /// Where it waits for the end of its connection, if it ends with it.
    place: Option<Place>,
    /// What has to stay for it.
    kept: Option<AnyValue>,
}

impl<S: Origin> Running<S> {
    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { future, socket, awaited, permit, .. } = self;
        let poll = || polling(socket.reference(), awaited, || future.as_mut().poll(cx));
        let result = match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Poll::Pending) => {
                let asks = awaited.is_any();
                permit.iter_mut().for_each(|permit| permit.set_asking(asks));
                return Poll::Pending;
            }
            Ok(Poll::Ready(result)) => result,
            Err(panic) => Err(Fault::from_panic(&*panic)),
        };
        if let Err(fault) = result {
            self.socket.report(&self.event, fault);
        }
        Poll::Ready(())
    }
}

/// Drops what is left of a future of the application's, whose `Drop` may panic.
pub(crate) fn discard<T: 'static>(
    future: &mut Pin<Box<dyn Future<Output = T>>>,
) -> Result<(), Fault> {
    let future = std::mem::replace(future, Box::pin(std::future::pending()));
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
    dropped.map_err(|panic| Fault::from_panic(&*panic))
}

impl<S: Origin> Future for Running<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // At the end of the connection it goes on once more, for the sake of those that wait for
        // just that.
        if self.poll_handler(cx).is_ready() {
            return Poll::Ready(());
        }
        let Self { socket, place, .. } = &mut *self;
        let end = socket.end().zip(place.as_mut());
        if end.is_some_and(|(end, place)| end.watch(place, cx.waker())) {
            if let Err(fault) = discard(&mut self.future) {
                self.socket.report(&self.event, fault);
            }
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl<S: Origin> Drop for Running<S> {
    fn drop(&mut self) {
        if let Some((end, place)) = self.socket.end().zip(self.place.as_mut()) {
            end.leave(place);
        }
    }
}
