#![doc = include_str!("hostile.md")]

#[doc = include_str!("hostile_inputs.md")]
pub mod inputs {}
