//! Finds the placeholders of attachments in the JSON of a packet: `{"_placeholder":true,"num":0}`.
//!
//! In the protocol document: "Packet encoding". One pass finds all of them, however deeply objects
//! that begin like placeholders are nested.

use crate::json::Scanner;

/// An object in the place of an attachment.
///
/// Its keys are `_placeholder`, with the value `true`, and `num`, in either order; others may
/// follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The number of the attachment; `None` if it is missing or not an unsigned integer.
    pub(crate) num: Option<usize>,
}

/// The positions of placeholders in JSON, and of the containers around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placeholders {
    /// From left to right. Placeholders within another one do not count.
    pub(crate) placeholders: Vec<Placeholder>,
    /// The starts of the arrays and objects that contain a placeholder at any depth, from left to
    /// right. It may have those within placeholders, too.
    pub(crate) parents: Vec<usize>,
}

/// An array or object that is not complete yet.
struct Open {
    start: usize,
    is_parent: bool,
    /// Set as long as it may be a placeholder.
    candidate: Option<Candidate>,
}

/// What is known of an object that may be a placeholder.
struct Candidate {
    /// Whether the value of the last `_placeholder` is `true`.
    is_marked: bool,
    num: Option<usize>,
    /// The number of placeholders before it. Those within it are dropped if it is one itself.
    before: usize,
}

impl Placeholders {
    /// Scans valid JSON values with commas between them.
    pub(crate) fn find(json: &[u8]) -> Self {
        let mut places = Self::default();
        // The open containers. The innermost one is apart, because mostly it is the only one, which
        // then needs no allocation.
        let mut open: Option<Open> = None;
        let mut outer: Vec<Open> = Vec::new();
        let mut scanner = Scanner::new(json, 0);
        while let Some(byte) = scanner.structure() {
            match byte {
                b'{' | b'[' => {
                    let start = scanner.pos();
                    scanner.step();
                    let may_be = byte == b'{' && scanner.peek() == Some(b'"');
                    let before = places.placeholders.len();
                    let mut candidate = may_be.then_some(Candidate::new(before));
                    read_key(&mut candidate, &mut scanner);
                    outer.extend(open.replace(Open { start, is_parent: false, candidate }));
                }
                b',' => {
                    scanner.step();
                    if let Some(Open { candidate, .. }) = &mut open {
                        read_key(candidate, &mut scanner);
                    }
                }
                b'}' | b']' => {
                    scanner.step();
                    let Some(closed) = std::mem::replace(&mut open, outer.pop()) else { break };
                    let marked = closed.candidate.filter(|candidate| candidate.is_marked);
                    let Some(Candidate { num, before, .. }) = marked else { continue };
                    places.placeholders.truncate(before);
                    let (start, end) = (closed.start, scanner.pos());
                    places.placeholders.push(Placeholder { start, end, num });
                    let around = open.iter_mut().chain(outer.iter_mut().rev());
                    for parent in around.take_while(|parent| !parent.is_parent) {
                        parent.is_parent = true;
                        places.parents.push(parent.start);
                    }
                }
                _ => {
                    if scanner.string().is_err() {
                        break;
                    }
                }
            }
        }
        places.parents.sort_unstable();
        places
    }
}

impl Candidate {
    const fn new(before: usize) -> Self {
        Self { is_marked: false, num: None, before }
    }
}

/// Reads the next key of a candidate, and removes the candidate if this key rules out a
/// placeholder.
fn read_key(candidate: &mut Option<Candidate>, scanner: &mut Scanner<'_>) {
    let Some(found) = candidate else { return };
    match scanner.key() {
        Ok(b"\"_placeholder\"") => found.is_marked = scanner.peek() == Some(b't'),
        Ok(b"\"num\"") => {
            let is_number = scanner.peek().is_some_and(|byte| byte.is_ascii_digit());
            found.num = is_number.then(|| scanner.value().ok()).flatten().and_then(index);
        }
        Ok(_) if found.is_marked => {}
        // An ordinary object is ruled out by its first key.
        Ok(_) | Err(_) => *candidate = None,
    }
}

fn index(number: &[u8]) -> Option<usize> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Value;

    fn find(text: &str) -> Vec<Option<usize>> {
        Placeholders::find(text.as_bytes()).placeholders.iter().map(|found| found.num).collect()
    }

    #[test]
    fn finds_placeholders_but_not_similar_objects() {
        assert_eq!(find(r#"[{"_placeholder":true,"num":0}]"#), [Some(0)]);
        assert_eq!(find(r#"{"a":{ "num" : 7 , "_placeholder" : true },"b":[1]}"#), [Some(7)]);
        assert_eq!(find(r#"[{"_placeholder":true,"num":1,"x":2}]"#), [Some(1)]);
        assert_eq!(find(r#"[{"_placeholder":true}]"#), [None]);
        for num in ["-1", "0.0", "-0", "0e0", "\"0\"", "null", "1e400", "true", "[]"] {
            assert_eq!(find(&format!(r#"[{{"_placeholder":true,"num":{num}}}]"#)), [None], "{num}");
            assert_eq!(find(&format!(r#"[{{"num":{num},"_placeholder":true}}]"#)), [None], "{num}");
        }
        for text in [
            r#"[{"_placeholder":1,"num":0}]"#,
            r#"[{"_placeholder":"true","num":0}]"#,
            r#"[{"a":1,"_placeholder":true,"num":0}]"#,
            r#"["{\"_placeholder\":true,\"num\":0}"]"#,
            r#"[{"num":0}]"#,
            r#"{"_placeholder":true,"num":0,"_placeholder":false}"#,
            "[{}]",
            "",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
        assert_eq!(find(r#"[{"num":{"_placeholder":true,"num":3}}]"#), [Some(3)]);
        assert_eq!(find(r#"{"_placeholder":false,"num":1,"_placeholder":true}"#), [Some(1)]);
    }

    #[test]
    fn a_placeholder_within_another_one_does_not_count() {
        let inner = r#"{"_placeholder":true,"num":3}"#;
        assert_eq!(find(&format!(r#"{{"_placeholder":true,"num":1,"x":[{inner}]}}"#)), [Some(1)]);
        assert_eq!(
            find(&format!(r#"{{"num":{inner},"_placeholder":true}},{inner}"#)),
            [None, Some(3)]
        );
    }

    #[test]
    fn returns_the_positions_of_placeholders_and_their_parents() {
        let json = r#"[1,[]],{"a":["]}",{"_placeholder":true,"num":0}],"b":{}},{"num":0}"#;
        let places = Placeholders::find(json.as_bytes());
        let start = json.find("{\"_").expect("it is there");
        let end = json.find(",\"b").expect("it is there") - 1;
        assert_eq!(places.placeholders, [Placeholder { start, end, num: Some(0) }]);
        assert_eq!(places.parents, [7, 12]);
    }

    /// What is to be found, by the rule and without a thought about time.
    fn expected(value: &Value, found: &mut Vec<Option<usize>>) {
        match value {
            Value::Object(entries) => match placeholder(entries) {
                Some(num) => found.push(num),
                None => entries.iter().for_each(|(_, value)| expected(value, found)),
            },
            Value::Array(values) => values.iter().for_each(|value| expected(value, found)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Bytes(_) => {}
        }
    }

    fn placeholder(entries: &[(String, Value)]) -> Option<Option<usize>> {
        let (mut is_marked, mut num) = (false, None);
        for (key, value) in entries {
            match (key.as_str(), value) {
                ("_placeholder", value) => is_marked = *value == Value::Bool(true),
                ("num", Value::Number(number)) => {
                    num = number.as_u64().and_then(|num| usize::try_from(num).ok());
                }
                ("num", _) => num = None,
                _ if is_marked => {}
                _ => return None,
            }
        }
        is_marked.then_some(num)
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (0..3_u64).prop_map(|number| Value::Number(number.into())),
            Just(Value::String("[{\"_placeholder\":true}".to_owned())),
        ];
        let key = prop::sample::select(vec!["_placeholder", "num", "a"]);
        leaf.prop_recursive(8, 64, 4, move |inner| {
            let entry = (key.clone().prop_map(str::to_owned), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::Array),
                prop::collection::vec(entry, 0..4).prop_map(Value::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn finds_what_the_rule_says(value in json()) {
            let mut found = Vec::new();
            expected(&value, &mut found);
            prop_assert_eq!(find(&serde_json::to_string(&value).expect("a value")), found);
        }
    }
}
