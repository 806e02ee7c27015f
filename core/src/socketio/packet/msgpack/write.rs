//! From packets to MessagePack, in the shortest form, as the npm package `notepack.io` writes it.

use bytes::Bytes;

use crate::json::Scanner;
use crate::json::placeholder::Places;
use crate::json::unescape::unescape;
use crate::socketio::packet::Outgoing;

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
/// MessagePack says in advance how many values a container has, so those are counted first.
/// Nothing here recurses.
fn value(out: &mut Vec<u8>, data: &[u8], attachments: &[Bytes]) {
    let places = if attachments.is_empty() { Places::default() } else { Places::find(data) };
    let mut placeholders = places.placeholders.iter().peekable();
    let mut lengths = lengths(data, &places).into_iter();
    let mut scanner = Scanner::new(data, 0);
    while let Some(next) = scanner.peek() {
        if let Some(found) = placeholders.next_if(|found| found.start == scanner.pos()) {
            let bytes = found.num.and_then(|num| attachments.get(num));
            binary(out, bytes.map_or(&[], |bytes| bytes));
            scanner.skip_to(found.end);
            continue;
        }
        match next {
            b'[' => {
                array(out, lengths.next().unwrap_or(0));
                scanner.step();
            }
            b'{' => {
                map(out, lengths.next().unwrap_or(0));
                scanner.step();
            }
            b']' | b'}' | b',' | b':' => scanner.step(),
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

/// How many values or pairs each container holds that is no placeholder, in the order in which
/// they begin.
fn lengths(data: &[u8], places: &Places) -> Vec<usize> {
    let mut placeholders = places.placeholders.iter().peekable();
    let mut lengths: Vec<usize> = Vec::new();
    let mut open = Vec::new();
    let mut scanner = Scanner::new(data, 0);
    while let Some(next) = scanner.structure() {
        if let Some(found) = placeholders.next_if(|found| found.start == scanner.pos()) {
            scanner.skip_to(found.end);
            continue;
        }
        match next {
            b'[' | b'{' => {
                scanner.step();
                let empty = matches!(scanner.peek(), Some(b']' | b'}'));
                open.push(lengths.len());
                lengths.push(usize::from(!empty));
            }
            b',' => {
                if let Some(length) = open.last().and_then(|&index| lengths.get_mut(index)) {
                    *length += 1;
                }
                scanner.step();
            }
            b']' | b'}' => {
                open.pop();
                scanner.step();
            }
            _ => {
                if scanner.string().is_err() {
                    break;
                }
            }
        }
    }
    lengths
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

/// Writes a JSON string. Each surrogate that is alone becomes one U+FFFD.
fn string(out: &mut Vec<u8>, json: &[u8]) {
    let inner = &json[1..json.len() - 1];
    let is_escaped = inner.contains(&b'\\');
    match is_escaped.then(|| std::str::from_utf8(inner)) {
        Some(Ok(escaped)) => text(out, unescape(escaped).as_bytes()),
        _ => text(out, inner),
    }
}
