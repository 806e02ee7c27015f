//! The claim of one task on one request or WebSocket of the machine.

use std::future::poll_fn;
use std::rc::Rc;

use sockeye_core::{CloseCause, Input, RequestId, WsId};

use crate::hub::Hub;
use crate::slot::{Slot, Verdict};

/// A request or WebSocket that the machine knows of.
///
/// Dropped before it is [`close`](Self::close)d, it tells the machine that the peer is gone: so
/// it is when the task ends early, for whatever reason.
pub(crate) struct Ticket {
    hub: Rc<Hub>,
    id: u64,
    kind: Kind,
    slot: Rc<Slot>,
    open: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Request,
    WebSocket,
}

impl Ticket {
    pub(crate) fn for_request(hub: &Rc<Hub>) -> Self {
        Self::new(hub, Kind::Request)
    }

    pub(crate) fn for_websocket(hub: &Rc<Hub>) -> Self {
        Self::new(hub, Kind::WebSocket)
    }

    fn new(hub: &Rc<Hub>, kind: Kind) -> Self {
        let (id, slot) = hub.open_slot();
        Self { hub: Rc::clone(hub), id, kind, slot, open: true }
    }

    pub(crate) const fn request(&self) -> RequestId {
        RequestId(self.id)
    }

    pub(crate) const fn websocket(&self) -> WsId {
        WsId(self.id)
    }

    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }

    pub(crate) fn hub(&self) -> &Rc<Hub> {
        &self.hub
    }

    /// Waits for what the machine decides.
    pub(crate) async fn verdict(&self) -> Verdict {
        poll_fn(|cx| self.slot.poll_verdict(cx)).await
    }

    /// Notes that the machine has nothing more to say or to hear about this.
    pub(crate) fn close(&mut self) {
        self.open = false;
        self.hub.close_slot(self.id);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.hub.close_slot(self.id);
            // Handlers must not run where a task is torn down, perhaps by a panic: not from here.
            self.hub.feed_later(match self.kind {
                Kind::Request => Input::Aborted { req: self.request() },
                Kind::WebSocket => Input::Closed { ws: self.websocket(), cause: CloseCause::Peer },
            });
        }
    }
}
