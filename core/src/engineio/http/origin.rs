//! The origins of pages that may open a WebSocket.
//!
//! See [`WebSocketOrigins`].

use crate::engineio::http::cors::{Cors, Origins};
use crate::io::Request;

/// The origins of pages that may open a WebSocket.
///
/// Browsers let any page open a WebSocket to any server, and send the cookies that the user has for
/// that server; cross-origin resource sharing ([`Cors`]) applies to long-polling alone. A server
/// that authenticates users by a cookie would take messages of the page for theirs (cross-site
/// WebSocket hijacking). Browsers name the origin of the page in the header `Origin`, which pages
/// can't change.
///
/// A WebSocket that may not be opened is answered with 403 and `Origin not allowed`, and counted in
/// [`Totals::origins_refused`](crate::engineio::Totals::origins_refused). Requests without `Origin`
/// come from no page, and are accepted by all variants.
///
/// Requests of long-polling are not refused: a page that [`Cors`] does not allow can't read the
/// answer to its handshake, so it never learns the id of the session, which all further requests
/// need.
#[derive(Clone, Debug, Default)]
pub enum WebSocketOrigins {
    /// A request with credentials of the user must come from a page of the same host as the
    /// server, or from an origin that [`cors`](crate::engineio::EngineConfig::cors) allows.
    ///
    /// - Credentials are a `Cookie`, and an `Authorization` of any scheme but `Bearer`, which
    ///   browsers don't send by themselves. Requests without credentials are let in, wherever they
    ///   come from.
    /// - The host of the server is that in `Host` or `X-Forwarded-Host`, without its port: cookies
    ///   are shared by all ports of a host, and proxies leave ports out. A page can set neither of
    ///   these headers, so they are believed whoever sends them. A proxy that puts another name
    ///   into `Host` must add `X-Forwarded-Host`.
    /// - `null` is the host of no server. `file://` without a cookie is let in: boards with Arduino
    ///   send it.
    ///
    /// Where clients are trusted for something else than these headers, such as the network that
    /// they are in or a TLS certificate, this does not protect them: use [`Only`](Self::Only).
    #[default]
    SameHost,
    /// Any page, with the cookies of the user, as with the official server.
    Any,
    /// Pages of these origins and no others, whatever else is in the request. The host of the
    /// server must be among them, if it has pages.
    Only(Origins),
}

impl WebSocketOrigins {
    /// Whether a WebSocket may be opened: each origin that the request names must be allowed.
    pub(in crate::engineio) fn allow(&self, request: &Request<'_>, cors: Option<&Cors>) -> bool {
        let is_welcome = |origin: &str| match self {
            Self::Any => true,
            Self::Only(origins) => origins.contains(origin),
            Self::SameHost => {
                is_same_host(request, origin)
                    || cors.is_some_and(|cors| cors.origins.contains(origin))
                    || origin == "file://" && !has(request, "cookie")
            }
        };
        if matches!(self, Self::SameHost) && !has_credentials(request) {
            return true;
        }
        values(request, "origin").all(|value| std::str::from_utf8(value).is_ok_and(&is_welcome))
    }
}

fn values<'a>(request: &Request<'a>, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let headers = request.headers.iter();
    headers.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

fn has(request: &Request<'_>, name: &'static str) -> bool {
    values(request, name).next().is_some()
}

/// Whether the request holds something that a browser adds for the user, unasked.
fn has_credentials(request: &Request<'_>) -> bool {
    let is_ambient = |value: &[u8]| {
        let scheme = value.split(|&byte| byte == b' ').next().unwrap_or_default();
        !scheme.eq_ignore_ascii_case(b"bearer")
    };
    has(request, "cookie") || values(request, "authorization").any(is_ambient)
}

/// Whether an origin has the host that the request is for.
fn is_same_host(request: &Request<'_>, origin: &str) -> bool {
    let Some(page) = origin.split_once("://").and_then(|(_, authority)| host(authority)) else {
        return false;
    };
    let own = values(request, "host").chain(values(request, "x-forwarded-host"));
    own.filter_map(|value| std::str::from_utf8(value).ok())
        .flat_map(|value| value.split(','))
        .filter_map(|authority| host(authority.trim_ascii()))
        .any(|own| own.eq_ignore_ascii_case(page))
}

/// The host of `host:port`, where the port may be missing and an IPv6 address is in brackets;
/// nothing if it is something else.
fn host(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let sound = !host.is_empty()
        && !host.contains(['/', '?', '#', '@', ' ', '\t'])
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    sound.then_some(host)
}

#[cfg(test)]
mod tests {
    use crate::engineio::http::origin::host;

    #[test]
    fn a_host_is_what_stands_before_the_port() {
        for (authority, expected) in [
            ("example.com", Some("example.com")),
            ("example.com:3000", Some("example.com")),
            ("example.com:", Some("example.com")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[::1]", Some("[::1]")),
            ("[2001:db8::1]:3000", Some("[2001:db8::1]")),
            ("", None),
            (":80", None),
            ("[::1", None),
            ("[::1]x", None),
            ("::1", None),
            ("example.com:80x", None),
            ("example.com/", None),
            ("user@example.com", None),
            ("example.com https://other.example", None),
        ] {
            assert_eq!(host(authority), expected, "{authority}");
        }
    }
}
