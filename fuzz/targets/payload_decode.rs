//! Bodies of the POSTs of one session, as lines; see `play::payloads`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::payloads(data));
