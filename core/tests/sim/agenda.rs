//! What is going to happen, in the order of time.

use std::collections::BTreeMap;

use sockeye_core::{Responder, SocketId};

use super::net::Arrival;

#[derive(Debug)]
pub(crate) enum Task {
    /// Something arrives on a connection.
    Arrive(u64, Arrival),
    /// A proxy has waited long enough for the answer to a GET.
    KillPoll(u64),
    /// A proxy looks whether something was said on a WebSocket.
    KillIdle(u64),
    /// A black hole around a client closes.
    Release(usize),
    Wake(usize),
    /// A client can connect again.
    Up(usize),
    Online(usize),
    /// The server's application lets somebody in, or does not.
    Admit(SocketId, (usize, u64), bool),
    /// The server's application answers an event.
    Answer(SocketId, Responder, u64),
    /// A client's application answers an event.
    Reply(usize, Responder, u64),
    /// The server's application reads a client again.
    Resume(SocketId),
}

#[derive(Default)]
pub(crate) struct Agenda {
    /// In nanoseconds since the beginning.
    pub(crate) now: u64,
    /// What happens at the same time happens in the order in which it was put down.
    tasks: BTreeMap<(u64, u64), Task>,
    serial: u64,
}

impl Agenda {
    pub(crate) fn at(&mut self, at: u64, task: Task) {
        self.serial += 1;
        self.tasks.insert((at.max(self.now), self.serial), task);
    }

    pub(crate) fn after(&mut self, delay: u64, task: Task) {
        self.at(self.now + delay, task);
    }

    /// Forgets what the server's application was about to do.
    pub(crate) fn forget_server(&mut self) {
        let is_its =
            |task: &Task| matches!(task, Task::Admit(..) | Task::Answer(..) | Task::Resume(_));
        self.tasks.retain(|_, task| !is_its(task));
    }

    /// When the next task is due.
    pub(crate) fn next(&self) -> Option<u64> {
        self.tasks.keys().next().map(|key| key.0)
    }

    /// The next task, if it is due.
    pub(crate) fn pop(&mut self) -> Option<Task> {
        let first = self.tasks.first_entry()?;
        (first.key().0 <= self.now).then(|| first.remove())
    }
}
