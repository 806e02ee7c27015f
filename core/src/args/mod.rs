//! Arguments of events: encoded until they are read or sent on, with binary values inside.

#[expect(clippy::module_inception, reason = "the type that the folder is about")]
mod args;
mod de;
mod error;
mod name;
mod relay;
mod shape;
pub(crate) mod shared;
mod typed;
mod value;

pub use args::Args;
pub use error::ArgError;
pub use name::Name;
pub use typed::TypedEvent;
pub use value::Value;
