#![doc = include_str!("differences.md")]
