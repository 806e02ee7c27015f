//! Every case of the load generator against the server, for a moment and without figures.

// The load generator asks `/proc`.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn load(case: &str, connections: usize) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-server"));
    let mut server =
        Server(server.env("PORT", "0").stdout(Stdio::piped()).spawn().expect("the server starts"));
    let mut line = String::new();
    let stdout = server.0.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
    let address = line.trim().strip_prefix("listening on ").expect("the server listens");

    let output = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-load"))
        .args([case, address, &server.0.id().to_string()])
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
fn connections_come_and_go() {
    load("connect", 4);
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
fn a_server_that_is_gone_is_a_failure() {
    let output = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-load"))
        .args(["echo", "127.0.0.1:1", &std::process::id().to_string()])
        .output()
        .expect("the load generator starts");

    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}
