//! Values out and back: what is emitted is what arrives, whatever the parser.

use std::sync::Arc;

use bytes::Bytes;
use sockeye_core::packet::Parser;
use sockeye_core::{
    Args, EmitOptions, Event, Frame, Input, Output, Server, ServerConfig, Value, WsId,
};

use super::tape::Tape;

/// Makes a value of the bytes, emits it, and sends what came out back in.
///
/// # Panics
///
/// If another value arrives.
pub(crate) fn values(data: &[u8], parser: Arc<dyn Parser>) {
    let mut tape = Tape::new(data);
    let value = value(&mut tape, 0);
    let args = Args::of(&(&value, 1));
    let Ok(args) = args else {
        // There is one thing that can't be sent: what looks like a placeholder.
        assert!(has_placeholder(&value), "{value:?}");
        return;
    };
    assert_eq!(args.get::<Value>(0).expect("it was just written"), value);
    let now = super::epoch();
    let config = ServerConfig::default().parser(parser).max_attachments(1_000);
    let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
    let ws = WsId(1);
    let request = super::request("GET", "/socket.io/?EIO=4&transport=websocket");
    server.handle(Input::Upgrade { ws, request }, now);
    for join in [Frame::from("40"), Frame::from(joining())] {
        server.handle(Input::Frame { ws, frame: join }, now);
    }
    let mut socket = None;
    let mut open = true;
    while let Some(output) = server.poll_output() {
        match output {
            Output::Event(Event::Connected { socket: id, .. }) => socket = Some(id),
            Output::Send { ws, .. } => server.handle(Input::Drained { ws }, now),
            Output::Close { .. } => open = false,
            _ => {}
        }
    }
    let Some(socket) = socket.filter(|_| open) else { return };
    let mut socket = server.socket(socket).expect("it is connected");
    if socket.emit("e", &(&value, "end"), EmitOptions::default()).is_err() {
        return;
    }
    let mut back = None;
    while let Some(output) = server.poll_output() {
        match output {
            Output::Send { ws, frames } => {
                server.handle(Input::Drained { ws }, now);
                for frame in frames {
                    server.handle(Input::Frame { ws, frame }, now);
                }
            }
            Output::Event(Event::Received { args, .. }) => back = Some(args),
            Output::Event(event) => panic!("{event:?} for {value:?}"),
            other => panic!("{other:?} for {value:?}"),
        }
    }
    let back = back.expect("what is emitted is an event that arrives");
    assert_eq!(back.get::<Value>(0).expect("it is a value"), value);
    assert_eq!(back.get::<String>(1).expect("it is text"), "end");
}

/// A request to join, as the parser for MessagePack writes it: `{"type":0,"nsp":"/"}`.
pub(super) fn joining() -> Bytes {
    Bytes::from_static(b"\x82\xa4type\x00\xa3nsp\xa1/")
}

fn value(tape: &mut Tape<'_>, depth: usize) -> Value {
    let kinds = if depth < 6 { 9 } else { 6 };
    match tape.below(kinds) {
        0 => Value::Null,
        1 => Value::Bool(tape.flip()),
        2 => Value::Number(i64::from_le_bytes(std::array::from_fn(|_| tape.byte())).into()),
        3 => {
            let number = f64::from_le_bytes(std::array::from_fn(|_| tape.byte()));
            // A whole number may come back without its point.
            let number = serde_json::Number::from_f64(number).filter(|_| number.fract() != 0.0);
            number.map_or(Value::Null, Value::Number)
        }
        4 => Value::String(text(tape)),
        5 => Value::Bytes(Bytes::copy_from_slice(tape.bytes())),
        6 => Value::Array((0..tape.below(4)).map(|_| value(tape, depth + 1)).collect()),
        7 => {
            let entries = (0..tape.below(4)).map(|n| {
                // A key stands there once.
                (format!("{n}{}", text(tape)), value(tape, depth + 1))
            });
            Value::Object(entries.collect())
        }
        _ => Value::Object(vec![
            ("_placeholder".to_owned(), value(tape, depth + 1)),
            ("num".to_owned(), value(tape, depth + 1)),
        ]),
    }
}

fn text(tape: &mut Tape<'_>) -> String {
    String::from_utf8_lossy(tape.bytes()).into_owned()
}

fn has_placeholder(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_placeholder),
        Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.contains("_placeholder") || has_placeholder(value)),
        _ => false,
    }
}
