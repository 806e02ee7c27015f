//! What an event costs in allocated and in scanned bytes; see `play::cost`.

#![no_main]

#[path = "../../core/tests/play/mod.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod play;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    play::cost::cost(data, |act| allocation_counter::measure(act).bytes_total);
});
