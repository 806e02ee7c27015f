//! The outputs of a client, in one order.
//!
//! Requests and WebSockets are the business of the Engine.IO session, events that of the layer
//! here. Each has a queue; the driver is to see both as one, in the order in which they were made.
//! So everything in this queue is older than what is in that of the session: before an event is
//! appended, the outputs of the session are moved here. While there are no events, which is so for
//! most outputs of the session, they are polled from where they are.

use std::collections::VecDeque;

use crate::engineio::client::{Context, Output};
use crate::id::SocketId;
use crate::socketio::client::event::Event;

/// The outputs that come before those which are still in the queue of the session.
#[derive(Debug, Default)]
pub(super) struct Outputs(VecDeque<Output<Event>>);

impl Outputs {
    /// Appends an event, behind what the session has made so far.
    #[inline]
    pub(super) fn push_event(&mut self, event: Event, cx: &mut Context) {
        if cx.has_outputs() {
            self.take_over(cx);
        }
        self.0.push_back(Output::Event(event));
    }

    /// Appends what the session has made so far.
    #[inline(never)]
    fn take_over(&mut self, cx: &mut Context) {
        while let Some(output) = cx.poll_output() {
            self.0.push_back(output.with_events());
        }
    }

    /// Takes the first output, unless it is still in the queue of the session.
    pub(super) fn poll(&mut self) -> Option<Output<Event>> {
        self.0.pop_front()
    }

    /// Drops the events that have arrived for a socket and were not taken yet.
    pub(super) fn drop_received(&mut self, id: SocketId) {
        self.0.retain(|output| {
            !matches!(output, Output::Event(Event::Received { socket, .. }) if *socket == id)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Config;
    use crate::id::IdGenerator;
    use crate::io::WsId;

    #[test]
    fn outputs_of_the_session_and_events_have_one_order() {
        let mut cx = Context::new(Config::default().session(), IdGenerator::new([1; 32], 0));
        let mut outputs = Outputs::default();
        cx.push_output(Output::Ping { ws: WsId(1) });
        outputs.push_event(Event::Upgraded, &mut cx);
        cx.push_output(Output::Ping { ws: WsId(2) });
        let mut order = Vec::new();
        while let Some(output) = outputs.poll() {
            order.push(format!("{output:?}"));
        }
        assert_eq!(order, ["Ping { ws: WsId(1) }", "Event(Upgraded)"]);
        assert!(matches!(cx.poll_output(), Some(Output::Ping { ws: WsId(2) })));
    }
}
