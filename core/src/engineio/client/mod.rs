//! The client side of Engine.IO, protocol 4: one session, from its opening to its end.
//!
//! The layer above drives a [`Session`] by what happened to its requests and WebSockets, and takes
//! [`SessionEvent`]s and [`Output`]s from the [`Context`] that all its sessions share. Messages are
//! opaque here.
//!
//! | Files | What they hold |
//! |---|---|
//! | `session`, `polling`, `upgrade`, `closing` | the state machine; the last three only add methods to it |
//! | `channel`, `probe`, `heartbeat`, `read_confirmation`, `outbox` | its parts, which know nothing of it |
//! | `open`, `packet`, `target`, `cookies` | what is read and written, without a state machine |
//! | `config`, `attempt`, `output`, `event`, `fault` | what the layer above gives and gets |

mod attempt;
mod channel;
mod closing;
mod config;
mod context;
mod cookies;
mod event;
mod fault;
mod heartbeat;
mod open;
mod outbox;
mod output;
mod packet;
mod polling;
mod probe;
mod read_confirmation;
mod session;
mod target;
mod upgrade;

pub use attempt::Attempt;
pub(crate) use config::Config;
pub(crate) use context::Context;
pub(crate) use event::SessionEvent;
pub use fault::TransportFault;
pub(crate) use outbox::PacketClass;
pub use output::{HttpRequest, Output};
pub(crate) use session::Session;
