//! Where connections come from.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use smol::{Async, Timer};

use crate::connection;
use crate::hub::Hub;
use crate::peer::Peer;
use crate::tcp::watch;

/// How many connections may wait to be accepted; the kernel may have a lower limit.
const BACKLOG: i32 = 4096;
/// How many connections are accepted before others have their turn.
const BURST: u32 = 16;
/// How long to wait after a failure, at first and at most: running out of file descriptors, say,
/// fails again and again at once.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Listens on the first of the addresses that can be listened on.
pub(crate) fn listen(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let addresses: Vec<SocketAddr> = address
        .to_socket_addrs()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot resolve the address to listen on: {error}"),
            )
        })?
        .collect();
    let listening = TcpListener::bind(&*addresses).and_then(|listener| {
        // The standard library lets 128 wait: too few when all clients come back at once.
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(listener)
    });
    listening.map_err(|error| {
        let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        io::Error::new(error.kind(), format!("cannot listen on {}: {error}", names.join(", ")))
    })
}

/// Accepts connections for ever, whatever happens.
pub(crate) async fn accept(hub: &Rc<Hub>, listener: &Async<TcpListener>) -> Infallible {
    let mut pause = PAUSE.0;
    let mut burst = 0;
    loop {
        let accepted = next(listener).await;
        match accepted.and_then(|(stream, peer)| Ok((watch(stream, &hub.reactor)?, peer))) {
            Ok((stream, address)) => {
                pause = PAUSE.0;
                let peer = Peer::from(address);
                hub.spawn(Box::pin(connection::serve(Rc::clone(hub), stream, peer)));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                log::warn!("cannot accept a connection, will try again: {error}");
                Timer::after(pause).await;
                pause = PAUSE.1.min(pause * 2);
            }
        }
        burst += 1;
        if burst % BURST == 0 {
            hub.turns.next().await;
        }
    }
}

/// Waits for a connection, without an attempt whenever the others who wait beside this are woken.
async fn next(listener: &Async<TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.get_ref().accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.readable().await?,
            outcome => return outcome,
        }
    }
}

/// Whether only this connection failed: the next one may be sound.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::NotConnected
            | ErrorKind::InvalidInput
    )
}
