//! JSON of an argument, compared with serde_json; see `play::texts`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::texts::texts(data));
