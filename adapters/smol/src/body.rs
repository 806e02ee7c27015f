//! Bodies: reading those of requests within bounds, and the one type for those of answers.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use smol::Timer;
use smol::future;

use crate::progress::Progress;

/// What became of the body of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Whole(Bytes),
    /// It is longer than the limit, or comes in too many chunks.
    TooLarge,
    /// It took too long.
    Late,
    /// It was cut short, or is malformed.
    Broken,
}

/// How many pieces of a body in chunks are put together, as with the official server.
const MAX_PIECES: usize = 10_000;

/// Reads a body of at most `limit` bytes; one that is declared to be longer is not touched.
pub(crate) async fn read<B>(body: B, limit: usize, patience: Duration) -> Arrival
where
    B: Body<Data = Bytes> + Unpin,
{
    let declared = body.size_hint().lower();
    if usize::try_from(declared).map_or(true, |declared| declared > limit) {
        log::debug!("a request with a body of {declared} bytes, over {limit}");
        return Arrival::TooLarge;
    }
    let late = async {
        Timer::after(patience).await;
        Arrival::Late
    };
    future::or(collect(body, limit), late).await
}

async fn collect<B>(mut body: B, limit: usize) -> Arrival
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let in_chunks = body.size_hint().exact().is_none();
    let mut pieces = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Arrival::Broken;
        };
        // Trailers mean nothing here.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        pieces += 1;
        if in_chunks && pieces > MAX_PIECES {
            log::debug!("a request with a body in more than {MAX_PIECES} chunks");
            return Arrival::TooLarge;
        }
        let size = first.len() + rest.len() + data.len();
        if size > limit {
            log::debug!("a request with a body of {size} bytes or more, over {limit}");
            return Arrival::TooLarge;
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Arrival::Whole(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Arrival::Whole(whole.freeze())
}

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The body of an answer, whoever made it.
pub(crate) struct Answer {
    kind: Kind,
    /// Is told when nothing more is to be had of it.
    told: Option<Rc<Progress>>,
}

enum Kind {
    Whole(Full<Bytes>),
    Streamed(Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>),
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(told) = &self.told {
            told.end();
        }
    }
}

impl Answer {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Whole(Full::new(bytes.into())), told: None }
    }

    /// Has this told when nothing more is to be had of the body.
    pub(crate) fn told(mut self, progress: &Rc<Progress>) -> Self {
        self.told = Some(Rc::clone(progress));
        self
    }

    pub(crate) fn streamed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        Self { kind: Kind::Streamed(Box::pin(body.map_err(Into::into))), told: None }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().kind {
            Kind::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Kind::Streamed(body) => {
                let poll = AssertUnwindSafe(|| body.as_mut().poll_frame(cx));
                catch_unwind(poll).unwrap_or_else(|_| {
                    log::error!("the body of an answer panicked; everything else goes on");
                    Poll::Ready(Some(Err("the body of the answer can't be made".into())))
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(body) => body.size_hint(),
            Kind::Streamed(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use bytes::Bytes;
    use http_body::{Body, Frame, SizeHint};

    use super::{Arrival, read};

    #[test]
    fn a_body_in_pieces_is_put_together() {
        // The two halves of an umlaut come in different pieces.
        let body = Pieces::new(["4\u{e4}".as_bytes().split_at(2).0, &[0xa4], b"!"]);
        assert_eq!(arrival(body, 100), Arrival::Whole(Bytes::from("4\u{e4}!")));
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_whole() {
        let body = Pieces::new([b"1234".as_slice(), b"5"]);
        assert_eq!(arrival(body, 5), Arrival::Whole(Bytes::from("12345")));
    }

    #[test]
    fn an_empty_body_is_whole() {
        assert_eq!(arrival(Pieces::new([]), 5), Arrival::Whole(Bytes::new()));
    }

    #[test]
    fn a_body_over_the_limit_is_too_large_even_if_it_did_not_say_so() {
        let body = Pieces::new([b"1234".as_slice(), b"56"]);
        assert_eq!(arrival(body, 5), Arrival::TooLarge);
    }

    #[test]
    fn a_body_declared_over_the_limit_is_too_large_before_it_arrives() {
        let body = Pieces { declared: u64::MAX, stuck: true, ..Pieces::new([b"1".as_slice()]) };
        assert_eq!(arrival(body, 5), Arrival::TooLarge);
    }

    #[test]
    fn a_body_that_stops_arriving_is_late_after_a_while() {
        let body = Pieces { stuck: true, ..Pieces::new([b"1".as_slice()]) };
        assert_eq!(arrival(body, 5), Arrival::Late);
    }

    #[test]
    fn a_body_in_more_than_ten_thousand_chunks_is_too_large() {
        let pieces = |count| Pieces { left: vec!["x".into(); count].into(), ..Pieces::new([]) };
        let arrival = |pieces| smol::block_on(read(pieces, 100_000, Duration::from_secs(60)));
        assert_eq!(arrival(pieces(10_000)), Arrival::Whole("x".repeat(10_000).into()));
        assert_eq!(arrival(pieces(10_001)), Arrival::TooLarge);
    }

    fn arrival(body: Pieces, limit: usize) -> Arrival {
        smol::block_on(read(body, limit, Duration::from_millis(10)))
    }

    struct Pieces {
        left: VecDeque<Bytes>,
        declared: u64,
        /// Whether nothing more arrives after the pieces, not even the end.
        stuck: bool,
    }

    impl Pieces {
        fn new<const N: usize>(pieces: [&[u8]; N]) -> Self {
            let left = pieces.into_iter().map(Bytes::copy_from_slice).collect();
            Self { left, declared: 0, stuck: false }
        }
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.left.pop_front() {
                None if self.stuck => Poll::Pending,
                piece => Poll::Ready(piece.map(|piece| Ok(Frame::data(piece)))),
            }
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.declared);
            hint
        }
    }
}
