//! Arguments as people write them: JSON in which `@file` may stand for binary, and bare words.

use serde::ser::{Serialize, SerializeTuple, Serializer};
use sockeye_smol::{Args, Bytes};

use crate::json::{Value, plain};

/// Gives the content of a file, or says why not.
pub(crate) type ReadFile<'a> = &'a mut dyn FnMut(&str) -> Result<Bytes, String>;

/// The arguments of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arguments(pub(crate) Vec<Value>);

/// As a tuple, which is emitted as several arguments.
impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for value in &self.0 {
            tuple.serialize_element(value)?;
        }
        tuple.end()
    }
}

impl From<Args> for Arguments {
    fn from(args: Args) -> Self {
        let attachments = args.attachments();
        let find = |entries: &[(String, Value)]| {
            let number = match entries {
                [(mark, Value::Bool(true)), (num, Value::Number(number)), ..]
                | [(num, Value::Number(number)), (mark, Value::Bool(true)), ..]
                    if mark == "_placeholder" && num == "num" =>
                {
                    number
                }
                _ => return None,
            };
            attachments.get(number.parse::<usize>().ok()?).cloned()
        };
        let value = |text: &str| match Value::parse(text) {
            Ok(value) if attachments.is_empty() => value,
            Ok(value) => value.with_binary(&find),
            // What is nested too deeply, or not Unicode, is shown as it was written.
            Err(_) => Value::String(text.to_owned()),
        };
        Self(args.iter().map(value).collect())
    }
}

/// Reads all arguments in a text. One list in brackets is the list of the arguments.
pub(crate) fn list(text: &str, read: ReadFile<'_>) -> Result<Arguments, String> {
    let mut values = Reader::new(text).values(read)?;
    if values.len() == 1 && text.trim_start().starts_with('[') {
        if let Some(Value::Array(list)) = values.pop() {
            values = list;
        }
    }
    Ok(Arguments(values))
}

/// Reads one text from left to right.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What was not read, without the spaces in front of it.
    pub(crate) fn rest(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    /// A word, or a text in quotes.
    pub(crate) fn word(&mut self) -> Result<Option<String>, String> {
        let rest = self.rest();
        let word = match rest.chars().next() {
            None => return Ok(None),
            Some('"') => {
                let json = self.composite(&mut |_| Err("no files here".to_owned()))?.0;
                serde_json::from_str(&json).map_err(|error| plain(&error))?
            }
            Some('\'') => self.quoted()?,
            Some(_) => self.until(char::is_whitespace).to_owned(),
        };
        self.expect_gap()?;
        Ok(Some(word))
    }

    /// All values up to the end, with spaces or commas between them.
    pub(crate) fn values(&mut self, read: ReadFile<'_>) -> Result<Vec<Value>, String> {
        let mut values = Vec::new();
        while let Some(value) = self.value(read)? {
            values.push(value);
            let rest = self.rest();
            self.rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        Ok(values)
    }

    fn value(&mut self, read: ReadFile<'_>) -> Result<Option<Value>, String> {
        let rest = self.rest();
        let value = match rest.chars().next() {
            None => return Ok(None),
            Some('"' | '[' | '{') => {
                let (json, files) = self.composite(read)?;
                with_files(Value::parse(&json)?, &files)
            }
            Some('\'') => Value::String(self.quoted()?),
            Some('@') => Value::Bytes(self.file(char::is_whitespace, read)?),
            Some(_) => {
                let word = self.until(char::is_whitespace);
                bare(word.strip_suffix(',').unwrap_or(word))
            }
        };
        self.expect_gap()?;
        Ok(Some(value))
    }

    /// A JSON value that begins with a quote or bracket, with a placeholder for each file in it.
    fn composite(&mut self, read: ReadFile<'_>) -> Result<(String, Vec<Bytes>), String> {
        let start = self.rest;
        let (mut json, mut files) = (String::new(), Vec::new());
        let (mut depth, mut in_text) = (0_usize, false);
        while let Some(c) = self.rest.chars().next() {
            if c == '@' && !in_text {
                let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}');
                json += &format!("{{\"{PLACEHOLDER}\":{}}}", files.len());
                files.push(self.file(ends, read)?);
                continue;
            }
            self.rest = &self.rest[c.len_utf8()..];
            json.push(c);
            match c {
                '"' => in_text = !in_text,
                '\\' if in_text => {
                    let escaped = self.rest.chars().next();
                    json.extend(escaped);
                    self.rest = &self.rest[escaped.map_or(0, char::len_utf8)..];
                }
                '[' | '{' if !in_text => depth += 1,
                ']' | '}' if !in_text => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && !in_text {
                return Ok((json, files));
            }
        }
        let begin: String = start.chars().take(20).collect();
        Err(format!("the value that begins with {begin} has no end"))
    }

    /// A text in single quotes, taken as it is.
    fn quoted(&mut self) -> Result<String, String> {
        let inner = &self.rest[1..];
        let (text, rest) = inner.split_once('\'').ok_or("a single quote is missing")?;
        self.rest = rest;
        Ok(text.to_owned())
    }

    /// `@` and the name of a file, in quotes if it has spaces.
    fn file(&mut self, ends: fn(char) -> bool, read: ReadFile<'_>) -> Result<Bytes, String> {
        self.rest = &self.rest[1..];
        let name = match self.rest.chars().next() {
            Some('"') => {
                let json = self.composite(&mut |_| Err("no files here".to_owned()))?.0;
                serde_json::from_str(&json).map_err(|error| plain(&error))?
            }
            Some('\'') => self.quoted()?,
            Some(_) | None => {
                let name = self.until(ends);
                name.strip_suffix(',').unwrap_or(name).to_owned()
            }
        };
        if name.is_empty() {
            return Err("the name of a file is missing after @".to_owned());
        }
        read(&name)
    }

    fn until(&mut self, ends: fn(char) -> bool) -> &'a str {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Values that touch are a slip of the pen.
    fn expect_gap(&self) -> Result<(), String> {
        match self.rest.chars().next() {
            Some(c) if !c.is_whitespace() && c != ',' => {
                Err(format!("a space is missing before {}", self.rest))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The key of the objects that stand for files, as JSON writes it: no person does.
const PLACEHOLDER: &str = "\\u0000file";

fn with_files(value: Value, files: &[Bytes]) -> Value {
    value.with_binary(&|entries| match entries {
        [(key, Value::Number(index))] if key == "\0file" => {
            files.get(index.parse::<usize>().ok()?).cloned()
        }
        _ => None,
    })
}

/// A number, `true`, `false`, `null`, or else a text without quotes.
fn bare(word: &str) -> Value {
    Value::parse(word).unwrap_or_else(|_| Value::String(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sockeye_smol::{Args, Bytes};

    use super::{Arguments, Reader, list};
    use crate::json::Value;

    fn read(name: &str) -> Result<Bytes, String> {
        if name == "gone" {
            return Err("gone: not found".to_owned());
        }
        Ok(Bytes::from(name.to_owned()))
    }

    fn values(text: &str) -> Result<Vec<Value>, String> {
        Reader::new(text).values(&mut read)
    }

    fn of(json: serde_json::Value) -> Value {
        Value::parse(&json.to_string()).expect("JSON is a value")
    }

    fn file(name: &str) -> Value {
        Value::Bytes(Bytes::from(name.to_owned()))
    }

    #[test]
    fn values_stand_next_to_each_other() {
        let text = r#"hello 1 -2.5e3 true null "two words" {"a": [1, "}"]} [ ] 'it "is"'"#;
        let expected = [
            json!("hello"),
            json!(1),
            json!(0),
            json!(true),
            json!(null),
            json!("two words"),
            json!({"a": [1, "}"]}),
            json!([]),
            json!("it \"is\""),
        ];
        let mut expected = expected.map(of);
        expected[2] = Value::Number("-2.5e3".to_owned());
        assert_eq!(values(text).unwrap(), expected);
        assert_eq!(values("  ").unwrap(), []);
    }

    #[test]
    fn commas_may_stand_between_values() {
        let expected = [json!(1), json!("a,b"), json!([2]), json!("c")].map(of);
        assert_eq!(values(r#"1, a,b , [2],"c","#).unwrap(), expected);
    }

    #[test]
    fn quotes_and_backslashes_are_those_of_json() {
        let expected = [json!("a\"b\\"), json!("]@{"), json!("\u{e9}\n"), json!("it's")].map(of);
        assert_eq!(values(r#""a\"b\\" "]@{" "\u00e9\n" it's"#).unwrap(), expected);
        assert_eq!(
            values("\"\\\u{e9}\"").unwrap_err(),
            "this is not JSON: invalid escape at its character 3"
        );
    }

    #[test]
    fn files_are_binary_wherever_they_stand() {
        let found = values(r#"@a.png, {"x": [@b, @"c d"], "y":@e} @'f g' "@h""#).unwrap();
        let deep = Value::Object(vec![
            ("x".to_owned(), Value::Array(vec![file("b"), file("c d")])),
            ("y".to_owned(), file("e")),
        ]);
        let text = Value::String("@h".to_owned());
        assert_eq!(found, [file("a.png"), deep, file("f g"), text]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |text| values(text).unwrap_err();
        assert_eq!(wrong(r#"1 [1 2]"#), "this is not JSON: expected `,` or `]` at its character 4");
        assert_eq!(wrong(r#"{"a": "}"#), r#"the value that begins with {"a": "} has no end"#);
        assert_eq!(wrong("'a"), "a single quote is missing");
        assert_eq!(wrong(r#""a"b"#), "a space is missing before b");
        assert_eq!(wrong("[@gone]"), "gone: not found");
        assert_eq!(wrong("@ 1"), "the name of a file is missing after @");
        assert!(wrong(r#""\"#).ends_with("has no end"));
    }

    #[test]
    fn one_list_is_the_list_of_the_arguments() {
        let read_list = |text| list(text, &mut read).unwrap().0;
        assert_eq!(read_list(r#" [1, [2], @a]"#), [of(json!(1)), of(json!([2])), file("a")]);
        assert_eq!(read_list("[1] [2]"), [json!([1]), json!([2])].map(of));
        assert_eq!(read_list("1 2"), [json!(1), json!(2)].map(of));
        assert_eq!(read_list("[]"), []);
    }

    #[test]
    fn words_are_read_one_by_one() {
        let mut reader = Reader::new(r#"emit "chat message" 'x y' rest [1"#);
        let mut word = || reader.word().unwrap().unwrap();
        assert_eq!([word(), word(), word()], ["emit", "chat message", "x y"]);
        assert_eq!(reader.rest(), "rest [1");
    }

    #[test]
    fn arguments_are_emitted_one_by_one_and_come_back() {
        let arguments =
            list(r#"123456789012345678901 {"a": [1.10, @b], "x": -1e999} "c""#, &mut read).unwrap();
        let args = Args::of(&arguments).unwrap();
        assert_eq!(args.len(), 3);
        assert_eq!(Arguments::from(args), arguments);
        assert!(Args::of(&Arguments::default()).unwrap().is_empty());
    }
}
