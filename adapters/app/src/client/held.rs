//! Handlers that wait, and events that wait for fewer of them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sockeye_core::client::{Event, Output};

use super::hub::{Hub, State};

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
const fn keeps_order(event: &Event) -> bool {
    matches!(
        event,
        Event::Received { .. }
            | Event::Connected { .. }
            | Event::Disconnected { .. }
            | Event::Refused { .. }
    )
}

impl Held {
    fn push(&mut self, event: Event) {
        self.bytes += cost(&event);
        self.full |= self.bytes >= MOST;
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= cost(&event);
        self.full &= self.bytes > MOST / 2;
        Some(event)
    }
}

impl State {
    /// The next output, without those events for which too many handlers wait.
    pub(super) fn next_output(&mut self) -> Option<Output<Event>> {
        loop {
            let is_busy = self.busy.load(Ordering::Relaxed) >= self.max_handlers;
            if !is_busy {
                if let Some(event) = self.held.pop() {
                    return Some(Output::Event(event));
                }
            }
            self.client.pause(self.held.full);
            let output = self.client.poll_output()?;
            if !is_busy {
                return Some(output);
            }
            match output {
                Output::Event(event) if keeps_order(&event) => self.held.push(event),
                output @ (Output::Request { .. }
                | Output::Abort { .. }
                | Output::Open { .. }
                | Output::Send { .. }
                | Output::Ping { .. }
                | Output::Close { .. }
                | Output::Event(_)) => return Some(output),
            }
        }
    }

    /// Whether nothing more is to be read.
    pub(super) const fn is_full(&self) -> bool {
        self.held.full
    }
}

/// A handler that waits, until this is dropped.
pub(crate) struct Busy(Arc<Hub>);

impl Busy {
    pub(super) fn new(hub: &Arc<Hub>) -> Self {
        hub.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(hub))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let before = self.0.busy.fetch_sub(1, Ordering::Relaxed);
        if before == self.0.max_handlers() {
            // There is room for an event that is held.
            self.0.driven.command(|_| ());
        }
    }
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Busy").finish()
    }
}

/// Counts those handlers of a client that wait.
pub(super) type Count = Arc<AtomicUsize>;
