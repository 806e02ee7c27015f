//! How much of what clients send is handled at a time, and what becomes of the rest.

#![allow(clippy::wildcard_enum_match_arm, reason = "most outputs are of no interest here")]

mod common;
mod relay;

use std::time::Duration;

use common::{Harness, secs};
use relay::{Relay, events};
use sockeye_core::{CloseCause, EmitOptions, Input, Output, RateLimit, Server};

#[test]
fn a_bystander_is_served_between_the_slices_of_a_flood() {
    let mut relay = Relay::new(|_| {});
    let readers = relay.connect(1000);
    relay.post(events(&["flood"; 1000]));
    relay.turn();
    let before = relay.heard.len();
    assert!(before < 1000);

    relay.h.frame(readers[0].ws, "42[\"bystander\"]");
    relay.turn();
    relay.h.now += Duration::from_millis(1);
    relay.h.server.handle_timeout(relay.h.now);
    relay.turn();

    let place = relay.heard.iter().position(|name| name == "bystander").expect("it is heard");
    assert!(place <= before + 2, "{place} events came before, {before} of them earlier");
    relay.run(&readers);
    assert_eq!(relay.heard.len(), 1001);
}

#[test]
fn a_websocket_that_floods_is_not_read_until_its_messages_are_handled() {
    let mut relay = Relay::new(|_| {});
    let readers = relay.connect(1000);
    let flooder = readers[0].ws;

    for _ in 0..100 {
        relay.h.frame(flooder, "42[\"a\"]");
    }
    relay.turn();

    assert!(relay.heard.len() < 30);
    assert!(relay.h.is_paused(flooder));
    relay.run(&readers);
    assert_eq!(relay.heard, ["a"; 100]);
    assert!(!relay.h.is_paused(flooder));
}

#[test]
fn no_event_of_a_socket_follows_its_disconnect() {
    for (last, reason) in [
        ("leave", "server namespace disconnect"),
        ("close", "forced close"),
        ("shut down", "server shutting down"),
    ] {
        let names = ["before", last, "after", "after"];
        let expected = ["before", last, reason];
        let mut relay = Relay::new(|_| {});
        relay.post(events(&names));
        relay.run(&[]);
        assert_eq!(relay.heard, expected, "in a POST");

        let mut relay = Relay::new(|_| {});
        relay.post(events(&[&["x"; 20], &names[..]].concat()));
        relay.run(&[]);
        assert_eq!(relay.heard[20..], expected, "late in a POST");

        let mut relay = Relay::new(|_| {});
        let client = relay.connect(1).remove(0);
        for name in names {
            relay.h.frame(client.ws, events(&[name]));
        }
        relay.run(&[]);
        assert_eq!(relay.heard, expected, "on a WebSocket");
    }
}

#[test]
fn a_pause_holds_within_a_post_and_among_messages_that_were_read() {
    let mut relay = Relay::new(|_| {});
    let client = relay.connect(1).remove(0);
    relay.post(events(&["a", "pause", "b", "c"]));
    for name in ["d", "pause", "e"] {
        relay.h.frame(client.ws, events(&[name]));
    }

    relay.run(&[]);
    assert_eq!(relay.heard, ["a", "pause", "d", "pause"]);
    let now = relay.h.now;
    relay.socket(client.socket).resume(now);
    relay.run(&[]);

    assert_eq!(relay.heard[4..], ["e"]);
}

#[test]
fn a_rate_holds_within_a_post() {
    let mut relay = Relay::new(|config| {
        config.rate = Some(RateLimit::per_second(10));
    });
    let sid = relay.post(events(&["a"; 100]));

    relay.run(&[]);
    assert!(relay.heard.len() <= 11, "{}", relay.heard.len());
    relay.h.eager = true;
    for _ in 0..10 {
        relay.h.advance(secs(1));
        relay.h.fetch(&sid);
        for event in relay.h.take_events() {
            relay.on_event(event);
        }
    }

    assert_eq!(relay.heard.len(), 100);
}

#[test]
fn messages_before_the_end_of_a_connection_are_reported_before_disconnected() {
    let names = ["a"; 3000];
    for ends_by in ["packet", "transport"] {
        let mut relay = Relay::new(|_| {});
        let packet = if ends_by == "packet" { "\x1e1\x1e42[\"behind\"]" } else { "" };
        let sid = relay.post(events(&names) + packet);
        relay.turn();
        assert!(relay.heard.len() < 3000);
        if ends_by == "transport" {
            let target = Harness::<Server>::target("polling", Some(&sid));
            for _ in 0..2 {
                relay.h.request("POST", &target, &[]);
            }
        }

        relay.run(&[]);

        assert_eq!(relay.heard.len(), 3001, "{ends_by}");
        assert!(relay.heard[3000].starts_with("transport "), "{}", relay.heard[3000]);
    }
}

#[test]
fn a_malformed_packet_late_in_a_post_ends_the_session_when_it_is_its_turn() {
    let mut relay = Relay::new(|_| {});
    relay.post(events(&["a"; 2000]) + "\x1ez\x1e42[\"behind\"]");

    relay.run(&[]);

    assert_eq!(relay.heard.len(), 2001);
    assert_eq!(relay.heard[2000], "parse error");
}

#[test]
fn draining_ends_after_close_timeout() {
    let mut relay = Relay::new(|_| {});
    let client = relay.connect(1).remove(0);
    relay.h.frame(client.ws, events(&["pause"]));
    relay.h.frame(client.ws, events(&["never"]));
    relay.turn();
    relay.h.closed(client.ws, CloseCause::Peer);

    relay.turn();
    assert_eq!(relay.heard, ["pause"]);
    relay.h.eager = true;
    relay.h.advance(secs(31));
    for event in relay.h.take_events() {
        relay.on_event(event);
    }

    assert_eq!(relay.heard, ["pause", "transport close"]);
}

#[test]
fn the_next_post_is_read_when_the_last_one_is_handled() {
    let mut relay = Relay::new(|_| {});
    let sid = relay.post(events(&["a"; 3000]));
    relay.turn();

    let second = relay.h.request("POST", &Harness::<Server>::target("polling", Some(&sid)), &[]);
    relay.turn();
    assert_eq!(relay.h.wants_body_now(second), None);
    relay.run(&[]);

    assert!(relay.h.wants_body_now(second).is_some());
    relay.h.body(second, events(&["last"]));
    relay.run(&[]);
    assert_eq!(relay.heard.len(), 3001);
    assert_eq!(relay.heard[3000], "last");
}

#[test]
fn a_post_that_waits_is_answered_when_the_server_closes_the_session() {
    let mut relay = Relay::new(|_| {});
    let mut names = vec!["a"; 3000];
    names[2000] = "close";
    let sid = relay.post(events(&names));
    relay.turn();
    let second = relay.h.request("POST", &Harness::<Server>::target("polling", Some(&sid)), &[]);
    relay.turn();

    relay.run(&[]);

    assert_eq!(relay.heard.len(), 2002, "the end included");
    assert_eq!(relay.h.answer(second), "200 ok");
}

#[test]
fn a_client_whose_pong_waits_unread_does_not_time_out() {
    let mut h = Harness::<Server>::new();
    let client = h.connect_websocket("/");
    h.advance(secs(24));
    let now = h.now;
    h.frame(client.ws, "451-[\"half\",{\"_placeholder\":true,\"num\":0}]");
    h.socket(client.socket).pause(now);
    h.stall(client.ws);
    h.advance(secs(1));
    assert_eq!(h.received(client.ws), ["2"]);
    h.drained(client.ws);
    h.stall(client.ws);
    // The ping is written; what came after it is not, when the pong is due.
    h.emit(client.socket, "slow", &());

    h.advance(secs(19));
    assert_eq!(h.told(), ["#1 connected / []"; 0]);
    h.drained(client.ws);
    h.advance(secs(2));
    assert!(h.is_open(client.ws), "{:?}", h.told());
    for _ in 0..10 {
        h.drained(client.ws);
        h.advance(secs(19));
    }

    assert!(h.is_open(client.ws), "nobody waits for what the server does not read");
    let now = h.now;
    h.socket(client.socket).resume(now);
    h.binary(client.ws, vec![1]);
    assert_eq!(h.told(), ["#1 half[{\"_placeholder\":true,\"num\":0}]<01>"]);
}

#[test]
fn an_emit_that_overflows_leaves_the_view_of_the_socket_as_it_is() {
    let mut h = Harness::<Server>::with(|config| config.engine.max_buffered = 1000);
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "in flight", &());
    let now = h.now;

    let mut socket = h.socket(client.socket);
    assert!(!socket.emit("big", &"x".repeat(1000), EmitOptions::default()).unwrap());
    socket.join("room");
    assert_eq!(socket.rooms().count(), 1);
    assert_eq!((socket.buffered(), socket.pending_acks()), (0, 0));
    assert_eq!(socket.namespace().to_string(), "/");
    assert!(!socket.emit("after", &(), EmitOptions::default()).unwrap());
    assert!(socket.emit_with_ack("ask", &(), None, now).is_ok());
    socket.leave("room");
    assert!(socket.watch_drained());

    assert_eq!(
        h.told(),
        ["#1 not acked: socket has been disconnected", "#1 disconnected: transport error"]
    );
}

#[test]
fn volatile_events_of_a_timer_do_not_wait_for_a_client_that_does_not_read() {
    let mut h = Harness::<Server>::new();
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "busy", &());
    h.collect();

    let sent = (0..1000).filter(|_| h.emit_volatile(client.socket, "position")).count();

    assert_eq!(sent, 0);
    assert_eq!(h.server.totals().engine.dropped, 1000);
}

#[test]
fn outputs_that_were_not_taken_keep_the_order_of_what_follows() {
    let mut relay = Relay::new(|_| {});
    let client = relay.connect(1).remove(0);
    for n in 0..50 {
        relay.h.frame(client.ws, events(&[&n.to_string()]));
    }
    relay.h.feed(Input::Closed { ws: client.ws, cause: CloseCause::Peer });
    while let Some(output) = relay.h.server.poll_output() {
        if let Output::Event(event) = output {
            relay.on_event(event);
        }
    }

    let expected: Vec<_> =
        (0..50).map(|n| n.to_string()).chain(["transport close".to_owned()]).collect();
    assert_eq!(relay.heard, expected);
}
