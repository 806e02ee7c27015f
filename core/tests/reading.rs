//! Types read the same whether or not there are binary values elsewhere in the packet.

#![allow(dead_code, reason = "fields are shown, and compared as text")]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;
use sockeye_core::{Args, Value};

#[derive(Debug, Deserialize, PartialEq)]
struct Unit;

#[derive(Debug, Deserialize, PartialEq)]
struct Newtype<T>(T);

#[derive(Debug, Deserialize, PartialEq)]
struct Two(i64, Option<String>);

#[derive(Debug, Deserialize)]
struct Struct<T> {
    a: T,
    #[serde(default)]
    b: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: u8,
}

#[derive(Debug, Deserialize)]
struct Flat {
    a: Option<Value>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
enum External {
    Unit,
    Newtype(f32),
    Tuple(u8, Option<i128>),
    Struct { a: Option<Value> },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t")]
enum Internal {
    Unit,
    Struct { a: Option<Value> },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    Newtype(Value),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i8),
    Float(f32),
    Text(String),
    List(Vec<Self>),
    Object(BTreeMap<String, Self>),
    Nothing,
}

#[derive(Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Key {
    A,
    #[serde(rename = "1")]
    One,
}

/// Takes lists and objects, but asks for one of them.
#[derive(Debug)]
struct OneOrMany<const LIST: bool>(usize);

impl<'de, const LIST: bool> Deserialize<'de> for OneOrMany<LIST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = usize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one or many")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<usize, A::Error> {
                let mut count = 0;
                while values.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(count)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<usize, A::Error> {
                let mut count = 0;
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(count)
            }
        }
        if LIST { deserializer.deserialize_seq(Count) } else { deserializer.deserialize_map(Count) }
            .map(Self)
    }
}

/// Reads one element of a list and leaves the others.
#[derive(Debug)]
struct First(Option<i64>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Option<i64>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                values.next_element()
            }
        }
        deserializer.deserialize_seq(One).map(Self)
    }
}

/// What is there or not, without a look at it.
#[derive(Debug)]
struct Blind(bool);

impl<'de> Deserialize<'de> for Blind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_none<E>(self) -> Result<bool, E> {
                Ok(false)
            }

            fn visit_some<D: Deserializer<'de>>(self, _: D) -> Result<bool, D::Error> {
                Ok(true)
            }
        }
        deserializer.deserialize_option(Any).map(Self)
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct Beside<T, B> {
    value: T,
    data: B,
}

#[derive(Debug, Deserialize, Serialize)]
enum Around<T, B> {
    Tuple(T, B),
}

const SENT: &str = "it can be sent";

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("it is JSON")
}

/// What was read, or that it was not.
fn outcome<T: Debug, E>(result: Result<T, E>) -> String {
    result.map_or_else(|_| "an error".to_owned(), |value| format!("{value:?}"))
}

/// Reads a value where there is nothing binary, and where there is.
fn compare<T: DeserializeOwned + Debug>(name: &str, json: &str) {
    let (value, data) = (raw(json), Bytes::from_static(&[0xff, 1]));
    // From text serde_json may read what is no UTF-8, where a key should be a truth value.
    let alone = outcome(serde_json::from_slice::<T>(json.as_bytes()));
    let same = |place: &str, found: String| {
        assert_eq!(found, alone, "{json} as {name}, {place}");
    };

    same("alone", outcome(Args::of(&value).expect(SENT).get::<T>(0)));
    let before = Args::of(&(&data, &value)).expect(SENT);
    same("behind", outcome(before.get::<T>(1)));
    same("in a tuple", outcome(before.parse::<(Bytes, T)>().map(|(_, value)| value)));
    let mut shifted = Args::of(&(&value, &data)).expect(SENT);
    same("shifted", outcome(shifted.shift::<T>()));
    assert_eq!(outcome(shifted.shift::<Bytes>()), outcome(Ok::<_, ()>(&data)), "{json}");
    let list = Args::of(&[(&value, &data)][..]).expect(SENT);
    same("in a list", outcome(list.get::<[(T, Bytes); 1]>(0).map(|[(value, _)]| value)));
    let beside = Args::of(&Beside { value: &value, data: &data }).expect(SENT);
    same("in an object", outcome(beside.get::<Beside<T, Bytes>>(0).map(|it| it.value)));
    let around = Args::of(&Around::Tuple(&value, &data)).expect(SENT);
    let variant = around.get::<Around<T, ByteBuf>>(0).map(|Around::Tuple(value, _)| value);
    same("in a variant", outcome(variant));
    let map = HashMap::from([("value", Beside { value, data: &data })]);
    let map = Args::of(&map).expect(SENT);
    let map = map.get::<HashMap<String, Beside<T, Bytes>>>(0);
    same("in a map", outcome(map.map(|mut map| map.remove("value").expect("it is there").value)));
}

macro_rules! compare {
    ($json:expr; $($type:ty),* $(,)?) => {
        $(compare::<$type>(stringify!($type), $json);)*
    };
}

fn compare_all(json: &str) {
    compare!(json;
        bool, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64, char, String, (),
        Option<bool>, Option<u128>, Option<Option<f32>>, Box<str>, Cow<'static, str>,
        Vec<i128>, Vec<f32>, Vec<Value>, [u8; 2], (f32,), (i64, String), Box<[u8]>,
        BTreeMap<String, Value>, BTreeMap<i8, Value>, BTreeMap<u64, u128>, BTreeMap<i128, Value>,
        BTreeMap<bool, Value>, BTreeMap<char, Value>, BTreeMap<Key, Value>,
        BTreeMap<Option<String>, f32>, BTreeMap<Newtype<u8>, ()>,
        Unit, Newtype<f32>, Newtype<Newtype<Vec<u128>>>, Two, Struct<u128>, Struct<f32>,
        Struct<Box<RawValue>>, Strict, Flat, External, Internal, Adjacent, Untagged, Key,
        Box<RawValue>, Option<Box<RawValue>>, Vec<Box<RawValue>>,
        BTreeMap<String, Box<RawValue>>,
        serde_json::Value, serde_json::Number, serde_json::Map<String, serde_json::Value>,
        Value, IgnoredAny, Duration, IpAddr, Bytes, ByteBuf,
        OneOrMany<true>, OneOrMany<false>, First, Blind, Vec<Blind>, Result<u8, String>,
    );
}

impl PartialOrd for Newtype<u8> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Newtype<u8> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Eq for Newtype<u8> {}

#[test]
fn every_type_reads_as_without_binary_values() {
    for json in [
        "null",
        "true",
        "0",
        "-0",
        "-1",
        "255",
        "256",
        "1.0",
        "1.5e3",
        "1e39",
        "-1e39",
        "1e400",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211456",
        "-170141183460469231731687303715884105728",
        "0.1000000000000000055511151231257827",
        "\"\"",
        "\"x\"",
        "\"A\"",
        "\"Unit\"",
        "\"127.0.0.1\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"_placeholder\"",
        "[]",
        "[1]",
        "[1,2]",
        "[1, \"x\"]",
        "[null,true,\"\\n\",1e39,[18446744073709551616]]",
        "{}",
        "{\"a\":1}",
        "{ \"a\" : 340282366920938463463374607431768211455 , \"b\":[{}]}",
        "{\"a\":1e39}",
        "{\"a\":1,\"a\":2}",
        "{\"1\":1}",
        "{\"1x\":1}",
        "{\" 1\":1}",
        "{\"01\":1}",
        "{\"true\":1,\"false\":[]}",
        "{\"é\":1}",
        "{\"t\":\"Unit\"}",
        "{\"t\":\"Struct\",\"a\":1e39}",
        "{\"t\":\"Newtype\",\"c\":[1]}",
        "{\"Unit\":null}",
        "{\"Newtype\":1e39}",
        "{\"Tuple\":[1,170141183460469231731687303715884105727]}",
        "{\"Struct\":{\"a\":[\"\\ud800\"]}}",
        "{\"secs\":1,\"nanos\":5}",
        "{\"Ok\":1}",
        "{\"Err\":\"x\",\"Ok\":1}",
    ] {
        compare_all(json);
    }
}

fn json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i128>().prop_map(|number| number.to_string()),
        any::<i8>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,3})?(e[+-]?[0-9]{1,3})?",
    ];
    let text = prop_oneof![
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("text")),
        prop::sample::select(vec!["\"A\"", "\"Unit\"", "\"\\udfff\"", "\"::1\"", "\"\\u0041\""])
            .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        number,
        text,
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned)
    ];
    let keys = vec![
        "a", "b", "t", "c", "A", "Unit", "Newtype", "Tuple", "Struct", "secs", "nanos", "Ok", "1",
        "-7", "true", "é", "", "num", "300", "1.5", "\\u0061",
    ];
    leaf.prop_recursive(4, 16, 4, move |inner| {
        let entry = (prop::sample::select(keys.clone()), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(entry, 0..4).prop_map(|entries| {
                let entry = |(key, value): (&str, String)| format!("\"{key}\": {value}");
                format!("{{{}}}", entries.into_iter().map(entry).collect::<Vec<_>>().join(" , "))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_type_reads_the_same_next_to_binary_values(json in json()) {
        compare_all(&json);
    }
}
