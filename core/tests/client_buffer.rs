//! Events that wait: for a connection, for an acknowledgement, or for a retry.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use pair::{Pair, WEBSOCKET, millis, secs};
use sockeye_core::client::SocketConfig;
use sockeye_core::engineio::Encoded;
use sockeye_core::{EmitError, EmitOptions};

fn strings(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

#[test]
fn events_emitted_before_the_connection_arrive_in_order_after_it() {
    for mut pair in [Pair::new(), Pair::websocket()] {
        let id = pair.open("/");
        for n in 0..3 {
            pair.emit(id, "before", &n);
        }
        assert_eq!(pair.socket(id).buffered(), 3);
        pair.run(secs(2));
        pair.emit(id, "after", &());
        pair.run(secs(1));

        let heard: Vec<_> = pair.heard().into_iter().filter(|line| line != "upgraded").collect();
        assert_eq!(heard, ["connected / []", "before[0]", "before[1]", "before[2]", "after[]"]);
        assert_eq!(pair.socket(id).buffered(), 0);
        pair.finish();
    }
}

#[test]
fn events_emitted_while_disconnected_are_sent_after_the_reconnection() {
    let mut pair = Pair::websocket();
    let (id, _) = pair.join("/");
    pair.net.down = true;
    pair.cut();
    pair.run(secs(3));
    pair.clear();
    for n in 0..3 {
        assert!(pair.emit(id, "e", &n));
    }
    pair.run(secs(10));
    pair.net.down = false;
    pair.run(secs(10));

    assert_eq!(pair.heard(), ["connected / []", "e[0]", "e[1]", "e[2]"]);
    pair.finish();
}

#[test]
fn the_buffer_is_bounded_in_bytes() {
    let mut pair = Pair::with(|config| config.max_buffered = 1000, |_| {});
    let id = pair.client.open("/", SocketConfig::default().auto_connect(false), pair.now);
    let id = id.unwrap();
    let now = pair.now;
    let mut sent = 0;
    let error = loop {
        match pair.socket(id).emit("event", &sent, EmitOptions::default(), now) {
            Ok(true) if sent < 1000 => sent += 1,
            Ok(true) => panic!("there is no end to it"),
            Ok(false) => panic!("it was dropped"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, EmitError::Full { limit: 1000 }), "{error}");
    assert_eq!(sent, 1000 / (Encoded::OVERHEAD + "42[\"event\",0]".len()));
    let asked = pair.socket(id).emit_with_ack("event", &0, None, now);
    assert!(matches!(asked, Err(EmitError::Full { .. })));
    assert!(pair.client.counts().buffered <= 1000);
    assert_eq!(pair.client.counts().acks, 0);

    pair.connect(id);
    pair.run(secs(2));
    assert_eq!(pair.client.counts().buffered, 0);
    assert!(pair.emit(id, "event", &()));
    pair.finish();
}

#[test]
fn packets_that_a_slow_connection_has_not_taken_count_against_the_limit() {
    let mut pair = Pair::with(
        |config| {
            config.transports = vec![WEBSOCKET];
            config.max_buffered = 10_000;
        },
        |_| {},
    );
    let (id, _) = pair.join("/");
    pair.net.write = secs(1000);
    let now = pair.now;
    let text = "x".repeat(900);
    let mut full = false;
    for _ in 0..20 {
        let sent = pair.socket(id).emit("event", &text, EmitOptions::default(), now);
        full |= matches!(sent, Err(EmitError::Full { .. }));
        pair.settle();
        assert!(pair.client.counts().buffered <= 10_000);
    }
    assert!(full);
}

#[test]
fn volatile_events_are_dropped_unless_they_can_be_written_at_once() {
    for mut pair in [Pair::polling(), Pair::websocket()] {
        pair.net.write = millis(50);
        let id = pair.open("/");
        assert!(!pair.emit_volatile(id, "too soon"));
        pair.run(secs(2));
        pair.clear();

        assert!(pair.emit_volatile(id, "first"));
        assert!(pair.emit_volatile(id, "with it"), "nothing has happened in between");
        pair.run(millis(1));
        // Something has happened since, and the first one is still on its way.
        pair.feed(sockeye_core::client::Input::Online);
        assert!(!pair.emit_volatile(id, "second"));
        pair.emit(id, "kept", &());
        pair.run(secs(1));
        assert!(pair.emit_volatile(id, "third"));
        pair.run(secs(1));

        assert_eq!(pair.heard(), ["first[]", "with it[]", "kept[]", "third[]"]);
        pair.net.down = true;
        pair.cut();
        pair.run(secs(1));
        assert!(!pair.emit_volatile(id, "away"));
        pair.finish();
    }
}

#[test]
fn a_volatile_event_is_dropped_while_a_post_is_pending() {
    let mut pair = Pair::polling();
    let (id, _) = pair.join("/");
    pair.clear();
    pair.emit(id, "first", &());
    assert_eq!(pair.client.counts().requests, 2, "a GET and a POST");
    pair.feed(sockeye_core::client::Input::Online);

    assert!(!pair.emit_volatile(id, "second"));

    pair.run(secs(1));
    assert_eq!(pair.client.counts().requests, 1);
    assert!(pair.emit_volatile(id, "third"));
    pair.run(secs(1));
    assert_eq!(pair.heard(), ["first[]", "third[]"]);
    pair.finish();
}

#[test]
fn acknowledgements_pending_at_the_end_of_the_connection_are_errors() {
    let mut pair = Pair::websocket();
    let (id, _) = pair.join("/");
    pair.clear();
    pair.ask(id, "a", None);
    pair.ask(id, "b", Some(secs(60)));
    pair.run(millis(100));
    pair.cut();
    pair.run(millis(100));

    let lost = "not acked: socket has been disconnected";
    assert_eq!(pair.told()[..3], [lost, lost, "disconnected: transport error"]);
    assert_eq!(pair.client.counts().acks, 0);
}

#[test]
fn acknowledgements_that_do_not_arrive_in_time_are_errors() {
    let mut pair = Pair::websocket();
    let (id, _) = pair.join("/");
    pair.clear();
    pair.ask(id, "a", Some(secs(2)));
    pair.run(millis(1999));
    assert_eq!(pair.told(), Vec::<String>::new());
    pair.run(millis(1));
    assert_eq!(pair.told(), ["not acked: operation has timed out"]);
    assert_eq!(pair.client.counts().acks, 0);
}

#[test]
fn the_ack_timeout_can_be_an_option_of_the_socket() {
    let mut pair = Pair::websocket();
    let config = SocketConfig::default().ack_timeout(secs(1));
    let id = pair.open_with("/", config);
    pair.run(secs(2));
    pair.clear();
    pair.ask(id, "a", None);
    pair.ask(id, "b", Some(secs(3)));
    pair.run(secs(1));
    assert_eq!(pair.told(), ["not acked: operation has timed out"]);
    pair.run(secs(2));
    assert_eq!(pair.told(), ["not acked: operation has timed out"]);
}

#[test]
fn an_event_that_timed_out_before_it_was_sent_is_never_sent() {
    let mut pair = Pair::websocket();
    pair.net.down = true;
    let id = pair.open("/");
    pair.ask(id, "late", Some(secs(3)));
    pair.ask(id, "patient", None);
    pair.run(secs(5));
    let told: Vec<_> =
        pair.told().into_iter().filter(|line| line.starts_with("not acked")).collect();
    assert_eq!(told, ["not acked: operation has timed out"]);
    pair.server_acks = true;
    pair.net.down = false;
    pair.run(secs(20));

    assert_eq!(pair.heard(), ["connected / []", "patient[]"]);
    assert!(pair.told().contains(&"acked []".to_owned()));
    pair.finish();
}

#[test]
fn an_acknowledged_event_leaves_no_state() {
    for retries in [0, 1] {
        let mut pair = Pair::websocket();
        pair.server_acks = true;
        let id = pair.open_with("/", SocketConfig::default().retries(retries));
        pair.run(secs(1));
        let before = pair.client.counts();
        for _ in 0..10 {
            pair.ask(id, "a", Some(secs(1000)));
        }
        pair.run(secs(1));
        assert_eq!(pair.client.counts(), before);
    }
}

#[test]
fn pending_acknowledgements_are_bounded() {
    let mut pair = Pair::with(|config| config.max_pending_acks = 2, |_| {});
    let (id, _) = pair.join("/");
    pair.ask(id, "a", None);
    pair.ask(id, "b", None);
    let now = pair.now;
    let third = pair.socket(id).emit_with_ack("c", &(), None, now);
    assert!(matches!(third, Err(EmitError::TooManyAcks { limit: 2 })));
}

#[test]
fn removing_a_socket_fails_its_pending_acknowledgements() {
    let mut pair = Pair::websocket();
    pair.net.down = true;
    let id = pair.open("/");
    pair.ask(id, "a", None);
    pair.emit(id, "b", &());
    let now = pair.now;
    pair.client.socket(id).unwrap().remove(now);
    pair.settle();
    let told = pair.told();
    assert!(told.contains(&"not acked: socket has been disconnected".to_owned()), "{told:?}");
    assert!(pair.client.socket(id).is_none());
    assert!(pair.client.is_idle());
    assert_eq!(pair.client.counts(), sockeye_core::client::Counts::default());
}

fn retrying(retries: u32, timeout: u64) -> SocketConfig {
    SocketConfig::default().retries(retries).ack_timeout(secs(timeout))
}

#[test]
fn with_retries_events_are_sent_one_by_one_until_acknowledged() {
    let mut pair = Pair::websocket();
    let id = pair.open_with("/", retrying(2, 3));
    for n in 0..3 {
        pair.emit(id, "e", &n);
    }
    pair.run(secs(2));
    // Nobody has answered the first one.
    let heard = pair.heard();
    assert_eq!(heard, ["connected / []", "e[0] wants ack"]);
    pair.server_acks = true;
    pair.run(secs(10));

    assert_eq!(pair.heard(), ["e[0]", "e[1]", "e[2]"]);
    assert_eq!(pair.socket(id).buffered(), 0);
    pair.run(secs(60));
    assert_eq!(pair.heard(), Vec::<String>::new());
    assert_eq!(pair.client.counts().buffered, 0);
    pair.finish();
}

#[test]
fn an_event_is_given_up_after_all_its_tries_and_the_next_one_is_sent() {
    let mut pair = Pair::websocket();
    let id = pair.open_with("/", retrying(2, 1));
    let now = pair.now;
    pair.socket(id).emit_with_ack("first", &(), None, now).unwrap();
    pair.socket(id).emit_with_ack("second", &(), None, now).unwrap();
    pair.run(millis(3500));

    let first = "first[] wants ack";
    assert_eq!(pair.heard(), ["connected / []", first, first, first, "second[] wants ack"]);
    assert_eq!(pair.told()[2..], ["not acked: operation has timed out"]);
    pair.server_acks = true;
    pair.run(secs(2));
    assert_eq!(pair.told(), ["acked []"]);
    pair.finish();
}

#[test]
fn an_unacknowledged_event_is_sent_again_on_the_next_connection() {
    let mut pair = Pair::websocket();
    let id = pair.open_with("/", retrying(1, 60));
    pair.run(secs(1));
    pair.clear();
    pair.ask(id, "e", None);
    pair.run(millis(100));
    pair.server_acks = true;
    pair.cut();
    pair.run(secs(10));

    let heard: Vec<_> = pair.heard().into_iter().filter(|line| line.starts_with('e')).collect();
    assert_eq!(heard, ["e[] wants ack", "e[]"]);
    assert!(pair.told().contains(&"acked []".to_owned()));
}

#[test]
fn a_lost_connection_counts_as_a_failed_try() {
    let mut pair = Pair::websocket();
    let id = pair.open_with("/", retrying(1, 600));
    pair.run(secs(1));
    pair.ask(id, "e", None);
    for _ in 0..2 {
        pair.run(secs(10));
        pair.clear();
        pair.cut();
        pair.run(millis(100));
    }
    let told = pair.told();
    assert!(told.contains(&"not acked: socket has been disconnected".to_owned()), "{told:?}");
    assert_eq!(pair.client.counts().buffered, 0);
}

#[test]
fn a_late_acknowledgement_of_an_earlier_try_counts() {
    let mut pair = Pair::websocket();
    pair.server_acks = true;
    pair.net.latency = (millis(800), millis(800));
    let id = pair.open_with("/", retrying(5, 1));
    pair.run(secs(10));
    pair.clear();
    pair.ask(id, "e", None);
    pair.run(secs(10));
    assert_eq!(pair.told(), ["acked []"]);
    assert_eq!(pair.heard(), strings(&["e[]", "e[]"]));
}

#[test]
fn volatile_events_are_not_retried() {
    let mut pair = Pair::websocket();
    let id = pair.open_with("/", retrying(5, 1));
    pair.run(secs(2));
    pair.clear();
    assert!(pair.emit_volatile(id, "e"));
    pair.run(secs(10));
    assert_eq!(pair.heard(), ["e[]"]);
}
