//! What a server and an application do to a client; see `play::client`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| play::client::client(data));
