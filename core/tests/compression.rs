//! Answers of long-polling that are compressed.
#![cfg(feature = "compression")]

mod common;

use std::io::Read as _;

use common::Harness;
use sockeye_core::engineio::{Compression, Encoded, Engine, EngineConfig, StaticFile};
use sockeye_core::{EmitOptions, Response, Selector, Server};

/// Fetches a message of this many bytes; returns the encoding and the body, which is checked.
fn fetch(length: usize, accept: &str, config: impl FnOnce(&mut EngineConfig)) -> (String, Vec<u8>) {
    let mut options = EngineConfig::default();
    config(&mut options);
    let mut h = Harness::engine(options);
    let (sid, session) = h.open_polling();
    let text = "abc".repeat(length).split_off(2 * length);
    h.server.send(session, &Encoded::text(&text), false);
    let target = Harness::<Engine>::target("polling", Some(&sid));
    let req = h.request("GET", &target, &[("Accept-Encoding", accept.as_bytes())]);
    let response = h.response(req);
    let encoding = encodings(&response).concat();
    let body = decoded(&response);
    assert_eq!(body, format!("4{text}").into_bytes());
    (encoding, response.body.to_vec())
}

fn encodings(response: &Response) -> Vec<&str> {
    let headers = response.headers.iter().filter(|(name, _)| name == "Content-Encoding");
    headers.map(|(_, value)| &**value).collect()
}

fn decoded(response: &Response) -> Vec<u8> {
    let mut body = Vec::new();
    match encodings(response)[..] {
        ["gzip"] => flate2::read::GzDecoder::new(&response.body[..]).read_to_end(&mut body),
        ["deflate"] => flate2::read::ZlibDecoder::new(&response.body[..]).read_to_end(&mut body),
        [] => (&response.body[..]).read_to_end(&mut body),
        ref other => panic!("unknown encoding {other:?}"),
    }
    .expect("what was encoded");
    body
}

#[test]
fn answers_are_compressed_from_the_threshold_on_as_the_client_accepts() {
    for (accept, encoding) in [
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("GZIP", "gzip"),
        ("gzip;q=0.1,deflate;q=0.9", "deflate"),
        ("gzip; q=0.5", "gzip"),
        ("*", "gzip"),
        ("*;q=0.5, gzip;q=0", "deflate"),
        ("", ""),
        ("br", ""),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.0, deflate;q=0", ""),
        ("gzip;q=nonsense", ""),
        (",,;;q=", ""),
    ] {
        let (used, body) = fetch(1024, accept, |_| {});
        assert_eq!(used, encoding, "{accept}");
        assert!(encoding.is_empty() || body.len() < 200);
    }
    assert_eq!(fetch(1023, "gzip", |_| {}).0, "gzip", "with the type it is 1,024");
    assert_eq!(fetch(1022, "gzip", |_| {}).0, "");
    let threshold = |threshold| {
        move |config: &mut EngineConfig| config.compression = Some(Compression { threshold })
    };
    assert_eq!(fetch(10, "gzip", threshold(11)).0, "gzip");
    assert_eq!(fetch(10, "gzip", threshold(12)).0, "");
    assert_eq!(fetch(100_000, "gzip", |config| config.compression = None).0, "");
}

#[test]
fn an_answer_that_would_take_long_to_compress_is_not_compressed() {
    assert_eq!(fetch((512 << 10) - 1, "gzip", |_| {}).0, "gzip");
    assert_eq!(fetch(512 << 10, "gzip", |_| {}).0, "");
}

#[test]
fn an_event_may_ask_not_to_be_compressed() {
    let mut h = Harness::<Server>::new();
    let client = h.connect_polling("/");
    let target = Harness::<Server>::target("polling", Some(&client.sid));
    let text = "x".repeat(2000);
    let encoding = |h: &mut Harness<Server>| {
        let req = h.request("GET", &target, &[("accept-encoding", b"gzip")]);
        let response = h.response(req);
        assert!(decoded(&response).starts_with(b"42"));
        encodings(&response).concat()
    };

    let plain = EmitOptions::default().compress(false);
    h.socket(client.socket).emit("e", &text, plain).unwrap();
    assert_eq!(encoding(&mut h), "");
    h.socket(client.socket).emit("e", &text, EmitOptions::default()).unwrap();
    assert_eq!(encoding(&mut h), "gzip");
    h.socket(client.socket).emit("e", &text, plain).unwrap();
    h.emit(client.socket, "e", "another one that may be");
    assert_eq!(encoding(&mut h), "gzip", "one that may be is enough");
    h.server.emit("/", &Selector::all(), "e", &text, plain).unwrap();
    assert_eq!(encoding(&mut h), "");
}

#[test]
fn a_file_is_compressed_once_for_each_encoding() {
    let file = |name: &'static str| StaticFile {
        name: name.into(),
        content_type: "application/javascript".into(),
        etag: format!("\"{name}\"").into(),
        body: format!("the body of {name}").repeat(1_000).into(),
    };
    let files = [file("a.js"), file("b.js")];
    let mut h = Harness::engine(EngineConfig::default().files(files.clone()));
    let mut bodies = Vec::new();
    for StaticFile { name, body, .. } in &files {
        for accepted in ["gzip", "deflate", ""] {
            let mut get = || {
                let headers = [("accept-encoding", accepted.as_bytes())];
                let req = h.request("GET", &format!("/engine.io/{name}"), &headers);
                h.response(req)
            };
            let (first, second) = (get(), get());
            assert_eq!(decoded(&first), body[..]);
            assert_eq!(encodings(&first).concat(), accepted);
            assert_eq!(second, first);
            assert_eq!(second.body.as_ptr(), first.body.as_ptr(), "it is the same memory");
            bodies.push(first.body.as_ptr());
        }
    }
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), 6);
}

/// Emits to clients whose GETs wait; the answers that they get.
fn broadcast(
    clients: usize,
    change: impl FnOnce(&mut EngineConfig),
    emit: impl FnOnce(&mut Harness<Server>),
) -> Vec<Response> {
    let mut h = Harness::<Server>::with(|config| change(&mut config.engine));
    let clients: Vec<_> = (0..clients).map(|_| h.connect_polling("/")).collect();
    let waiting: Vec<_> = clients
        .iter()
        .map(|client| {
            let target = Harness::<Server>::target("polling", Some(&client.sid));
            h.request("GET", &target, &[("accept-encoding", b"gzip")])
        })
        .collect();
    emit(&mut h);
    waiting.into_iter().map(|req| h.response(req)).collect()
}

#[test]
fn a_message_for_many_is_compressed_once() {
    let text = "x".repeat(100_000);
    let answers = broadcast(
        50,
        |_| {},
        |h| {
            h.server
                .emit("/", &Selector::all(), "e", &text, EmitOptions::default())
                .expect("it is sent");
        },
    );

    let first = &answers[0];
    assert_eq!(encodings(first), ["gzip"]);
    assert_eq!(decoded(first), format!("42[\"e\",\"{text}\"]").as_bytes());
    for answer in &answers {
        assert_eq!(answer.body.as_ptr(), first.body.as_ptr(), "it is the same memory");
        assert_eq!(answer.headers, first.headers);
    }
}

#[test]
fn a_binary_message_for_many_is_written_once() {
    let data = serde_bytes::ByteBuf::from(vec![7; 100_000]);
    let answers = broadcast(
        50,
        |config| config.compression = None,
        |h| {
            h.server
                .emit("/", &Selector::all(), "e", &data, EmitOptions::default())
                .expect("it is sent");
        },
    );

    assert!(answers[0].body.len() > 133_000);
    for answer in &answers {
        assert_eq!(answer.body.as_ptr(), answers[0].body.as_ptr(), "it is the same memory");
    }
}

#[test]
fn compression_is_bounded_per_slice() {
    let mut h = Harness::<Server>::new();
    let encoding = |h: &mut Harness<Server>| {
        let client = h.connect_polling("/");
        h.emit(client.socket, "e", &"x".repeat(100_000));
        let target = Harness::<Server>::target("polling", Some(&client.sid));
        let req = h.request("GET", &target, &[("accept-encoding", b"gzip")]);
        let response = h.response(req);
        assert!(decoded(&response).len() > 100_000);
        encodings(&response).concat()
    };
    let used: Vec<_> = (0..5).map(|_| encoding(&mut h)).collect();
    assert_eq!(used, ["gzip", "gzip", "gzip", "", ""]);

    h.advance(std::time::Duration::from_millis(1));
    assert_eq!(encoding(&mut h), "gzip");
}
