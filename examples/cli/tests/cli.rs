//! The program against a server of our own, as scripts run it.
#![allow(clippy::unwrap_used, reason = "what is not expected fails the test")]

mod host;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use host::Host;
use serde_json::{Value as Json, json};

/// What a run of the program has come to.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }

    /// What a script has found, if all went well.
    fn found(&self) -> Vec<&str> {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.lines()
    }

    /// The objects of `--json` of one type, without their times.
    fn objects(&self, kind: &str) -> Vec<Json> {
        let all = self.lines().into_iter().map(|line| serde_json::from_str::<Json>(line).unwrap());
        let mut all: Vec<Json> = all.filter(|object| object["type"] == kind).collect();
        for object in &mut all {
            let time = object.as_object_mut().unwrap().remove("time");
            assert!(time.unwrap().as_u64().unwrap() > 1_500_000_000_000);
        }
        all
    }
}

fn command(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye-cli"));
    command.arg(url).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("NO_COLOR");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

/// Runs steps of the command line.
fn run(url: &str, args: &[&str]) -> Run {
    feed(url, args, "")
}

/// Runs the program with this on its standard input.
fn feed(url: &str, args: &[&str], input: &str) -> Run {
    let mut child = command(url, args).stdin(Stdio::piped()).spawn().unwrap();
    // It need not read all of it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    Run { code, out: text(output.stdout), err: text(output.stderr) }
}

/// A line for people without its time.
fn untimed(line: &str) -> &str {
    line.get(13..).unwrap_or(line)
}

#[test]
fn a_script_emits_waits_and_prints_what_came() {
    let host = Host::start();
    let echo = run(&host.url(""), &["--emit", "echo", r#"["hi", {"b": 1, "a": 2}]"#, "-w", "echo"]);
    assert_eq!(echo.found(), [r#"["hi",{"b":1,"a":2}]"#]);
    for transports in [&["-t", "polling"][..], &["-t", "websocket"], &["--no-upgrade"]] {
        let steps = ["-e", "echo", "1 two", "-w", "echo", "--emit-ack", "add", "[1, 2]"];
        let found = run(&host.url(""), &[transports, &steps].concat());
        assert_eq!(found.found(), [r#"[1,"two"]"#, "[3]"], "{transports:?}");
    }
}

#[test]
fn numbers_go_there_and_back_with_all_of_their_digits() {
    let host = Host::start();
    let numbers = "123456789012345678901234567890,-18446744073709551616,[1.10,{\"a\":1e400}]";
    let list = format!("[{numbers}]");
    let auth = format!("{{\"n\":[{numbers}]}}");
    for transport in ["polling", "websocket"] {
        let steps =
            ["-t", transport, "-e", "echo", &list, "-w", "echo", "--emit-ack", "say", &list];
        let question = ["--answer", &list, "-e", "ask me", &list, "-w", "question"];
        let found = run(&host.url(""), &[&steps[..], &question, &["-w", "answered"]].concat());
        assert_eq!(found.found(), [&*list; 4], "{transport}");
        let joined = run(&host.url("/auth"), &["-t", transport, "-a", &auth, "-w", "auth"]);
        assert_eq!(joined.found(), [format!("[{auth}]")], "{transport}");
    }
    let spaced = numbers.replacen(',', " ", 2);
    let line = format!("emit echo {spaced}\nwait echo\njoin auth {auth}\nwait auth\n");
    let shown = feed(&host.url(""), &[], &line);
    assert!(shown.out.contains(&format!("< echo {spaced}\n")), "{}", shown.out);
    assert!(shown.out.contains(&format!("< /auth auth {auth}\n")), "{}", shown.out);
    let told = feed(&host.url(""), &["--json"], &line);
    assert!(told.out.contains(&format!("\"args\":{list}")), "{}", told.out);
    let binary = run(
        &host.url(""),
        &["-e", "echo", r#"[12345678901234567890123, @/dev/null, 1e400]"#, "-w", "echo"],
    );
    assert_eq!(binary.found(), [r#"[12345678901234567890123,{"$binary":""},1e400]"#]);
}

#[test]
fn events_that_came_before_they_are_awaited_count_once() {
    let host = Host::start();
    let steps =
        ["-w", "hello", "-e", "echo", "1", "-e", "echo", "2", "--emit-ack", "add", "[1, 1]"];
    let late = ["-w", "echo", "-w", "echo", "--timeout", "300ms", "-w", "echo"];
    let found = run(&host.url(""), &[&steps[..], &late].concat());
    assert_eq!(found.lines(), ["[\"/\"]", "[2]", "[1]", "[2]"]);
    assert_eq!((found.code, found.err.as_str()), (5, "sockeye-cli: echo did not come in 0.3 s\n"));
}

#[test]
fn files_are_sent_as_binary() {
    let host = Host::start();
    let path = std::env::temp_dir().join(format!("sockeye-cli {}.bin", std::process::id()));
    std::fs::write(&path, [0, 255, 1, 2]).unwrap();
    let args = format!(r#"[{{"file": @"{}"}}]"#, path.display());
    let found = run(&host.url(""), &["-e", "echo", &args, "-w", "echo"]);
    assert_eq!(found.found(), [r#"[{"file":{"$binary":"AP8BAg=="}}]"#]);
    let line = format!("emit echo @'{}'\nwait echo\n", path.display());
    let shown = feed(&host.url(""), &[], &line);
    assert!(shown.out.contains("< echo <4 bytes 00 ff 01 02>\n"), "{}", shown.out);
    std::fs::remove_file(&path).unwrap();
    let gone = run(&host.url(""), &["-e", "echo", &args]);
    assert_eq!(gone.code, 2);
    assert!(gone.err.contains("No such file"), "{}", gone.err);
}

#[test]
fn who_is_refused_learns_why() {
    let host = Host::start();
    let refused = run(&host.url("/secret"), &["-e", "echo"]);
    let expected = "sockeye-cli: refused by /secret: not authorized {\"code\":7}\n";
    assert_eq!((refused.code, refused.err.as_str()), (4, expected));
    let unknown = run(&host.url("/unknown"), &["--json", "-e", "echo"]);
    assert_eq!(unknown.code, 4);
    assert_eq!(unknown.objects("refused")[0]["message"], "Invalid namespace");
    let admitted = r#"{"token": "let me in"}"#;
    let admitted = run(&host.url("/secret"), &["-a", admitted, "--emit-ack", "add", "[2, 3]"]);
    assert_eq!(admitted.found(), ["[5]"]);
    let later = feed(&host.url(""), &["--json"], "join secret\nemit never\n");
    assert_eq!(later.code, 4);
    assert_eq!(later.objects("refused")[0]["data"], json!({"code": 7}));
}

#[test]
fn a_server_that_is_not_there_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = run(&url, &["--timeout", "200ms", "-e", "x"]);
    assert_eq!(silent.code, 3);
    assert!(silent.err.starts_with("sockeye-cli: no connection: "), "{}", silent.err);
    drop(listener);
    let absent = run(&url, &["-e", "x"]);
    assert_eq!(absent.code, 3);
    assert!(absent.err.contains("no connection: polling: Connection refused"), "{}", absent.err);
    let host = Host::start();
    let lost = run(&host.url(""), &["--path", "/nowhere", "-e", "x"]);
    let expected = "sockeye-cli: no connection: polling: status 404\n";
    assert_eq!((lost.code, lost.err.as_str()), (3, expected));
}

#[test]
fn what_makes_no_sense_is_said_before_anything_is_done() {
    for args in [&["--what"][..], &["-e", "a", "[1"], &["-n", "a,b", "-w", "x"], &["-H", "a"]] {
        assert_eq!(run("http://127.0.0.1:1", args).code, 2, "{args:?}");
    }
    assert_eq!(run("ftp://127.0.0.1:1", &["-w", "x"]).code, 2);
    assert!(run("", &["--help"]).found()[0].starts_with("sockeye-cli"));
    assert!(run("", &["--version"]).found()[0].starts_with("sockeye-cli 0"));
}

#[test]
fn commands_come_from_standard_input_up_to_the_first_that_fails() {
    let host = Host::start();
    let script = "# a comment\n\nask add 1 2\nemit echo \"a b\" [1]\nwait echo 5s\nstatus\n";
    let done = feed(&host.url(""), &[], script);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    let lines: Vec<&str> = done.lines().into_iter().map(untimed).collect();
    assert!(lines.iter().any(|line| line.starts_with("= add 3  (answer after ")), "{lines:?}");
    assert!(lines.contains(&r#"< echo "a b" [1]"#), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("* /: connected by ")), "{lines:?}");
    assert!(!done.out.contains('\x1b'));
    let failed = feed(&host.url(""), &[], "emti x\nemit echo 1\n");
    let expected = "sockeye-cli: emti x: there is no command emti; help shows all\n";
    assert_eq!((failed.code, failed.err.as_str()), (2, expected));
    let quit = feed(&host.url(""), &[], "quit\nemti x\n");
    assert_eq!(quit.code, 0);
    let colored = feed(&host.url(""), &["--color", "always"], "");
    assert!(colored.out.contains("\x1b[32m+\x1b[0m connected to /"), "{}", colored.out);
}

#[test]
fn machines_get_an_object_per_line() {
    let host = Host::start();
    let steps = ["--json", "-e", "echo", "[1, null]", "-w", "echo", "--emit-ack", "add", "[1, 2]"];
    let told = run(&host.url(""), &steps);
    assert_eq!(told.code, 0, "{}", told.err);
    let echo = json!({"type": "event", "namespace": "/", "name": "echo", "args": [1, null]});
    assert!(told.objects("event").contains(&echo), "{}", told.out);
    let answer = &told.objects("answer")[0];
    assert_eq!((&answer["name"], &answer["args"]), (&json!("add"), &json!([3])));
    assert_eq!(told.objects("connected")[0]["namespace"], "/");
    assert_eq!(told.objects("opened")[0]["transport"], "polling");
    let late = run(&host.url(""), &["--json", "--timeout", "200ms", "-w", "never"]);
    assert_eq!(late.code, 5);
    assert_eq!(late.objects("error")[0]["message"], "never did not come in 0.2 s");
}

#[test]
fn events_are_answered_by_themselves_or_by_number() {
    let host = Host::start();
    let steps = ["--answer", "yes [1]", "-e", "ask me", "[7]", "-w", "answered"];
    assert_eq!(run(&host.url(""), &steps).found(), [r#"["yes",[1]]"#]);
    let script = "emit 'ask me' 7\nwait question\nanswer 1 {\"n\": 2}\nwait answered\n";
    let done = feed(&host.url(""), &["--json"], script);
    assert_eq!(done.code, 0, "{}", done.err);
    let [question, answered] = &done.objects("event")[1..] else { panic!("{}", done.out) };
    assert_eq!((&question["args"], &question["ack"]), (&json!([7]), &json!(1)));
    assert_eq!(answered["args"], json!([{"n": 2}]));
    let twice = feed(&host.url(""), &[], "answer 1 2\n");
    assert!(twice.err.contains("no event of this number waits"), "{}", twice.err);
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout() {
    let host = Host::start();
    let late = run(&host.url(""), &["--timeout", "200ms", "--emit-ack", "swallow"]);
    let expected = "sockeye-cli: swallow was not answered in 0.2 s\n";
    assert_eq!((late.code, late.err.as_str()), (5, expected));
}

#[test]
fn several_namespaces_are_joined_at_once_or_later() {
    let host = Host::start();
    let together = ["-n", "/chat", "-n", "/", "-w", "hello", "--join", "/", "-w", "hello"];
    assert_eq!(run(&host.url(""), &together).found(), [r#"["/chat"]"#, r#"["/"]"#]);
    let script = "/chat wait hello\njoin chat\nask where\n/ ask where\n/\nask where\nleave /chat\n";
    let done = feed(&host.url(""), &["-n", "/", "-n", "/chat", "--json"], script);
    assert_eq!(done.code, 0, "{} {}", done.err, done.out);
    let answers = done.objects("answer");
    let answers: Vec<&Json> = answers.iter().map(|answer| &answer["args"][0]).collect();
    assert_eq!(answers, ["/chat", "/", "/"]);
    let later = feed(&host.url(""), &["--json"], "join /chat\nask where\n");
    assert_eq!(later.objects("answer")[0]["args"][0], "/chat", "{}", later.err);
    let unknown = feed(&host.url(""), &[], "use /chat\n");
    assert_eq!(unknown.err, "sockeye-cli: /chat is not joined; join /chat\n");
}

#[test]
fn who_is_removed_waits_no_longer() {
    let host = Host::start();
    let kicked = run(&host.url(""), &["-e", "kick me", "-w", "never"]);
    let expected = "sockeye-cli: disconnected from /: io server disconnect\n";
    assert_eq!((kicked.code, kicked.err.as_str()), (3, expected));
}

#[test]
fn headers_and_query_reach_the_server() {
    let host = Host::start();
    let url = host.url("/?from=url");
    let told = run(&url, &["-H", "X-Key: a: b", "-q", "k=v w", "--emit-ack", "handshake"]);
    assert_eq!(told.found(), [r#"["a: b","url","v w"]"#]);
}

#[test]
fn a_proxy_is_that_of_the_options_or_else_of_the_environment() {
    /// A proxy that lets nobody through.
    fn proxy() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let mut head = String::new();
                let mut lines = BufReader::new(client.try_clone().unwrap());
                while lines.read_line(&mut head).unwrap() > 2 {}
                assert!(head.starts_with("GET http://127.0.0.1:"), "{head}");
                let _ = client.write_all(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n");
            }
        });
        address.to_string()
    }
    let (host, proxy) = (Host::start(), proxy());
    let run = |args: &[&str], vars: &[(&str, &str)]| {
        let args = [args, &["--no-upgrade", "--emit-ack", "add", "[1, 2]"]].concat();
        let output = command(&host.url(""), &args).envs(vars.iter().copied()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    let refused = "sockeye-cli: no connection: polling: the proxy answers with status 407\n";
    let refused = (3, refused.to_owned());
    let through = (0, "[3]\n".to_owned());
    assert_eq!(run(&["--proxy", &proxy], &[]), refused);
    assert_eq!(run(&[], &[("HTTP_PROXY", &proxy)]), refused);
    assert_eq!(run(&["-x", &proxy], &[("http_proxy", "127.0.0.1:1")]), refused);
    assert_eq!(run(&[], &[("HTTPS_PROXY", &proxy)]), through);
    assert_eq!(run(&[], &[("ALL_PROXY", &proxy), ("NO_PROXY", "127.0.0.0/8")]), through);
    assert_eq!(run(&["-x", &proxy], &[("NO_PROXY", "127.0.0.1")]), through);
    assert_eq!(run(&["-x", ""], &[("HTTP_PROXY", &proxy)]), through);
    assert_eq!(run(&["-x", "ftp://a"], &[]).0, 2);
    let (code, text) = run(&[], &[("ALL_PROXY", "socks5://a:1")]);
    let expected = "sockeye-cli: all_proxy is not the address of an HTTP proxy\n";
    assert_eq!((code, &*text), (1, expected));
}

#[test]
fn listening_goes_on_until_the_server_is_gone() {
    let host = Host::start();
    let args = ["--json", "--no-reconnect", "-e", "echo", "1", "--listen"];
    let mut child = command(&host.url(""), &args).stdin(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|line| serde_json::from_str::<Json>(&line.unwrap()).unwrap());
    assert!(lines.any(|object| object["name"] == "echo"));
    drop(host);
    let end: Vec<Json> = lines.collect();
    assert!(end.iter().any(|object| object["type"] == "disconnected"), "{end:?}");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}
