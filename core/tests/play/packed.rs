//! Packets in MessagePack, from anywhere.

use std::sync::Arc;

use bytes::Bytes;
use sockeye_core::{
    CloseCause, Counts, EmitOptions, Event, Frame, Input, Output, Server, ServerConfig, Value, WsId,
};
use sockeye_msgpack::MsgpackParser;

/// Feeds messages to a client that has joined `/`. Each has its length in front, in two bytes.
///
/// # Panics
///
/// If the server does what it never should.
pub(crate) fn packed(data: &[u8]) {
    let config = ServerConfig::default().parser(Arc::new(MsgpackParser));
    let mut server = Server::new(config, [7; 32]).expect("a valid configuration");
    let mut now = super::epoch();
    let ws = WsId(1);
    let request = super::request("GET", "/socket.io/?EIO=4&transport=websocket");
    server.handle(Input::Upgrade { ws, request }, now);
    let mut rest = data;
    let mut message = super::values::joining();
    let mut open = true;
    while open {
        server.handle(Input::Frame { ws, frame: Frame::Binary(message) }, now);
        while let Some(output) = server.poll_output() {
            match output {
                Output::Send { ws, .. } => server.handle(Input::Drained { ws }, now),
                Output::Close { .. } => open = false,
                Output::Event(Event::Received { socket, name, args, ack }) => {
                    let all: Vec<Value> = (0..args.len())
                        .map(|at| args.get(at).expect("any argument is a value"))
                        .collect();
                    assert_eq!(all.len(), args.len());
                    if let Some(mut socket) = server.socket(socket) {
                        drop(socket.emit(&name, &args, EmitOptions::default()));
                        if let Some(ack) = ack {
                            drop(socket.ack(ack, &args));
                        }
                    }
                }
                _ => {}
            }
        }
        let Some((&[high, low], behind)) = rest.split_first_chunk::<2>() else { break };
        let length = usize::from(u16::from_be_bytes([high, low])).min(behind.len());
        message = Bytes::copy_from_slice(&behind[..length]);
        rest = &behind[length..];
    }
    server.handle(Input::Closed { ws, cause: CloseCause::Peer }, now);
    while server.poll_output().is_some() {}
    while let Some(due) = server.poll_timeout() {
        assert!(due > now, "no busy loop");
        now = due;
        server.handle_timeout(now);
        while server.poll_output().is_some() {}
    }
    assert_eq!(server.counts(), Counts::default());
}
