//! What clients and an application do to a server; see `play::server`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::server::server(data));
