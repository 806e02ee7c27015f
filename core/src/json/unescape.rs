//! Resolves the escapes of a JSON string.
//!
//! serde_json does so, too, but refuses lone surrogates, which JavaScript sends.

/// Resolves the escapes in the text between the quotes of a valid string. A lone surrogate, which
/// UTF-8 cannot represent, becomes one U+FFFD.
pub(crate) fn unescape(mut rest: &str) -> String {
    let mut text = String::with_capacity(rest.len());
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        if let Some((character, behind)) = unicode(behind) {
            text.push(character);
            rest = behind;
            continue;
        }
        let mut behind = behind.chars();
        text.extend(behind.next().map(|escape| match escape {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            other => other,
        }));
        rest = behind.as_str();
    }
    text.push_str(rest);
    text
}

/// Reads `u0000` or `ud800\udc00` as one character; returns the rest, too.
fn unicode(escape: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(escape)?;
    let pair = rest.strip_prefix('\\').and_then(unit);
    if let Some((second, rest)) = pair.filter(|_| (0xd800..0xdc00).contains(&first)) {
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x1_0000 + (first - 0xd800) * 0x400 + (second - 0xdc00);
            return Some((char::from_u32(code)?, rest));
        }
    }
    Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
}

/// Reads `u` and four hexadecimal digits; returns the rest, too.
fn unit(escape: &str) -> Option<(u32, &str)> {
    let (digits, rest) = escape.strip_prefix('u')?.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lone_surrogate_becomes_one_replacement_character() {
        for (text, expected) in [
            (r"\ud83d\ude00", "\u{1f600}"),
            (r"a\ud800b", "a\u{fffd}b"),
            (r"\udc00\ud800", "\u{fffd}\u{fffd}"),
            (r"\ud800\ud83d\ude00", "\u{fffd}\u{1f600}"),
            (r"\ud800\n\\u0041\/", "\u{fffd}\n\\u0041/"),
        ] {
            assert_eq!(unescape(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn other_escapes_are_resolved_as_by_serde_json(
            text in r#"([a-zé😀/\x20]|\\[bfnrt/\\"]|\\u00[0-9a-f]{2}|\\ud83d\\ude0[0-9])*"#
        ) {
            let expected: String = serde_json::from_str(&format!("\"{text}\"")).expect("a string");
            prop_assert_eq!(unescape(&text), expected);
        }
    }
}
