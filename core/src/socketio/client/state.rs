//! The state of the connection of a client.

use crate::timers::TimerId;

/// What the connection is about to do.
#[derive(Debug)]
pub(super) enum State {
    /// There is none, and none is wanted.
    Idle,
    /// An Engine.IO session is being opened.
    Opening {
        /// When to give up.
        timer: Option<TimerId>,
        /// Which attempt it is; 0 is the first one, when no connection was lost before.
        attempt: u32,
    },
    /// An Engine.IO session is open.
    Open,
    /// The next attempt begins after a delay.
    BackingOff(TimerId),
}
