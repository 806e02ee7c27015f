//! When something is written: the table of the one credit.

mod common;

use common::{Harness, cost, unpack};
use sockeye_core::{Event, Server};

fn server() -> Harness<Server> {
    Harness::new()
}

#[test]
fn an_event_for_a_client_that_is_ready_is_written_at_once() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.stall(client.ws);

    h.emit(client.socket, "a", &());

    assert_eq!(h.sends(client.ws), [1]);
}

#[test]
fn a_burst_while_a_write_is_in_flight_becomes_one_send() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.stall(client.ws);

    for name in ["a", "b", "c", "d"] {
        h.emit(client.socket, name, &());
    }
    assert_eq!(h.sends(client.ws), [1]);
    h.drained(client.ws);

    assert_eq!(h.sends(client.ws), [3]);
    let received = h.received(client.ws);
    assert_eq!(received, [r#"42["a"]"#, r#"42["b"]"#, r#"42["c"]"#, r#"42["d"]"#]);
}

#[test]
fn a_finished_write_without_waiting_packets_sends_nothing() {
    let mut h = server();
    let client = h.connect_websocket("/");

    h.drained(client.ws);
    h.drained(client.ws);

    assert_eq!(h.sends(client.ws), [0; 0]);
}

#[test]
fn buffered_counts_waiting_packets_until_they_are_written() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.stall(client.ws);

    let size = cost(r#"42["a"]"#);
    h.emit(client.socket, "a", &());
    assert_eq!(h.socket(client.socket).buffered(), size);
    h.emit(client.socket, "b", &());
    h.emit(client.socket, "c", &());
    assert_eq!(h.socket(client.socket).buffered(), 3 * size);
    assert_eq!(h.server.counts().engine.buffered, 3 * size);
    h.drained(client.ws);
    assert_eq!(h.socket(client.socket).buffered(), 2 * size);
    h.drained(client.ws);

    assert_eq!(h.socket(client.socket).buffered(), 0);
    assert_eq!(h.server.counts().engine.buffered, 0);
}

#[test]
fn a_binary_event_is_written_without_anything_between_its_parts() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "a", &());

    h.emit(client.socket, "b", &serde_bytes::Bytes::new(&[1]));
    h.advance(common::secs(25));
    h.emit(client.socket, "c", &());
    h.drained(client.ws);

    let received = h.received(client.ws);
    assert_eq!(
        received[1..],
        [r#"451-["b",{"_placeholder":true,"num":0}]"#, "<01>", "2", r#"42["c"]"#]
    );
}

#[test]
fn a_volatile_event_is_sent_to_a_client_that_is_ready() {
    let mut h = server();
    let websocket = h.connect_websocket("/");
    let polling = h.connect_polling("/");
    let get = h.get(&polling.sid);

    assert!(h.emit_volatile(websocket.socket, "a"));
    assert!(h.emit_volatile(polling.socket, "a"));

    assert_eq!(h.received(websocket.ws), [r#"42["a"]"#]);
    assert_eq!(h.answer(get), r#"200 42["a"]"#);
}

#[test]
fn a_volatile_event_is_dropped_for_a_client_that_is_not_ready() {
    let mut h = server();
    let websocket = h.connect_websocket("/");
    let polling = h.connect_polling("/");
    h.stall(websocket.ws);
    h.emit(websocket.socket, "busy", &());
    h.advance(common::secs(1));
    h.frame(websocket.ws, "42[\"x\"]");

    assert!(!h.emit_volatile(websocket.socket, "a"));
    assert!(!h.emit_volatile(polling.socket, "a"));
    h.emit(websocket.socket, "b", &());
    h.drained(websocket.ws);

    assert_eq!(h.received(websocket.ws), [r#"42["busy"]"#, r#"42["b"]"#]);
    let get = h.get(&polling.sid);
    assert!(h.is_waiting(get));
}

#[test]
fn a_volatile_event_after_a_deadline_is_dropped_for_a_client_that_was_not_ready_at_it() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "busy", &());
    // The ping is due, and has to wait.
    h.advance(common::secs(25));

    assert!(!h.emit_volatile(client.socket, "a"));

    h.drained(client.ws);
    assert_eq!(h.received(client.ws), [r#"42["busy"]"#, "2"]);
}

#[test]
fn volatile_events_of_one_turn_all_arrive_at_a_client_that_was_ready() {
    let mut h = server();
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.frame(client.ws, "42[\"go\"]");

    for name in ["a", "b", "c"] {
        assert!(h.emit_volatile(client.socket, name));
    }
    h.drained(client.ws);

    assert_eq!(h.received(client.ws).len(), 3);
}

#[test]
fn a_volatile_event_while_connected_is_handled_is_not_lost_on_a_websocket() {
    let mut h = server();
    let ws = h.open_websocket();
    h.stall(ws);

    h.eager = false;
    h.frame(ws, "40");
    let socket = next_connected(&mut h);
    assert!(h.emit_volatile(socket, "welcome"));
    h.collect();
    h.drained(ws);

    assert_eq!(h.received(ws)[1], r#"42["welcome"]"#);
}

#[test]
fn a_volatile_event_while_connected_is_handled_is_not_lost_on_polling() {
    for get_first in [false, true] {
        let mut h = server();
        let sid = h.open_polling();
        let get = get_first.then(|| h.get(&sid));

        let post = h.post_head(&sid);
        assert!(h.wants_body(post).is_some());
        h.eager = false;
        h.body(post, "40");
        let socket = next_connected(&mut h);
        assert!(h.emit_volatile(socket, "welcome"), "GET first: {get_first}");
        h.eager = true;

        let mut received = get.map(|get| h.answer(get)).unwrap_or_default();
        received += &h.fetch(&sid);
        assert!(received.ends_with(r#"42["welcome"]"#), "{received}");
    }
}

#[test]
fn a_volatile_event_right_after_accepting_is_not_lost() {
    let mut h = server();
    let ws = h.open_websocket();
    h.stall(ws);
    h.frame(ws, "40");
    let first = connected(&mut h);
    h.frame(ws, "40/secret,");
    h.advance(common::secs(1));
    let Some(Event::Connecting { socket, .. }) = h.events().pop() else { panic!("asked") };

    h.server.accept(socket);
    assert!(h.emit_volatile(socket, "welcome"));
    h.frame(ws, "42[\"x\"]");
    assert!(!h.emit_volatile(first, "later"));
    h.drained(ws);

    let received = h.received(ws);
    assert_eq!(received.last().unwrap(), r#"42/secret,["welcome"]"#);
}

#[test]
fn a_broadcast_reaches_each_client_with_its_next_credit() {
    let mut h = server();
    let fast = h.connect_websocket("/");
    let slow = h.connect_websocket("/");
    let polling = h.connect_polling("/");
    h.stall(slow.ws);

    for name in ["a", "b"] {
        h.emit_to(&sockeye_core::Selector::all(), name);
    }

    assert_eq!(h.received(fast.ws), [r#"42["a"]"#, r#"42["b"]"#]);
    assert_eq!(h.received(slow.ws), [r#"42["a"]"#]);
    assert_eq!(unpack(&h.fetch(&polling.sid)), [r#"42["a"]"#, r#"42["b"]"#]);
    h.drained(slow.ws);
    assert_eq!(h.received(slow.ws), [r#"42["b"]"#]);
}

#[test]
fn receivers_of_a_broadcast_share_its_bytes() {
    use sockeye_core::{EmitOptions, Frame, Output, Selector};
    let mut h = server();
    for _ in 0..3 {
        h.connect_websocket("/");
    }

    let data = "x".repeat(1000);
    h.server.emit("/", &Selector::all(), "a", &data, EmitOptions::default()).unwrap();

    let mut addresses = Vec::new();
    while let Some(output) = h.server.poll_output() {
        let Output::Send { frames, .. } = output else { panic!("a send") };
        addresses.extend(frames.into_iter().map(|frame: Frame| frame.bytes().as_ptr()));
    }
    assert_eq!(addresses.len(), 3);
    assert!(addresses.iter().all(|&address| address == addresses[0]));
}

/// Takes outputs until the next one that says so, as a driver that lets the application act then.
fn next_connected(h: &mut Harness<Server>) -> sockeye_core::SocketId {
    while h.step() {
        if let Some(Event::Connected { socket, .. }) = h.last_event() {
            return *socket;
        }
    }
    panic!("nobody connected")
}

fn connected(h: &mut Harness<Server>) -> sockeye_core::SocketId {
    match h.events().pop() {
        Some(Event::Connected { socket, .. }) => socket,
        other => panic!("nobody connected: {other:?}"),
    }
}
