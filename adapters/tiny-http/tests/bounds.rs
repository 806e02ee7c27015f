//! What crowds cost: threads, descriptors, memory. One test, for it looks at the whole process.

mod support;

use std::time::{Duration, Instant};

use sockeye_tiny_http::Limits;
use support::client::{open, poll_head, post, sid_of};
use support::{Bystander, TestServer, Wire, census, eventually, memory, quick};

const CROWD: usize = 500;

#[test]
fn crowds_are_borne() {
    let limits = Limits { head_timeout: Duration::from_secs(60), ..quick() };
    let server = TestServer::with(Limits { max_connections: 3 * CROWD, ..limits });
    let mut bystander = Bystander::new(server.address);
    let (threads, descriptors) = census();

    many_idle_polls_take_no_threads(&server, &mut bystander, threads);
    many_silent_connections_take_no_threads(&server, &mut bystander, threads);
    many_refused_bodies_take_no_memory(&server, &mut bystander);
    many_sessions_that_nobody_uses_hurt_nobody(&server, &mut bystander);
    eventually("all descriptors are given back", || census().1 <= descriptors + 8);
    eventually("all threads have ended", || census().0 <= threads + 8);
}

fn many_idle_polls_take_no_threads(server: &TestServer, bystander: &mut Bystander, threads: usize) {
    let before = memory();
    let sids: Vec<String> = (0..CROWD).map(|_| open(server.address)).collect();
    let mut polls: Vec<Wire> = sids
        .iter()
        .map(|sid| {
            let mut wire = Wire::connect(server.address);
            wire.send(poll_head(&format!("&sid={sid}")));
            wire
        })
        .collect();
    let begun = Instant::now();
    bystander.assert_works();
    assert!(begun.elapsed() < Duration::from_secs(2), "newcomers do not starve");
    assert!(census().0 < threads + 32, "{} threads", census().0);
    assert!(memory() < before + (64 << 20), "{} bytes", memory() - before);
    // All are still there, and all can be reached.
    assert_eq!(post(server.address, &sids[0], r#"42["to all","hello"]"#).text(), "ok");
    polls.iter_mut().for_each(|wire| assert_eq!(wire.answer().text(), r#"42["all","hello"]"#));
    sids.iter().for_each(|sid| assert_eq!(post(server.address, sid, "1").status, 200));
}

fn many_silent_connections_take_no_threads(
    server: &TestServer,
    bystander: &mut Bystander,
    threads: usize,
) {
    let mut crowd: Vec<Wire> = (0..CROWD).map(|_| Wire::connect(server.address)).collect();
    for (number, wire) in crowd.iter_mut().enumerate() {
        match number % 3 {
            0 => {}
            1 => wire.send("GET /socket.io/?EIO=4&transp"),
            _ => wire.send("POST /socket.io/ HTTP/1.1\r\nContent-Length: 1000\r\n\r\nx"),
        }
    }
    bystander.assert_works();
    assert!(census().0 < threads + 32, "{} threads", census().0);
}

fn many_refused_bodies_take_no_memory(server: &TestServer, bystander: &mut Bystander) {
    let before = memory();
    for _ in 0..CROWD {
        let mut wire = Wire::connect(server.address);
        wire.try_send("POST /socket.io/?EIO=4 HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nx");
        assert!([400, 413].contains(&wire.answer().status));
    }
    bystander.assert_works();
    assert!(memory() < before + (32 << 20), "{} bytes", memory() - before);
}

fn many_sessions_that_nobody_uses_hurt_nobody(server: &TestServer, bystander: &mut Bystander) {
    let before = memory();
    let mut wire = Wire::connect(server.address);
    for _ in 0..2_000 {
        wire.send(poll_head(""));
        sid_of(&wire.answer());
    }
    for _ in 0..2_000 {
        wire.send(poll_head("&sid=guessed"));
        assert_eq!(wire.answer().status, 400);
    }
    bystander.assert_works();
    assert!(memory() < before + (32 << 20), "{} bytes", memory() - before);
}
