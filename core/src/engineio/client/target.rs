//! Where requests go: path and query.

use std::fmt::Write;

use crate::engineio::Transport;
use crate::socketio::client::Config;

/// Makes the target of a request. `stamp` keeps caches from answering.
pub(super) fn target(
    config: &Config,
    query: &[(String, String)],
    transport: Transport,
    sid: Option<&str>,
    stamp: Option<&str>,
) -> String {
    let mut target = config.path.trim_end_matches('/').to_owned();
    if config.add_trailing_slash || target.is_empty() {
        target.push('/');
    }
    let mut separator = '?';
    let mut add = |key: &str, value: &str| {
        target.push(separator);
        separator = '&';
        escape(key, &mut target);
        target.push('=');
        escape(value, &mut target);
    };
    for (key, value) in query {
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

fn escape(text: &str, target: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            target.push(char::from(byte));
        } else {
            write!(target, "%{byte:02X}").expect("a String takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_hold_what_the_user_adds_escaped() {
        let config = Config {
            query: vec![("a b".to_owned(), "é&=".to_owned())],
            path: "/x".to_owned(),
            ..Config::default()
        };
        assert_eq!(
            target(&config, &config.query, Transport::Polling, Some("s/d"), Some("1")),
            "/x/?a%20b=%C3%A9%26%3D&EIO=4&transport=polling&t=1&sid=s%2Fd"
        );
        let config = Config { add_trailing_slash: false, force_base64: true, ..Config::default() };
        assert_eq!(
            target(&config, &[], Transport::WebSocket, None, None),
            "/socket.io?EIO=4&transport=websocket&b64=1"
        );
    }
}
