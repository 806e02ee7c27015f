//! Queries of requests, and the answers that depend on nothing else. See "HTTP long-polling" and
//! "Handshake" in the protocol of Engine.IO.

use bytes::Bytes;

use crate::io::{Request, Response, cut};

/// The parameters of the protocol in a query, such as `EIO=4&transport=polling&sid=..`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::engineio) struct Query<'a> {
    pub(in crate::engineio) protocol: Option<&'a str>,
    pub(in crate::engineio) transport: Option<&'a str>,
    pub(in crate::engineio) sid: Option<&'a str>,
    /// `j`: the index of the function that the answer calls, in protocol 3 (JSONP).
    pub(in crate::engineio) script: Option<&'a str>,
    /// `b64`: the client takes binary data as base64 only.
    pub(in crate::engineio) base64: bool,
    /// One of the first three is there twice. Different parties would take a different one for the
    /// valid one, so the request is refused.
    pub(in crate::engineio) ambiguous: bool,
}

impl<'a> Query<'a> {
    pub(in crate::engineio) fn read(query: &'a str) -> Self {
        let mut read = Self::default();
        let mut rest = query;
        while !rest.is_empty() {
            let (pair, others) = cut(rest, b'&');
            rest = others;
            let (key, value) = cut(pair, b'=');
            let slot = match key {
                "EIO" => &mut read.protocol,
                "transport" => &mut read.transport,
                "sid" => &mut read.sid,
                "j" => {
                    read.script = Some(value);
                    continue;
                }
                "b64" => {
                    read.base64 = !value.is_empty();
                    continue;
                }
                _ => continue,
            };
            read.ambiguous |= slot.replace(value).is_some();
        }
        read
    }
}

/// Returns whether a request asks for a new session: its query has no `sid`. Unless it is refused,
/// its answer is the first of the session.
///
/// The official server emits `initial_headers` for these answers.
#[must_use]
pub fn opens_session(request: &Request<'_>) -> bool {
    Query::read(request.query()).sid.is_none()
}

/// The errors of the protocol, with the codes and messages that clients know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engineio) enum Refusal {
    UnknownTransport,
    UnknownSession,
    BadMethod,
    BadRequest,
    /// The application has rejected the handshake.
    Forbidden(String),
    /// The origin of the WebSocket is not allowed.
    ForeignOrigin,
    UnsupportedProtocol,
    /// There are too many sessions.
    Busy,
}

impl Refusal {
    const fn code(&self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSession => 1,
            Self::BadMethod => 2,
            Self::BadRequest | Self::Busy => 3,
            Self::Forbidden(_) | Self::ForeignOrigin => 4,
            Self::UnsupportedProtocol => 5,
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden(message) => message,
            Self::ForeignOrigin => "Origin not allowed",
            Self::UnsupportedProtocol => "Unsupported protocol version",
            Self::Busy => "Too many sessions",
        }
    }

    const fn status(&self) -> u16 {
        match self {
            Self::Busy => 503,
            Self::Forbidden(_) | Self::ForeignOrigin => 403,
            Self::UnknownTransport
            | Self::UnknownSession
            | Self::BadMethod
            | Self::BadRequest
            | Self::UnsupportedProtocol => 400,
        }
    }

    /// The answer to an HTTP request: `{"code":1,"message":"Session ID unknown"}`.
    pub(in crate::engineio) fn response(&self) -> Response {
        let (code, message) = (self.code(), self.message());
        let message = serde_json::to_string(message).expect("text can be written as JSON");
        let body = format!("{{\"code\":{code},\"message\":{message}}}");
        Response::new(self.status(), "application/json", body)
    }

    /// The answer to a WebSocket handshake: the message alone.
    pub(in crate::engineio) fn upgrade_response(&self) -> Response {
        Response::new(self.status(), "text/html", self.message().to_owned())
    }
}

/// The answer to a POST whose packets were accepted: `ok`.
pub(in crate::engineio) fn post_ok() -> Response {
    let mut response = Response::new(200, "text/html", Bytes::from_static(b"ok"));
    response.add("Cache-Control", "no-store");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_whatever_else_is_in_it() {
        let query = Query::read("EIO=4&transport=polling&t=abc&sid=x&&=&b64");
        assert_eq!(query.protocol, Some("4"));
        assert_eq!(query.transport, Some("polling"));
        assert_eq!(query.sid, Some("x"));
        assert!(!query.ambiguous);
        assert_eq!(Query::read(""), Query::default());
        assert_eq!(Query::read("sid=").sid, Some(""));
    }

    #[test]
    fn a_request_without_a_sid_opens_a_session() {
        let opens = |target| {
            let headers = &[];
            let (remote, secure) = (None, false);
            opens_session(&Request { method: "GET", target, headers, remote, secure })
        };
        assert!(opens("/socket.io/?EIO=4&transport=polling"));
        assert!(opens("/socket.io/"));
        assert!(!opens("/socket.io/?EIO=4&transport=polling&sid=x"));
        assert!(!opens("/socket.io/?sid"));
    }

    #[test]
    fn a_duplicate_parameter_is_ambiguous() {
        assert!(Query::read("EIO=4&EIO=3").ambiguous);
        assert!(Query::read("sid=a&sid=a").ambiguous);
        assert!(!Query::read("t=1&t=2").ambiguous);
    }
}
