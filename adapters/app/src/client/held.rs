//! Events that wait until fewer handlers do.

use std::collections::VecDeque;

use sockeye_core::client::Event;

/// How many bytes of events are held before nothing more is read.
const MOST: usize = 16 << 20;
/// What an event takes besides its name and arguments.
const OVERHEAD: usize = 256;

/// Events that wait until fewer handlers do.
#[derive(Debug, Default)]
pub(super) struct Held {
    events: VecDeque<Event>,
    bytes: usize,
    full: bool,
}

fn cost(event: &Event) -> usize {
    if let Event::Received { name, args, .. } = event {
        return OVERHEAD + name.len() + args.size();
    }
    OVERHEAD
}

/// Whether something is told of a socket in the order in which it happened.
pub(super) const fn keeps_order(event: &Event) -> bool {
    matches!(
        event,
        Event::Received { .. }
            | Event::Connected { .. }
            | Event::Disconnected { .. }
            | Event::Refused { .. }
    )
}

impl Held {
    /// Whether nothing more is to be read.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn push(&mut self, event: Event) {
        self.bytes += cost(&event);
        self.full |= self.bytes >= MOST;
        self.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= cost(&event);
        self.full &= self.bytes > MOST / 2;
        Some(event)
    }
}
