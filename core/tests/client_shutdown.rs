//! The end of a client by a command: what was emitted before is delivered.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use pair::{Pair, millis, secs};
use sockeye_core::Frame;
use sockeye_core::client::{Input, Output, SocketConfig};

fn heard(pair: &mut Pair) -> Vec<String> {
    pair.heard().into_iter().filter(|line| line != "upgraded").collect()
}

fn shut_down(pair: &mut Pair) {
    let now = pair.now;
    pair.client.shut_down(secs(5), now);
    pair.settle();
}

#[test]
fn emitted_events_arrive_before_the_disconnect() {
    for mut pair in [Pair::new(), Pair::polling(), Pair::websocket()] {
        let (id, _) = pair.join("/");
        pair.clear();
        for n in 0..40 {
            pair.emit(id, "e", &n);
        }
        shut_down(&mut pair);
        pair.run(secs(2));
        let heard = heard(&mut pair);
        assert_eq!(heard[..40], std::array::from_fn::<_, 40, _>(|n| format!("e[{n}]")));
        assert_eq!(heard[40..], ["disconnected: client namespace disconnect"]);
        assert!(pair.client.is_idle() && pair.client.is_delivered());
        assert_eq!(pair.client.poll_timeout(), None);
    }
}

#[test]
fn a_shutdown_sends_events_emitted_before_the_socket_is_connected() {
    for mut pair in [Pair::new(), Pair::polling(), Pair::websocket()] {
        let id = pair.open("/");
        let admin = pair.open("/admin");
        pair.emit(id, "e", &1);
        shut_down(&mut pair);
        assert!(!pair.client.is_idle() && !pair.client.is_delivered());
        assert!(!pair.socket(admin).is_active(), "who has nothing to say does not join");
        pair.run(secs(2));
        let heard = heard(&mut pair);
        assert_eq!(heard, ["connected / []", "e[1]", "disconnected: client namespace disconnect"]);
        assert!(pair.client.is_idle() && pair.client.is_delivered());
    }
}

#[test]
fn a_shutdown_waits_for_the_acknowledgements_of_events_with_retries() {
    let mut pair = Pair::websocket();
    pair.server_acks = true;
    let retrying = SocketConfig::default().retries(3).ack_timeout(secs(1));
    let id = pair.open_with("/", retrying);
    pair.run(secs(1));
    for n in 0..3 {
        pair.emit(id, "e", &n);
    }
    shut_down(&mut pair);
    pair.run(secs(1));
    let heard = heard(&mut pair);
    assert_eq!(heard[1..4], ["e[0]", "e[1]", "e[2]"]);
    assert!(pair.client.is_idle() && pair.client.is_delivered());
}

#[test]
fn a_shutdown_that_times_out_reports_undelivered_events() {
    let mut pair = Pair::websocket();
    pair.net.down = true;
    let id = pair.open("/");
    pair.emit(id, "e", &1);
    shut_down(&mut pair);
    pair.run(millis(4900));
    assert!(!pair.client.is_idle());
    pair.run(millis(200));
    assert!(pair.client.is_idle() && !pair.client.is_delivered());
    assert_eq!(pair.client.poll_timeout(), None);

    // What is on its way is not known to have arrived.
    for mut pair in [Pair::polling(), Pair::websocket()] {
        let (id, _) = pair.join("/");
        (pair.net.write, pair.net.latency) = (secs(1000), (secs(1000), secs(1000)));
        pair.emit(id, "e", &1);
        shut_down(&mut pair);
        pair.run(secs(6));
        assert!(pair.client.is_idle() && !pair.client.is_delivered());
        let counts = pair.client.counts();
        assert_eq!((counts.requests, counts.websockets), (0, 0));
    }
}

#[test]
fn data_lost_with_a_connection_is_reported() {
    let mut pair = Pair::polling();
    let (id, _) = pair.join("/");
    pair.net.latency = (secs(1), secs(1));
    pair.emit(id, "e", &1);
    shut_down(&mut pair);
    pair.net.down = true;
    pair.cut();
    pair.run(secs(20));
    assert!(pair.client.is_idle() && !pair.client.is_delivered());
}

#[test]
fn a_websocket_is_closed_when_everything_is_written() {
    let mut pair = Pair::websocket();
    let (id, _) = pair.join("/");
    let now = pair.now;
    pair.socket(id).emit("e", &1, Default::default(), now).unwrap();
    pair.client.close(now);
    let ws = match pair.client.poll_output() {
        Some(Output::Send { ws, .. }) => ws,
        other => panic!("{other:?}"),
    };
    // A Ping asks the server whether it has read the data before DISCONNECT follows.
    let is_wire = |output: &Output<_>| !matches!(output, Output::Event(_));
    let next = |pair: &mut Pair| std::iter::from_fn(|| pair.client.poll_output()).find(is_wire);
    assert!(next(&mut pair).is_none(), "{ws:?} is still being written to");
    pair.client.handle(Input::Drained { ws }, now);
    assert!(matches!(next(&mut pair), Some(Output::Ping { .. })));
    assert!(next(&mut pair).is_none());
    pair.client.handle(Input::Pong { ws }, now);
    let Some(Output::Send { frames, .. }) = next(&mut pair) else { panic!("DISCONNECT is sent") };
    let frames: Vec<Frame> = frames.into_iter().collect();
    assert_eq!(frames[0].bytes(), &b"41"[..]);
    assert!(next(&mut pair).is_none());
    pair.client.handle(Input::Drained { ws }, now);
    assert!(matches!(next(&mut pair), Some(Output::Close { .. })));
}

#[test]
fn a_disconnect_waits_one_second_for_a_server_that_answers_no_pings() {
    let mut pair = Pair::websocket();
    let (id, _) = pair.join("/");
    pair.emit(id, "e", &1);
    let now = pair.now;
    pair.socket(id).disconnect(now);
    let pinged = std::iter::from_fn(|| pair.client.poll_output());
    assert!(pinged.into_iter().all(|output| !matches!(output, Output::Send { .. })));
    assert!(!pair.client.is_idle());
    pair.run(millis(1100));
    assert_eq!(pair.heard().last().unwrap(), "disconnected: client namespace disconnect");
    assert!(pair.client.is_idle());
}
