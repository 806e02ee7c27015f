//! The transports of a client: the order in which they are tried, and the upgrade.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use pair::{POLLING, Pair, WEBSOCKET, millis, secs};
use sockeye_core::client::{Client, Config};

#[test]
fn the_first_transport_of_the_list_opens_the_connection() {
    let order = |transports: &[_]| {
        let mut pair = Pair::with(|config| config.transports = transports.to_vec(), |_| {});
        pair.join("/");
        let asked: Vec<_> = pair.net.asked.clone();
        pair.finish();
        asked
    };
    assert!(order(&[WEBSOCKET]).iter().all(|what| what == "OPEN websocket"));
    assert_eq!(order(&[WEBSOCKET, POLLING]), ["OPEN websocket"]);
    assert!(order(&[POLLING]).iter().all(|what| what.ends_with("polling")));
    let both = order(&[POLLING, WEBSOCKET]);
    assert_eq!(both[0], "GET polling");
    assert!(both.contains(&"OPEN websocket".to_owned()));
}

#[test]
fn an_empty_list_of_transports_is_refused() {
    let config = Config::default().transports(Vec::new());
    assert_eq!(Client::new(config, pair::SEED).err().unwrap().field, "transports");
}

#[test]
fn unusable_options_are_refused() {
    type Change = fn(&mut Config);
    let changes: [(&str, Change); 8] = [
        ("path", |config| config.path = "socket.io".to_owned()),
        ("path", |config| config.path = "/a?b".to_owned()),
        ("path", |config| config.path = "/a\r\nb".to_owned()),
        ("randomization_factor", |config| config.randomization_factor = f64::NAN),
        ("randomization_factor", |config| config.randomization_factor = 1.5),
        ("max_incoming", |config| config.max_incoming = 0),
        ("extra_headers", |config| config.extra_headers = vec![("a".into(), "b\r\nc: d".into())]),
        ("protocols", |config| config.protocols = vec!["a b".to_owned()]),
    ];
    for (field, change) in changes {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(Client::new(config, pair::SEED).err().unwrap().field, field);
    }
}

#[test]
fn a_refused_websocket_is_a_failure_unless_all_transports_are_to_be_tried() {
    for all in [false, true] {
        let mut pair = Pair::with(
            |config| {
                config.transports = vec![WEBSOCKET, POLLING];
                config.try_all_transports = all;
            },
            |_| {},
        );
        pair.net.refuse_websockets = Some(404);
        pair.open("/");
        pair.run(millis(500));

        if all {
            assert_eq!(pair.told(), ["opened by polling", "connected"]);
            assert_eq!(pair.net.asked.iter().filter(|what| *what == "OPEN websocket").count(), 1);
        } else {
            assert_eq!(pair.told(), ["failed 0: websocket: status 404"]);
        }
    }
}

#[test]
fn when_all_transports_fail_the_last_failure_is_reported() {
    let mut pair = Pair::with(|config| config.try_all_transports = true, |_| {});
    pair.net.refuse_requests = Some(400);
    pair.net.down = false;
    pair.net.refuse_websockets = Some(502);
    pair.open("/");
    pair.run(millis(100));

    assert_eq!(pair.net.asked, ["GET polling", "OPEN websocket"]);
    assert_eq!(pair.told(), ["failed 0: websocket: status 502"]);
}

#[test]
fn errors_hold_the_message_of_the_server() {
    let mut pair = Pair::new();
    pair.net.refuse_requests = Some(400);
    pair.open("/");
    pair.run(millis(100));
    assert_eq!(pair.told(), ["failed 0: polling: status 400, code 3: Bad request"]);

    let mut pair = Pair::new();
    pair.net.down = true;
    pair.open("/");
    pair.run(millis(100));
    assert_eq!(pair.told(), ["failed 0: polling: connection reset"]);
}

#[test]
fn a_refused_upgrade_leaves_the_connection_with_polling() {
    let mut pair = Pair::new();
    pair.net.refuse_websockets = Some(400);
    let (id, peer) = pair.join("/");
    assert_eq!(
        pair.told(),
        ["opened by polling", "not upgraded: websocket: status 400", "connected"]
    );
    pair.clear();

    pair.emit(id, "a", &());
    pair.serve(peer, "b", &());
    pair.run(secs(100));

    assert_eq!(pair.heard(), ["a[]"]);
    assert_eq!(pair.told(), ["b[]"]);
    pair.finish();
}

#[test]
fn an_unanswered_upgrade_ends_after_the_upgrade_timeout() {
    let mut pair = Pair::with(|_| {}, |server| server.engine.upgrade_timeout = secs(1000));
    pair.net.latency.1 = millis(10);
    pair.open("/");
    pair.run(millis(25));
    pair.net.silent = (true, true);
    // The probe is on its way to nowhere; the rest goes on.
    pair.run(millis(5));
    pair.net.silent = (false, false);
    pair.run(secs(9));
    let told = pair.told();
    assert!(!told.iter().any(|line| line.starts_with("not upgraded")), "{told:?}");
    pair.run(secs(2));
    let told = pair.told();
    assert!(told.contains(&"not upgraded: timeout".to_owned()), "{told:?}");
    assert_eq!(pair.client.counts().websockets, 0);
}

#[test]
fn a_client_upgrades_although_its_server_does_not_read_for_a_while() {
    let mut pair = Pair::with(
        |_| {},
        |server| {
            server.engine.ping_interval = secs(1);
            server.engine.ping_timeout = secs(3);
        },
    );
    pair.net.latency = (millis(10), millis(10));
    let id = pair.open("/");
    pair.run(millis(42));
    let peer = pair.peer(id);
    let now = pair.now;
    pair.server.socket(peer).expect("it is connected").pause(now);
    // Until this POST is answered, the client does not switch, and asks for nothing any more.
    pair.emit(id, "a", &());
    pair.run(secs(20));
    assert_eq!(pair.told(), ["opened by polling", "connected", "upgraded"]);
    assert_eq!(pair.heard(), ["connected / []", "upgraded"]);
    let now = pair.now;
    pair.server.socket(peer).expect("it is connected").resume(now);
    pair.run(secs(1));
    assert_eq!(pair.heard(), ["a[]"]);
    pair.finish();
}

#[test]
fn no_upgrade_is_tried_if_either_side_has_disabled_it() {
    for mut pair in [
        Pair::with(|config| config.upgrade = false, |_| {}),
        Pair::with(|_| {}, |server| server.engine.allow_upgrades = false),
        Pair::with(|_| {}, |server| server.engine.websocket = false),
    ] {
        pair.join("/");
        assert_eq!(pair.told(), ["opened by polling", "connected"]);
        assert!(!pair.net.asked.contains(&"OPEN websocket".to_owned()));
    }
}

#[test]
fn nothing_is_lost_or_reordered_when_events_are_sent_during_the_upgrade() {
    for latency in [1, 7, 20, 150] {
        let mut pair = Pair::new();
        pair.net.latency = (millis(latency), millis(latency / 2));
        pair.net.write = millis(3);
        let id = pair.open("/");
        let mut sent = 0;
        let mut served = 0;
        let mut peer = None;
        for _ in 0..400 {
            pair.emit(id, "c", &sent);
            sent += 1;
            peer = peer.or_else(|| {
                let sid = pair.socket(id).sid()?.to_string();
                pair.server.find(&sid)
            });
            if let Some(peer) = peer {
                pair.serve(peer, "s", &served);
                served += 1;
            }
            pair.run(millis(3));
        }
        let mut told = pair.told();
        assert!(told.contains(&"upgraded".to_owned()), "events do not keep it from happening");
        pair.run(secs(5));

        told.extend(pair.told());
        let numbers = |lines: Vec<String>, name: &str| -> Vec<String> {
            lines.into_iter().filter(|line| line.starts_with(name)).collect()
        };
        let expected = |name: &str, count| -> Vec<String> {
            (0..count).map(|n| format!("{name}[{n}]")).collect()
        };
        assert_eq!(numbers(told, "s["), expected("s", served));
        assert_eq!(numbers(pair.heard(), "c["), expected("c", sent));
        assert!(served > 100);
        pair.finish();
    }
}

#[test]
fn a_websocket_that_worked_is_remembered_until_it_fails() {
    let mut pair = Pair::with(|config| config.remember_upgrade = true, |_| {});
    pair.join("/");
    assert_eq!(pair.net.asked[0], "GET polling");
    pair.net.asked.clear();
    pair.restart();
    // A broken transport makes the order of the list count again.
    pair.run(secs(10));
    assert_eq!(pair.net.asked[0], "GET polling");

    pair.net.asked.clear();
    let peer = pair.peer(pair.client.find("/").unwrap());
    let now = pair.now;
    pair.server.socket(peer).unwrap().close(now);
    pair.settle();
    pair.run(secs(10));
    assert_eq!(pair.net.asked[0], "OPEN websocket");
    assert!(pair.client.is_connected());

    pair.net.asked.clear();
    pair.net.refuse_websockets = Some(400);
    let peer = pair.peer(pair.client.find("/").unwrap());
    let now = pair.now;
    pair.server.socket(peer).unwrap().close(now);
    pair.settle();
    pair.run(secs(10));
    assert_eq!(pair.net.asked[..2], ["OPEN websocket", "GET polling"]);
    assert!(pair.client.is_connected());
}

#[test]
fn bodies_of_posts_keep_to_max_payload() {
    let mut pair = Pair::with(
        |config| config.transports = vec![POLLING],
        |server| server.engine.max_payload = 100,
    );
    let id = pair.open("/");
    for n in 0..30 {
        pair.emit(id, "event", &(n, "x".repeat(n % 40)));
    }
    pair.run(secs(20));

    assert!(pair.net.posted.iter().all(|body| body.len() <= 100), "{:?}", pair.net.posted);
    assert!(pair.net.posted.len() < 30, "several events share a POST");
    let heard = pair.heard();
    assert_eq!(heard.len(), 31);
    assert!(heard[30].starts_with("event[29,"));
    pair.finish();
}

#[test]
fn a_request_that_exceeds_its_timeout_ends_the_connection() {
    let mut pair = Pair::with(
        |config| {
            config.transports = vec![POLLING];
            config.request_timeout = Some(secs(30));
        },
        |_| {},
    );
    pair.join("/");
    pair.run(secs(60));
    assert_eq!(pair.told(), ["opened by polling", "connected"]);
    pair.net.silent = (true, true);
    pair.run(secs(31));
    assert_eq!(
        pair.told()[..2],
        ["disconnected: transport error", "closed: transport error: timeout"]
    );
}
