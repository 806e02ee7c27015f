//! The body of a request, as it arrives.

/// How one sees where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
}

/// The longest line between chunks: a size with its extensions, or a trailer.
const MAX_LINE: usize = 1024;
/// How much may be said in such lines that make up no body.
const MAX_TRAILERS: usize = 8 * 1024;
/// How many chunks are put together, as with the official server.
const MAX_CHUNKS: usize = 10_000;
/// A size with more digits is either over every limit or begins with needless zeros.
const MAX_DIGITS: usize = 8;

/// A body that is arriving.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    limit: usize,
    part: Part,
    line: Vec<u8>,
    trailers: usize,
    chunks: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// So many bytes, and then the end.
    Rest(usize),
    /// A line with the size of the next chunk.
    Size,
    /// So many bytes, and then the end of their line.
    Chunk(usize),
    ChunkEnd,
    Trailers,
    Done,
}

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    TooLarge,
    Malformed,
}

impl Body {
    /// Waits for a body of at most `limit` bytes; one that is declared to be longer is refused.
    pub(crate) fn new(framing: Framing, limit: usize) -> Result<Self, Unfit> {
        let part = match framing {
            Framing::Length(length) if length > limit => return Err(too_large(length, limit)),
            Framing::Length(0) => Part::Done,
            Framing::Length(length) => Part::Rest(length),
            Framing::Chunked => Part::Size,
        };
        Ok(Self { bytes: Vec::new(), limit, part, line: Vec::new(), trailers: 0, chunks: 0 })
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.part == Part::Done
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes what has come of it.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Takes what belongs to the body, and says how much that was.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Result<usize, Unfit> {
        let mut taken = 0;
        while taken < input.len() && !self.is_whole() {
            taken += match self.part {
                Part::Rest(left) | Part::Chunk(left) => self.data(&input[taken..], left),
                Part::Size | Part::ChunkEnd | Part::Trailers => self.line(&input[taken..])?,
                Part::Done => 0,
            };
        }
        Ok(taken)
    }

    fn data(&mut self, input: &[u8], left: usize) -> usize {
        let taken = left.min(input.len());
        self.bytes.extend_from_slice(&input[..taken]);
        self.part = match (self.part, left - taken) {
            (Part::Chunk(_), 0) => Part::ChunkEnd,
            (Part::Chunk(_), left) => Part::Chunk(left),
            (_, 0) => Part::Done,
            (_, left) => Part::Rest(left),
        };
        taken
    }

    fn line(&mut self, input: &[u8]) -> Result<usize, Unfit> {
        let end = input.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let taken = end.unwrap_or(input.len());
        if self.line.len() + taken > MAX_LINE {
            return Err(Unfit::Malformed);
        }
        self.line.extend_from_slice(&input[..taken]);
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r\n").ok_or(Unfit::Malformed)?;
            if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                return Err(Unfit::Malformed);
            }
            self.part = self.after(line)?;
        }
        Ok(taken)
    }

    fn after(&mut self, line: &[u8]) -> Result<Part, Unfit> {
        if self.part == Part::ChunkEnd {
            return if line.is_empty() { Ok(Part::Size) } else { Err(Unfit::Malformed) };
        }
        if self.part == Part::Trailers {
            self.count(line.len())?;
            return Ok(if line.is_empty() { Part::Done } else { Part::Trailers });
        }
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        self.count(line.len() - digits.len())?;
        let hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).ok().filter(|_| hex).ok_or(Unfit::Malformed)?;
        let size =
            if digits.len() > MAX_DIGITS { None } else { usize::from_str_radix(text, 16).ok() };
        match size.unwrap_or(usize::MAX) {
            0 => Ok(Part::Trailers),
            size if size > self.limit - self.bytes.len() => {
                Err(too_large(size.saturating_add(self.bytes.len()), self.limit))
            }
            size => {
                self.chunks += 1;
                if self.chunks > MAX_CHUNKS {
                    log::debug!("a request with a body in more than {MAX_CHUNKS} chunks");
                    return Err(Unfit::TooLarge);
                }
                Ok(Part::Chunk(size))
            }
        }
    }

    fn count(&mut self, extra: usize) -> Result<(), Unfit> {
        self.trailers += extra;
        if self.trailers > MAX_TRAILERS { Err(Unfit::Malformed) } else { Ok(()) }
    }
}

fn too_large(size: usize, limit: usize) -> Unfit {
    log::debug!("a request with a body of {size} bytes or more, over {limit}");
    Unfit::TooLarge
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds all of it at once and byte by byte, which must come to the same.
    fn read(framing: Framing, input: &str) -> Result<(String, String), Unfit> {
        let whole = read_by(framing, input, usize::MAX);
        assert_eq!(whole, read_by(framing, input, 1));
        whole
    }

    fn read_by(framing: Framing, input: &str, step: usize) -> Result<(String, String), Unfit> {
        let mut body = Body::new(framing, 20)?;
        let mut rest = input.as_bytes();
        while !rest.is_empty() && !body.is_whole() {
            let taken = body.feed(&rest[..step.min(rest.len())])?;
            rest = &rest[taken..];
        }
        assert!(body.is_whole(), "{input:?}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(body.bytes()), text(rest)))
    }

    fn pair(body: &str, rest: &str) -> Result<(String, String), Unfit> {
        Ok((body.to_owned(), rest.to_owned()))
    }

    #[test]
    fn a_body_ends_where_it_said_it_would() {
        assert_eq!(read(Framing::Length(5), "hello, world"), pair("hello", ", world"));
        assert_eq!(read(Framing::Length(0), "GET"), pair("", "GET"));
    }

    #[test]
    fn chunks_are_put_together_and_what_surrounds_them_is_left_out() {
        let input = "5\r\nhello\r\nB;x=\"y\"\r\n, wonderful\r\n0\r\nTrailer: x\r\n\r\nGET";
        assert_eq!(read(Framing::Chunked, input), pair("hello, wonderful", "GET"));
        assert_eq!(read(Framing::Chunked, "0\r\n\r\n"), pair("", ""));
    }

    #[test]
    fn what_is_over_the_limit_is_too_large() {
        assert_eq!(read(Framing::Length(21), ""), Err(Unfit::TooLarge));
        let twenty = "x".repeat(20);
        assert_eq!(read(Framing::Length(20), &twenty), pair(&twenty, ""));
        let chunks = format!("a\r\n{0}\r\na\r\n{0}\r\n1\r\nx\r\n0\r\n\r\n", "x".repeat(10));
        assert_eq!(read(Framing::Chunked, &chunks), Err(Unfit::TooLarge));
        for size in ["FFFFFFFFFFFFFFFFF", "ffffffff", "15", "000000000000001"] {
            let chunks = format!("{size}\r\nx\r\n0\r\n\r\n");
            assert_eq!(read(Framing::Chunked, &chunks), Err(Unfit::TooLarge), "{size}");
        }
    }

    #[test]
    fn more_than_ten_thousand_chunks_are_too_large() {
        let read = |count| {
            let mut body = Body::new(Framing::Chunked, 100_000)?;
            body.feed(("1\r\nx\r\n".repeat(count) + "0\r\n\r\n").as_bytes())?;
            Ok(body.is_whole())
        };
        assert_eq!(read(10_000), Ok(true));
        assert_eq!(read(10_001), Err(Unfit::TooLarge));
    }

    #[test]
    fn chunks_that_are_none_are_malformed() {
        let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(2000));
        let endless = format!("0\r\n{}\r\n", "X: y\r\n".repeat(5000));
        for unsound in [
            "-1\r\nx\r\n0\r\n\r\n",
            "+1\r\nx\r\n0\r\n\r\n",
            "1 \r\nx\r\n0\r\n\r\n",
            "0x1\r\nx\r\n0\r\n\r\n",
            "\r\n0\r\n\r\n",
            ";x\r\n0\r\n\r\n",
            "1\nx\r\n0\r\n\r\n",
            "1\r\nxy\r\n0\r\n\r\n",
            "1\r\nx0\r\n\r\n",
            "1;a\rb\r\nx\r\n0\r\n\r\n",
            &long,
            &endless,
        ] {
            assert_eq!(read(Framing::Chunked, unsound), Err(Unfit::Malformed), "{unsound:?}");
        }
    }
}
