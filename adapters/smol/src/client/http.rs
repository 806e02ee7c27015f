//! HTTP requests, over connections that are used again while they are warm.

use std::cell::RefCell;
use std::error::Error as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{HeaderMap, Request, StatusCode};
use smol_hyper::rt::FuturesIo;
use sockeye_core::client::{HttpRequest, Input};
use sockeye_core::{Headers, RequestId, Response};

use super::address::Address;
use super::driver::Hub;
use super::proxy::Upstream;
use super::{link, proxy};

/// How long a connection may have been idle to be used again: not so long that the server might
/// close it just then, for a request that fails is not repeated.
const WARM: Duration = Duration::from_secs(2);

/// Connections that wait for the next request to their server.
#[derive(Default)]
pub(super) struct Pool(RefCell<Vec<Idle>>);

struct Idle {
    since: Instant,
    secure: bool,
    authority: Arc<str>,
    sender: Sender,
}

type Sender = SendRequest<Full<Bytes>>;

impl Pool {
    fn take(&self, address: &Address) -> Option<Sender> {
        let mut idle = self.0.borrow_mut();
        idle.retain(|idle| idle.since.elapsed() < WARM && idle.sender.is_ready());
        let fits =
            |idle: &Idle| idle.secure == address.secure && idle.authority == address.authority;
        let index = idle.iter().rposition(fits)?;
        Some(idle.remove(index).sender)
    }

    fn put(&self, address: &Address, sender: Sender) {
        let (since, secure) = (Instant::now(), address.secure);
        let authority = Arc::clone(&address.authority);
        self.0.borrow_mut().push(Idle { since, secure, authority, sender });
    }
}

/// Makes a request, and tells the machine what came of it.
pub(super) async fn request(hub: Rc<Hub>, req: RequestId, wanted: HttpRequest) {
    let outcome = exchange(&hub, wanted).await;
    hub.end_request(req);
    hub.feed(match outcome {
        Ok(response) => Input::Response { req, response },
        Err(message) => Input::Failed { req, message },
    });
}

async fn exchange(hub: &Rc<Hub>, wanted: HttpRequest) -> Result<Response, String> {
    let limit = wanted.limit;
    let address = hub.address(wanted.address.as_deref())?;
    let forwarder = link::forwarder(&hub.ways, &address).map_err(|error| error.to_string())?;
    let mut request = prepare(hub, &address, forwarder, wanted)?;
    let mut sender = hub.pool.take(&address);
    loop {
        let (mut connection, fresh) = match sender.take() {
            Some(connection) => (connection, false),
            None => (connect(hub, &address, forwarder).await?, true),
        };
        match connection.try_send_request(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                if forwarder.is_some() && head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                    return Err(proxy::refused(head.status.as_u16()));
                }
                let body = read(body, limit).await?;
                if connection.is_ready() || connection.ready().await.is_ok() {
                    hub.pool.put(&address, connection);
                }
                let mut response = Response::empty(head.status.as_u16());
                (response.headers, response.body) = (plain(&head.headers), body);
                return Ok(response);
            }
            // A request that has not left this machine is not repeated but made.
            Err(mut error) => match error.take_message() {
                Some(unsent) if !fresh => request = unsent,
                _ => return Err(told(&error.into_error())),
            },
        }
    }
}

async fn connect(
    hub: &Rc<Hub>,
    address: &Address,
    forwarder: Option<&Upstream>,
) -> Result<Sender, String> {
    let stream = match forwarder {
        Some(proxy) => link::reach(&hub.ways, proxy).await,
        None => link::open(&hub.ways, address).await,
    };
    let stream = stream.map_err(|error| error.to_string())?;
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true);
    let opened = builder.handshake(FuturesIo::new(stream)).await;
    let (sender, connection) = opened.map_err(|error| told(&error))?;
    let running = async {
        if let Err(error) = connection.await {
            log::debug!("a connection for long-polling ended: {error}");
        }
    };
    hub.spawn(running).into_iter().for_each(smol::Task::detach);
    Ok(sender)
}

fn prepare(
    hub: &Hub,
    address: &Address,
    forwarder: Option<&Upstream>,
    wanted: HttpRequest,
) -> Result<Request<Full<Bytes>>, String> {
    let HttpRequest { method, address: named, target, headers, body, .. } = wanted;
    let mut target = self::target(target, named.is_some().then_some(address));
    if forwarder.is_some() {
        target = format!("http://{}{target}", address.authority);
    }
    let request = Request::builder().method(method).uri(target).body(Full::new(body));
    let mut request = request.map_err(|error| error.to_string())?;
    hub.spelling.apply_own(&headers, request.extensions_mut());
    let mut headers = head(address, headers)?;
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    if let Some(authorization) = forwarder.and_then(|proxy| proxy.authorization.as_deref()) {
        let value = HeaderValue::from_str(authorization).map_err(|error| error.to_string())?;
        headers.entry(PROXY_AUTHORIZATION).or_insert(value);
    }
    hub.spelling.apply(&headers, request.extensions_mut());
    *request.headers_mut() = headers;
    Ok(request)
}

/// Adds the query of an address that was named for one attempt.
pub(super) fn target(mut target: String, named: Option<&Address>) -> String {
    if let Some(address) = named.filter(|address| !address.raw_query.is_empty()) {
        target.push(if target.contains('?') { '&' } else { '?' });
        target += &address.raw_query;
    }
    target
}

/// The headers of a request, with those that are the driver's.
pub(super) fn head(address: &Address, headers: Headers) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
        map.append(name, value);
    }
    let host = HeaderValue::from_str(&address.authority).map_err(|error| error.to_string())?;
    map.entry(HOST).or_insert(host);
    const AGENT: &str = concat!("sockeye/", env!("CARGO_PKG_VERSION"));
    map.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    Ok(map)
}

pub(super) async fn read(mut body: hyper::body::Incoming, limit: usize) -> Result<Bytes, String> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| told(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// What went wrong, with what brought it about.
pub(super) fn told(error: &hyper::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let who = if error.is_parse() { "the server does not speak HTTP: " } else { "" };
    format!("{who}{error}{cause}")
}

/// The headers of an answer, as far as they are text.
pub(super) fn plain(headers: &HeaderMap) -> Headers {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned().into(), value.to_str().ok()?.to_owned().into()))
    };
    headers.iter().filter_map(text).collect()
}
