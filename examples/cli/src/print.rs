//! Reports for people.

use std::fmt::Write as _;
use std::time::Duration;

use sockeye_smol::Bytes;

use crate::json::Value;
use crate::report::{Ack, Report};
use crate::value::Arguments;

/// Whether and how to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) bool);

#[derive(Clone, Copy)]
pub(crate) enum Tone {
    Faint,
    Good,
    Bad,
    Name,
    Warn,
}

impl Paint {
    pub(crate) fn over(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Name => "1;36",
            Tone::Warn => "33",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes a report as one line, with the time in front.
pub(crate) fn human(report: &Report, clock: &str, paint: Paint) -> String {
    let (sign, tone, text) = match report {
        Report::Opened { transport } => {
            ("+", Tone::Faint, paint.over(Tone::Faint, &format!("connection open by {transport}")))
        }
        Report::Upgraded => ("+", Tone::Faint, paint.over(Tone::Faint, "went over to websocket")),
        Report::NotUpgraded { message } => {
            ("!", Tone::Warn, format!("stays with polling: {}", plain(message)))
        }
        Report::Failed { message } => {
            ("x", Tone::Bad, format!("no connection: {}", plain(message)))
        }
        Report::Closed { message } => {
            ("x", Tone::Bad, format!("connection lost: {}", plain(message)))
        }
        Report::Reconnecting { attempt } => (
            "+",
            Tone::Faint,
            paint.over(Tone::Faint, &format!("connecting again, attempt {attempt}")),
        ),
        Report::GaveUp => ("x", Tone::Bad, "gave up connecting; `join` tries again".to_owned()),
        Report::Connected { namespace, id, recovered } => {
            let again = if *recovered { ", with all that was missed" } else { "" };
            let id = paint.over(Tone::Faint, &format!("id {}", plain(id)));
            ("+", Tone::Good, format!("connected to {} {id}{again}", plain(namespace)))
        }
        Report::Refused { namespace, message, data } => {
            let data = arguments(data, paint);
            ("x", Tone::Bad, format!("refused by {}: {}{data}", plain(namespace), plain(message)))
        }
        Report::Disconnected { namespace, reason, returns } => {
            let returns = if *returns { ", to connect again" } else { "" };
            ("x", Tone::Warn, format!("disconnected from {}: {reason}{returns}", plain(namespace)))
        }
        Report::Event { namespace, name, args, ack } => {
            let mut text = titled(namespace, name, args, paint);
            match ack {
                Some(Ack::Open(number)) => {
                    let hint = format!("  (wants an answer: answer {number} ...)");
                    text += &paint.over(Tone::Warn, &hint);
                }
                Some(Ack::Given) => text += &paint.over(Tone::Faint, "  (answered)"),
                None => {}
            }
            ("<", Tone::Good, text)
        }
        Report::Answer { namespace, name, args, after } => {
            let after = format!("  (answer after {})", time(*after));
            let after = paint.over(Tone::Faint, &after);
            ("=", Tone::Good, titled(namespace, name, args, paint) + &after)
        }
        Report::NoAnswer { namespace, name, message } => {
            let title = titled(namespace, name, &Arguments::default(), paint);
            ("x", Tone::Bad, format!("{title}: no answer: {}", plain(message)))
        }
        Report::Status { namespace, state, current } => (
            if *current { "*" } else { " " },
            Tone::Name,
            format!("{}: {}", plain(namespace), plain(state)),
        ),
        Report::Note(text) => {
            return text.split('\n').map(plain).collect::<Vec<_>>().join("\n");
        }
        Report::Error(message) => ("!", Tone::Bad, plain(message)),
    };
    format!("{} {} {text}", paint.over(Tone::Faint, clock), paint.over(tone, sign))
}

/// The namespace unless it is `/`, the name of an event, and its arguments.
fn titled(namespace: &str, name: &str, args: &Arguments, paint: Paint) -> String {
    let mut text = match namespace {
        "/" => String::new(),
        other => format!("{} ", paint.over(Tone::Faint, &plain(other))),
    };
    text += &paint.over(Tone::Name, &quoted(name));
    text + &arguments(args, paint)
}

/// Each argument with a space in front.
fn arguments(args: &Arguments, paint: Paint) -> String {
    let mut text = String::new();
    for value in &args.0 {
        text.push(' ');
        write(value, paint, &mut text);
    }
    text
}

/// As much of a text as is shown, in bytes.
const MOST: usize = 10_000;

fn write(value: &Value, paint: Paint, out: &mut String) {
    match value {
        Value::Bytes(data) => *out += &paint.over(Tone::Warn, &binary(data)),
        Value::String(text) => {
            let json = json_text(text);
            let Some(end) = (json.len() > MOST).then(|| floor(&json, MOST)) else {
                *out += &plain(&json);
                return;
            };
            let _ = write!(out, "{}... ({} bytes)", plain(&json[..end]), text.len());
        }
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                *out += if index > 0 { "," } else { "" };
                write(value, paint, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                *out += if index > 0 { "," } else { "" };
                let _ = write!(out, "{}:", plain(&json_text(key)));
                write(value, paint, out);
            }
            out.push('}');
        }
        Value::Null => *out += "null",
        Value::Bool(value) => *out += if *value { "true" } else { "false" },
        Value::Number(number) if number.len() > MOST => {
            let _ = write!(out, "{}... ({} digits)", &number[..MOST], number.len());
        }
        Value::Number(number) => *out += number,
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// How long it is, and how it begins.
fn binary(data: &Bytes) -> String {
    let unit = if data.len() == 1 { "byte" } else { "bytes" };
    let mut text = format!("<{} {unit}", data.len());
    for byte in data.iter().take(8) {
        let _ = write!(text, " {byte:02x}");
    }
    text + if data.len() > 8 { " ..>" } else { ">" }
}

pub(crate) fn json_text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The name of an event as a command takes it.
pub(crate) fn quoted(name: &str) -> String {
    let is_word = !name.is_empty()
        && !name.starts_with(['"', '\'', '@', '/', '#', '[', '{'])
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',');
    plain(&if is_word { name.to_owned() } else { json_text(name) })
}

/// Leaves nothing in a text of the server's that would steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    let steers = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
    };
    if !text.contains(steers) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn time(time: Duration) -> String {
    match time.as_millis() {
        short if short < 10_000 => format!("{short} ms"),
        long => format!("{} s", long / 1000),
    }
}

/// The time of day in UTC.
pub(crate) fn clock(since_1970: Duration) -> String {
    let (seconds, millis) = (since_1970.as_secs() % 86_400, since_1970.subsec_millis());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Paint, clock, human, plain, quoted};
    use crate::report::{Ack, Report};
    use crate::value::list;

    fn event(namespace: &str, name: &str, args: &str, ack: Option<Ack>) -> Report {
        let args = list(args, &mut |name| Ok(vec![0xff; name.len()].into())).unwrap();
        Report::Event { namespace: namespace.to_owned(), name: name.to_owned(), args, ack }
    }

    fn line(report: &Report) -> String {
        human(report, "12:00:00.000", Paint(false))
    }

    #[test]
    fn an_event_is_a_line() {
        let report = event("/", "chat", r#""hi" {"b": [1, 2.5, null], "a": true} @abc"#, None);
        let expected = r#"12:00:00.000 < chat "hi" {"b":[1,2.5,null],"a":true} <3 bytes ff ff ff>"#;
        assert_eq!(line(&report), expected);
        let report = event("/n", "a b", r#"[{"x": @123456789}]"#, Some(Ack::Open(7)));
        let expected = "12:00:00.000 < /n \"a b\" {\"x\":<9 bytes ff ff ff ff ff ff ff ff ..>}  \
                        (wants an answer: answer 7 ...)";
        assert_eq!(line(&report), expected);
    }

    #[test]
    fn colours_are_only_there_if_wanted() {
        let report = event("/", "chat", "1", None);
        assert!(!line(&report).contains('\x1b'));
        let expected = "\x1b[2m1\x1b[0m \x1b[32m<\x1b[0m \x1b[1;36mchat\x1b[0m 1";
        assert_eq!(human(&report, "1", Paint(true)), expected);
    }

    #[test]
    fn nothing_that_a_server_sends_steers_the_terminal() {
        let report = event("/\x1b[2J", "a\x1b]0;x\x07", "\"\\u001b[31m \u{9b}31m \u{202e}\"", None);
        let told = line(&report);
        assert!(!told.contains(|c: char| c.is_control() || c == '\u{202e}'), "{told:?}");
        assert!(told.ends_with(r#""\u001b[31m \u009b31m \u202e""#), "{told}");
        assert_eq!(plain("\u{fc}ber"), "\u{fc}ber");
        let refused = Report::Refused {
            namespace: "/".to_owned(),
            message: "a\r\nb".to_owned(),
            data: list(r#"[{"code": 7}]"#, &mut |_| Err(String::new())).unwrap(),
        };
        assert_eq!(line(&refused), r#"12:00:00.000 x refused by /: a\u000d\u000ab {"code":7}"#);
        let (namespace, state) = ("/".to_owned(), "refused: \x1b[2J".to_owned());
        let status = Report::Status { namespace, state: state.clone(), current: true };
        for told in [line(&status), line(&Report::Note(state))] {
            assert!(told.ends_with(r"refused: \u001b[2J"), "{told:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let told = line(&event("/", "e", &format!("\"{}\"", "\u{20ac}".repeat(10_000)), None));
        assert!(told.ends_with("\u{20ac}... (30000 bytes)"), "{}", told.len());
        assert!(told.len() < 11_000);
        let told = line(&event("/", "e", &"1".repeat(20_000), None));
        assert!(told.ends_with("1... (20000 digits)") && told.len() < 11_000, "{}", told.len());
    }

    #[test]
    fn states_are_told_in_words() {
        let namespace = || "/n".to_owned();
        let connected =
            Report::Connected { namespace: namespace(), id: "X".to_owned(), recovered: true };
        let connected = line(&connected);
        assert_eq!(connected, "12:00:00.000 + connected to /n id X, with all that was missed");
        let reason = "transport close".to_owned();
        let lost = line(&Report::Disconnected { namespace: namespace(), reason, returns: true });
        assert_eq!(lost, "12:00:00.000 x disconnected from /n: transport close, to connect again");
        let failed = line(&Report::Failed { message: "polling: status 404".to_owned() });
        assert_eq!(failed, "12:00:00.000 x no connection: polling: status 404");
    }

    #[test]
    fn names_are_shown_as_commands_take_them() {
        assert_eq!(quoted("chat"), "chat");
        for (name, shown) in [("", "\"\""), ("a b", "\"a b\""), ("'a", "\"'a\""), ("/a", "\"/a\"")]
        {
            assert_eq!(quoted(name), shown);
        }
    }

    #[test]
    fn the_time_is_that_of_the_day() {
        assert_eq!(clock(Duration::from_millis(86_400_000 + 3_723_004)), "01:02:03.004");
    }
}
