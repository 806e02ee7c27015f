//! Pages about the crate as a whole.

#[doc = include_str!("client_differences.md")]
pub mod client_differences {}

#[doc = include_str!("differences.md")]
pub mod differences {}

#[doc = include_str!("hostile.md")]
pub mod hostile {}

#[doc = include_str!("hostile_inputs.md")]
pub mod hostile_inputs {}

#[doc = include_str!("reading.md")]
pub mod reading {}

#[doc = include_str!("speed.md")]
pub mod speed {}
