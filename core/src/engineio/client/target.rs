//! The target of a request: path and query.
//!
//! Engine.IO protocol, section "Transports": `/engine.io/?EIO=4&transport=polling&sid=..`, with a
//! path that is configurable. `EIO` is the version of the protocol, `sid` is there once the session
//! is open, `b64=1` asks the server for base64 in place of binary, and `t` is unique.

use crate::engineio::Transport;
use crate::engineio::client::config::Config;
use crate::engineio::http::percent;

/// The keys that the protocol reserves for itself.
const RESERVED: [&str; 3] = ["EIO", "transport", "sid"];

/// Makes the target of a request. `stamp` is unique, so that no cache answers the request.
pub(super) fn target(
    config: &Config,
    query: &[(String, String)],
    transport: Transport,
    sid: Option<&str>,
    stamp: Option<&str>,
) -> String {
    // The official server takes the path only with the slash, unless its options say otherwise.
    let mut target = config.path.trim_end_matches('/').to_owned();
    if config.add_trailing_slash || target.is_empty() {
        target.push('/');
    }
    let mut separator = '?';
    let mut add = |key: &str, value: &str| {
        target.push(separator);
        separator = '&';
        percent::encode(key, &mut target);
        target.push('=');
        percent::encode(value, &mut target);
    };
    // Servers refuse what is there twice. The official client replaces these, too.
    for (key, value) in query.iter().filter(|(key, _)| !RESERVED.contains(&&**key)) {
        add(key, value);
    }
    add("EIO", "4");
    add("transport", transport.as_str());
    if config.force_base64 {
        add("b64", "1");
    }
    if let (Some(stamp), Some(param)) = (stamp, &config.timestamp_param) {
        add(param, stamp);
    }
    if let Some(sid) = sid {
        add("sid", sid);
    }
    target
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config() -> Config {
        Config {
            path: "/socket.io".to_owned(),
            add_trailing_slash: true,
            query: Vec::new(),
            extra_headers: Vec::new(),
            cookies: false,
            protocols: Vec::new(),
            transports: Vec::new(),
            upgrade: true,
            upgrade_timeout: Duration::ZERO,
            force_base64: false,
            timestamp_param: Some("t".to_owned()),
            request_timeout: None,
            close_timeout: Duration::ZERO,
            max_incoming: 1,
        }
    }

    #[test]
    fn targets_hold_the_percent_encoded_query_of_the_user() {
        let escaping = Config { path: "/x".to_owned(), ..config() };
        let query = [("a b".to_owned(), "é&=".to_owned())];
        assert_eq!(
            target(&escaping, &query, Transport::Polling, Some("s/d"), Some("1")),
            "/x/?a%20b=%C3%A9%26%3D&EIO=4&transport=polling&t=1&sid=s%2Fd"
        );
        let reserved = [("EIO", "3"), ("sid", "x"), ("a", "b"), ("transport", "z")];
        let reserved = reserved.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(
            target(&config(), &reserved, Transport::Polling, None, None),
            "/socket.io/?a=b&EIO=4&transport=polling"
        );
        let plain = Config { add_trailing_slash: false, force_base64: true, ..config() };
        assert_eq!(
            target(&plain, &[], Transport::WebSocket, None, None),
            "/socket.io?EIO=4&transport=websocket&b64=1"
        );
    }
}
