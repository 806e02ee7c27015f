//! Targets of requests on their way to hyper, which refuses some that others take.

use memchr::{memchr, memchr2, memchr3};

/// How much of a line is looked at; none that matters here is longer.
const LOOKED_AT: usize = 64;

/// Watches the requests of a connection go by, and escapes what has to be in their queries.
///
/// It must never take for a head what hyper takes for a body. So it follows bodies with one plain
/// length alone, and behind a head with any other framing it lets everything pass as it is.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    part: Part,
    /// What has come of a line of a head, if that has not come whole.
    line: Vec<u8>,
    /// The length of the body, if the head has told it so far.
    length: Option<u64>,
    /// The head tells of another framing.
    unclear: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Before a request.
    #[default]
    Between,
    Method,
    Path,
    Query,
    Version,
    Headers,
    Body(u64),
    Unknown,
}

impl Targets {
    /// Whether a head has begun and has not come whole.
    pub(crate) const fn is_in_head(&self) -> bool {
        !matches!(self.part, Part::Between | Part::Body(_) | Part::Unknown)
    }

    /// Watches some bytes; gives what they become if that is something else.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let taken = match self.part {
                Part::Unknown => rest.len(),
                Part::Body(left) => self.body(left, rest.len()),
                Part::Headers => self.header(rest),
                Part::Query => match escaped(rest[0]) {
                    Some(escaped) => {
                        let changed = changed.get_or_insert_with(|| bytes[..at].to_vec());
                        changed.extend_from_slice(escaped);
                        at += 1;
                        continue;
                    }
                    None => self.request_line(rest),
                },
                Part::Between | Part::Method | Part::Path | Part::Version => {
                    self.request_line(rest)
                }
            };
            if let Some(changed) = &mut changed {
                changed.extend_from_slice(&rest[..taken]);
            }
            at += taken;
        }
        changed
    }

    /// Watches a part of the first line; says how long that is.
    fn request_line(&mut self, bytes: &[u8]) -> usize {
        let end = match self.part {
            Part::Method => memchr2(b' ', b'\n', bytes),
            Part::Path => memchr3(b'?', b' ', b'\n', bytes),
            Part::Query => {
                let end = memchr2(b' ', b'\n', bytes);
                memchr3(b'"', b'<', b'>', &bytes[..end.unwrap_or(bytes.len())]).or(end)
            }
            Part::Version => memchr(b'\n', bytes),
            Part::Between | Part::Headers | Part::Body(_) | Part::Unknown => Some(0),
        };
        let Some(end) = end else { return bytes.len() };
        self.part = match (self.part, bytes[end]) {
            // Empty lines in front of a request are no harm.
            (Part::Between, b'\r' | b'\n') => Part::Between,
            // What follows a CONNECT is none of ours.
            (Part::Between, b'C') => Part::Unknown,
            (Part::Between, _) => Part::Method,
            (Part::Method, b' ') => Part::Path,
            (Part::Path, b'?') => Part::Query,
            (Part::Path | Part::Query, b' ') => Part::Version,
            (Part::Version, b'\n') => Part::Headers,
            (_, b'\n') => Part::Unknown,
            // What is to be escaped comes next.
            _ => return end,
        };
        end + 1
    }

    /// Watches a header, or the part of it that is there; says how long that is.
    fn header(&mut self, bytes: &[u8]) -> usize {
        let end = memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        let room = LOOKED_AT.saturating_sub(self.line.len()).min(taken);
        if end.is_none() {
            self.line.extend_from_slice(&bytes[..room]);
            return taken;
        }
        if self.line.is_empty() {
            self.read(&bytes[..room]);
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(&bytes[..room]);
            self.read(&line);
        }
        taken
    }

    /// Reads the beginning of a header, or the empty line behind the last one.
    fn read(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            self.part = match (self.unclear, self.length.take()) {
                (true, _) => Part::Unknown,
                (false, None | Some(0)) => Part::Between,
                (false, Some(length)) => Part::Body(length),
            };
            return;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(parts.next().unwrap_or_default()).map(str::trim);
            let digits = value.ok().filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.filter(|it| it.len() < 16).and_then(|it| it.parse().ok());
            self.unclear |= length.is_none() || self.length.is_some();
            self.length = length;
        }
        let unclear: [&[u8]; 2] = [b"transfer-encoding", b"upgrade"];
        // Names that hyper may read in another way than it is done here.
        let odd = name.trim_ascii().len() != name.len();
        self.unclear |= odd || unclear.iter().any(|it| name.eq_ignore_ascii_case(it));
    }

    fn body(&mut self, left: u64, there: usize) -> usize {
        let taken = usize::try_from(left).map_or(there, |left| left.min(there));
        let left = left - taken as u64;
        self.part = if left == 0 { Part::Between } else { Part::Body(left) };
        taken
    }
}

/// What becomes of a byte that must not stand in a query, and does where clients put JSON into one.
fn escaped(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'"' => Some(b"%22"),
        b'<' => Some(b"%3C"),
        b'>' => Some(b"%3E"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Targets;

    /// What becomes of some bytes, which must be the same however they are cut.
    fn pass(bytes: &str) -> String {
        let by = |step: usize| {
            let mut targets = Targets::default();
            let pieces = bytes.as_bytes().chunks(step);
            let passed = pieces.flat_map(|piece| {
                let changed = targets.pass(piece);
                changed.unwrap_or_else(|| piece.to_vec())
            });
            String::from_utf8(passed.collect()).expect("it was text")
        };
        let whole = by(bytes.len());
        for step in 1..bytes.len() {
            assert_eq!(by(step), whole, "in pieces of {step}");
        }
        whole
    }

    #[test]
    fn queries_are_escaped_and_nothing_else_is() {
        let head = "\r\nGET /a\"<?q={\"a\":[1>0]} HTTP/1.1\r\nX: ?\"<>\r\n\r\n";
        let escaped = "\r\nGET /a\"<?q={%22a%22:[1%3E0]} HTTP/1.1\r\nX: ?\"<>\r\n\r\n";
        assert_eq!(pass(head), escaped);
        let body = "POST /?\" HTTP/1.1\ncontent-LENGTH: 11\n\nGET /?\" \"<>";
        let escaped = body.replacen('"', "%22", 1);
        assert_eq!(
            pass(&format!("{body}{head}{body}")),
            format!("{escaped}{}{escaped}", pass(head))
        );
    }

    #[test]
    fn what_follows_an_unclear_head_passes_as_it_is() {
        let next = "GET /?\" HTTP/1.1\r\n\r\n";
        for header in [
            "Transfer-Encoding: chunked",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: +1",
            "Content-Length: 99999999999999999999",
            "Content-Length : 1",
            " Content-Length: 1",
            "Upgrade: websocket",
        ] {
            let head = format!("POST /?< HTTP/1.1\r\n{header}\r\n\r\n");
            let expected = format!("{}{next}", head.replacen('<', "%3C", 1));
            assert_eq!(pass(&format!("{head}{next}")), expected, "{header}");
        }
        for noise in ["CONNECT /?\" HTTP/1.1\r\n\r\n", "what\n?\" \n", "GET /?\"\n"] {
            let after = format!("{noise}{next}");
            assert!(pass(&after).ends_with(next), "{noise:?}");
        }
    }

    #[test]
    fn it_is_known_whether_a_head_has_begun() {
        let mut targets = Targets::default();
        let mut in_head = |bytes: &str| {
            targets.pass(bytes.as_bytes());
            targets.is_in_head()
        };
        assert!(!in_head("\r\n"));
        assert!(in_head("P"));
        assert!(in_head("OST / HTTP/1.1\r\nContent-Length: 2\r\n"));
        assert!(!in_head("\r\n4"));
        assert!(!in_head("0"));
        assert!(in_head("GET"));
    }
}
