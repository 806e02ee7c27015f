//! Malformed packets from MessagePack clients, and any value there and back.

#[path = "../../../core/tests/common/mod.rs"]
mod common;
mod pack;

use pack::P::{self, Arr, Bin, Bool, Float, Int, Map, Nil, Raw, Str};
use pack::{
    UNDEFINED, argument, arguments, connected, emitted, event, got, hex, join, map, pack, packet,
    refused, shown, text, with,
};
use proptest::prelude::*;
use serde_json::json;
use sockeye_core::{EmitOptions, Event, Frame};

#[test]
fn a_malformed_map_ends_the_connection() {
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
fn data_that_does_not_fit_the_packet_type_ends_the_connection() {
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
fn a_truncated_packet_or_trailing_bytes_end_the_connection() {
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
fn declared_lengths_allocate_nothing() {
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
    assert!(argument(&nested(119)).is_some());
    assert_eq!(argument(&nested(120)), None);
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
fn data_of_the_greatest_depth_for_clients_is_sent() {
    let depth = 127;
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
fn binary_values_count_by_their_bytes() {
    let mut h = with(|config| config.max_packet_bytes = 1000);
    let (ws, _) = join(&mut h);
    h.binary(ws, event(&[Bin(vec![0; 450]), Bin(vec![0; 450])]));
    assert!(h.is_open(ws));
    h.binary(ws, event(&[Bin(vec![0; 500]), Bin(vec![0; 500])]));
    assert!(!h.is_open(ws));
}

#[test]
fn text_must_be_utf8() {
    for bytes in [&b"\xa1\xff"[..], b"\xa3\xed\xa0\x80", b"\xa1\xc3"] {
        assert_eq!(argument(bytes), None, "{bytes:?}");
    }
}

#[test]
fn the_key_of_placeholders_is_refused_next_to_binary_values() {
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
    fn an_echo_returns_the_same_values(
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
                    let _ = h.socket(socket).emit("e", &args, EmitOptions::default());
                }
            }
        }
    }
}
