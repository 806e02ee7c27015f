//! The head of a request: found, checked, and written anew for tiny_http.

use super::body::Framing;
use crate::ticket::{TICKET, Ticket};

/// The longest head of a request in bytes.
pub(crate) const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// What is to be known of a request before its body arrives.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) framing: Framing,
    /// Whether the client sends its body only when it is told to.
    pub(crate) expects: bool,
    /// Whether the connection may go on after the answer.
    pub(crate) keep: bool,
    /// Whether the answer comes without its body.
    pub(crate) bodiless: bool,
    pub(crate) target: String,
    /// The request line and the headers that go on to tiny_http, without those of the framing.
    lines: Vec<u8>,
}

/// A head that is not answered otherwise than with this status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) u16);

const MALFORMED: Refusal = Refusal(400);

/// Where a head ends, looking at what is new since `scanned`; lines must end properly.
pub(crate) fn end(input: &[u8], scanned: &mut usize) -> Result<Option<usize>, Refusal> {
    while let Some(&byte) = input.get(*scanned) {
        let before = scanned.checked_sub(1).map(|at| input[at]);
        match byte {
            b'\n' if before != Some(b'\r') => return Err(MALFORMED),
            _ if before == Some(b'\r') && byte != b'\n' => return Err(MALFORMED),
            // No letter can make a request of what begins like this: it is TLS, say.
            _ if *scanned == 0 && !byte.is_ascii_graphic() => return Err(MALFORMED),
            _ => {}
        }
        *scanned += 1;
        if byte == b'\n' && input[..*scanned].ends_with(b"\r\n\r\n") {
            return Ok(Some(*scanned));
        }
        if *scanned > MAX_HEAD {
            return Err(Refusal(431));
        }
    }
    Ok(None)
}

impl Head {
    /// Reads a whole head, with the empty line at its end.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal(431)),
            Err(httparse::Error::Version) => return Err(Refusal(505)),
            Ok(httparse::Status::Partial) | Err(_) => return Err(MALFORMED),
        }
        let (Some(method), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(MALFORMED);
        };
        let target = origin_form(target).ok_or(MALFORMED)?;
        let mut reader = Reader::default();
        let mut lines = format!("{method} {target} HTTP/1.{version}\r\n").into_bytes();
        for header in request.headers.iter() {
            if reader.passes(header)? {
                lines.extend_from_slice(header.name.as_bytes());
                lines.extend_from_slice(b": ");
                lines.extend_from_slice(header.value);
                lines.extend_from_slice(b"\r\n");
            }
        }
        Ok(Self {
            framing: reader.framing(version)?,
            expects: reader.expects && version == 1,
            keep: version == 1 && !reader.close,
            bodiless: method == "HEAD",
            target: target.to_owned(),
            lines,
        })
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&*self.target, |(path, _)| path)
    }

    /// The request as tiny_http is to see it: one that is well-formed, has all of the body that it
    /// is to see, and is the only one of its connection.
    pub(crate) fn into_request(self, ticket: &Ticket, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let last =
            format!("{TICKET}: {ticket}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        let mut request = self.lines;
        request.reserve_exact(last.len() + length);
        request.extend_from_slice(last.as_bytes());
        request.extend_from_slice(body);
        request
    }
}

/// The path and query of a target; `None` if it has none or has characters that it must not have.
fn origin_form(target: &str) -> Option<&str> {
    let sound = target.bytes().all(|byte| byte.is_ascii_graphic());
    let target = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').map(|at| &rest[at..])?,
        _ => target,
    };
    (sound && target.starts_with('/')).then_some(target)
}

/// What the headers say about the framing.
#[derive(Default)]
struct Reader {
    length: Option<usize>,
    chunked: bool,
    hosts: u32,
    expects: bool,
    close: bool,
}

impl Reader {
    /// Takes note of a header; says whether it goes on to tiny_http.
    fn passes(&mut self, header: &httparse::Header<'_>) -> Result<bool, Refusal> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let length = length(header.value)?;
            if self.length.replace(length).is_some() {
                return Err(MALFORMED);
            }
        } else if is("transfer-encoding") {
            let sound = header.value.eq_ignore_ascii_case(b"chunked");
            if !sound || std::mem::replace(&mut self.chunked, true) {
                return Err(MALFORMED);
            }
        } else if is("expect") {
            if !header.value.eq_ignore_ascii_case(b"100-continue") {
                return Err(Refusal(417));
            }
            self.expects = true;
        } else if is("connection") {
            let mut tokens = header.value.split(|byte| *byte == b',');
            self.close |= tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"));
        } else if is("host") {
            self.hosts += 1;
            if self.hosts > 1 || !header.value.is_ascii() {
                return Err(MALFORMED);
            }
            return Ok(true);
        } else {
            let ours = ["te", "trailer", "keep-alive", TICKET];
            // tiny_http takes nothing but ASCII.
            return Ok(header.value.is_ascii() && !ours.iter().any(|name| is(name)));
        }
        Ok(false)
    }

    fn framing(&self, version: u8) -> Result<Framing, Refusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(MALFORMED),
            (None, true) if version == 0 => Err(MALFORMED),
            (None, true) => Ok(Framing::Chunked),
            (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Nothing but digits, though as many as one likes: too many are too large.
fn length(value: &[u8]) -> Result<usize, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(MALFORMED);
    }
    let text = std::str::from_utf8(value).map_err(|_| MALFORMED)?;
    Ok(text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn parse(headers: &str) -> Result<Head, Refusal> {
        Head::parse(format!("POST /a?b HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
    }

    #[test]
    fn what_goes_on_is_the_request_without_its_framing() {
        let head = parse(
            "Cookie: a=b\r\nConnection: Keep-Alive, Upgrade\r\nUpgrade: websocket\r\nTE: \
             trailers\r\nx-sockeye-ticket: 1 [::1]:2\r\nX-Name: J\u{f6}rg\r\nContent-Length: 2\r\n",
        );
        let head = head.expect("it is sound");
        assert_eq!((head.path(), &*head.target), ("/a", "/a?b"));
        assert!(head.keep && !head.expects && !head.bodiless);
        let peer = SocketAddr::from(([192, 0, 2, 7], 1234));
        let request = head.into_request(&Ticket { id: 5, peer }, b"40");
        let expected = "POST /a?b HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nUpgrade: websocket\r\n\
                        X-Sockeye-Ticket: 5 192.0.2.7:1234\r\nConnection: close\r\n\
                        Content-Length: 2\r\n\r\n40";
        assert_eq!(String::from_utf8(request).as_deref(), Ok(expected));
    }

    #[test]
    fn lengths_are_digits_alone_and_stand_there_once() {
        for sound in ["5", "0005", " 5 "] {
            let head = parse(&format!("Content-Length: {sound}\r\n")).expect("it is sound");
            assert_eq!(head.framing, Framing::Length(5), "{sound:?}");
        }
        let huge = parse("Content-Length: 18446744073709551616\r\n").expect("it is digits");
        assert_eq!(huge.framing, Framing::Length(usize::MAX));
        for unsound in ["-5", "+5", "0x5", "5, 5", "5,6", "5 5", "", "5\r\nContent-Length: 5"] {
            let outcome = parse(&format!("Content-Length: {unsound}\r\n"));
            assert_eq!(outcome.err(), Some(MALFORMED), "{unsound:?}");
        }
    }

    #[test]
    fn the_only_encoding_is_chunked_once_and_without_a_length() {
        let sound = parse("Transfer-Encoding: Chunked\r\n").expect("it is sound");
        assert_eq!(sound.framing, Framing::Chunked);
        let twice = "chunked\r\nTransfer-Encoding: chunked";
        for unsound in
            ["identity", "gzip, chunked", "chunked, chunked", "xchunked", "chunked;q=1", "", twice]
        {
            let outcome = parse(&format!("Transfer-Encoding: {unsound}\r\n"));
            assert_eq!(outcome.err(), Some(MALFORMED), "{unsound:?}");
        }
        let both = parse("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n");
        assert_eq!(both.err(), Some(MALFORMED));
        let old = Head::parse(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(old.err(), Some(MALFORMED));
    }

    #[test]
    fn lines_that_are_no_headers_are_refused() {
        for unsound in [" x: y", ":v", "no colon", "X: a\0b", "X : y", "\u{e9}: y", "X: y\r\n z"] {
            assert_eq!(parse(&format!("{unsound}\r\n")).err(), Some(MALFORMED), "{unsound:?}");
        }
        for (line, status) in [
            ("GET / HTTP/2.0", 505),
            ("GET / HTTP/1.2", 505),
            ("PRI * HTTP/2.0", 505),
            ("GET /", 400),
            ("GET a HTTP/1.1", 400),
            ("GET * HTTP/1.1", 400),
            ("GET /\u{e9} HTTP/1.1", 400),
            ("GET / HTTP/1.1 x", 400),
        ] {
            let outcome = Head::parse(format!("{line}\r\n\r\n").as_bytes());
            assert_eq!(outcome.err(), Some(Refusal(status)), "{line:?}");
        }
        assert_eq!(parse("Expect: foo\r\n").err(), Some(Refusal(417)));
        assert_eq!(parse("Host: y\r\n").err(), Some(MALFORMED));
        assert_eq!(parse(&"X: y\r\n".repeat(100)).err(), Some(Refusal(431)));
    }

    #[test]
    fn a_target_may_be_a_whole_address() {
        let head = Head::parse(b"GET http://host/socket.io/?x HTTP/1.1\r\n\r\n");
        assert_eq!(head.expect("it is sound").target, "/socket.io/?x");
        assert!(Head::parse(b"GET http://host HTTP/1.1\r\n\r\n").is_err());
    }

    #[test]
    fn connections_go_on_unless_somebody_does_not_want_it() {
        assert!(parse("").expect("it is sound").keep);
        assert!(!parse("Connection: x, Close\r\n").expect("it is sound").keep);
        assert!(!Head::parse(b"GET / HTTP/1.0\r\n\r\n").expect("it is sound").keep);
    }

    #[test]
    fn the_end_is_found_in_whatever_pieces_it_comes() {
        let bytes = b"GET / HTTP/1.1\r\nX: y\r\n\r\nrest";
        let mut scanned = 0;
        for length in 0..24 {
            assert_eq!(end(&bytes[..length], &mut scanned), Ok(None), "{length}");
        }
        assert_eq!(end(bytes, &mut scanned), Ok(Some(24)));
    }

    #[test]
    fn lines_that_do_not_end_properly_are_refused_at_once() {
        for unsound in ["GET / HTTP/1.1\n", "GET / HTTP/1.1\rX", "\u{16}\u{3}\u{1}"] {
            assert_eq!(end(unsound.as_bytes(), &mut 0), Err(MALFORMED), "{unsound:?}");
        }
        assert_eq!(end(&[b'x'; MAX_HEAD + 1], &mut 0), Err(Refusal(431)));
    }
}
