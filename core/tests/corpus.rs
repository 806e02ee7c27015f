//! Plays the corpora of the fuzz targets.

mod play;

use std::path::Path;

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

#[test]
fn the_corpus_of_packets_does_no_harm() {
    assert!(replay("packet_decode", play::packets) >= 24);
}

#[test]
fn the_corpus_of_payloads_does_no_harm() {
    assert!(replay("payload_decode", play::payloads) >= 24);
}
