//! Who is at the other end of a stream.

use std::net::SocketAddr;

/// What a server should know about the other end of a stream that it did not accept itself.
///
/// ```
/// use std::net::SocketAddr;
/// use sockeye_smol::Peer;
///
/// let address = SocketAddr::from(([192, 0, 2, 7], 49_152));
/// let over_tls = Peer { secure: true, ..Peer::from(address) };
/// let over_a_unix_socket = Peer::default();
/// # let _ = (over_tls, over_a_unix_socket);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address of the peer, where there is one.
    pub address: Option<SocketAddr>,
    /// Whether the stream is encrypted.
    pub secure: bool,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self { address: Some(address), secure: false }
    }
}
