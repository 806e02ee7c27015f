//! What happens to the connection that all sockets of a client share.

use sockeye_core::client::{DisconnectReason, Fault as ConnectionFault};
use sockeye_core::engineio::Transport;

/// Something happened to the connection that all sockets share, for
/// [`Client::on_connection`](crate::client::Client::on_connection).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Connection {
    /// It is open.
    Opened {
        /// With which transport.
        transport: Transport,
        /// How many attempts it took since it was lost; 0 if it is the first one.
        attempts: u32,
    },
    /// It went over from long-polling to a WebSocket.
    Upgraded,
    /// It stays with long-polling.
    NotUpgraded(ConnectionFault),
    /// It could not be opened.
    Failed {
        /// Which attempt it was; 0 is the first of all.
        attempt: u32,
        /// Why.
        fault: ConnectionFault,
    },
    /// It is lost, after the sockets were told.
    Closed {
        /// Why.
        reason: DisconnectReason,
        /// What happened, where there is more to say.
        fault: Option<ConnectionFault>,
    },
    /// An attempt to open it again begins.
    Reconnecting {
        /// Which one, from 1 on.
        attempt: u32,
    },
    /// There are no more attempts.
    GaveUp,
}
