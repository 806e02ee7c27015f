//! Floods: that they are borne, and that nothing of them stays. One test, for it looks at the whole
//! process.
//!
//! With `FLOODS=full` in its environment it takes minutes, and means floods as one might see them.

mod support;

use std::sync::mpsc;
use std::time::Duration;

use sockeye_smol::{App, Io, Limits, Serve, ServerConfig};
use support::client::{poll, poll_head, post_head, sid_of};
use support::{Bystander, Frame, Opcode, TestServer, Wire, eventually, quick};

/// How many requests are sent before the first answer is read.
const BATCH: usize = 50;
/// How many connections the server bears.
const SEATS: usize = 200;

/// How many there are of what: few in a quick run, many in a full one.
fn count(quick: usize, full: usize) -> usize {
    if std::env::var_os("FLOODS").is_some_and(|it| it == "full") { full } else { quick }
}

/// How many threads, and how many descriptors, this process has.
fn census() -> (usize, usize) {
    let count = |path| std::fs::read_dir(path).expect("a system with /proc").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// How many bytes of memory this process has.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a system with /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let kilobytes = line.trim().strip_suffix(" kB").and_then(|it| it.parse::<usize>().ok());
    kilobytes.expect("a number") * 1024
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
    let (sender, receiver) = mpsc::channel();
    let server = TestServer::start(move || {
        let app = app();
        sender.send(app.io()).expect("the test waits for it");
        // On a busy machine whoever has a seat may not be heard for a while.
        let minute = Duration::from_secs(60);
        let limits = Limits { head_timeout: minute, idle_timeout: minute, ..quick() };
        let limits = Limits { max_connections: SEATS, ..limits };
        app.bind("127.0.0.1:0").expect("a free port").limits(limits)
    });
    let io = receiver.recv().expect("the server starts");
    let flood = Flood { server, io };
    // What is allocated once is.
    flood.half_open_upgrades(SEATS / 2);
    flood.is_over();
    let (threads, descriptors) = census();

    flood.sessions_that_nobody_uses(10_000);
    flood.guessed_session_ids(count(20_000, 1_000_000));
    flood.half_open_upgrades(count(500, 10_000));
    flood.bodies_that_stop(count(500, 10_000));
    flood.partial_packets(count(500, 10_000));
    flood.connections_over_the_limit(count(5_000, 100_000));

    flood.is_over();
    eventually("all descriptors are given back", || census().1 <= descriptors);
    eventually("all threads have ended", || census().0 <= threads);
}

struct Flood {
    server: TestServer,
    io: Io,
}

impl Flood {
    fn connect(&self) -> Wire {
        Wire::connect(self.server.address)
    }

    /// Opens a session by long-polling.
    fn open(&self) -> String {
        sid_of(&poll(self.server.address, ""))
    }

    /// Waits until nobody is left, and sees whether somebody is still let in.
    fn is_over(&self) {
        eventually("all are forgotten", || {
            let counts = self.io.snapshot().counts;
            let engine = counts.engine;
            let left = (engine.sessions, counts.sockets, engine.websockets, engine.requests);
            let timers = engine.timers + counts.timers;
            left == (0, 0, 0, 0) && (timers, engine.buffered, counts.acks) == (0, 0, 0)
        });
        eventually("there are seats again", || {
            let mut wire = self.connect();
            wire.try_send(poll_head("&sid=unknown"));
            wire.end_sending();
            !wire.rest().is_empty()
        });
        self.serves_newcomers();
    }

    /// Sees whether a newcomer is served, who answers pings.
    fn serves_newcomers(&self) {
        let mut wire = Bystander::new(self.server.address).wire;
        let event = r#"42["echo","newcomer"]"#;
        wire.send_frame(&Frame::text(event));
        while wire.text() != event {
            wire.send_frame(&Frame::text("3"));
        }
    }

    fn sessions_that_nobody_uses(&self, sessions: usize) {
        let before = memory();
        let mut wire = self.connect();
        for _ in 0..sessions / BATCH {
            wire.send(poll_head("").repeat(BATCH));
            (0..BATCH).for_each(|_| drop(sid_of(&wire.answer())));
        }
        assert!(memory() < before + sessions * 4_096, "{} bytes", memory().saturating_sub(before));
        assert!(self.io.snapshot().totals.engine.sessions >= sessions as u64);
        self.is_over();
    }

    fn guessed_session_ids(&self, guesses: usize) {
        let before = memory();
        let mut wire = self.connect();
        for batch in 0..guesses / BATCH {
            let guess = |number| poll_head(&format!("&sid=AAAAAAAAAAAAAAAAAA{batch:x}-{number}"));
            wire.send((0..BATCH).map(guess).collect::<String>());
            for _ in 0..BATCH {
                assert_eq!(wire.answer().text(), r#"{"code":1,"message":"Session ID unknown"}"#);
            }
        }
        assert!(memory() < before + (8 << 20), "{} bytes", memory().saturating_sub(before));
    }

    /// Upgrades that are begun and never finished, each left in another state.
    fn half_open_upgrades(&self, upgrades: usize) {
        let before = memory();
        for number in 0..upgrades {
            let query = format!("&sid={}", self.open());
            let mut wire = Wire::websocket(self.server.address, &query);
            match number % 4 {
                0 => {}
                1 => wire.send_frame(&Frame::text("2probe")),
                2 => wire.send(&Frame::text("2probe").bytes()[..3]),
                _ => {
                    wire.send_frame(&Frame::text("2probe"));
                    assert_eq!(wire.text(), "3probe");
                }
            }
            if number % 3 == 0 {
                wire.reset();
            }
        }
        assert!(memory() < before + (32 << 20), "{} bytes", memory().saturating_sub(before));
    }

    fn bodies_that_stop(&self, bodies: usize) {
        let before = memory();
        let sid = self.open();
        for number in 0..bodies {
            let mut wire = self.connect();
            let sid = if number % 2 == 0 { "unknown" } else { &sid };
            let declared = ["5", "999999", "1000000000000000"][number % 3];
            wire.send(post_head(sid, &format!("Content-Length: {declared}\r\n")));
            wire.try_send("4");
            wire.reset();
        }
        assert!(memory() < before + (16 << 20), "{} bytes", memory().saturating_sub(before));
    }

    /// Packets whose binary values never come, or only some of them.
    fn partial_packets(&self, packets: usize) {
        let before = memory();
        for number in 0..packets {
            let mut wire = Bystander::new(self.server.address).wire;
            wire.send_frame(&Frame::text(r#"4510-["e"]"#));
            for _ in 0..number % 5 {
                wire.send_frame(&Frame::new(Opcode::BINARY, [0; 10_000]));
            }
            if number % 2 == 0 {
                wire.reset();
            }
        }
        assert!(memory() < before + (32 << 20), "{} bytes", memory().saturating_sub(before));
        self.is_over();
    }

    fn connections_over_the_limit(&self, all: usize) {
        let before = memory();
        let mut seated: Vec<Wire> = (0..SEATS).map(|_| self.connect()).collect();
        for wire in &mut seated {
            wire.send(poll_head("&sid=unknown"));
            assert_eq!(wire.answer().status, 400);
        }
        for number in 0..all - SEATS {
            let mut late = self.connect();
            assert_eq!(late.rest(), b"", "it is closed without an answer");
            if number % 1_000 == 0 {
                let wire = &mut seated[number / 1_000 % SEATS];
                wire.send(poll_head("&sid=unknown"));
                assert_eq!(wire.answer().status, 400);
            }
        }
        assert!(memory() < before + (16 << 20), "{} bytes", memory().saturating_sub(before));
    }
}
