//! What RFC 6455 asks of a WebSocket handshake.

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Method, Version};

/// What a request is to WebSockets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// An ordinary request.
    None,
    /// A handshake; this is the value of `Sec-WebSocket-Accept` in the answer.
    Sound(String),
    /// A handshake without a proper key: status 400.
    BadKey,
    /// A handshake of another version than 13: status 426.
    OtherVersion,
}

impl Handshake {
    pub(crate) fn of(head: &Parts) -> Self {
        let asks = head.method == Method::GET
            && head.version == Version::HTTP_11
            && names(&head.headers, &CONNECTION, "upgrade")
            && names(&head.headers, &UPGRADE, "websocket");
        if !asks {
            return Self::None;
        }
        if only_value(&head.headers, &SEC_WEBSOCKET_VERSION) != Some(b"13") {
            return Self::OtherVersion;
        }
        match only_value(&head.headers, &SEC_WEBSOCKET_KEY) {
            Some(key) if is_key(key) => Self::Sound(derive_accept_key(key)),
            _ => Self::BadKey,
        }
    }
}

/// Whether a comma-separated header names a token, in whatever case.
fn names(headers: &HeaderMap, header: &HeaderName, token: &str) -> bool {
    headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

fn only_value<'a>(headers: &'a HeaderMap, header: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(header).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes().trim_ascii())
}

/// Whether this is the base64 of 16 bytes: 22 digits and two padding characters. Some clients send
/// 24 random digits, so the four spare bits of the last one may be anything, as for the official
/// server.
fn is_key(key: &[u8]) -> bool {
    let Some((digits, b"==")) = key.split_at_checked(22) else {
        return false;
    };
    digits.iter().all(|digit| digit.is_ascii_alphanumeric() || matches!(digit, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::Handshake;

    const SOUND: &[(&str, &str)] = &[
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn the_handshake_of_the_rfc_gets_the_answer_of_the_rfc() {
        let accept = Handshake::Sound("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned());
        assert_eq!(handshake("GET", SOUND), accept);
        let firefox = with("connection", &["keep-alive, Upgrade"]);
        assert_eq!(handshake("GET", &firefox), accept);
    }

    #[test]
    fn what_does_not_ask_for_a_websocket_is_an_ordinary_request() {
        assert_eq!(handshake("POST", SOUND), Handshake::None);
        assert_eq!(handshake("GET", &with("connection", &["keep-alive"])), Handshake::None);
        assert_eq!(handshake("GET", &with("connection", &[])), Handshake::None);
        assert_eq!(handshake("GET", &with("upgrade", &["h2c"])), Handshake::None);
        assert_eq!(handshake("GET", &[]), Handshake::None);
    }

    #[test]
    fn another_version_is_told_apart() {
        for versions in [&["12"][..], &["013"], &["13", "13"], &[""], &[]] {
            let headers = with("sec-websocket-version", versions);
            assert_eq!(handshake("GET", &headers), Handshake::OtherVersion, "{versions:?}");
        }
    }

    #[test]
    fn a_key_is_the_base64_of_sixteen_bytes() {
        let bad = [
            &[][..],
            &[""],
            &["dGhlIHNhbXBsZSBub25jZQ="],
            &["dGhlIHNhbXBsZSBub25jZQ"],
            &["dGhlIHNhbXBsZSBub25jZQAA"],
            &["dGhlIHNhbXBsZSBub25j!Q=="],
            &["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
        ];
        for keys in bad {
            let headers = with("sec-websocket-key", keys);
            assert_eq!(handshake("GET", &headers), Handshake::BadKey, "{keys:?}");
        }
    }

    #[test]
    fn spare_bits_of_a_key_may_be_anything() {
        let odd = with("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZR=="]);
        let Handshake::Sound(accept) = handshake("GET", &odd) else { panic!("it is sound") };
        assert_eq!(accept, "Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI=");
    }

    /// A sound handshake, except that one header has these values.
    fn with<'a>(name: &'a str, values: &[&'a str]) -> Vec<(&'a str, &'a str)> {
        let others = SOUND.iter().copied().filter(|(other, _)| *other != name);
        others.chain(values.iter().map(|value| (name, *value))).collect()
    }

    fn handshake(method: &str, headers: &[(&str, &str)]) -> Handshake {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Handshake::of(&request.body(()).expect("a valid request").into_parts().0)
    }
}
