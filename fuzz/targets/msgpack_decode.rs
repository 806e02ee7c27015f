//! Packets in MessagePack; see `play::packed`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::packed::packed(data));
