//! The pace of a session: its messages are handled no faster than their receivers read.

#![allow(clippy::wildcard_enum_match_arm, reason = "most outputs are of no interest here")]

mod common;
mod relay;

use std::time::Duration;

use common::secs;
use relay::{Relay, events};
use sockeye_core::CloseCause;

#[test]
fn a_flood_of_broadcasts_is_handled_in_slices_at_the_pace_of_the_receivers() {
    let mut relay = Relay::new(|config| config.engine.max_buffered = 64 << 20);
    let readers = relay.connect(1000);
    relay.post(events(&["a"; 2000]));

    let turns = relay.run(&readers);

    assert_eq!(turns.iter().sum::<usize>(), 2000);
    let most = turns.iter().max().expect("there were turns");
    assert!(*most <= 30, "{most} at once, each for a thousand receivers");
    // The one who sends does not read.
    let kept = 2000 * common::cost("42[\"a\"]");
    assert!(relay.most < kept + (14 << 20), "{} bytes waited", relay.most);
    for reader in &readers {
        assert_eq!(relay.h.frames(reader.ws).len(), 2000);
    }
}

#[test]
fn receivers_that_do_not_read_slow_a_flood_down_but_do_not_stop_it() {
    let mut relay = Relay::new(|_| {});
    let stalled = relay.connect(500);
    relay.post(events(&["a"; 200]));
    let began = relay.h.now;

    relay.turn();
    let first = relay.heard.len();
    relay.run(&[]);

    assert!(first < 100);
    assert_eq!(relay.heard.len(), 200);
    let took = relay.h.now - began;
    assert!(took > Duration::from_millis(500) && took < secs(60), "{took:?}");
    assert!(relay.h.is_open(stalled[0].ws));
}

#[test]
fn messages_that_come_one_by_one_are_handled_at_the_pace_of_those_who_read_too() {
    let mut relay = Relay::new(|config| config.engine.max_buffered = 64 << 20);
    let readers = relay.connect(1000);
    let flooder = readers[0].ws;
    let message = format!("42[\"{}\"]", "a".repeat(1000));
    let mut sent = 0;

    // A message for each millisecond, and everybody else reads every fifty milliseconds.
    for millisecond in 0..3000 {
        if !relay.h.is_paused(flooder) {
            relay.h.frame(flooder, message.clone());
            sent += 1;
        }
        relay.turn();
        if millisecond % 50 == 0 {
            relay.write(&readers);
            relay.turn();
        }
        relay.h.now += Duration::from_millis(1);
        relay.h.server.handle_timeout(relay.h.now);
    }

    assert!(relay.most < 14 << 20, "{} bytes waited", relay.most);
    assert!((200..1000).contains(&sent), "{sent} were read");
}

#[test]
fn a_client_whose_receivers_lag_is_read_again_when_they_have_caught_up() {
    let mut relay = Relay::new(|_| {});
    let readers = relay.connect(1000);
    let flooder = readers[0].ws;
    let message = format!("42[\"{}\"]", "a".repeat(20_000));
    relay.h.frame(flooder, message);
    relay.turn();
    assert!(relay.h.is_paused(flooder));

    relay.write(&readers);
    relay.turn();
    relay.h.now += Duration::from_millis(10);
    relay.h.server.handle_timeout(relay.h.now);
    relay.turn();

    assert!(!relay.h.is_paused(flooder));
}

#[test]
fn a_client_that_closes_while_its_receivers_lag_is_forgotten_at_once() {
    let mut relay = Relay::new(|_| {});
    let readers = relay.connect(1000);
    let flooder = readers[0].ws;
    relay.h.frame(flooder, format!("42[\"{}\"]", "a".repeat(20_000)));
    relay.turn();

    relay.h.closed(flooder, CloseCause::Peer);
    relay.turn();

    assert_eq!(relay.heard[1..], ["transport close"]);
    for reader in &readers[1..] {
        relay.h.closed(reader.ws, CloseCause::Peer);
    }
    relay.turn();
    assert_eq!(relay.h.server.counts(), sockeye_core::Counts::default());
}

#[test]
fn a_resting_session_that_is_paused_and_resumed_still_rests() {
    let mut relay = Relay::new(|_| {});
    let readers = relay.connect(1000);
    let message = format!("42[\"{}\"]", "a".repeat(20_000));
    relay.h.frame(readers[0].ws, message);
    relay.h.frame(readers[0].ws, "42[\"next\"]");
    relay.turn();
    assert_eq!(relay.heard.len(), 1);
    let socket = relay.h.server.find(&readers[0].id).expect("a socket");
    let now = relay.h.now;

    relay.socket(socket).pause(now);
    relay.socket(socket).resume(now);
    relay.turn();

    assert_eq!(relay.heard.len(), 1);
}
