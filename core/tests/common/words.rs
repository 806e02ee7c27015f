//! Small things that the harness and the tests say things with.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sockeye_core::{Frame, Headers, Request};

/// One point in time for all tests, so that transcripts compare.
pub(super) fn epoch() -> Instant {
    use std::sync::OnceLock;
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    *EPOCH.get_or_init(Instant::now)
}

pub(super) fn check_headers(headers: &Headers) {
    for (name, value) in headers {
        assert!(!name.contains(|c: char| c.is_control() || c.is_whitespace()), "{name}");
        assert!(!value.contains(char::is_control), "{value:?}");
    }
}

pub(super) fn request<'a>(
    method: &'a str,
    target: &'a str,
    headers: &'a [(&'a str, &'a [u8])],
    remote: Option<SocketAddr>,
) -> Request<'a> {
    Request { method, target, headers, remote, secure: false }
}

pub(crate) fn show(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) => String::from_utf8(text.to_vec()).expect("text is UTF-8"),
        Frame::Binary(data) => {
            let digits: Vec<_> = data.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("<{}>", digits.join(" "))
        }
    }
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
