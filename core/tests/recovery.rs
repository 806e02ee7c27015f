//! Clients that come back soon, with what they have missed.

mod common;
mod recovery_support;

use common::{Harness, secs};
use recovery_support::{
    ask, away, back, connect, connect_to, expired, is_new, joined, names, offset, returns, server,
};
use sockeye_core::{
    CloseCause, EmitOptions, Event, NamespaceConfig, RecoveryConfig, Selector, Server, ServerConfig,
};

#[test]
fn nothing_is_recovered_by_default() {
    let mut h = Harness::<Server>::new();
    let client = h.connect_websocket("/");
    h.emit(client.socket, "e", &1);
    h.emit_to(&Selector::all(), "all");
    assert_eq!(h.received(client.ws), ["42[\"e\",1]", "42[\"all\"]"]);
    h.closed(client.ws, CloseCause::Error);
    assert_eq!(returns(&mut h), [false]);

    let (_, received) = ask(&mut h, &back("x", "y"));

    assert!(!received[0].contains("pid"));
    assert!(h.server.counts().away == 0);
}

#[test]
fn a_key_and_offsets_are_on_the_wire() {
    let mut h = server();
    let client = connect(&mut h);
    assert_ne!(client.id, client.pid);
    assert!(client.pid.len() >= 20);

    h.emit(client.socket, "none", &());
    h.emit(client.socket, "two", &(1, "x"));
    h.emit_to(&Selector::all(), "all");

    let received = h.received(client.ws);
    let offsets: Vec<_> = received.iter().map(|p| p.split('"').rev().nth(1).unwrap()).collect();
    assert_eq!(
        received,
        [
            format!("42[\"none\",\"{}\"]", offsets[0]),
            format!("42[\"two\",1,\"x\",\"{}\"]", offsets[1]),
            format!("42[\"all\",\"{}\"]", offsets[2]),
        ]
    );
    assert!(offsets[0] != offsets[1] && offsets[1] != offsets[2]);
}

#[test]
fn a_client_gets_its_id_its_rooms_and_what_it_has_missed_before_the_answer() {
    let mut h = server();
    let client = connect(&mut h);
    h.socket(client.socket).join("a");
    h.socket(client.socket).join("b");
    let seen = offset(&mut h, &client);
    h.emit(client.socket, "lost on the way", &());
    h.closed(client.ws, CloseCause::Error);
    h.told();
    assert_eq!(h.server.counts().away, 1);
    assert_eq!(h.server.find(&client.id), None);
    h.advance(secs(10));
    let other = connect(&mut h);
    let all = Selector::all;
    h.emit_to(&all(), "to all");
    h.emit_to(&all().to("a"), "to a");
    h.emit_to(&all().to("x").to("b"), "to x and b");
    h.emit_to(&all().to("x"), "not to x");
    h.emit_to(&all().except("a"), "not without a");
    h.emit_to(&all().to("b").except(client.id.as_str()), "not without me");
    h.emit_to(&all().to(client.id.as_str()), "to me");
    h.emit(other.socket, "not to another", &());
    h.server.emit("/admin", &all(), "not elsewhere", &(), EmitOptions::default()).unwrap();

    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));

    let answer = format!("40{{\"sid\":\"{}\",\"pid\":\"{}\"}}", client.id, client.pid);
    assert_eq!(names(&received[..5]), ["lost on the way", "to all", "to a", "to x and b", "to me"]);
    assert_eq!(received[5..], [answer]);
    let again = h.server.find(&client.id).unwrap();
    assert_ne!(again, client.socket);
    let rooms: Vec<_> = h.socket(again).rooms().map(ToString::to_string).collect();
    assert_eq!(rooms, ["a", "b"]);
    assert!(h.told().last().unwrap().starts_with("#3 recovered / [{\"pid\":"));
    assert_eq!(h.server.counts().away, 0);
    h.emit_to(&all().to("a"), "live");
    assert_eq!(names(&h.received(ws)), ["live"]);
}

#[test]
fn a_client_that_has_missed_nothing_is_recovered_too() {
    let mut h = server();
    let (client, seen) = away(&mut h);

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(received.len(), 1);
    assert!(received[0].contains(&client.id));
}

#[test]
fn the_sender_of_a_broadcast_does_not_get_it_later_either() {
    let mut h = server();
    let client = connect(&mut h);
    let other = connect(&mut h);
    let seen = offset(&mut h, &client);
    let others = Selector::all().except_socket(client.socket);
    h.emit_to(&others, "mine");
    let others = Selector::all().except_socket(other.socket);
    h.emit_to(&others, "of the other");
    h.closed(client.ws, CloseCause::Error);

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(names(&received), ["of the other", "sid"]);
}

#[test]
fn volatile_events_and_those_with_an_acknowledgement_have_no_offset_and_are_not_kept() {
    let mut h = server();
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    let now = h.now;
    h.emit_volatile(client.socket, "volatile");
    h.socket(client.socket).emit_with_ack("ask", &(), None, now).unwrap();
    h.server.emit_with_ack("/", &Selector::all(), "ask all", &(), None, now).unwrap();
    let volatile = EmitOptions::default().volatile(true);
    h.server.emit("/", &Selector::all(), "volatile all", &(), volatile).unwrap();
    assert_eq!(
        h.received(client.ws),
        ["42[\"volatile\"]", "420[\"ask\"]", "421[\"ask all\"]", "42[\"volatile all\"]"]
    );
    h.closed(client.ws, CloseCause::Error);
    h.server.emit("/", &Selector::all(), "volatile all", &(), volatile).unwrap();

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(received.len(), 1);
    assert!(received[0].contains(&client.id));
}

#[test]
fn binary_events_are_kept_whole() {
    let mut h = server();
    let (client, seen) = away(&mut h);
    let data = serde_bytes::Bytes::new(&[1, 2]);
    h.server.emit("/", &Selector::all(), "b", data, EmitOptions::default()).unwrap();

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert!(received[0].starts_with("451-[\"b\",{\"_placeholder\":true,\"num\":0},\""));
    assert_eq!(received[1], "<01 02>");
    assert!(received[2].starts_with("40{"));
}

#[test]
fn an_invalid_claim_is_an_ordinary_connect() {
    let mut h = server();
    let (client, seen) = away(&mut h);
    let pid = &client.pid;
    let huge = "x".repeat(60_000);
    for packet in [
        "40".to_owned(),
        "40{}".to_owned(),
        back("", &seen),
        back("unknown", &seen),
        back(&pid[1..], &seen),
        back(&client.id, &seen),
        back(&huge, &seen),
        format!("40{{\"pid\":\"{pid}\"}}"),
        format!("40{{\"pid\":\"{pid}\",\"offset\":null}}"),
        format!("40{{\"pid\":\"{pid}\",\"offset\":7}}"),
        format!("40{{\"pid\":[\"{pid}\"],\"offset\":\"{seen}\"}}"),
        format!("40{{\"pid\":7,\"offset\":\"{seen}\"}}"),
        format!("40{{\"offset\":\"{seen}\"}}"),
    ] {
        is_new(&mut h, &packet, &client);
    }
    assert_eq!(h.server.counts().away, 1, "none of them was the right key");

    let (_, received) = ask(&mut h, &back(pid, &seen));
    assert!(received[0].contains(&client.id));
}

#[test]
fn an_unknown_offset_is_an_ordinary_connect_and_uses_up_the_key() {
    for offset in [
        "",
        "x",
        "{seen}1",
        "AAAAAAA0",
        "{life}ffffffffffffffff",
        "{life}10000000000000000",
        "{life}-1",
        "{life}",
        "é",
    ] {
        let mut h = server();
        let (client, seen) = away(&mut h);
        let offset = offset.replace("{seen}", &seen).replace("{life}", &seen[..seen.len() - 1]);

        let (ws, received) = ask(&mut h, &back(&client.pid, &offset));

        let new = joined(&h, ws, &received[0]);
        assert_ne!(new.id, client.id, "{offset}");
        assert_eq!(expired(&mut h), [client.id.as_str()], "{offset}");
        assert_eq!(h.server.counts().away, 0);
        is_new(&mut h, &back(&client.pid, &seen), &client);
    }
}

#[test]
fn an_offset_from_before_a_restart_is_unknown() {
    let (client, seen) = away(&mut server());
    let mut config = ServerConfig::default().recovery(RecoveryConfig::default());
    config.engine.shard = 1;
    let mut h = Harness::around(Server::new(config, [8; 32]).unwrap());
    let (other, other_seen) = away(&mut h);
    assert_ne!(seen, other_seen);

    is_new(&mut h, &back(&client.pid, &seen), &client);
    is_new(&mut h, &back(&other.pid, &seen), &other);
}

#[test]
fn a_key_is_for_its_namespace_alone() {
    let mut h = server();
    let (client, seen) = away(&mut h);

    let packet = back(&client.pid, &seen).replacen("40", "40/admin,", 1);
    is_new(&mut h, &packet, &client);

    assert_eq!(h.server.counts().away, 0, "whoever has shown a key has used it");
}

#[test]
fn a_socket_of_another_namespace_is_recovered_there() {
    let mut h = server();
    let client = connect_to(&mut h, "40/admin,");
    h.emit(client.socket, "first", &());
    let seen = h.received(client.ws)[0].split('"').nth(3).unwrap().to_owned();
    h.closed(client.ws, CloseCause::Peer);
    h.emit_to(&Selector::all(), "not here");
    h.server.emit("/admin", &Selector::all(), "here", &(), EmitOptions::default()).unwrap();

    let packet = back(&client.pid, &seen).replacen("40", "40/admin,", 1);
    let (_, received) = ask(&mut h, &packet);

    assert!(received[0].starts_with("42/admin,[\"here\""), "{received:?}");
    assert!(received[1].contains(&client.id));
}

#[test]
fn a_returning_client_takes_over_its_connected_socket() {
    let mut h = server();
    let client = connect(&mut h);
    let other = connect(&mut h);
    h.socket(client.socket).join("room");
    let seen = offset(&mut h, &client);
    h.told();
    h.emit_to(&Selector::all().to("room"), "lost on the way");

    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));

    let again = joined(&h, ws, &received[1]);
    assert_eq!((&again.id, &again.pid), (&client.id, &client.pid));
    assert_ne!(again.socket, client.socket);
    assert_eq!(names(&received[..1]), ["lost on the way"]);
    let events = h.events();
    assert!(matches!(
        &events[..],
        [
            Event::Disconnected { socket: old, may_return: true, .. },
            Event::Connected { socket: new, recovered: true, .. },
        ] if (*old, *new) == (client.socket, again.socket)
    ));
    assert!(!h.is_open(client.ws) && h.is_open(other.ws));
    assert_eq!(h.server.counts().away, 0);
    assert_eq!(h.server.counts().sockets, 2);
}

#[test]
fn a_late_claim_of_an_older_connection_takes_nothing_from_a_newer_one() {
    let mut h = server();
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    let older = h.open_websocket();
    let (newer, received) = ask(&mut h, &back(&client.pid, &seen));
    let again = joined(&h, newer, received.last().expect("an answer"));
    assert_eq!(again.id, client.id);

    h.frame(older, back(&client.pid, &seen));

    let received = h.received(older);
    assert_ne!(joined(&h, older, &received[0]).id, client.id);
    assert!(h.is_open(newer) && h.server.find(&client.id) == Some(again.socket));
}

#[test]
fn a_client_can_come_back_while_its_last_messages_wait_to_be_handled() {
    let mut h = server();
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    let now = h.now;
    h.socket(client.socket).pause(now);
    h.frame(client.ws, r#"42["not handled"]"#);
    h.closed(client.ws, CloseCause::Error);
    h.emit(client.socket, "missed", &());
    h.advance(secs(1));
    assert_eq!(returns(&mut h), [false; 0]);

    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(joined(&h, ws, &received[1]).id, client.id);
    assert_eq!(names(&received[..1]), ["missed"]);
    assert_eq!(returns(&mut h), [true]);
    let counts = h.server.counts();
    assert_eq!((counts.away, counts.engine.sessions, counts.sockets), (0, 1, 1));
}

#[test]
fn an_invalid_claim_does_not_affect_a_connected_socket() {
    let mut h = Harness::with(|config| {
        config.recovery = Some(RecoveryConfig::default());
        config.namespaces.push(NamespaceConfig::new("/other"));
    });
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);

    is_new(&mut h, &back(&client.pid, "unknown"), &client);
    is_new(&mut h, &back("no such key", &seen), &client);
    let elsewhere = back(&client.pid, &seen).replacen("40", "40/other,", 1);
    let (_, received) = ask(&mut h, &elsewhere);

    assert!(!received[0].contains(&client.id));
    assert_eq!(h.server.find(&client.id), Some(client.socket));
    assert!(h.is_open(client.ws));
}

#[test]
fn a_key_works_once_per_disconnection() {
    let mut h = server();
    let (client, seen) = away(&mut h);
    for _ in 0..3 {
        let (ws, received) = ask(&mut h, &back(&client.pid, &seen));
        let again = joined(&h, ws, &received[0]);
        assert_eq!(again.id, client.id);
        h.told();
        h.closed(ws, CloseCause::Error);
        assert_eq!(returns(&mut h), [true]);
    }
}

#[test]
fn clean_disconnects_and_violations_are_not_recoverable() {
    for (end, reason) in [
        ("41", "client namespace disconnect"),
        ("expel", "server namespace disconnect"),
        ("expel all", "server namespace disconnect"),
        ("7", "parse error"),
    ] {
        let mut h = server();
        let client = connect(&mut h);
        let seen = offset(&mut h, &client);
        let now = h.now;
        match end {
            "expel" => h.socket(client.socket).disconnect(false, now),
            "expel all" => h.socket(client.socket).disconnect(true, now),
            packet => h.frame(client.ws, packet.to_owned()),
        }
        let events = h.events();
        let [Event::Disconnected { reason: given, may_return: false, .. }] = &events[..] else {
            panic!("{end}: {events:?}");
        };
        assert_eq!(given.as_str(), reason);
        is_new(&mut h, &back(&client.pid, &seen), &client);
    }
}

#[test]
fn lost_connections_are_recoverable() {
    for end in ["peer", "error", "ping", "close", "4garbage"] {
        let mut h = server();
        let client = connect(&mut h);
        let seen = offset(&mut h, &client);
        let now = h.now;
        match end {
            "peer" => h.closed(client.ws, CloseCause::Peer),
            "error" => h.closed(client.ws, CloseCause::Error),
            "ping" => h.advance(secs(45)),
            "close" => h.socket(client.socket).close(now),
            packet => h.frame(client.ws, packet.to_owned()),
        }
        assert_eq!(returns(&mut h), [true], "{end}");

        let (_, received) = ask(&mut h, &back(&client.pid, &seen));

        assert!(received.concat().contains(&client.id), "{end}");
    }
}
