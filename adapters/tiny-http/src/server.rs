//! The server: what was built from an app, and how it runs.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use rustix::process::{Resource, getrlimit};
use sockeye_app::{IntoMachine, Machine};
use tiny_http::Request;

use crate::driver::Driver;
use crate::front::{Front, Shared};
use crate::handle::{Handle, Wishes};
use crate::limits::Limits;
use crate::line::Line;
use crate::pages::Pages;

/// How many descriptors are not for connections: those of threads, files, the program itself.
const SPARE: usize = 64;
/// How many a connection takes whose request waits for its answer.
const PER_CONNECTION: usize = 3;

/// An [`App`](crate::App) with what is needed to run it on one port, beside other pages.
pub struct Server {
    machine: Arc<dyn Machine>,
    line: Arc<Line>,
    wishes: Arc<Wishes>,
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    pages: Pages,
}

impl Server {
    pub(crate) fn new(app: impl IntoMachine, address: impl ToSocketAddrs) -> io::Result<Self> {
        let machine = app
            .polling_only()
            .into_machine()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let (limits, pages) = (Limits::default(), Pages::default());
        let (line, wishes) = (Arc::new(Line::new()?), Arc::default());
        Ok(Self { machine, line, wishes, listener, address, limits, pages })
    }

    /// Sets how much and how long a connection may take.
    ///
    /// ```
    /// use sockeye_tiny_http::{App, Limits, ServeBlocking};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let limits = Limits { max_connections: 200, ..Limits::default() };
    /// let server = App::new().bind("127.0.0.1:0")?.limits(limits);
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a page that never changes, at exactly this path.
    ///
    /// ```
    /// use sockeye_tiny_http::{App, ServeBlocking};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let server = App::new()
    ///     .bind("127.0.0.1:0")?
    ///     .page("/", "text/html; charset=utf-8", "<h1>Hello</h1>");
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn page(
        mut self,
        path: impl Into<String>,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        self.pages.add(path.into(), content_type, body.into());
        self
    }

    /// Answers every request that is neither for Socket.IO nor for a [`page`](Self::page).
    ///
    /// The handler gets what tiny_http gives, and may block: it is called on one of four threads
    /// of its own. An answer of more than a megabyte goes only as fast as the client reads, so
    /// where those are common, they should be sent from more threads. Header values that contain
    /// line breaks are written as they are, by tiny_http, so nothing that a client sent should
    /// become one unchecked.
    ///
    /// Without this the answer is status 404.
    ///
    /// ```
    /// use sockeye_tiny_http::{App, ServeBlocking, tiny_http};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let server = App::new().bind("127.0.0.1:0")?;
    /// let server = server.fallback(|request: tiny_http::Request| {
    ///     let text = format!("You asked for {}", request.url());
    ///     let _ = request.respond(tiny_http::Response::from_string(text));
    /// });
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fallback(mut self, handler: impl Fn(Request) + Send + Sync + 'static) -> Self {
        self.pages.set_fallback(handler);
        self
    }

    /// The address it listens on, which tells the port when it was bound to port 0.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that closes the server from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { wishes: Arc::clone(&self.wishes), line: Arc::clone(&self.line) }
    }

    /// Runs the server, and the handlers of the app, on this thread until it is
    /// [shut down](Handle::shutdown). Three more threads carry the connections, and a few that
    /// come and go.
    ///
    /// # Errors
    ///
    /// There cannot be more threads, or descriptors; or the thread that carries the connections has
    /// panicked, which is a mistake of this crate's: all clients are disconnected then.
    pub fn serve(self) -> io::Result<()> {
        self.serve_by(Front::run)
    }

    /// Serves with this on the thread that carries the connections.
    fn serve_by(self, run: impl FnOnce(Front) + Send + 'static) -> io::Result<()> {
        let limits = self.limits.within(getrlimit(Resource::Nofile).current);
        let pages = self.pages.start()?;
        let Self { machine, line, wishes, listener, .. } = self;
        let front = Front::new(listener, line, limits, machine, self.pages)?;
        let shared = Arc::clone(front.shared());
        let name = "sockeye-front".to_owned();
        let front = thread::Builder::new().name(name).spawn(move || {
            let _end = End(Arc::clone(front.shared()));
            run(front);
        })?;
        Driver::new(&shared, wishes, pages).run();
        shared.end();
        front.join().map_err(|_| io::Error::other("the thread for connections panicked"))
    }
}

/// Tells the driver that nobody carries connections any more.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
        self.0.line.wake();
    }
}

impl Limits {
    /// The same, but with no more connections than there are descriptors for.
    fn within(self, descriptors: Option<u64>) -> Self {
        let Some(descriptors) = descriptors.and_then(|all| usize::try_from(all).ok()) else {
            return self;
        };
        let most = (descriptors.saturating_sub(SPARE) / PER_CONNECTION).max(1);
        if most < self.max_connections {
            log::info!("{descriptors} descriptors are enough for {most} connections");
        }
        Self { max_connections: self.max_connections.min(most), ..self }
    }
}

/// Listens on the first of the addresses that can be listened on.
fn listen(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let addresses: Vec<SocketAddr> = address
        .to_socket_addrs()
        .map_err(|error| {
            let text = format!("cannot resolve the address to listen on: {error}");
            io::Error::new(error.kind(), text)
        })?
        .collect();
    TcpListener::bind(&*addresses).map_err(|error| {
        let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        io::Error::new(error.kind(), format!("cannot listen on {}: {error}", names.join(", ")))
    })
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use sockeye_app::App;

    use super::*;
    use crate::ServeBlocking;

    #[test]
    fn a_panic_on_the_thread_for_connections_ends_the_server_with_an_error() {
        let server = App::new().bind("127.0.0.1:0").expect("a free port");
        let machine = Arc::clone(&server.machine);
        let dropped = Arc::new(AtomicBool::new(false));
        let drops = Arc::clone(&dropped);
        let served = server.serve_by(move |front| {
            drops.store(true, Ordering::Release);
            let _front = front;
            panic!("as asked");
        });

        let error = served.expect_err("it did not come to its end");
        assert_eq!(error.to_string(), "the thread for connections panicked");
        assert!(dropped.load(Ordering::Acquire) && machine.is_idle());
    }

    #[test]
    fn there_are_no_more_connections_than_descriptors_for_them() {
        let within = |descriptors| Limits::default().within(descriptors).max_connections;
        assert_eq!(within(Some(1024)), 320);
        assert_eq!(within(Some(20_000)), 1_000);
        assert_eq!(within(Some(10)), 1);
        assert_eq!(within(None), 1_000);
    }
}
