//! Why a socket is not connected, and what a client leaves undelivered.

use sockeye_core::Args;
use sockeye_core::client::Fault as ConnectionFault;

/// The server does not let a socket in: the `connect_error` of a middleware.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Why, in the server's words.
    pub message: String,
    /// What the server says besides: one argument, or none.
    pub data: Args,
}

/// Why a socket is not connected.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server does not let it in.
    #[error("the server refuses: {0}")]
    Refused(#[from] Refused),
    /// There is no connection to the server.
    #[error("no connection: {0}")]
    Failed(#[from] ConnectionFault),
    /// It was disconnected here, or by the server.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The configuration can't work.
    #[error(transparent)]
    Config(#[from] sockeye_core::ConfigError),
    /// This is no address of a server.
    #[error("{0}")]
    Url(&'static str),
    /// The system does not give what is needed to run.
    #[error("{0}")]
    System(String),
}

/// A client that ended before everything was delivered that was emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not everything that was emitted was delivered")]
pub struct Undelivered;
