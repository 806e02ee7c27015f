//! One connection of a client's: its requests one after the other, and the answers to them.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Registry, Token};
use sockeye_core::{Request, Response};

use super::Shared;
use super::body::{Body, Unfit};
use super::exchange::{Exchange, Load, Order};
use super::head::{self, Head, Refusal};
use super::outgoing::Outgoing;
use crate::flight::Cargo;
use crate::ticket::Ticket;

/// How much is read in one turn before others have theirs.
const RATION: usize = 128 * 1024;
/// How much is thrown away before the peer is left to its own devices.
const MAX_LINGER: usize = 4 << 20;

/// What a connection needs from the front.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) shared: &'a Shared,
    pub(crate) registry: &'a Registry,
    pub(crate) scratch: &'a mut [u8],
    /// The number of the last request.
    pub(crate) last_id: &'a mut u64,
    /// The answer to this request is the last one of its connection.
    pub(crate) closing: bool,
    /// Connections that wait for a request end.
    pub(crate) draining: bool,
    /// How this one is called when something happens to the connection to tiny_http.
    pub(crate) token: Token,
    /// How much may still be read in this turn.
    pub(crate) ration: usize,
}

impl<'a> Context<'a> {
    pub(crate) const fn ration() -> usize {
        RATION
    }
}

/// What becomes of a connection after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It waits for one of its streams, at most until its deadline.
    Wait,
    /// It has more to do at once.
    Again,
    /// It waits until more requests can be handed on.
    WaitForRoom,
    Gone,
}

/// One step of a turn.
#[derive(PartialEq, Eq)]
pub(super) enum Step {
    Moved,
    Stuck(Turn),
}

pub(super) const WAIT: Step = Step::Stuck(Turn::Wait);
pub(super) const GONE: Step = Step::Stuck(Turn::Gone);

pub(crate) struct Connection {
    pub(super) stream: TcpStream,
    peer: SocketAddr,
    pub(super) input: Vec<u8>,
    /// How far the head was looked at.
    scanned: usize,
    /// The peer has said that it sends no more.
    pub(super) ended: bool,
    pub(super) output: Outgoing,
    pub(super) phase: Phase,
    /// When the phase began, or the head that is arriving in it.
    since: Instant,
    /// There was a request, and nothing of the next one has come.
    pub(super) idle: bool,
    /// When something was last written.
    pub(super) written: Instant,
}

pub(super) enum Phase {
    Head,
    /// The body of a request that is not for the machine.
    Body(Box<Head>, Body),
    /// A request that tiny_http is to get.
    Ready(Box<Order>),
    Asked(Box<Exchange>),
    /// What is left is written.
    Leaving,
    Lingering(usize),
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, now: Instant) -> Self {
        Self {
            stream,
            peer,
            input: Vec::new(),
            scanned: 0,
            ended: false,
            output: Outgoing::default(),
            phase: Phase::Head,
            since: now,
            idle: false,
            written: now,
        }
    }

    pub(crate) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) const fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// How many bytes are held.
    pub(crate) fn weight(&self) -> usize {
        let phase = match &self.phase {
            Phase::Body(_, body) => body.bytes().len(),
            Phase::Ready(order) => order.request.len() + order.load.weight(),
            Phase::Asked(exchange) => exchange.request.held() + exchange.order.load.weight(),
            Phase::Head | Phase::Leaving | Phase::Lingering(_) => 0,
        };
        self.input.len() + self.output.len() + phase
    }

    /// When it has to end, if nothing happens until then.
    pub(crate) fn deadline(&self, shared: &Shared) -> Option<Instant> {
        let limits = &shared.limits;
        let phase = match &self.phase {
            Phase::Head if !self.output.is_empty() => None,
            Phase::Head if self.idle => Some(limits.idle_timeout),
            Phase::Head => Some(limits.head_timeout),
            Phase::Body(..) | Phase::Ready(_) => Some(limits.body_timeout),
            Phase::Lingering(_) => Some(limits.close_timeout),
            Phase::Asked(exchange) if exchange.order.load.is_coming() => Some(limits.body_timeout),
            Phase::Asked(_) | Phase::Leaving => None,
        };
        // What is too far away never comes.
        let phase = phase.and_then(|phase| self.since.checked_add(phase));
        let write = Some(limits.write_timeout).filter(|_| !self.output.is_empty());
        let write = write.and_then(|write| self.written.checked_add(write));
        phase.into_iter().chain(write).min()
    }

    /// Does what its deadline is for.
    pub(crate) fn expire(&mut self, shared: &Shared, now: Instant) -> Turn {
        match &mut self.phase {
            Phase::Body(..) => {
                self.refuse(Refusal(408), shared, now);
                Turn::Again
            }
            Phase::Asked(exchange) if exchange.order.load.is_coming() => {
                exchange.order.load = Load::Ready(Cargo::Late);
                self.input = Vec::new();
                Turn::Again
            }
            Phase::Ready(_) => {
                self.refuse(Refusal(503), shared, now);
                Turn::Again
            }
            Phase::Head | Phase::Asked(_) | Phase::Leaving | Phase::Lingering(_) => Turn::Gone,
        }
    }

    /// Takes note that it is gone.
    pub(crate) fn abandon(&self, shared: &Shared) {
        if let Phase::Asked(exchange) = &self.phase {
            if !exchange.told {
                shared.tell_gone(exchange.order.id);
            }
            shared.flight.take_body(exchange.order.id);
        }
    }

    /// Does what can be done now.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) -> Turn {
        loop {
            match self.output.write(&self.stream) {
                Ok(0) => {}
                Ok(_) => self.written = cx.now,
                Err(_) => return Turn::Gone,
            }
            self.output.tidy();
            let step = match &mut self.phase {
                Phase::Head => self.head(cx),
                Phase::Body(..) => self.body(cx),
                Phase::Ready(_) => self.hand_on(cx),
                Phase::Asked(_) => self.exchange(cx),
                Phase::Leaving => self.leave(cx),
                Phase::Lingering(_) => self.linger(cx),
            };
            if let Step::Stuck(turn) = step {
                return if cx.ration == 0 && turn == Turn::Wait { Turn::Again } else { turn };
            }
        }
    }

    fn head(&mut self, cx: &mut Context<'_>) -> Step {
        if !self.output.is_empty() {
            return WAIT;
        }
        // An empty line in front of a request is no harm.
        while self.scanned == 0 && self.input.starts_with(b"\r\n") {
            self.input.drain(..2);
        }
        if self.idle && !self.input.is_empty() {
            (self.idle, self.since) = (false, cx.now);
        }
        let begun = self.input != b"\r";
        let found = if begun { head::end(&self.input, &mut self.scanned) } else { Ok(None) };
        let length = match found {
            Ok(Some(length)) => length,
            Ok(None) if cx.draining && self.input.is_empty() => return self.end(cx.now),
            Ok(None) => return self.read(cx),
            Err(refusal) => return self.refuse(refusal, cx.shared, cx.now),
        };
        let head = Head::parse(&self.input[..length]);
        self.input.drain(..length);
        self.scanned = 0;
        let head = match head {
            Ok(head) => head,
            Err(refusal) => return self.refuse(refusal, cx.shared, cx.now),
        };
        let is_for_machine = cx.shared.machine.matches(head.path());
        let body = Body::new(head.framing, cx.shared.max_body(head.path()));
        let missing = body.as_ref().is_ok_and(|body| !body.is_whole());
        if head.expects && missing && self.input.is_empty() {
            self.written = cx.now;
            self.output.bytes().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        match body {
            // The machine is told at once: of two requests that arrive at the same time, say, it
            // is to know before they are whole.
            Ok(body) if is_for_machine => self.order(head, &[], Load::Coming(body), cx),
            Err(_) if is_for_machine => self.order(head, &[], Load::Ready(Cargo::TooLarge), cx),
            Ok(body) => self.enter(Phase::Body(Box::new(head), body), cx.now),
            Err(_) => return self.refuse(Refusal(413), cx.shared, cx.now),
        }
        Step::Moved
    }

    fn body(&mut self, cx: &mut Context<'_>) -> Step {
        let Phase::Body(_, body) = &mut self.phase else { return WAIT };
        match body.feed(&self.input) {
            Ok(taken) => self.input.drain(..taken),
            Err(Unfit::TooLarge) => return self.refuse(Refusal(413), cx.shared, cx.now),
            Err(Unfit::Malformed) => return self.refuse(Refusal(400), cx.shared, cx.now),
        };
        if !body.is_whole() {
            return self.read(cx);
        }
        if let Phase::Body(head, body) = std::mem::replace(&mut self.phase, Phase::Head) {
            self.order(*head, body.bytes(), Load::Brought(0), cx);
        }
        Step::Moved
    }

    /// Makes of a request what tiny_http is to get.
    fn order(&mut self, head: Head, body: &[u8], load: Load, cx: &mut Context<'_>) {
        *cx.last_id += 1;
        let id = *cx.last_id;
        let ticket = Ticket { id, peer: self.peer };
        let eager = cx.shared.is_eager(head.path());
        let (keep, bodiless) = (head.keep, head.bodiless);
        let request = head.into_request(&ticket, body);
        let order = Order { id, request, load, keep, bodiless, eager, attempts: 0 };
        self.enter(Phase::Ready(Box::new(order)), cx.now);
    }

    /// Reads more; says whether there is more.
    fn read(&mut self, cx: &mut Context<'_>) -> Step {
        if self.ended {
            return GONE;
        }
        if cx.ration == 0 {
            return WAIT;
        }
        match self.stream.read(cx.scratch) {
            Ok(0) => GONE,
            Ok(read) => {
                cx.ration = cx.ration.saturating_sub(read);
                self.input.extend_from_slice(&cx.scratch[..read]);
                Step::Moved
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if self.input.is_empty() {
                    self.input = Vec::new();
                }
                WAIT
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::Moved,
            Err(_) => GONE,
        }
    }

    fn leave(&mut self, cx: &Context<'_>) -> Step {
        if !self.output.is_empty() {
            return WAIT;
        }
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return GONE;
        }
        self.enter(Phase::Lingering(0), cx.now);
        Step::Moved
    }

    /// Throws away what the peer still sends, for a while: a connection dropped with bytes unread
    /// is reset, and a reset destroys the last answer before the peer has read it.
    fn linger(&mut self, cx: &mut Context<'_>) -> Step {
        let Phase::Lingering(thrown) = &mut self.phase else { return WAIT };
        if self.ended || *thrown > MAX_LINGER {
            return GONE;
        }
        if cx.ration == 0 {
            return WAIT;
        }
        match self.stream.read(cx.scratch) {
            Ok(0) => GONE,
            Ok(read) => {
                *thrown += read;
                cx.ration = cx.ration.saturating_sub(read);
                Step::Moved
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => WAIT,
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::Moved,
            Err(_) => GONE,
        }
    }

    /// Answers what the machine does not see, and ends the connection.
    pub(super) fn refuse(&mut self, refusal: Refusal, shared: &Shared, now: Instant) -> Step {
        let Refusal(status) = refusal;
        let reason = match status {
            408 => "Request Timeout",
            413 => "Content Too Large",
            417 => "Expectation Failed",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            _ => "Bad Request",
        };
        let output = self.output.bytes();
        let line = format!("HTTP/1.1 {status} {reason}\r\nConnection: close\r\n");
        output.extend_from_slice(line.as_bytes());
        let remote = Some(self.peer);
        let request = Request { method: "GET", target: "/", headers: &[], remote, secure: false };
        // Nothing is wrong with a request that is too large or late, or comes when there is no room.
        let response = if matches!(status, 408 | 413 | 503) {
            Response::empty(status)
        } else {
            shared.machine.refusal(&request)
        };
        for (name, value) in &response.headers {
            output.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let length = format!("Content-Length: {}\r\n\r\n", response.body.len());
        output.extend_from_slice(length.as_bytes());
        output.extend_from_slice(&response.body);
        self.written = now;
        self.end(now)
    }

    pub(super) fn end(&mut self, now: Instant) -> Step {
        self.input = Vec::new();
        self.enter(Phase::Leaving, now);
        Step::Moved
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }
}
