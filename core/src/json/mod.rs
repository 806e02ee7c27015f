//! A scanner of JSON text: it finds the ends of values and checks that they are valid.
//!
//! It accepts what `JSON.parse` accepts, including lone surrogates and numbers of any size, up to a
//! depth of [`MAX_DEPTH`]. It builds no values: serde_json does that, for the arguments that an
//! application reads. Nothing here recurses or allocates.

pub(crate) mod placeholder;
pub(crate) mod unescape;

/// The greatest number of arrays and objects within each other. The scanner has one bit for each.
pub(crate) const MAX_DEPTH: u32 = 128;

/// The text is not JSON, or is nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// The size and the depth of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The greatest number of arrays and objects within each other.
    pub(crate) depth: u32,
    /// The number of elements or entries of the value itself, if it is an array or an object.
    pub(crate) elements: usize,
}

/// Moves forward over JSON text.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    pos: usize,
    #[cfg(any(test, fuzzing))]
    start: usize,
}

/// Counts the bytes that were scanned, for the tests of `cost.rs`.
#[cfg(any(test, fuzzing))]
impl Drop for Scanner<'_> {
    fn drop(&mut self) {
        crate::cost::count(self.pos - self.start);
    }
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(bytes: &'a [u8], pos: usize) -> Self {
        Self {
            bytes,
            pos,
            #[cfg(any(test, fuzzing))]
            start: pos,
        }
    }

    pub(crate) const fn pos(&self) -> usize {
        self.pos
    }

    /// Skips white space and returns the next byte without stepping over it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte @ (b' ' | b'\n' | b'\r' | b'\t')) = self.bytes.get(self.pos) {
            debug_assert!(byte.is_ascii_whitespace());
            self.pos += 1;
        }
        self.bytes.get(self.pos).copied()
    }

    /// Steps over `byte`, after white space.
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Invalid> {
        if self.peek() == Some(byte) {
            self.pos += 1;
            Ok(())
        } else {
            Err(Invalid)
        }
    }

    /// Steps over `byte` if it comes next, after white space.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        self.expect(byte).is_ok()
    }

    /// Moves to the next structural byte of valid JSON and returns it: the start of a string, the
    /// start or end of a container, or a comma. `None` at the end.
    pub(crate) fn structure(&mut self) -> Option<u8> {
        let rest = &self.bytes[self.pos..];
        let is_structure = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b',');
        let ahead = rest.iter().position(is_structure);
        self.pos += ahead.unwrap_or(rest.len());
        ahead.map(|ahead| rest[ahead])
    }

    /// Steps over the byte that [`peek`](Self::peek) has returned.
    pub(crate) const fn step(&mut self) {
        self.pos += 1;
    }

    /// Moves forward to a position.
    pub(crate) fn skip_to(&mut self, pos: usize) {
        debug_assert!(pos >= self.pos, "from {} to {pos}", self.pos);
        self.pos = pos;
    }

    /// Steps over one value and returns its text, without the white space around it.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], Invalid> {
        self.peek();
        let start = self.pos;
        self.walk::<false>(MAX_DEPTH)?;
        Ok(&self.bytes[start..self.pos])
    }

    /// Steps over one value of at most `max_depth`. Returns its outline if `OUTLINE` is set.
    fn walk<const OUTLINE: bool>(&mut self, max_depth: u32) -> Result<Outline, Invalid> {
        // One bit for each open container, set for objects.
        let mut kinds = 0_u128;
        let mut depth = 0;
        let mut outline = Outline::default();
        loop {
            match self.peek().ok_or(Invalid)? {
                open @ (b'{' | b'[') => {
                    if depth == max_depth {
                        return Err(Invalid);
                    }
                    depth += 1;
                    if OUTLINE {
                        outline.depth = outline.depth.max(depth);
                    }
                    kinds = kinds << 1 | u128::from(open == b'{');
                    self.pos += 1;
                    if open == b'{' {
                        if self.peek() != Some(b'}') {
                            outline.elements += usize::from(OUTLINE && depth == 1);
                            self.key()?;
                            continue;
                        }
                    } else if self.peek() != Some(b']') {
                        outline.elements += usize::from(OUTLINE && depth == 1);
                        continue;
                    }
                }
                b'"' => {
                    self.string()?;
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(Invalid),
            }
            if !self.after_value(&mut kinds, &mut depth)? {
                return Ok(outline);
            }
            outline.elements += usize::from(OUTLINE && depth == 1);
        }
    }

    /// Steps over the ends of containers. Returns true if another value follows, false at the end
    /// of the outermost one.
    #[inline]
    fn after_value(&mut self, kinds: &mut u128, depth: &mut u32) -> Result<bool, Invalid> {
        while *depth > 0 {
            let object = *kinds & 1 == 1;
            match self.peek() {
                Some(b',') => {
                    self.pos += 1;
                    if object {
                        self.key()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => return Err(Invalid),
            }
            self.pos += 1;
            *kinds >>= 1;
            *depth -= 1;
        }
        Ok(false)
    }

    /// Steps over a key and its colon; returns the key with its quotes.
    pub(crate) fn key(&mut self) -> Result<&'a [u8], Invalid> {
        self.peek();
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Steps over a string and returns it with its quotes.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Invalid> {
        let start = self.pos;
        if self.bytes.get(self.pos) != Some(&b'"') {
            return Err(Invalid);
        }
        self.pos += 1;
        loop {
            self.pos += plain_length(&self.bytes[self.pos..]);
            let byte = *self.bytes.get(self.pos).ok_or(Invalid)?;
            self.pos += 1;
            match byte {
                b'"' => return Ok(&self.bytes[start..self.pos]),
                b'\\' => self.escape()?,
                _ => return Err(Invalid),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let byte = *self.bytes.get(self.pos).ok_or(Invalid)?;
        self.pos += 1;
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.bytes.get(self.pos..self.pos + 4).ok_or(Invalid)?;
                self.pos += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(()).ok_or(Invalid)
            }
            _ => Err(Invalid),
        }
    }

    fn number(&mut self) -> Result<(), Invalid> {
        if self.bytes[self.pos] == b'-' {
            self.pos += 1;
        }
        if self.bytes.get(self.pos) == Some(&b'0') {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.pos) == Some(&b'.') {
            self.pos += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.pos) {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.pos) {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Invalid> {
        let start = self.pos;
        while self.bytes.get(self.pos).is_some_and(u8::is_ascii_digit) {
            self.pos += 1;
        }
        if self.pos > start { Ok(()) } else { Err(Invalid) }
    }

    fn literal(&mut self, text: &[u8]) -> Result<(), Invalid> {
        if self.bytes[self.pos..].starts_with(text) {
            self.pos += text.len();
            Ok(())
        } else {
            Err(Invalid)
        }
    }
}

/// Returns the number of bytes before the first that a JSON string escapes or ends with: a quote, a
/// backslash, or a control character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    // Blocks are checked without branches, so that the compiler uses vector instructions.
    const BLOCK: usize = 16;
    let is_special = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let is_plain =
        |block: &&[u8]| !block.iter().fold(false, |found, byte| found | is_special(byte));
    let blocks = BLOCK * bytes.chunks_exact(BLOCK).take_while(is_plain).count();
    let rest = &bytes[blocks..];
    let is_special = |&byte: &u8| SPECIAL[byte as usize];
    blocks + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Whether a byte is a quote, a backslash, or a control character.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = true;
        byte += 1;
    }
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special
};

/// Writes text as a JSON string and returns true, or returns false if a character needs escaping.
pub(crate) fn write_plain(text: &str, json: &mut Vec<u8>) -> bool {
    if plain_length(text.as_bytes()) < text.len() {
        return false;
    }
    // With the quotes, and what closes the arrays and objects around it: one bracket more would
    // double the memory of a long text.
    json.reserve(text.len() + 16);
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
    true
}

/// Writes text as a JSON string.
pub(crate) fn write_text(text: &str, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    if write_plain(text, json) { Ok(()) } else { serde_json::to_writer(json, text) }
}

/// Returns the text of the string at the front, if it is one without escapes.
pub(crate) fn plain_text(json: &[u8]) -> Option<&str> {
    let rest = json.strip_prefix(b"\"")?;
    let text = &rest[..plain_length(rest)];
    (rest.get(text.len()) == Some(&b'"')).then(|| std::str::from_utf8(text).ok())?
}

/// Returns the depth of a valid value.
pub(crate) fn depth(bytes: &[u8]) -> u32 {
    validate(bytes, MAX_DEPTH).map_or(0, |outline| outline.depth)
}

/// Checks that the text is one value of at most `max_depth` and [`MAX_DEPTH`], perhaps with white
/// space around it.
pub(crate) fn validate(bytes: &[u8], max_depth: u32) -> Result<Outline, Invalid> {
    let mut scanner = Scanner::new(bytes, 0);
    let outline = scanner.walk::<true>(max_depth.min(MAX_DEPTH))?;
    if scanner.peek().is_none() { Ok(outline) } else { Err(Invalid) }
}

/// Counts the keys `_placeholder` in valid JSON, at any depth, with or without escapes.
///
/// Receivers in JavaScript recognize a placeholder by this key alone.
pub(crate) fn placeholder_keys(bytes: &[u8]) -> usize {
    let is_marker = |key: &[u8]| {
        key == b"\"_placeholder\""
            || key.contains(&b'\\')
                && serde_json::from_slice::<String>(key).is_ok_and(|key| key == "_placeholder")
    };
    let mut scanner = Scanner::new(bytes, 0);
    let mut count = 0;
    while let Some(ahead) = bytes[scanner.pos..].iter().position(|&byte| byte == b'"') {
        scanner.pos += ahead;
        let Ok(string) = scanner.string() else { break };
        count += usize::from(scanner.peek() == Some(b':') && is_marker(string));
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    proptest! {
        #[test]
        fn the_plain_length_ends_at_the_first_special_byte(
            bytes in prop::collection::vec(prop_oneof![Just(0x20), Just(0x1f), Just(b'"'), 0x80_u8..,
                Just(b'\\'), Just(0), Just(0x21), Just(0x23), Just(0x5b), Just(0x7f)], 0..40)
        ) {
            let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
            let expected = bytes.iter().position(special).unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes), expected);
        }
    }

    fn check(text: &str) -> Result<(), Invalid> {
        validate(text.as_bytes(), MAX_DEPTH).map(drop)
    }

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn accepts_what_json_parse_accepts() {
        for text in [
            "0",
            "-0",
            "1.5e+10",
            "1e400",
            "null",
            " true ",
            "\"\\ud800\"",
            "\"\\u0000é\"",
            "[]",
            "{}",
            "[1,[2,{\"a\":[]}],\"x\"]",
            "{\"x\":1,\"x\":2}",
            "18446744073709551616",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert_eq!(check(&nested(128)), Ok(()));
    }

    #[test]
    fn refuses_what_json_parse_refuses_and_deep_nesting() {
        for text in [
            "",
            " ",
            "tru",
            "01",
            "-",
            "1.",
            "1e",
            ".5",
            "+1",
            "'a'",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "[1,]",
            "[,1]",
            "[1",
            "1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "[}",
            "{]",
            "[1}",
            "1 2",
            "NaN",
        ] {
            assert_eq!(check(text), Err(Invalid), "{text}");
        }
        assert_eq!(check(&nested(129)), Err(Invalid));
        assert_eq!(check(&nested(500_000)), Err(Invalid));
    }

    #[test]
    fn returns_the_depth_and_the_number_of_elements() {
        for (text, depth, elements) in [
            ("1", 0, 0),
            ("[]", 1, 0),
            (" [ 1 ] ", 1, 1),
            ("[1,\"a,b\",[2,3],{}]", 2, 4),
            ("{\"a\":{\"b\":[1,2,3]},\"c\":0}", 3, 2),
            ("[[],[[]]]", 3, 2),
        ] {
            assert_eq!(validate(text.as_bytes(), 3), Ok(Outline { depth, elements }), "{text}");
            if depth > 0 {
                assert_eq!(validate(text.as_bytes(), depth - 1), Err(Invalid), "{text}");
            }
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn accepts_every_value_that_serde_json_writes(value in json()) {
            prop_assert_eq!(check(&value.to_string()), Ok(()));
        }

        #[test]
        fn agrees_with_serde_json_on_mangled_text(
            value in json(),
            at in any::<prop::sample::Index>(),
            byte in prop::sample::select(b"{}[]\",:0-.eE\\ tx".to_vec()),
        ) {
            let mut bytes = value.to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                let expected = serde_json::from_str::<&RawValue>(text).is_ok();
                prop_assert_eq!(check(text).is_ok(), expected, "{}", text);
            }
        }
    }
}
