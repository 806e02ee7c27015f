//! Handlers that go on when their connection is over.

use std::any::TypeId;

use sockeye_core::{Args, TypedEvent};

use super::handler::{Handler, Outcome};
use super::marker::Detaching;
use super::typed::TypedHandler;
use crate::handles::ack::AckSender;
use crate::state::fault::Fault;

/// A handler that goes on when its connection is over, up to its own end or that of the server.
///
/// Other handlers that wait are dropped then, because hardly any has something to do for a client
/// that is gone; this is for those that must not be cut short. The
/// [data](crate::Socket::data) of the socket stays until such a handler is done.
///
/// ```
/// use sockeye_app::{Ack, App, Detached, Socket};
///
/// async fn save(text: &str) {
///     // Several steps, of which none must be missing.
/// }
///
/// let app = App::new().on("save", Detached(|text: String| async move {
///     save(&text).await;
///     Ack("saved")
/// }));
/// ```
///
/// It makes no difference for handlers of [`on_disconnect`](crate::Namespace::on_disconnect),
/// [`on_disconnecting`](crate::Namespace::on_disconnecting) and
/// [`on_expired`](crate::Namespace::on_expired), which are never dropped, and for handlers that are
/// not async. Middlewares are dropped with their connection in any case. Those of a
/// [client](crate::client) are dropped with the client, not with a connection.
#[derive(Clone, Copy, Debug)]
pub struct Detached<H>(pub H);

impl<C, M, H: Handler<C, M>> Handler<C, Detaching<M>> for Detached<H> {
    const WANTS_HANDSHAKE: bool = H::WANTS_HANDSHAKE;
    const WANTS_AUTH: bool = H::WANTS_AUTH;

    fn check_auth(auth: &Args) -> Result<(), Fault> {
        H::check_auth(auth)
    }

    fn wanted_states() -> Vec<(TypeId, &'static str)> {
        H::wanted_states()
    }

    fn call(&self, call: C) -> Outcome {
        detach(self.0.call(call))
    }
}

impl<E, M, S, H> TypedHandler<E, Detaching<M>, S> for Detached<H>
where
    E: TypedEvent,
    H: TypedHandler<E, M, S>,
{
    fn call(&self, socket: S, event: E, ack: Option<AckSender>) -> Outcome {
        detach(self.0.call(socket, event, ack))
    }
}

fn detach(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Future(future) => Outcome::Detached(future),
        other @ (Outcome::Done(_) | Outcome::Detached(_)) => other,
    }
}
