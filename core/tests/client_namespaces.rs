//! Joining namespaces and leaving them, over one connection.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

mod pair;

use std::collections::BTreeMap;

use pair::{Pair, secs};
use sockeye_core::client::{OpenError, SocketConfig};
use sockeye_core::{Event as Heard, SocketId};

#[test]
fn several_namespaces_share_one_connection() {
    let mut pair = Pair::new();
    let main = pair.open("/");
    let admin = pair.open("/admin");
    pair.run(secs(2));

    assert_eq!(pair.told(), ["opened by polling", "connected", "connected", "upgraded"]);
    assert_eq!(pair.net.asked.iter().filter(|what| *what == "OPEN websocket").count(), 1);
    assert_eq!(pair.net.posted, ["40\u{1e}40/admin,"], "both at once");
    pair.clear();

    pair.emit(admin, "a", &1);
    pair.emit(main, "m", &2);
    pair.run(secs(1));
    let events = pair.server_events();
    let namespaces: Vec<_> = events
        .iter()
        .map(|event| match event {
            Heard::Received { socket, name, .. } => {
                (name.to_string(), pair.server.socket(*socket).unwrap().namespace().to_string())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        namespaces,
        [("a".to_owned(), "/admin".to_owned()), ("m".to_owned(), "/".to_owned())]
    );
    assert_ne!(
        pair.socket(main).sid().unwrap().to_string(),
        pair.socket(admin).sid().unwrap().to_string()
    );
    pair.finish();
}

#[test]
fn a_namespace_can_be_joined_later_and_left_on_its_own() {
    let mut pair = Pair::new();
    let (main, _) = pair.join("/");
    pair.clear();

    let (admin, _) = pair.join("/admin");
    assert_eq!(pair.told(), ["connected"]);
    pair.disconnect(admin);
    pair.run(secs(1));

    assert_eq!(pair.told(), ["disconnected for good: io client disconnect"]);
    assert_eq!(pair.heard(), ["connected /admin []", "disconnected: client namespace disconnect"]);
    assert!(pair.socket(main).is_connected());
    assert!(!pair.socket(admin).is_active());
    pair.connect(admin);
    pair.run(secs(1));
    assert_eq!(pair.told(), ["connected"]);
    pair.finish();
}

#[test]
fn the_last_disconnect_closes_the_connection_and_the_next_connect_opens_it() {
    for (mut pair, transport) in [(Pair::polling(), "polling"), (Pair::websocket(), "websocket")] {
        let (main, _) = pair.join("/");
        let (admin, _) = pair.join("/admin");
        pair.clear();

        pair.disconnect(main);
        pair.run(secs(1));
        assert!(pair.client.is_connected());
        pair.disconnect(admin);
        pair.run(secs(1));

        assert!(pair.client.is_idle());
        assert!(pair.server.is_idle());
        let reason = "disconnected: client namespace disconnect";
        assert_eq!(pair.heard(), [reason, reason]);
        pair.clear();
        pair.run(secs(60));
        assert_eq!(pair.told(), Vec::<String>::new(), "it stays away");
        pair.connect(main);
        pair.run(secs(2));
        assert_eq!(pair.told(), [format!("opened by {transport}"), "connected".to_owned()]);
    }
}

#[test]
fn events_emitted_before_a_disconnect_arrive() {
    for mut pair in [Pair::polling(), Pair::websocket(), Pair::new()] {
        pair.net.write = secs(1);
        let (id, _) = pair.join("/");
        pair.run(secs(10));
        pair.clear();

        for n in 0..5 {
            pair.emit(id, "e", &n);
        }
        pair.disconnect(id);
        pair.run(secs(10));

        let left = "disconnected: client namespace disconnect";
        assert_eq!(pair.heard(), ["e[0]", "e[1]", "e[2]", "e[3]", "e[4]", left]);
        assert!(pair.client.is_idle());
    }
}

#[test]
fn disconnecting_and_connecting_at_once_makes_two_connections() {
    let mut pair = Pair::polling();
    let (id, _) = pair.join("/");
    pair.clear();

    pair.disconnect(id);
    pair.connect(id);
    pair.run(secs(2));

    assert_eq!(
        pair.told(),
        ["disconnected for good: io client disconnect", "opened by polling", "connected"]
    );
    assert_eq!(pair.server.counts().engine.sessions, 1);
    pair.finish();
}

#[test]
fn a_socket_that_leaves_before_the_connect_answer_sends_disconnect_after_it() {
    let mut pair = Pair::websocket();
    let (main, _) = pair.join("/");
    pair.clear();

    let admin = pair.open("/admin");
    pair.disconnect(admin);
    pair.run(secs(1));
    assert_eq!(pair.heard(), ["connected /admin []", "disconnected: client namespace disconnect"]);
    assert_eq!(pair.told(), Vec::<String>::new());

    pair.connect(admin);
    pair.disconnect(admin);
    pair.connect(admin);
    pair.emit(admin, "e", &());
    pair.run(secs(1));
    assert_eq!(
        pair.heard(),
        [
            "connected /admin []",
            "disconnected: client namespace disconnect",
            "connected /admin []",
            "e[]"
        ]
    );
    assert_eq!(pair.told(), ["connected"]);

    let now = pair.now;
    pair.disconnect(admin);
    pair.connect(admin);
    pair.client.socket(admin).unwrap().remove(now);
    let again = pair.open("/admin");
    pair.run(secs(1));
    assert!(pair.socket(again).is_connected());
    assert!(pair.socket(main).is_connected());
    assert_eq!(pair.server.counts().sockets, 2);
    pair.finish();
}

#[test]
fn events_for_a_socket_that_left_do_not_reach_the_next_one() {
    let mut pair = Pair::websocket();
    pair.join("/");
    let (admin, peer) = pair.join("/admin");
    pair.clear();

    pair.serve(peer, "late", &());
    pair.disconnect(admin);
    pair.connect(admin);
    pair.run(secs(1));

    assert_eq!(pair.told(), ["disconnected for good: io client disconnect", "connected"]);
}

#[test]
fn a_socket_that_the_server_disconnects_does_not_reconnect_by_itself() {
    let mut pair = Pair::new();
    let (main, _) = pair.join("/");
    let (admin, peer) = pair.join("/admin");
    pair.clear();

    let now = pair.now;
    pair.server.socket(peer).unwrap().disconnect(false, now);
    pair.settle();
    pair.run(secs(30));

    assert_eq!(pair.told(), ["disconnected for good: io server disconnect"]);
    assert!(!pair.socket(admin).is_active());
    assert!(pair.socket(main).is_connected());
    pair.connect(admin);
    pair.run(secs(1));
    assert_eq!(pair.told(), ["connected"]);
}

#[test]
fn a_server_that_disconnects_all_sockets_is_not_connected_again() {
    for mut pair in [Pair::polling(), Pair::websocket()] {
        let (id, peer) = pair.join("/");
        pair.clear();

        let now = pair.now;
        pair.server.socket(peer).unwrap().disconnect(true, now);
        pair.settle();
        pair.run(secs(30));

        assert_eq!(pair.told(), ["disconnected for good: io server disconnect"]);
        assert!(!pair.socket(id).is_active());
        assert!(pair.client.is_idle());
    }
}

#[test]
fn a_connect_error_is_reported_with_its_message_and_data() {
    let mut pair = Pair::new();
    let (main, _) = pair.join("/");
    let secret = pair.open("/secret");
    pair.run(secs(1));
    pair.clear();
    let connecting = pair.socket_asking.expect("CONNECT has arrived");
    pair.server.reject(connecting, "not you", &BTreeMap::from([("code", 7)])).unwrap();
    pair.settle();
    pair.run(secs(30));

    assert_eq!(pair.told(), ["refused: not you [{\"code\":7}]"]);
    assert!(!pair.socket(secret).is_active());
    assert!(pair.socket(main).is_connected());
}

#[test]
fn a_namespace_that_does_not_exist_is_refused_and_the_connection_closed() {
    let mut pair = Pair::new();
    let id = pair.open("/nowhere");
    pair.run(secs(30));

    assert_eq!(pair.told(), ["opened by polling", "refused: Invalid namespace []"]);
    assert!(!pair.socket(id).is_active());
    assert!(pair.client.is_idle() && pair.server.is_idle());
}

#[test]
fn invalid_namespace_names_are_refused() {
    let mut pair = Pair::new();
    let now = pair.now;
    let long = format!("/{}", "x".repeat(255));
    for name in ["", "admin", "/a,b", "/a?b", "/a\nb", &long] {
        let opened = pair.client.open(name, SocketConfig::default(), now);
        assert_eq!(opened, Err(OpenError::Name), "{name}");
    }
    pair.open("/");
    assert_eq!(pair.client.open("/", SocketConfig::default(), now), Err(OpenError::Taken));
}

#[test]
fn a_connection_without_an_answer_to_connect_is_opened_again() {
    let mut pair = Pair::with(
        |config| {
            config.transports = vec![pair::WEBSOCKET];
            config.connect_timeout = Some(secs(5));
        },
        |server| server.decision_timeout = secs(1000),
    );
    let id = pair.open("/secret");
    pair.run(secs(4));
    assert!(pair.client.is_connected() && !pair.socket(id).is_connected());
    pair.clear();
    pair.run(secs(4));
    let told = pair.told();
    let lost = "the server does not answer a CONNECT packet";
    assert!(told[0].contains(lost) && told[1].starts_with("reconnecting"), "{told:?}");
    let asking = pair.socket_asking.take().unwrap();
    pair.server.accept(asking);
    pair.settle();
    pair.run(secs(60));
    assert!(pair.socket(id).is_connected(), "its timer ends with the answer");
    pair.finish();
}

/// A client in `/` whose server is silent about `/secret`.
fn half_answered() -> (Pair, SocketId, SocketId) {
    let mut pair = Pair::with(
        |config| {
            config.transports = vec![pair::WEBSOCKET];
            config.connect_timeout = Some(secs(5));
        },
        |server| server.decision_timeout = secs(1000),
    );
    let main = pair.open("/");
    let secret = pair.open("/secret");
    pair.run(secs(4));
    assert!(pair.socket(main).is_connected() && !pair.socket(secret).is_connected());
    pair.clear();
    (pair, main, secret)
}

#[test]
fn a_connect_without_an_answer_does_not_affect_other_namespaces() {
    let (mut pair, main, secret) = half_answered();
    let sid = pair.socket(main).sid().cloned();
    pair.run(secs(7));
    assert_eq!(pair.told(), ["unanswered", "unanswered"], "it is told each time");
    assert!(pair.socket(main).sid().cloned() == sid, "it was connected all the time");
    assert!(pair.socket(secret).is_active() && !pair.socket(secret).is_connected());
    let asking = pair.socket_asking.take().unwrap();
    pair.server.accept(asking);
    pair.run(secs(1));
    assert_eq!(pair.told(), ["connected"], "a late answer counts");
    pair.run(secs(60));
    assert_eq!(pair.told(), [""; 0]);
    pair.finish();
}

#[test]
fn a_connection_without_a_connected_socket_is_opened_again_after_the_connect_timeout() {
    let (mut pair, main, secret) = half_answered();
    pair.run(secs(4));
    pair.clear();
    let now = pair.now;
    pair.client.socket(main).unwrap().disconnect(now);
    pair.run(secs(4));
    let told = pair.told();
    assert_eq!(told[0], "disconnected for good: io client disconnect");
    assert!(told[1].starts_with("closed: ") && told[2].starts_with("reconnecting"), "{told:?}");
    assert!(pair.socket(secret).is_active());
    pair.finish();
}

#[test]
fn a_socket_that_waits_for_the_answer_to_an_earlier_connect_is_told_of_its_delay() {
    let (mut pair, main, secret) = half_answered();
    let now = pair.now;
    pair.client.socket(secret).unwrap().disconnect(now);
    pair.client.socket(secret).unwrap().connect(now);
    pair.run(secs(4));
    assert_eq!(pair.told(), [""; 0]);
    pair.run(secs(4));
    assert_eq!(pair.told(), ["unanswered"]);
    let asking = pair.socket_asking.take().unwrap();
    pair.server.accept(asking);
    pair.run(secs(1));
    let asking = pair.socket_asking.take().expect("it asks anew");
    pair.server.accept(asking);
    pair.run(secs(1));
    assert!(pair.socket(secret).is_connected() && pair.socket(main).is_connected());
    pair.clear();
    pair.run(secs(60));
    assert_eq!(pair.told(), [""; 0]);
    pair.finish();
}
