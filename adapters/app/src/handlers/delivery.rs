//! An event on its way to its handlers.

use sockeye_core::{Args, Name};

use super::call::{EventCall, Origin};
use super::handler::Task;
use super::handler::{BoxHandler, run};
use crate::handles::ack::AckSender;

/// An event with the right to answer it, which all of its handlers share.
pub(crate) struct Delivery<S> {
    pub(crate) socket: S,
    pub(crate) name: Name,
    pub(crate) args: Args,
    pub(crate) ack: Option<AckSender>,
}

impl<S: Origin> Delivery<S> {
    /// What one handler is called with; the last one need not share.
    pub(crate) fn call(&mut self, is_last: bool) -> EventCall<S> {
        let ack = match self.ack.take() {
            Some(ack) if !is_last => {
                let (first, second) = ack.share();
                self.ack = Some(second);
                Some(first)
            }
            ack => ack,
        };
        let (socket, name, args) = (self.socket.clone(), self.name.clone(), self.args.clone());
        EventCall { socket, name, args, ack }
    }

    /// Calls the handlers one after the other; returns what is left of them.
    pub(crate) fn deliver<'a>(
        mut self,
        handlers: impl Iterator<Item = &'a BoxHandler<EventCall<S>>>,
    ) -> Vec<Task> {
        let mut handlers = handlers.peekable();
        let mut tasks = Vec::new();
        while let Some(handler) = handlers.next() {
            let is_last = handlers.peek().is_none();
            tasks.extend(run(handler, self.call(is_last)));
        }
        tasks
    }
}
