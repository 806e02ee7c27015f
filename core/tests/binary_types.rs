//! Binary values at any depth of the types that read arguments.

mod common;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;

use bytes::Bytes;
use common::Harness;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use sockeye_core::{Args, Server, Value};

/// The arguments of an event, as they arrive. `@0` stands for the placeholder of attachment 0.
fn args(json: &str, attachments: &[&[u8]]) -> Args {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");
    let mut packet = format!("45{}-[\"e\",{json}]", attachments.len());
    for num in 0..attachments.len() {
        let placeholder = format!("{{\"_placeholder\":true,\"num\":{num}}}");
        packet = packet.replace(&format!("@{num}"), &placeholder);
    }
    h.frame(client.ws, packet);
    for data in attachments {
        h.binary(client.ws, data.to_vec());
    }
    h.arrived().2
}

#[test]
fn binary_values_are_read_at_any_depth() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct File {
        name: String,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        thumbnail: Option<Bytes>,
        parts: Vec<ByteBuf>,
        by_name: BTreeMap<String, Bytes>,
        pair: (u8, Bytes),
        #[serde(default)]
        missing: Option<Bytes>,
        nothing: Option<Bytes>,
    }

    let file: File = args(
        r#"{"name":"a","data":@0,"thumbnail":@1,"parts":[@2,@3],"by_name":{"x":@4},
            "ignored":{"deep":[@5,@6,{"x":"y"}]},"pair":[7,@7],"nothing":null}"#,
        &[&[0], &[1, 1], &[2, 2, 2], &[3], &[4], &[5], &[6], &[7, 7, 7]],
    )
    .get(0)
    .unwrap();

    assert_eq!(
        file,
        File {
            name: "a".to_owned(),
            data: vec![0],
            thumbnail: Some(vec![1, 1].into()),
            parts: vec![ByteBuf::from([2, 2, 2]), ByteBuf::from([3])],
            by_name: BTreeMap::from([("x".to_owned(), vec![4].into())]),
            pair: (7, vec![7, 7, 7].into()),
            missing: None,
            nothing: None,
        }
    );
}

#[test]
fn binary_values_are_read_in_all_representations_of_enums() {
    #[derive(Debug, Deserialize, PartialEq)]
    enum External {
        Unit,
        Newtype(Bytes),
        Tuple(u8, Bytes),
        Struct { data: Bytes },
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "type")]
    enum Internal {
        File { data: Bytes },
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        File(Bytes),
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Untagged {
        Text(String),
        Data(Bytes),
        Nested { data: Bytes },
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Outer {
        id: u8,
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        data: Bytes,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Newtype(Bytes);

    let data = || Bytes::from_static(&[0xff]);
    let one: [&[u8]; 1] = [&[0xff]];

    assert_eq!(args("\"Unit\"", &one).get::<External>(0).unwrap(), External::Unit);
    assert_eq!(args("{\"Unit\":null}", &one).get::<External>(0).unwrap(), External::Unit);
    let newtype = args("{\"Newtype\":@0}", &one).get(0);
    assert_eq!(newtype.ok(), Some(External::Newtype(data())));
    let tuple = args("{\"Tuple\":[1,@0]}", &one).get(0);
    assert_eq!(tuple.ok(), Some(External::Tuple(1, data())));
    let structure = args("{\"Struct\":{\"data\":@0}}", &one).get(0);
    assert_eq!(structure.ok(), Some(External::Struct { data: data() }));
    let internal = args("{\"type\":\"File\",\"data\":@0}", &one).get(0);
    assert_eq!(internal.ok(), Some(Internal::File { data: data() }));
    let adjacent = args("{\"t\":\"File\",\"c\":@0}", &one).get(0);
    assert_eq!(adjacent.ok(), Some(Adjacent::File(data())));
    assert_eq!(args("\"x\"", &one).get(0).ok(), Some(Untagged::Text("x".to_owned())));
    assert_eq!(args("@0", &one).get(0).ok(), Some(Untagged::Data(data())));
    let nested = args("{\"data\":@0}", &one).get(0);
    assert_eq!(nested.ok(), Some(Untagged::Nested { data: data() }));
    let flat = args("{\"id\":1,\"data\":@0}", &one).get(0);
    assert_eq!(flat.ok(), Some(Outer { id: 1, inner: Inner { data: data() } }));
    assert_eq!(args("@0", &one).get(0).ok(), Some(Newtype(data())));
}

#[test]
fn keys_of_maps_may_be_numbers_and_variants_next_to_binary_values() {
    #[derive(Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
    enum Key {
        A,
    }

    let numbers: BTreeMap<u8, Bytes> = args("{\"7\":@0}", &[&[1]]).get(0).unwrap();
    assert_eq!(numbers, BTreeMap::from([(7, vec![1].into())]));
    let variants: BTreeMap<Key, Bytes> = args("{\"A\":@0}", &[&[1]]).get(0).unwrap();
    assert_eq!(variants, BTreeMap::from([(Key::A, vec![1].into())]));
    let escaped: BTreeMap<String, Bytes> = args("{\"\\u00e9\":@0}", &[&[1]]).get(0).unwrap();
    assert_eq!(escaped, BTreeMap::from([("é".to_owned(), vec![1].into())]));
    let proto: BTreeMap<String, Bytes> = args("{\"__proto__\":@0}", &[&[1]]).get(0).unwrap();
    assert_eq!(proto.len(), 1);
}

#[test]
fn a_binary_value_is_neither_text_nor_the_name_of_a_variant() {
    #[derive(Debug, Deserialize)]
    enum External {
        Abc,
    }
    #[derive(Debug, Deserialize)]
    #[serde(tag = "type")]
    enum Internal {
        Abc,
    }
    #[derive(Debug, Deserialize)]
    struct Named {
        #[allow(dead_code, reason = "it is never read")]
        name: String,
    }
    fn fault<T: DeserializeOwned + Debug>(json: &str) -> String {
        args(json, &[b"Abc"]).get::<T>(0).expect_err("it is refused").to_string()
    }

    let fault_of_text = "argument 0: invalid type: byte array, expected a string";
    assert_eq!(fault::<String>("@0"), fault_of_text);
    assert_eq!(fault::<Box<str>>("@0"), fault_of_text);
    assert_eq!(fault::<Option<String>>("@0"), fault_of_text);
    for fault in [
        fault::<Cow<'static, str>>("@0"),
        fault::<char>("@0"),
        fault::<PathBuf>("@0"),
        fault::<External>("@0"),
        fault::<(String,)>("[@0]"),
        fault::<BTreeMap<String, String>>("{\"a\":@0}"),
        fault::<Named>("{\"name\":@0}"),
        fault::<Internal>("{\"type\":@0}"),
    ] {
        assert!(fault.contains("invalid type: byte array, expected "), "{fault}");
    }
    let shifted = args("@0", &[b"abc"]).shift::<String>();
    assert!(shifted.is_err());
    assert!(args("@0", &[b"abc"]).parse::<(String,)>().is_err());
}

#[test]
fn other_values_read_the_same_next_to_binary_values() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct All {
        text: String,
        number: f64,
        negative: i64,
        large: u64,
        yes: bool,
        letter: char,
        unit: (),
        list: Vec<Option<u8>>,
    }
    let json = r#"{"text":"é\n","number":1,"negative":-5,"large":18446744073709551615,
        "yes":true,"letter":"x","unit":null,"list":[1,null,3]}"#;

    let with = args(&format!("{json},@0"), &[&[0xff]]);
    let without = serde_json::from_str::<All>(json).unwrap();

    assert_eq!(with.get::<All>(0).unwrap(), without);
    assert_eq!(with.parse::<(All, Bytes)>().unwrap(), (without, vec![0xff].into()));
    assert!(with.get::<String>(1).is_err());
    assert!(with.get::<u8>(0).is_err());
    assert!(with.parse::<(All,)>().is_err());
    assert!(with.get::<BTreeMap<String, u8>>(0).is_err());
}

#[test]
fn sequences_and_arrays_of_u8_take_binary_values() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Digest([u8; 3]);

    let one = |data: &'static [u8]| args("@0", &[data]);
    assert_eq!(one(b"abc").get::<Vec<u8>>(0).unwrap(), b"abc");
    assert_eq!(one(b"").get::<Vec<u8>>(0).unwrap(), b"");
    assert_eq!(one(b"abc").get::<Option<Box<[u8]>>>(0).unwrap().as_deref(), Some(&b"abc"[..]));
    assert_eq!(one(b"abc").get::<[u8; 3]>(0).unwrap(), *b"abc");
    assert_eq!(one(b"abc").get::<Digest>(0).unwrap(), Digest(*b"abc"));
    assert_eq!(
        args("[@0,[1]]", &[b"abc"]).get::<Vec<Vec<u8>>>(0).unwrap(),
        [vec![97, 98, 99], vec![1]]
    );

    let fault = |error: sockeye_core::ArgError| error.to_string();
    let long = fault(one(b"abc").get::<[u8; 2]>(0).unwrap_err());
    assert_eq!(long, "argument 0: invalid length 3, expected 2");
    assert!(one(b"abc").get::<[u8; 4]>(0).is_err());
    let floats = fault(one(b"abc").get::<Vec<f64>>(0).unwrap_err());
    assert_eq!(floats, "argument 0, field `[0]`: invalid type: byte array, expected f64");
}

#[test]
fn a_value_is_displayed_as_json() {
    let json = r#"{"b":[1,2.5,null,true,"\"x\""],"a":@0}"#;
    let value: Value = args(json, &[&[1, 2]]).get(0).unwrap();

    assert_eq!(value.to_string(), r#"{"b":[1,2.5,null,true,"\"x\""],"a":[1,2]}"#);
    assert_eq!(format!("{:#}", Value::Array(vec![Value::Null])), "[\n  null\n]");
}
