//! Clients of a server that recovers connections.

#![allow(dead_code, reason = "each test file uses some of the helpers")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

use sockeye_core::{CloseCause, Event, RecoveryConfig, Server, SocketId, WsId};

use crate::common::Harness;

/// A client whose server recovers connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) ws: WsId,
    pub(crate) socket: SocketId,
    pub(crate) id: String,
    pub(crate) pid: String,
}

pub(crate) fn server() -> Harness<Server> {
    server_with(|_| {})
}

pub(crate) fn server_with(change: impl FnOnce(&mut RecoveryConfig)) -> Harness<Server> {
    let mut recovery = RecoveryConfig::default();
    change(&mut recovery);
    Harness::with(|config| config.recovery = Some(recovery))
}

/// Asks to join, and returns all that is sent.
pub(crate) fn ask(h: &mut Harness<Server>, packet: &str) -> (WsId, Vec<String>) {
    let ws = h.open_websocket();
    h.frame(ws, packet.to_owned());
    (ws, h.received(ws))
}

pub(crate) fn joined(h: &Harness<Server>, ws: WsId, answer: &str) -> Client {
    let parts: Vec<_> = answer.split('"').collect();
    let [_, "sid", ":", id, ",", "pid", ":", pid, "}"] = parts[..] else {
        panic!("no answer of a server that recovers: {answer}");
    };
    let socket = h.server.find(id).expect("a socket that is connected");
    Client { ws, socket, id: id.to_owned(), pid: pid.to_owned() }
}

pub(crate) fn connect(h: &mut Harness<Server>) -> Client {
    connect_to(h, "40")
}

pub(crate) fn connect_to(h: &mut Harness<Server>, packet: &str) -> Client {
    let (ws, received) = ask(h, packet);
    assert_eq!(received.len(), 1);
    let client = joined(h, ws, &received[0]);
    h.told();
    client
}

/// Emits something to a client; returns the offset that it gets.
pub(crate) fn offset(h: &mut Harness<Server>, client: &Client) -> String {
    h.emit(client.socket, "first", &());
    let received = h.received(client.ws).pop().expect("an event");
    received.split('"').nth(3).expect("an offset").to_owned()
}

pub(crate) fn back(pid: &str, offset: &str) -> String {
    format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}")
}

/// A client with a packet that it has seen, and then away.
pub(crate) fn away(h: &mut Harness<Server>) -> (Client, String) {
    let client = connect(h);
    let offset = offset(h, &client);
    h.closed(client.ws, CloseCause::Error);
    assert_eq!(returns(h), [true]);
    (client, offset)
}

/// Takes the events; for each one that tells of an end, whether the client may return.
pub(crate) fn returns(h: &mut Harness<Server>) -> Vec<bool> {
    let may_return = |event: &Event| match event {
        Event::Disconnected { may_return, .. } => Some(*may_return),
        _ => None,
    };
    h.events().iter().filter_map(may_return).collect()
}

/// The ids that can't come back any more, by the events that came.
pub(crate) fn expired(h: &mut Harness<Server>) -> Vec<String> {
    let expired = |event: &Event| match event {
        Event::RecoveryExpired { sid } => Some(sid.to_string()),
        _ => None,
    };
    h.events().iter().filter_map(expired).collect()
}

/// Comes back with this packet, which must lead to a new socket and nothing else.
pub(crate) fn is_new(h: &mut Harness<Server>, packet: &str, before: &Client) {
    let (ws, received) = ask(h, packet);
    assert_eq!(received.len(), 1, "{packet}: {received:?}");
    let client = joined(h, ws, &received[0]);
    assert_ne!((&client.id, &client.pid), (&before.id, &before.pid));
    assert_eq!(h.socket(client.socket).rooms().count(), 0);
    let events = h.events();
    assert!(matches!(events.last(), Some(Event::Connected { recovered: false, .. })));
}

pub(crate) fn names(received: &[String]) -> Vec<&str> {
    received.iter().map(|packet| packet.split('"').nth(1).unwrap_or(packet)).collect()
}
