//! From packets to MessagePack, in the shortest form, as the npm package `notepack.io` writes it.

use bytes::Bytes;

use super::super::Outgoing;
use crate::json::{self, Scanner};

pub(super) fn packet(packet: &Outgoing<'_>) -> Vec<u8> {
    let (data, attachments) = (packet.data(), packet.attachments());
    let attached: usize = attachments.iter().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(data.len() + attached + packet.namespace().len() + 40);
    let entries = 2 + u8::from(!data.is_empty()) + u8::from(packet.id().is_some());
    out.push(0x80 | entries);
    text(&mut out, b"type");
    out.push(packet.kind() as u8);
    if !data.is_empty() {
        text(&mut out, b"data");
        value(&mut out, data, attachments);
    }
    if let Some(id) = packet.id() {
        text(&mut out, b"id");
        unsigned(&mut out, id);
    }
    text(&mut out, b"nsp");
    text(&mut out, packet.namespace().as_bytes());
    out
}

/// Writes JSON with its attachments.
///
/// MessagePack says in advance how many values a container has, so those are counted first. Data
/// of the application's own may be nested in any depth: nothing here recurses.
fn value(out: &mut Vec<u8>, data: &[u8], attachments: &[Bytes]) {
    let mut lengths = lengths(data, attachments).into_iter();
    let mut scanner = Scanner::new(data, 0);
    while let Some(next) = scanner.peek() {
        match next {
            b'[' => {
                array(out, lengths.next().unwrap_or(0));
                scanner.take(next);
            }
            b'{' => {
                if let Some((end, bytes)) = attachment(data, scanner.pos(), attachments) {
                    binary(out, bytes);
                    scanner = Scanner::new(data, end);
                } else {
                    map(out, lengths.next().unwrap_or(0));
                    scanner.take(next);
                }
            }
            b']' | b'}' | b',' | b':' => {
                scanner.take(next);
            }
            _ => {
                let Ok(leaf) = scanner.value() else { return };
                match next {
                    b'"' => string(out, leaf),
                    b't' => out.push(0xc3),
                    b'f' => out.push(0xc2),
                    b'n' => out.push(0xc0),
                    _ => number(out, leaf),
                }
            }
        }
    }
}

/// How many values or pairs each container holds, in the order in which they begin.
fn lengths(data: &[u8], attachments: &[Bytes]) -> Vec<usize> {
    let mut lengths: Vec<usize> = Vec::new();
    let mut open = Vec::new();
    let mut scanner = Scanner::new(data, 0);
    while let Some(next) = scanner.peek() {
        match next {
            b'[' | b'{' => {
                if let Some((end, _)) = attachment(data, scanner.pos(), attachments) {
                    scanner = Scanner::new(data, end);
                    continue;
                }
                scanner.take(next);
                let empty = matches!(scanner.peek(), Some(b']' | b'}'));
                open.push(lengths.len());
                lengths.push(usize::from(!empty));
            }
            b',' => {
                if let Some(length) = open.last().and_then(|&index| lengths.get_mut(index)) {
                    *length += 1;
                }
                scanner.take(next);
            }
            b']' | b'}' => {
                open.pop();
                scanner.take(next);
            }
            b':' => {
                scanner.take(next);
            }
            _ => {
                if scanner.value().is_err() {
                    break;
                }
            }
        }
    }
    lengths
}

/// Where the placeholder at `pos` ends, if there is one, and what it stands for.
fn attachment<'a>(data: &[u8], pos: usize, attachments: &'a [Bytes]) -> Option<(usize, &'a Bytes)> {
    if attachments.is_empty() {
        return None;
    }
    let found = json::placeholder(data, pos)?;
    Some((found.end, attachments.get(found.num?)?))
}

fn array(out: &mut Vec<u8>, length: usize) {
    head(out, length, Some((0x90, 0x10)), &[0xdc, 0xdd]);
}

fn map(out: &mut Vec<u8>, length: usize) {
    head(out, length, Some((0x80, 0x10)), &[0xde, 0xdf]);
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    head(out, text.len(), Some((0xa0, 0x20)), &[0xd9, 0xda, 0xdb]);
    out.extend_from_slice(text);
}

fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, bytes.len(), None, &[0xc4, 0xc5, 0xc6]);
    out.extend_from_slice(bytes);
}

/// Writes a length with the shortest of the markers, of which the last one takes 4 bytes, the one
/// before it 2, and the one before that 1; or within a marker, if it is below a limit.
fn head(out: &mut Vec<u8>, length: usize, short: Option<(u8, usize)>, markers: &[u8]) {
    let length = u32::try_from(length).expect("a packet of 4 GiB is refused before");
    let bytes = length.to_be_bytes();
    match (short, markers) {
        (Some((marker, below)), _) if (length as usize) < below => out.push(marker | bytes[3]),
        (_, &[marker, _, _]) if length <= 0xff => out.extend([marker, bytes[3]]),
        (_, &[.., marker, _]) if length <= 0xffff => out.extend([marker, bytes[2], bytes[3]]),
        (_, markers) => {
            out.extend(markers.last());
            out.extend(bytes);
        }
    }
}

fn unsigned(out: &mut Vec<u8>, number: u64) {
    match number {
        0..=0x7f => out.push(number as u8),
        0x80..=0xff => out.extend([0xcc, number as u8]),
        0x100..=0xffff => marked(out, 0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => marked(out, 0xce, &(number as u32).to_be_bytes()),
        _ => marked(out, 0xcf, &number.to_be_bytes()),
    }
}

fn signed(out: &mut Vec<u8>, number: i64) {
    match number {
        0.. => unsigned(out, number as u64),
        -0x20..0 => out.push(number as u8),
        -0x80..-0x20 => out.extend([0xd0, number as u8]),
        -0x8000..-0x80 => marked(out, 0xd1, &(number as i16).to_be_bytes()),
        -0x8000_0000..-0x8000 => marked(out, 0xd2, &(number as i32).to_be_bytes()),
        _ => marked(out, 0xd3, &number.to_be_bytes()),
    }
}

fn marked(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    out.push(marker);
    out.extend_from_slice(bytes);
}

/// Writes a number as an integer if it is one, as JavaScript does, which knows no other floats.
fn number(out: &mut Vec<u8>, json: &[u8]) {
    const SAFE: f64 = 9_007_199_254_740_991.0;
    let text = std::str::from_utf8(json).unwrap_or_default();
    if let Ok(number) = text.parse() {
        return unsigned(out, number);
    }
    if let Ok(number) = text.parse() {
        return signed(out, number);
    }
    let number: f64 = text.parse().unwrap_or(f64::NAN);
    if number.fract() == 0.0
        && number.abs() <= SAFE
        && !(number == 0.0 && number.is_sign_negative())
    {
        signed(out, number as i64);
    } else {
        marked(out, 0xcb, &number.to_be_bytes());
    }
}

/// Writes a JSON string. A surrogate that is alone becomes U+FFFD.
fn string(out: &mut Vec<u8>, json: &[u8]) {
    let inner = &json[1..json.len() - 1];
    if inner.contains(&b'\\') {
        text(out, &unescaped(inner));
    } else {
        text(out, inner);
    }
}

fn unescaped(mut rest: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(rest.len());
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&escape, more)) = rest.split_first() else { break };
        if let Some((character, more)) = (escape == b'u').then(|| unicode(rest)).flatten() {
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = more;
            continue;
        }
        rest = more;
        text.push(match escape {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            other => other,
        });
    }
    text.extend_from_slice(rest);
    text
}

/// Reads `u0000`, or `ud800\udc00` for one character, and what comes after it.
fn unicode(escape: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = unit(escape)?;
    let pair = rest.strip_prefix(b"\\").and_then(unit);
    if let Some((second, rest)) = pair.filter(|_| (0xd800..0xdc00).contains(&first)) {
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x1_0000 + (first - 0xd800) * 0x400 + (second - 0xdc00);
            return Some((char::from_u32(code)?, rest));
        }
    }
    Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
}

fn unit(escape: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = escape.strip_prefix(b"u")?.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}
