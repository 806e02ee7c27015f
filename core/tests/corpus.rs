//! Plays the corpora of the fuzz targets, and bytes from anywhere.

mod play;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use sockeye_core::packet::DefaultParser;

/// Plays every file of one corpus; returns how many there are.
fn replay(name: &str, play: fn(&[u8])) -> usize {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let files =
        std::fs::read_dir(corpora.join(name)).expect("the corpus is part of the repository");
    files
        .map(|file| {
            let path = file.expect("it can be listed").path();
            let data = std::fs::read(&path).expect("it can be read");
            let outcome = std::panic::catch_unwind(|| play(&data));
            assert!(outcome.is_ok(), "{}", path.display());
        })
        .count()
}

fn values(data: &[u8]) {
    play::values::values(data, Arc::new(DefaultParser));
}

fn packed(data: &[u8]) {
    play::values::values(data, Arc::new(sockeye_msgpack::MsgpackParser));
}

#[test]
fn the_corpus_of_packets_does_no_harm() {
    assert!(replay("packet_decode", play::packets) >= 24);
}

#[test]
fn the_corpus_of_payloads_does_no_harm() {
    assert!(replay("payload_decode", play::payloads) >= 24);
}

#[test]
fn the_corpus_of_heads_does_no_harm() {
    assert!(replay("request_heads", play::heads::heads) >= 10);
}

#[test]
fn the_corpus_of_servers_does_no_harm() {
    assert!(replay("server_script", play::server::server) >= 10);
}

#[test]
fn the_corpus_of_clients_does_no_harm() {
    assert!(replay("client_script", play::client::client) >= 10);
}

#[test]
fn the_corpus_of_texts_is_read_as_serde_json_reads_it() {
    assert!(replay("json_text", play::texts::texts) >= 10);
}

#[test]
fn the_corpus_of_values_comes_back() {
    assert!(replay("value_round_trip", values) >= 10);
    assert!(replay("value_round_trip", packed) >= 10);
}

#[test]
fn the_corpus_of_packed_packets_does_no_harm() {
    assert!(replay("msgpack_decode", play::packed::packed) >= 10);
}

/// The cost in memory; that in scanned bytes is looked at by the fuzz target, and by the tests of
/// `cost.rs`.
fn cost(data: &[u8]) {
    play::cost::cost(data, |act| allocation_counter::measure(act).bytes_total);
}

#[test]
fn the_corpus_of_costs_is_cheap() {
    assert!(replay("cost", cost) >= 10);
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_clients_and_application_do_the_server_stays_sound(data in bytes()) {
        play::server::server(&data);
    }

    #[test]
    fn whatever_server_and_application_do_the_client_stays_sound(data in bytes()) {
        play::client::client(&data);
    }

    #[test]
    fn no_event_takes_more_memory_than_in_proportion_to_its_length(data in bytes()) {
        cost(&data);
    }

    #[test]
    fn whatever_is_emitted_arrives(data in bytes()) {
        values(&data);
        packed(&data);
    }
}
