//! What must hold for any input, tried with random ones.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use common::{Harness, WebSocketClient};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use sockeye_core::engineio::{Encoded, EngineConfig};
use sockeye_core::{EmitOptions, Event, Frame, Selector, Server, WsId};

// Messages of all kinds.

fn message() -> impl Strategy<Value = Frame> {
    let text = prop_oneof![
        any::<String>(),
        "[0-6][0-9]{0,3}-?(/admin,|/secret,|/,)?[0-9]{0,3}(\\[.*\\]|\\{.*\\})?",
        (select(VALID), any::<Index>(), any::<char>()).prop_map(|(packet, at, new)| {
            let mut chars: Vec<_> = packet.chars().collect();
            let at = at.index(chars.len());
            chars[at] = new;
            chars.into_iter().collect()
        }),
        select(VALID).prop_map(str::to_owned),
        (select(VALID), any::<Index>())
            .prop_map(|(packet, at)| packet[..at.index(packet.len())].to_owned()),
    ];
    prop_oneof![
        4 => text.prop_map(|text| Frame::Text(format!("4{text}").into())),
        1 => any::<String>().prop_map(|text| Frame::Text(text.into())),
        1 => vec(any::<u8>(), 0..20).prop_map(|bytes| Frame::Text(bytes.into())),
        2 => vec(any::<u8>(), 0..20).prop_map(|bytes| Frame::Binary(bytes.into())),
    ]
}

const VALID: &[&str] = &[
    "0",
    "0/admin,{\"token\":1}",
    "0/secret,",
    "1",
    "1/admin,",
    "2[\"a\",1,\"two\",[3],{\"four\":4}]",
    "2/admin,12[\"a\",{\"b\":[null,true,\"c\"]}]",
    "30[1,2]",
    "3/admin,1[]",
    "51-[\"a\",{\"_placeholder\":true,\"num\":0}]",
    "52-/admin,7[\"a\",{\"x\":{\"_placeholder\":true,\"num\":1}},{\"_placeholder\":true,\"num\":0}]",
    "61-0[{\"num\":0,\"_placeholder\":true}]",
];

/// An application that does something about everything.
fn react(h: &mut Harness<Server>) {
    let now = h.now;
    for event in h.events() {
        match event {
            Event::Connecting { socket, .. } => h.server.accept(socket),
            Event::Connected { socket, auth, .. } => {
                if let Some(mut socket) = h.server.socket(socket) {
                    socket.join("room");
                    let _ = socket.emit("hello", &auth, EmitOptions::default());
                    let _ = socket.emit_with_ack("q", &auth, None, now);
                }
            }
            Event::Received { socket, name, args, ack } => {
                let _ = args.parse::<(Data, Data)>();
                let data = args.get::<Data>(0);
                if let Some(mut socket) = h.server.socket(socket) {
                    let _ = socket.emit(&name, &args, EmitOptions::default().volatile(true));
                    let _ = socket.emit(&name, &(&args, data.ok()), EmitOptions::default());
                    if let Some(ack) = ack {
                        let _ = socket.ack(ack, &args);
                    }
                }
                let _ = h.server.emit("/", &Selector::all(), &name, &args, EmitOptions::default());
            }
            Event::Acked { result: Ok(args), .. } => {
                let _ = args.parse::<Data>();
            }
            _ => {}
        }
    }
}

proptest! {
    /// The harness checks the rest: no busy loop, no second answer, nothing left behind.
    #[test]
    fn no_messages_make_the_server_panic_or_leak(messages in vec(message(), 1..30)) {
        let mut h: Harness<Server> = Harness::new();
        let other = h.connect_websocket("/");
        let mut ws = h.connect_websocket("/").ws;
        for frame in messages {
            if !h.is_open(ws) {
                ws = h.connect_websocket("/").ws;
            }
            h.feed(sockeye_core::Input::Frame { ws, frame });
            react(&mut h);
        }
        prop_assert!(h.is_open(other.ws), "nobody else suffers");
    }

    #[test]
    fn no_bodies_make_the_engine_panic_or_leak(
        bodies in vec(vec(any::<u8>(), 0..60), 1..10),
        texts in vec("[0-7b]?[a-zA-Z0-9+/=\x1e4é]{0,30}", 1..10),
    ) {
        let mut h = Harness::engine(EngineConfig::default());
        let bodies = bodies.into_iter().chain(texts.into_iter().map(String::into_bytes));
        for body in bodies {
            let (sid, _) = h.open_polling();
            h.get(&sid);
            let post = h.post(&sid, body);
            prop_assert!(!h.is_waiting(post));
        }
    }
}

// Round trips.

/// Whatever JavaScript can send.
#[derive(Clone, Debug, PartialEq)]
enum Data {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// Never valid as text, which it could be read as otherwise.
    Binary(Vec<u8>),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Serialize for Data {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => value.serialize(serializer),
            Self::Int(value) => value.serialize(serializer),
            Self::Text(value) => value.serialize(serializer),
            Self::Binary(value) => serializer.serialize_bytes(value),
            Self::List(value) => value.serialize(serializer),
            Self::Map(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_unit<E>(self) -> Result<Data, E> {
                Ok(Data::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
                Ok(Data::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
                Ok(Data::Int(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
                Ok(Data::Int(i64::try_from(value).unwrap_or(i64::MAX)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Data, E> {
                Ok(Data::Text(value.to_owned()))
            }
            fn visit_bytes<E>(self, value: &[u8]) -> Result<Data, E> {
                Ok(Data::Binary(value.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Data::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    entries.insert(key, value);
                }
                Ok(Data::Map(entries))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn data() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        Just(Data::Null),
        any::<bool>().prop_map(Data::Bool),
        any::<i64>().prop_map(Data::Int),
        any::<String>().prop_map(Data::Text),
        vec(any::<u8>(), 0..10).prop_map(Data::Binary),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Data::List),
            btree_map(any::<String>(), inner, 0..6).prop_map(Data::Map),
        ]
    })
}

fn roomy() -> (Harness<Server>, WebSocketClient) {
    let mut h = Harness::with(|config| config.max_attachments = 1000);
    let client = h.connect_websocket("/");
    (h, client)
}

/// Sends back what the server sent: events look the same in both directions.
fn mirror(h: &mut Harness<Server>, ws: WsId, frames: Vec<Frame>) {
    for frame in frames {
        h.feed(sockeye_core::Input::Frame { ws, frame });
    }
}

proptest! {
    #[test]
    fn what_is_emitted_reads_the_same_when_it_comes_back(first in data(), second in data()) {
        let (mut h, client) = roomy();
        let name = "a \"name\"\u{1e}\\";

        h.emit(client.socket, name, &(&first, &second));
        let frames = h.frames(client.ws);
        mirror(&mut h, client.ws, frames.clone());

        let (socket, arrived, args, _) = h.arrived();
        prop_assert_eq!(arrived, name);
        prop_assert_eq!(args.len(), 2);
        let pair = args.parse::<(Data, Data)>();
        prop_assert_eq!(pair.unwrap(), (first.clone(), second));
        prop_assert_eq!(args.get::<Data>(0).unwrap(), first);
        h.emit(socket, name, &args);
        prop_assert_eq!(h.frames(client.ws), frames, "and goes out the same once more");
    }

    #[test]
    fn what_is_acknowledged_reads_the_same_when_it_comes_back(answer in data()) {
        let (mut h, client) = roomy();
        let now = h.now;
        h.socket(client.socket).emit_with_ack("q", &(), None, now).unwrap();
        h.received(client.ws);
        h.frame(client.ws, "420[\"q\"]");
        let (socket, _, _, ack) = h.arrived();

        h.socket(socket).ack(ack.unwrap(), &answer).unwrap();
        let frames = h.frames(client.ws);
        mirror(&mut h, client.ws, frames);

        match &h.events()[..] {
            [Event::Acked { result: Ok(args), .. }] => {
                prop_assert_eq!(args.parse::<Data>().unwrap(), answer);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

// Rooms, against a model that does everything the slow way.

#[derive(Clone, Debug)]
enum RoomOp {
    Connect,
    Disconnect(Index),
    Join(Index, &'static str),
    JoinOwnOf(Index, Index),
    Leave(Index, &'static str),
    Select {
        rooms: Vec<&'static str>,
        own: Vec<Index>,
        except: Vec<&'static str>,
        own_except: bool,
    },
}

const ROOMS: &[&str] = &["a", "b", "c"];

fn room_op() -> impl Strategy<Value = RoomOp> {
    let room = || select(ROOMS);
    let index = any::<Index>;
    prop_oneof![
        3 => Just(RoomOp::Connect),
        1 => index().prop_map(RoomOp::Disconnect),
        4 => (index(), room()).prop_map(|(n, room)| RoomOp::Join(n, room)),
        1 => (index(), index()).prop_map(|(n, of)| RoomOp::JoinOwnOf(n, of)),
        2 => (index(), room()).prop_map(|(n, room)| RoomOp::Leave(n, room)),
        4 => (vec(room(), 0..4), vec(index(), 0..2), vec(room(), 0..2), any::<bool>()).prop_map(
            |(rooms, own, except, own_except)| RoomOp::Select { rooms, own, except, own_except },
        ),
    ]
}

proptest! {
    #[test]
    fn rooms_do_what_a_naive_model_does(ops in vec(room_op(), 1..60)) {
        let mut h: Harness<Server> = Harness::new();
        let mut model: Vec<(WebSocketClient, BTreeSet<String>)> = Vec::new();
        for op in ops {
            let count = model.len();
            let pick = |index: Index| (count > 0).then(|| index.index(count));
            match op {
                RoomOp::Connect => {
                    let client = h.connect_websocket("/");
                    let own = BTreeSet::from([client.id.clone()]);
                    model.push((client, own));
                }
                RoomOp::Disconnect(n) => if let Some(n) = pick(n) {
                    let (client, _) = model.remove(n);
                    h.frame(client.ws, "41");
                },
                RoomOp::Join(n, room) => if let Some(n) = pick(n) {
                    h.socket(model[n].0.socket).join(room);
                    model[n].1.insert(room.to_owned());
                },
                RoomOp::JoinOwnOf(n, of) => if let (Some(n), Some(of)) = (pick(n), pick(of)) {
                    let room = model[of].0.id.clone();
                    h.socket(model[n].0.socket).join(&room);
                    model[n].1.insert(room);
                },
                RoomOp::Leave(n, room) => if let Some(n) = pick(n) {
                    h.socket(model[n].0.socket).leave(room);
                    model[n].1.remove(room);
                },
                RoomOp::Select { rooms, own, except, own_except } => {
                    let owns: Vec<_> = own.into_iter().filter_map(pick).collect();
                    let mut selector = Selector::all();
                    for room in &rooms {
                        selector = selector.to(*room);
                    }
                    for &n in &owns {
                        let id = model[n].0.id.as_str();
                        selector = if own_except { selector.except(id) } else { selector.to(id) };
                    }
                    for room in &except {
                        selector = selector.except(*room);
                    }
                    let named = |list: &[sockeye_core::Room], rooms: &BTreeSet<String>| {
                        list.iter().any(|room| rooms.contains(&**room))
                    };
                    let expected: Vec<_> = model
                        .iter()
                        .filter(|(_, in_rooms)| {
                            (selector.rooms.is_empty() || named(&selector.rooms, in_rooms))
                                && !named(&selector.except, in_rooms)
                        })
                        .map(|(client, _)| client.socket)
                        .collect();
                    prop_assert_eq!(h.server.select("/", &selector), expected);
                }
            }
            for (client, rooms) in &model {
                let listed: BTreeSet<_> =
                    h.socket(client.socket).rooms().map(ToString::to_string).collect();
                let expected: BTreeSet<_> =
                    rooms.iter().filter(|room| **room != client.id).cloned().collect();
                prop_assert_eq!(listed, expected);
            }
        }
    }
}

// The credit, against a model of a queue and a flag.

#[derive(Clone, Copy, Debug)]
enum CreditOp {
    Send,
    SendVolatile,
    Ready,
    /// Another client does something.
    Turn,
}

proptest! {
    #[test]
    fn a_websocket_is_written_to_as_in_a_naive_model(
        ops in vec(select(vec![
            CreditOp::Send, CreditOp::SendVolatile, CreditOp::Ready, CreditOp::Turn,
        ]), 1..80)
    ) {
        let mut h = Harness::engine(EngineConfig::default());
        let (ws, session) = h.open_websocket();
        let (other, _) = h.open_websocket();
        h.stall(ws);
        let (mut ready, mut spent_now, mut queue, mut sends) = (true, false, 0, Vec::new());
        for (n, op) in ops.into_iter().enumerate() {
            let message = Encoded::text(&n.to_string());
            match op {
                CreditOp::Send | CreditOp::SendVolatile => {
                    let volatile = matches!(op, CreditOp::SendVolatile);
                    let sent = h.server.send(session, &message, volatile);
                    prop_assert_eq!(sent, !volatile || ready || spent_now);
                    if sent && ready {
                        sends.push(1);
                        (ready, spent_now) = (false, true);
                    } else if sent {
                        queue += 1;
                    }
                }
                CreditOp::Ready => {
                    h.drained(ws);
                    spent_now = false;
                    ready = queue == 0;
                    sends.extend((queue > 0).then_some(queue));
                    queue = 0;
                }
                CreditOp::Turn => {
                    h.frame(other, "4x");
                    spent_now = false;
                }
            }
            // Taking all outputs ends the turn.
            if matches!(op, CreditOp::Ready | CreditOp::Turn) {
                prop_assert_eq!(h.sends(ws), std::mem::take(&mut sends));
            }
        }
        prop_assert_eq!(h.sends(ws), sends);
    }

    #[test]
    fn polling_is_answered_as_in_a_naive_model(
        ops in vec(select(vec![
            CreditOp::Send, CreditOp::SendVolatile, CreditOp::Ready, CreditOp::Turn,
        ]), 1..80)
    ) {
        let mut h = Harness::engine(EngineConfig::default());
        let (sid, session) = h.open_polling();
        let (other, _) = h.open_websocket();
        let (mut get, mut spent_now, mut queue) = (None, false, Vec::new());
        let mut answers = Vec::new();
        for (n, op) in ops.into_iter().enumerate() {
            // Taking all outputs ends the turn.
            if matches!(op, CreditOp::Ready | CreditOp::Turn) {
                spent_now = false;
                for (req, answer) in answers.drain(..) {
                    prop_assert_eq!(h.answer(req), answer);
                }
            }
            match op {
                CreditOp::Send | CreditOp::SendVolatile => {
                    let volatile = matches!(op, CreditOp::SendVolatile);
                    let message = Encoded::text(&n.to_string());
                    let sent = h.server.send(session, &message, volatile);
                    prop_assert_eq!(sent, !volatile || get.is_some() || spent_now);
                    if let Some(req) = get.take() {
                        answers.push((req, format!("200 4{n}")));
                        spent_now = true;
                    } else if sent {
                        queue.push(format!("4{n}"));
                    }
                }
                CreditOp::Ready if get.is_none() => {
                    let req = h.get(&sid);
                    if queue.is_empty() {
                        prop_assert!(h.is_waiting(req));
                        get = Some(req);
                    } else {
                        let expected = format!("200 {}", queue.join("\x1e"));
                        prop_assert_eq!(h.answer(req), expected);
                        queue.clear();
                    }
                }
                CreditOp::Ready | CreditOp::Turn => h.frame(other, "4x"),
            }
        }
    }
}
