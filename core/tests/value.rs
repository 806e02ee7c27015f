//! Arguments of any type, and binary ones without a copy.

mod common;

use bytes::Bytes;
use common::Harness;
use proptest::prelude::*;
use sockeye_core::{Args, Server, Value};

/// Lets a client send these arguments, and returns them.
fn args(h: &mut Harness<Server>, json: &str, binary: &[&[u8]]) -> Args {
    let client = h.connect_websocket("/");
    let more = if json.is_empty() { String::new() } else { format!(",{json}") };
    if binary.is_empty() {
        h.frame(client.ws, format!("42[\"e\"{more}]"));
    } else {
        h.frame(client.ws, format!("45{}-[\"e\"{more}]", binary.len()));
        for data in binary {
            h.binary(client.ws, data.to_vec());
        }
    }
    h.arrived().2
}

fn placeholder(num: usize) -> String {
    format!("{{\"_placeholder\":true,\"num\":{num}}}")
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn bytes(data: &'static [u8]) -> Value {
    Value::Bytes(Bytes::from_static(data))
}

#[test]
fn a_value_reads_any_argument() {
    let mut h = Harness::new();

    let json = format!("null,true,-1.5,\"é\\n\",[1,[]],{{\"b\":{{}},\"a\":{}}}", placeholder(0));
    let args = args(&mut h, &json, &[&[1, 2]]);

    assert_eq!(args.get::<Value>(0).unwrap(), Value::Null);
    assert_eq!(args.get::<Value>(1).unwrap(), Value::Bool(true));
    let number = serde_json::Number::from_f64(-1.5).unwrap();
    assert_eq!(args.get::<Value>(2).unwrap(), Value::Number(number));
    assert_eq!(args.get::<Value>(3).unwrap(), text("é\n"));
    let list = Value::Array(vec![Value::Number(1.into()), Value::Array(Vec::new())]);
    assert_eq!(args.get::<Value>(4).unwrap(), list);
    let object = Value::Object(vec![
        ("b".to_owned(), Value::Object(Vec::new())),
        ("a".to_owned(), bytes(&[1, 2])),
    ]);
    assert_eq!(args.get::<Value>(5).unwrap(), object);
    assert_eq!(args.get::<Value>(6).unwrap(), Value::Null, "what is missing reads as null");
    assert_eq!(args.get::<Option<Value>>(0).unwrap(), None);
    let all: (Value, bool, f64, Value, Value, Value) = args.parse().unwrap();
    assert_eq!((all.0, all.1, all.3, all.5), (Value::Null, true, text("é\n"), object));
}

#[test]
fn arguments_made_of_data_equal_those_that_would_arrive() {
    let made = |args: Args| args.iter().map(ToOwned::to_owned).collect::<Vec<_>>();

    assert_eq!(made(Args::of(&(1, "two")).unwrap()), ["1", "\"two\""]);
    assert_eq!(made(Args::of(&[1, 2][..]).unwrap()), ["[1,2]"]);
    assert_eq!(made(Args::of(&()).unwrap()), [""; 0]);
    let binary = Args::of(&("b", bytes(&[7]))).unwrap();
    assert_eq!((binary.len(), binary.attachments()), (2, &[Bytes::from_static(&[7])][..]));
}

#[test]
fn an_object_keeps_its_order_and_equal_keys() {
    let mut h = Harness::new();

    let args = args(&mut h, r#"{"z":1,"a":2,"z":3,"":4}"#, &[]);

    let Value::Object(entries) = args.get(0).unwrap() else { panic!("it is an object") };
    let keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["z", "a", "z", ""]);
}

#[test]
fn large_numbers_keep_their_digits() {
    let mut h = Harness::new();

    let args = args(&mut h, "18446744073709551615,-9223372036854775808,1e300", &[]);

    assert_eq!(args.get::<Value>(0).unwrap(), Value::Number(u64::MAX.into()));
    assert_eq!(args.get::<Value>(1).unwrap(), Value::Number(i64::MIN.into()));
    let great = serde_json::Number::from_f64(1e300).unwrap();
    assert_eq!(args.get::<Value>(2).unwrap(), Value::Number(great));
}

#[test]
fn a_value_is_written_as_it_was_read() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    let value = Value::Array(vec![
        bytes(&[1]),
        Value::Object(vec![("x".to_owned(), bytes(&[2, 3])), ("n".to_owned(), Value::Null)]),
        text("\"\u{2028}"),
    ]);

    h.emit(client.socket, "one", &value);
    h.emit(client.socket, "two", &(&value, false));

    let list =
        format!("[{},{{\"x\":{},\"n\":null}},\"\\\"\u{2028}\"]", placeholder(0), placeholder(1));
    assert_eq!(
        h.received(client.ws),
        [
            format!("452-[\"one\",{list}]"),
            "<01>".to_owned(),
            "<02 03>".to_owned(),
            format!("452-[\"two\",{list},false]"),
            "<01>".to_owned(),
            "<02 03>".to_owned(),
        ]
    );
}

#[test]
fn a_binary_argument_is_available_without_a_copy() {
    let mut h = Harness::new();

    let json =
        format!("{},\"text\",{{\"in\":{}}},{}", placeholder(1), placeholder(2), placeholder(0));
    let args = args(&mut h, &json, &[&[1, 2], &[3], &[4]]);

    assert_eq!(args.binary(0).map(|data| &data[..]), Some(&[3][..]));
    assert_eq!(args.binary(1), None, "it is text");
    assert_eq!(args.binary(2), None, "it is not binary itself");
    assert_eq!(args.binary(3).map(|data| &data[..]), Some(&[1, 2][..]));
    assert_eq!(args.binary(4), None, "it is missing");
    assert_eq!(args.binary(3).unwrap().as_ptr(), args.attachments()[0].as_ptr());
    assert_eq!(args.get::<Bytes>(0).unwrap(), Bytes::from_static(&[3]));
}

#[test]
fn text_that_looks_like_a_placeholder_is_not_binary() {
    let mut h = Harness::new();

    let args = args(&mut h, &format!("{},{}", placeholder(0), "{\"num\":0}"), &[]);

    assert_eq!(args.binary(0), None, "nothing binary came along");
    assert_eq!(args.binary(1), None);
}

#[test]
fn shifting_an_argument_keeps_the_binary_values_of_the_rest() {
    let mut h = Harness::new();
    let mut args = args(&mut h, &format!("1,{},3", placeholder(0)), &[&[9]]);

    assert_eq!(args.shift::<u8>().unwrap(), 1);
    assert_eq!(args.binary(0).map(|data| &data[..]), Some(&[9][..]));
    assert_eq!(args.shift::<Value>().unwrap(), bytes(&[9]));
    assert_eq!(args.binary(0), None);
    assert_eq!(args.shift::<Value>().unwrap(), Value::Number(3.into()));
    assert!(args.is_empty());
    assert_eq!(args.shift::<Value>().unwrap(), Value::Null);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| Value::Number(number.into())),
        any::<u64>().prop_map(|number| Value::Number(number.into())),
        any::<String>().prop_map(Value::String),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|data| Value::Bytes(data.into())),
    ];
    // No more than ten binary values fit into a packet.
    leaf.prop_recursive(4, 10, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[a-c\\PC]{0,4}", inner), 0..4).prop_map(Value::Object),
        ]
    })
}

fn count(value: &Value) -> usize {
    match value {
        Value::Bytes(_) => 1,
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(entries) => entries.iter().map(|(_, value)| count(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_value_survives_the_wire(value in value()) {
        prop_assume!(count(&value) <= 10);
        let mut h = Harness::<Server>::new();
        let client = h.connect_websocket("/");
        h.events();

        h.emit(client.socket, "e", &(&value, "end"));
        for frame in h.frames(client.ws) {
            match frame {
                sockeye_core::Frame::Text(text) => h.frame(client.ws, text),
                sockeye_core::Frame::Binary(data) => h.binary(client.ws, data),
            }
        }

        let (_, _, args, _) = h.arrived();
        prop_assert_eq!(args.get::<Value>(0).unwrap(), value);
        prop_assert_eq!(args.get::<String>(1).unwrap(), "end");
    }
}
