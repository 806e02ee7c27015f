//! Clients, which connect to Socket.IO servers: long-polling, WebSockets and TLS on smol.
//!
//! A [`Client`] has handlers like an [`App`](crate::App); [`Connect`] connects it:
//!
//! ```no_run
//! use sockeye_smol::client::{Client, Connect};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     let socket = Client::new()
//!         .on("chat message", |text: String| println!("{text}"))
//!         .connect("http://localhost:3000")
//!         .await?;
//!     socket.emit("chat message", "hello");
//!     let answer: String = socket.emit_with_ack("who is there", ()).await?;
//!     println!("{answer}");
//!     socket.close().await?; // delivers what was emitted
//!     # Ok(())
//! })
//! # }
//! ```
//!
//! A client runs on a thread of its own, so it can be used from any program, async or not. Those
//! who have an executor can run it there, with [`Connector::build`]. The end of the program ends the
//! thread with all that is not delivered: [`Socket::close`] tells when it is. Dropping the last
//! handle closes the client, too; [`Socket::detach`] lets it go on.
//!
//! Proxies are used where [`Connector::proxy`] says so, and [`Connector::dial`] takes any other way.
//! Address, query and headers may be another for each attempt: [`Client::attempt_with`].
//!
//! With the feature `tls`, addresses may begin with `https` or `wss`. Servers must have a
//! certificate that this system trusts; [`Connector::tls`] changes whom to trust.

mod address;
mod driver;
mod exceptions;
mod handshake;
mod http;
mod link;
mod proxy;
mod websocket;
mod wire;
mod wishes;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

pub use futures_stream::Stream;
use smol::io::{AsyncRead, AsyncWrite};
pub use sockeye_app::client::*;

use self::address::Address;
pub use self::driver::Driver;
pub use self::link::Endpoint;
use self::link::Ways;
pub use self::proxy::Proxy;
#[cfg(feature = "tls")]
pub use futures_rustls::rustls;

/// The trait of [`Events`], as smol has it.
mod futures_stream {
    pub use smol::stream::Stream;
}

/// Connects a [`Client`] to a server, as a [`Connector`] does that is not told anything else.
pub trait Connect: Sized {
    /// Connects, and waits until the namespace is joined that the path of the address names, `/` if
    /// there is none.
    ///
    /// The address is like `http://localhost:3000`, with `http` or `ws`, or with the feature `tls`
    /// `https` or `wss`. Its query is sent along with each request.
    ///
    /// # Errors
    ///
    /// If the first attempt fails, or the server refuses. From then on a connection that is lost is
    /// opened again, for as long as the options allow.
    fn connect(self, url: &str) -> impl Future<Output = Result<Socket, ConnectError>>;

    /// Begins to connect, and does not wait: see [`Socket::connected`]. An attempt that fails is
    /// followed by another one, for as long as the options allow.
    ///
    /// # Errors
    ///
    /// If address or options can't work.
    fn start(self, url: &str) -> Result<Socket, ConnectError>;
}

impl Connect for Client {
    async fn connect(self, url: &str) -> Result<Socket, ConnectError> {
        Connector::new().connect(self, url).await
    }

    fn start(self, url: &str) -> Result<Socket, ConnectError> {
        Connector::new().start(self, url)
    }
}

/// How clients connect.
#[derive(Clone, Default)]
pub struct Connector {
    ways: Ways,
}

impl Connector {
    /// A connector that trusts whom the system trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how TLS is spoken, with what certificates, instead of as the system has it.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.ways.tls = Some(config);
        self
    }

    /// Has servers connected to by way of a proxy; by default none is used, not even those of the
    /// environment, which [`Proxy::from_env`] gives. With those, connecting is an error where the
    /// environment names something else than an HTTP proxy.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.ways.proxy = Some(proxy);
        self
    }

    /// Sets what opens the streams to servers, or to the proxy, in place of TCP: any kind of proxy,
    /// tunnel or socket. TLS is spoken on the stream where the address asks for it.
    ///
    /// A client opens several streams: one for a WebSocket, and up to two at once for long-polling.
    ///
    /// ```
    /// use sockeye_smol::client::{Connector, Endpoint};
    ///
    /// # #[cfg(unix)]
    /// let connector = Connector::new().dial(|_: Endpoint| async {
    ///     smol::net::unix::UnixStream::connect("/run/app.sock").await
    /// });
    /// ```
    #[must_use]
    pub fn dial<R, S>(mut self, dial: impl Fn(Endpoint) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = io::Result<S>> + 'static,
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        self.ways.dial = Some(Arc::new(move |endpoint| {
            let dialing = dial(endpoint);
            Box::pin(async move { Ok(Box::new(dialing.await?) as Box<dyn crate::stream::Stream>) })
        }));
        self
    }

    /// Connects a client; see [`Connect::connect`].
    ///
    /// # Errors
    ///
    /// If the first attempt fails, or the server refuses.
    pub async fn connect(&self, client: Client, url: &str) -> Result<Socket, ConnectError> {
        let socket = self.start(client, url)?;
        socket.connected_at_once().await?;
        Ok(socket)
    }

    /// Begins to connect a client; see [`Connect::start`].
    ///
    /// # Errors
    ///
    /// If address or options can't work, or the system has no more threads.
    pub fn start(&self, client: Client, url: &str) -> Result<Socket, ConnectError> {
        let (socket, driver) = self.build(client, url)?;
        std::thread::Builder::new()
            .name("sockeye-client".to_owned())
            .spawn(move || smol::block_on(driver.run()))
            .map_err(|error| ConnectError::System(error.to_string()))?;
        Ok(socket)
    }

    /// Makes a client that runs when and where its [`Driver`] does.
    ///
    /// ```no_run
    /// use sockeye_smol::client::{Client, Connector};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (socket, driver) = Connector::new().build(Client::new(), "http://localhost:3000")?;
    /// let local = smol::LocalExecutor::new();
    /// local.spawn(driver.run()).detach();
    /// smol::block_on(local.run(socket.connected()))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If address or options can't work.
    pub fn build(&self, mut client: Client, url: &str) -> Result<(Socket, Driver), ConnectError> {
        let address = Address::parse(url)?;
        client.config_mut().query.extend(address.query.iter().cloned());
        self.check_tls(&address)?;
        link::upstream(&self.ways, &address)
            .map_err(|error| ConnectError::System(error.to_string()))?;
        let namespace = address.namespace.clone();
        let (machine, sockets) = client.of(&namespace, |handlers| handlers).into_machine()?;
        let socket = sockets.into_iter().find(|socket| socket.namespace() == namespace);
        let socket = socket.ok_or(ConnectError::Url("the path is no name of a namespace"))?;
        Ok((socket, Driver::new(machine, address, self.ways.clone())))
    }

    /// Tells at once what would fail each attempt.
    #[cfg(feature = "tls")]
    fn check_tls(&self, address: &Address) -> Result<(), ConnectError> {
        if address.secure && self.ways.tls.is_none() {
            link::system_trust().map_err(ConnectError::System)?;
        }
        Ok(())
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self, reason = "with the feature it is used")]
    fn check_tls(&self, address: &Address) -> Result<(), ConnectError> {
        if address.secure {
            return Err(ConnectError::Url("https and wss need the feature `tls`"));
        }
        Ok(())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("proxy", &self.ways.proxy).finish_non_exhaustive()
    }
}
