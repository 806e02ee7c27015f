//! Clients that speak MessagePack, and an encoder of their own.

#![allow(dead_code, reason = "each test file uses some of the helpers")]

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use sockeye_core::{Args, Event, Frame, Server, ServerConfig, SocketId, WsId};
use sockeye_msgpack::MsgpackParser;

use super::common::Harness;

pub(crate) use P::{Arr, Bin, Bool, Float, Int, Map, Nil, Raw, Str};

/// A value, and how it is packed: an encoder of its own, in the shortest form.
#[derive(Clone, Debug)]
pub(crate) enum P {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Bin(Vec<u8>),
    Arr(Vec<Self>),
    Map(Vec<(String, Self)>),
    Raw(Vec<u8>),
}

pub(crate) const UNDEFINED: [u8; 3] = [0xd4, 0, 0];

impl P {
    fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Nil => out.push(0xc0),
            Bool(value) => out.push(0xc2 + u8::from(*value)),
            Int(number @ 0..=0x7f | number @ -0x20..0) => out.push(*number as u8),
            Int(number @ 0x80..=0xff) => out.extend([0xcc, *number as u8]),
            Int(number @ 0x100..=0xffff) => Self::number(out, 0xcd, *number, 2),
            Int(number @ 0x1_0000..=0xffff_ffff) => Self::number(out, 0xce, *number, 4),
            Int(number @ 0..) => Self::number(out, 0xcf, *number, 8),
            Int(number @ -0x80..) => Self::number(out, 0xd0, *number, 1),
            Int(number @ -0x8000..) => Self::number(out, 0xd1, *number, 2),
            Int(number @ -0x8000_0000..) => Self::number(out, 0xd2, *number, 4),
            Int(number) => Self::number(out, 0xd3, *number, 8),
            Float(number) => {
                out.push(0xcb);
                out.extend(number.to_be_bytes());
            }
            Str(text) => {
                Self::length(out, text.len(), &[0xd9, 0xda, 0xdb], Some((0xa0, 31)));
                out.extend(text.bytes());
            }
            Bin(data) => {
                Self::length(out, data.len(), &[0xc4, 0xc5, 0xc6], None);
                out.extend(data);
            }
            Arr(values) => {
                Self::length(out, values.len(), &[0, 0xdc, 0xdd], Some((0x90, 15)));
                values.iter().for_each(|value| value.pack(out));
            }
            Map(pairs) => {
                Self::length(out, pairs.len(), &[0, 0xde, 0xdf], Some((0x80, 15)));
                for (key, value) in pairs {
                    Str(key.clone()).pack(out);
                    value.pack(out);
                }
            }
            Raw(bytes) => out.extend(bytes),
        }
    }

    fn number(out: &mut Vec<u8>, marker: u8, number: i64, width: usize) {
        out.push(marker);
        out.extend(&number.to_be_bytes()[8 - width..]);
    }

    fn length(out: &mut Vec<u8>, length: usize, markers: &[u8; 3], short: Option<(u8, usize)>) {
        match short {
            Some((marker, most)) if length <= most => out.push(marker | length as u8),
            _ if length <= 0xff && markers[0] != 0 => out.extend([markers[0], length as u8]),
            _ if length <= 0xffff => Self::number(out, markers[1], length as i64, 2),
            _ => Self::number(out, markers[2], length as i64, 4),
        }
    }

    /// The same as JSON, binary values as `@0`, `@1`, ...
    pub(crate) fn json(&self, attachments: &mut Vec<Vec<u8>>) -> String {
        match self {
            Nil => "null".to_owned(),
            Bool(value) => value.to_string(),
            Int(number) => number.to_string(),
            Float(number) => json!(number).to_string(),
            Str(text) => json!(text).to_string(),
            Bin(data) => {
                attachments.push(data.clone());
                format!("@{}", attachments.len() - 1)
            }
            Arr(values) => {
                let values: Vec<_> = values.iter().map(|value| value.json(attachments)).collect();
                format!("[{}]", values.join(","))
            }
            Map(pairs) => {
                let mut pair = |(key, value): &(String, Self)| {
                    format!("{}:{}", json!(key), value.json(attachments))
                };
                format!("{{{}}}", pairs.iter().map(&mut pair).collect::<Vec<_>>().join(","))
            }
            Raw(_) => unreachable!("raw bytes have no JSON"),
        }
    }
}

pub(crate) fn text(text: &str) -> P {
    Str(text.to_owned())
}

pub(crate) fn pack(value: &P) -> Vec<u8> {
    let mut out = Vec::new();
    value.pack(&mut out);
    out
}

pub(crate) fn map(pairs: &[(&str, P)]) -> P {
    Map(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

pub(crate) fn packet(kind: i64, data: P) -> Vec<u8> {
    pack(&map(&[("type", Int(kind)), ("data", data), ("nsp", text("/"))]))
}

pub(crate) fn event(args: &[P]) -> Vec<u8> {
    packet(2, Arr([&[text("e")], args].concat()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Harness<Server> {
    Harness::with(|config| {
        config.parser = Arc::new(MsgpackParser);
        change(config);
    })
}

pub(crate) fn join(h: &mut Harness<Server>) -> (WsId, SocketId) {
    let ws = h.open_websocket();
    h.binary(ws, pack(&map(&[("type", Int(0)), ("nsp", text("/"))])));
    h.frames(ws);
    let Some(Event::Connected { socket, .. }) = h.events().pop() else { panic!("nobody joined") };
    (ws, socket)
}

pub(crate) fn connected() -> (Harness<Server>, WsId, SocketId) {
    let mut h = with(|_| {});
    let (ws, socket) = join(&mut h);
    (h, ws, socket)
}

/// What a client gets, in hexadecimal digits.
pub(crate) fn got(h: &mut Harness<Server>, ws: WsId) -> Vec<String> {
    let digits = |frame: &Frame| match frame {
        Frame::Binary(data) => hex(data),
        Frame::Text(text) => panic!("{text:?} is text"),
    };
    h.frames(ws).iter().map(digits).collect()
}

pub(crate) fn emitted(name: &str, data: &impl Serialize) -> String {
    let (mut h, ws, socket) = connected();
    h.emit(socket, name, data);
    got(&mut h, ws).concat()
}

/// The arguments of an event as they arrive; binary values are `@0`, `@1`, ...
pub(crate) fn arguments(message: Vec<u8>) -> Option<String> {
    let (mut h, ws, _) = connected();
    h.binary(ws, message);
    if !h.is_open(ws) {
        return None;
    }
    Some(shown(&h.arrived().2))
}

pub(crate) fn shown(args: &Args) -> String {
    let mut json = args.iter().collect::<Vec<_>>().join(",");
    for num in 0..args.attachments().len() {
        json =
            json.replace(&format!("{{\"_placeholder\":true,\"num\":{num}}}"), &format!("@{num}"));
    }
    json
}

pub(crate) fn argument(value: &[u8]) -> Option<String> {
    arguments(event(&[Raw(value.to_vec())]))
}

/// Whether a client that sends this is disconnected.
pub(crate) fn refused(message: impl Into<Bytes>) -> bool {
    let (mut h, ws, _) = connected();
    h.binary(ws, message);
    !h.is_open(ws)
}
