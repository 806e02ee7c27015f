//! Smol's own reactor tells tasks of their connections.

use std::io;
use std::net;
use std::rc::Rc;
use std::time::Duration;

use smol::future;
use smol::net::TcpStream;
use smol::{Async, Timer};

/// How long it takes at most until all sockets were looked at, if nothing happens.
const LOOK: Duration = Duration::from_millis(1);

/// Has nothing to do.
pub(crate) struct Reactor;

impl Reactor {
    pub(crate) const fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn run(self: Rc<Self>) {
        future::pending().await
    }

    /// Waits until all sockets were looked at: timers go off after that.
    pub(crate) async fn look(&self) {
        Timer::after(LOOK).await;
    }
}

/// Has a connection watched, and switches off the delay that would hold back small writes.
pub(crate) fn watch(stream: net::TcpStream, _: &Rc<Reactor>) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(Async::new(stream)?.into())
}
