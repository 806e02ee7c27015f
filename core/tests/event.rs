//! Events in both directions: which ones are taken, how they are written, how arguments are read.

mod common;

use common::{Harness, WebSocketClient};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sockeye_core::{Args, EmitError, EmitOptions, EncodeError, Event, Selector, Server};

fn connected() -> (Harness<Server>, WebSocketClient) {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    (h, client)
}

/// What one packet makes the application hear.
fn told(packet: &str) -> Vec<String> {
    let (mut h, client) = connected();
    h.frame(client.ws, format!("4{packet}"));
    h.told()
}

/// The arguments of an event, as they arrive.
fn args(json: &str) -> Args {
    let (mut h, client) = connected();
    h.frame(client.ws, format!("42[\"e\",{json}]"));
    h.arrived().2
}

/// How data goes out.
fn wire(data: &(impl Serialize + ?Sized)) -> String {
    let (mut h, client) = connected();
    h.emit(client.socket, "e", data);
    h.received(client.ws).concat()
}

#[test]
fn events_that_the_official_parser_takes_arrive() {
    for (packet, event) in [
        (r#"2["a"]"#, "#1 a[]"),
        (r#"2/,["a"]"#, "#1 a[]"),
        (r#"2["a",1,"two",[3],{"four":4},null,true]"#, r#"#1 a[1,"two",[3],{"four":4},null,true]"#),
        (r#"20["a"]"#, "#1 a[] wants ack"),
        (r#"21["a"]"#, "#1 a[] wants ack"),
        (r#"201["a"]"#, "#1 a[] wants ack"),
        (r#"29007199254740991["a"]"#, "#1 a[] wants ack"),
        ("2[\"a\"]\n", "#1 a[]"),
        ("2[ \"a\" , 1 , 2 ]", "#1 a[1,2]"),
        (r#"2["error"]"#, "#1 error[]"),
        (r#"2["connection"]"#, "#1 connection[]"),
        (r#"2["__proto__"]"#, "#1 __proto__[]"),
        (r#"2["constructor"]"#, "#1 constructor[]"),
        (r#"2["hasOwnProperty"]"#, "#1 hasOwnProperty[]"),
        (r#"2["Connect"]"#, "#1 Connect[]"),
        (r#"2[""]"#, "#1 []"),
        (r#"2["\u00e9\n\"\\"]"#, "#1 é\n\"\\[]"),
        (r#"2["é€😀"]"#, "#1 é€😀[]"),
        (r#"2[1,"a"]"#, r#"#1 1["a"]"#),
        ("2[0]", "#1 0[]"),
        (r#"2["a",{"_placeholder":true,"num":0}]"#, r#"#1 a[{"_placeholder":true,"num":0}]"#),
        ("2[\"a\",\"\u{2028}</script>\\u0000\"]", "#1 a[\"\u{2028}</script>\\u0000\"]"),
    ] {
        assert_eq!(told(packet), [event], "{packet}");
    }
}

#[test]
fn a_malformed_packet_ends_the_connection() {
    for packet in [
        "",
        "7",
        "9",
        "a",
        "-1",
        " [\"a\"]",
        "é",
        "2",
        "2[]",
        "2{}",
        "2\"a\"",
        "2null",
        "2[null]",
        "2[true]",
        "2[{}]",
        "2[[]]",
        r#"2[{"toString":"foo"}]"#,
        "2[1.5]",
        "2[-1]",
        "2[1e400]",
        "2[1e2]",
        r#"2 ["a"]"#,
        "2\t[\"a\"]",
        "2\u{a0}[\"a\"]",
        "2\u{feff}[\"a\"]",
        r#"2 1 2["a"]"#,
        r#"21 ["a"]"#,
        r#"29007199254740992["a"]"#,
        r#"299999999999999999999["a"]"#,
        r#"200000000000000001["a"]"#,
        r#"2-1["a"]"#,
        r#"2+1["a"]"#,
        r#"21.5["a"]"#,
        r#"21e3["a"]"#,
        r#"2٣["a"]"#,
        r#"2abc["x"]"#,
        r#"2["a"]x"#,
        r#"2["a""#,
        r#"2["a",]"#,
        "2['a']",
        r#"2["a"][]"#,
        r#"2["a" "b"]"#,
        "2[\"a\nb\"]",
        r#"2["\x"]"#,
        "2/admin",
        "2/admin,",
        r#"2admin,["a"]"#,
        r#"2["connect"]"#,
        r#"2["connect_error"]"#,
        r#"2["disconnect"]"#,
        r#"2["disconnecting"]"#,
        r#"2["newListener"]"#,
        r#"2["removeListener"]"#,
        r#"2["\u0063onnect"]"#,
    ] {
        assert_eq!(told(packet), ["#1 disconnected: forced close"], "{packet}");
    }
    let digits = format!("2{}[\"a\"]", "9".repeat(100_000));
    assert_eq!(told(&digits), ["#1 disconnected: forced close"]);
}

#[test]
fn a_name_may_be_as_long_as_the_payload() {
    let name = "x".repeat(900_000);
    assert_eq!(told(&format!("2[\"{name}\"]")), [format!("#1 {name}[]")]);
}

#[test]
fn arguments_may_be_nested_up_to_a_limit() {
    let nested = |depth: usize| format!("2[\"a\",{}{}]", "[".repeat(depth), "]".repeat(depth));

    assert!(told(&nested(119))[0].starts_with("#1 a[[["));
    assert_eq!(told(&nested(120)), ["#1 disconnected: forced close"]);
    assert_eq!(told(&nested(499_000)), ["#1 disconnected: forced close"]);
}

#[test]
fn json_that_only_javascript_reads_does_not_disconnect() {
    let (mut h, client) = connected();

    h.frame(client.ws, r#"42["a","\ud800",1e400,-0,18446744073709551616,{"x":1,"x":2}]"#);

    let (socket, _, args, _) = h.arrived();
    assert!(args.get::<String>(0).is_err(), "no String holds a lone surrogate");
    assert!(args.get::<f64>(1).is_err());
    assert_eq!(args.get::<f64>(2).unwrap(), 0.0);
    assert_eq!(args.get::<f64>(3).unwrap(), 18_446_744_073_709_551_616.0);
    assert_eq!(args.get::<Value>(4).unwrap(), json!({ "x": 2 }));
    h.emit(socket, "a", &args);
    assert_eq!(
        h.received(client.ws),
        [r#"42["a","\ud800",1e400,-0,18446744073709551616,{"x":1,"x":2}]"#]
    );
}

#[test]
fn a_lone_surrogate_in_a_name_becomes_one_replacement_character() {
    assert_eq!(told(r#"2["a\ud800\n",1]"#), ["#1 a\u{fffd}\n[1]"]);
    assert_eq!(told(r#"2["\udc00\ud83d\ude00\ud83d"]"#), ["#1 \u{fffd}\u{1f600}\u{fffd}[]"]);
}

// Emitting.

#[test]
fn a_tuple_is_several_arguments_and_everything_else_is_one() {
    #[derive(Serialize)]
    struct Point {
        x: i32,
        y: i32,
    }
    #[derive(Serialize)]
    struct Pair(i32, i32);
    #[derive(Serialize)]
    struct Wrapped((i32, i32));
    #[derive(Serialize)]
    struct Nothing;
    #[derive(Serialize)]
    enum Kind {
        Plain,
        One(i32),
        Two(i32, i32),
    }

    assert_eq!(wire(&()), r#"42["e"]"#);
    assert_eq!(wire(&(1,)), r#"42["e",1]"#);
    assert_eq!(wire(&(1, "two", [3], ())), r#"42["e",1,"two",[3],null]"#);
    assert_eq!(wire(&((1, 2), 3)), r#"42["e",[1,2],3]"#);
    assert_eq!(wire(&&&(1, 2)), r#"42["e",1,2]"#);
    assert_eq!(wire(&Box::new((1, 2))), r#"42["e",1,2]"#);
    assert_eq!(wire(&"text"), r#"42["e","text"]"#);
    assert_eq!(wire(&String::from("a\u{1e}\"\\\u{7f}é")), "42[\"e\",\"a\\u001e\\\"\\\\\u{7f}é\"]");
    assert_eq!(wire(&vec![1, 2]), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&[1, 2]), r#"42["e",1,2]"#, "a tuple to serde");
    assert_eq!(wire(&[1, 2][..]), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&None::<i32>), r#"42["e",null]"#);
    assert_eq!(wire(&Value::Null), r#"42["e",null]"#);
    assert_eq!(wire(&sockeye_core::Value::Null), r#"42["e",null]"#);
    assert_eq!(wire(&Some((1, 2))), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&Point { x: 1, y: 2 }), r#"42["e",{"x":1,"y":2}]"#);
    assert_eq!(wire(&Pair(1, 2)), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&Wrapped((1, 2))), r#"42["e",[1,2]]"#);
    assert_eq!(wire(&Nothing), r#"42["e",null]"#);
    assert_eq!(wire(&Kind::Plain), r#"42["e","Plain"]"#);
    assert_eq!(wire(&Kind::One(1)), r#"42["e",{"One":1}]"#);
    assert_eq!(wire(&Kind::Two(1, 2)), r#"42["e",{"Two":[1,2]}]"#);
    assert_eq!(wire(&json!([1, { "a": null }])), r#"42["e",[1,{"a":null}]]"#);
    assert_eq!(wire(&Args::none()), r#"42["e"]"#);
}

#[test]
fn an_event_carries_the_name_of_its_namespace() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/admin");

    h.emit(client.socket, "e", &1);
    h.server.emit("/admin", &Selector::all(), "f", &2, EmitOptions::default()).unwrap();

    assert_eq!(h.received(client.ws), [r#"42/admin,["e",1]"#, r#"42/admin,["f",2]"#]);
}

#[test]
fn reserved_names_cannot_be_emitted() {
    let (mut h, client) = connected();

    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let one = h.socket(client.socket).emit(name, &(), EmitOptions::default());
        assert!(matches!(one, Err(EmitError::Encode(EncodeError::Reserved))), "{name}");
        let all = h.server.emit("/", &Selector::all(), name, &(), EmitOptions::default());
        assert!(matches!(all, Err(EncodeError::Reserved)), "{name}");
    }

    assert_eq!(h.received(client.ws).len(), 0);
    assert!(h.emit(client.socket, "error", &()));
}

#[test]
fn unserializable_data_is_an_error_and_nothing_is_sent() {
    let (mut h, client) = connected();
    let map = std::collections::BTreeMap::from([(vec![1], 1)]);

    let result = h.socket(client.socket).emit("e", &(1, map), EmitOptions::default());

    assert!(matches!(result, Err(EmitError::Encode(EncodeError::Serialize(_)))));
    assert_eq!(h.received(client.ws).len(), 0);
}

#[test]
fn an_unknown_namespace_selects_no_sockets() {
    let (mut h, client) = connected();

    h.server.emit("/nowhere", &Selector::all(), "e", &(), EmitOptions::default()).unwrap();

    assert_eq!(h.received(client.ws).len(), 0);
    assert_eq!(h.server.socket_count("/nowhere"), 0);
}

// Reading arguments.

#[test]
fn arguments_are_read_one_by_one() {
    let args = args(r#"1,"two",{"three":3},null"#);

    assert_eq!(args.len(), 4);
    assert!(!args.is_empty());
    assert_eq!(args.iter().collect::<Vec<_>>(), ["1", r#""two""#, r#"{"three":3}"#, "null"]);
    assert_eq!(args.get::<u8>(0).unwrap(), 1);
    assert_eq!(args.get::<String>(1).unwrap(), "two");
    assert_eq!(args.get::<Value>(2).unwrap(), json!({ "three": 3 }));
    assert_eq!(args.get::<Option<u8>>(3).unwrap(), None);
}

#[test]
fn an_argument_that_is_missing_reads_as_null() {
    let args = args("1");

    assert_eq!(args.get::<Option<u8>>(1).unwrap(), None);
    assert_eq!(args.get::<Value>(7).unwrap(), Value::Null);
    args.get::<()>(1).unwrap();
    let error = args.get::<String>(1).unwrap_err();
    assert!(error.is_missing());
    assert_eq!(error.index(), 1);
    assert_eq!(error.to_string(), "argument 1: missing");
}

#[test]
fn an_argument_of_another_type_is_an_error_that_names_it() {
    let error = args(r#"1,"x""#).get::<u8>(1).unwrap_err();

    assert!(!error.is_missing());
    assert_eq!(error.index(), 1);
    assert!(error.to_string().starts_with("argument 1: invalid type: string"), "{error}");
}

#[test]
fn arguments_are_taken_off_the_front() {
    let mut args = args(r#"1, "x" ,[2]"#);

    assert_eq!(args.shift::<u8>().unwrap(), 1);
    let error = args.shift::<u8>().unwrap_err();
    assert_eq!(error.index(), 1);
    assert_eq!(args.len(), 1);
    assert_eq!(wire(&args), r#"42["e",[2]]"#);
    assert_eq!(args.shift::<Vec<u8>>().unwrap(), [2]);
    assert_eq!(args.shift::<Option<u8>>().unwrap(), None);
    assert_eq!(args.shift::<u8>().unwrap_err().index(), 4);
    assert!(args.is_empty());
}

#[test]
fn string_like_types_read_strings() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mood {
        Good,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Nick(String);

    let mut args = args(r#" "\u00e9t\u00e9" ,"x","good" , "nick","", "a\"b\\","5","xy""#);
    assert_eq!(args.shift::<Value>().unwrap(), json!("\u{e9}t\u{e9}"));
    assert_eq!(args.shift::<char>().unwrap(), 'x');
    assert_eq!(args.shift::<Mood>().unwrap(), Mood::Good);
    assert_eq!(args.shift::<Nick>().unwrap(), Nick("nick".into()));
    assert_eq!(args.shift::<Option<Box<str>>>().unwrap(), Some("".into()));
    assert_eq!(args.shift::<String>().unwrap(), "a\"b\\");
    assert_eq!(args.shift::<u8>().unwrap_err().index(), 6);
    let error = args.shift::<char>().unwrap_err().to_string();
    assert!(error.starts_with("argument 7: invalid value: string \"xy\""), "{error}");
    assert!(args.is_empty());
}

#[test]
fn strings_are_written_with_what_needs_escaping_escaped() {
    for text in ["", "plain", "\"", "a\\b", "\u{1f}", "\n", "\u{7f}\u{e9}\u{2028}\u{1f600}"] {
        for long in [text.to_owned(), text.repeat(50), format!("{}{text}", "x".repeat(40))] {
            let (mut h, client) = connected();
            h.socket(client.socket).emit(&long, &long, EmitOptions::default()).unwrap();
            let expected = format!("42{}", json!([long, long]));
            assert_eq!(h.received(client.ws), [expected]);
        }
    }
}

#[test]
fn all_arguments_are_read_by_the_shape_of_the_type() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Named {
        a: u8,
    }

    let two = args(r#"1,"x""#);
    assert_eq!(two.parse::<(u8, String)>().unwrap(), (1, "x".to_owned()));
    assert_eq!(two.parse::<u8>().unwrap(), 1);
    two.parse::<()>().unwrap();
    assert!(two.parse::<(u8,)>().is_err());
    assert!(two.parse::<(u8, String, Option<u8>)>().is_err());
    assert_eq!(args("[1,2]").parse::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(args(r#"{"a":1}"#).parse::<Named>().unwrap(), Named { a: 1 });
    assert_eq!(args("[1,2]").parse::<((u8, u8),)>().unwrap(), ((1, 2),));
    assert_eq!(Args::none().parse::<Option<u8>>().unwrap(), None);
    Args::none().parse::<()>().unwrap();
    assert!(Args::none().parse::<u8>().unwrap_err().is_missing());
}

#[test]
fn arguments_are_relayed_unchanged() {
    let json = r#"1.50,"é\u00e9\/",{"b":1,"a":[ ]},1e400,null"#;

    assert_eq!(wire(&args(json)), format!("42[\"e\",{json}]"));
    assert_eq!(wire(&("first", args("1,2"))), r#"42["e","first",[1,2]]"#);
}

#[test]
fn arguments_outlive_their_connection() {
    let (mut h, client) = connected();
    h.frame(client.ws, r#"42["a","x"]"#);
    let (_, _, args, _) = h.arrived();

    h.closed(client.ws, sockeye_core::CloseCause::Peer);

    assert_eq!(args.get::<String>(0).unwrap(), "x");
}

#[test]
fn an_error_about_an_argument_is_short_whatever_the_argument_is() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    let long = "é".repeat(1 << 20);
    let mut h = Harness::<Server>::new();
    let client = h.connect_websocket("/");
    h.frame(client.ws, format!("42[\"e\",\"{long}\",{{\"{long}\":1}},{{\"{long}\":\"x\"}}]"));
    let Some(Event::Received { args, .. }) = h.events().pop() else { panic!("no event") };

    for error in [
        args.get::<u8>(0).unwrap_err(),
        args.get::<Nothing>(1).unwrap_err(),
        args.get::<std::collections::BTreeMap<String, u8>>(2).unwrap_err(),
    ] {
        assert!(error.to_string().len() < 500);
        assert!(format!("{error:?}").len() < 1000);
    }
}
