//! The same bytes mean the same, however they are cut into segments, and however slowly the
//! answers are taken.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use smol::io::{AsyncRead, AsyncWrite};
use sockeye_smol::{Peer, Server};
use support::frames::{Frame, Opcode};
use support::wire::handshake;
use support::{client, peer_app, quick};

/// How often nothing has to happen before a peer thinks that it has got all its answers.
const CALM: usize = 20;

/// A peer whose segments arrive one after the other, and who ends the stream when it is answered.
struct Segments {
    arriving: VecDeque<Vec<u8>>,
    /// How often it was looked in vain for a segment, and nothing was written.
    calm: usize,
    /// How many bytes it takes at a time.
    gulp: usize,
    /// Whether the last one who wanted to read, or to write, had to wait.
    reluctant: [bool; 2],
    received: Rc<RefCell<Vec<u8>>>,
}

impl Segments {
    /// Has everybody wait every other time.
    fn hesitates(&mut self, way: usize, cx: &Context<'_>) -> bool {
        self.reluctant[way] = !self.reluctant[way];
        if self.reluctant[way] {
            cx.waker().wake_by_ref();
        }
        self.reluctant[way]
    }
}

impl AsyncRead for Segments {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.hesitates(0, cx) {
            return Poll::Pending;
        }
        let Some(mut segment) = self.arriving.pop_front() else {
            self.calm += 1;
            if self.calm > CALM {
                return Poll::Ready(Ok(0));
            }
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let count = segment.len().min(buffer.len());
        buffer[..count].copy_from_slice(&segment[..count]);
        if count < segment.len() {
            segment.drain(..count);
            self.arriving.push_front(segment);
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Segments {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hesitates(1, cx) {
            return Poll::Pending;
        }
        self.calm = 0;
        let count = bytes.len().min(self.gulp);
        self.received.borrow_mut().extend(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn server() -> Server {
    Server::new(peer_app::app()).expect("a valid configuration").limits(quick())
}

/// What the server answers to these segments, without what differs from one time to the next.
fn answer<'a>(
    server: &Server,
    segments: impl IntoIterator<Item = &'a [u8]>,
    gulp: usize,
) -> String {
    let arriving = segments.into_iter().map(<[u8]>::to_vec).collect();
    let received = Rc::<RefCell<Vec<u8>>>::default();
    let stream =
        Segments { arriving, calm: 0, gulp, reluctant: [false; 2], received: Rc::clone(&received) };
    smol::block_on(server.connection(stream, Peer::default()));
    blank(&pongs_first(&received.borrow()))
}

/// Pongs may overtake messages: they are sorted out.
fn pongs_first(answer: &[u8]) -> String {
    let head = answer.windows(4).position(|it| it == b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, mut rest) = answer.split_at(head);
    let (mut pongs, mut others) = (head.to_vec(), Vec::new());
    if !head.starts_with(b"HTTP/1.1 101") {
        return String::from_utf8_lossy(answer).into_owned();
    }
    while let [first, length, ..] = rest {
        let end = match length {
            126 => 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]])),
            length => 2 + usize::from(*length),
        };
        let kind = if first & 15 == Opcode::PONG.0 { &mut pongs } else { &mut others };
        kind.extend(&rest[..end]);
        rest = &rest[end..];
    }
    pongs.extend(others);
    String::from_utf8_lossy(&pongs).into_owned()
}

/// Blanks ids and dates.
fn blank(answer: &str) -> String {
    let mut blank = String::new();
    let mut rest = answer;
    while let Some(at) = ["\"sid\":\"", "Date: "].iter().filter_map(|it| rest.find(it)).min() {
        let value = at + if rest[at..].starts_with('D') { 6 } else { 7 };
        blank.push_str(&rest[..value]);
        rest = rest[value..].trim_start_matches(|it| it != '"' && it != '\r');
    }
    blank + rest
}

/// A WebSocket, with everything that frames can be.
fn frames() -> Vec<u8> {
    let mut bytes = handshake("").into_bytes();
    for frame in [
        Frame::text("40"),
        Frame::text("42[\"echo\",\"\u{e9}\u{1f600}\"]"),
        Frame::new(Opcode::PING, "?"),
        Frame::text("42[\"ec").part(),
        Frame::new(Opcode::CONTINUATION, "ho\",\"in pi").part(),
        Frame::new(Opcode::PING, ""),
        Frame::new(Opcode::CONTINUATION, "eces\"]"),
        Frame::text(r#"452-["echo",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#),
        Frame::new(Opcode::BINARY, [0, 255, 4]),
        Frame::new(Opcode::BINARY, []),
        Frame::text(format!("4217[\"ack\",\"{}\"]", "long".repeat(40))),
        Frame::text("3"),
        Frame::text("42[\"echo\"]"),
    ] {
        bytes.extend(frame.bytes());
    }
    bytes
}

/// Requests behind each other on one connection.
fn requests() -> Vec<u8> {
    [
        client::poll_head(""),
        client::post_head("nobody", "Content-Length: 3\r\n") + "4\"<",
        client::poll_head("&q={\"a\":[\"<b>\"]}&sid=nobody"),
        client::post_head("nobody", "Transfer-Encoding: chunked\r\n") + "2\r\n4a\r\n0\r\n\r\n",
        client::post_head("nobody", "Content-Length: 3\r\n") + "4ab",
        "GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(),
        "HEAD /socket.io/socket.io.min.js HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(),
        client::poll_head("&sid=nobody"),
    ]
    .concat()
    .into_bytes()
}

#[track_caller]
fn assert_cuts_change_nothing(bytes: &[u8], ends: &str) {
    let server = server();
    let whole = answer(&server, [bytes], usize::MAX);
    assert!(whole.ends_with(ends), "{whole}");
    for at in 1..bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(answer(&server, [first, second], usize::MAX), whole, "cut at {at}");
    }
    for size in 1..50 {
        assert_eq!(answer(&server, bytes.chunks(size), usize::MAX), whole, "in pieces of {size}");
        assert_eq!(answer(&server, [bytes], size), whole, "taken in pieces of {size}");
        assert_eq!(answer(&server, bytes.chunks(size), size), whole, "both in pieces of {size}");
    }
}

#[test]
fn frames_mean_the_same_however_they_are_cut() {
    assert_cuts_change_nothing(&frames(), "42[\"echo\"]");
}

#[test]
fn requests_mean_the_same_however_they_are_cut() {
    assert_cuts_change_nothing(&requests(), "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

#[test]
fn a_stream_may_end_after_any_byte() {
    for bytes in [frames(), requests()] {
        let server = server();
        let whole = answer(&server, [&*bytes], usize::MAX);
        for end in 0..bytes.len() {
            answer(&server, [&bytes[..end]], usize::MAX);
        }
        assert_eq!(answer(&server, [&*bytes], usize::MAX), whole);
    }
}
