//! How far a connection is with its requests, known above and below hyper, which does not tell.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{self, Context, Poll};
use std::time::Instant;

use hyper::rt::{Sleep, Timer};

use crate::clock::Clock;
use crate::limits::Limits;

/// What a connection is doing.
pub(crate) struct Progress {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// The status of an answer that hyper has made by itself.
    refused: Cell<Option<u16>>,
    /// Everything that the peer has sent was read, so the connection has waited for more.
    waited: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A head is to come, or is coming.
    Head,
    /// Between two requests.
    Idle,
    /// A request is being answered.
    Answering,
    /// The whole answer is on its way.
    Answered,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let (phase, since) = (Cell::new(Phase::Head), Cell::new(Instant::now()));
        Self { phase, since, refused: Cell::default(), waited: Cell::default() }
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }

    /// Bytes have come.
    pub(crate) fn on_read(&self) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// There is nothing to read.
    pub(crate) fn on_blocked(&self) {
        self.waited.set(true);
    }

    /// Whether the connection has waited for its peer since this was last asked: others had their
    /// turn then.
    pub(crate) fn has_waited(&self) -> bool {
        self.waited.take()
    }

    /// A head has come whole.
    pub(crate) fn begin(&self) {
        self.phase.set(Phase::Answering);
    }

    /// Nothing more is to be made of the answer.
    pub(crate) fn end(&self) {
        if self.phase.get() == Phase::Answering {
            self.phase.set(Phase::Answered);
        }
    }

    /// Everything is written so far; the head of the next request may have come with this one.
    pub(crate) fn on_flushed(&self, in_head: bool) {
        if self.phase.get() == Phase::Answered {
            self.enter(if in_head { Phase::Head } else { Phase::Idle });
        }
    }

    /// Whether what is written now is an answer to nothing that we know of: what hyper writes by
    /// itself, which is not passed on. Notes its status.
    pub(crate) fn withholds(&self, bytes: &[u8]) -> bool {
        let waiting = matches!(self.phase.get(), Phase::Head | Phase::Idle);
        if waiting && self.refused.get().is_none() {
            let status = bytes.get(9..12).and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
            self.refused.set(Some(status.unwrap_or(400)));
        }
        waiting
    }

    /// The status of the answer that was withheld.
    pub(crate) fn refused(&self) -> Option<u16> {
        self.refused.get()
    }

    /// When the connection ends unless something happens.
    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let patience = match self.phase.get() {
            Phase::Head => limits.head_timeout,
            Phase::Idle => limits.idle_timeout,
            Phase::Answering | Phase::Answered => return None,
        };
        // What is too far away never comes.
        self.since.get().checked_add(patience)
    }
}

/// Watches over the time that a connection may wait.
///
/// Deadlines move later with every request, so a timer that goes off too early is set again then.
#[derive(Default)]
pub(crate) struct Patience(Option<(Instant, Pin<Box<dyn Sleep>>)>);

impl Patience {
    /// Waits until a connection has waited for too long.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        progress: &Progress,
        limits: &Limits,
        clock: &Clock,
    ) -> Poll<()> {
        loop {
            let Some(deadline) = progress.deadline(limits) else { return Poll::Pending };
            let timer = match self.0.take() {
                Some((at, timer)) if at <= deadline => (at, timer),
                _ => (deadline, clock.sleep_until(deadline)),
            };
            let (at, timer) = self.0.insert(timer);
            task::ready!(timer.as_mut().poll(cx));
            if *at == deadline {
                return Poll::Ready(());
            }
            self.0 = None;
        }
    }
}
