//! What goes to the log. One test, for there is one log in a process.

mod support;

use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};
use sockeye_smol::Serve;
use support::client::{open, post, post_head};
use support::{Bystander, Frame, Opcode, TestServer, Wire, eventually, quick};

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
    let (tell, told) = std::sync::mpsc::channel();
    let server = TestServer::start(move || {
        let app = support::peer_app::app();
        tell.send(app.io()).expect("the test waits for it");
        app.bind("127.0.0.1:0").expect("a free port").limits(quick())
    });
    let io = told.recv().expect("the server starts");
    let too_large = || io.snapshot().totals.engine.too_large;

    let mut wire = Wire::connect(server.address);
    let sid = open(server.address);
    wire.send(post_head(&sid, "Content-Length: 1000001\r\n"));
    assert_eq!(wire.answer().status, 413);
    assert_eq!(too_large(), 1);
    assert!(is_logged("a request with a body of 1000001 bytes, over 1000000"));

    let sid = open(server.address);
    wire = Wire::connect(server.address);
    wire.send(post_head(&sid, "Transfer-Encoding: chunked\r\n"));
    wire.try_send(format!("f4241\r\n{}\r\n0\r\n\r\n", "x".repeat(1_000_001)));
    assert_eq!(wire.answer().status, 413);
    assert_eq!(too_large(), 2);
    assert!(is_logged("a request with a body of 1000001 bytes or more, over 1000000"));

    let mut bystander = Bystander::new(server.address);
    let mut wire = Bystander::new(server.address).wire;
    wire.try_send(Frame { announced: Some(1_000_001), ..Frame::text("4") }.bytes());
    assert_eq!(wire.close_code(), Some(1009));
    assert_eq!(too_large(), 3);
    assert_eq!(bystander.hears_leave(), "transport error");
    assert!(is_logged("a WebSocket message of 1000001 bytes or more, over 1000000"));

    // Faults of other kinds, which are not counted as that.
    for frame in [
        Frame::text("9"),
        Frame::text(r#"42["wait","no number"]"#),
        Frame::new(Opcode(7), "x"),
        Frame::text([0xff]),
        Frame::new(Opcode::CLOSE, 999_u16.to_be_bytes()),
    ] {
        let mut wire = Bystander::new(server.address).wire;
        wire.try_send(frame.bytes());
        wire.reset();
    }
    assert_eq!(post(server.address, &open(server.address), "9").status, 400);
    let mut wire = Wire::connect(server.address);
    wire.send("what?\r\n\r\n");
    wire.rest();
    eventually("all have left", || io.snapshot().counts.engine.websockets == 1);
    bystander.assert_works();
    assert_eq!(too_large(), 3);
    let logged = LOG.0.lock().expect("nobody panics");
    assert!(logged.iter().all(|(level, _)| *level >= Level::Debug), "{logged:?}");
}
