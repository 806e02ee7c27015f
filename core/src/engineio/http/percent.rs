//! Percent coding of query strings (RFC 3986, section 2.1), with `+` for a space as forms write it.

use std::borrow::Cow;
use std::fmt::Write;

/// Appends the text of a key or a value as `encodeURIComponent` of JavaScript writes it, so that a
/// server sees the same bytes from this client as from the official one.
pub(in crate::engineio) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes everything");
        }
    }
}

/// Decodes a part of a query: `+` is a space; an invalid escape stays as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let escaped = (byte == b'%').then(|| text.get(index + 1..index + 3)).flatten();
        let escaped = escaped.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(byte);
            index += 3;
        } else {
            decoded.push(if byte == b'+' { b' ' } else { byte });
            index += 1;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_as_far_as_they_are_valid() {
        assert_eq!(decode("plain"), "plain");
        assert_eq!(decode("a+b%20c%C3%A9"), "a b cé");
        assert_eq!(decode("%"), "%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%ff"), "\u{fffd}");
        assert_eq!(decode("%é"), "%é");
    }

    #[test]
    fn encoded_text_is_decoded_to_itself() {
        for text in ["", "plain", "a b+c", "é&=%", "-_.!~*'()", "%41"] {
            let mut encoded = String::new();
            encode(text, &mut encoded);
            assert!(encoded.is_ascii() && !encoded.contains(['&', '=', '+', ' ']), "{encoded}");
            assert_eq!(decode(&encoded), text);
        }
    }
}
