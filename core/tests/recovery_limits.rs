//! What the recovery of connections costs, and when it is forgotten.

mod common;
mod recovery_support;

use common::{Harness, secs};
use recovery_support::{
    ask, away, back, connect, expired, is_new, joined, names, offset, returns, server, server_with,
};
use sockeye_core::{CloseCause, Counts, EmitOptions, Event, Selector, Server};

const POLICY: &str = "/secret";

/// Asks to join the namespace that decides, and is let in.
fn connect_by_policy(h: &mut Harness<Server>) -> recovery_support::Client {
    let ws = h.open_websocket();
    h.frame(ws, format!("40{POLICY},"));
    let socket = h.last_socket();
    h.server.accept(socket);
    let received = h.received(ws);
    h.told();
    joined(h, ws, &received[0])
}

fn emit_by_policy(h: &mut Harness<Server>, name: &str) {
    let sent = h.server.emit(POLICY, &Selector::all(), name, &(), EmitOptions::default());
    sent.expect("an event that can be sent");
}

/// One that has seen an event in the namespace that decides, and is away.
fn away_by_policy(h: &mut Harness<Server>) -> (recovery_support::Client, String) {
    let client = connect_by_policy(h);
    h.socket(client.socket).join("room");
    let seen = offset(h, &client);
    h.closed(client.ws, CloseCause::Error);
    assert_eq!(returns(h), [true]);
    let packet = back(&client.pid, &seen).replacen("40", &format!("40{POLICY},"), 1);
    (client, packet)
}

#[test]
fn an_expired_socket_is_reported_once() {
    let mut h = server();
    let (client, seen) = away(&mut h);

    h.advance(secs(119));
    assert_eq!(h.server.counts().away, 1);
    assert!(expired(&mut h).is_empty());
    h.advance(secs(1));
    assert_eq!(expired(&mut h), [client.id.as_str()]);
    assert_eq!(h.server.counts(), Counts::default());
    h.advance(secs(1000));

    assert!(expired(&mut h).is_empty());
    is_new(&mut h, &back(&client.pid, &seen), &client);
}

#[test]
fn a_client_that_returns_just_in_time_is_recovered() {
    let mut h = server();
    let (client, seen) = away(&mut h);

    h.advance(secs(119));
    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));

    assert!(received[0].contains(&client.id));
    h.advance(secs(40));
    assert!(expired(&mut h).is_empty(), "it is there");
    h.closed(ws, CloseCause::Error);
    h.advance(secs(1000));
    assert_eq!(expired(&mut h), [client.id.as_str()]);
}

#[test]
fn each_disconnection_has_its_own_deadline() {
    let mut h = server();
    let (client, seen) = away(&mut h);
    h.advance(secs(100));
    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));
    let client = joined(&h, ws, &received[0]);
    let seen = offset(&mut h, &client);
    h.advance(secs(10));
    h.closed(ws, CloseCause::Error);
    h.told();

    h.advance(secs(119));
    assert!(expired(&mut h).is_empty(), "the first absence is no matter any more");
    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));

    // What it had seen has become too old by now, as nobody needs it that long.
    let again = joined(&h, ws, received.last().unwrap());
    assert_eq!(again.id, client.id);
}

#[test]
fn repeated_disconnections_are_saved_once() {
    let mut h = server_with(|config| config.max_saved_sockets = 2);
    let (client, seen) = away(&mut h);
    for _ in 0..10 {
        let (ws, _) = ask(&mut h, &back(&client.pid, &seen));
        h.closed(ws, CloseCause::Peer);
    }
    assert_eq!(returns(&mut h), [true; 10]);
    let (other, _) = away(&mut h);

    assert_eq!(h.server.counts().away, 2);
    let (third, _) = away_and_expired(&mut h, &[&client.id]);
    let (_, _) = away_and_expired(&mut h, &[&other.id]);
    h.advance(secs(1000));
    assert_eq!(expired(&mut h)[0], third.id);
}

/// Lets one more client go, which makes the server forget these.
fn away_and_expired(h: &mut Harness<Server>, ids: &[&str]) -> (recovery_support::Client, String) {
    let client = connect(h);
    let seen = offset(h, &client);
    h.closed(client.ws, CloseCause::Error);
    assert_eq!(expired(h), ids);
    (client, seen)
}

#[test]
fn nothing_is_saved_with_max_sessions_zero() {
    let mut h = server_with(|config| config.max_saved_sockets = 0);
    let client = connect(&mut h);
    h.closed(client.ws, CloseCause::Error);

    let events = h.events();
    assert!(matches!(events[..], [Event::Disconnected { may_return: false, .. }]), "{events:?}");
    assert_eq!(h.server.counts().away, 0);
}

#[test]
fn a_client_that_missed_dropped_packets_is_not_recovered() {
    let mut h = server_with(|config| config.max_bytes = 10_000);
    let (client, seen) = away(&mut h);
    let all = Selector::all();
    for _ in 0..5 {
        h.server.emit("/", &all, "e", &"x".repeat(1000), EmitOptions::default()).unwrap();
    }
    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));
    assert_eq!(received.len(), 6);
    let client = joined(&h, ws, received.last().unwrap());
    h.closed(ws, CloseCause::Error);
    h.told();
    for _ in 0..20 {
        h.server.emit("/", &all, "e", &"x".repeat(1000), EmitOptions::default()).unwrap();
    }

    is_new(&mut h, &back(&client.pid, &seen), &client);
    assert_eq!(h.server.counts().away, 0);
}

#[test]
fn small_packets_count_with_their_overhead() {
    let mut h = server_with(|config| config.max_bytes = 10_000);
    let (client, seen) = away(&mut h);

    for _ in 0..500 {
        h.emit_to(&Selector::all(), "e");
    }

    is_new(&mut h, &back(&client.pid, &seen), &client);
}

#[test]
fn a_packet_that_is_too_large_for_the_log_is_sent() {
    let mut h = server_with(|config| config.max_bytes = 1000);
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);

    h.emit(client.socket, "large", &"x".repeat(2000));
    let large = h.received(client.ws).pop().unwrap();
    assert!(large.starts_with("42[\"large\""));
    let large_seen = large.split('"').nth(5).unwrap().to_owned();
    h.closed(client.ws, CloseCause::Error);
    h.told();

    let (ws, received) = ask(&mut h, &back(&client.pid, &large_seen));
    assert!(received[0].contains(&client.id), "it has missed nothing");
    h.closed(ws, CloseCause::Error);
    h.told();
    is_new(&mut h, &back(&client.pid, &seen), &client);
}

#[test]
fn packets_are_logged_for_max_disconnection() {
    let mut h = server();
    let client = connect(&mut h);
    h.frame(client.ws, "41");
    h.closed(client.ws, CloseCause::Peer);
    assert_eq!(h.server.counts(), Counts::default());
    h.emit_to(&Selector::all(), "e");
    assert_eq!(h.server.counts().timers, 1);

    h.advance(secs(119));
    assert_eq!(h.server.counts().timers, 1);
    h.emit_to(&Selector::all(), "e");
    h.advance(secs(140));

    assert_eq!(h.server.counts().timers, 0);
    assert_eq!(h.server.poll_timeout(), None);
}

#[test]
fn returning_clients_skip_the_decision() {
    let mut h = server();
    let (client, packet) = away_by_policy(&mut h);
    emit_by_policy(&mut h, "missed");

    let (_, received) = ask(&mut h, &packet);

    assert_eq!(names(&received), ["missed", "sid"]);
    assert!(received[1].contains(&client.id));
    assert_eq!(h.events().len(), 1, "nobody was asked");
}

#[test]
fn the_decision_about_returning_clients_is_optional() {
    let mut h = server_with(|config| config.skip_middlewares = false);
    let (client, packet) = away_by_policy(&mut h);
    emit_by_policy(&mut h, "before");

    let (ws, received) = ask(&mut h, &packet);
    assert!(received.is_empty());
    let socket = h.last_socket();
    assert_eq!(h.sid(socket), client.id);
    assert_eq!(h.server.find(&client.id), None, "it is not in yet");
    emit_by_policy(&mut h, "meanwhile");
    h.server
        .emit(POLICY, &Selector::all().to("room"), "to its room", &(), EmitOptions::default())
        .unwrap();
    h.server.accept(socket);
    emit_by_policy(&mut h, "after");

    let received = h.received(ws);
    assert_eq!(names(&received), ["before", "meanwhile", "to its room", "sid", "after"]);
    let events = h.told();
    assert!(events[0].starts_with("#2 connecting /secret"), "{events:?}");
    assert!(events[1].starts_with("#2 recovered /secret"), "{events:?}");
}

#[test]
fn a_rejected_returning_client_expires() {
    let mut h = server_with(|config| config.skip_middlewares = false);
    let (client, packet) = away_by_policy(&mut h);

    let (ws, _) = ask(&mut h, &packet);
    let socket = h.last_socket();
    h.server.reject(socket, "no", &()).unwrap();

    assert_eq!(h.received(ws), ["44/secret,{\"message\":\"no\"}"]);
    assert_eq!(expired(&mut h), [client.id.as_str()]);
    assert_eq!((h.server.counts().away, h.server.counts().rooms), (0, 0));
}

#[test]
fn a_client_that_leaves_before_the_decision_may_return_again() {
    let mut h = server_with(|config| config.skip_middlewares = false);
    let (client, packet) = away_by_policy(&mut h);
    emit_by_policy(&mut h, "missed");
    let (ws, _) = ask(&mut h, &packet);
    h.closed(ws, CloseCause::Error);
    assert_eq!(h.told().last().unwrap(), "#2 withdrawn");
    assert_eq!(h.server.counts().away, 1);

    let (ws, _) = ask(&mut h, &packet);
    let socket = h.last_socket();
    h.server.accept(socket);

    let received = h.received(ws);
    assert_eq!(names(&received), ["missed", "sid"]);
    assert!(received[1].contains(&client.id));
    h.told();
    h.closed(ws, CloseCause::Error);
    let (ws, _) = ask(&mut h, &packet);
    h.frame(ws, "7");
    assert_eq!(expired(&mut h), [client.id.as_str()], "it broke the rules");
}

#[test]
fn a_returning_client_whose_packets_expire_before_the_decision_is_new() {
    let mut h = server_with(|config| {
        config.skip_middlewares = false;
        config.max_bytes = 2000;
    });
    let (client, packet) = away_by_policy(&mut h);
    let (ws, _) = ask(&mut h, &packet);
    let socket = h.last_socket();
    for _ in 0..100 {
        emit_by_policy(&mut h, "much");
    }

    h.server.accept(socket);

    let received = h.received(ws);
    assert_eq!(received.len(), 1);
    let new = joined(&h, ws, &received[0]);
    assert_ne!((&new.id, &new.pid), (&client.id, &client.pid));
    assert_eq!(h.socket(new.socket).rooms().count(), 0);
    assert_eq!(h.server.counts().rooms, 0);
    assert_eq!(expired(&mut h), [client.id.as_str()]);
}

#[test]
fn a_client_that_missed_more_than_max_buffered_is_new() {
    let mut h = Harness::<Server>::with(|config| {
        config.engine.max_buffered = 1000;
        config.recovery = Some(sockeye_core::RecoveryConfig::default());
    });
    let (client, seen) = away(&mut h);
    for _ in 0..100 {
        h.emit_to(&Selector::all(), "missed");
    }

    is_new(&mut h, &back(&client.pid, &seen), &client);

    assert_eq!(h.server.totals().engine.overflows, 0, "its connection is not ended for it");
}

#[test]
fn missed_packets_count_with_their_overhead() {
    for missed in [40, 60] {
        let mut h = Harness::<Server>::with(|config| {
            config.engine.max_buffered = 10_000;
            config.recovery = Some(sockeye_core::RecoveryConfig::default());
        });
        let (client, seen) = away(&mut h);
        for _ in 0..missed {
            h.emit_to(&Selector::all(), "missed");
        }

        // On a connection that does not read at once.
        let ws = h.open_websocket();
        h.stall(ws);
        h.frame(ws, back(&client.pid, &seen));

        let recovered = h.server.find(&client.id).is_some();
        assert_eq!(recovered, missed == 40, "{missed} packets with what they cost besides");
        assert!(h.is_open(ws));
        assert_eq!(h.server.totals().engine.overflows, 0);
    }
}

#[test]
fn sockets_are_saved_at_shutdown() {
    let mut h = server();
    let client = connect(&mut h);

    let now = h.now;
    h.server.shut_down(now);

    assert_eq!(returns(&mut h), [true]);
    assert!(!h.is_open(client.ws));
    h.advance(secs(121));
    assert_eq!(expired(&mut h), [client.id.as_str()]);
    assert_eq!(h.server.counts(), Counts::default());
}

#[test]
fn v4_clients_get_offsets_and_are_not_recovered() {
    let mut h = Harness::<Server>::with(|config| {
        config.engine.allow_v3 = true;
        config.recovery = Some(sockeye_core::RecoveryConfig::default());
    });
    let (client, seen) = away(&mut h);
    let target = "/socket.io/?EIO=3&transport=websocket";
    let ws = h.upgrade_with(target, &[]);
    assert_eq!(h.received(ws)[1..], ["40"]);
    h.emit_to(&Selector::all(), "e");
    assert!(h.received(ws)[0].starts_with("42[\"e\",\""));
    h.frame(ws, "40/admin");
    h.frame(ws, format!("40/secret?pid={}&offset={seen},", client.pid));
    assert_eq!(h.received(ws), ["40/admin,"]);
    h.told();

    h.closed(ws, CloseCause::Error);

    assert_eq!(returns(&mut h), [false, false]);
    assert_eq!(h.server.counts().away, 1);
}

// What one address may take of what is for all.

fn from(h: &mut Harness<Server>, number: u8) {
    h.remote = Some(std::net::SocketAddr::from(([192, 0, 2, number], 1234)));
}

#[test]
fn one_address_can_not_fill_the_log() {
    let mut h = server_with(|recovery| recovery.max_bytes = 1 << 20);
    from(&mut h, 1);
    let (client, seen) = away(&mut h);
    h.emit_to(&Selector::all(), "missed");
    from(&mut h, 2);
    let flooder = connect(&mut h);

    for _ in 0..20_000 {
        h.emit(flooder.socket, "mine", &());
        h.received(flooder.ws);
    }
    h.advance(secs(1));

    from(&mut h, 1);
    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));
    assert_eq!(names(&received[..1]), ["missed"]);
    assert_eq!(joined(&h, ws, &received[1]).id, client.id);
}

#[test]
fn a_client_whose_packets_were_left_out_is_not_recovered() {
    let mut h = server_with(|recovery| recovery.max_bytes = 1 << 20);
    from(&mut h, 1);
    let flooder = connect(&mut h);
    let seen = offset(&mut h, &flooder);
    for _ in 0..20_000 {
        h.emit(flooder.socket, "mine", &());
    }
    h.advance(secs(1));
    let last = h.received(flooder.ws).pop().expect("an event");
    let last = last.split('"').nth(3).expect("an offset").to_owned();
    h.closed(flooder.ws, CloseCause::Error);
    h.told();

    let (_, received) = ask(&mut h, &back(&flooder.pid, &last));
    assert!(received[0].contains(&flooder.id), "it has missed nothing");
    assert_ne!(seen, last);
}

#[test]
fn one_address_can_not_displace_saved_sockets_of_others() {
    let mut h = server_with(|recovery| recovery.max_saved_sockets = 2_000);
    from(&mut h, 1);
    let (client, seen) = away(&mut h);
    from(&mut h, 2);
    for _ in 0..2_500 {
        away(&mut h);
    }
    assert_eq!(h.server.counts().away, 1_001);

    from(&mut h, 1);
    let (_, received) = ask(&mut h, &back(&client.pid, &seen));
    assert!(received[0].contains(&client.id));
}
