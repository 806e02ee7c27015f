//! Engine.IO, protocols 4 and 3: sessions over HTTP long-polling and WebSockets, and upgrading from one to
//! the other. Knows nothing of Socket.IO, and can be used without it.

pub(crate) mod client;
mod close_reason;
mod encoded;
pub(crate) mod http;
mod packet;
pub(crate) mod server;
mod transport;
mod v3;

pub use close_reason::CloseReason;
pub use encoded::Encoded;
pub use http::cookie::{Cookie, SameSite};
pub use http::cors::{Cors, Origins};
pub use http::handshake::{Admission, Handshake, HandshakeId};
pub use http::origin::WebSocketOrigins;
pub use http::query::opens_session;
pub use http::subprotocol::Subprotocols;
pub use server::config::EngineConfig;
pub use server::engine::Engine;
pub use server::event::Event;
pub use server::stats::{Counts, Totals};
pub use transport::Transport;
