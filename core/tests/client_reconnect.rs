//! Reconnection: after the connection was lost, or could not be opened.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use pair::{POLLING, Pair, WEBSOCKET, millis, secs};
use sockeye_core::CloseCause;
use sockeye_core::client::{Client, Config, Event, Input, Output, SocketConfig};

#[test]
fn a_lost_connection_is_opened_again() {
    for mut pair in [Pair::new(), Pair::polling(), Pair::websocket()] {
        let (id, _) = pair.join("/");
        let (admin, _) = pair.join("/admin");
        let sid = pair.socket(id).sid().unwrap().clone();
        pair.clear();

        pair.cut();
        pair.run(secs(10));

        let told = pair.told();
        assert_eq!(told[..2], ["disconnected: transport error", "disconnected: transport error"]);
        assert!(told[2].starts_with("closed: transport error: "), "{told:?}");
        assert!(told[2].ends_with("connection reset"), "{told:?}");
        assert_eq!(told[3], "reconnecting 1");
        assert!(told[4].ends_with("after 1"), "{told:?}");
        assert_eq!(told[5..7], ["connected", "connected"]);
        assert_ne!(*pair.socket(id).sid().unwrap(), sid);
        assert!(pair.socket(admin).is_connected());
        pair.finish();
    }
}

#[test]
fn clients_reconnect_to_a_restarted_server() {
    for mut pair in [Pair::new(), Pair::polling(), Pair::websocket()] {
        pair.join("/");
        pair.net.down = true;
        pair.restart();
        pair.run(secs(60));
        assert!(!pair.client.is_connected());
        pair.net.down = false;
        pair.run(secs(8));

        assert!(pair.client.is_connected());
        assert_eq!(pair.server.socket_count("/"), 1);
        pair.finish();
    }
}

#[test]
fn attempts_are_reported_and_their_delays_grow_to_the_limit() {
    let mut pair = Pair::with(|config| config.randomization_factor = 0.0, |_| {});
    pair.net.down = true;
    pair.open("/");
    pair.run(secs(60));

    let told = pair.told();
    assert_eq!(told[0], "failed 0: polling: connection reset");
    assert_eq!(told[1..3], ["reconnecting 1", "failed 1: polling: connection reset"]);
    // At 1, 3, 7, 12, 17, .. 57 seconds.
    assert_eq!(told.iter().filter(|line| line.starts_with("reconnecting")).count(), 13);
    pair.net.down = false;
    pair.run(secs(5));
    assert_eq!(pair.told()[..3], ["reconnecting 14", "opened by polling after 14", "connected"]);
}

#[test]
fn the_delays_of_many_clients_are_spread() {
    let delay = |seed: u16| {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&seed.to_le_bytes());
        let mut client = Client::new(Config::default(), bytes).unwrap();
        let start = Pair::new().now;
        client.open("/", SocketConfig::default(), start).unwrap();
        let mut now = start;
        for _ in 0..10 {
            while let Some(output) = client.poll_output() {
                if let Output::Request { req, .. } = output {
                    let message = String::new();
                    client.handle(Input::Failed { req, message }, now);
                }
            }
            let due = client.poll_timeout().unwrap();
            if now + secs(1) > due {
                assert!(due > now);
            }
            now = due;
            client.handle_timeout(now);
        }
        while let Some(output) = client.poll_output() {
            if let Output::Request { req, .. } = output {
                client.handle(Input::Failed { req, message: String::new() }, now);
            }
        }
        client.poll_timeout().unwrap() - now
    };
    let delays: Vec<_> = (0..500).map(delay).collect();

    assert!(delays.iter().all(|delay| (millis(2500)..=millis(7500)).contains(delay)));
    for second in 0..5 {
        let from = millis(2500 + 1000 * second);
        let share = delays.iter().filter(|delay| (from..from + secs(1)).contains(*delay)).count();
        assert!((60..=140).contains(&share), "{share} of 500 in one fifth");
    }
}

#[test]
fn a_client_gives_up_after_the_number_of_attempts() {
    let mut pair = Pair::with(|config| config.reconnection_attempts = Some(2), |_| {});
    pair.net.down = true;
    let id = pair.open("/");
    pair.run(secs(100));
    let fault = "polling: connection reset";
    assert_eq!(
        pair.told(),
        [
            &format!("failed 0: {fault}"),
            "reconnecting 1",
            &format!("failed 1: {fault}"),
            "reconnecting 2",
            &format!("failed 2: {fault}"),
            "gave up"
        ]
    );
    assert!(pair.client.is_idle());

    pair.net.down = false;
    pair.connect(id);
    pair.run(secs(2));
    assert_eq!(pair.told(), ["opened by polling", "connected", "upgraded"]);
}

#[test]
fn a_client_without_reconnection_does_not_reconnect() {
    let mut pair = Pair::with(|config| config.reconnection = false, |_| {});
    let (id, _) = pair.join("/");
    pair.clear();
    pair.cut();
    pair.run(secs(100));
    let told = pair.told();
    assert_eq!(told[0], "disconnected for good: transport error");
    assert_eq!(told.len(), 2);
    pair.connect(id);
    pair.run(secs(2));
    assert!(pair.socket(id).is_connected());
}

#[test]
fn a_connection_that_takes_too_long_to_open_is_given_up() {
    for mut pair in [Pair::new(), Pair::websocket()] {
        pair.net.silent = (true, true);
        pair.open("/");
        pair.run(secs(19));
        assert_eq!(pair.told(), Vec::<String>::new());
        pair.run(secs(1));
        assert_eq!(pair.told(), ["failed 0: timeout"]);
        let counts = pair.client.counts();
        assert_eq!((counts.requests, counts.websockets), (0, 0));
        pair.run(secs(10));
        pair.net.heal();
        pair.run(secs(40));
        assert!(pair.client.is_connected());
        pair.finish();
    }
}

#[test]
fn a_silent_server_times_out_on_every_transport() {
    for mut pair in [Pair::new(), Pair::polling(), Pair::websocket()] {
        pair.join("/");
        pair.run(secs(200));
        pair.clear();

        pair.net.silent = (true, true);
        pair.run(secs(45));

        assert_eq!(pair.told()[..2], ["disconnected: ping timeout", "closed: ping timeout"]);
        pair.net.heal();
        pair.run(secs(60));
        assert!(pair.client.is_connected());
        assert_eq!(pair.server.counts().engine.sessions, 1);
        pair.finish();
    }
}

#[test]
fn a_half_open_connection_times_out_on_both_sides() {
    for (silent, both) in [((true, false), 2), ((false, true), 2)] {
        let mut pair = Pair::websocket();
        pair.join("/");
        pair.clear();
        pair.net.silent = silent;
        pair.run(secs(46));
        let told = pair.told();
        let heard = pair.heard();
        let lost = told.iter().any(|line| line.starts_with("disconnected: "));
        let left = heard.iter().any(|line| line.starts_with("disconnected: "));
        assert_eq!(usize::from(lost) + usize::from(left), both, "{told:?} {heard:?}");
    }
}

#[test]
fn an_idle_connection_stays_open() {
    for mut pair in [Pair::new(), Pair::polling(), Pair::websocket()] {
        pair.net.latency = (millis(300), millis(300));
        pair.net.jitter = millis(300);
        pair.open("/");
        pair.run(secs(20));
        pair.clear();
        pair.run(secs(3600));
        assert_eq!(pair.told(), Vec::<String>::new());
        assert_eq!(pair.heard(), Vec::<String>::new());
        pair.finish();
    }
}

#[test]
fn delays_grow_while_each_connection_is_closed_at_once() {
    let mut pair = Pair::with(
        |config| {
            config.transports = vec![WEBSOCKET];
            config.randomization_factor = 0.0;
        },
        |_| {},
    );
    pair.open("/");
    let mut connected = 0;
    for _ in 0..600 {
        pair.run(millis(100));
        if pair.client.is_connected() {
            connected += 1;
            pair.cut();
        }
    }
    assert!((10..=16).contains(&connected), "{connected} connections in a minute");
    // One that lasts makes the next delay short again.
    pair.run(secs(20));
    pair.clear();
    pair.cut();
    pair.run(millis(1100));
    assert!(pair.told().contains(&"reconnecting 1".to_owned()));
}

#[test]
fn a_closing_server_counts_as_a_lost_connection() {
    for mut pair in [Pair::polling(), Pair::websocket()] {
        pair.join("/");
        pair.clear();
        let now = pair.now;
        pair.server.shut_down(now);
        pair.settle();
        pair.run(millis(500));
        let told = pair.told();
        assert_eq!(told[0], "disconnected: transport close", "{told:?}");
    }
}

#[test]
fn disconnecting_ends_the_wait_for_a_reconnection() {
    let mut pair = Pair::new();
    let (id, _) = pair.join("/");
    pair.cut();
    pair.run(millis(100));
    pair.clear();
    pair.disconnect(id);
    pair.run(secs(60));
    assert!(pair.client.is_idle());
    assert_eq!(pair.told(), Vec::<String>::new(), "the end was told before");
}

#[test]
fn disconnecting_ends_the_opening_of_the_connection() {
    for transport in [POLLING, WEBSOCKET] {
        let mut pair = Pair::with(|config| config.transports = vec![transport], |_| {});
        let id = pair.open("/");
        pair.run(millis(5));
        pair.disconnect(id);
        assert!(pair.client.is_idle());
        pair.run(secs(60));
        assert_eq!(pair.told(), Vec::<String>::new());
        assert!(pair.server.is_idle());
        pair.finish();
    }
}

#[test]
fn offline_ends_the_connection_and_online_reconnects_at_once() {
    let mut pair = Pair::websocket();
    pair.join("/");
    pair.run(secs(10));
    pair.clear();
    pair.net.down = true;
    pair.feed(Input::Offline);
    assert_eq!(
        pair.told(),
        ["disconnected: transport close", "closed: transport close: no network"]
    );
    pair.run(secs(30));
    pair.clear();
    pair.net.down = false;
    pair.feed(Input::Online);
    pair.run(millis(100));
    assert!(pair.client.is_connected());
    pair.feed(Input::Online);
    pair.run(secs(10));
    assert!(pair.client.is_connected());
}

#[test]
fn a_command_after_a_long_sleep_notices_that_the_server_is_gone() {
    let mut pair = Pair::websocket();
    let (id, _) = pair.join("/");
    pair.clear();

    // The machine was asleep: no timer has run.
    pair.now += secs(3600);
    pair.emit(id, "e", &());

    assert_eq!(pair.told()[0], "disconnected: ping timeout");
    pair.run(secs(10));
    assert!(pair.heard().contains(&"e[]".to_owned()), "it was kept for the next connection");
}

#[test]
fn a_close_frame_is_reported_with_its_code() {
    let mut client =
        Client::new(Config::default().transports(vec![WEBSOCKET]), pair::SEED).unwrap();
    let now = Pair::new().now;
    client.open("/", SocketConfig::default(), now).unwrap();
    let Some(Output::Open { ws, .. }) = client.poll_output() else { panic!("no WebSocket") };
    client.handle(Input::Opened { ws }, now);
    let (code, message) = (Some(1001), "going away".to_owned());
    client.handle(Input::Closed { ws, cause: CloseCause::Peer, code, message }, now);
    let Some(Output::Event(Event::Failed { fault, .. })) = client.poll_output() else {
        panic!("no failure")
    };
    assert_eq!(fault.to_string(), "websocket: closed, code 1001: going away");
}
