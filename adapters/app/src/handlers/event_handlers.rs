//! The handlers of a namespace for events, in a server or a client.

use std::collections::HashMap;

use super::call::EventCall;
use super::handler::BoxHandler;

/// Names that no handler for events may have: those that the protocol reserves, and `connection`,
/// by which JavaScript's servers mean a new connection.
const NOT_EVENTS: [(&str, &str); 7] = [
    ("connect", "\"connect\" is reserved: use on_connect"),
    ("connection", "\"connection\" is reserved: use on_connect"),
    ("connect_error", "\"connect_error\" is reserved"),
    ("disconnect", "\"disconnect\" is reserved: use on_disconnect"),
    ("disconnecting", "\"disconnecting\" is reserved: use on_disconnecting"),
    ("newListener", "\"newListener\" is reserved"),
    ("removeListener", "\"removeListener\" is reserved"),
];

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

    /// What is wrong with the name of one of them, if it is reserved.
    pub(crate) fn reserved(&self) -> Option<&'static str> {
        let mut reserved = NOT_EVENTS.iter();
        reserved.find(|(name, _)| self.single.contains_key(*name)).map(|(_, problem)| *problem)
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
