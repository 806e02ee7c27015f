//! Every case of the load generator against the server, for a moment and without figures.

// The load generator asks `/proc`.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Gives where it listens, too.
fn server(ping_interval_ms: u32) -> (Server, String) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-server"));
    server.env("PING_INTERVAL_MS", ping_interval_ms.to_string());
    let mut server =
        Server(server.env("PORT", "0").stdout(Stdio::piped()).spawn().expect("the server starts"));
    let mut line = String::new();
    let stdout = server.0.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
    let address = line.trim().strip_prefix("listening on ").expect("the server listens");
    (server, address.to_owned())
}

fn load(case: &str, connections: usize) {
    load_with_pings(case, connections, 25_000);
}

fn load_with_pings(case: &str, connections: usize, every_ms: u32) {
    let (server, address) = server(every_ms);
    let output = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-load"))
        .args([case, &address, &server.0.id().to_string()])
        .args(["--secs", "0.2", "--warm-up", "0", "--connections", &connections.to_string()])
        .output()
        .expect("the load generator starts");

    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stdout.starts_with(&format!(r#"{{"case":"{case}","#)), "{stdout}");
    assert!(!stdout.contains(r#""operations":0,"#), "{stdout}");
}

#[test]
fn events_come_back() {
    for case in ["echo", "echo-1k", "echo-16"] {
        load(case, 8);
    }
}

#[test]
fn events_are_acknowledged() {
    load("ack", 8);
}

#[test]
fn attachments_come_back() {
    load("binary", 8);
}

#[test]
fn everybody_gets_a_broadcast() {
    load("broadcast", 30);
}

#[test]
fn members_get_what_their_room_gets() {
    load("rooms", 35);
}

#[test]
fn events_come_back_over_long_polling() {
    load("poll", 8);
}

#[test]
fn pings_may_come_between_events() {
    for case in ["echo", "poll", "upgrade"] {
        load_with_pings(case, 8, 5);
    }
}

#[test]
fn connections_come_and_go() {
    load("connect", 4);
}

#[test]
fn sessions_move_to_a_websocket_and_go() {
    load("upgrade", 4);
}

#[test]
fn connections_do_nothing() {
    load("idle", 30);
}

#[test]
fn connections_that_were_cut_off_come_back() {
    load("avalanche", 30);
}

#[test]
fn answers_that_are_not_understood_are_a_failure() {
    // This process is no server to measure: it has the children of other tests.
    let (measured, _) = server(25_000);
    for (answer, problem) in [
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n0{", "an answer begins with"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "an answer begins with"),
        ("HTTP/1.1 200 OK\r\n\r\n0{", "an answer begins with"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0{", "more than one answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n0{", "closed a connection"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n0{", "expected 0{…, received 0{"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            BufReader::new(&stream).read_line(&mut String::new())?;
            stream.write_all(answer.as_bytes())
        });
        let output = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-load"))
            .args(["poll", &address, &measured.0.id().to_string(), "--connections", "1"])
            .output()
            .expect("the load generator starts");

        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(problem), "{answer}: {stderr}");
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        server.join().expect("it does not panic").expect("it answers");
    }
}

#[test]
fn a_server_that_is_gone_is_a_failure() {
    let (measured, _) = server(25_000);
    let output = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-load"))
        .args(["echo", "127.0.0.1:1", &measured.0.id().to_string()])
        .output()
        .expect("the load generator starts");

    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("cannot connect"), "{stderr}");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}
