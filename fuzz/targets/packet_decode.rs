//! Messages of one client, as lines; see `play::packets`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::packets(data));
