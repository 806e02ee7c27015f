#![doc = include_str!("../README.md")]

mod answer;
mod driver;
mod executor;
mod flight;
mod front;
mod handle;
mod home;
mod limits;
mod line;
mod pages;
mod serve;
mod server;
mod ticket;

use std::net::SocketAddr;

pub use sockeye_app::*;
pub use tiny_http;

pub use crate::handle::Handle;
pub use crate::limits::Limits;
pub use crate::serve::ServeBlocking;
pub use crate::server::Server;

/// The address of the client that sent a request to [`Server::fallback`]. tiny_http knows it only
/// as one that came over a Unix socket.
///
/// ```
/// use sockeye_tiny_http::{client_addr, tiny_http};
///
/// fn greet(request: tiny_http::Request) {
///     let text = client_addr(&request).map_or(String::new(), |address| address.to_string());
///     let _ = request.respond(tiny_http::Response::from_string(text));
/// }
/// ```
#[must_use]
pub fn client_addr(request: &tiny_http::Request) -> Option<SocketAddr> {
    ticket::Ticket::of(request).map(|ticket| ticket.peer)
}
