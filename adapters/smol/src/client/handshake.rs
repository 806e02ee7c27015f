//! The handshake of a WebSocket (RFC 6455, section 4.1), by the same HTTP as everything else.

use std::fmt::Display;

use async_tungstenite::tungstenite::handshake::client::generate_key;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{HeaderMap, Request, StatusCode};
use smol::future::{self, poll_fn};
use smol_hyper::rt::FuturesIo;
use sockeye_core::{Headers, Response};

use super::address::Address;
use super::driver::Hub;
use super::{http, link};
use crate::stream::Stream;

/// The longest body of a refusal that is looked at.
const MAX_REFUSAL: usize = 64 * 1024;

/// Why a WebSocket was not opened.
pub(super) enum Failure {
    Refused(Response),
    Broken(String),
}

/// A connection that goes on as a WebSocket, and what came behind the handshake.
pub(super) type Opened = (Box<dyn Stream>, Bytes);

/// Connects, and shakes hands.
pub(super) async fn open(
    hub: &Hub,
    address: &Address,
    target: String,
    headers: Headers,
    protocols: &[String],
) -> Result<Opened, Failure> {
    let key = generate_key();
    let request =
        request(hub, address, target, headers, protocols, &key).map_err(Failure::Broken)?;
    let stream = link::open(&hub.ways, address).await.map_err(broken)?;
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true);
    let opened = builder.handshake(FuturesIo::new(stream)).await;
    let (mut sender, mut connection) = opened.map_err(|error| broken(http::told(&error)))?;

    let mut is_over = false;
    let mut running = poll_fn(|cx| connection.poll_without_shutdown(cx));
    let response = sender.send_request(request);
    let response = with(response, &mut running, &mut is_over).await;
    let response = response.map_err(|error| broken(http::told(&error)))?;
    let (head, body) = response.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        let body = with(http::read(body, MAX_REFUSAL), &mut running, &mut is_over).await;
        let mut response = Response::empty(head.status.as_u16());
        response.headers = http::plain(&head.headers);
        response.body = body.unwrap_or_default();
        return Err(Failure::Refused(response));
    }
    verify(&head.headers, protocols, &key).map_err(broken)?;
    if !is_over {
        running.await.map_err(|error| broken(http::told(&error)))?;
    }
    let parts = connection.into_parts();
    Ok((parts.io.into_inner(), parts.read_buf))
}

fn broken(error: impl Display) -> Failure {
    Failure::Broken(error.to_string())
}

/// Waits for something while a connection is run; notes when that is over.
async fn with<T>(
    wanted: impl Future<Output = T>,
    running: &mut (impl Future<Output = hyper::Result<()>> + Unpin),
    is_over: &mut bool,
) -> T {
    let run = async {
        if !*is_over {
            // What went wrong is told to the one who waits, too.
            let _ = running.await;
            *is_over = true;
        }
        future::pending().await
    };
    future::or(wanted, run).await
}

fn request(
    hub: &Hub,
    address: &Address,
    target: String,
    headers: Headers,
    protocols: &[String],
    key: &str,
) -> Result<Request<Full<Bytes>>, String> {
    let request = Request::get(target).body(Full::default());
    let mut request = request.map_err(|error| error.to_string())?;
    hub.spelling.apply_own(&headers, request.extensions_mut());
    let mut headers = http::head(address, headers)?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(SEC_WEBSOCKET_KEY, value(key)?);
    if !protocols.is_empty() {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&protocols.join(", "))?);
    }
    hub.spelling.apply(&headers, request.extensions_mut());
    *request.headers_mut() = headers;
    Ok(request)
}

/// Whether an answer with status 101 is one to this handshake.
fn verify(headers: &HeaderMap, protocols: &[String], key: &str) -> Result<(), &'static str> {
    let value = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().and_then(|value| value.to_str().ok()).map(str::trim);
        first.filter(|_| values.next().is_none())
    };
    let is = |name: HeaderName, wanted: &str| {
        value(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let tokens = value(CONNECTION).unwrap_or_default().split(',');
    let upgrades = tokens.map(str::trim).any(|token| token.eq_ignore_ascii_case("upgrade"));
    if !is(UPGRADE, "websocket") || !upgrades {
        return Err("the connection was upgraded to something else than a WebSocket");
    }
    if value(SEC_WEBSOCKET_ACCEPT) != Some(&*derive_accept_key(key.as_bytes())) {
        return Err("the header Sec-WebSocket-Accept is missing or wrong");
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err("the server chose an extension that was not offered");
    }
    match value(SEC_WEBSOCKET_PROTOCOL) {
        Some(chosen) if protocols.iter().any(|offered| offered == chosen) => Ok(()),
        None if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) && protocols.is_empty() => Ok(()),
        None if protocols.is_empty() => Err("the server chose subprotocols without an offer"),
        None => Err("the server chose none of the subprotocols"),
        Some(_) => Err("the server chose a subprotocol that was not offered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const SOUND: [(&str, &str); 3] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];

    /// Whether the answer of the RFC is one to a handshake, with this header besides or instead.
    fn is_sound(name: &'static str, value: &'static str, offered: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in SOUND.into_iter().chain([(name, value)]) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let offered: Vec<String> = offered.iter().map(|&name| name.to_owned()).collect();
        verify(&headers, &offered, KEY).is_ok()
    }

    #[test]
    fn the_answer_of_the_rfc_is_taken_and_others_are_not() {
        assert!(is_sound("date", "today", &[]));
        for (name, value) in [
            ("upgrade", "h2c"),
            ("connection", "close"),
            ("sec-websocket-accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-extensions", "permessage-deflate"),
        ] {
            assert!(!is_sound(name, value, &[]), "{name}: {value}");
        }
    }

    #[test]
    fn a_subprotocol_must_be_chosen_if_some_are_offered_and_only_then() {
        assert!(is_sound("sec-websocket-protocol", "b", &["a", "b"]));
        assert!(!is_sound("sec-websocket-protocol", "c", &["a", "b"]));
        assert!(!is_sound("sec-websocket-protocol", "a", &[]));
        assert!(!is_sound("date", "today", &["a"]));
    }
}
