//! A request on its way through tiny_http: handed on, waited for, answered.

use std::io::{ErrorKind, Read};

use mio::Interest;
use mio::net::UnixStream;

use super::connection::{Connection, Context, GONE, Phase, Step, Turn, WAIT};
use super::head::{MAX_HEAD, Refusal};
use super::outgoing::Outgoing;
use super::relay::Relay;

/// From how much of an unread answer on a handler has to wait, except for the driver.
const MAX_AHEAD: usize = 1 << 20;
/// How often a request is handed on again when tiny_http has ended under it.
const ATTEMPTS: u32 = 50;

/// A request for tiny_http.
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) request: Vec<u8>,
    pub(super) keep: bool,
    pub(super) bodiless: bool,
    /// Whether the one who answers is not to be held up.
    pub(super) eager: bool,
    pub(super) attempts: u32,
}

/// A request that tiny_http has.
pub(super) struct Exchange {
    pub(super) order: Order,
    pub(super) inner: UnixStream,
    pub(super) request: Outgoing,
    pub(super) relay: Relay,
    /// It was told that the client has gone.
    pub(super) told: bool,
}

impl Connection {
    /// Gives a whole request to tiny_http.
    pub(super) fn hand_on(&mut self, cx: &Context<'_>) -> Step {
        let Phase::Ready(order) = &mut self.phase else { return WAIT };
        if !cx.shared.flight.depart(order.id) {
            return Step::Stuck(Turn::WaitForRoom);
        }
        let inner = UnixStream::connect(cx.shared.line.path()).and_then(|mut inner| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            cx.registry.register(&mut inner, cx.token, interest)?;
            Ok(inner)
        });
        let inner = match inner {
            Ok(inner) => inner,
            Err(error) => {
                cx.shared.flight.take_back(order.id);
                if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) {
                    cx.shared.line.report_dead();
                }
                return Step::Stuck(Turn::WaitForRoom);
            }
        };
        if let Phase::Ready(mut order) = std::mem::replace(&mut self.phase, Phase::Head) {
            let close = cx.closing || self.ended || !order.keep;
            let relay = Relay::new(close, order.bodiless);
            let request = Outgoing::new(std::mem::take(&mut order.request));
            let exchange = Exchange { order, inner, request, relay, told: false };
            self.enter(Phase::Asked(Box::new(exchange)), cx.now);
        }
        Step::Moved
    }

    pub(super) fn exchange(&mut self, cx: &mut Context<'_>) -> Step {
        if self.watch(cx).is_err() {
            return GONE;
        }
        let Phase::Asked(exchange) = &mut self.phase else { return WAIT };
        if self.ended && !exchange.told {
            exchange.told = true;
            cx.shared.tell_gone(exchange.order.id);
        }
        // What went wrong shows when the answer is read.
        let _ = exchange.request.write(&exchange.inner);
        let before = self.output.len();
        loop {
            let ahead = self.output.len();
            if cx.ration == 0 || (!exchange.order.eager && ahead > MAX_AHEAD) {
                break;
            }
            match (&exchange.inner).read(cx.scratch) {
                Ok(0) => return self.conclude(cx),
                Ok(read) => {
                    cx.ration = cx.ration.saturating_sub(read);
                    if self.output.is_empty() {
                        self.written = cx.now;
                    }
                    exchange.relay.pass(&cx.scratch[..read], self.output.bytes());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.conclude(cx),
            }
        }
        if self.output.len() > before && cx.ration > 0 { Step::Moved } else { WAIT }
    }

    /// Sees whether the client is still there while it waits for its answer.
    fn watch(&mut self, cx: &mut Context<'_>) -> Result<(), ()> {
        while !self.ended && self.input.len() < MAX_HEAD && cx.ration > 0 {
            match self.stream.read(cx.scratch) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    cx.ration = cx.ration.saturating_sub(read);
                    self.input.extend_from_slice(&cx.scratch[..read]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(()),
            }
        }
        Ok(())
    }

    /// Goes on after tiny_http has said all that it had to say.
    fn conclude(&mut self, cx: &Context<'_>) -> Step {
        let Phase::Asked(exchange) = std::mem::replace(&mut self.phase, Phase::Head) else {
            return WAIT;
        };
        let Exchange { mut order, request, relay, told, .. } = *exchange;
        let lost = cx.shared.flight.take_back(order.id);
        if relay.is_fresh() && lost && !told && order.attempts < ATTEMPTS {
            // The driver has not seen it, so it may be told of it again.
            order.attempts += 1;
            order.request = request.into_bytes();
            self.enter(Phase::Ready(order), cx.now);
            return Step::Stuck(Turn::WaitForRoom);
        }
        if relay.is_fresh() && !lost {
            return GONE;
        }
        if relay.is_fresh() {
            return self.refuse(Refusal(503), cx.now);
        }
        if relay.is_whole() && order.keep && !self.ended && !cx.closing {
            self.enter(Phase::Head, cx.now);
            return Step::Moved;
        }
        self.end(cx.now)
    }
}
