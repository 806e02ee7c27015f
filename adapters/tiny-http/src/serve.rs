//! From an app to a running server in one call.

use std::io;
use std::net::ToSocketAddrs;

use sockeye_app::IntoMachine;

use crate::server::Server;

/// Runs an [`App`](crate::App) without an async runtime, or whatever else can be served.
pub trait ServeBlocking: Sized {
    /// Listens on an address and serves everybody who connects, on this thread, for ever.
    ///
    /// ```no_run
    /// use sockeye_tiny_http::{App, ServeBlocking};
    ///
    /// fn main() -> std::io::Result<()> {
    ///     App::new().serve_blocking("0.0.0.0:3000")
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind) and [`Server::serve`].
    fn serve_blocking(self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.bind(address)?.serve()
    }

    /// Listens on an address and gives a server that is to be run; meanwhile connections wait.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or listened on, being in use, say; the error names it. Or
    /// the configuration of the app is not valid; the error names the field. Or there is no place
    /// for the socket of tiny_http among the temporary files.
    fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server>;
}

impl<A: IntoMachine> ServeBlocking for A {
    fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        Server::new(self, address)
    }
}
