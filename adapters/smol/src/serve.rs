//! From an app to a running server in one call.

use std::io;
use std::net::ToSocketAddrs;

use sockeye_app::IntoMachine;

use crate::server::Server;

/// Runs an [`App`](crate::App) on smol, or whatever else can be served.
pub trait Serve: Sized {
    /// Listens on an address and serves everybody who connects, on this thread, for ever.
    ///
    /// ```no_run
    /// use sockeye_smol::{App, Serve};
    ///
    /// fn main() -> std::io::Result<()> {
    ///     App::new().serve("0.0.0.0:3000")
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    fn serve(self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.bind(address)?.serve()
    }

    /// Listens on an address and gives a server that is to be run; meanwhile connections wait.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or listened on, being in use, say; the error names it. Or
    /// the configuration of the app is not valid; the error names the field.
    fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server>;
}

impl<A: IntoMachine> Serve for A {
    fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        Server::new(self)?.listen(address)
    }
}
