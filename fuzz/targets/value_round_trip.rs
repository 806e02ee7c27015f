//! Values that are emitted and arrive, with both parsers; see `play::values`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    play::values::values(data, std::sync::Arc::new(sockeye_core::packet::DefaultParser));
    play::values::values(data, std::sync::Arc::new(sockeye_msgpack::MsgpackParser));
});
