//! Binary values in events and acknowledgements, in both directions.

mod common;

use bytes::Bytes;
use common::{Harness, WebSocketClient, secs, unpack};
use serde::Serialize;
use serde_bytes::ByteBuf;
use serde_json::json;
use sockeye_core::{Args, EmitError, EmitOptions, EncodeError, Frame, Input, Server, Value};

fn connected() -> (Harness<Server>, WebSocketClient) {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    (h, client)
}

/// Feeds a packet, without the type of its message, and its attachments.
fn feed(h: &mut Harness<Server>, client: &WebSocketClient, packet: &str, attachments: &[&[u8]]) {
    h.frame(client.ws, format!("4{packet}"));
    for data in attachments {
        h.binary(client.ws, data.to_vec());
    }
}

/// What one packet makes the application hear.
fn told(packet: &str, attachments: &[&[u8]]) -> Vec<String> {
    let (mut h, client) = connected();
    feed(&mut h, &client, packet, attachments);
    h.told()
}

/// The arguments of an event, as they arrive. `@0` stands for the placeholder of attachment 0.
fn args(json: &str, attachments: &[&[u8]]) -> Args {
    let (mut h, client) = connected();
    let mut packet = format!("5{}-[\"e\",{json}]", attachments.len());
    for num in 0..attachments.len() {
        packet = packet.replace(&format!("@{num}"), &placeholder(num));
    }
    feed(&mut h, &client, &packet, attachments);
    h.arrived().2
}

fn placeholder(num: usize) -> String {
    format!("{{\"_placeholder\":true,\"num\":{num}}}")
}

/// How data goes out, the packet and its attachments; `@0` as above.
fn wire(data: &(impl Serialize + ?Sized)) -> Vec<String> {
    let (mut h, client) = connected();
    h.emit(client.socket, "e", data);
    let mut frames = h.received(client.ws);
    for num in 0..frames.len() {
        frames[0] = frames[0].replace(&placeholder(num), &format!("@{num}"));
    }
    frames
}

fn refused(data: &impl Serialize) -> EmitError {
    let (mut h, client) = connected();
    let result = h.socket(client.socket).emit("e", data, EmitOptions::default());
    assert_eq!(h.received(client.ws).len(), 0);
    result.expect_err("it is refused")
}

// What arrives.

#[test]
fn a_binary_event_arrives_after_its_last_attachment() {
    let (mut h, client) = connected();

    h.frame(client.ws, format!("452-7[\"e\",{},[{}]]", placeholder(0), placeholder(1)));
    h.binary(client.ws, vec![1, 2]);
    assert_eq!(h.told().len(), 0);
    h.binary(client.ws, vec![]);

    let (_, name, args, ack) = h.arrived();
    assert_eq!(name, "e");
    assert_eq!(args.attachments(), [&[1, 2][..], &[]]);
    assert!(ack.is_some());
}

#[test]
fn a_binary_event_arrives_over_polling() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/admin");

    let body = format!("451-/admin,[\"e\",{}]\x1ebAQI=\x1e42/admin,[\"f\"]", placeholder(0));
    let post = h.post(&client.sid, body);

    assert_eq!(h.answer(post), "200 ok");
    let told = h.told();
    assert_eq!(told, [format!("#1 e[{}]<01 02>", placeholder(0)), "#1 f[]".to_owned()]);
}

#[test]
fn attachments_may_come_as_base64_in_text_frames() {
    let (mut h, client) = connected();

    h.frame(client.ws, format!("451-[\"e\",{}]", placeholder(0)));
    h.frame(client.ws, "bAQI=");

    assert_eq!(h.arrived().2.get::<Bytes>(0).unwrap(), &[1, 2][..]);
}

#[test]
fn a_heartbeat_may_come_between_attachments() {
    let (mut h, client) = connected();

    h.frame(client.ws, format!("451-[\"e\",{}]", placeholder(0)));
    h.advance(secs(25));
    h.frame(client.ws, "3");
    h.frame(client.ws, "6");
    h.binary(client.ws, vec![1]);

    assert_eq!(h.told(), [format!("#1 e[{}]<01>", placeholder(0))]);
}

#[test]
fn placeholders_may_skip_and_reorder_attachments() {
    let two: [&[u8]; 2] = [&[1], &[2]];

    let skipped = args("1", &two);
    assert_eq!(skipped.get::<u8>(0).unwrap(), 1);
    let swapped = args("@1,@0", &two);
    assert_eq!(swapped.parse::<(Bytes, Bytes)>().unwrap(), (vec![2].into(), vec![1].into()));
}

#[test]
fn an_attachment_that_is_named_twice_ends_the_connection() {
    let (ph, closed) = (placeholder(0), ["#1 disconnected: forced close"]);
    for packet in [
        format!("51-[\"e\",{ph},{ph}]"),
        format!("51-[\"e\",{ph},[{{\"a\":{ph}}}]]"),
        format!("51-[\"e\",{{\"num\":{ph},\"a\":{ph}}}]"),
        format!("51-[\"e\",{}]", vec![ph.as_str(); 1000].join(",")),
        format!("61-1[{ph},{ph}]"),
    ] {
        assert_eq!(told(&packet, &[&[1]]), closed, "{packet:.99}");
    }
    // Beyond the first few, too.
    let mut h = Harness::with(|config| config.max_attachments = 200);
    let client = h.connect_websocket("/");
    let named = |last| (0..199).chain([last]).map(placeholder).collect::<Vec<_>>().join(",");
    let attachments = vec![&[7][..]; 200];
    feed(&mut h, &client, &format!("5200-[\"e\",{}]", named(199)), &attachments);
    assert_eq!(h.arrived().2.len(), 200);
    feed(&mut h, &client, &format!("5200-[\"e\",{}]", named(198)), &attachments);
    assert_eq!(h.told(), closed);
}

#[test]
fn a_placeholder_in_a_text_packet_is_plain_data() {
    let (mut h, client) = connected();

    h.frame(client.ws, format!("42[\"e\",{}]", placeholder(0)));

    let (socket, _, args, _) = h.arrived();
    let value: serde_json::Value = args.get(0).unwrap();
    assert_eq!(value, json!({ "_placeholder": true, "num": 0 }));
    h.emit(socket, "e", &args);
    assert_eq!(h.received(client.ws), [format!("42[\"e\",{}]", placeholder(0))]);
}

#[test]
fn only_the_value_true_marks_a_placeholder() {
    let look_alikes = r#"{"_placeholder":1,"num":9},{"_placeholder":"true","num":9},{"num":9},{"_placeholder":null}"#;

    let args = args(&format!("{look_alikes},{{\"num\":0,\"_placeholder\":true,\"x\":1}}"), &[&[5]]);

    assert_eq!(args.len(), 5);
    assert_eq!(args.get::<serde_json::Value>(0).unwrap(), json!({ "_placeholder": 1, "num": 9 }));
    assert_eq!(args.get::<Bytes>(4).unwrap(), &[5][..]);
}

#[test]
fn a_malformed_header_of_a_binary_packet_ends_the_connection() {
    let mut packets: Vec<String> = [
        r#"5["a"]"#,
        r#"51["a"]"#,
        "5",
        "51",
        r#"5a-["a"]"#,
        r#"51.23-["a"]"#,
        r#"5-1-["a"]"#,
        r#"5Infinity-["a"]"#,
        r#"5NaN-["a"]"#,
        r#"5-["a"]"#,
        r#"50-["a"]"#,
        r#"51e1-["a"]"#,
        r#"50x2-["a"]"#,
        r#"50b11-["a"]"#,
        r#"5 1-["a"]"#,
        r#"5+1-["a"]"#,
        r#"501-["a"]"#,
        r#"511-["a"]"#,
        r#"5999999999-["a"]"#,
        r#"518446744073709551617-["a"]"#,
        r#"59007199254740993-["a"]"#,
        r#"51-["a""#,
        r#"51-/admin,["a"]"#,
        r#"51-/unknown,["a"]"#,
        "60-1[]",
        "6-1[]",
        "61[]",
    ]
    .map(str::to_owned)
    .into();
    packets.push(format!("5{}-[\"a\"]", "9".repeat(100_000)));
    for packet in packets {
        assert_eq!(told(&packet, &[]), ["#1 disconnected: forced close"], "{packet:.30}");
    }
}

#[test]
fn a_binary_packet_with_missing_or_invalid_attachments_ends_the_connection() {
    let ph = placeholder(0);
    let mut packets = vec![
        "51-".to_owned(),
        "51-[]".to_owned(),
        "51-{}".to_owned(),
        "51-null".to_owned(),
        format!("51-[{ph}]"),
        format!("51-{ph}"),
        format!("51-[\"connect\",{ph}]"),
        format!("61-[{ph}]"),
        "61-1".to_owned(),
        format!("61-1{ph}"),
    ];
    for num in
        ["-1", "1", "\"0\"", "\"splice\"", "null", "1e400", "true", "[]", "0.5", "-0", "0.0", "0e0"]
    {
        packets.push(format!("51-[\"e\",{{\"_placeholder\":true,\"num\":{num}}}]"));
        packets.push(format!("61-1[{{\"num\":{num},\"_placeholder\":true}}]"));
    }
    packets.push("51-[\"e\",{\"_placeholder\":true}]".to_owned());
    for packet in packets {
        assert_eq!(told(&packet, &[&[1]]), ["#1 disconnected: forced close"], "{packet}");
    }
}

#[test]
fn a_text_packet_where_an_attachment_should_come_ends_the_connection() {
    for packet in ["42[\"a\"]", "451-[\"a\"]", "41", "40/admin,", "4"] {
        let (mut h, client) = connected();
        h.frame(client.ws, format!("451-[\"e\",{}]", placeholder(0)));

        h.frame(client.ws, packet);

        assert_eq!(h.told(), ["#1 disconnected: forced close"], "{packet}");
    }
}

#[test]
fn an_unexpected_attachment_ends_the_connection() {
    let packet = format!("51-[\"e\",{}]", placeholder(0));
    let told = told(&packet, &[&[1], &[2]]);
    assert_eq!(
        told,
        [format!("#1 e[{}]<01>", placeholder(0)), "#1 disconnected: forced close".to_owned()]
    );
    assert_eq!(self::told("2[\"a\"]", &[&[]]), ["#1 a[]", "#1 disconnected: forced close"]);
}

#[test]
fn no_attachment_is_kept_for_a_namespace_that_is_not_joined() {
    let mut h: Harness<Server> = Harness::new();
    let ws = h.open_websocket();

    h.frame(ws, "451-[\"e\"]");
    assert!(!h.is_open(ws), "at the header");

    let client = h.connect_websocket("/");
    h.frame(client.ws, "40/secret,");
    h.frame(client.ws, "451-/secret,[\"e\"]");
    assert!(!h.is_open(client.ws), "nor for one who still waits");
}

#[test]
fn a_lone_surrogate_next_to_binary_values_does_not_disconnect() {
    let args = args(r#""\ud800",@0"#, &[&[1]]);

    assert!(args.get::<String>(0).is_err());
    assert_eq!(args.get::<Bytes>(1).unwrap(), &[1][..]);
    assert_eq!(wire(&args), [r#"451-["e","\ud800",@0]"#, "<01>"]);
    let key = self::args(r#"{"\ud800":[@0]}"#, &[&[1]]);
    assert!(key.get::<Value>(0).is_err());
    assert_eq!(wire(&key)[1], "<01>");
}

// What goes out.

#[test]
fn binary_values_at_any_depth_are_sent_as_attachments() {
    #[derive(Serialize)]
    struct File {
        name: &'static str,
        data: Bytes,
        more: Vec<ByteBuf>,
        maybe: Option<Bytes>,
    }
    let data = |n: u8| Bytes::from(vec![n]);

    assert_eq!(wire(&data(1)), [r#"451-["e",@0]"#, "<01>"]);
    assert_eq!(wire(&(1, data(2), "x")), [r#"451-["e",1,@0,"x"]"#, "<02>"]);
    let file = File {
        name: "a",
        data: data(1),
        more: vec![ByteBuf::from([2]), ByteBuf::new()],
        maybe: Some(data(4)),
    };
    assert_eq!(
        wire(&file),
        [
            r#"454-["e",{"name":"a","data":@0,"more":[@1,@2],"maybe":@3}]"#,
            "<01>",
            "<02>",
            "<>",
            "<04>"
        ]
    );
    assert_eq!(wire(&vec![1_u8, 2]), [r#"42["e",[1,2]]"#], "numbers are numbers");
}

#[test]
fn binary_values_go_out_over_polling_as_base64() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/admin");

    h.emit(client.socket, "e", &(Bytes::from_static(&[1, 2, 3, 4]), Bytes::new()));

    assert_eq!(
        unpack(&h.fetch(&client.sid)),
        [
            format!("452-/admin,[\"e\",{},{}]", placeholder(0), placeholder(1)).as_str(),
            "bAQIDBA==",
            "b"
        ]
    );
}

#[test]
fn a_binary_event_has_its_ack_id_after_the_namespace() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/admin");
    let now = h.now;

    h.socket(client.socket).emit_with_ack("q", &Bytes::from_static(&[1]), None, now).unwrap();

    let expected = format!("451-/admin,0[\"q\",{}]", placeholder(0));
    assert_eq!(h.received(client.ws), [expected.as_str(), "<01>"]);
}

#[test]
fn binary_arguments_are_forwarded_unchanged() {
    let data: [&[u8]; 2] = [&[1], &[2]];

    let same = args(r#"{"a":[1.50,@0],"é":{}},[],"x",@1"#, &data);
    assert_eq!(wire(&same), [r#"452-["e",{"a":[1.50,@0],"é":{}},[],"x",@1]"#, "<01>", "<02>"]);
    let swapped = args("@1,@0", &data);
    assert_eq!(wire(&swapped), [r#"452-["e",@0,@1]"#, "<02>", "<01>"]);
    let mut shifted = args("@0,[@1]", &data);
    shifted.shift::<Bytes>().unwrap();
    assert_eq!(wire(&shifted), [r#"451-["e",[@0]]"#, "<02>"]);
    let wrapped = args("@0", &data[..1]);
    assert_eq!(wire(&("echo", wrapped)), [r#"451-["e","echo",[@0]]"#, "<01>"]);
}

#[test]
fn forwarded_binary_values_equal_those_that_arrived() {
    let (mut h, client) = connected();
    let data = [Bytes::from(vec![1; 100]), Bytes::from(vec![2; 100])];
    h.frame(client.ws, format!("452-[\"e\",{},{{\"a\":{}}}]", placeholder(1), placeholder(0)));
    for data in &data {
        let frame = Frame::Binary(data.clone());
        h.feed(Input::Frame { ws: client.ws, frame });
    }
    let args = h.arrived().2;

    h.emit(client.socket, "alone", &args);
    h.emit(client.socket, "within", &(1, [Some(&args)]));
    let frames = h.frames(client.ws);

    let sent = frames.iter().filter_map(|frame| match frame {
        Frame::Binary(data) => Some((data.as_ptr(), data.len())),
        Frame::Text(_) => None,
    });
    let arrived = |at: usize| (data[at].as_ptr(), data[at].len());
    assert!(sent.eq([1, 0, 1, 0].map(arrived)), "the same memory, by the order of their names");
}

#[test]
fn data_that_looks_like_a_placeholder_is_refused_next_to_binary_values() {
    let data = Bytes::from_static(&[1]);
    let raw = |json: &str| serde_json::value::RawValue::from_string(json.to_owned()).unwrap();

    assert!(matches!(
        refused(&(&data, json!({ "_placeholder": true, "num": 0 }))),
        EmitError::Encode(EncodeError::Placeholder)
    ));
    for json in [
        r#"{"_placeholder":true,"num":0}"#,
        r#"{"num":0,"_placeholder":true}"#,
        r#"{"_placeholder":true}"#,
        r#"{"a":1,"_placeholder":true,"num":0}"#,
        r#"{"a":1,"b":[],"num":0,"_placeholder":true}"#,
        r#"{ "\u005fplaceholder" : true, "num":0}"#,
        r#"{"a":{"b":[{"c":0,"_placeholder":true,"num":0}]}}"#,
        r#"{"_placeholder":{"_placeholder":true,"num":0},"num":0}"#,
    ] {
        assert!(
            matches!(refused(&(&data, raw(json))), EmitError::Encode(EncodeError::Placeholder)),
            "{json}"
        );
        assert!(
            matches!(refused(&(raw(json), &data)), EmitError::Encode(EncodeError::Placeholder)),
            "{json}"
        );
    }
    for json in [r#""_placeholder""#, r#"["_placeholder",true]"#, r#"{"a":"_placeholder"}"#] {
        assert_eq!(wire(&(&data, raw(json)))[0], format!("451-[\"e\",@0,{json}]"));
    }
    assert_eq!(wire(&json!({ "_placeholder": true, "num": 0 })).len(), 1, "harmless alone");
}

#[test]
fn data_of_a_client_is_not_forwarded_as_a_placeholder() {
    let (mut h, client) = connected();
    h.frame(client.ws, r#"42["e",{"a":1,"_placeholder":true,"num":0}]"#);
    let (socket, _, evil, _) = h.arrived();

    let data = (evil, Bytes::from_static(b"secret"));
    let result = h.socket(socket).emit("e", &data, EmitOptions::default());

    assert!(matches!(result, Err(EmitError::Encode(EncodeError::Placeholder))));
}
