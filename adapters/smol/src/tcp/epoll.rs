//! An epoll of the shard's own, on top of smol's reactor.
//!
//! Smol's reactor is told anew of each connection each time that its task waits. Here a connection
//! is registered once, edge-triggered, and the reactor watches nothing but the epoll itself: to
//! wait costs no system call, and all that has happened meanwhile is learned with one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use smol::future::yield_now;
use smol::io::{AsyncRead, AsyncWrite};
use smol::{Async, Timer};

/// How many events are taken at once.
const EVENTS: usize = 256;
/// How long to wait after a failure, for which no reason is known.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells tasks what happens to their connections.
pub(crate) struct Reactor {
    epoll: Async<OwnedFd>,
    /// Can always be read, so smol's reactor says so each time it looks at all sockets.
    always: Async<OwnedFd>,
    watched: RefCell<HashMap<u64, Rc<Watched>>>,
    last_id: Cell<u64>,
}

/// What is known of one connection.
struct Watched {
    reading: Side,
    writing: Side,
    /// The peer has closed its half, or all is over: that is told only once.
    ended: Cell<bool>,
}

/// One direction of a connection.
struct Side {
    /// It is worth an attempt; if not, the kernel tells when it is.
    ready: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

impl Side {
    const fn new() -> Self {
        Self { ready: Cell::new(true), waiting: Cell::new(None) }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.ready.get() {
            return Poll::Ready(());
        }
        let waiting = self.waiting.take().filter(|waker| waker.will_wake(cx.waker()));
        self.waiting.set(waiting.or_else(|| Some(cx.waker().clone())));
        Poll::Pending
    }

    /// Makes an attempt when it may be worth one, and until it is known to be in vain.
    fn attempt(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll(cx));
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready.set(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn wake(&self) {
        self.ready.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Async::new_nonblocking(epoll::create(CreateFlags::CLOEXEC)?)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let always = Async::new_nonblocking(eventfd(1, flags)?)?;
        Ok(Self { epoll, always, watched: RefCell::default(), last_id: Cell::new(0) })
    }

    /// Waits until all sockets were looked at.
    pub(crate) async fn look(&self) {
        if let Err(error) = self.always.readable().await {
            log::error!("cannot wait for the sockets to be looked at: {error}");
            Timer::after(PAUSE).await;
        }
    }

    /// Tells tasks what happens to their connections, for ever.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            if let Err(error) = self.listen(&mut events).await {
                log::error!("cannot hear of connections, will try again: {error}");
                Timer::after(PAUSE).await;
            }
        }
    }

    async fn listen(&self, events: &mut Vec<Event>) -> io::Result<()> {
        loop {
            // While peers are busy, more has come when every task has had its turn.
            while self.tell(events)? {
                yield_now().await;
            }
            poll_fn(|cx| self.epoll.poll_readable(cx)).await?;
        }
    }

    /// Wakes those to whom something has happened; says whether there may be more.
    fn tell(&self, events: &mut Vec<Event>) -> io::Result<bool> {
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&Timespec::default())) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        for event in &*events {
            // It may be gone meanwhile.
            let watched = self.watched.borrow().get(&event.data.u64()).cloned();
            if let Some(watched) = watched {
                watched.hear(event.flags);
            }
        }
        Ok(!events.is_empty())
    }
}

impl Watched {
    fn hear(&self, flags: EventFlags) {
        if flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
            self.ended.set(true);
        }
        if self.ended.get() || flags.contains(EventFlags::IN) {
            self.reading.wake();
        }
        if self.ended.get() || flags.contains(EventFlags::OUT) {
            self.writing.wake();
        }
    }
}

/// Has a connection watched, and switches off the delay that would hold back small writes.
pub(crate) fn watch(stream: TcpStream, reactor: &Rc<Reactor>) -> io::Result<Tcp> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let watched =
        Rc::new(Watched { reading: Side::new(), writing: Side::new(), ended: Cell::new(false) });
    Ok(Tcp { stream, id: None, watched, reactor: Rc::clone(reactor) })
}

/// A TCP connection that a [`Reactor`] watches.
pub(crate) struct Tcp {
    stream: TcpStream,
    /// Only who has had to wait is registered.
    id: Option<u64>,
    watched: Rc<Watched>,
    reactor: Rc<Reactor>,
}

impl Tcp {
    /// Sees to it that who waits is told; what has happened already is told at once.
    fn wait<T>(&mut self) -> Poll<io::Result<T>> {
        if self.id.is_none() {
            let reactor = &self.reactor;
            let id = reactor.last_id.get() + 1;
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&reactor.epoll, &self.stream, EventData::new_u64(id), flags)?;
            reactor.last_id.set(id);
            reactor.watched.borrow_mut().insert(id, Rc::clone(&self.watched));
            self.id = Some(id);
        }
        Poll::Pending
    }
}

impl Drop for Tcp {
    /// The kernel forgets it when it is closed.
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.reactor.watched.borrow_mut().remove(&id);
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Watched { reading, ended, .. } = &*self.watched;
        let outcome = reading.attempt(cx, || (&self.stream).read(buffer));
        if let Poll::Ready(Ok(read)) = outcome {
            // Less than there was room for is all there was; the end comes after everything.
            reading.ready.set(read == 0 || read == buffer.len() || ended.get());
        }
        if outcome.is_pending() { self.wait() } else { outcome }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.watched.writing.attempt(cx, || (&self.stream).write(bytes));
        if outcome.is_pending() { self.wait() } else { outcome }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let writing = &self.watched.writing;
        let outcome = writing.attempt(cx, || (&self.stream).write_vectored(slices));
        if outcome.is_pending() { self.wait() } else { outcome }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Says goodbye to the peer.
    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            Ok(()) | Err(_) => Poll::Ready(Ok(())),
        }
    }
}
