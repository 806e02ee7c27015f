//! JSON from anywhere: what the scanner takes is what `serde_json` takes.

use std::time::Instant;

use bytes::Bytes;
use serde_json::value::RawValue;
use sockeye_core::packet::Limits;
use sockeye_core::{Event, Frame, Input, Output, Server, ServerConfig, WsId};

/// The deepest nesting that is taken; the array of the arguments is one level.
const DEPTH: usize = Limits::DEPTH_TO_SERVER;

/// Sends bytes as the argument of an event, and compares what becomes of it with `serde_json`.
///
/// # Panics
///
/// If they are taken and should not be, or the other way round.
pub(crate) fn texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let now = super::epoch();
    let mut server = Server::new(ServerConfig::default(), [7; 32]).expect("a valid configuration");
    let ws = WsId(1);
    let request = super::request("GET", "/socket.io/?EIO=4&transport=websocket");
    server.handle(Input::Upgrade { ws, request }, now);
    say(&mut server, "40", now);
    let told = say(&mut server, &format!("42[\"e\",{text}]"), now);

    // A line break ends nothing in JSON, so it makes no difference.
    let array = format!("[\"e\",{text}\n]");
    let valid: Result<Vec<&RawValue>, _> = serde_json::from_str(&array);
    let valid = valid.ok().filter(|values| values.iter().all(|value| depth(value.get()) < DEPTH));
    match (told, valid) {
        (Some(args), Some(values)) => {
            let values: Vec<_> = values.iter().skip(1).map(|value| value.get()).collect();
            assert_eq!(args, values, "{text}");
        }
        (None, None) => {}
        (Some(args), None) => panic!("{text:?} was taken for {args:?}"),
        (None, Some(values)) => panic!("{text:?} was refused, but is {values:?}"),
    }
}

/// Sends a message; returns the arguments of the event that comes of it.
fn say(server: &mut Server, text: &str, now: Instant) -> Option<Vec<String>> {
    let frame = Frame::Text(Bytes::copy_from_slice(text.as_bytes()));
    server.handle(Input::Frame { ws: WsId(1), frame }, now);
    let mut args = None;
    while let Some(output) = server.poll_output() {
        match output {
            Output::Event(Event::Received { args: told, .. }) => {
                args = Some(told.iter().map(ToOwned::to_owned).collect());
            }
            Output::Send { ws, .. } => server.handle(Input::Drained { ws }, now),
            _ => {}
        }
    }
    args
}

/// How deep arrays and objects are nested in a value.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth -= 1,
            _ => {}
        }
    }
    deepest
}
