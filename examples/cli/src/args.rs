//! The arguments of the program.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};
use sockeye_smol::client::Transport;

use crate::command::{Command, Step, duration, full_name, object};
use crate::json::Value;
use crate::options::{Color, Options};
use crate::value::{Arguments, ReadFile, list};

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Wish {
    Help,
    Version,
    Run(Box<Options>),
}

/// What `--help` prints.
pub(crate) const HELP: &str = include_str!("help.txt");

/// Reads the arguments.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    read: ReadFile<'_>,
) -> Result<Wish, String> {
    let mut parser = Parser::from_iter(args);
    let mut options = Options::default();
    let mut url = None;
    while let Some(arg) = parser.next().map_err(plain)? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Wish::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Wish::Version),
            Arg::Short(letter) => {
                let name = SHORT.iter().find(|(short, _)| *short == letter);
                let (_, name) = name.ok_or_else(|| format!("there is no option -{letter}"))?;
                option(name, &mut parser, &mut options, read)?;
            }
            Arg::Long(name) => {
                let name = name.to_owned();
                option(&name, &mut parser, &mut options, read)?;
            }
            Arg::Value(value) if url.is_none() => url = Some(value.string().map_err(plain)?),
            Arg::Value(value) => {
                return Err(format!("one URL is enough: what is {}?", value.to_string_lossy()));
            }
        }
    }
    let url = url.ok_or("the URL of the server is missing; it comes before the steps")?;
    let (url, namespace) = split(&url)?;
    options.url = url;
    options.namespaces.splice(0..0, namespace);
    if options.namespaces.is_empty() {
        options.namespaces.push("/".to_owned());
    }
    Ok(Wish::Run(Box::new(options)))
}

const SHORT: [(char, &str); 10] = [
    ('n', "namespace"),
    ('a', "auth"),
    ('t', "transport"),
    ('H', "header"),
    ('q', "query"),
    ('e', "emit"),
    ('w', "wait"),
    ('x', "proxy"),
    ('j', "json"),
    ('v', "verbose"),
];

fn option(
    name: &str,
    parser: &mut Parser,
    options: &mut Options,
    read: ReadFile<'_>,
) -> Result<(), String> {
    match name {
        "namespace" => {
            let name = full_name(&text(parser)?);
            if !options.namespaces.contains(&name) {
                options.namespaces.push(name);
            }
        }
        "auth" => options.auth = Some(auth(&text(parser)?, read)?),
        "transport" => options.transports.push(match text(parser)?.as_str() {
            "polling" => Transport::Polling,
            "websocket" => Transport::WebSocket,
            other => return Err(format!("{other} is no transport: polling or websocket")),
        }),
        "no-upgrade" => options.upgrade = false,
        "header" => {
            let header = text(parser)?;
            let header = header.split_once(':').ok_or("a header is like 'name: value'")?;
            let (name, value) = (header.0.trim().to_ascii_lowercase(), header.1.trim().to_owned());
            options.headers.push((name, value));
        }
        "path" => options.path = Some(full_name(text(parser)?.trim_end_matches('/'))),
        "query" => {
            let pair = text(parser)?;
            let (key, value) = pair.split_once('=').ok_or("a query is like key=value")?;
            options.query.push((key.to_owned(), value.to_owned()));
        }
        "proxy" => options.proxy = Some(text(parser)?),
        "cookies" => options.cookies = true,
        "msgpack" => options.msgpack = true,
        "no-reconnect" => options.reconnect = false,
        "attempts" => {
            let number = text(parser)?;
            options.attempts =
                Some(number.parse().map_err(|_| format!("{number} is no number of attempts"))?);
        }
        "timeout" => options.timeout = Some(duration(&text(parser)?)?),
        "answer" => options.answer = Some(list(&text(parser)?, read)?),
        "emit" | "emit-ack" | "wait" | "pause" | "join" => {
            let step = step(name, parser, read)?;
            options.steps.push(step);
        }
        "listen" => options.listen = true,
        "json" => options.json = true,
        "verbose" => options.verbose = true,
        "color" => {
            options.color = match text(parser)?.as_str() {
                "auto" => Color::Auto,
                "always" => Color::Always,
                "never" => Color::Never,
                other => return Err(format!("colours are auto, always or never, not {other}")),
            };
        }
        "no-history" => options.history = false,
        other => return Err(format!("there is no option --{other}; --help shows all")),
    }
    Ok(())
}

/// One of the things to do in order.
fn step(name: &str, parser: &mut Parser, read: ReadFile<'_>) -> Result<Step, String> {
    let value = text(parser)?;
    let step = |command| Ok(Step { namespace: None, command });
    match name {
        "emit" => step(Command::Emit { event: value, args: event_args(parser, read)? }),
        "emit-ack" => step(Command::Ask { event: value, args: event_args(parser, read)? }),
        "wait" => step(Command::Wait { event: value, timeout: None }),
        "pause" => step(Command::Pause(duration(&value)?)),
        _ => Ok(Step { namespace: Some(full_name(&value)), command: Command::Join { auth: None } }),
    }
}

/// The arguments of an event, which may be left out where an option or nothing follows.
fn event_args(parser: &mut Parser, read: ReadFile<'_>) -> Result<Arguments, String> {
    let mut raw = parser.raw_args().map_err(plain)?;
    if raw.peek().is_none_or(|next| next.to_string_lossy().starts_with('-')) {
        return Ok(Arguments::default());
    }
    let text = raw.next().unwrap_or_default();
    list(&text.string().map_err(plain)?, read)
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(plain)
}

/// An object, or the file that it is in.
fn auth(text: &str, read: ReadFile<'_>) -> Result<Value, String> {
    let Some(name) = text.strip_prefix('@') else { return object(text) };
    let content = read(name)?;
    let content = std::str::from_utf8(&content).map_err(|_| format!("{name} is no text"))?;
    object(content).map_err(|_| format!("{name} holds no JSON object"))
}

/// Takes a URL apart into what says where the server is, and the namespace that its path names.
fn split(url: &str) -> Result<(String, Option<String>), String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let (scheme, rest) = url.split_once("://").ok_or("this is not a URL")?;
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, it)| (rest, Some(it)));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let namespace = (!path.is_empty()).then(|| full_name(path));
    Ok((format!("{scheme}://{host}/{query}"), namespace))
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn plain(error: lexopt::Error) -> String {
    error.to_string()
}

/// Reads a file.
pub(crate) fn read_file(name: &str) -> Result<sockeye_smol::Bytes, String> {
    std::fs::read(at_home(name)).map(Into::into).map_err(|error| format!("{name}: {error}"))
}

/// The path of a file, in the home folder if its name begins with `~/`.
pub(crate) fn at_home(name: &str) -> PathBuf {
    let home = name.strip_prefix("~/").zip(std::env::var_os("HOME"));
    home.map_or_else(|| PathBuf::from(name), |(rest, home)| PathBuf::from(home).join(rest))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sockeye_smol::Bytes;
    use sockeye_smol::client::Transport;

    use super::{Wish, parse};
    use crate::command::{Command, Step};
    use crate::json::Value;
    use crate::options::{Color, Options};

    fn options(line: &[&str]) -> Result<Options, String> {
        let read = &mut |name: &str| match name {
            "token.json" => Ok(Bytes::from_static(b"{\"token\": 1}\n")),
            _ => Err(format!("{name}: not found")),
        };
        match parse(["sockeye-cli"].iter().chain(line).map(Into::into), read)? {
            Wish::Run(options) => Ok(*options),
            other @ (Wish::Help | Wish::Version) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_url_is_enough() {
        let found = options(&["localhost:3000"]).unwrap();
        assert_eq!(found.url, "http://localhost:3000/");
        assert_eq!(found.namespaces, ["/"]);
        assert!(found.reconnect && found.upgrade && found.history && !found.json && !found.listen);
        assert_eq!(found.color, Color::Auto);
    }

    #[test]
    fn the_path_of_a_url_is_the_first_namespace() {
        let found = options(&["-n", "b", "wss://h/a?x=1", "--namespace=/b", "-n/c"]).unwrap();
        assert_eq!(found.url, "wss://h/?x=1");
        assert_eq!(found.namespaces, ["/a", "/b", "/c"]);
        assert_eq!(options(&["http://h", "-n", "b"]).unwrap().namespaces, ["/b"]);
    }

    #[test]
    fn connections_are_made_as_is_wanted() {
        let found = options(&[
            "h",
            "-t",
            "websocket",
            "-t",
            "polling",
            "-H",
            "X-Key:  a: b",
            "--path",
            "/x/",
            "-q",
            "k=v=w",
            "-x",
            "proxy:1",
            "--no-reconnect",
            "--attempts",
            "3",
            "--timeout",
            "5s",
            "--auth",
            "{\"a\": 1}",
            "--answer",
            "[1]",
            "--no-upgrade",
            "--color=never",
        ])
        .unwrap();
        assert_eq!(found.transports, [Transport::WebSocket, Transport::Polling]);
        assert_eq!(found.headers, [("x-key".to_owned(), "a: b".to_owned())]);
        assert_eq!(found.path.as_deref(), Some("/x"));
        assert_eq!(found.query, [("k".to_owned(), "v=w".to_owned())]);
        assert_eq!(found.proxy.as_deref(), Some("proxy:1"));
        assert_eq!(found.attempts, Some(3));
        assert_eq!(found.timeout, Some(Duration::from_secs(5)));
        assert_eq!(found.auth, Value::parse("{\"a\": 1}").ok());
        assert_eq!(found.answer.unwrap().0.len(), 1);
        assert!(!found.reconnect && !found.upgrade);
        let from_file = options(&["h", "-a", "@token.json"]).unwrap();
        assert_eq!(from_file.auth, Value::parse("{\"token\": 1}").ok());
    }

    #[test]
    fn steps_keep_their_order() {
        let line = [
            "h",
            "-e",
            "a",
            "[1, {}]",
            "--join",
            "x",
            "--emit-ack",
            "b",
            "-w",
            "c",
            "--pause",
            "1",
        ];
        let steps = options(&line).unwrap().steps;
        let [
            Step { command: Command::Emit { event: a, args: two }, .. },
            Step { namespace: Some(x), command: Command::Join { auth: None } },
            Step { command: Command::Ask { event: b, args: none }, .. },
            Step { command: Command::Wait { event: c, .. }, .. },
            Step { command: Command::Pause(_), .. },
        ] = &*steps
        else {
            panic!("{steps:?}");
        };
        assert_eq!([a, b, c, x], ["a", "b", "c", "/x"]);
        assert_eq!((two.0.len(), none.0.len()), (2, 0));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |line: &[&str]| options(line).unwrap_err();
        assert_eq!(wrong(&[]), "the URL of the server is missing; it comes before the steps");
        assert_eq!(wrong(&["h", "--what"]), "there is no option --what; --help shows all");
        assert_eq!(wrong(&["h", "-y"]), "there is no option -y");
        assert_eq!(wrong(&["h", "i"]), "one URL is enough: what is i?");
        assert_eq!(wrong(&["h", "-t", "smoke"]), "smoke is no transport: polling or websocket");
        assert_eq!(wrong(&["h", "-a", "1"]), "1 is no JSON object");
        assert_eq!(wrong(&["h", "-e", "a", "[1"]), "the value that begins with [1 has no end");
        assert_eq!(wrong(&["h", "-e", "a", "@gone"]), "gone: not found");
        assert!(wrong(&["h", "--timeout"]).contains("--timeout"));
    }
}
