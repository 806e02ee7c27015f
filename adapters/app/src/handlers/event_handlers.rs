//! The handlers of a namespace for events, in a server or a client.

use std::collections::HashMap;

use super::call::EventCall;
use super::handler::BoxHandler;

/// The handlers of a namespace for events.
pub(crate) struct EventHandlers<S> {
    /// Those for all events.
    pub(crate) any: Vec<BoxHandler<EventCall<S>>>,
    single: HashMap<String, Vec<BoxHandler<EventCall<S>>>>,
}

impl<S> EventHandlers<S> {
    pub(crate) fn add(&mut self, event: &str, handler: BoxHandler<EventCall<S>>) {
        self.single.entry(event.to_owned()).or_default().push(handler);
    }

    /// Those for one event, in the order of their registration.
    pub(crate) fn of_event(&self, name: &str) -> &[BoxHandler<EventCall<S>>] {
        self.single.get(name).map_or(&[], Vec::as_slice)
    }
}

impl<S> Default for EventHandlers<S> {
    fn default() -> Self {
        Self { any: Vec::new(), single: HashMap::new() }
    }
}
