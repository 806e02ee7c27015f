//! What a session reports to the layer above.

use crate::engineio::client::fault::TransportFault;
use crate::engineio::{CloseReason, Transport};
use crate::io::Frame;

/// Something that happened to a session, in the order in which it happened.
#[derive(Debug)]
pub(crate) enum SessionEvent {
    /// The server has opened the session, over this transport.
    Opened(Transport),
    /// A message arrived.
    Message(Frame),
    /// The session was upgraded to a WebSocket.
    Upgraded,
    /// The upgrade has failed; the session continues with long-polling.
    UpgradeFailed(TransportFault),
    /// An open session has ended, and not by a command. The last event of a session.
    Closed(CloseReason, Option<TransportFault>),
    /// The session could not be opened with any transport that was to be tried. The only event of
    /// a session.
    OpenFailed(TransportFault),
}
