//! What is written on stderr where no logger is installed. Each case is a process of its own.

mod common;

use std::process::Command;

use common::World;
use common::client::ClientWorld;
use log::{LevelFilter, Log, Metadata, Record};
use sockeye_app::client::Client;
use sockeye_app::{App, State};

/// Runs one of the tests below and gives what it wrote on stderr.
fn run(name: &str) -> String {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    let output = command.output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said.lines()
        .filter(|line| line.starts_with("sockeye: "))
        .map(|line| line[9..].to_owned() + "\n")
        .collect()
}

fn app() -> App {
    App::new().on("count", |count: State<u64>| drop(count)).on("number", |_: u8| ())
}

fn say(app: App, texts: &[&str]) {
    let mut world = World::new(app);
    let ws = world.connect();
    texts.iter().for_each(|text| world.say(ws, text));
}

#[test]
#[ignore = "run by another test"]
fn errors() {
    say(app(), &["42[\"count\"]", "42[\"number\",\"text\"]"]);
    let mut client = ClientWorld::new(Client::new().on("number", |_: u8| ()));
    client.connect();
    client.say("42[\"number\",\"text\"]");
}

#[test]
fn errors_of_handlers_are_on_stderr_without_a_logger() {
    let said = run("errors");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert!(lines[0].contains("no logger is installed"), "{said}");
    assert!(lines[1].starts_with("event \"count\" of socket "), "{said}");
    assert!(lines[1].ends_with("in /: no state of type u64 was given to the app"), "{said}");
    assert!(lines[2].contains("event \"number\"") && lines[2].contains("argument 0"), "{said}");
    assert!(lines[3].contains("event \"number\" of the socket for /: argument 0"), "{said}");
}

#[test]
#[ignore = "run by another test"]
fn flood() {
    let long = format!("42[\"number\",\"text\",\"{}\"]", "x".repeat(100_000));
    let name = format!("42[\"{}\",1]", "x".repeat(100_000));
    let app = app().on_any(|_: u8, _: String, _: String| ());
    say(app, &[&*long, &*name].repeat(50));
}

#[test]
fn what_peers_can_have_written_is_bounded() {
    let said = run("flood");
    // There are 150 errors, and one line each as long as the machine is not extremely slow.
    assert!(said.lines().count() < 100, "{}", said.lines().count());
    assert!(said.lines().all(|line| line.len() < 600));
}

#[test]
#[ignore = "run by another test"]
fn heard() {
    say(app().on_error(|error| assert!(!error.event.is_empty())), &["42[\"count\"]"]);
}

#[test]
#[ignore = "run by another test"]
fn logged() {
    struct Nothing;

    impl Log for Nothing {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, _: &Record<'_>) {}

        fn flush(&self) {}
    }

    log::set_logger(&Nothing).expect("there is no other logger");
    log::set_max_level(LevelFilter::Error);
    say(app(), &["42[\"count\"]", "42[\"number\",\"text\"]"]);
}

#[test]
fn nothing_is_on_stderr_where_somebody_else_hears_of_errors() {
    for case in ["heard", "logged"] {
        assert_eq!(run(case), "", "{case}");
    }
}
