//! Packets and payloads of protocol 3, which clients of Socket.IO 2 speak.
//!
//! A payload is `<length>:<packet>` for each packet, or binary. Lengths of text are counted in
//! UTF-16 code units, as in JavaScript.

use base64::Engine as _;
use bytes::{Buf, Bytes};

use crate::engineio::packet::{BASE64, Packet, decode};
use crate::io::Frame;

/// Decodes a text packet; `None` if it is malformed. Binary ones are `b`, the type and base64. A
/// ping may carry any data.
pub(super) fn decode_text(text: Bytes) -> Option<Packet> {
    match &text[..] {
        [b'b', binary @ ..] => {
            let data = BASE64.decode(binary.strip_prefix(b"4")?).ok()?;
            Some(Packet::Message(Frame::Binary(data.into())))
        }
        [b'2', data @ ..] => Some(Packet::Ping { probe: data == b"probe" }),
        _ => decode(text),
    }
}

/// Decodes a binary packet, whose first byte is its type; only messages are binary.
pub(super) fn decode_binary(mut data: Bytes) -> Option<Packet> {
    (data.first() == Some(&4)).then(|| {
        data.advance(1);
        Packet::Message(Frame::Binary(data))
    })
}

/// Splits a payload, which is valid UTF-8, into packets: `<length>:<packet>` each. `None` ends it
/// if the rest is malformed.
pub(super) fn split_text(mut body: Bytes) -> impl Iterator<Item = Option<Packet>> {
    let mut first = true;
    std::iter::from_fn(move || {
        if body.is_empty() && !std::mem::take(&mut first) {
            return None;
        }
        first = false;
        let packet = cut_text(&mut body).and_then(decode_text);
        if packet.is_none() {
            body.clear();
        }
        Some(packet)
    })
}

fn cut_text(body: &mut Bytes) -> Option<Bytes> {
    let digits = body.iter().take(10).position(|&byte| byte == b':')?;
    let length = body[..digits].iter().all(u8::is_ascii_digit).then_some(&body[..digits])?;
    let mut units: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    let text = &body[digits + 1..];
    let mut end = 0;
    while units > 0 {
        let (bytes, width) = extent(*text.get(end)?);
        units = units.checked_sub(width)?;
        end += bytes;
    }
    body.advance(digits + 1);
    Some(body.split_to(end))
}

/// The number of UTF-8 bytes and UTF-16 code units of a character, by its first byte.
const fn extent(first: u8) -> (usize, usize) {
    match first {
        0..0x80 => (1, 1),
        0x80..0xe0 => (2, 1),
        0xe0..0xf0 => (3, 1),
        0xf0.. => (4, 2),
    }
}

/// Splits a binary payload into packets: a byte for the kind, the digits of the length as bytes,
/// 0xff, and the packet.
pub(super) fn split_binary(mut body: Bytes) -> impl Iterator<Item = Option<Packet>> {
    let mut first = true;
    std::iter::from_fn(move || {
        if body.is_empty() && !std::mem::take(&mut first) {
            return None;
        }
        first = false;
        let packet = cut_binary(&mut body);
        if packet.is_none() {
            body.clear();
        }
        Some(packet)
    })
}

fn cut_binary(body: &mut Bytes) -> Option<Packet> {
    let end = body.iter().take(12).position(|&byte| byte == 0xff)?;
    let kind = *body.first()?;
    let mut length = 0_usize;
    for &digit in body.get(1..end)? {
        length = length.checked_mul(10)?.checked_add((digit < 10).then_some(digit.into())?)?;
    }
    if end < 2 || body.len() - end - 1 < length {
        return None;
    }
    body.advance(end + 1);
    let packet = body.split_to(length);
    match kind {
        0 => {
            std::str::from_utf8(&packet).ok()?;
            decode_text(packet)
        }
        // A slice would keep the whole body, wherever the attachment is sent on.
        1 => decode_binary(Bytes::copy_from_slice(&packet)),
        _ => None,
    }
}

/// A packet of a payload that is being written.
pub(super) enum Part<'a> {
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

/// Writes a payload as text, binary packets in base64.
pub(super) fn join_text(parts: &[Part<'_>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                let units = String::from_utf8_lossy(text).encode_utf16().count();
                payload.extend_from_slice(format!("{units}:").as_bytes());
                payload.extend_from_slice(text);
            }
            Part::Binary(data) => {
                let text = binary_as_text(data);
                payload.extend_from_slice(format!("{}:{text}", text.len()).as_bytes());
            }
        }
    }
    payload
}

/// Writes a payload as binary.
pub(super) fn join_binary(parts: &[Part<'_>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for part in parts {
        let (kind, extra, data) = match part {
            Part::Text(text) => (0, 0, text),
            Part::Binary(data) => (1, 1, data),
        };
        payload.push(kind);
        payload.extend((data.len() + extra).to_string().bytes().map(|digit| digit - b'0'));
        payload.push(0xff);
        if extra == 1 {
            payload.push(4);
        }
        payload.extend_from_slice(data);
    }
    payload
}

pub(super) fn binary_as_text(data: &[u8]) -> String {
    format!("b4{}", BASE64.encode(data))
}

/// Wraps a payload for a script element: `___eio[index]("...");`.
pub(super) fn jsonp(index: &str, payload: &[u8]) -> String {
    let text = serde_json::to_string(&String::from_utf8_lossy(payload));
    let text = text.expect("text can be written as JSON");
    // Two characters that end a line in JavaScript of old, but not in JSON.
    let text = text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let digits: String = index.chars().filter(char::is_ascii_digit).collect();
    format!("___eio[{digits}]({text});")
}

/// Extracts the payload from a form: `d=...`, in which line breaks are escaped twice.
pub(super) fn from_form(body: &Bytes) -> Option<Bytes> {
    let body = std::str::from_utf8(body).ok()?;
    let data = body.split('&').find_map(|pair| pair.strip_prefix("d="))?;
    Some(unescape(&crate::engineio::http::percent::decode(data)).into())
}

/// `\n` stands for a line break, and `\\n` for a backslash before an `n`.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\n") {
        let before = &rest[..at];
        match before.strip_suffix('\\') {
            Some(before) => plain.extend([before, "\\n"]),
            None => plain.extend([before, "\n"]),
        }
        rest = &rest[at + 2..];
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &'static str) -> Option<Packet> {
        Some(Packet::Message(Frame::Text(Bytes::from_static(message.as_bytes()))))
    }

    fn binary(message: &'static [u8]) -> Option<Packet> {
        Some(Packet::Message(Frame::Binary(Bytes::from_static(message))))
    }

    #[test]
    fn lengths_of_text_are_counted_in_utf16() {
        let split = |body: &'static str| split_text(body.into()).collect::<Vec<_>>();
        assert_eq!(split("6:4hello2:4€3:4😀"), [text("hello"), text("€"), text("😀")]);
        assert_eq!(split("6:b4AQID"), [binary(&[1, 2, 3])]);
        assert_eq!(split("8:b4AQID=="), [None]);
        assert_eq!(split("6:b4AQI="), [binary(&[1, 2])]);
        assert_eq!(
            join_text(&[Part::Text("4€😀".as_bytes()), Part::Binary(&[1, 2, 3, 4])]),
            "4:4€😀10:b4AQIDBA==".as_bytes()
        );
    }

    #[test]
    fn malformed_text_ends_a_payload() {
        let split = |body: &'static str| split_text(body.into()).collect::<Vec<_>>();
        for body in ["", "4hello", ":4", "5:4", "-1:4", "1:", "99999999999:4", "2:4😀"] {
            assert_eq!(split(body), [None], "{body}");
        }
        assert_eq!(split("2:4ax"), [text("a"), None]);
    }

    #[test]
    fn binary_payloads_hold_both_kinds() {
        let parts = [Part::Text("4é".as_bytes()), Part::Binary(&[7; 12])];
        let payload = join_binary(&parts);
        assert_eq!(payload[..6], [0, 3, 0xff, b'4', 0xc3, 0xa9]);
        assert_eq!(payload[6..11], [1, 1, 3, 0xff, 4]);
        let packets: Vec<_> = split_binary(payload.into()).collect();
        assert_eq!(packets, [text("é"), binary(&[7; 12])]);
        for body in [
            &b""[..],
            b"\x00",
            b"\x00\xff",
            b"\x00\x0a\xff4",
            b"\x00\x0a\xff4 ten bytes",
            b"\x00\x02\xff4",
            b"\x02\x01\xff4",
        ] {
            let packets: Vec<_> = split_binary(Bytes::copy_from_slice(body)).collect();
            assert_eq!(packets, [None], "{body:?}");
        }
    }

    #[test]
    fn scripts_get_their_payload_as_a_call() {
        assert_eq!(jsonp("0);alert(1", b"6:4\"\n"), r#"___eio[01]("6:4\"\n");"#);
        assert_eq!(jsonp("3", "4\u{2028}".as_bytes()), r#"___eio[3]("4\u2028");"#);
        assert_eq!(from_form(&"d=6%3A4a%5Cnb".into()).as_deref(), Some(&b"6:4a\nb"[..]));
        assert_eq!(from_form(&"d=5%3A4a%5C%5Cnb".into()).as_deref(), Some(&b"5:4a\\nb"[..]));
        assert_eq!(from_form(&"x=1".into()), None);
    }
}
