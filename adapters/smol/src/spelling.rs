//! How names of headers are written. They mean the same with and without case, but small devices
//! compare them with it; hyper keeps them in lower case, and can write them with capitals or as
//! they came in another message.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::http::Extensions;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use sockeye_core::Headers;

/// Names that have more capitals than one behind each hyphen.
const IRREGULAR: [(&str, &str); 12] = [
    ("dnt", "DNT"),
    ("etag", "ETag"),
    ("nel", "NEL"),
    ("sec-gpc", "Sec-GPC"),
    ("sec-websocket-accept", "Sec-WebSocket-Accept"),
    ("sec-websocket-extensions", "Sec-WebSocket-Extensions"),
    ("sec-websocket-key", "Sec-WebSocket-Key"),
    ("sec-websocket-protocol", "Sec-WebSocket-Protocol"),
    ("sec-websocket-version", "Sec-WebSocket-Version"),
    ("te", "TE"),
    ("www-authenticate", "WWW-Authenticate"),
    ("x-xss-protection", "X-XSS-Protection"),
];
/// How many sets of names are remembered; applications hardly use more than one.
const REMEMBERED: usize = 16;

/// Marks a message in which names of headers are spelled already.
#[derive(Clone, Copy)]
struct Spelled;

/// What hyper is to be given along with a message, so that names are written in a certain way.
#[derive(Default)]
pub(crate) struct Spelling(RefCell<BTreeMap<String, Extensions>>);

impl Spelling {
    /// Has the headers of a message written as the RFCs do, but for those that were spelled
    /// before.
    pub(crate) fn apply(&self, headers: &HeaderMap, extensions: &mut Extensions) {
        let is_irregular = |name: &str| IRREGULAR.iter().any(|(lower, _)| *lower == name);
        let irregular = headers.keys().any(|name| is_irregular(name.as_str()));
        if irregular && extensions.get::<Spelled>().is_none() {
            self.apply_names(std::iter::empty(), extensions);
        }
    }

    /// Has names written as they are here.
    pub(crate) fn apply_own(&self, headers: &Headers, extensions: &mut Extensions) {
        let names = headers.iter().map(|(name, _)| &**name);
        let irregular = names.filter(|name| !is_regular(name));
        if irregular.clone().next().is_some() {
            self.apply_names(irregular, extensions);
            extensions.insert(Spelled);
        }
    }

    fn apply_names<'a>(&self, names: impl Iterator<Item = &'a str>, extensions: &mut Extensions) {
        let lines: String = names.map(|name| format!("{name}: \r\n")).collect();
        let mut remembered = self.0.borrow_mut();
        if remembered.len() >= REMEMBERED && !remembered.contains_key(&lines) {
            remembered.clear();
        }
        let found = remembered.entry(lines);
        let found = found.or_insert_with_key(|lines| recorded(lines));
        extensions.extend(found.clone());
    }
}

/// Whether there is a capital at the beginning and behind each hyphen, and nowhere else.
fn is_regular(name: &str) -> bool {
    let mut first = true;
    name.bytes().all(|byte| {
        let regular = if first { !byte.is_ascii_lowercase() } else { !byte.is_ascii_uppercase() };
        first = byte == b'-';
        regular
    })
}

/// What hyper records of a request with these headers, and with the irregular ones that are not
/// among them: how their names are written.
fn recorded(lines: &str) -> Extensions {
    let lower = lines.to_ascii_lowercase();
    let mut head = format!("GET / HTTP/1.1\r\n{lines}");
    for (name, spelled) in IRREGULAR {
        if !lower.lines().any(|line| line.strip_suffix(": ") == Some(name)) {
            head += &format!("{spelled}: \r\n");
        }
    }
    head += "\r\n";
    let found = Rc::new(RefCell::new(Extensions::new()));
    let service = service_fn(|mut request: Request<Incoming>| {
        found.replace(std::mem::take(request.extensions_mut()));
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let mut builder = http1::Builder::new();
    builder.preserve_header_case(true).header_read_timeout(None).keep_alive(false);
    let connection = pin!(builder.serve_connection(Head(head.into_bytes()), service));
    // All that it needs is there.
    let _ = connection.poll(&mut Context::from_waker(Waker::noop()));
    found.take()
}

/// A stream on which a head comes.
struct Head(Vec<u8>);

impl Read for Head {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.0.len().min(cursor.remaining());
        cursor.put_slice(&self.0.drain(..length).collect::<Vec<u8>>());
        Poll::Ready(Ok(()))
    }
}

impl Write for Head {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{IRREGULAR, is_regular};

    #[test]
    fn irregular_names_are_those_that_capitals_behind_hyphens_do_not_make() {
        for name in ["Date", "Content-Type", "X-9", "Access-Control-Allow-Origin"] {
            assert!(is_regular(name), "{name}");
        }
        for name in ["date", "X-Request-ID", "content-Type", "x", "X-x"] {
            assert!(!is_regular(name), "{name}");
        }
        for (lower, spelled) in IRREGULAR {
            assert!(!is_regular(spelled) && spelled.eq_ignore_ascii_case(lower), "{spelled}");
        }
    }
}
