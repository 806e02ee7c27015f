//! What goes wrong in handlers.

use sockeye_core::{AckError, ArgError, EmitError, RespondError};

/// Any error, as handlers may return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// An argument does not fit the type of the parameter. The handler was not called.
    #[error(transparent)]
    Argument(#[from] ArgError),
    /// What the client sent along does not fit the type of `Auth`. The handler was not called.
    #[error("auth: {0}")]
    Auth(ArgError),
    /// The handler wants a [`State`](crate::State) that was not given to the app.
    #[error("no state of type {0} was given to the app")]
    State(&'static str),
    /// The handler wants [`Captures`](crate::Captures) that the pattern of the namespace does not make.
    #[error("the pattern of the namespace captures no {0}")]
    Captures(&'static str),
    /// The handler wants an [`AckSender`](crate::AckSender), but the client wants no answer.
    #[error("the client wants no acknowledgement")]
    NoAck,
    /// The handler wants something of the connection, which is gone.
    #[error("the client is gone")]
    Gone,
    /// The handler returned an error.
    #[error("{0}")]
    Handler(BoxError),
    /// The handler panicked, with this message if it had one.
    #[error("handler panicked: {0}")]
    Panic(String),
    /// An event could not be sent.
    #[error("{0}")]
    Emit(#[from] EmitError),
    /// An acknowledgement could not be sent.
    #[error("{0}")]
    Respond(#[from] RespondError),
    /// The client was not read because [`max_handlers`](crate::App::max_handlers) waited, and none of
    /// them was done within the [`stall_timeout`](crate::App::stall_timeout). Its connection is
    /// closed.
    #[error("too many handlers wait, and none of them was done in time")]
    Stalled,
    /// A client gave an event up that the server did not acknowledge, after all
    /// [retries](crate::client::Namespace::retries) or at its end.
    #[error("given up without an acknowledgement: {0}")]
    GivenUp(AckError),
    /// The server has not said within the
    /// [`connect_timeout`](crate::client::Config::connect_timeout) whether it lets a socket of a
    /// client in, while others are connected. The socket waits on.
    #[error("the server does not answer who asks to be let in")]
    Unanswered,
}

impl Fault {
    pub(crate) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|message| (*message).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(message.unwrap_or_default())
    }

    /// Whether what the peer sent does not fit the parameters of the handler.
    pub(crate) const fn is_mismatch(&self) -> bool {
        matches!(self, Self::Argument(_) | Self::Auth(_) | Self::NoAck)
    }

    /// The level at which this is logged: a peer must not be able to flood the log.
    pub(crate) const fn level(&self) -> log::Level {
        if self.is_mismatch() || matches!(self, Self::Gone) {
            log::Level::Debug
        } else {
            log::Level::Error
        }
    }

    pub(crate) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Argument(error) | Self::Auth(error) => Some(error),
            Self::Handler(error) => Some(&**error),
            Self::Emit(error) => Some(error),
            Self::Respond(error) => Some(error),
            Self::GivenUp(error) => Some(error),
            Self::State(_)
            | Self::Captures(_)
            | Self::NoAck
            | Self::Gone
            | Self::Panic(_)
            | Self::Stalled
            | Self::Unanswered => None,
        }
    }
}
