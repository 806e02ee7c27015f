//! Answers of long-polling: whether they may be compressed, and what they share.

mod common;

use common::Harness;
use sockeye_core::engineio::{Encoded, Engine};
use sockeye_core::{EmitOptions, Response, Selector, Server};

fn plain() -> EmitOptions {
    EmitOptions::default().compress(false)
}

/// Emits to clients whose GETs wait; the answers that they get.
fn broadcast(clients: usize, emit: impl FnOnce(&mut Harness<Server>)) -> Vec<Response> {
    let mut h = Harness::<Server>::new();
    let clients: Vec<_> = (0..clients).map(|_| h.connect_polling("/")).collect();
    let waiting: Vec<_> = clients.iter().map(|client| h.get(&client.sid)).collect();
    emit(&mut h);
    waiting.into_iter().map(|req| h.response(req)).collect()
}

#[test]
fn an_answer_may_be_compressed_unless_all_its_events_ask_not_to_be() {
    let mut h = Harness::<Server>::new();
    let client = h.connect_polling("/");
    let compressible = |h: &mut Harness<Server>| {
        let req = h.get(&client.sid);
        let response = h.response(req);
        assert!(response.body.starts_with(b"42"));
        response.compressible
    };

    h.socket(client.socket).emit("e", &(), plain()).unwrap();
    assert!(!compressible(&mut h));
    h.socket(client.socket).emit("e", &(), EmitOptions::default()).unwrap();
    assert!(compressible(&mut h));
    h.socket(client.socket).emit("e", &(), plain()).unwrap();
    h.emit(client.socket, "e", "another one that may be");
    assert!(compressible(&mut h), "one that may be is enough");
    h.server.emit("/", &Selector::all(), "e", &(), plain()).unwrap();
    assert!(!compressible(&mut h));
}

#[test]
fn only_answers_with_packets_may_be_compressed() {
    let mut h = Harness::<Engine>::engine(Default::default());
    let (sid, session) = h.open_polling();
    h.server.send(session, &Encoded::text("a"), false);
    let req = h.get(&sid);
    assert!(h.response(req).compressible);

    let post = h.post(&sid, "4a");
    assert!(!h.response(post).compressible);
    let unknown = h.get("unknown");
    assert!(!h.response(unknown).compressible);
}

#[test]
fn a_message_for_many_is_written_once() {
    let text = "x".repeat(1_000);
    let data = serde_bytes::ByteBuf::from(vec![7; 1_000]);
    let all = Selector::all();
    let emit = |h: &mut Harness<Server>| h.server.emit("/", &all, "e", &text, plain());
    let texts = broadcast(50, |h| emit(h).expect("it is sent"));
    let emit = |h: &mut Harness<Server>| h.server.emit("/", &all, "e", &data, plain());
    let binaries = broadcast(50, |h| emit(h).expect("it is sent"));

    for answers in [texts, binaries] {
        assert!(answers[0].body.len() > 1_000);
        for answer in &answers {
            assert_eq!(answer.body.as_ptr(), answers[0].body.as_ptr(), "it is the same memory");
        }
    }
}
