//! The language of the prompt and of scripts: one command a line.

use std::time::Duration;

use crate::json::Value;
use crate::value::{Arguments, ReadFile, Reader};

/// What is to be done, and in which namespace if not in the current one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) namespace: Option<String>,
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Emit an event.
    Emit { event: String, args: Arguments },
    /// Emit an event and wait for the answer.
    Ask { event: String, args: Arguments },
    /// Answer an event.
    Answer { number: u32, args: Arguments },
    /// Answer all events that want it, or none.
    AutoAnswer(Option<Arguments>),
    /// Join the namespace, and make it the current one.
    Join { auth: Option<Value> },
    /// Leave the namespace.
    Leave,
    /// Make the namespace the current one.
    Use,
    /// Wait for an event.
    Wait { event: String, timeout: Option<Duration> },
    /// Let time pass.
    Pause(Duration),
    /// Show what is connected.
    Status,
    /// Show what can be done.
    Help(Option<String>),
    /// End.
    Quit,
}

/// A command as help and completion know it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static str,
    pub(crate) does: &'static str,
}

const fn entry(name: &'static str, takes: &'static str, does: &'static str) -> Entry {
    Entry { name, takes, does }
}

/// All commands.
pub(crate) const COMMANDS: [Entry; 13] = [
    entry("emit", "EVENT [ARG ...]", "emit an event"),
    entry("emit-ack", "EVENT [ARG ...]", "emit an event and print the server's answer"),
    entry("ask", "EVENT [ARG ...]", "the same as emit-ack"),
    entry("answer", "NUMBER [ARG ...]", "answer the event of this number"),
    entry("auto-answer", "off | [ARG ...]", "answer all events that want it, from now on"),
    entry("join", "NAMESPACE [AUTH]", "join a namespace; it becomes the current one"),
    entry("leave", "[NAMESPACE]", "leave a namespace"),
    entry("use", "NAMESPACE", "make a namespace the current one"),
    entry("wait", "EVENT [TIMEOUT]", "in scripts: go on when the event has come"),
    entry("pause", "DURATION", "in scripts: go on after this time, like 500ms or 2s"),
    entry("status", "", "show what is connected"),
    entry("help", "[COMMAND]", "show this"),
    entry("quit", "", "disconnect and end; so does Ctrl-D"),
];

/// Reads a line; `None` if nothing is on it but a comment.
pub(crate) fn parse(line: &str, read: ReadFile<'_>) -> Result<Option<Step>, String> {
    let mut reader = Reader::new(line);
    if reader.rest().is_empty() || reader.rest().starts_with('#') {
        return Ok(None);
    }
    let namespace = if reader.rest().starts_with('/') { reader.word()? } else { None };
    let mut step = Step { namespace, command: Command::Use };
    let Some(name) = reader.word()? else { return Ok(Some(step)) };
    step.command = match name.as_str() {
        "emit" => {
            let event = event(&mut reader)?;
            Command::Emit { event, args: Arguments(reader.values(read)?) }
        }
        "emit-ack" | "ask" => {
            let event = event(&mut reader)?;
            Command::Ask { event, args: Arguments(reader.values(read)?) }
        }
        "answer" => {
            let number = reader.word()?.and_then(|word| word.parse().ok());
            let number = number.ok_or("answer which event? Its number is shown with it")?;
            Command::Answer { number, args: Arguments(reader.values(read)?) }
        }
        "auto-answer" if reader.rest().trim_end() == "off" => {
            reader.word()?;
            Command::AutoAnswer(None)
        }
        "auto-answer" => Command::AutoAnswer(Some(Arguments(reader.values(read)?))),
        "join" => {
            step.namespace = reader.word()?.or(step.namespace);
            Command::Join { auth: auth(&mut reader)? }
        }
        "leave" => {
            step.namespace = reader.word()?.or(step.namespace);
            Command::Leave
        }
        "use" => {
            step.namespace = Some(reader.word()?.ok_or("use which namespace?")?);
            Command::Use
        }
        "wait" => {
            let event = event(&mut reader)?;
            let timeout = reader.word()?.map(|word| duration(&word)).transpose()?;
            Command::Wait { event, timeout }
        }
        "pause" => {
            let word = reader.word()?.ok_or("for how long? Like 500ms or 2s")?;
            Command::Pause(duration(&word)?)
        }
        "status" => Command::Status,
        "help" | "?" => Command::Help(reader.word()?),
        "quit" | "exit" => Command::Quit,
        other => return Err(format!("there is no command {other}; help shows all")),
    };
    if let Some(name) = &mut step.namespace {
        *name = full_name(name);
    }
    match reader.rest() {
        "" => Ok(Some(step)),
        rest => Err(format!("{name} does not take {rest}")),
    }
}

fn event(reader: &mut Reader<'_>) -> Result<String, String> {
    reader.word()?.ok_or_else(|| "the name of an event is missing".to_owned())
}

/// What the server is told: all the rest of the line.
fn auth(reader: &mut Reader<'_>) -> Result<Option<Value>, String> {
    let text = std::mem::replace(reader, Reader::new("")).rest();
    if text.is_empty() { Ok(None) } else { object(text).map(Some) }
}

/// Reads what a server may be told at connect.
pub(crate) fn object(text: &str) -> Result<Value, String> {
    let value = Value::parse(text).ok().filter(|value| matches!(value, Value::Object(_)));
    value.ok_or_else(|| format!("{} is no JSON object", text.trim()))
}

/// The name of a namespace with the slash in front, which may be left out.
pub(crate) fn full_name(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}

/// Reads a time like `500ms`, `1.5s` or `2m`; a number alone is in seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => Some(0.001),
        "s" | "" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let time = number.parse::<f64>().ok().zip(seconds).map(|(number, unit)| number * unit);
    time.and_then(|time| Duration::try_from_secs_f64(time).ok())
        .ok_or_else(|| format!("{text} is no time like 500ms, 2s or 1m"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use sockeye_smol::Bytes;

    use super::{COMMANDS, Command, Step, duration, parse};
    use crate::json::Value;
    use crate::value::Arguments;

    fn step(line: &str) -> Result<Option<Step>, String> {
        parse(line, &mut |name| Ok(Bytes::from(name.to_owned())))
    }

    fn command(line: &str) -> Command {
        step(line).unwrap().unwrap().command
    }

    fn args(values: &[serde_json::Value]) -> Arguments {
        Arguments(values.iter().map(|it| Value::parse(&it.to_string()).unwrap()).collect())
    }

    #[test]
    fn events_have_a_name_and_arguments() {
        let expected = args(&[json!("hello"), json!({"a": 1})]);
        let Command::Emit { event, args: mut found } =
            command(r#"  emit chat "hello" {"a":1} @picture.png"#)
        else {
            panic!("another command");
        };
        assert_eq!(found.0.pop(), Some(Value::Bytes(Bytes::from_static(b"picture.png"))));
        assert_eq!((event.as_str(), found), ("chat", expected));
        let named = Command::Ask { event: "chat message".to_owned(), args: Arguments::default() };
        assert_eq!(command(r#"emit-ack "chat message""#), named);
        assert_eq!(command("ask 'chat message'"), named);
    }

    #[test]
    fn a_namespace_may_stand_in_front() {
        let found = step("/chat emit e").unwrap().unwrap();
        assert_eq!(found.namespace.as_deref(), Some("/chat"));
        assert_eq!(
            found.command,
            Command::Emit { event: "e".to_owned(), args: Arguments::default() }
        );
        for line in ["/chat", "use /chat", "use chat"] {
            let found = step(line).unwrap().unwrap();
            let expected = Step { namespace: Some("/chat".to_owned()), command: Command::Use };
            assert_eq!(found, expected, "{line}");
        }
        let leaving = Step { namespace: Some("/a".to_owned()), command: Command::Leave };
        assert_eq!(step("leave a").unwrap().unwrap(), leaving);
        assert_eq!(step("/a leave").unwrap().unwrap(), leaving);
    }

    #[test]
    fn a_namespace_is_joined_with_what_the_server_is_told() {
        let found = step(r#"join news {"token": "x y"}"#).unwrap().unwrap();
        assert_eq!(found.namespace.as_deref(), Some("/news"));
        assert_eq!(
            found.command,
            Command::Join { auth: super::object(r#"{"token": "x y"}"#).ok() }
        );
        assert_eq!(command("join"), Command::Join { auth: None });
        assert_eq!(step("join news [1]").unwrap_err(), "[1] is no JSON object");
    }

    #[test]
    fn events_are_answered_by_number_or_by_themselves() {
        let expected = Command::Answer { number: 3, args: args(&[json!("yes"), json!(1)]) };
        assert_eq!(command("answer 3 yes 1"), expected);
        assert!(step("answer yes").is_err());
        assert_eq!(command("auto-answer 1"), Command::AutoAnswer(Some(args(&[json!(1)]))));
        assert_eq!(command("auto-answer"), Command::AutoAnswer(Some(args(&[]))));
        assert_eq!(command("auto-answer off "), Command::AutoAnswer(None));
        let text = Command::AutoAnswer(Some(args(&[json!("off")])));
        assert_eq!(command(r#"auto-answer "off""#), text);
    }

    #[test]
    fn scripts_wait() {
        let timeout = Some(Duration::from_millis(1_500));
        assert_eq!(command("wait done 1.5s"), Command::Wait { event: "done".to_owned(), timeout });
        assert_eq!(command("pause 20ms"), Command::Pause(Duration::from_millis(20)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["", "s", "-1s", "1x", "1e99h", "infs"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_to_be_done_for_empty_lines_and_comments() {
        for line in ["", "  ", "# emit x", "  #"] {
            assert_eq!(step(line), Ok(None));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |line| step(line).unwrap_err();
        assert_eq!(wrong("emti x"), "there is no command emti; help shows all");
        assert_eq!(wrong("emit"), "the name of an event is missing");
        assert_eq!(wrong("quit now"), "quit does not take now");
        assert_eq!(wrong("wait e 1s more"), "wait does not take more");
        assert_eq!(wrong(r#"emit "a"b"#), "a space is missing before b");
    }

    #[test]
    fn all_commands_that_help_shows_are_there() {
        for entry in &COMMANDS {
            let unknown = step(entry.name).err().is_some_and(|it| it.starts_with("there is no"));
            assert!(!unknown, "{}", entry.name);
        }
    }
}
