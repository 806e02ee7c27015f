//! What keeps a farewell from overtaking data on a WebSocket.
//!
//! Servers that take in packets as they come, but hand events on a moment later, ignore the events
//! of a socket that has left. A farewell follows so closely that both are read at once. So the server
//! is asked for a sign, a pong, that it has read the data.

use std::time::{Duration, Instant};

use super::context::Context;
use super::session::{Channel, Dialer};
use crate::socketio::client::Output;

/// How long a server is waited for that does not answer pings.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known about the data that was sent on a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fence {
    /// All of it was read.
    Passed,
    /// Some may be unread.
    Needed,
    /// The server is asked.
    Asked { due: Option<Instant> },
}

impl Fence {
    pub(super) const fn due(self) -> Option<Instant> {
        match self {
            Self::Asked { due } => due,
            Self::Passed | Self::Needed => None,
        }
    }
}

impl Dialer {
    /// Whether a farewell is to be sent next that has to wait; asks the server if need be.
    pub(super) fn is_fenced(&mut self, cx: &mut Context, now: Instant) -> bool {
        let Channel::WebSocket { ws, ready: true } = self.channel else { return false };
        if !self.outbox.begins_with_farewell() {
            return false;
        }
        match self.fence {
            Fence::Passed => false,
            Fence::Asked { .. } => true,
            Fence::Needed => {
                self.fence = Fence::Asked { due: now.checked_add(PATIENCE) };
                cx.push(Output::Ping { ws });
                true
            }
        }
    }

    /// Notes that data was sent.
    pub(super) fn raise_fence(&mut self) {
        if self.outbox.has_data_in_flight() {
            self.fence = Fence::Needed;
        }
    }

    /// The server has read what was sent before it was asked.
    pub(crate) fn on_pong(&mut self, cx: &mut Context, now: Instant) {
        if let Fence::Asked { .. } = self.fence {
            self.pass_fence(cx, now);
        }
    }

    pub(super) fn pass_fence(&mut self, cx: &mut Context, now: Instant) {
        self.fence = Fence::Passed;
        self.flush(cx, now);
        self.finish_closing(cx);
    }
}
