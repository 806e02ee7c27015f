//! Clients that speak MessagePack, in virtual time.

#![cfg(feature = "msgpack")]

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use common::{Harness, secs};
use proptest::prelude::*;
use serde::Serialize;
use serde_bytes::ByteBuf;
use serde_json::json;
use sockeye_core::packet::MsgpackParser;
use sockeye_core::{Args, Emission, EmitError, Event, Frame, Server, ServerConfig, SocketId, WsId};

use P::{Arr, Bin, Bool, Float, Int, Map, Nil, Raw, Str};

/// A value, and how it is packed: an encoder of its own, in the shortest form.
#[derive(Clone, Debug)]
enum P {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Bin(Vec<u8>),
    Arr(Vec<P>),
    Map(Vec<(String, P)>),
    Raw(Vec<u8>),
}

const UNDEFINED: [u8; 3] = [0xd4, 0, 0];

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
    fn json(&self, attachments: &mut Vec<Vec<u8>>) -> String {
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

fn text(text: &str) -> P {
    Str(text.to_owned())
}

fn pack(value: &P) -> Vec<u8> {
    let mut out = Vec::new();
    value.pack(&mut out);
    out
}

fn map(pairs: &[(&str, P)]) -> P {
    Map(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn packet(kind: i64, data: P) -> Vec<u8> {
    pack(&map(&[("type", Int(kind)), ("data", data), ("nsp", text("/"))]))
}

fn event(args: &[P]) -> Vec<u8> {
    packet(2, Arr([&[text("e")], args].concat()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn with(change: impl FnOnce(&mut ServerConfig)) -> Harness<Server> {
    Harness::with(|config| {
        config.parser = Arc::new(MsgpackParser);
        change(config);
    })
}

fn join(h: &mut Harness<Server>) -> (WsId, SocketId) {
    let ws = h.open_websocket();
    h.binary(ws, pack(&map(&[("type", Int(0)), ("nsp", text("/"))])));
    h.frames(ws);
    let Some(Event::Connected { socket, .. }) = h.events().pop() else { panic!("nobody joined") };
    (ws, socket)
}

fn connected() -> (Harness<Server>, WsId, SocketId) {
    let mut h = with(|_| {});
    let (ws, socket) = join(&mut h);
    (h, ws, socket)
}

/// What a client gets, in hexadecimal digits.
fn got(h: &mut Harness<Server>, ws: WsId) -> Vec<String> {
    let digits = |frame: &Frame| match frame {
        Frame::Binary(data) => hex(data),
        Frame::Text(text) => panic!("{text:?} is text"),
    };
    h.frames(ws).iter().map(digits).collect()
}

fn emitted(name: &str, data: &impl Serialize) -> String {
    let (mut h, ws, socket) = connected();
    h.emit(socket, name, data);
    got(&mut h, ws).concat()
}

/// The arguments of an event as they arrive; binary values are `@0`, `@1`, ...
fn arguments(message: Vec<u8>) -> Option<String> {
    let (mut h, ws, _) = connected();
    h.binary(ws, message);
    if !h.is_open(ws) {
        return None;
    }
    Some(shown(&h.arrived().2))
}

fn shown(args: &Args) -> String {
    let mut json = args.iter().collect::<Vec<_>>().join(",");
    for num in 0..args.attachments().len() {
        json =
            json.replace(&format!("{{\"_placeholder\":true,\"num\":{num}}}"), &format!("@{num}"));
    }
    json
}

fn argument(value: &[u8]) -> Option<String> {
    arguments(event(&[Raw(value.to_vec())]))
}

/// Whether a client that sends this is disconnected.
fn refused(message: impl Into<Bytes>) -> bool {
    let (mut h, ws, _) = connected();
    h.binary(ws, message);
    !h.is_open(ws)
}

// The bytes of these are what notepack.io 2.2.0 writes.

#[test]
fn a_client_joins_and_leaves() {
    let mut h = with(|_| {});
    let ws = h.open_websocket();

    // As socket.io-client has it: `data` is undefined, or what is sent along.
    let nothing = Raw(UNDEFINED.to_vec());
    h.binary(ws, packet(0, nothing));
    let Some(Event::Connected { socket, .. }) = h.events().pop() else { panic!("nobody joined") };
    let auth = map(&[("token", Int(1))]);
    h.binary(ws, pack(&map(&[("type", Int(0)), ("data", auth), ("nsp", text("/admin"))])));

    assert_eq!(h.told(), ["#2 connected /admin [{\"token\":1}]"]);
    let sid = hex(h.sid(socket).as_bytes());
    let answers = got(&mut h, ws);
    assert_eq!(answers[0], format!("83a47479706500a46461746181a3736964b4{sid}a36e7370a12f"));
    assert!(answers[1].ends_with("a36e7370a62f61646d696e"), "{}", answers[1]);

    h.binary(ws, pack(&map(&[("type", Int(1)), ("nsp", text("/"))])));
    assert_eq!(h.told(), ["#1 disconnected: client namespace disconnect"]);
    let (admin, now) = (h.last_socket(), h.now);
    h.socket(admin).disconnect(false, now);
    assert_eq!(got(&mut h, ws), ["82a47479706501a36e7370a62f61646d696e"]);
}

#[test]
fn a_client_that_is_not_let_in_is_told_why() {
    let (mut h, ws, _) = connected();

    h.binary(ws, pack(&map(&[("type", Int(0)), ("nsp", text("/zzz"))])));
    let unknown = "83a47479706504a46461746181a76d657373616765b1496e76616c6964206e616d657370616365\
                   a36e7370a42f7a7a7a";
    assert_eq!(got(&mut h, ws), [unknown]);

    h.binary(ws, pack(&map(&[("type", Int(0)), ("nsp", text("/secret"))])));
    let socket = h.last_socket();
    h.server.reject(socket, "no", &json!({ "a": 1 })).unwrap();
    let rejected = "83a47479706504a46461746182a76d657373616765a26e6fa46461746181a16101\
                    a36e7370a72f736563726574";
    assert_eq!(got(&mut h, ws), [rejected]);
}

#[test]
fn events_go_out_in_the_shortest_form() {
    assert_eq!(emitted("e", &()), "83a47479706502a46461746191a165a36e7370a12f");
    let binary =
        ("x", ByteBuf::from([1, 2]), json!([1.5, -0.1, 3.0, null, true, false, "", {}, []]));
    let expected = "83a47479706502a46461746194a165a178c402010299cb3ff8000000000000cbbfb999999999999a\
                    03c0c3c2a08090a36e7370a12f";
    assert_eq!(emitted("e", &binary), expected);
    let integers: [i64; 20] = [
        0,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        4_294_967_295,
        4_294_967_296,
        9_007_199_254_740_991,
        -1,
        -32,
        -33,
        -128,
        -129,
        -32_768,
        -32_769,
        -2_147_483_648,
        -2_147_483_649,
        -9_007_199_254_740_991,
    ];
    let expected = "83a47479706502a46461746192a165dc0014007fcc80ccffcd0100cdffffce00010000ceffffffff\
                    cf0000000100000000cf001fffffffffffffffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000\
                    d3ffffffff7fffffffd3ffe0000000000001a36e7370a12f";
    assert_eq!(emitted("e", &json!(integers)), expected);
    assert_eq!(emitted("é😀\n\0", &()), "83a47479706502a46461746191a8c3a9f09f98800a00a36e7370a12f");
    assert!(emitted("e", &u64::MAX).contains("cfffffffffffffffff"));
    assert!(emitted("e", &1e300).contains(&format!("cb{}", hex(&1e300_f64.to_be_bytes()))));
    assert!(emitted("e", &f64::NAN).contains("92a165c0"));
}

#[test]
fn lengths_take_as_few_bytes_as_they_can() {
    for (length, head) in [(31, "bf61"), (32, "d92061"), (255, "d9ff61"), (256, "da010061")] {
        assert!(emitted("e", &"a".repeat(length)).contains(&format!("92a165{head}")), "{length}");
    }
    assert!(emitted("e", &"a".repeat(65_536)).contains("92a165db0001000061"));
    for (length, head) in
        [(15, "9f00"), (16, "dc001000"), (65_535, "dcffff00"), (65_536, "dd0001000000")]
    {
        assert!(emitted("e", &vec![0; length]).contains(&format!("92a165{head}")), "{length}");
    }
    for (length, head) in [(0, "c400"), (255, "c4ff"), (256, "c50100"), (65_536, "c600010000")] {
        assert!(emitted("e", &ByteBuf::from(vec![0; length])).contains(&format!("92a165{head}")));
    }
    let object = |length: usize| -> serde_json::Map<_, _> {
        (0..length).map(|key| (format!("{key:02}"), json!(0))).collect()
    };
    assert!(emitted("e", &object(15)).contains("92a1658fa2"));
    assert!(emitted("e", &object(16)).contains("92a165de0010a2"));
}

#[test]
fn acknowledgements_go_both_ways() {
    let (mut h, ws, socket) = connected();
    // A client adds its options to what it emits.
    let options = map(&[("compress", Bool(true))]);
    let asked = map(&[
        ("type", Int(2)),
        ("data", Arr(vec![text("q"), Bin(vec![7])])),
        ("options", options),
        ("id", Int(7)),
        ("nsp", text("/")),
    ]);
    h.binary(ws, pack(&asked));

    let (_, name, args, responder) = h.arrived();
    assert_eq!((&*name, shown(&args)), ("q", "@0".to_owned()));
    h.socket(socket).ack(responder.unwrap(), &("ok", ByteBuf::from([1, 2]))).unwrap();
    let answer = "84a47479706503a46461746192a26f6bc4020102a2696407a36e7370a12f";
    assert_eq!(got(&mut h, ws), [answer]);

    let now = h.now;
    h.socket(socket).emit_with_ack("a", &(), Some(secs(1)), now).unwrap();
    assert_eq!(got(&mut h, ws), ["84a47479706502a46461746191a161a2696400a36e7370a12f"]);
    let answer =
        map(&[("type", Int(3)), ("id", Int(0)), ("data", Arr(vec![Int(5)])), ("nsp", text("/"))]);
    h.binary(ws, pack(&answer));
    assert_eq!(h.told(), ["#1 acked [5]"]);
}

// What arrives.

#[test]
fn arguments_arrive_as_json() {
    let arrives = |bytes: &[u8], json: &str| assert_eq!(argument(bytes).as_deref(), Some(json));
    arrives(&[0xc0], "null");
    arrives(&[0xcb, 0x40, 0x08, 0, 0, 0, 0, 0, 0], "3");
    arrives(&[0xca, 0x3f, 0xc0, 0, 0], "1.5");
    arrives(&[0xca, 0x7f, 0x80, 0, 0], "null");
    arrives(&[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], "null");
    arrives(&[0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0], "0");
    arrives(&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255], "18446744073709551615");
    arrives(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808");
    arrives(&[0xd0, 1], "1");
    arrives(&[0xc4, 2, 1, 2], "@0");
    arrives(&[0xc7, 1, 0, 9], "@0");
    arrives(&[0xd6, 5, 1, 2, 3, 4], "[5,@0]");
    arrives(&[0xd6, 0xff, 1, 2, 3, 4], "[-1,@0]");
    arrives(&pack(&text("\"\\\u{1}\u{7f}\u{2028}é")), "\"\\\"\\\\\\u0001\u{7f}\u{2028}é\"");
}

#[test]
fn what_is_undefined_becomes_null_or_nothing() {
    let undefined = || Raw(UNDEFINED.to_vec());
    assert_eq!(arguments(event(&[undefined(), Int(1)])).as_deref(), Some("null,1"));
    let object = map(&[("a", undefined()), ("b", Int(1)), ("c", undefined())]);
    assert_eq!(arguments(event(&[object])).as_deref(), Some("{\"b\":1}"));
    assert_eq!(arguments(event(&[map(&[("a", undefined())])])).as_deref(), Some("{}"));
}

#[test]
fn dates_become_their_text() {
    let date = |millis: i64| argument(&[&[0xd7, 0][..], &millis.to_be_bytes()].concat()).unwrap();
    assert_eq!(date(0), "\"1970-01-01T00:00:00.000Z\"");
    assert_eq!(date(-1), "\"1969-12-31T23:59:59.999Z\"");
    assert_eq!(date(951_782_400_000), "\"2000-02-29T00:00:00.000Z\"");
    assert_eq!(date(1_772_323_199_999), "\"2026-02-28T23:59:59.999Z\"");
    assert_eq!(date(8_640_000_000_000_000), "\"+275760-09-13T00:00:00.000Z\"");
    assert_eq!(date(-8_640_000_000_000_000), "\"-271821-04-20T00:00:00.000Z\"");
    assert_eq!(date(-62_198_755_200_000), "\"-000001-01-01T00:00:00.000Z\"");
    assert_eq!(date(8_640_000_000_000_001), "null");
    assert_eq!(date(i64::MIN), "null");
}

#[test]
fn keys_are_text_or_become_it() {
    let arrives = |bytes: &[u8]| argument(bytes);
    assert_eq!(arrives(&[0x82, 1, 0xc3, 0xff, 0xc2]).as_deref(), Some("{\"1\":true,\"-1\":false}"));
    for key in [0xc0, 0xc3, 0x90, 0x80] {
        assert_eq!(arrives(&[0x81, key, 1]), None, "{key:x}");
    }
    assert_eq!(arrives(&[0x81, 0x91, 0xd4, 0, 0, 1]), None);
}

#[test]
fn any_order_and_other_keys_are_welcome() {
    let more = Arr(vec![Map(vec![("x".to_owned(), Arr(vec![Nil; 20]))]), Bin(vec![0; 300])]);
    let pairs =
        [("more", more), ("nsp", text("/")), ("data", Arr(vec![text("e")])), ("type", Int(2))];
    assert_eq!(arguments(pack(&map(&pairs))).as_deref(), Some(""));
    assert_eq!(arguments(packet(2, Arr(vec![Int(5), Int(6)]))).as_deref(), Some("6"));
}

#[test]
fn it_works_over_polling() {
    let mut h = with(|_| {});
    let sid = h.open_polling();
    // {type: 0, nsp: "/"} and {type: 2, data: ["e"], nsp: "/"}
    let post = h.post(&sid, "bgqR0eXBlAKNuc3ChLw==\x1ebg6R0eXBlAqRkYXRhkaFlo25zcKEv");
    assert_eq!(h.answer(post), "200 ok");
    assert_eq!(h.told(), ["#1 connected / []", "#1 e[]"]);
    let answer = h.fetch(&sid);
    assert!(answer.starts_with("bg6R0eXBlAKRkYXRhgaNzaW"), "{answer}");
}

#[test]
fn a_broadcast_is_encoded_once_and_can_be_recovered() {
    let mut h = with(|config| config.recovery = Some(sockeye_core::RecoveryConfig::default()));
    let clients = [join(&mut h).0, join(&mut h).0];

    let emission = Emission::default();
    h.server.emit("/", &sockeye_core::Selector::all(), "e", &1, emission).unwrap();

    let [first, second] = clients.map(|ws| h.frames(ws).remove(0));
    assert_eq!(first.bytes().as_ptr(), second.bytes().as_ptr());
    // The offset is one more argument.
    assert!(hex(first.bytes()).starts_with("83a47479706502a46461746193a16501a"), "{first:?}");
}

#[test]
fn the_number_of_binary_values_is_limited_both_ways() {
    let (mut h, ws, socket) = connected();
    let values = |count| vec![ByteBuf::from([1]); count];
    let result = h.socket(socket).emit("e", &values(11), Emission::default());
    assert!(matches!(result, Err(EmitError::TooManyAttachments { .. })));
    h.emit(socket, "e", &values(10));
    assert_eq!(got(&mut h, ws).len(), 1);

    assert!(!refused(event(&vec![Bin(vec![1]); 10])));
    assert!(refused(event(&vec![Bin(vec![1]); 11])));
    assert!(refused(event(&vec![Raw(vec![0xd4, 5, 1]); 11])));
}

// What does not arrive.

#[test]
fn what_is_no_packet_ends_the_connection() {
    let good = [("type", Int(2)), ("data", Arr(vec![text("e")])), ("nsp", text("/"))];
    assert!(!refused(pack(&map(&good))));
    for index in 0..good.len() {
        let mut pairs = good.to_vec();
        pairs.remove(index);
        assert!(refused(pack(&map(&pairs))), "without {}", good[index].0);
        let twice = [&good[..], &[good[index].clone()]].concat();
        assert!(refused(pack(&map(&twice))), "{} twice", good[index].0);
    }
    for kind in [Int(-1), Int(4), Int(5), Int(6), Float(2.0), text("2"), Nil] {
        let pairs = [("type", kind), good[1].clone(), good[2].clone()];
        assert!(refused(pack(&map(&pairs))), "{pairs:?}");
    }
    for namespace in [Nil, Int(1), text(""), text("admin"), text("/admin"), text("/unknown")] {
        let pairs = [good[0].clone(), good[1].clone(), ("nsp", namespace)];
        assert!(refused(pack(&map(&pairs))), "{pairs:?}");
    }
    for id in [Nil, Int(-1), Int(1 << 53), Float(1.0), text("1")] {
        let pairs = [&good[..], &[("id", id)]].concat();
        assert!(refused(pack(&map(&pairs))), "{pairs:?}");
    }
    assert!(!refused(pack(&map(&[&good[..], &[("id", Int((1 << 53) - 1))]].concat()))));
    assert!(!refused(pack(&map(&[&good[..], &[("id", Raw(UNDEFINED.to_vec()))]].concat()))));
}

#[test]
fn data_must_be_what_packets_of_the_kind_hold() {
    for data in [Nil, Int(1), text("e"), map(&[("0", text("e"))]), Arr(vec![]), Bin(vec![1])] {
        assert!(refused(packet(2, data.clone())), "{data:?}");
    }
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        assert!(refused(packet(2, Arr(vec![text(name)]))), "{name}");
    }
    for name in [Nil, Bool(true), Float(1.5), Int(-1), Arr(vec![]), map(&[]), Bin(vec![])] {
        assert!(refused(packet(2, Arr(vec![name.clone()]))), "{name:?}");
    }
    assert!(refused(packet(3, Arr(vec![]))), "an answer has an id");
    assert!(refused(packet(1, Arr(vec![]))));
    assert!(refused(packet(0, Arr(vec![]))));
    assert!(refused(packet(4, map(&[("message", text("no"))]))), "only servers refuse");
    // A client in Python says `nil` for nothing.
    assert!(!refused(packet(1, Nil)));
}

#[test]
fn messages_of_other_parsers_end_the_connection() {
    for message in ["40", "42[\"e\"]", "451-[\"e\",{\"_placeholder\":true,\"num\":0}]", "4"] {
        let (mut h, ws, _) = connected();
        h.frame(ws, message);
        assert!(!h.is_open(ws), "{message}");
    }
    for message in [&b""[..], b"40", b"\x90", b"\xc0", b"\xc1", b"\x80", b"2[\"e\"]"] {
        assert!(refused(message), "{message:?}");
    }
}

#[test]
fn a_packet_that_is_cut_short_or_has_a_tail_ends_the_connection() {
    let all = Arr(vec![
        Nil,
        Int(300),
        Int(-300),
        Float(1.5),
        Bin(vec![1; 3]),
        map(&[("k", text(&"x".repeat(40)))]),
        Raw(vec![0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Raw(vec![0xc7, 1, 9, 1]),
    ]);
    let whole = event(&[all]);
    assert!(!refused(whole.clone()));
    for end in 0..whole.len() {
        assert!(refused(whole[..end].to_vec()), "{end}");
    }
    assert!(refused([&whole[..], &[0xc0]].concat()));
}

#[test]
fn declared_lengths_cost_nothing() {
    for head in
        ["c6ffffffff", "c9ffffffff00", "dbffffffff", "ddffffffff", "dfffffffff", "c5ffff", "dcffff"]
    {
        let bytes: Vec<u8> = (0..head.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&head[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(argument(&bytes), None, "{head}");
        let pairs = map(&[("type", Int(2)), ("x", Raw(bytes.clone()))]);
        assert!(refused(pack(&pairs)), "{head} in another key");
        assert!(refused(bytes), "{head} alone");
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| [vec![0x91; depth - 1], vec![0x90]].concat();
    // The array of all arguments is one level.
    assert!(argument(&nested(127)).is_some());
    assert_eq!(argument(&nested(128)), None);
    assert_eq!(argument(&nested(20_000)), None);
    let maps = b"\x81\xa1k".repeat(20_000);
    assert_eq!(argument(&maps), None);
    assert!(refused([&b"\x82\xa4type\x02\xa4data"[..], &[0x91; 20_000]].concat()));
    // Elsewhere it does not matter, since nothing recurses.
    let deep = |end: &[u8]| [&[0x91; 20_000][..], end].concat();
    let pairs = |extra| {
        [("x", Raw(extra)), ("type", Int(2)), ("data", Arr(vec![text("e")])), ("nsp", text("/"))]
    };
    assert!(!refused(pack(&map(&pairs(deep(&[0xc0]))))));
    assert!(refused(pack(&map(&pairs(deep(&[0xc1]))))));
}

#[test]
fn what_is_nested_deeply_by_the_application_goes_out() {
    let depth = 5000;
    let json = "[".repeat(depth) + &"]".repeat(depth);
    let raw = serde_json::value::RawValue::from_string(json).unwrap();
    assert!(emitted("e", &raw).contains(&("91".repeat(depth - 1) + "90")));
}

#[test]
fn sizes_count_after_the_translation() {
    let mut h = with(|config| config.max_packet_bytes = 1000);
    let (ws, _) = join(&mut h);
    h.binary(ws, event(&[Arr(vec![Nil; 150])]));
    assert!(h.is_open(ws));
    h.binary(ws, event(&[Arr(vec![Nil; 250])]));
    assert!(!h.is_open(ws));
}

#[test]
fn text_must_be_utf8() {
    for bytes in [&b"\xa1\xff"[..], b"\xa3\xed\xa0\x80", b"\xa1\xc3"] {
        assert_eq!(argument(bytes), None, "{bytes:?}");
    }
}

#[test]
fn nothing_can_be_mistaken_for_a_binary_value() {
    let mimic = || map(&[("_placeholder", Bool(true)), ("num", Int(0))]);
    assert_eq!(arguments(event(&[mimic()])).as_deref(), Some("{\"_placeholder\":true,\"num\":0}"));
    assert!(refused(event(&[mimic(), Bin(vec![1])])));
    assert!(refused(event(&[Bin(vec![1]), mimic()])));

    let (mut h, ws, socket) = connected();
    h.emit(socket, "e", &json!({ "_placeholder": true, "num": 0 }));
    assert!(got(&mut h, ws)[0].contains("82ac5f706c616365686f6c646572c3a36e756d00"));
}

#[test]
fn lone_surrogates_are_replaced() {
    let raw = |json: &str| serde_json::value::RawValue::from_string(json.to_owned()).unwrap();
    let sent = emitted("e", &raw(r#""a\ud800\u0041\udc00\ud83d\ude00\ud800\n""#));
    let expected = "a\u{fffd}A\u{fffd}😀\u{fffd}\n";
    assert!(sent.contains(&hex(&pack(&text(expected)))), "{sent}");
}

fn value() -> impl Strategy<Value = P> {
    let float = prop::num::f64::NORMAL.prop_filter("no integer", |number| number.fract() != 0.0);
    let leaf = prop_oneof![
        Just(Nil),
        any::<bool>().prop_map(Bool),
        any::<i64>().prop_map(Int),
        (-300..300_i64).prop_map(Int),
        float.prop_map(Float),
        any::<String>().prop_map(Str),
        "[a-z\"\\\\\n]{0,40}".prop_map(Str),
    ];
    leaf.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Arr),
            prop::collection::vec((any::<String>(), inner), 0..20).prop_map(Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_back_is_what_came(
        mut args in prop::collection::vec(value(), 0..4),
        binary in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..3),
    ) {
        args.extend(binary.into_iter().map(Bin));
        let (mut h, ws, socket) = connected();
        let message = event(&args);
        h.binary(ws, message.clone());

        let (_, _, arrived, _) = h.arrived();
        let mut attachments = Vec::new();
        let expected: Vec<_> = args.iter().map(|arg| arg.json(&mut attachments)).collect();
        prop_assert_eq!(shown(&arrived), expected.join(","));
        prop_assert_eq!(arrived.attachments(), attachments);

        h.emit(socket, "e", &arrived);
        prop_assert_eq!(h.frames(ws), [Frame::Binary(message.into())]);
    }

    #[test]
    fn no_bytes_do_harm(
        args in prop::collection::vec(value(), 0..3),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut message = event(&args);
        for (at, byte) in changes {
            let at = at.index(message.len());
            message[at] = byte;
        }
        for message in [message, noise] {
            let (mut h, ws, socket) = connected();
            h.binary(ws, message);
            for event in h.events() {
                if let Event::Received { args, .. } = event {
                    let _ = args.parse::<serde_json::Value>();
                    let _ = h.socket(socket).emit("e", &args, Emission::default());
                }
            }
        }
    }
}
