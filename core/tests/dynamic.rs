//! Namespaces that are made for those who ask for them.

mod common;

use common::Harness;
use sockeye_core::{
    CloseCause, Counts, EmitOptions, Selector, Server, ServerConfig, SocketId, WsId,
};

const UNKNOWN: &str = "{\"message\":\"Invalid namespace\"}";

fn server() -> Harness<Server> {
    server_with(|_| {})
}

fn server_with(change: impl FnOnce(&mut ServerConfig)) -> Harness<Server> {
    Harness::with(|config| {
        config.dynamic_namespaces = true;
        change(config);
    })
}

/// Asks for a namespace that does not exist; the application has to decide.
fn ask(h: &mut Harness<Server>, ws: WsId, name: &str) -> SocketId {
    h.received(ws);
    h.frame(ws, format!("40{name},"));
    assert!(h.received(ws).is_empty());
    let told = h.told();
    assert!(
        told.last().expect("a question").ends_with(&format!("connecting {name} []")),
        "{told:?}"
    );
    h.last_socket()
}

fn join(h: &mut Harness<Server>, ws: WsId, name: &str) -> SocketId {
    let socket = ask(h, ws, name);
    h.server.accept(socket);
    assert!(h.received(ws)[0].starts_with(&format!("40{name},{{\"sid\":")));
    h.told();
    socket
}

#[test]
fn a_namespace_that_is_not_in_the_list_does_not_exist_by_default() {
    let mut h = Harness::<Server>::new();
    let ws = h.open_websocket();

    h.frame(ws, "40/room-1,");

    assert_eq!(h.received(ws), [format!("44/room-1,{UNKNOWN}")]);
    assert!(h.told().is_empty());
}

#[test]
fn a_dynamic_namespace_is_made_on_connect() {
    let mut h = server();
    let (first, second) = (h.open_websocket(), h.open_websocket());

    join(&mut h, first, "/room-1");
    join(&mut h, second, "/room-1");
    join(&mut h, second, "/room-2");

    assert_eq!((h.server.socket_count("/room-1"), h.server.socket_count("/room-2")), (2, 1));
    h.server.emit("/room-1", &Selector::all(), "e", &(), EmitOptions::default()).unwrap();
    assert_eq!(h.received(first), ["42/room-1,[\"e\"]"]);
    assert_eq!(h.received(second), ["42/room-1,[\"e\"]"]);
}

#[test]
fn configured_namespaces_are_not_dynamic() {
    let mut h = server();

    let client = h.connect_websocket("/");
    h.join(client.ws, "/admin");

    h.frame(client.ws, "41/admin,");
    h.join(client.ws, "/admin");
}

#[test]
fn a_dynamic_namespace_ends_with_its_last_socket() {
    let mut h = server_with(|config| config.max_namespaces = 4);
    let (first, second) = (h.open_websocket(), h.open_websocket());

    for end in ["leave", "break", "expel", "refuse"] {
        let socket = join(&mut h, first, "/room-1");
        h.frame(second, "40/room-2,");
        assert_eq!(h.received(second), [format!("44/room-2,{UNKNOWN}")], "there are four");
        let now = h.now;
        match end {
            "leave" => h.frame(first, "41/room-1,"),
            "break" => {
                let ws = h.open_websocket();
                join(&mut h, ws, "/room-1");
                h.frame(first, "41/room-1,");
                h.frame(second, "40/room-2,");
                assert_eq!(h.received(second), [format!("44/room-2,{UNKNOWN}")]);
                h.closed(ws, CloseCause::Error);
            }
            "expel" => h.socket(socket).disconnect(false, now),
            _ => {
                h.frame(first, "41/room-1,");
                let socket = ask(&mut h, first, "/room-1");
                h.server.reject(socket, "no", &()).unwrap();
            }
        }
        assert_eq!(h.server.socket_count("/room-1"), 0);
        h.told();
        join(&mut h, second, "/room-2");
        h.frame(second, "41/room-2,");
        h.received(first);
        h.told();
    }
}

#[test]
fn an_aborted_connect_removes_its_dynamic_namespace() {
    let mut h = server_with(|config| config.max_namespaces = 4);
    let ws = h.open_websocket();
    let socket = ask(&mut h, ws, "/room-1");

    h.closed(ws, CloseCause::Peer);
    h.server.accept(socket);
    h.server.reject_namespace(socket);

    assert_eq!(h.told(), ["#1 withdrawn"]);
    assert_eq!(h.server.counts(), Counts::default());
    let ws = h.open_websocket();
    join(&mut h, ws, "/room-2");
}

#[test]
fn a_rejected_dynamic_namespace_does_not_exist() {
    let mut h = server_with(|config| config.max_namespaces = 4);
    let ws = h.open_websocket();

    let socket = ask(&mut h, ws, "/room-1");
    h.server.reject_namespace(socket);
    h.server.reject_namespace(socket);
    h.server.accept(socket);

    assert_eq!(h.received(ws), [format!("44/room-1,{UNKNOWN}")]);
    assert!(h.told().is_empty());
    assert!(h.server.socket(socket).is_none());
    join(&mut h, ws, "/room-2");
    let joined = h.last_socket();
    h.server.reject_namespace(joined);
    assert!(h.socket(joined).is_connected(), "it was let in");
}

#[test]
fn all_refusals_count_towards_the_limit_of_a_client() {
    let mut h = server_with(|config| config.max_namespaces_per_client = 3);
    let ws = h.open_websocket();

    let socket = ask(&mut h, ws, "/room-1");
    h.server.reject_namespace(socket);
    let socket = ask(&mut h, ws, "/room-2");
    h.server.reject(socket, "no", &()).unwrap();
    h.frame(ws, "40/secret,");
    let socket = h.last_socket();
    h.server.reject(socket, "no", &()).unwrap();
    assert!(h.is_open(ws));
    h.frame(ws, "40/room-3,");

    assert!(!h.is_open(ws));
    assert_eq!(h.server.counts(), Counts::default());
}

#[test]
fn a_client_joins_a_limited_number_of_namespaces() {
    let mut h = server();
    let ws = h.open_websocket();
    for number in 0..100 {
        join(&mut h, ws, &format!("/room-{number}"));
    }

    h.frame(ws, "40/one-more,");

    assert!(!h.is_open(ws));
    assert_eq!(h.told().len(), 100);
    assert_eq!(h.server.counts(), Counts::default());
}

#[test]
fn packets_for_a_removed_dynamic_namespace_are_ignored() {
    let mut h = server();
    let ws = h.open_websocket();
    let socket = join(&mut h, ws, "/room-1");
    let now = h.now;
    h.socket(socket).disconnect(false, now);
    h.received(ws);
    h.told();

    h.frame(ws, "42/room-1,[\"late\"]");
    h.frame(ws, "43/room-1,0[]");
    h.frame(ws, "451-/room-1,[{\"_placeholder\":true,\"num\":0}]".replace("[{", "[\"b\",{"));
    h.binary(ws, vec![1]);
    h.frame(ws, "41/room-1,");

    assert!(h.told().is_empty());
    assert!(h.is_open(ws));
    join(&mut h, ws, "/room-1");
    h.frame(ws, "42/room-1,[\"e\"]");
    assert_eq!(h.told(), ["#2 e[]"]);
    h.frame(ws, "41/room-1,");
    h.told();
    h.frame(ws, "42/room-1,[\"late\"]");
    assert!(h.told().is_empty());
    assert!(h.is_open(ws), "so it is when the client left by itself");
}

#[test]
fn only_the_last_namespaces_that_a_client_was_removed_from_are_remembered() {
    let mut h = server_with(|config| config.max_namespaces_per_client = 3);
    let ws = h.open_websocket();
    for number in 0..10 {
        let socket = join(&mut h, ws, &format!("/room-{number}"));
        let now = h.now;
        h.socket(socket).disconnect(false, now);
    }

    for number in [9, 8, 7] {
        h.frame(ws, format!("42/room-{number},[\"late\"]"));
        assert!(h.is_open(ws));
    }
    h.frame(ws, "42/room-6,[\"late\"]");

    assert!(!h.is_open(ws));
}

#[test]
fn invalid_namespace_names_end_the_connection() {
    let long = format!("/{}", "x".repeat(255));
    for name in ["/a\0b", "/a\nb", &long] {
        let mut h = server();
        let ws = h.open_websocket();
        h.frame(ws, format!("40{name},"));
        assert!(!h.is_open(ws));
        assert_eq!(h.server.counts(), Counts::default());
    }
}

#[test]
fn rooms_go_with_their_namespace() {
    let mut h = server();
    let ws = h.open_websocket();
    let socket = join(&mut h, ws, "/room-1");
    h.socket(socket).join("a");
    assert_eq!(h.server.counts().rooms, 1);

    h.frame(ws, "41/room-1,");
    join(&mut h, ws, "/room-1");

    assert!(h.server.rooms("/room-1").is_empty());
    assert_eq!(h.server.counts().rooms, 0);
}

#[test]
fn a_socket_of_a_removed_dynamic_namespace_is_recovered() {
    let mut h = server_with(|config| {
        config.recovery = Some(sockeye_core::RecoveryConfig::default());
    });
    let ws = h.open_websocket();
    let socket = ask(&mut h, ws, "/room-1");
    h.server.accept(socket);
    let answer = h.received(ws).concat();
    let (id, pid) = (answer.split('"').nth(3).unwrap(), answer.split('"').nth(7).unwrap());
    h.emit(socket, "e", &());
    let seen = h.received(ws).concat().split('"').nth(3).unwrap().to_owned();
    h.closed(ws, CloseCause::Error);
    h.told();
    assert_eq!(h.server.socket_count("/room-1"), 0);
    h.server.emit("/room-1", &Selector::all(), "missed", &(), EmitOptions::default()).unwrap();

    let ws = h.open_websocket();
    h.frame(ws, format!("40/room-1,{{\"pid\":\"{pid}\",\"offset\":\"{seen}\"}}"));

    let received = h.received(ws);
    assert!(received[0].starts_with("42/room-1,[\"missed\","), "{received:?}");
    assert!(received[1].contains(id));
    assert_eq!(h.server.socket_count("/room-1"), 1);
}

#[test]
fn one_address_does_not_take_all_dynamic_namespaces() {
    let mut h = Harness::<Server>::with(|config| {
        config.dynamic_namespaces = true;
        config.max_namespaces = 1_000;
    });
    let mut refused = 0;
    for (number, address) in [(0, 1), (1, 1), (2, 1), (3, 2)] {
        h.remote = Some(std::net::SocketAddr::from(([192, 0, 2, address], 1234)));
        let ws = h.open_websocket();
        for namespace in 0..100 {
            h.frame(ws, format!("40/{number}-{namespace},"));
        }
        let answers = h.received(ws);
        let is_refusal = |answer: &&String| answer.contains("Invalid namespace");
        refused += answers.iter().filter(is_refusal).count();
    }
    assert_eq!(refused, 50);
    h.told();
}
