//! Who is let in: decisions about connections and about joining a namespace.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use log::Level;
use serde::Serialize;
use sockeye_core::Args;
use sockeye_core::engineio::{Admission, Handshake, HandshakeId};

use crate::handlers::call::ConnectCall;
use crate::handlers::handler::{Outcome, Task, discard, start};
use crate::handlers::namespace::Handlers;
use crate::handles::socket::Socket;
use crate::state::end::{End, Place};
use crate::state::fault::{BoxError, Fault};
use crate::state::report::write;
use crate::state::shared::Entry;

/// Why a client may not join a namespace, as it is told: the `connect_error` of its socket.
///
/// ```
/// use sockeye_app::{App, Auth, Refusal};
///
/// #[derive(serde::Deserialize)]
/// struct Login {
///     token: Option<String>,
/// }
///
/// let app = App::new().of("/admin", |namespace| {
///     namespace.middleware(|Auth(login): Auth<Login>| async move {
///         if login.token.as_deref() == Some("secret") {
///             return Ok(());
///         }
///         Err(Refusal::new("not authorized").with_data([("code", "E_AUTH")]))
///     })
/// });
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    message: String,
    data: Option<serde_json::Value>,
}

impl Refusal {
    /// Refuses with this message, `err.message` in JavaScript.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds data, `err.data` in JavaScript. Data that can't be written as JSON, or is nested in
    /// more than [127 levels](sockeye_core::packet::Limits::DEPTH_TO_CLIENT), is left out.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::to_value(data).ok();
        self
    }

    /// What a client is told about an error of a middleware: its own words if it is a refusal.
    fn from_fault(fault: &Fault) -> Self {
        match fault {
            Fault::Handler(error) => match error.downcast_ref::<Self>() {
                Some(refusal) => refusal.clone(),
                None => Self::new(error.to_string()),
            },
            Fault::Auth(_) => Self::new("invalid auth"),
            // What went wrong inside is nobody's business outside.
            Fault::Argument(_)
            | Fault::State(_)
            | Fault::Captures(_)
            | Fault::NoAck
            | Fault::Gone
            | Fault::Panic(_)
            | Fault::Stalled
            | Fault::Emit(_)
            | Fault::Respond(_)
            | Fault::GivenUp(_)
            | Fault::Unanswered => Self::new("internal error"),
        }
    }

    /// Whether the application said no; everything else is reported.
    const fn is_meant(fault: &Fault) -> bool {
        matches!(fault, Fault::Handler(_))
    }
}

/// Asks one middleware after the other, and answers the client.
pub(crate) fn decide(socket: Socket, handlers: Arc<Handlers>, auth: Args) -> Option<Task> {
    let asked = socket.clone();
    let decision = async move {
        for middleware in &handlers.middleware {
            let call = ConnectCall { socket: asked.clone(), auth: auth.clone() };
            match middleware(call) {
                Outcome::Done(result) => result?,
                Outcome::Future(future) | Outcome::Detached(future) => future.await?,
            }
        }
        handlers.missing_state.map_or(Ok(()), |name| Err(Fault::State(name)))?;
        handlers.auth_checks.iter().try_for_each(|check| check(&auth))
    };
    start(Deciding { decision: Box::pin(decision), socket, place: Place::default() })
}

/// A decision about a client, which ends with its connection.
struct Deciding {
    decision: Pin<Box<dyn Future<Output = Result<(), Fault>>>>,
    socket: Socket,
    place: Place,
}

impl Future for Deciding {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { decision, socket, place } = &mut *self;
        // The words of an error are the application's, too.
        let told = |fault| (Refusal::from_fault(&fault), fault);
        let decide = AssertUnwindSafe(|| decision.as_mut().poll(cx).map_err(told));
        let result = match catch_unwind(decide) {
            Ok(Poll::Pending) if socket.entry().end.watch(place, cx.waker()) => {
                if let Err(fault) = discard(decision) {
                    socket.report("connect", fault);
                }
                return Poll::Ready(());
            }
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(panic) => Err(told(Fault::from_panic(&*panic))),
        };
        match result {
            Ok(()) => accept(self.socket.entry()),
            Err((Refusal { message, data }, fault)) => {
                reject(self.socket.entry(), &message, &data);
                if !Refusal::is_meant(&fault) {
                    self.socket.report("connect", fault);
                }
            }
        }
        Poll::Ready(())
    }
}

fn accept(socket: &Entry) {
    if let Some(server) = socket.server.get() {
        server.command(|state| state.server.accept(socket.key));
    }
}

/// Refuses the client, without the data if that is nested too deeply to be sent.
fn reject(socket: &Entry, message: &str, data: &Option<serde_json::Value>) {
    let Some(server) = socket.server.get() else { return };
    let forgotten = server.command(|state| {
        if state.server.reject(socket.key, message, data).is_err() {
            let rejected = state.server.reject(socket.key, message, &());
            rejected.expect("a text can be written as JSON");
        }
        state.forget(socket.key)
    });
    socket.end.finish();
    drop(forgotten);
}

impl Drop for Deciding {
    fn drop(&mut self) {
        self.socket.entry().end.leave(&mut self.place);
    }
}

/// The application's decision about connections, with its types forgotten.
pub(crate) type AllowRequest = Box<dyn Fn(Handshake) -> Decision + Send + Sync>;
pub(crate) type Decision = Pin<Box<dyn Future<Output = Result<Admission, String>>>>;

pub(crate) fn allow_request<R, A, E>(
    ask: impl Fn(Handshake) -> R + Send + Sync + 'static,
) -> AllowRequest
where
    R: Future<Output = Result<A, E>> + 'static,
    A: Into<Admission>,
    E: Into<BoxError>,
{
    Box::new(move |handshake| {
        let decision = ask(handshake);
        Box::pin(
            async move { decision.await.map(Into::into).map_err(|error| error.into().to_string()) },
        )
    })
}

/// The handshakes that the application has not decided about, with their ends.
#[derive(Clone, Default)]
pub(crate) struct Undecided(Arc<Mutex<HashMap<HandshakeId, Arc<End>>>>);

impl Undecided {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<HandshakeId, Arc<End>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for a decision and hands it on. A panic denies.
    pub(crate) fn judge(
        &self,
        allow_request: &AllowRequest,
        (id, handshake): (HandshakeId, Handshake),
        tell: impl FnOnce(Result<Admission, String>) + Unpin + 'static,
    ) -> Option<Task> {
        let decision = catch_unwind(AssertUnwindSafe(|| allow_request(handshake)));
        let decision = decision.unwrap_or_else(|_| Box::pin(async { Err("Forbidden".to_owned()) }));
        let end = Arc::<End>::default();
        let undecided = self.clone();
        let (tell, place, ends) = (Some(tell), Place::default(), Arc::clone(&end));
        let task = start(Judging { decision, tell, id, undecided, end: ends, place })?;
        self.with(|all| all.insert(id, end));
        Some(task)
    }

    /// Nobody waits for the decision any more.
    pub(crate) fn abort(&self, id: HandshakeId) {
        if let Some(end) = self.with(|all| all.remove(&id)) {
            end.finish();
        }
    }
}

struct Judging<T> {
    decision: Decision,
    tell: Option<T>,
    id: HandshakeId,
    undecided: Undecided,
    end: Arc<End>,
    place: Place,
}

impl<T> Drop for Judging<T> {
    fn drop(&mut self) {
        self.end.leave(&mut self.place);
        drop(self.undecided.with(|all| all.remove(&self.id)));
    }
}

impl<T: FnOnce(Result<Admission, String>) + Unpin> Future for Judging<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { decision, end, place, .. } = &mut *self;
        let result = match catch_unwind(AssertUnwindSafe(|| decision.as_mut().poll(cx))) {
            Ok(Poll::Pending) if end.watch(place, cx.waker()) => {
                if let Err(fault) = discard(decision) {
                    write(Level::Error, &format!("a decision about a handshake: {fault}"));
                }
                return Poll::Ready(());
            }
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(_) => Err("Forbidden".to_owned()),
        };
        if let Some(tell) = self.tell.take() {
            tell(result);
        }
        Poll::Ready(())
    }
}
