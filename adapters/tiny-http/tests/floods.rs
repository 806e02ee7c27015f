//! Floods: that they are borne, and that nothing of them stays. One test, for it looks at the whole
//! process.
//!
//! With `FLOODS=full` in its environment it takes minutes, and means floods as one might see them.

mod support;

use std::time::Duration;

use sockeye_tiny_http::{App, Io, Limits, ServeBlocking, ServerConfig};
use support::client::{poll_head, sid_of};
use support::{Bystander, TestServer, Wire, census, eventually, memory, quick};

/// How many requests are sent before the first answer is read.
const BATCH: usize = 50;
/// How many connections the server bears.
const SEATS: usize = 200;

/// How many there are of what: few in a quick run, many in a full one.
fn count(quick: usize, full: usize) -> usize {
    if std::env::var_os("FLOODS").is_some_and(|it| it == "full") { full } else { quick }
}

/// An app whose sessions end by themselves soon, though not while somebody is only slow.
fn app() -> App {
    let mut config = ServerConfig::default();
    config.engine.ping_interval = Duration::from_secs(1);
    config.engine.ping_timeout = Duration::from_secs(2);
    support::peer_app::app().config(config)
}

#[test]
fn nothing_of_a_flood_stays() {
    let app = app();
    let io = app.io();
    let server = app.bind("127.0.0.1:0").expect("a free port");
    let limits = Limits { head_timeout: Duration::from_secs(60), ..quick() };
    let server = TestServer::start(server.limits(Limits { max_connections: SEATS, ..limits }));
    Bystander::new(server.address).assert_works();
    let (threads, descriptors) = census();

    sessions_that_nobody_uses_take_little_and_go(&server, &io, 10_000);
    guessed_session_ids_take_nothing(&server, count(20_000, 1_000_000));
    connections_over_the_limit_take_nothing(&server, threads, count(5_000, 100_000));

    eventually("all sessions are gone", || io.snapshot().counts.engine.sessions == 0);
    eventually("all descriptors are given back", || census().1 <= descriptors);
    eventually("all threads have ended", || census().0 <= threads + 4);
    assert_eq!(io.snapshot().counts.engine.requests, 0);
}

fn sessions_that_nobody_uses_take_little_and_go(server: &TestServer, io: &Io, sessions: usize) {
    let before = memory();
    let mut wire = Wire::connect(server.address);
    for _ in 0..sessions / BATCH {
        wire.send(poll_head("").repeat(BATCH));
        for _ in 0..BATCH {
            sid_of(&wire.answer());
        }
    }
    assert!(memory() < before + sessions * 4_096, "{} bytes", memory().saturating_sub(before));
    assert!(io.snapshot().totals.engine.sessions >= sessions as u64);
    eventually("they go by themselves", || io.snapshot().counts.engine.sessions == 0);
    let counts = io.snapshot().counts;
    assert_eq!((counts.engine.timers, counts.timers), (0, 0));
    Bystander::new(server.address).assert_works();
}

fn guessed_session_ids_take_nothing(server: &TestServer, guesses: usize) {
    let before = memory();
    let mut wire = Wire::connect(server.address);
    for batch in 0..guesses / BATCH {
        let guess = |number| poll_head(&format!("&sid=AAAAAAAAAAAAAAAAAA{batch:x}-{number}"));
        wire.send((0..BATCH).map(guess).collect::<String>());
        for _ in 0..BATCH {
            assert_eq!(wire.answer().text(), r#"{"code":1,"message":"Session ID unknown"}"#);
        }
    }
    assert!(memory() < before + (8 << 20), "{} bytes", memory().saturating_sub(before));
    Bystander::new(server.address).assert_works();
}

fn connections_over_the_limit_take_nothing(server: &TestServer, threads: usize, all: usize) {
    let before = memory();
    let mut seated: Vec<Wire> = (0..SEATS).map(|_| Wire::connect(server.address)).collect();
    for wire in &mut seated {
        wire.send(poll_head("&sid=unknown"));
        assert_eq!(wire.answer().status, 400);
    }
    // Some are idle and some busy; who comes now is sent away, and who sits keeps the seat.
    for number in 0..all - SEATS {
        let mut late = Wire::connect(server.address);
        assert_eq!(late.rest(), b"", "it is closed without an answer");
        if number % 1_000 == 0 {
            let wire = &mut seated[number / 1_000 % SEATS];
            wire.send(poll_head("&sid=unknown"));
            assert_eq!(wire.answer().status, 400);
        }
    }
    assert!(census().0 < threads + 32, "{} threads", census().0);
    assert!(memory() < before + (16 << 20), "{} bytes", memory().saturating_sub(before));
    drop(seated);
    eventually("there are seats again", || {
        let mut wire = Wire::connect(server.address);
        wire.try_send(poll_head("&sid=unknown"));
        wire.end_sending();
        !wire.rest().is_empty()
    });
    Bystander::new(server.address).assert_works();
}
