//! What goes to the log. One test, for there is one log in a process.

mod support;

use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};
use sockeye_tiny_http::ServeBlocking;
use support::client::{open, post, post_head};
use support::{Bystander, TestServer, Wire, quick};

/// The levels and texts of everything that was logged here.
struct Collector(Mutex<Vec<(Level, String)>>);

static LOG: Collector = Collector(Mutex::new(Vec::new()));

impl Log for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sockeye")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = (record.level(), record.args().to_string());
            self.0.lock().expect("nobody panics").push(line);
        }
    }

    fn flush(&self) {}
}

/// Whether this was logged for debugging.
fn is_logged(text: &str) -> bool {
    let logged = LOG.0.lock().expect("nobody panics");
    logged.iter().any(|(level, line)| *level == Level::Debug && line == text)
}

#[test]
fn what_peers_do_wrong_is_counted_and_logged_for_debugging_only() {
    log::set_logger(&LOG).expect("there is no other logger");
    log::set_max_level(LevelFilter::Trace);
    let app = support::peer_app::app();
    let io = app.io();
    let server = app.bind("127.0.0.1:0").expect("a free port").limits(quick());
    let server = TestServer::start(server);
    let too_large = || io.snapshot().totals.engine.too_large;

    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Content-Length: 1000001\r\n"));
    assert_eq!(wire.answer().status, 413);
    assert_eq!(too_large(), 1);
    assert!(is_logged("a request with a body of 1000001 bytes or more, over 1000000"));

    let sid = open(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
    wire.try_send("1\r\n4\r\nf4242\r\n");
    assert_eq!(wire.answer().status, 413);
    assert_eq!(too_large(), 2);
    assert!(is_logged("a request with a body of 1000003 bytes or more, over 1000000"));

    // Faults of other kinds, which are not counted as that.
    assert_eq!(post(server.address, &open(server.address), "9").status, 400);
    let sid = open(server.address);
    assert_eq!(post(server.address, &sid, r#"42["wait","no number"]"#).status, 200);
    for noise in ["what?\r\n\r\n", "GET / HTTP/9\r\n\r\n", "\x16\x03"] {
        let mut wire = Wire::connect(server.address);
        wire.send(noise);
        wire.answer();
    }
    Bystander::new(server.address).assert_works();
    assert_eq!(too_large(), 2);
    let logged = LOG.0.lock().expect("nobody panics");
    assert!(logged.iter().all(|(level, _)| *level >= Level::Debug), "{logged:?}");
}
