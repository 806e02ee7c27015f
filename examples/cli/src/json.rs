//! JSON values as they were written, with binary in them: numbers keep all of their digits.

use serde::de::IgnoredAny;
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use sockeye_smol::Bytes;

/// A value. Objects keep the order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The text of a number: no type of number holds what JSON may say.
    Number(String),
    String(String),
    Bytes(Bytes),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// Tells what binary an object with these entries stands for.
pub(crate) type Find<'a> = &'a dyn Fn(&[(String, Value)]) -> Option<Bytes>;

/// How many arrays and objects may be within each other.
const MAX_DEPTH: usize = 128;

impl Value {
    /// Reads JSON.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str::<IgnoredAny>(json).map_err(|error| plain(&error))?;
        Parser { rest: json }.value(MAX_DEPTH)
    }

    /// Puts binary in the place of those objects for which this finds some.
    pub(crate) fn with_binary(self, find: Find<'_>) -> Self {
        match self {
            Self::Array(values) => {
                Self::Array(values.into_iter().map(|value| value.with_binary(find)).collect())
            }
            Self::Object(entries) => match find(&entries) {
                Some(content) => Self::Bytes(content),
                None => {
                    let entries = entries.into_iter();
                    Self::Object(entries.map(|(key, it)| (key, it.with_binary(find))).collect())
                }
            },
            value @ (Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::String(_)
            | Self::Bytes(_)) => value,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(text) => {
                let number: &RawValue = serde_json::from_str(text).map_err(S::Error::custom)?;
                number.serialize(serializer)
            }
            Self::String(text) => serializer.serialize_str(text),
            Self::Bytes(data) => sockeye_smol::Value::Bytes(data.clone()).serialize(serializer),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Reads JSON that is known to be well-formed.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        let depth_left = || depth.checked_sub(1).ok_or("there are too many brackets");
        Ok(match self.peek() {
            Some('"') => Value::String(self.string()?),
            Some('[') => {
                let (mut values, depth) = (Vec::new(), depth_left()?);
                while self.is_followed_by_element(']') {
                    values.push(self.value(depth)?);
                }
                Value::Array(values)
            }
            Some('{') => {
                let (mut entries, depth) = (Vec::new(), depth_left()?);
                while self.is_followed_by_element('}') {
                    let key = self.key()?;
                    entries.push((key, self.value(depth)?));
                }
                Value::Object(entries)
            }
            Some(_) | None => match self.word() {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                number => Value::Number(number.to_owned()),
            },
        })
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Goes over a bracket that opens, a comma, or the bracket that closes.
    fn is_followed_by_element(&mut self, close: char) -> bool {
        let sign = self.peek();
        self.rest = self.rest.get(1..).unwrap_or_default();
        let is_empty = matches!(sign, Some('[' | '{')) && self.peek() == Some(close);
        if is_empty {
            self.rest = &self.rest[1..];
        }
        !is_empty && sign.is_some_and(|sign| sign != close)
    }

    fn key(&mut self) -> Result<String, String> {
        self.peek();
        let key = self.string();
        self.peek();
        // The colon.
        self.rest = self.rest.get(1..).unwrap_or_default();
        key
    }

    fn string(&mut self) -> Result<String, String> {
        let mut is_escaped = true;
        let end = self.rest.find(|c| {
            let ends = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        });
        let (text, rest) = self.rest.split_at(end.map_or(self.rest.len(), |end| end + 1));
        self.rest = rest;
        serde_json::from_str(text).map_err(|error| plain(&error))
    }

    fn word(&mut self) -> &'a str {
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}');
        let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }
}

/// What is wrong with a text of one line.
pub(crate) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    format!("this is not JSON: {}", text.replace(" at line 1 column ", " at its character "))
}

#[cfg(test)]
mod tests {
    use super::Value;

    fn number(text: &str) -> Value {
        Value::Number(text.to_owned())
    }

    #[test]
    fn numbers_keep_their_digits() {
        let numbers = ["0", "-0", "9007199254740993", "123456789012345678901234567890", "1e400"];
        let text = format!("[{}]", numbers.join(" , "));
        let expected = Value::Array(numbers.map(number).to_vec());
        assert_eq!(Value::parse(&text), Ok(expected.clone()));
        assert_eq!(serde_json::to_string(&expected).unwrap(), text.replace(' ', ""));
    }

    #[test]
    fn values_of_all_kinds_are_read_as_they_are_written() {
        let text =
            r#" {"a\"}]" : [ true , false,null, [ ], { } ] ,"a":{"\\":"\\"}, "":"\u00e9,"} "#;
        let value = Value::parse(text).unwrap();
        let expected = r#"{"a\"}]":[true,false,null,[],{}],"a":{"\\":"\\"},"":"é,"}"#;
        assert_eq!(serde_json::to_string(&value).unwrap(), expected);
        for (text, value) in [("1", number("1")), ("[]", Value::Array(Vec::new()))] {
            assert_eq!(Value::parse(text), Ok(value));
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "01", "1 2", "[1,]", "[", "{\"a\"}", "nul", "\"\\ud800\"", "\"\\x\"", "+1"]
        {
            assert!(Value::parse(text).is_err(), "{text}");
        }
        let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Value::parse(&deep(128)).is_ok());
        assert!(Value::parse(&deep(129)).is_err());
        assert!(Value::parse(&deep(1_000_000)).is_err());
    }
}
