//! Answers of the machine, as tiny_http writes them.

use std::io::Cursor;

use sockeye_core::Response;
use tiny_http::{Header, Request, StatusCode};

/// Sends an answer. That the client has gone is no error: nobody could tell it.
pub(crate) fn answer(request: Request, response: Response) {
    let Response { status, headers, body, .. } = response;
    let headers: Vec<Header> =
        headers.iter().filter_map(|(name, value)| header(name, value)).collect();
    let length = body.len();
    let response = tiny_http::Response::new(
        StatusCode(status),
        headers,
        Cursor::new(body),
        Some(length),
        None,
    )
    .with_chunked_threshold(usize::MAX);
    if let Err(error) = request.respond(response) {
        log::debug!("an answer could not be written: {error}");
    }
}

/// Ends the connection of a request without an answer.
pub(crate) fn abort(request: Request) {
    drop(request.into_writer());
}

/// A header, unless it is not valid: tiny_http would write line breaks as they are, and one would
/// split the answer in two.
fn header(name: &str, value: &str) -> Option<Header> {
    let sound = value.bytes().all(|byte| byte == b'\t' || matches!(byte, b' '..=b'~'));
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let named = !name.is_empty() && name.bytes().all(token);
    if !sound || !named {
        return None;
    }
    Header::from_bytes(name, value).ok()
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn a_header_that_would_split_the_answer_is_left_out() {
        assert!(header("x-name", "a value\t").is_some());
        for (name, value) in
            [("x", "a\r\nSet-Cookie: b"), ("x", "\u{e9}"), ("x y", "a"), ("", "a"), ("x:", "a")]
        {
            assert!(header(name, value).is_none(), "{name:?}: {value:?}");
        }
    }
}
