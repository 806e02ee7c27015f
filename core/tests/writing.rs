//! Emitted data is written as serde_json writes it, and binary values are not copied.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use sockeye_core::{Args, EncodeError, Value};

/// One argument as it is written.
fn written(data: &impl Serialize) -> Result<String, EncodeError> {
    Ok(Args::of(&(data,))?.iter().next().expect("there is one").to_owned())
}

fn same(data: impl Serialize + Debug) {
    let expected = serde_json::to_string(&data);
    match (written(&data), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(EncodeError::Serialize(_)), Err(_)) => {}
        (found, expected) => panic!("{data:?}: {found:?}, not {expected:?}"),
    }
    // Alone, several, and within others.
    let Ok(json) = serde_json::to_string(&data) else { return };
    let args = Args::of(&(1, &data, [&data])).expect("it can be written");
    assert_eq!(args.iter().collect::<Vec<_>>(), ["1", &*json, &*format!("[{json}]")]);
    let args = Args::of(&Some(&data)).expect("it can be written");
    assert_eq!(args.iter().collect::<Vec<_>>(), [json]);
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
enum Key {
    A,
    #[serde(rename = "\"")]
    Quote,
}

#[derive(Debug, Serialize)]
enum Kind<T> {
    Unit,
    Newtype(T),
    Tuple(T, u8),
    Struct { first: T, r#type: () },
    Empty {},
}

#[derive(Debug, Serialize)]
#[serde(tag = "t")]
enum Internal {
    Unit,
    Struct { a: i8 },
}

#[derive(Debug, Serialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    none: Option<u8>,
}

#[derive(Debug, Serialize)]
struct Unit;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Newtype<T>(T);

#[derive(Debug, Serialize)]
struct Pair(u8, Option<()>);

#[derive(Debug, Serialize)]
struct Empty {}

#[test]
fn everything_is_written_as_serde_json_writes_it() {
    same(true);
    same((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    same((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    same([0.0, -0.0, 0.1, 1.0, 1e300, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY]);
    same([f32::MAX, f32::MIN_POSITIVE, 0.3, f32::NEG_INFINITY]);
    same(['a', '"', '\\', '\n', '\0', '\u{7f}', 'é', '😀', '\u{2028}']);
    same(["", "plain", "a \"quote\" \\ \u{1e}\u{8}\u{c}\r\t", "é\u{ffff}"]);
    same(("x".repeat(15), "x".repeat(16) + "\n", "\u{1}".repeat(100)));
    same((None::<u8>, Some(1), Some(Some(None::<u8>)), (), Unit, PhantomData::<u8>));
    same((Newtype(Newtype(1)), Pair(1, None), Pair(2, Some(())), Empty {}));
    same((Kind::<u8>::Unit, Kind::Newtype([1]), Kind::Tuple("x", 1)));
    same((Kind::Struct { first: Kind::Tuple((), 1), r#type: () }, Kind::<u8>::Empty {}));
    same((Internal::Unit, Internal::Struct { a: 1 }));
    same(Flat { a: 1, rest: BTreeMap::from([("b".to_owned(), 2)]), none: None });
    same((Vec::<u8>::new(), [0_u8; 0], BTreeMap::<u8, u8>::new(), Vec::from([()])));
    same((Duration::from_millis(1500), IpAddr::from([127, 0, 0, 1]), Cow::Borrowed("x")));
    same(RawValue::from_string("{ \"a\": [1.50, \"\\ud800\"] }".to_owned()).expect("JSON"));
    same(serde_json::json!({ "z": [null, 1.5, { "a": [] }], "a": "\u{0}" }));
}

#[test]
fn keys_of_objects_are_those_that_serde_json_accepts() {
    same(BTreeMap::from([(1_u8, 1), (2, 2), (3, 3)]));
    same(BTreeMap::from([(i128::MIN, 1), (0, 2)]));
    same(BTreeMap::from([(true, 1), (false, 2)]));
    same(BTreeMap::from([('"', 1), ('x', 2)]));
    same(BTreeMap::from([(Key::A, 1), (Key::Quote, 2)]));
    same(BTreeMap::from([(Newtype(Newtype("\n")), 1)]));
    same(BTreeMap::from([(Some("a"), 1)]));
    same(BTreeMap::from([("", BTreeMap::from([("", 1), ("b", 2)]))]));
    same(BTreeMap::from([(None::<&str>, 1)]));
    same(BTreeMap::from([((), 1)]));
    same(BTreeMap::from([(vec![1], 1)]));
    same(BTreeMap::from([((1, 2), 1)]));
}

#[test]
fn only_the_unit_is_zero_arguments() {
    let count = |args: Result<Args, EncodeError>| args.expect("it can be written").len();
    assert_eq!(count(Args::of(&())), 0);
    assert_eq!(count(Args::of(&[(); 0])), 0);
    assert_eq!(count(Args::of(&Args::none())), 0);
    assert_eq!(count(Args::of(&((), ()))), 2);
    assert_eq!(count(Args::of(&serde_json::Value::Null)), 1);
    assert_eq!(count(Args::of(&Value::Null)), 1);
    assert_eq!(count(Args::of(&None::<()>)), 1);
    assert_eq!(count(Args::of(&Some(()))), 1);
    assert_eq!(count(Args::of(&Unit)), 1);
    assert_eq!(count(Args::of(&PhantomData::<()>)), 1);
    assert_eq!(count(Args::of(&[(); 2])), 2);
}

/// Swallows the error of an element.
struct Swallowing(RefCell<Option<BTreeMap<Vec<u8>, u8>>>);

impl Serialize for Swallowing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(&1)?;
        if let Some(faulty) = &*self.0.borrow() {
            let _ = list.serialize_element(faulty);
        }
        list.end()
    }
}

#[test]
fn a_swallowed_error_still_fails_the_emit() {
    assert_eq!(written(&Swallowing(RefCell::new(None))).expect("it can be written"), "[1]");
    let faulty = Swallowing(RefCell::new(Some(BTreeMap::from([(vec![1], 1)]))));
    assert!(matches!(Args::of(&faulty), Err(EncodeError::Serialize(_))));
    assert!(matches!(Args::of(&(1, faulty)), Err(EncodeError::Serialize(_))));
}

/// Arguments with binary values, which share their memory with these.
fn shared() -> (Args, Bytes) {
    let data = Bytes::from(vec![7; 1000]);
    let args = Args::of(&(1, Value::Bytes(data.clone()), "x")).expect("it can be written");
    (args, data)
}

#[test]
fn forwarded_binary_values_are_not_copied() {
    #[derive(Serialize)]
    struct Inside {
        args: Args,
        list: Vec<Value>,
    }
    let (args, data) = shared();
    assert_eq!(args.attachments()[0].as_ptr(), data.as_ptr());
    let value: Value = args.get(1).expect("it is binary");
    let inside = Inside { args: args.clone(), list: vec![Value::Null, Value::Bytes(data.clone())] };
    for again in [
        Args::of(&args),
        Args::of(&(&args, 1)),
        Args::of(&Some(&args)),
        Args::of(&Box::new([&args])),
        Args::of(&inside),
        Args::of(&Newtype(BTreeMap::from([("a", Newtype(&args))]))),
        Args::of(&Kind::Tuple(Kind::Struct { first: &args, r#type: () }, 1)),
    ] {
        for attachment in again.expect("it can be written").attachments() {
            assert_eq!(attachment, &data);
            assert_eq!(attachment.as_ptr(), data.as_ptr());
        }
    }
    // Who reads has a copy, which then is shared.
    let Value::Bytes(copy) = &value else { panic!("{value:?}") };
    let again = Args::of(&value).expect("it can be written");
    assert_eq!(again.attachments()[0].as_ptr(), copy.as_ptr());
}

#[test]
fn other_serializers_write_arguments_and_values() {
    let (args, _) = shared();
    let list = vec![7; 1000];
    let expected = serde_json::json!([1, &list, "x"]);
    assert_eq!(serde_json::to_value(&args).expect("it can be written"), expected);
    let text = serde_json::to_string(&(&args, Value::Bytes(Bytes::from_static(b"\x01"))));
    assert_eq!(text.expect("it can be written"), format!("[{expected},[1]]"));
    let raw = "{\"a\":[ 1.50,{}],\"b\":{\"_placeholder\":true,\"num\":0}}";
    let plain = Args::of(&RawValue::from_string(raw.to_owned()).expect("JSON"));
    let plain = serde_json::to_string(&plain.expect("it can be written"));
    assert_eq!(plain.expect("it can be written"), format!("[{raw}]"));
    let nested = Args::of(&serde_json::json!([{ "a": 1 }, [[]]])).expect("it can be written");
    let nested = Args::of(&(nested, Value::Bytes(Bytes::new()), [1])).expect("it can be written");
    let written = serde_json::to_string(&nested).expect("it can be written");
    assert_eq!(written, r#"[[[{"a":1},[[]]]],[],[1]]"#);
}

/// Looks at a part of itself only if asked twice.
struct Lazy;

impl Serialize for Lazy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_struct("Lazy", 2)?;
        parts.skip_field("a")?;
        parts.serialize_field("b", &shared().0)?;
        parts.end()
    }
}

#[test]
fn fields_may_be_left_out() {
    let args = Args::of(&Lazy).expect("it can be written");
    let json = r#"{"b":[1,{"_placeholder":true,"num":0},"x"]}"#;
    assert_eq!(args.iter().collect::<Vec<_>>(), [json]);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_written_as_serde_json_writes_it(value in json()) {
        same(value);
    }

    #[test]
    fn arguments_are_forwarded_unchanged(value in json(), number in any::<f32>()) {
        let args = Args::of(&(&value, number, "x")).expect("it can be written");
        let again = Args::of(&args).expect("it can be written");
        prop_assert!(again.iter().eq(args.iter()));
        prop_assert_eq!(again.len(), args.len());
        let inside = Args::of(&(1, &args)).expect("it can be written");
        let expected = format!("[{}]", args.iter().collect::<Vec<_>>().join(","));
        prop_assert_eq!(inside.iter().collect::<Vec<_>>(), vec!["1", &*expected]);
        prop_assert_eq!(serde_json::to_string(&args).expect("it can be written"), expected);
    }
}
