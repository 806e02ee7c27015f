//! Parsers of the application: the guarantees that they get, and those that they cannot break.

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{Harness, secs};
use serde::Deserialize;
use serde_bytes::ByteBuf;
use serde_json::json;
use serde_json::value::RawValue;
use sockeye_core::engineio::Encoded;
use sockeye_core::packet::{Incoming, Limits, Outgoing, PacketError, PacketKind, Parser};
use sockeye_core::{EmitOptions, Event, Frame, Server, SocketId, WsId};

const KINDS: [PacketKind; 5] = [
    PacketKind::Connect,
    PacketKind::Disconnect,
    PacketKind::Event,
    PacketKind::Ack,
    PacketKind::ConnectError,
];

/// Writes a packet as one JSON object, which binary messages may follow.
#[derive(Debug)]
struct JsonParser;

#[derive(Deserialize)]
struct Object {
    kind: usize,
    nsp: String,
    id: Option<u64>,
    data: Option<Box<RawValue>>,
    #[serde(default)]
    more: usize,
}

impl Parser for JsonParser {
    fn encode(&self, packet: Outgoing<'_>) -> Encoded {
        let kind = packet.kind() as u8;
        let id = packet.id().map(|id| format!(",\"id\":{id}")).unwrap_or_default();
        let data = std::str::from_utf8(packet.data()).expect("data is text");
        let data = if data.is_empty() { "null" } else { data };
        let more = packet.attachments().len();
        let header = format!("{{\"kind\":{kind},\"nsp\":{:?}{id}", packet.namespace());
        if more == 0 {
            let message = format!("{header},\"data\":{data}}}");
            return packet.into_message(message);
        }
        packet.into_text(&format!("{header},\"more\":{more}}}"))
    }

    fn decode(&self, message: Frame, _: Limits) -> Result<Incoming, PacketError> {
        let text = message.as_text().ok_or(PacketError::Binary)?;
        let object: Object = serde_json::from_str(text).map_err(|_| PacketError::Payload)?;
        let kind = *KINDS.get(object.kind).ok_or(PacketError::Type)?;
        let mut packet = Incoming::new(kind, object.nsp).followed_by(object.more);
        if let Some(data) = object.data {
            packet = packet.with_data(data.get());
        }
        Ok(if let Some(id) = object.id { packet.with_id(id) } else { packet })
    }
}

/// Reads the same packet whatever comes, after it has let the client in.
#[derive(Debug)]
struct Fixed(Incoming);

impl Parser for Fixed {
    fn encode(&self, packet: Outgoing<'_>) -> Encoded {
        packet.into_text("")
    }

    fn decode(&self, message: Frame, limits: Limits) -> Result<Incoming, PacketError> {
        assert_eq!((limits.attachments, limits.bytes), (10, 10_000_000));
        match message.as_text() {
            Some("join") => Ok(Incoming::new(PacketKind::Connect, "/")),
            _ => Ok(self.0.clone()),
        }
    }
}

fn connected() -> (Harness<Server>, WsId, SocketId) {
    let mut h = Harness::with(|config| config.parser = Arc::new(JsonParser));
    let ws = h.open_websocket();
    h.frame(ws, "4{\"kind\":0,\"nsp\":\"/\",\"data\":{\"token\":1}}");
    let socket = h.last_socket();
    let sid = h.sid(socket);
    let answer = format!("4{{\"kind\":0,\"nsp\":\"/\",\"data\":{{\"sid\":\"{sid}\"}}}}");
    assert_eq!(h.received(ws), [answer]);
    assert_eq!(h.told(), ["#1 connected / [{\"token\":1}]"]);
    (h, ws, socket)
}

/// What the application hears of a packet; `None` if the client is disconnected instead.
fn told(packet: Incoming) -> Option<Vec<String>> {
    let mut h = Harness::with(|config| config.parser = Arc::new(Fixed(packet)));
    let ws = h.open_websocket();
    h.frame(ws, "4join");
    h.events();
    h.frame(ws, "4");
    h.is_open(ws).then(|| h.told())
}

fn event(data: &str) -> Incoming {
    Incoming::new(PacketKind::Event, "/").with_data(data)
}

#[test]
fn all_packets_go_through_the_parser() {
    let (mut h, ws, socket) = connected();

    h.emit(socket, "e", &("x", 1));
    assert_eq!(h.received(ws), ["4{\"kind\":2,\"nsp\":\"/\",\"data\":[\"e\",\"x\",1]}"]);
    h.emit(socket, "e", &ByteBuf::from([1]));
    let placeholder = "{\"_placeholder\":true,\"num\":0}";
    let expected = format!("4{{\"kind\":2,\"nsp\":\"/\",\"more\":1}}[\"e\",{placeholder}]");
    assert_eq!(h.received(ws), [expected.as_str(), "<01>"]);

    h.frame(ws, "4{\"kind\":2,\"nsp\":\"/\",\"id\":7,\"data\":[\"q\",[2]]}");
    let (_, name, args, responder) = h.arrived();
    assert_eq!((&*name, args.get::<[u8; 1]>(0).unwrap()), ("q", [2]));
    h.socket(socket).ack(responder.unwrap(), "ok").unwrap();
    assert_eq!(h.received(ws), ["4{\"kind\":3,\"nsp\":\"/\",\"id\":7,\"data\":[\"ok\"]}"]);

    h.frame(ws, "4{\"kind\":0,\"nsp\":\"/zzz\"}");
    let refusal = "4{\"kind\":4,\"nsp\":\"/zzz\",\"data\":{\"message\":\"Invalid namespace\"}}";
    assert_eq!(h.received(ws), [refusal]);
    h.frame(ws, "4{\"kind\":0,\"nsp\":\"/secret\"}");
    let secret = h.last_socket();
    h.server.reject(secret, "no", &()).unwrap();
    let refusal = "4{\"kind\":4,\"nsp\":\"/secret\",\"data\":{\"message\":\"no\"}}";
    assert_eq!(h.received(ws), [refusal]);

    let now = h.now;
    h.socket(socket).disconnect(false, now);
    assert_eq!(h.received(ws), ["4{\"kind\":1,\"nsp\":\"/\",\"data\":null}"]);
}

#[test]
fn attachments_that_follow_are_reassembled_for_every_parser() {
    let (mut h, ws, _) = connected();
    let data = "[\"e\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]";
    let head = format!("4{{\"kind\":2,\"nsp\":\"/\",\"more\":2,\"data\":{data}}}");

    h.frame(ws, head.clone());
    h.binary(ws, vec![1]);
    assert_eq!(h.told().len(), 0);
    h.binary(ws, vec![2]);
    assert_eq!(h.arrived().2.get::<Bytes>(0).unwrap(), &[2][..]);

    h.frame(ws, head.clone());
    h.advance(secs(30));
    h.frame(ws, "3");
    assert!(h.is_open(ws));
    h.advance(secs(31));
    assert!(!h.is_open(ws), "the rest must come in time");

    let (mut h, ws, _) = connected();
    h.frame(ws, head.replace("\"/\"", "\"/admin\""));
    assert!(!h.is_open(ws), "nothing is kept for a namespace that is not joined");

    let (mut h, ws, _) = connected();
    h.frame(ws, head.clone());
    h.frame(ws, head);
    assert!(!h.is_open(ws), "text can't be an attachment");

    let (mut h, ws, _) = connected();
    h.frame(ws, "4{\"kind\":2,\"nsp\":\"/\",\"more\":11,\"data\":[\"e\"]}");
    assert!(!h.is_open(ws), "there are at most ten");
}

#[test]
fn an_invalid_packet_is_refused_whatever_the_parser_returns() {
    assert_eq!(told(event("[\"e\",1]")).unwrap(), ["#1 e[1]"]);
    assert_eq!(told(event("[ \"e\" ] ")).unwrap(), ["#1 e[]"]);

    let deep = format!("[\"e\",{}{}]", "[".repeat(128), "]".repeat(128));
    for data in [
        "",
        "1",
        " [\"e\"]",
        "[]",
        "[1.5]",
        "[\"connect\"]",
        "[\"e\"",
        "[\"e\"]]",
        "nonsense",
        &deep,
    ] {
        assert_eq!(told(event(data)), None, "{data}");
    }
    assert_eq!(told(event("[\"e\"]").with_id(1 << 53)), None);
    assert_eq!(told(event("[\"e\"]").followed_by(usize::MAX)), None);
    assert_eq!(told(event("[\"e\"]").with_attachments(vec![Bytes::new(); 11])), None);
    let large = Bytes::from(vec![0; 9_999_999]);
    assert_eq!(told(event("[\"e\"]").with_attachments(vec![large])), None);
    let missing = event("[\"e\",{\"_placeholder\":true,\"num\":1}]");
    assert_eq!(told(missing.with_attachments(vec![Bytes::new()])), None);
    let other = |kind, data: &str| told(Incoming::new(kind, "/").with_data(data));
    assert_eq!(other(PacketKind::ConnectError, "{\"message\":\"no\"}"), None);
    assert_eq!(other(PacketKind::Disconnect, "1"), None);
    assert_eq!(other(PacketKind::Ack, "[]"), None);
    assert_eq!(other(PacketKind::Connect, ""), None, "it has joined already");
    assert_eq!(told(Incoming::new(PacketKind::Connect, "no slash")), None);
    let name = Incoming::new(PacketKind::Connect, format!("/{}", "x".repeat(255)));
    assert_eq!(told(name), None);
}

#[test]
fn a_header_may_be_of_any_length() {
    #[derive(Debug)]
    struct Wordy;

    impl Parser for Wordy {
        fn encode(&self, packet: Outgoing<'_>) -> Encoded {
            packet.into_text(&"x".repeat(1000))
        }

        fn decode(&self, _: Frame, _: Limits) -> Result<Incoming, PacketError> {
            Ok(Incoming::new(PacketKind::Connect, "/"))
        }
    }

    let mut h = Harness::with(|config| config.parser = Arc::new(Wordy));
    let ws = h.open_websocket();
    h.frame(ws, "4");
    h.received(ws);
    let socket = h.last_socket();

    h.emit(socket, "e", &json!({ "a": 1 }));

    assert_eq!(h.received(ws), [format!("4{}[\"e\",{{\"a\":1}}]", "x".repeat(1000))]);
}

#[test]
fn the_compress_option_survives_every_parser() {
    let mut h = Harness::with(|config| config.parser = Arc::new(JsonParser));
    let sid = h.open_polling();
    h.post(&sid, "4{\"kind\":0,\"nsp\":\"/\"}");
    let Some(Event::Connected { socket, .. }) = h.events().pop() else { panic!("nobody joined") };
    h.fetch(&sid);

    for compress in [true, false] {
        let options = EmitOptions::default().compress(compress);
        h.socket(socket).emit("e", &"x".repeat(5000), options).unwrap();
        let req = h.get(&sid);
        assert_eq!(h.response(req).compressible, compress);
    }
}
