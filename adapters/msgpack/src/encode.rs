//! From packets to MessagePack, in the shortest formats, as the npm package `notepack.io` writes it.
//!
//! The byte values are those of the section "Formats" of the MessagePack specification.

use bytes::Bytes;
use sockeye_core::packet::{Outgoing, Token};

use crate::MAX_SAFE_INTEGER;

/// `{"type":..,"data":..,"id":..,"nsp":..}`, without `data` or `id` if there is none.
pub(crate) fn packet(packet: &Outgoing<'_>) -> Vec<u8> {
    let data = packet.data();
    let attached: usize = packet.attachments().iter().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(data.len() + attached + packet.namespace().len() + 40);
    let entries = 2 + u8::from(!data.is_empty()) + u8::from(packet.id().is_some());
    out.push(0x80 | entries);
    text(&mut out, "type");
    out.push(packet.kind() as u8);
    if !data.is_empty() {
        text(&mut out, "data");
        packet.tokens().for_each(|token| write(&mut out, &token));
    }
    if let Some(id) = packet.id() {
        text(&mut out, "id");
        unsigned(&mut out, id);
    }
    text(&mut out, "nsp");
    text(&mut out, packet.namespace());
    out
}

fn write(out: &mut Vec<u8>, token: &Token<'_>) {
    match token {
        Token::Null => out.push(0xc0),
        Token::Bool(false) => out.push(0xc2),
        Token::Bool(true) => out.push(0xc3),
        Token::Number(json) => number(out, json),
        Token::Text(string) => text(out, string),
        Token::Binary(bytes) => {
            head(out, bytes.len(), None, &[0xc4, 0xc5, 0xc6]);
            out.extend_from_slice(bytes);
        }
        &Token::Array(length) => head(out, length, Some((0x90, 0x10)), &[0xdc, 0xdd]),
        &Token::Object(length) => head(out, length, Some((0x80, 0x10)), &[0xde, 0xdf]),
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    head(out, text.len(), Some((0xa0, 0x20)), &[0xd9, 0xda, 0xdb]);
    out.extend_from_slice(text.as_bytes());
}

/// Writes the first byte of a value and its length, in the shortest format.
///
/// A length below the second number of `short` is part of the first byte. The last of the `markers`
/// is followed by a length of 4 bytes, the one before it by 2, and the one before that by 1.
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

/// Writes a number without a fraction as an integer. JavaScript has no other integers, so its
/// encoder writes `1.0` as `1`.
fn number(out: &mut Vec<u8>, json: &str) {
    if let Ok(number) = json.parse() {
        return unsigned(out, number);
    }
    if let Ok(number) = json.parse() {
        return signed(out, number);
    }
    let number: f64 = json.parse().unwrap_or(f64::NAN);
    let is_negative_zero = number == 0.0 && number.is_sign_negative();
    if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER && !is_negative_zero {
        signed(out, number as i64);
    } else {
        marked(out, 0xcb, &number.to_be_bytes());
    }
}
