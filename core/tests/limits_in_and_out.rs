//! What a server takes from one client it can send on to another, whatever it puts around it; and
//! what the receiver would not take is an error of whoever sends it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

mod pair;

use std::sync::Arc;

use bytes::Bytes;
use pair::{POLLING, Pair, WEBSOCKET, secs};
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::value::RawValue;
use sockeye_core::client::{self, Auth, AuthError};
use sockeye_core::packet::{DefaultParser, Limits, Parser};
use sockeye_core::{
    Args, EmitError, EmitOptions, EncodeError, Event, RespondError, Selector, SocketId, Value,
};

const UP: usize = Limits::DEPTH_TO_SERVER;
const DOWN: usize = Limits::DEPTH_TO_CLIENT;

fn parsers() -> Vec<Arc<dyn Parser>> {
    vec![Arc::new(DefaultParser), Arc::new(sockeye_msgpack::MsgpackParser)]
}

/// A client on a WebSocket that has joined `/`, and the server's handle of it.
fn joined(parser: &Arc<dyn Parser>) -> (Pair, SocketId, SocketId) {
    let mut pair = Pair::with(
        |config| {
            config.transports = vec![WEBSOCKET];
            config.parser = Arc::clone(parser);
        },
        |config| config.parser = Arc::clone(parser),
    );
    let (id, peer) = pair.join("/");
    pair.clear();
    (pair, id, peer)
}

/// Data that is so deep, of every kind of container by turns.
#[derive(Clone, Copy)]
struct Mixed {
    depth: usize,
    binary: bool,
}

impl Serialize for Mixed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = |levels| Self { depth: self.depth - levels, ..*self };
        match (self.depth, self.depth % 8) {
            (0, _) => serializer.serialize_u8(0),
            // What stands for a binary value is an object itself.
            (1, _) if self.binary => serializer.serialize_bytes(&[1, 2]),
            (2.., 0) => serializer.serialize_newtype_variant("E", 0, "n", &inner(1)),
            (2.., 1) => {
                let mut parts = serializer.serialize_tuple_variant("E", 0, "t", 1)?;
                parts.serialize_field(&inner(2))?;
                parts.end()
            }
            (2.., 2) => {
                let mut parts = serializer.serialize_struct_variant("E", 0, "s", 1)?;
                parts.serialize_field("a", &inner(2))?;
                parts.end()
            }
            (_, 3) => {
                let mut parts = serializer.serialize_map(None)?;
                parts.serialize_entry(&7, &inner(1))?;
                parts.end()
            }
            (_, 4) => {
                let mut parts = serializer.serialize_struct("S", 2)?;
                parts.serialize_field("a", &())?;
                parts.serialize_field("b", &inner(1))?;
                parts.end()
            }
            (_, 5) => {
                let mut parts = serializer.serialize_tuple(2)?;
                parts.serialize_element(&inner(1))?;
                parts.serialize_element(&[0_u8; 0])?;
                parts.end()
            }
            (_, 6) => {
                let mut parts = serializer.serialize_tuple_struct("T", 1)?;
                parts.serialize_field(&inner(1))?;
                parts.end()
            }
            _ => {
                let mut parts = serializer.serialize_seq(Some(1))?;
                parts.serialize_element(&inner(1))?;
                parts.end()
            }
        }
    }
}

fn raw(depth: usize) -> Box<RawValue> {
    RawValue::from_string("[".repeat(depth) + &"]".repeat(depth)).unwrap()
}

/// One argument.
enum Data {
    Raw(Box<RawValue>),
    Mixed(Mixed),
    Value(serde_json::Value),
    Args(Args),
}

impl Data {
    /// Data of each kind that is so deep.
    fn kinds(depth: usize) -> Vec<Self> {
        let value = |inner, _| serde_json::json!({ "a": inner });
        vec![
            Self::Raw(raw(depth)),
            Self::Mixed(Mixed { depth, binary: false }),
            Self::Mixed(Mixed { depth, binary: true }),
            Self::Value((0..depth).fold(serde_json::json!(1), value)),
            // One level is that of the list which they are in.
            Self::Args(Args::of(&(raw(depth - 1), 1)).unwrap()),
            Self::Args(Args::of(&(1, Mixed { depth: depth - 1, binary: true })).unwrap()),
        ]
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Raw(raw) => raw.serialize(serializer),
            Self::Mixed(mixed) => mixed.serialize(serializer),
            Self::Value(value) => value.serialize(serializer),
            Self::Args(args) => serializer.serialize_some(args),
        }
    }
}

/// Data within so many lists more.
struct Within<'a, T: ?Sized>(usize, &'a T);

impl<T: ?Sized + Serialize> Serialize for Within<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self(0, data) => data.serialize(serializer),
            Self(levels, data) => serializer.collect_seq([Within(levels - 1, *data)]),
        }
    }
}

fn is_too_deep<T>(sent: Result<T, impl std::error::Error + 'static>, most: usize) -> bool {
    let error = sent.err().expect("an error").to_string();
    error == format!("data is nested in more than {most} levels")
}

fn at_server(pair: &mut Pair) -> Args {
    match &pair.server_events()[..] {
        [Event::Received { args, .. } | Event::Acked { result: Ok(args), .. }] => args.clone(),
        other => panic!("{other:?}"),
    }
}

fn at_client(pair: &mut Pair) -> Args {
    pair.run(secs(1));
    match &pair.client_events()[..] {
        [
            client::Event::Received { args, .. }
            | client::Event::Acked { result: Ok(args), .. }
            | client::Event::Refused { data: args, .. },
        ] => args.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_client_may_send_a_server_sends_on_within_eight_more_levels() {
    for parser in parsers() {
        // The array of the arguments is the first level.
        for data in Data::kinds(UP - 1) {
            let (mut pair, id, peer) = joined(&parser);
            pair.emit(id, "e", &data);
            pair.run(secs(1));
            let args = at_server(&mut pair);
            let now = pair.now;

            // The arguments together are one level more, too.
            let deep = Within(DOWN - UP - 1, &args);
            pair.serve(peer, "e", &deep);
            assert_eq!(at_client(&mut pair).len(), 1);
            pair.serve(peer, "e", &args);
            assert_eq!(at_client(&mut pair).len(), args.len());
            let everybody = Selector::all();
            pair.server.emit("/", &everybody, "e", &(deep, 1), EmitOptions::default()).unwrap();
            assert_eq!(at_client(&mut pair).len(), 2);

            let deeper = Within(DOWN - UP, &args);
            let mut socket = pair.server.socket(peer).unwrap();
            assert!(is_too_deep(socket.emit("e", &deeper, EmitOptions::default()), DOWN));
            assert!(is_too_deep(socket.emit_with_ack("e", &deeper, None, now), DOWN));
            let sent = pair.server.emit("/", &everybody, "e", &deeper, EmitOptions::default());
            assert!(is_too_deep(sent, DOWN));
            let sent = pair.server.emit_with_ack("/", &everybody, "e", &(1, deeper), None, now);
            assert!(is_too_deep(sent, DOWN));
            pair.settle();
            pair.finish();
        }
    }
}

#[test]
fn no_client_sends_what_is_too_deep_for_a_server() {
    for parser in parsers() {
        for (data, deeper) in Data::kinds(UP - 1).iter().zip(&Data::kinds(UP)) {
            let (mut pair, id, peer) = joined(&parser);
            let now = pair.now;
            let mut socket = pair.socket(id);
            assert!(is_too_deep(socket.emit("e", deeper, EmitOptions::default(), now), UP));
            assert!(is_too_deep(socket.emit_with_ack("e", deeper, None, now), UP));
            socket.emit_with_ack("e", data, None, now).unwrap();
            pair.settle();
            pair.run(secs(1));
            assert_eq!(at_server(&mut pair).len(), 1);

            for _ in 0..2 {
                pair.server.socket(peer).unwrap().emit_with_ack("q", &(), None, now).unwrap();
            }
            pair.settle();
            pair.run(secs(1));
            let mut responders = pair.client_events().into_iter().map(|event| match event {
                client::Event::Received { ack: Some(ack), .. } => ack,
                other => panic!("{other:?}"),
            });
            let mut responder = || responders.next().unwrap();
            let now = pair.now;
            assert!(is_too_deep(pair.socket(id).ack(responder(), deeper, now), UP));
            pair.socket(id).ack(responder(), data, now).unwrap();
            pair.run(secs(1));
            assert_eq!(at_server(&mut pair).len(), 1);
            pair.finish();
        }
    }
}

#[test]
fn answers_and_refusals_are_as_deep_as_clients_take_them() {
    for parser in parsers() {
        for (data, deeper) in Data::kinds(DOWN - 1).iter().zip(&Data::kinds(DOWN)) {
            let (mut pair, id, peer) = joined(&parser);
            pair.ask(id, "q", None);
            pair.ask(id, "q", None);
            pair.run(secs(1));
            let mut responders = pair.server_events().into_iter().map(|event| match event {
                Event::Received { ack: Some(ack), .. } => ack,
                other => panic!("{other:?}"),
            });
            let mut responder = || responders.next().unwrap();
            let mut socket = pair.server.socket(peer).unwrap();
            assert!(is_too_deep(socket.ack(responder(), deeper), DOWN));
            socket.ack(responder(), data).unwrap();
            pair.settle();
            assert_eq!(at_client(&mut pair).len(), 1);

            pair.open("/secret");
            pair.run(secs(1));
            let asking = pair.socket_asking.take().unwrap();
            assert!(is_too_deep(pair.server.reject(asking, "no", deeper), DOWN));
            pair.server.reject(asking, "no", data).unwrap();
            assert_eq!(at_client(&mut pair).len(), 1);
            assert!(pair.socket(id).is_connected());
            pair.finish();
        }
    }
}

#[test]
fn what_is_sent_along_at_connect_is_as_deep_as_servers_take_it() {
    let auth = |depth| serde_json::json!({ "a": Mixed { depth: depth - 1, binary: false } });
    assert!(matches!(
        Auth::value(&auth(UP + 1)),
        Err(AuthError::Encode(EncodeError::TooDeep { limit: UP }))
    ));
    for parser in parsers() {
        let (mut pair, _, _) = joined(&parser);
        let auth = Auth::value(&auth(UP)).unwrap();
        pair.open_with("/admin", client::SocketConfig::default().auth(auth));
        pair.run(secs(1));
        assert_eq!(pair.told(), ["connected"]);
        pair.finish();
    }
}

#[test]
fn what_was_taken_off_the_arguments_does_not_count() {
    let (mut pair, id, peer) = joined(&parsers()[0]);
    pair.emit(id, "e", &(raw(UP - 1), raw(3), Bytes::from_static(b"x").as_ref()));
    pair.run(secs(1));
    let mut args = at_server(&mut pair);
    let sent = |pair: &mut Pair, args: &Args, levels| {
        let mut socket = pair.server.socket(peer).unwrap();
        socket.emit("e", &Within(levels, args), EmitOptions::default())
    };
    assert!(is_too_deep(sent(&mut pair, &args, DOWN - UP), DOWN));
    args.shift::<serde_json::Value>().unwrap();
    sent(&mut pair, &args, DOWN - 5).unwrap();
    assert!(is_too_deep(sent(&mut pair, &args, DOWN - 4), DOWN));
    assert_eq!(at_client(&mut pair).len(), 1);
}

/// What a packet with these arguments counts against limits.
fn size(name: &str, args: &Args) -> usize {
    let json: usize = args.iter().map(str::len).sum();
    let attached: usize = args.attachments().iter().map(Bytes::len).sum();
    name.len() + r#"[""]"#.len() + json + args.len() + attached
}

#[test]
fn the_largest_packet_that_a_server_takes_is_sent_on_with_more_around_it() {
    // As base64 a binary value has to fit into a POST.
    for (transport, part) in [(WEBSOCKET, 990_000), (POLLING, 740_000)] {
        let mut pair = Pair::with(|config| config.transports = vec![transport], |_| {});
        let (id, peer) = pair.join("/");
        pair.clear();
        let parts: Vec<_> = (0..10).map(|_| Value::Bytes(vec![7; part].into())).collect();
        let without = size("e", &Args::of(&(&parts, "")).unwrap());
        let text = "x".repeat((10_000_000 - without).min(900_000));
        pair.emit(id, "e", &(&parts, &text));
        pair.run(secs(60));
        let args = at_server(&mut pair);
        assert!(transport == POLLING || size("e", &args) == 10_000_000);

        let name = "name".repeat(1000);
        pair.serve(peer, &name, &(&args, "y".repeat(1_000_000)));
        assert_eq!(at_client(&mut pair).len(), 2, "{transport:?}");
        pair.finish();
    }
}

#[test]
fn what_may_wait_for_a_client_fits_into_one_answer() {
    let mut pair = Pair::polling();
    let (id, peer) = pair.join("/");
    pair.clear();
    pair.net.latency = (secs(2), secs(2));
    for _ in 0..17 {
        // The first one leaves at once, the others together.
        pair.serve(peer, "e", &Value::Bytes(vec![7; 1_048_000].into()));
    }
    pair.run(secs(10));
    assert_eq!(pair.client_events().len(), 17);
    assert!(pair.socket(id).is_connected());
    pair.finish();
}

#[test]
fn a_client_sends_no_message_that_is_too_large_for_its_server() {
    for (transport, binary) in [(WEBSOCKET, 1000), (POLLING, 747)] {
        let mut pair = Pair::with(
            |config| config.transports = vec![transport],
            |config| config.engine.max_payload = 1000,
        );
        let (id, peer) = pair.join("/");
        let text = |length| "x".repeat(length - r#"42["e",""]"#.len());
        pair.emit(id, "e", &text(1000));
        pair.emit(id, "e", &(1, Value::Bytes(vec![7; binary].into()), 2));
        pair.server.socket(peer).unwrap().emit_with_ack("q", &(), None, pair.now).unwrap();
        pair.settle();
        pair.run(secs(1));
        let ack = pair.client_events().into_iter().find_map(|event| match event {
            client::Event::Received { ack, .. } => ack,
            _ => None,
        });

        let now = pair.now;
        let mut socket = pair.socket(id);
        let is_too_large = |sent: Result<bool, EmitError>| {
            matches!(sent, Err(EmitError::MessageTooLarge { bytes: 1001, limit: 1000 }))
        };
        let is_ack_too_large = |sent: Result<bool, RespondError>| {
            matches!(sent, Err(RespondError::MessageTooLarge { bytes: 1001, limit: 1000 }))
        };
        let larger = Value::Bytes(vec![7; binary + 1].into());
        assert!(is_too_large(socket.emit("e", &text(1001), EmitOptions::default(), now)));
        assert!(is_too_large(socket.emit("e", &(1, &larger), EmitOptions::default(), now)));
        assert!(is_too_large(socket.emit_with_ack("e", &larger, None, now).map(|_| true)));
        assert!(is_ack_too_large(socket.ack(ack.unwrap(), &larger, now)));
        assert!(socket.is_connected());
        let received = |event: &&Event| matches!(event, Event::Received { .. });
        assert_eq!(pair.server_events().iter().filter(received).count(), 2);
        pair.finish();
    }
}
