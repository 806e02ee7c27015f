//! The thread that everything is decided on: it takes requests from tiny_http, feeds the machine,
//! runs handlers, and gives tiny_http the answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use sockeye_app::{Machine, Runtime, Task};
use sockeye_core::{Input, Output, RequestId, Response, WsId};
use tiny_http::Request;

use crate::answer::{abort, answer};
use crate::executor::Executor;
use crate::flight::Cargo;
use crate::front::Shared;
use crate::handle::Wishes;
use crate::ticket::{TICKET, Ticket};

/// How many requests are taken before everything else has its turn.
const BURST: usize = 64;
/// How long to sleep when there is nothing to do.
const LONG: Duration = Duration::from_secs(3600);
/// How long to sleep when something is to come that nobody tells of.
const SHORT: Duration = Duration::from_millis(5);
/// What is longer than this never comes; a century, which clocks can still add.
const AGES: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// How long to wait at least before tiny_http is started once more.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Driver {
    machine: Arc<dyn Machine>,
    shared: Arc<Shared>,
    wishes: Arc<Wishes>,
    pages: Sender<Request>,
    hands: Hands,
    /// When tiny_http may be started again.
    revive_at: Option<Instant>,
    /// The last tiny_http may have requests left.
    reviving: bool,
    retiring: Option<Instant>,
    closing: Option<Instant>,
}

/// Carries out what the machine wants.
struct Hands {
    /// Requests that are not yet answered.
    held: HashMap<u64, Held>,
    /// Bodies that are wanted, with their limits.
    wanted: Vec<(u64, usize)>,
    executor: Executor,
}

struct Held {
    request: Request,
    /// The greatest size of its body, if that is waited for.
    wanted: Option<usize>,
}

impl Driver {
    pub(crate) fn new(shared: &Arc<Shared>, wishes: Arc<Wishes>, pages: Sender<Request>) -> Self {
        let machine = Arc::clone(&shared.machine);
        let line = Arc::clone(&shared.line);
        machine.set_waker(Box::new(move || line.wake()));
        let line = Arc::clone(&shared.line);
        let executor = Executor::new(move || line.wake());
        let hands = Hands { held: HashMap::new(), wanted: Vec::new(), executor };
        Self {
            machine,
            shared: Arc::clone(shared),
            wishes,
            pages,
            hands,
            revive_at: None,
            reviving: false,
            retiring: None,
            closing: None,
        }
    }

    /// Serves until it was asked to stop and everybody has gone.
    pub(crate) fn run(&mut self) {
        loop {
            // A handler that panics in here must not stop the clock of everybody.
            let over = catch_unwind(AssertUnwindSafe(|| self.turn())).unwrap_or_else(|_| {
                log::error!("a handler panicked; everything else goes on");
                false
            });
            if over {
                return;
            }
            if self.shared.is_over() {
                return self.abandon();
            }
        }
    }

    /// Ends what there is when nobody carries connections any more.
    fn abandon(&mut self) {
        log::error!("the thread for connections has panicked: the server ends");
        self.machine.close(Instant::now());
        if catch_unwind(AssertUnwindSafe(|| self.drive())).is_err() {
            log::error!("a handler panicked while the server ended");
        }
    }

    fn turn(&mut self) -> bool {
        let line = Arc::clone(&self.shared.line);
        let mut next = line.receive(self.patience());
        for _ in 0..BURST {
            let Some(request) = next else { break };
            self.take(request);
            next = line.receive_now();
        }
        if let Some(request) = next {
            self.take(request);
        }
        line.lower();
        let left = line.receive_left();
        self.reviving = left.is_some();
        left.into_iter().flatten().for_each(|request| self.take(request));
        for id in self.shared.flight.take_brought() {
            self.feed_body(id);
        }
        // A client that leaves behind its request gets the answer to it before that is noticed.
        self.drive();
        for id in self.shared.flight.take_gone() {
            self.lose(id);
        }
        let now = Instant::now();
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            self.machine.handle_timeout(now);
        }
        self.hands.executor.run();
        self.drive();
        if line.is_dead() && self.revive_at.is_none_or(|at| at <= now) {
            self.revive(now);
        }
        self.heed(now)
    }

    /// How long nothing is to be done unless somebody calls.
    fn patience(&self) -> Duration {
        let times = self.machine.poll_timeout().into_iter().chain(self.closing);
        let revive_at = self.revive_at.filter(|_| self.shared.line.is_dead());
        let times = times.chain(self.retiring).chain(revive_at);
        let now = Instant::now();
        let until = times.min().map(|at| at.saturating_duration_since(now));
        let long = if self.reviving { SHORT } else { LONG };
        until.map_or(long, |until| until.min(long))
    }

    /// Takes a request from tiny_http.
    fn take(&mut self, request: Request) {
        // The socket is ours alone, so nobody else sends what has no ticket.
        let Some(Ticket { id, peer }) = Ticket::of(&request) else {
            return abort(request);
        };
        let arrival = self.shared.flight.arrive(id);
        if arrival.wanted {
            self.shared.wake();
        }
        let path = path(request.url());
        if !self.machine.matches(path) {
            if self.shared.pages.is_own(path) {
                self.shared.pages.respond(request);
            } else if let Err(unsent) = self.pages.send(request) {
                abort(unsent.0);
            }
            return;
        }
        // Functions of the configuration are the application's.
        if catch_unwind(AssertUnwindSafe(|| self.feed(id, peer, &request))).is_err() {
            log::error!("a request is answered with 500 after a panic; everything else goes on");
            answer(request, Response::empty(500));
            self.machine.handle(Input::Aborted { req: RequestId(id) }, Instant::now());
            return self.drive();
        }
        self.hands.held.insert(id, Held { request, wanted: None });
        self.drive();
        if arrival.gone {
            self.lose(id);
            self.drive();
        }
    }

    fn feed(&self, id: u64, peer: SocketAddr, request: &Request) {
        let all = request.headers().iter();
        let others = all.filter(|header| !header.field.equiv(TICKET));
        let headers: Vec<(&str, &[u8])> = others
            .map(|header| (header.field.as_str().as_str(), header.value.as_str().as_bytes()))
            .collect();
        let head = sockeye_core::Request {
            method: request.method().as_str(),
            target: request.url(),
            headers: &headers,
            remote: Some(peer),
            secure: false,
        };
        let upgrade = head.header("upgrade");
        let input = if upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
            Input::Upgrade { ws: WsId(id), request: head }
        } else {
            Input::Request { req: RequestId(id), request: head }
        };
        self.machine.handle(input, Instant::now());
    }

    /// Takes note that a client has gone while its request was held.
    fn lose(&mut self, id: u64) {
        if let Some(held) = self.hands.held.remove(&id) {
            abort(held.request);
            self.machine.handle(Input::Aborted { req: RequestId(id) }, Instant::now());
        }
    }

    /// Runs handlers and carries out what the machine wants, until there is nothing more.
    fn drive(&mut self) {
        loop {
            Arc::clone(&self.machine).drive(&mut self.hands);
            let wanted = std::mem::take(&mut self.hands.wanted);
            if wanted.is_empty() {
                return;
            }
            for (id, limit) in wanted {
                if let Some(held) = self.hands.held.get_mut(&id) {
                    held.wanted = Some(limit);
                    self.feed_body(id);
                }
            }
        }
    }

    /// Feeds the body of a request if it is both wanted and there.
    fn feed_body(&mut self, id: u64) {
        let req = RequestId(id);
        let Some(held) = self.hands.held.get_mut(&id) else { return };
        let Some(limit) = held.wanted else { return };
        let Some(cargo) = self.shared.flight.take_body(id) else { return };
        held.wanted = None;
        let input = match cargo {
            Cargo::Whole(body) if body.len() <= limit => Input::Body { req, body },
            Cargo::Whole(_) | Cargo::TooLarge => Input::BodyTooLarge { req },
            Cargo::Late => Input::BodyTimedOut { req },
        };
        self.machine.handle(input, Instant::now());
    }

    /// Starts tiny_http again after it has ended.
    fn revive(&mut self, now: Instant) {
        match self.shared.line.replace() {
            Ok(()) => {
                self.reviving = true;
                log::info!("tiny_http was started again");
                self.shared.wake();
            }
            Err(error) => {
                log::warn!("cannot start tiny_http, will try again: {error}");
            }
        }
        self.revive_at = Some(now + PAUSE);
    }

    /// Does what was asked from elsewhere; says whether it is all over.
    fn heed(&mut self, now: Instant) -> bool {
        let patience = self.shared.limits.shutdown_timeout;
        if let (None, Some(over)) = (self.retiring, self.wishes.to_retire()) {
            self.retiring = Some(now + over.saturating_add(patience).min(AGES));
            self.machine.retire(over, now);
            self.drive();
        }
        let retired = self.retiring.is_some_and(|at| at <= now || self.machine.is_idle());
        if self.closing.is_none() && (self.wishes.to_stop() || retired) {
            self.closing = Some(now + patience.min(AGES));
            self.shared.begin_closing();
            self.machine.close(now);
            self.drive();
        }
        let Some(end) = self.closing else { return false };
        let idle = self.machine.is_idle();
        if idle {
            self.shared.begin_draining();
        }
        end <= now || idle && self.shared.open() == 0
    }
}

impl Runtime for Hands {
    fn perform(&mut self, output: Output<Infallible>) {
        match output {
            Output::ReadBody { req, limit } => self.wanted.push((req.0, limit)),
            Output::Respond { req, response } => self.respond(req.0, response),
            Output::Refuse { ws, response } => self.respond(ws.0, response),
            Output::Abort { req } => {
                if let Some(held) = self.held.remove(&req.0) {
                    abort(held.request);
                }
            }
            // The machine was told to offer no WebSockets.
            Output::Accept { ws, .. } => self.respond(ws.0, Response::empty(501)),
            Output::Send { .. }
            | Output::Pause { .. }
            | Output::Resume { .. }
            | Output::Close { .. } => {}
            Output::Event(never) => match never {},
        }
    }

    fn spawn(&mut self, task: Task) {
        self.executor.spawn(task);
    }
}

impl Hands {
    fn respond(&mut self, id: u64, response: Response) {
        if let Some(held) = self.held.remove(&id) {
            answer(held.request, response);
        }
    }
}

/// The path of a target, without its query.
pub(crate) fn path(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}
