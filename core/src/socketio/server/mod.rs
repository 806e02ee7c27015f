//! The server side of Socket.IO: namespaces, events, acknowledgements, rooms, recovery.
//!
//! `server` holds the state. Plain parts that do not know it: `connection`, `socket`, `namespace`,
//! `rooms`, `selector`, `broadcast_acks`, `recovery` with `saved_sessions`, `packet_log`,
//! `membership` and `quotas`, `retirement`. Methods of `Server` are also in `packets` (what arrives),
//! `lifecycle` (CONNECT to DISCONNECT), `broadcast`, `flow`, `restore` and `shutdown`, those of one
//! socket in `socket_mut`, which no part imports.

mod alarm;
mod broadcast;
mod broadcast_acks;
mod config;
mod connection;
mod event;
mod flow;
mod lifecycle;
mod membership;
mod names;
mod namespace;
mod packet_log;
mod packets;
mod quotas;
mod recovery;
mod restore;
mod retirement;
mod rooms;
mod saved_sessions;
mod selector;
#[expect(clippy::module_inception, reason = "the type that the folder is about")]
mod server;
mod shutdown;
mod socket;
mod socket_mut;
mod stats;
mod v4;

pub use config::{
    NamespaceConfig, OnExceeded, OnOverflow, RateLimit, RecoveryConfig, ServerConfig,
};
pub use connection::Violation;
pub use event::{Event, RoomChange};
pub use names::{Namespace, Room};
pub use selector::Selector;
pub use server::Server;
pub use socket_mut::SocketMut;
pub use stats::{Counts, Totals};

pub use crate::socketio::emit_options::EmitOptions;
