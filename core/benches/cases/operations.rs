//! Single operations: what a packet costs on its way in, on its way out, and there and back.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sockeye_core::ServerConfig;
use sockeye_core::packet::{DefaultParser, Limits, Parser};
use sockeye_core::{Args, EmitOptions, EncodeError, Frame, Selector, WsId};
use sockeye_msgpack::MsgpackParser;

use super::{Act, Operation};
use crate::bench_support::Hall;

/// All of them. What is said of size is that of the payload.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "parse, 32 B", make: || parse(DefaultParser, packet(&event(32))) },
    Operation { name: "parse, 1 KiB", make: || parse(DefaultParser, packet(&event(1024))) },
    Operation { name: "parse, binary", make: || parse(DefaultParser, packet(HEAD)) },
    Operation { name: "read argument, 32 B", make: || read(32) },
    Operation { name: "read argument, 1 KiB", make: || read(1024) },
    Operation { name: "read argument, object", make: || read_object(&Args::of(&Move::ONE)) },
    Operation {
        name: "read argument, object with binary",
        make: || read_object(&Args::of(&shot())),
    },
    Operation { name: "encode, 32 B", make: || encode(Hall::with(1), text(32)) },
    Operation { name: "encode, 1 KiB", make: || encode(Hall::with(1), text(1024)) },
    Operation { name: "encode, object", make: || encode(Hall::with(1), Move::ONE) },
    Operation { name: "encode, binary", make: || encode(Hall::with(1), attachment()) },
    Operation { name: "route, 32 B", make: || route(vec![event(32).into()]) },
    Operation { name: "route, 1 KiB", make: || route(vec![event(1024).into()]) },
    Operation { name: "route, binary", make: || route(binary()) },
    Operation { name: "echo, 32 B", make: || echo(vec![event(32).into()]) },
    Operation { name: "echo, 1 KiB", make: || echo(vec![event(1024).into()]) },
    Operation { name: "echo, binary", make: || echo(binary()) },
    Operation { name: "echo, object", make: || echo(vec![object().into()]) },
    Operation { name: "acknowledge", make: || echo(vec![r#"427["sum",1,2]"#.into()]) },
    Operation { name: "echo by long-polling, 32 B", make: || poll(32) },
    Operation { name: "parse, MessagePack", make: || parse(MsgpackParser, packed_event(32)) },
    Operation { name: "encode, MessagePack", make: || encode(packing_hall(), text(32)) },
    Operation { name: "echo, MessagePack", make: echo_packed },
];

/// The text of a binary event, one attachment of which follows.
const HEAD: &str = r#"451-["echo",{"_placeholder":true,"num":0}]"#;

/// An argument as games have them, with a picture if there is one.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Move {
    player: Cow<'static, str>,
    position: (f64, f64),
    health: u32,
    is_flying: bool,
    picture: Option<serde_bytes::ByteBuf>,
}

impl Move {
    const ONE: Self = Self {
        player: Cow::Borrowed("somebody"),
        position: (12.5, -3.25),
        health: 97,
        is_flying: true,
        picture: None,
    };
}

fn shot() -> Move {
    Move { picture: Some(serde_bytes::ByteBuf::from([0xff; 32])), ..Move::ONE }
}

fn object() -> String {
    format!("42[\"echo\",{}]", serde_json::to_string(&Move::ONE).expect("it can be written"))
}

fn text(size: usize) -> String {
    "x".repeat(size)
}

fn event(size: usize) -> String {
    format!(r#"42["echo","{}"]"#, text(size))
}

fn binary() -> Vec<Frame> {
    vec![HEAD.into(), vec![0xff; 32].into()]
}

fn attachment() -> Args {
    Args::of(serde_bytes::Bytes::new(&[0xff; 32])).expect("bytes can be sent")
}

/// What the layer below makes of a frame: a message without its mark.
fn packet(frame: &str) -> Frame {
    frame[1..].into()
}

/// Finds the parts of a packet in a message.
fn parse(parser: impl Parser + 'static, message: Frame) -> Act {
    Box::new(move || {
        let packet = parser.decode(message.clone(), Limits::default());
        std::hint::black_box(packet).expect("it is one");
    })
}

/// Makes a string of an argument.
fn read(size: usize) -> Act {
    let args = Args::of(&text(size)).expect("text can be sent");
    Box::new(move || {
        let text: String = args.get(0).expect("it is text");
        assert_eq!(std::hint::black_box(text).len(), size);
    })
}

/// Makes an object of an argument.
fn read_object(args: &Result<Args, EncodeError>) -> Act {
    let args = args.as_ref().expect("it can be sent").clone();
    Box::new(move || {
        let object: Move = args.get(0).expect("it is an object");
        assert_eq!(std::hint::black_box(object).health, 97);
    })
}

/// Writes an event, for one client that is not ready, so that it is dropped.
fn encode(hall: Hall, data: impl Serialize + 'static) -> Act {
    let (mut hall, everybody) = (hall.busy(), Selector::all());
    let options = EmitOptions::default().volatile(true);
    Box::new(move || {
        let emitted = hall.server.emit("/", &everybody, "echo", &data, options);
        emitted.expect("it can be sent");
    })
}

/// Takes an event in.
fn route(frames: Vec<Frame>) -> Act {
    take(Hall::with(1), frames, 0)
}

/// Takes an event in, and sends it back in as many frames.
fn echo(frames: Vec<Frame>) -> Act {
    let answers = frames.len();
    take(Hall::with(1).echoing(), frames, answers)
}

fn take(mut hall: Hall, frames: Vec<Frame>, answers: usize) -> Act {
    Box::new(move || {
        frames.iter().for_each(|frame| hall.receive(WsId(1), frame.clone()));
        assert_eq!(hall.settled(), (1, answers));
    })
}

/// Takes in a POST, and answers a GET with what was sent for it.
fn poll(size: usize) -> Act {
    let mut hall = Hall::with(0).echoing();
    let open = hall.request("GET", "/socket.io/?EIO=4&transport=polling", None);
    let open = String::from_utf8_lossy(&open);
    let sid = open.split('"').nth(3).expect("it begins with the id");
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    hall.request("POST", &target, Some(Bytes::from_static(b"40")));
    hall.request("GET", &target, None);
    hall.settled();
    let event = Bytes::from(event(size));
    Box::new(move || {
        hall.request("POST", &target, Some(event.clone()));
        assert_eq!(hall.request("GET", &target, None), event);
        assert_eq!(hall.settled(), (1, 0));
    })
}

fn packing() -> ServerConfig {
    ServerConfig::default().parser(std::sync::Arc::new(MsgpackParser))
}

fn packed_event(size: u8) -> Frame {
    let head = b"\x83\xa4type\x02\xa4data\x92\xa4echo\xd9";
    [head, &[size][..], text(size.into()).as_bytes(), b"\xa3nsp\xa1/"].concat().into()
}

fn echo_packed() -> Act {
    take(packing_hall().echoing(), vec![packed_event(32)], 1)
}

fn packing_hall() -> Hall {
    let mut hall = Hall::new(packing());
    hall.enter(b"\x82\xa4type\x00\xa3nsp\xa1/".to_vec().into());
    hall.settled();
    hall
}
