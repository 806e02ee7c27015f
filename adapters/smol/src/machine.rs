//! Requests that are for the machine, and its answers.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use smol::future;
use sockeye_core::{Headers, Input};

use crate::body::{self, Answer, Arrival};
use crate::conversation::{Ended, Visit};
use crate::slot::Verdict;
use crate::ticket::Ticket;

/// The most bytes of a body that are read for the sake of the connection alone.
const MAX_SKIPPED: usize = 64 * 1024;

/// Has the machine answer a request, which may take as long as the machine likes.
pub(crate) async fn request(
    visit: &Visit,
    head: &Parts,
    mut body: Incoming,
) -> Result<Response<Answer>, Ended> {
    let hub = &visit.hub;
    let mut ticket = Ticket::for_request(hub);
    with_head(visit, head, |request| hub.feed(Input::Request { req: ticket.request(), request }));
    hub.drive();
    let mut last = false;
    let mut verdict = ticket.verdict().await;
    loop {
        match verdict {
            Verdict::Read(limit) => {
                let patience = hub.limits.get().body_timeout;
                let arrival = async { Ok(body::read(&mut body, limit, patience).await) };
                let decision = async { Err(ticket.verdict().await) };
                verdict = match future::or(decision, arrival).await {
                    Ok(arrival) => {
                        last = feed_body(visit, &mut ticket, arrival)?;
                        ticket.verdict().await
                    }
                    Err(verdict) => verdict,
                };
            }
            Verdict::Answer(response, only) => {
                ticket.close();
                last = last || only || !skip(visit, &mut body).await;
                return Ok(answer(visit, response, last));
            }
            Verdict::Abort | Verdict::Accept(..) => {
                ticket.close();
                return Err(Ended);
            }
        }
    }
}

/// Reads what is left of a body that the answer did not wait for, unless it is long; says whether
/// the connection can go on.
async fn skip(visit: &Visit, body: &mut Incoming) -> bool {
    let patience = visit.hub.limits.get().body_timeout;
    let over = body.is_end_stream()
        || matches!(body::read(body, MAX_SKIPPED, patience).await, Arrival::Whole(_));
    visit.unread.set(!over);
    over
}

/// Feeds what became of the body; says whether the connection cannot go on after the answer.
fn feed_body(visit: &Visit, ticket: &mut Ticket, arrival: Arrival) -> Result<bool, Ended> {
    let hub = &visit.hub;
    let req = ticket.request();
    let unread = match arrival {
        Arrival::Whole(body) => {
            hub.feed(Input::Body { req, body });
            false
        }
        Arrival::TooLarge => {
            hub.feed(Input::BodyTooLarge { req });
            true
        }
        Arrival::Late => {
            hub.feed(Input::BodyTimedOut { req });
            true
        }
        Arrival::Broken => {
            hub.feed(Input::Aborted { req });
            ticket.close();
            hub.drive();
            return Err(Ended);
        }
    };
    visit.unread.set(unread);
    hub.drive();
    Ok(unread)
}

/// Has the machine answer a WebSocket handshake.
pub(crate) async fn upgrade(
    visit: &Visit,
    head: &Parts,
    accept: &str,
) -> Result<Response<Answer>, Ended> {
    let hub = &visit.hub;
    let mut ticket = Ticket::for_websocket(hub);
    with_head(visit, head, |request| hub.feed(Input::Upgrade { ws: ticket.websocket(), request }));
    hub.drive();
    match ticket.verdict().await {
        Verdict::Accept(headers, limit) => {
            visit.accepted.replace(Some((ticket, limit)));
            Ok(switching_protocols(visit, headers, accept))
        }
        Verdict::Answer(response, only) => {
            ticket.close();
            // Whoever is sure of the answer has sent frames already.
            visit.unread.set(true);
            Ok(answer(visit, response, only))
        }
        Verdict::Abort | Verdict::Read(_) => {
            ticket.close();
            Err(Ended)
        }
    }
}

fn with_head(visit: &Visit, head: &Parts, feed: impl FnOnce(sockeye_core::Request<'_>)) {
    let headers: Vec<(&str, &[u8])> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    feed(sockeye_core::Request {
        method: head.method.as_str(),
        target: head.uri.path_and_query().map_or("/", |target| target.as_str()),
        headers: &headers,
        remote: visit.peer.address,
        secure: visit.peer.secure,
    });
}

/// What a request gets that is malformed in a way that the machine does not see.
pub(crate) fn refusal(visit: &Visit, head: &Parts) -> Response<Answer> {
    let mut response = None;
    with_head(visit, head, |request| response = Some(visit.hub.shard().refusal(&request)));
    let response = response.unwrap_or_else(|| sockeye_core::Response::empty(400));
    answer(visit, response, true)
}

fn answer(visit: &Visit, response: sockeye_core::Response, last: bool) -> Response<Answer> {
    let mut answer = Response::new(Answer::whole(response.body));
    *answer.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    add_headers(visit, &mut answer, response.headers);
    if last {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn switching_protocols(visit: &Visit, headers: Headers, accept: &str) -> Response<Answer> {
    let mut answer = Response::new(Answer::whole(""));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    add_headers(visit, &mut answer, headers);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    answer
}

/// Adds the headers that are valid: one that is not would split the answer in two. Their names are
/// written as they are here.
fn add_headers(visit: &Visit, answer: &mut Response<Answer>, headers: Headers) {
    visit.hub.spelling.apply_own(&headers, answer.extensions_mut());
    for (name, value) in headers {
        let name = match &*name {
            // On almost every answer.
            "Content-Type" => Ok(CONTENT_TYPE),
            "Cache-Control" => Ok(CACHE_CONTROL),
            name => HeaderName::from_bytes(name.as_bytes()),
        };
        let value = HeaderValue::from_maybe_shared(match value {
            Cow::Borrowed(value) => Bytes::from_static(value.as_bytes()),
            Cow::Owned(value) => Bytes::from(value),
        });
        if let (Ok(name), Ok(value)) = (name, value) {
            answer.headers_mut().append(name, value);
        }
    }
}
