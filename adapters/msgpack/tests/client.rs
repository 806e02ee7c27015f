//! Packets from a MessagePack server, as a client handles them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../core/tests/common/mod.rs"]
mod common;
#[path = "../../../core/tests/hostile/mod.rs"]
mod hostile;
mod pack;

use std::sync::Arc;

use hostile::Victim;
use pack::P::{Bin, Int};
use pack::{P, map, pack, text};
use sockeye_core::engineio::Transport;
use sockeye_msgpack::MsgpackParser;

/// A client that asks to join the main namespace.
fn asking() -> Victim {
    let mut victim =
        Victim::with(Transport::WebSocket, |config| config.parser = Arc::new(MsgpackParser));
    victim.open();
    victim.told();
    victim
}

fn refusal(data: P) -> Vec<u8> {
    pack(&map(&[("type", Int(4)), ("data", data), ("nsp", text("/"))]))
}

#[test]
fn a_connect_error_is_reported_with_its_message_and_data() {
    let mut victim = asking();
    let data = map(&[("message", text("no")), ("data", map(&[("code", Int(7))]))]);
    victim.say_binary(&refusal(data));
    assert_eq!(victim.told(), ["refused: no [{\"code\":7}]"]);
    assert!(victim.client.is_idle());
}

#[test]
fn a_connect_error_with_binary_values_ends_the_connection() {
    let mut victim = asking();
    victim.say_binary(&refusal(map(&[("message", text("no")), ("data", Bin(vec![1]))])));
    assert_eq!(victim.told(), ["closed: parse error: malformed packet: invalid payload"]);
    assert_eq!(victim.connections(), 0);
}
