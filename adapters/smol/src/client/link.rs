//! Connections to a server, plain or encrypted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

#[cfg(feature = "tls")]
use futures_rustls::TlsConnector;
#[cfg(feature = "tls")]
use futures_rustls::rustls;
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;

use super::address::Address;
use super::proxy::{Proxy, Unusable, Upstream};
use crate::stream::Stream;

/// How connections are made.
#[derive(Clone, Default)]
pub(super) struct Ways {
    /// How TLS is spoken, if not as the system has it.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) proxy: Option<Proxy>,
    pub(super) dial: Option<Dial>,
}

/// Opens a stream to a host.
pub(super) type Dial = Arc<dyn Fn(Endpoint) -> Dialing + Send + Sync>;
pub(super) type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>>>>;

/// Where a stream is to lead to, for [`Connector::dial`](super::Connector::dial).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// A name or an address; one of IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// How many bytes are read before others have their turn.
const RATION: usize = 64 * 1024;

/// Lets others have their turn, also while a server sends without end what makes up no message:
/// who puts messages together reads for as long as there is something to read.
struct Rationed {
    stream: Box<dyn Stream>,
    left: usize,
}

impl AsyncRead for Rationed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.left == 0 {
            self.left = RATION;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.left = self.left.saturating_sub(read);
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Rationed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// The proxy for a server, if it needs one.
pub(super) fn upstream<'a>(
    ways: &'a Ways,
    address: &Address,
) -> Result<Option<&'a Upstream>, Unusable> {
    ways.proxy.as_ref().map_or(Ok(None), |proxy| proxy.upstream(address))
}

/// The proxy that passes on plain requests to a server, if there is one.
pub(super) fn forwarder<'a>(
    ways: &'a Ways,
    address: &Address,
) -> Result<Option<&'a Upstream>, Unusable> {
    Ok(upstream(ways, address)?.filter(|_| !address.secure))
}

/// Opens a connection to a proxy.
pub(super) async fn reach(ways: &Ways, upstream: &Upstream) -> io::Result<Box<dyn Stream>> {
    let stream = dial(ways, &upstream.host, upstream.port).await.map_err(|error| {
        io::Error::new(error.kind(), format!("the proxy cannot be reached: {error}"))
    })?;
    Ok(Box::new(Rationed { stream, left: RATION }))
}

/// Opens a connection, through a tunnel of a proxy if there is one for the server.
pub(super) async fn open(ways: &Ways, address: &Address) -> io::Result<Box<dyn Stream>> {
    let upstream = upstream(ways, address).map_err(io::Error::other)?;
    let stream: Box<dyn Stream> = match upstream {
        None => {
            let stream = dial(ways, &address.host, address.port).await?;
            Box::new(Rationed { stream, left: RATION })
        }
        Some(upstream) => upstream.tunnel(reach(ways, upstream).await?, address).await?,
    };
    #[cfg(feature = "tls")]
    if address.secure {
        let config = match &ways.tls {
            Some(config) => Arc::clone(config),
            None => system_trust().map_err(io::Error::other)?,
        };
        let name = rustls::pki_types::ServerName::try_from(address.host.clone())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let stream = TlsConnector::from(config).connect(name, stream).await;
        return Ok(Box::new(stream.map_err(told)?));
    }
    #[cfg(not(feature = "tls"))]
    if address.secure {
        return Err(io::Error::other("https and wss need the feature `tls`"));
    }
    Ok(stream)
}

/// Says in plain words what a server is that answers with something else than TLS.
#[cfg(feature = "tls")]
fn told(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidMessage(_)) => {
            io::Error::new(error.kind(), format!("the server does not speak TLS: {error}"))
        }
        _ => error,
    }
}

async fn dial(ways: &Ways, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
    if let Some(dial) = &ways.dial {
        return dial(Endpoint { host: host.to_owned(), port }).await;
    }
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Trusts whom the system trusts; found out once.
#[cfg(feature = "tls")]
pub(super) fn system_trust() -> Result<Arc<rustls::ClientConfig>, String> {
    static TRUST: OnceLock<Result<Arc<rustls::ClientConfig>, String>> = OnceLock::new();
    TRUST.get_or_init(read_trust).clone()
}

#[cfg(feature = "tls")]
fn read_trust() -> Result<Arc<rustls::ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    // Some systems have certificates in their list that can't be read.
    let (sound, _) = roots.add_parsable_certificates(found.certs);
    if sound == 0 {
        return Err("the system trusts no certificates".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
