//! One connection as long as it speaks HTTP.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{poll_fn, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, EXPECT, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use smol::future::FutureExt as _;

use crate::body::Answer;
use crate::fallback::{Found, status};
use crate::handshake::Handshake;
use crate::hub::{Hub, MANY_SENT};
use crate::linger::linger;
use crate::link::Link;
use crate::machine;
use crate::peer::Peer;
use crate::progress::{Patience, Progress};
use crate::stream::Stream;
use crate::ticket::Ticket;

/// The longest head of a request in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How many requests of one connection are answered before others have their turn.
const BURST: u32 = 16;
/// The most that is read ahead of a slow body, and the longest head still on its way.
const MAX_BUFFER: usize = 32 * 1024;

/// A connection that goes on as a WebSocket.
pub(crate) struct Handover<S> {
    pub(crate) ticket: Ticket,
    pub(crate) stream: S,
    /// What the peer sent after its handshake.
    pub(crate) tail: Bytes,
    /// The greatest size of a message.
    pub(crate) limit: usize,
}

/// What the requests of one connection share.
pub(crate) struct Visit {
    pub(crate) hub: Rc<Hub>,
    pub(crate) peer: Peer,
    /// The WebSocket that the connection becomes after the current answer.
    pub(crate) accepted: RefCell<Option<(Ticket, usize)>>,
    /// Whether the peer may still be sending when the connection ends.
    pub(crate) unread: Cell<bool>,
    progress: Rc<Progress>,
    /// How many requests were answered in this turn, since the peer was last waited for.
    spent: Cell<Spent>,
}

#[derive(Clone, Copy, Default)]
struct Spent {
    turn: u64,
    requests: u32,
    /// How often something had been sent before.
    sent: u64,
}

impl Visit {
    /// Waits until others have had their turn, if it is time for that.
    async fn wait_for_turn(&self) {
        let hub = &self.hub;
        let mut spent = self.spent.get();
        let is_new = self.progress.has_waited() || spent.turn != hub.turns.number();
        let is_spent = spent.requests >= BURST || hub.sent() - spent.sent >= MANY_SENT;
        if !is_new && is_spent {
            hub.turns.next().await;
        }
        if is_new || is_spent {
            spent = Spent { turn: hub.turns.number(), requests: 0, sent: hub.sent() };
        }
        spent.requests += 1;
        self.spent.set(spent);
    }
}

/// The connection ends here, without another word.
#[derive(Debug)]
pub(crate) struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends without an answer")
    }
}

impl std::error::Error for Ended {}

pub(crate) fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Between two requests a connection may wait longer than for the rest of a head.
        .header_read_timeout(None)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_BUFFER)
        .title_case_headers(true)
        // What a client that has left a held poll shows is the end of its half.
        .half_close(false);
    builder
}

/// Serves requests until the connection ends or becomes a WebSocket.
pub(crate) async fn serve<S>(hub: &Rc<Hub>, link: Link<S>, peer: Peer) -> Option<Handover<S>>
where
    S: Stream,
{
    let visit = Rc::new(Visit {
        hub: Rc::clone(hub),
        peer,
        accepted: RefCell::default(),
        unread: Cell::default(),
        progress: Rc::clone(link.progress()),
        spent: Cell::default(),
    });
    let limits = hub.limits.get();
    let service = service_fn(|request| answer(Rc::clone(&visit), request));
    let mut connection = hub.http.serve_connection(link, service);
    let mut told = false;
    let mut patience = Patience::default();
    let outcome = poll_fn(|cx| {
        if hub.seats.is_draining() && !told {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        let outcome = Pin::new(&mut connection).poll(cx).map(Some);
        if outcome.is_pending() {
            task::ready!(patience.poll(cx, &visit.progress, &limits, &hub.clock));
            return Poll::Ready(None);
        }
        outcome
    })
    .await?;
    drop(patience);
    let parts = connection.into_parts();
    if let Some((ticket, limit)) = visit.accepted.take() {
        outcome.ok()?;
        let (stream, ahead) = parts.io.into_inner();
        let tail = if ahead.is_empty() {
            parts.read_buf
        } else {
            [parts.read_buf, ahead.into()].concat().into()
        };
        return Some(Handover { ticket, stream, tail, limit });
    }
    let stream = match (outcome, visit.progress.refused()) {
        (_, Some(status)) => Box::pin(refuse(&visit, parts.io, status)).await,
        (Ok(()), None) if visit.unread.get() => parts.io.into_inner().0,
        (Ok(()) | Err(_), None) => return None,
    };
    Box::pin(linger(stream, limits.close_timeout)).await;
    None
}

/// Answers what hyper does not take for a request; gives the stream back.
async fn refuse<S: Stream>(visit: &Rc<Visit>, link: Link<S>, status: u16) -> S {
    // An answer belongs to a request, and there is none.
    let link = link.reading(b"GET / HTTP/1.1\r\n\r\n");
    let progress = Rc::clone(link.progress());
    let service = service_fn(|request: Request<Incoming>| {
        progress.begin();
        let (head, _) = request.into_parts();
        let mut refusal = machine::refusal(visit, &head);
        *refusal.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        ready(Ok::<_, Ended>(refusal))
    });
    let mut connection = visit.hub.http.serve_connection(link, service);
    // It has not been read: the stream ends in any case.
    let _ = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    connection.into_parts().io.into_inner().0
}

/// Answers a request, for the last time on this connection if the server is closing.
async fn answer(visit: Rc<Visit>, request: Request<Incoming>) -> Result<Response<Answer>, Ended> {
    visit.progress.begin();
    visit.wait_for_turn().await;
    // Handlers of pages, and functions of the configuration, are the application's.
    let responded = AssertUnwindSafe(respond(&visit, request)).catch_unwind().await;
    let mut response = responded.unwrap_or_else(|_| {
        log::error!("a request is answered with 500 after a panic; everything else goes on");
        Ok(status(StatusCode::INTERNAL_SERVER_ERROR))
    })?;
    let goes_on = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if visit.hub.seats.is_closing() && !goes_on {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let (mut head, body) = response.into_parts();
    visit.hub.spelling.apply(&head.headers, &mut head.extensions);
    Ok(Response::from_parts(head, body.told(&visit.progress)))
}

async fn respond(visit: &Visit, request: Request<Incoming>) -> Result<Response<Answer>, Ended> {
    visit.unread.set(!request.body().is_end_stream());
    let (head, body) = request.into_parts();
    if is_encoded(&head.headers) {
        return Ok(machine::refusal(visit, &head));
    }
    let expectation = head.headers.get(EXPECT);
    if expectation.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Ok(status(StatusCode::EXPECTATION_FAILED));
    }
    if !visit.hub.is_for_machine(head.uri.path()) {
        let request = Request::from_parts(head, body);
        let found = visit.hub.pages.borrow().find(&request);
        return Ok(match found {
            Found::Page(response) => response,
            Found::Handler(handler) => handler(request).await,
        });
    }
    match Handshake::of(&head) {
        Handshake::None => machine::request(visit, &head, body).await,
        // Bytes that count as a body here would be frames elsewhere.
        Handshake::Sound(_) if !body.is_end_stream() => Ok(machine::refusal(visit, &head)),
        Handshake::Sound(accept) => machine::upgrade(visit, &head, &accept).await,
        Handshake::BadKey => Ok(machine::refusal(visit, &head)),
        Handshake::OtherVersion => {
            let mut response = machine::refusal(visit, &head);
            *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
            let headers = response.headers_mut();
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
            headers.insert("upgrade", HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade, close"));
            Ok(response)
        }
    }
}

/// Whether the body has another encoding than chunks: hyper looks for those behind all others, and
/// leaves the others to its user.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = encodings.next().map(HeaderValue::as_bytes);
    first.is_some_and(|first| !first.eq_ignore_ascii_case(b"chunked")) || encodings.next().is_some()
}
