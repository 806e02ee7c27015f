//! Reports for machines: one JSON object per line.
//!
//! What a server sends may be shown on a terminal after all, so what would steer one is escaped, as
//! JSON can.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::json::Value;
use crate::print::plain as escaped;
use crate::report::{Ack, Report};
use crate::value::Arguments;

/// Writes a report as a JSON object, with the time in milliseconds since 1970.
pub(crate) fn line(report: &Report, time: u128) -> String {
    let object = |kind: &str| Object::new().with("type", &kind).with("time", &time);
    let object = match report {
        Report::Opened { transport } => object("opened").with("transport", transport),
        Report::Upgraded => object("upgraded"),
        Report::NotUpgraded { message } => object("not-upgraded").with("message", message),
        Report::Failed { message } => object("failed").with("message", message),
        Report::Closed { message } => object("closed").with("message", message),
        Report::Reconnecting { attempt } => object("reconnecting").with("attempt", attempt),
        Report::GaveUp => object("gave-up"),
        Report::Connected { namespace, id, recovered } => object("connected")
            .with("namespace", namespace)
            .with("id", id)
            .with("recovered", recovered),
        Report::Refused { namespace, message, data } => object("refused")
            .with("namespace", namespace)
            .with("message", message)
            .with("data", &data.0.first().map(Plain)),
        Report::Disconnected { namespace, reason, returns } => object("disconnected")
            .with("namespace", namespace)
            .with("reason", reason)
            .with("returns", returns),
        Report::Event { namespace, name, args, ack } => {
            let event = object("event").with("namespace", namespace).with("name", name);
            let event = event.with("args", &plain(args));
            match ack {
                Some(Ack::Open(number)) => event.with("ack", number),
                Some(Ack::Given) => event.with("answered", &true),
                None => event,
            }
        }
        Report::Answer { namespace, name, args, after } => object("answer")
            .with("namespace", namespace)
            .with("name", name)
            .with("args", &plain(args))
            .with("after", &after.as_millis()),
        Report::NoAnswer { namespace, name, message } => object("no-answer")
            .with("namespace", namespace)
            .with("name", name)
            .with("message", message),
        Report::Status { namespace, state, current } => object("status")
            .with("namespace", namespace)
            .with("state", state)
            .with("current", current),
        Report::Note(text) => object("note").with("message", text),
        Report::Error(message) => object("error").with("message", message),
    };
    object.0 + "}"
}

/// A JSON object that is being written, which keeps the order of its fields.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".to_owned())
    }

    fn with(mut self, key: &str, value: &impl Serialize) -> Self {
        let json =
            serde_json::to_string(value).map_or_else(|_| "null".to_owned(), |it| escaped(&it));
        self.0 += if self.0.len() > 1 { "," } else { "" };
        self.0 += &format!("\"{key}\":{json}");
        self
    }
}

/// Writes arguments as a JSON array.
pub(crate) fn array(args: &Arguments) -> String {
    escaped(&serde_json::to_string(&plain(args)).unwrap_or_default())
}

/// Writes a value as JSON.
pub(crate) fn value(value: &Value) -> String {
    escaped(&serde_json::to_string(&Plain(value)).unwrap_or_default())
}

fn plain(args: &Arguments) -> Vec<Plain<'_>> {
    args.0.iter().map(Plain).collect()
}

/// A value with what is binary written as `{"$binary": ".."}`, in base64.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bytes(data) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("$binary", &base64(data))?;
                map.end()
            }
            Value::Array(values) => serializer.collect_seq(values.iter().map(Plain)),
            Value::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, Plain(value))))
            }
            scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                scalar.serialize(serializer)
            }
        }
    }
}

fn base64(data: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(data.len().div_ceil(3) * 4);
    for chunk in data.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 63;
            let padding = digit > chunk.len();
            text.push(if padding { '=' } else { char::from(DIGITS[value as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{array, base64, line, value};
    use crate::json::Value;
    use crate::report::{Ack, Report};
    use crate::value::{Arguments, list};

    #[test]
    fn each_report_is_an_object_on_one_line() {
        let args = list(r#"["a\nb", {"x": @ab}]"#, &mut |it| Ok(it.to_owned().into())).unwrap();
        let (namespace, name) = ("/n".to_owned(), "e".to_owned());
        let report = Report::Event { namespace, name, args, ack: Some(Ack::Open(2)) };
        let expected = r#"{"type":"event","time":12,"namespace":"/n","name":"e","args":["a\nb",{"x":{"$binary":"YWI="}}],"ack":2}"#;
        assert_eq!(line(&report, 12), expected);
    }

    #[test]
    fn nothing_that_a_server_sends_steers_the_terminal() {
        let text = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2066}\u{61c}\u{2028}\u{fc}";
        let args = Arguments(vec![Value::String(text.to_owned())]);
        let shown = [
            array(&args),
            value(&args.0[0]),
            line(&Report::Refused { namespace: text.into(), message: text.into(), data: args }, 1),
        ];
        let steers = |c: char| !c.is_ascii_graphic() && !matches!(c, ' ' | '\u{fc}');
        for shown in shown {
            assert!(!shown.contains(steers), "{shown:?}");
            let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert!(read.to_string().contains('\u{202e}'), "it stands for what it was");
        }
    }

    #[test]
    fn arguments_are_an_array_that_keeps_the_order_of_keys() {
        let args = list(r#"{"b":1,"a":[2]} "x""#, &mut |_| Err(String::new())).unwrap();
        assert_eq!(array(&args), r#"[{"b":1,"a":[2]},"x"]"#);
    }

    #[test]
    fn binary_is_written_in_base64() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (data, text) in pairs {
            assert_eq!(base64(data.as_bytes()), text);
        }
        assert_eq!(base64(&[255, 254, 253]), "//79");
    }
}
