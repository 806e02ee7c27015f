//! A small crowd, for a moment.

// It asks `/proc`.
#![cfg(target_os = "linux")]

use std::process::{Command, Output};

fn crowd(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye-bench-crowd"));
    command.args(arguments).output().expect("it starts")
}

#[test]
fn everybody_gets_pings_and_deliveries_and_echoes() {
    let output = crowd(&["50", "--secs", "3", "--ping-secs", "2"]);

    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert!(stdout.starts_with(r#"{"connections":50,"#), "{stdout}");
    let heartbeats = stdout.split(r#""heartbeats":"#).nth(1).and_then(|it| it.split(',').next());
    let heartbeats: usize = heartbeats.and_then(|it| it.parse().ok()).expect("it counts them");
    assert!((50..=100).contains(&heartbeats), "{stdout}");
}

#[test]
fn a_crowd_of_nobody_is_refused() {
    let output = crowd(&["0"]);

    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}
