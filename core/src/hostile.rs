#![doc = include_str!("hostile.md")]
