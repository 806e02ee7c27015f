//! What the machines say about themselves in numbers.

mod common;

use bytes::Bytes;
use common::{Harness, secs};
use sockeye_core::engineio::{Encoded, EngineConfig};
use sockeye_core::{CloseCause, DisconnectReason, Event, Input, Server};

const TEXT: &str = "42[\"a\"]";
const BINARY: &str = "451-[\"b\",{\"_placeholder\":true,\"num\":0}]";

#[test]
fn sessions_messages_and_bytes_are_counted_for_all_clients_together() {
    let mut h: Harness<Server> = Harness::new();
    let clients = [h.connect_websocket("/"), h.connect_websocket("/")];
    h.connect_polling("/");
    let before = h.server.totals();
    assert_eq!(before.engine.sessions, 3);

    for client in &clients {
        h.frame(client.ws, TEXT);
        h.frame(client.ws, BINARY);
        h.binary(client.ws, vec![0; 100]);
        h.emit(client.socket, "a", &());
        h.emit(client.socket, "b", &serde_bytes::Bytes::new(&[0; 50]));
    }
    h.collect();

    let after = h.server.totals();
    assert_eq!(after.engine.sessions, before.engine.sessions);
    assert_eq!(after.engine.messages_in - before.engine.messages_in, 2 * 3);
    assert_eq!(after.engine.messages_out - before.engine.messages_out, 2 * 3);
    // What a message holds is counted without the type of its packet, what goes out with it.
    let bytes_in = 2 * (TEXT.len() - 1 + BINARY.len() - 1 + 100);
    assert_eq!(after.engine.bytes_in - before.engine.bytes_in, bytes_in as u64);
    let bytes_out = 2 * (TEXT.len() + BINARY.len() + 50);
    assert_eq!(after.engine.bytes_out - before.engine.bytes_out, bytes_out as u64);
}

#[test]
fn bodies_that_are_too_large_are_counted() {
    let mut h: Harness<Server> = Harness::new();
    for number in 1..=2 {
        let client = h.connect_polling("/");
        let post = h.post_head(&client.sid);
        h.feed(Input::BodyTooLarge { req: post });
        assert_eq!(h.server.totals().engine.too_large, number);
    }
}

#[test]
fn websockets_of_foreign_pages_are_counted() {
    let mut h: Harness<Server> = Harness::new();
    let page = [("Host", &b"example.com"[..]), ("Origin", b"null"), ("Cookie", b"session=1")];
    for number in 1..=2 {
        let ws = h.upgrade_with("/socket.io/?EIO=4&transport=websocket", &page);
        assert_eq!(h.refusal(ws), "403 Origin not allowed");
        assert_eq!(h.server.totals().engine.origins_refused, number);
    }
}

#[test]
fn websocket_messages_that_are_too_large_are_counted_and_end_as_transport_errors() {
    let mut h: Harness<Server> = Harness::new();
    for number in 1..=2 {
        let client = h.connect_websocket("/");
        h.closed(client.ws, CloseCause::TooLarge);
        // Its WebSocket is gone already.
        h.feed(Input::Closed { ws: client.ws, cause: CloseCause::TooLarge });
        let events = h.events();
        let Some(Event::Disconnected { reason, .. }) = events.last() else { panic!("{events:?}") };
        assert_eq!(*reason, DisconnectReason::TransportError);
        assert_eq!(h.server.totals().engine.too_large, number);
    }
    let client = h.connect_websocket("/");
    h.closed(client.ws, CloseCause::Error);
    assert_eq!(h.server.totals().engine.too_large, 2);
}

#[test]
fn volatile_events_that_are_dropped_are_counted_for_each_receiver() {
    let mut h: Harness<Server> = Harness::new();
    for number in 1..=2 {
        let client = h.connect_polling("/");
        h.advance(secs(1));
        h.post(&client.sid, TEXT);
        assert!(!h.emit_volatile(client.socket, "a"));
        assert_eq!(h.server.totals().engine.dropped, number);
    }
}

#[test]
fn an_engine_counts_its_sessions_with_those_that_are_being_closed() {
    let mut h = Harness::engine(EngineConfig::default());
    assert_eq!((h.server.counts().sessions, h.server.is_idle()), (0, true));

    let (sid, polling) = h.open_polling();
    h.post(&sid, "6");
    h.open_websocket();
    h.server.close(polling, h.now);

    // There is no GET to say goodbye with.
    assert_eq!((h.server.counts().sessions, h.server.is_idle()), (2, false));
    h.advance(secs(30));
    assert_eq!((h.server.counts().sessions, h.server.is_idle()), (1, false));
}

#[test]
fn the_size_of_an_encoded_message_is_that_of_its_packet() {
    let sizes = |message: Encoded| (message.len(), message.is_empty());
    assert_eq!(sizes(Encoded::text("")), (1, false));
    assert_eq!(sizes(Encoded::text("é")), (3, false));
    assert_eq!(sizes(Encoded::binary(Bytes::new())), (0, true));
    assert_eq!(sizes(Encoded::binary(Bytes::from_static(&[1, 2]))), (2, false));
}
