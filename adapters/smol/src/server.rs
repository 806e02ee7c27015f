//! The server: what was built from an app, and how it runs.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use smol::io::{AsyncRead, AsyncWrite};
use smol::lock::Mutex;
use smol::{Async, LocalExecutor, future};
use sockeye_app::IntoMachine;

use crate::accept::{accept, listen};
use crate::body::BoxError;
use crate::connection;
use crate::handle::{Handle, Retire};
use crate::hub::Hub;
use crate::limits::Limits;
use crate::linger::late;
use crate::peer::Peer;
use crate::pulse;
use crate::signal::Signal;
use crate::turns;

/// An [`App`](crate::App) with what is needed to run it: on one thread, on one port, beside other
/// pages.
///
/// Clones are the same server.
#[derive(Clone)]
pub struct Server {
    inner: Rc<Inner>,
}

struct Inner {
    /// Before the hub, for its tasks use it.
    executor: Rc<LocalExecutor<'static>>,
    hub: Rc<Hub>,
    listener: RefCell<Option<Arc<Async<TcpListener>>>>,
    address: Cell<Option<SocketAddr>>,
    stop: Arc<Signal>,
    retire: Arc<Retire>,
    has_pulse: Cell<bool>,
    /// Held by the one connection from elsewhere that runs the tasks for all of them.
    running: Mutex<()>,
}

impl Server {
    /// Makes a server that listens nowhere yet: for [`run_on`](Self::run_on) and
    /// [`connection`](Self::connection).
    ///
    /// # Errors
    ///
    /// The configuration of the app is not valid; the error names the field.
    pub fn new(app: impl IntoMachine) -> io::Result<Self> {
        let shard = app
            .into_machine()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let executor = Rc::new(LocalExecutor::new());
        let hub = Rc::new(Hub::new(shard, Rc::downgrade(&executor))?);
        let inner = Inner {
            executor,
            hub,
            listener: RefCell::default(),
            address: Cell::default(),
            stop: Arc::default(),
            retire: Arc::default(),
            has_pulse: Cell::default(),
            running: Mutex::new(()),
        };
        Ok(Self { inner: Rc::new(inner) })
    }

    /// Begins to listen; [`Serve::bind`](crate::Serve::bind) does this and [`new`](Self::new).
    pub(crate) fn listen(self, address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = listen(address)?;
        self.inner.address.set(Some(listener.local_addr()?));
        *self.inner.listener.borrow_mut() = Some(Arc::new(Async::new(listener)?));
        Ok(self)
    }

    /// Sets how much and how long a connection may take.
    ///
    /// ```
    /// use sockeye_smol::{App, Limits, Serve};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let limits = Limits { max_connections: 1_000, ..Limits::default() };
    /// let server = App::new().bind("127.0.0.1:0")?.limits(limits);
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        self.inner.hub.set_limits(limits);
        self
    }

    /// Adds a page that never changes, at exactly this path.
    ///
    /// ```
    /// use sockeye_smol::{App, Serve};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let server = App::new()
    ///     .bind("127.0.0.1:0")?
    ///     .page("/", "text/html; charset=utf-8", "<h1>Hello</h1>");
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// The content type contains a line break or another control character.
    #[must_use]
    pub fn page(
        self,
        path: impl Into<String>,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        self.inner.hub.pages.borrow_mut().add(path.into(), content_type, body.into());
        self
    }

    /// Answers every request that is neither for Socket.IO nor for a [`page`](Self::page).
    ///
    /// Without it the answer is status 404.
    ///
    /// ```
    /// use sockeye_smol::http::{Request, Response};
    /// use sockeye_smol::{App, Full, Incoming, Serve};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let server = App::new().bind("127.0.0.1:0")?;
    /// let server = server.fallback(|request: Request<Incoming>| async move {
    ///     Response::new(Full::from(format!("You asked for {}", request.uri().path())))
    /// });
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fallback<F, R, B>(self, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + 'static,
        R: Future<Output = Response<B>> + 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        self.inner.hub.pages.borrow_mut().set_fallback(handler);
        self
    }

    /// The address it listens on, which tells the port when it was bound to port 0.
    ///
    /// # Errors
    ///
    /// It was made by [`new`](Self::new), so it does not listen.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.address.get().ok_or_else(not_bound)
    }

    /// A handle that closes the server from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        let Inner { stop, retire, .. } = &*self.inner;
        Handle { stop: Arc::clone(stop), retire: Arc::clone(retire) }
    }

    /// Runs the server on this thread until it is [shut down](Handle::shutdown).
    ///
    /// # Errors
    ///
    /// It was made by [`new`](Self::new), so it does not listen.
    pub fn serve(self) -> io::Result<()> {
        smol::block_on(self.run())
    }

    /// Runs the server until it is [shut down](Handle::shutdown).
    ///
    /// The future stays on its thread, so run it with [`smol::block_on`] or spawn it on a
    /// [`LocalExecutor`]:
    ///
    /// ```
    /// use sockeye_smol::{App, Serve};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let server = App::new().bind("127.0.0.1:0")?;
    /// let handle = server.handle();
    /// let local = smol::LocalExecutor::new();
    /// let running = local.spawn(async move { server.run().await });
    /// handle.shutdown();
    /// smol::block_on(local.run(running))
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// It was made by [`new`](Self::new), or has run before: it does not listen.
    pub async fn run(&self) -> io::Result<()> {
        let listener = self.inner.listener.take().ok_or_else(not_bound)?;
        self.run_on(listener).await;
        Ok(())
    }

    /// Runs the server on a listener that was made elsewhere, a
    /// [`smol::net::TcpListener`] or an `Async<TcpListener>`, until it is
    /// [shut down](Handle::shutdown).
    ///
    /// ```
    /// use sockeye_smol::{App, Server};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # smol::block_on(async {
    /// let server = Server::new(App::new())?;
    /// let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # server.handle().shutdown();
    /// server.run_on(listener).await;
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// Dropping the future before it has ended abandons all clients: their sockets are disconnected
    /// with [`ServerShuttingDown`](sockeye_app::DisconnectReason::ServerShuttingDown), handlers for
    /// that run up to their first wait, acknowledgements that are owed end with an error, and the
    /// connections are closed. Nothing more is delivered.
    pub async fn run_on(&self, listener: impl Into<Arc<Async<TcpListener>>>) {
        let listener = listener.into();
        let inner = &self.inner;
        self.ensure_pulse();
        let abandoned = Abandon(inner);
        let serving = async {
            let stopped = poll_fn(|cx| inner.stop.poll_raised(cx));
            let accepting = async { match accept(&inner.hub, &listener).await {} };
            future::or(stopped, future::or(self.retired(), accepting)).await;
            self.close(listener).await;
        };
        inner.executor.run(serving).await;
        // It has come to its end.
        std::mem::forget(abandoned);
    }

    /// Serves one stream that was accepted elsewhere: a Unix socket, say, or TLS.
    ///
    /// Whether or not the server runs otherwise, this serves the stream to its end. Of several such
    /// futures one runs the handlers for all, so none may be kept without being polled.
    ///
    /// ```no_run
    /// use smol::net::unix::UnixListener;
    /// use sockeye_smol::{App, Peer, Server};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let local = smol::LocalExecutor::new();
    /// smol::block_on(local.run(async {
    ///     let server = Server::new(App::new())?;
    ///     let listener = UnixListener::bind("chat.sock")?;
    ///     loop {
    ///         let (stream, _) = listener.accept().await?;
    ///         let server = server.clone();
    ///         let serving = async move { server.connection(stream, Peer::default()).await };
    ///         local.spawn(serving).detach();
    ///     }
    /// }))
    /// # }
    /// ```
    pub async fn connection<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        self.ensure_pulse();
        let Inner { executor, hub, running, .. } = &*self.inner;
        let serving = connection::serve(Rc::clone(hub), stream, peer);
        // Each one who runs an executor makes it slower for the others.
        let running = async {
            let _turn = running.lock().await;
            executor.run(future::pending()).await
        };
        future::or(serving, running).await;
    }

    /// Waits until it is to end bit by bit, and then until everybody has gone.
    async fn retired(&self) {
        let Inner { hub, retire, .. } = &*self.inner;
        poll_fn(|cx| retire.asked.poll_raised(cx)).await;
        let over = retire.over.get().copied().unwrap_or_default();
        hub.shard().retire(over, Instant::now());
        hub.drive();
        let patience = over.saturating_add(hub.limits.get().shutdown_timeout);
        future::or(hub.seats.until(|| hub.shard().is_idle()), late(patience)).await;
    }

    async fn close(&self, listener: Arc<Async<TcpListener>>) {
        let hub = &self.inner.hub;
        hub.seats.begin_closing();
        hub.shard().close(Instant::now());
        hub.drive();
        let closing = async {
            let told = hub.seats.until(|| hub.shard().is_idle());
            let accepting = async { match accept(hub, &listener).await {} };
            future::or(told, accepting).await;
            drop(listener);
            hub.seats.begin_draining();
            hub.seats.empty_and(|| hub.shard().is_idle()).await;
        };
        future::or(closing, late(hub.limits.get().shutdown_timeout)).await;
        hub.seats.clear();
        // Tasks that have to end do so when they are next polled.
        future::or(hub.seats.empty_and(|| true), late(Duration::from_millis(100))).await;
    }

    fn ensure_pulse(&self) {
        if !self.inner.has_pulse.replace(true) {
            self.inner.executor.spawn(pulse::run(Rc::clone(&self.inner.hub))).detach();
            self.inner.executor.spawn(turns::run(Rc::clone(&self.inner.hub))).detach();
            self.inner.executor.spawn(self.inner.hub.clock.clone().run()).detach();
            self.inner.executor.spawn(Rc::clone(&self.inner.hub.reactor).run()).detach();
        }
    }
}

/// Ends what a server has begun when nobody runs it any more.
struct Abandon<'a>(&'a Inner);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        let hub = &self.0.hub;
        hub.seats.begin_closing();
        hub.shard().close(Instant::now());
        // Handlers run in here; their panics must not meet one that is under way.
        if catch_unwind(AssertUnwindSafe(|| hub.drive())).is_err() {
            log::error!("a handler panicked while the server was dropped");
        }
        hub.seats.clear();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.inner.address.get()).finish_non_exhaustive()
    }
}

fn not_bound() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the server does not listen: use App::bind")
}
