//! One who floods the server holds up nobody else.

mod support;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use smol::LocalExecutor;
use smol::io::{AsyncRead, AsyncWrite};
use sockeye_smol::{Peer, Server};
use support::peer_app;
use support::wire::handshake;
use support::{Frame, quick};

const ROUNDS: usize = 10;

/// What two peers know of each other.
#[derive(Default)]
struct Scene {
    /// How much of the flood was read.
    flood: Cell<usize>,
    /// How much that was when the other one last asked.
    asked: Cell<usize>,
    /// How much was read until it was answered, at most.
    longest: Cell<usize>,
    rounds: Cell<usize>,
}

impl Scene {
    fn is_over(&self) -> bool {
        self.rounds.get() >= ROUNDS
    }
}

/// Sends the same again and again, as fast as it is read, and takes all answers.
struct Flooder {
    opening: Vec<u8>,
    wave: Vec<u8>,
    scene: Rc<Scene>,
}

impl AsyncRead for Flooder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.scene.is_over() {
            return Poll::Ready(Ok(0));
        }
        let opening = self.opening.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.opening.drain(..opening)) {
            *to = from;
        }
        let rest = &mut buffer[opening..];
        rest.iter_mut().zip(self.wave.iter().cycle()).for_each(|(to, from)| *to = *from);
        let turn = rest.len() % self.wave.len();
        let count = buffer.len();
        self.wave.rotate_left(turn);
        self.scene.flood.set(self.scene.flood.get() + count);
        Poll::Ready(Ok(count))
    }
}

/// Asks, waits for the answer, and asks again.
struct Modest {
    next: Option<Vec<u8>>,
    scene: Rc<Scene>,
}

impl AsyncRead for Modest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.scene.is_over() {
            return Poll::Ready(Ok(0));
        }
        let Some(next) = self.next.take() else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        buffer[..next.len()].copy_from_slice(&next);
        Poll::Ready(Ok(next.len()))
    }
}

impl Modest {
    fn hear(&mut self, answer: &[u8]) {
        if !answer.windows(6).any(|it| it == b"\"echo\"")
            && !answer.windows(4).any(|it| it == b"40{\"")
        {
            return;
        }
        let scene = &self.scene;
        scene.longest.set(scene.longest.get().max(scene.flood.get() - scene.asked.get()));
        scene.asked.set(scene.flood.get());
        scene.rounds.set(scene.rounds.get() + 1);
        self.next = Some(Frame::text(r#"42["echo",1]"#).bytes());
    }
}

macro_rules! takes_everything {
    ($peer:ty, $hear:expr) => {
        impl AsyncWrite for $peer {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let hear: fn(&mut Self, &[u8]) = $hear;
                hear(&mut self, bytes);
                Poll::Ready(Ok(bytes.len()))
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    };
}

takes_everything!(Flooder, |_, _| {});
takes_everything!(Modest, Modest::hear);

/// How much of a flood of these is read while somebody waits for an answer.
fn longest_wait(opening: &[Vec<u8>], wave: Vec<u8>) -> usize {
    let server = Server::new(peer_app::app()).expect("a valid configuration").limits(quick());
    let scene = Rc::<Scene>::default();
    let flooder = Flooder { opening: opening.concat(), wave, scene: Rc::clone(&scene) };
    let join = [handshake("").into_bytes(), Frame::text("40").bytes()].concat();
    let modest = Modest { next: Some(join), scene: Rc::clone(&scene) };
    let local = LocalExecutor::new();
    let flooding = local.spawn(server.connection(flooder, Peer::default()));
    let asking = local.spawn(server.connection(modest, Peer::default()));
    smol::block_on(local.run(async {
        asking.await;
        flooding.await;
    }));
    assert!(scene.is_over() && scene.flood.get() > 0);
    scene.longest.get()
}

#[test]
fn events_without_end_hold_up_nobody() {
    let opening = [handshake("").into_bytes(), Frame::text("40").bytes()];
    let event = Frame::text(r#"42["echo","flood"]"#).bytes();
    let wait = longest_wait(&opening, event);
    assert!(wait <= 128 * 1024, "{wait} bytes were read first");
}

#[test]
fn requests_without_end_hold_up_nobody() {
    let request = b"GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n".to_vec();
    let wait = longest_wait(&[], request);
    assert!(wait <= 128 * 1024, "{wait} bytes were read first");
}
