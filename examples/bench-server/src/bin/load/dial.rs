//! Connections from several addresses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use smol::Async;
use smol::net::TcpStream;

/// How many addresses of this machine connections come from.
const SOURCES: u8 = 32;

/// Connects to a server of this machine.
///
/// Where thousands of one address's ports are taken, the kernel looks for a free one longer than
/// all else takes.
pub(crate) async fn dial(server: SocketAddr) -> io::Result<TcpStream> {
    if server.ip() != Ipv4Addr::LOCALHOST {
        return TcpStream::connect(server).await;
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    let source = Ipv4Addr::new(127, 0, 0, fastrand::u8(1..=SOURCES));
    bind(&socket, &SocketAddrV4::new(source, 0))?;
    match connect(&socket, &server) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = Async::new(std::net::TcpStream::from(socket))?;
    stream.writable().await?;
    match stream.get_ref().take_error()? {
        Some(error) => Err(error),
        None => Ok(stream.into()),
    }
}
