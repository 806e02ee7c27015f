//! The answer of tiny_http on its way to the client: passed on as it is, but for one header.

/// Longer heads of answers are not made by anybody; what comes is passed on unseen.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Follows an answer, to see whether it is whole.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Whether the client is to be told that the connection ends.
    close: bool,
    bodiless: bool,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Head(Vec<u8>),
    /// So many bytes of the body are missing.
    Length(u64),
    /// The last bytes of the body so far.
    Chunked(Vec<u8>),
    /// Nobody knows where it ends.
    Unknown,
}

impl Relay {
    pub(crate) const fn new(close: bool, bodiless: bool) -> Self {
        Self { close, bodiless, part: Part::Head(Vec::new()) }
    }

    /// Has the client told that the connection ends, unless the head has been passed on.
    pub(crate) fn close(&mut self) {
        self.close = true;
    }

    /// Whether nothing has come yet.
    pub(crate) fn is_fresh(&self) -> bool {
        matches!(&self.part, Part::Head(head) if head.is_empty())
    }

    /// Passes on what came.
    pub(crate) fn pass(&mut self, bytes: &[u8], output: &mut Vec<u8>) {
        match &mut self.part {
            Part::Head(head) => {
                let from = head.len().saturating_sub(3);
                head.extend_from_slice(bytes);
                let found = head[from..].windows(4).position(|four| four == b"\r\n\r\n");
                if found.is_some() || head.len() > MAX_HEAD {
                    let head = std::mem::take(head);
                    self.begin(&head, output);
                }
            }
            Part::Length(missing) => {
                *missing = missing.saturating_sub(bytes.len() as u64);
                output.extend_from_slice(bytes);
            }
            Part::Chunked(tail) => {
                tail.extend_from_slice(&bytes[bytes.len().saturating_sub(LAST_CHUNK.len())..]);
                tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
                output.extend_from_slice(bytes);
            }
            Part::Unknown => output.extend_from_slice(bytes),
        }
    }

    /// Whether the answer came to its end, so that another one may follow.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.part {
            Part::Length(missing) => *missing == 0,
            Part::Chunked(tail) => tail == LAST_CHUNK,
            Part::Head(_) | Part::Unknown => false,
        }
    }

    /// Passes on the head and what came behind it.
    fn begin(&mut self, bytes: &[u8], output: &mut Vec<u8>) {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(length)) = response.parse(bytes) else {
            self.part = Part::Unknown;
            output.extend_from_slice(bytes);
            return;
        };
        let value = |name: &str| {
            let header = response.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
            header.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        let code = response.code.unwrap_or(0);
        self.part = if self.bodiless || matches!(code, 100..=199 | 204 | 304) {
            Part::Length(0)
        } else if value("transfer-encoding").is_some() {
            Part::Chunked(Vec::new())
        } else {
            let length = value("content-length").and_then(|length| length.parse().ok());
            length.map_or(Part::Unknown, Part::Length)
        };
        let line = bytes.windows(2).position(|two| two == b"\r\n").map_or(0, |at| at + 2);
        output.extend_from_slice(&bytes[..line]);
        if self.close {
            output.extend_from_slice(b"Connection: close\r\n");
        }
        output.extend_from_slice(&bytes[line..length]);
        self.pass(&bytes[length..], output);
    }
}

#[cfg(test)]
mod tests {
    use super::Relay;

    /// Passes an answer on at once and byte by byte, which must come to the same.
    fn relay(close: bool, bodiless: bool, answer: &str) -> (String, bool) {
        let by = |step: usize| {
            let mut relay = Relay::new(close, bodiless);
            assert!(relay.is_fresh());
            let mut output = Vec::new();
            answer.as_bytes().chunks(step).for_each(|bytes| relay.pass(bytes, &mut output));
            assert!(!relay.is_fresh());
            (String::from_utf8(output).expect("it was text"), relay.is_whole())
        };
        let whole = by(answer.len());
        assert_eq!(whole, by(1));
        whole
    }

    #[test]
    fn an_answer_with_a_length_is_whole_when_it_has_come() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(relay(false, false, answer), (answer.to_owned(), true));
        let cut = &answer[..answer.len() - 1];
        assert_eq!(relay(false, false, cut), (cut.to_owned(), false));
    }

    #[test]
    fn a_chunked_answer_is_whole_when_its_last_chunk_has_come() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(relay(false, false, answer), (answer.to_owned(), true));
        assert!(!relay(false, false, &answer[..answer.len() - 1]).1);
    }

    #[test]
    fn the_client_is_told_when_the_connection_ends() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let told = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(relay(true, false, answer), (told.to_owned(), true));
    }

    #[test]
    fn some_answers_have_no_body_whatever_they_say() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(relay(false, true, head), (head.to_owned(), true));
        assert!(relay(false, false, "HTTP/1.1 304 Not Modified\r\n\r\n").1);
    }

    #[test]
    fn what_is_no_answer_ends_the_connection() {
        let noise = "no answer at all\r\n\r\n";
        assert_eq!(relay(false, false, noise), (noise.to_owned(), false));
    }
}
