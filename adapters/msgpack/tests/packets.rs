//! A server with MessagePack clients, in virtual time.

#[path = "../../../core/tests/common/mod.rs"]
mod common;
mod pack;

use common::secs;
use pack::P::{Arr, Bin, Bool, Int, Nil, Raw};
use pack::{
    UNDEFINED, argument, arguments, connected, emitted, event, got, hex, join, map, pack, packet,
    refused, shown, text, with,
};
use serde_bytes::ByteBuf;
use serde_json::json;
use sockeye_core::{EmitError, EmitOptions, EncodeError, Event, RecoveryConfig, Selector};

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
fn a_refused_client_gets_the_message_and_data() {
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
fn events_are_written_in_the_shortest_formats() {
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
    assert!(emitted("e", &0.0).contains("92a16500"));
    assert!(emitted("e", &-5.0).contains("92a165fb"));
    assert!(emitted("e", &-0.0).contains("92a165cb8000000000000000"), "no integer is minus zero");
}

#[test]
fn lengths_are_written_in_the_shortest_formats() {
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
fn a_length_in_a_longer_format_is_accepted() {
    let arrives = |head: u8, width: usize, data: &[u8]| {
        let length = [&vec![0; width - 1][..], &[2]].concat();
        argument(&[&[head], &length[..], data].concat()).unwrap()
    };
    for (power, width) in [(0, 1), (1, 2), (2, 4)] {
        assert_eq!(arrives(0xc4 + power, width, &[1, 2]), "@0");
        assert_eq!(arrives(0xc7 + power, width, &[5, 1, 2]), "[5,@0]");
        assert_eq!(arrives(0xd9 + power, width, b"ab"), "\"ab\"");
    }
    for (power, width) in [(0, 2), (1, 4)] {
        assert_eq!(arrives(0xdc + power, width, &[1, 2]), "[1,2]");
        assert_eq!(arrives(0xde + power, width, b"\xa1a\x01\xa1b\x02"), "{\"a\":1,\"b\":2}");
    }
}

#[test]
fn long_values_arrive_complete() {
    for length in [255, 256, 65_535, 65_536] {
        let long = "x".repeat(length);
        assert_eq!(argument(&pack(&text(&long))), Some(format!("\"{long}\"")));
        let (mut h, ws, _) = connected();
        h.binary(ws, event(&[Bin(vec![7; length])]));
        assert_eq!(h.arrived().2.attachments(), [vec![7; length]]);
    }
}

#[test]
fn undefined_becomes_null_or_is_left_out() {
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
fn every_day_of_four_hundred_years_has_its_date() {
    let (mut h, ws, _) = connected();
    // 1 January 1601: the calendar begins anew.
    let mut millis = -11_644_473_600_000_i64;
    for year in 1601..=2000 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (mut dates, mut expected) = (Vec::new(), Vec::new());
        for (month, length) in (1..).zip(lengths) {
            for day in 1..=length {
                dates.push(Raw([&[0xd7, 0][..], &millis.to_be_bytes()].concat()));
                expected.push(format!("\"{year}-{month:02}-{day:02}T00:00:00.000Z\""));
                millis += 24 * 60 * 60 * 1000;
            }
        }
        h.binary(ws, event(&dates));
        assert_eq!(shown(&h.arrived().2), expected.join(","));
    }
}

#[test]
fn every_time_of_the_day_has_its_text() {
    let (mut h, ws, _) = connected();
    for hour in 0..24 {
        let (mut dates, mut expected) = (Vec::new(), Vec::new());
        for (minute, second) in (0..60).flat_map(|minute| [(minute, 0), (minute, 59)]) {
            let millis: i64 = ((hour * 60 + minute) * 60 + second) * 1000 + second;
            dates.push(Raw([&[0xd7, 0][..], &millis.to_be_bytes()].concat()));
            let time = format!("{hour:02}:{minute:02}:{second:02}.{second:03}");
            expected.push(format!("\"1970-01-01T{time}Z\""));
        }
        h.binary(ws, event(&dates));
        assert_eq!(shown(&h.arrived().2), expected.join(","));
    }
}

#[test]
fn integer_keys_become_text() {
    let arrives = |bytes: &[u8]| argument(bytes);
    assert_eq!(arrives(&[0x82, 1, 0xc3, 0xff, 0xc2]).as_deref(), Some("{\"1\":true,\"-1\":false}"));
    for key in [0xc0, 0xc3, 0x90, 0x80] {
        assert_eq!(arrives(&[0x81, key, 1]), None, "{key:x}");
    }
    assert_eq!(arrives(&[0x81, 0x91, 0xd4, 0, 0, 1]), None);
}

#[test]
fn keys_in_any_order_and_unknown_keys_are_accepted() {
    let object = map(&[("x", Arr(vec![Nil; 20])), ("y", Int(1)), ("z", map(&[]))]);
    let more = Arr(vec![object, Bin(vec![0; 300])]);
    let pairs =
        [("more", more), ("nsp", text("/")), ("data", Arr(vec![text("e")])), ("type", Int(2))];
    assert_eq!(arguments(pack(&map(&pairs))).as_deref(), Some(""));
    assert_eq!(arguments(packet(2, Arr(vec![Int(5), Int(6)]))).as_deref(), Some("6"));
    let last = [("type", Int(2)), ("nsp", text("/")), ("data", Arr(vec![Int(5), Int(6)]))];
    assert_eq!(arguments(pack(&map(&last))).as_deref(), Some("6"));
    let nested = [last[0].clone(), last[1].clone(), ("data", Arr(vec![Int(5), Arr(vec![])]))];
    assert_eq!(arguments(pack(&map(&nested))).as_deref(), Some("[]"));
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
    let mut h = with(|config| config.recovery = Some(RecoveryConfig::default()));
    let clients = [join(&mut h).0, join(&mut h).0];

    let options = EmitOptions::default();
    h.server.emit("/", &Selector::all(), "e", &1, options).unwrap();

    let [first, second] = clients.map(|ws| h.frames(ws).remove(0));
    assert_eq!(first.bytes().as_ptr(), second.bytes().as_ptr());
    // The offset is one more argument.
    assert!(hex(first.bytes()).starts_with("83a47479706502a46461746193a16501a"), "{first:?}");
}

#[test]
fn the_number_of_binary_values_is_limited_both_ways() {
    let (mut h, ws, socket) = connected();
    let values = |count| vec![ByteBuf::from([1]); count];
    let result = h.socket(socket).emit("e", &values(11), EmitOptions::default());
    assert!(matches!(result, Err(EmitError::Encode(EncodeError::TooManyAttachments { .. }))));
    h.emit(socket, "e", &values(10));
    assert_eq!(got(&mut h, ws).len(), 1);

    assert!(!refused(event(&vec![Bin(vec![1]); 10])));
    assert!(refused(event(&vec![Bin(vec![1]); 11])));
    assert!(refused(event(&vec![Raw(vec![0xd4, 5, 1]); 11])));
}
