//! A request on its way through tiny_http: handed on, waited for, answered.

use std::io::{ErrorKind, Read};

use mio::Interest;
use mio::net::UnixStream;

use super::Shared;
use super::body::{Body, Unfit};
use super::connection::{Connection, Context, GONE, Phase, Step, Turn, WAIT};
use super::head::{MAX_HEAD, Refusal};
use super::outgoing::Outgoing;
use super::relay::Relay;
use crate::flight::Cargo;

/// From how much of an unread answer on a handler has to wait, except for the driver.
const MAX_AHEAD: usize = 1 << 20;
/// How often a request is handed on again when tiny_http has ended under it.
const ATTEMPTS: u32 = 50;

/// A request for tiny_http.
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) request: Vec<u8>,
    pub(super) load: Load,
    pub(super) keep: bool,
    pub(super) bodiless: bool,
    /// Whether the one who answers is not to be held up.
    pub(super) eager: bool,
    pub(super) attempts: u32,
}

/// The body of a request for the machine. It does not go through tiny_http, which has the head
/// already.
pub(super) enum Load {
    Coming(Body),
    Ready(Cargo),
    /// The driver has it: so many bytes.
    Brought(usize),
    /// The driver has word that it is too large or too late; the rest is not read.
    Unread,
    /// It is malformed; the rest is not read.
    Spoilt,
}

impl Load {
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Coming(body) => body.bytes().len(),
            Self::Ready(Cargo::Whole(body)) => body.len(),
            Self::Brought(length) => *length,
            Self::Ready(Cargo::TooLarge | Cargo::Late) | Self::Unread | Self::Spoilt => 0,
        }
    }

    pub(super) const fn is_coming(&self) -> bool {
        matches!(self, Self::Coming(_))
    }

    /// Whether what follows on the connection is the next request.
    const fn is_whole(&self) -> bool {
        matches!(self, Self::Brought(_))
    }

    /// Takes what has come of the body from the input, and brings it to the driver when there is
    /// no more to come; says whether it did so.
    fn advance(&mut self, id: u64, input: &mut Vec<u8>, shared: &Shared) -> bool {
        if let Self::Coming(body) = self {
            match body.feed(input) {
                Ok(taken) => {
                    input.drain(..taken);
                    if body.is_whole() {
                        *self = Self::Ready(Cargo::Whole(body.take().into()));
                    }
                }
                Err(unfit) => {
                    *input = Vec::new();
                    *self = match unfit {
                        Unfit::TooLarge => Self::Ready(Cargo::TooLarge),
                        Unfit::Malformed => Self::Spoilt,
                    };
                }
            }
        }
        let next = match self {
            Self::Ready(Cargo::Whole(body)) => Self::Brought(body.len()),
            Self::Ready(Cargo::TooLarge | Cargo::Late) => Self::Unread,
            Self::Coming(_) | Self::Brought(_) | Self::Unread | Self::Spoilt => return false,
        };
        if let Self::Ready(cargo) = std::mem::replace(self, next) {
            shared.flight.bring(id, cargo);
        }
        true
    }
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
            let exchange = Exchange { order: *order, inner, request, relay, told: false };
            // The time for the body goes on.
            self.phase = Phase::Asked(Box::new(exchange));
        }
        Step::Moved
    }

    pub(super) fn exchange(&mut self, cx: &mut Context<'_>) -> Step {
        if self.watch(cx).is_err() {
            return GONE;
        }
        let Phase::Asked(exchange) = &mut self.phase else { return WAIT };
        let lost = self.ended || matches!(exchange.order.load, Load::Spoilt);
        if lost && !exchange.told {
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
                    if cx.closing || !exchange.order.load.is_whole() {
                        exchange.order.keep = false;
                        exchange.relay.close();
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

    /// Takes the body of the request, and sees whether the client is still there while it waits
    /// for its answer.
    fn watch(&mut self, cx: &mut Context<'_>) -> Result<(), ()> {
        let Phase::Asked(exchange) = &mut self.phase else { return Ok(()) };
        loop {
            let Order { id, load, .. } = &mut exchange.order;
            // The driver looks for the body by itself when it is told of the request.
            if load.advance(*id, &mut self.input, cx.shared) && exchange.request.is_empty() {
                cx.shared.line.wake();
            }
            if self.ended || self.input.len() >= MAX_HEAD || cx.ration == 0 {
                return Ok(());
            }
            match self.stream.read(cx.scratch) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    cx.ration = cx.ration.saturating_sub(read);
                    self.input.extend_from_slice(&cx.scratch[..read]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(()),
            }
        }
    }

    /// Goes on after tiny_http has said all that it had to say.
    fn conclude(&mut self, cx: &Context<'_>) -> Step {
        let Phase::Asked(exchange) = std::mem::replace(&mut self.phase, Phase::Head) else {
            return WAIT;
        };
        let Exchange { mut order, request, relay, told, .. } = *exchange;
        let lost = cx.shared.flight.take_back(order.id);
        let body = cx.shared.flight.take_body(order.id);
        if relay.is_fresh() && matches!(order.load, Load::Spoilt) {
            return self.refuse(Refusal(400), cx.shared, cx.now);
        }
        if relay.is_fresh() && lost && !told && order.attempts < ATTEMPTS {
            // The driver has not seen it, so it may be told of it again.
            order.attempts += 1;
            order.request = request.into_bytes();
            if let Some(body) = body {
                order.load = Load::Ready(body);
            }
            self.enter(Phase::Ready(Box::new(order)), cx.now);
            return Step::Stuck(Turn::WaitForRoom);
        }
        if relay.is_fresh() && !lost {
            return GONE;
        }
        if relay.is_fresh() {
            return self.refuse(Refusal(503), cx.shared, cx.now);
        }
        if relay.is_whole() && order.keep && !self.ended {
            self.enter(Phase::Head, cx.now);
            self.idle = self.input.is_empty();
            return Step::Moved;
        }
        self.end(cx.now)
    }
}
