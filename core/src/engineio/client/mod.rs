//! The client side of Engine.IO: one session, from opening it to its end.

mod context;
mod end;
mod fence;
mod open;
mod outbox;
mod packet;
mod polling;
mod probe;
mod session;
mod target;

pub(crate) use context::{Context, Ending, Report};
pub(crate) use outbox::PacketKind;
pub(crate) use session::Dialer;
