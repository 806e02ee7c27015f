//! How many sessions there may be: in all, for each address, and of those that nobody uses.

mod common;

use std::net::SocketAddr;

use common::{Harness, secs};
use sockeye_core::engineio::{Admission, Encoded, Engine, EngineConfig, Event};
use sockeye_core::{CloseCause, Counts, RequestId, Server, ServerConfig};

const POLLING: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";
const BUSY: &str = r#"503 {"code":3,"message":"Too many sessions"}"#;
const UNKNOWN: &str = r#"400 {"code":1,"message":"Session ID unknown"}"#;

fn engine(change: impl FnOnce(&mut EngineConfig)) -> Harness<Engine> {
    let mut config = EngineConfig::default();
    change(&mut config);
    Harness::engine(config)
}

fn address(text: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(text.parse().expect("an address"), 4711))
}

/// Sends a handshake from an address; returns the id of the session, or the answer that refuses it.
fn handshake(
    h: &mut Harness<Engine>,
    from: &str,
    headers: &[(&str, &[u8])],
) -> Result<String, String> {
    h.remote = address(from);
    let req = h.request("GET", POLLING, headers);
    let answer = h.answer(req);
    let sid = answer.starts_with("200").then(|| answer.split('"').nth(3).map(ToOwned::to_owned));
    sid.flatten().ok_or(answer)
}

fn open(h: &mut Harness<Engine>, from: &str) -> String {
    handshake(h, from, &[]).expect("it is let in")
}

/// Whether a session is there; uses it.
fn lives(h: &mut Harness<Engine>, sid: &str) -> bool {
    let req = h.post(sid, "6");
    let answer = h.answer(req);
    assert!(answer == "200 ok" || answer == UNKNOWN, "{answer}");
    answer == "200 ok"
}

// Sessions that nobody uses.

#[test]
fn the_oldest_unused_session_makes_room_for_a_new_one() {
    let mut h = engine(|config| config.max_unused_sessions = 3);
    let sids: Vec<_> = (0..5).map(|_| open(&mut h, "192.0.2.1")).collect();

    assert_eq!(h.server.counts().sessions, 3);
    let told = h.told();
    assert_eq!(told.iter().filter(|event| *event == "opened").count(), 5);
    let ended = told.iter().filter(|event| *event == "closed: transport error").count();
    assert_eq!(ended, 2);
    assert_eq!(
        sids.iter().map(|sid| lives(&mut h, sid)).collect::<Vec<_>>(),
        [false, false, true, true, true]
    );
}

#[test]
fn a_session_counts_as_unused_until_the_second_request_of_its_client() {
    for second in ["GET", "POST", "PUT", "upgrade", "none"] {
        let mut h = engine(|config| config.max_unused_sessions = 1);
        let sid = open(&mut h, "192.0.2.1");
        let target = Harness::<Engine>::target("polling", Some(&sid));
        let ws = match second {
            "none" => None,
            "upgrade" => Some(h.upgrade(&sid)),
            method => {
                h.request(method, &target, &[]);
                None
            }
        };
        assert_eq!(h.server.counts().sessions, 1);

        let other = open(&mut h, "192.0.2.1");

        let kept = second != "none";
        assert_eq!(h.server.counts().sessions, if kept { 2 } else { 1 }, "{second}");
        assert!(lives(&mut h, &other));
        if let Some(ws) = ws {
            assert!(h.is_open(ws));
            assert!(lives(&mut h, &sid));
        }
    }
}

#[test]
fn sessions_on_websockets_are_never_unused() {
    let mut h = engine(|config| config.max_unused_sessions = 1);
    for _ in 0..5 {
        h.open_websocket();
        open(&mut h, "192.0.2.1");
    }
    assert_eq!(h.server.counts().sessions, 6);
}

#[test]
fn a_flood_of_handshakes_from_one_address_ends_no_session_of_another() {
    let mut h = engine(|config| config.max_unused_sessions = 100);
    let mut others = Vec::new();
    for round in 0..2_000 {
        open(&mut h, "198.51.100.1");
        if round % 200 == 199 {
            others.push(open(&mut h, &format!("192.0.2.{}", round / 200)));
        }
        assert!(h.server.counts().sessions <= 100);
    }

    let told = h.told();
    assert_eq!(told.iter().filter(|event| *event == "opened").count(), 2_010);
    assert!(others.iter().all(|sid| lives(&mut h, sid)), "however long ago they were opened");
}

#[test]
fn a_server_that_is_full_gives_up_unused_sessions_of_an_address_that_has_many() {
    let mut h = engine(|config| config.max_sessions = 5);
    let flood: Vec<_> = (0..5).map(|_| open(&mut h, "198.51.100.1")).collect();
    assert_eq!(handshake(&mut h, "198.51.100.1", &[]), Err(BUSY.to_owned()));

    let first = open(&mut h, "192.0.2.1");
    let second = open(&mut h, "192.0.2.2");
    let third = open(&mut h, "192.0.2.1");
    // Now that makes it worse for somebody who has no more than that.
    assert_eq!(handshake(&mut h, "192.0.2.1", &[]), Err(BUSY.to_owned()));

    assert_eq!(h.server.counts().sessions, 5);
    assert!([&first, &second, &third].into_iter().all(|sid| lives(&mut h, sid)));
    let left: Vec<_> = flood.iter().map(|sid| lives(&mut h, sid)).collect();
    assert_eq!(left, [false, false, false, true, true]);
    // All are used, so nobody has to go.
    assert_eq!(handshake(&mut h, "192.0.2.3", &[]), Err(BUSY.to_owned()));
}

#[test]
fn the_figures_tell_of_unused_sessions() {
    let mut h = Harness::<Server>::with(|config| config.engine.max_unused_sessions = 2);
    for _ in 0..3 {
        h.open_polling();
    }
    let sid = h.open_polling();
    let counts = h.server.counts();
    assert_eq!((counts.engine.sessions, counts.engine.unused), (2, 2));
    let totals = h.server.totals();
    assert_eq!(
        (totals.engine.sessions, totals.engine.unused_ended, totals.engine.sessions_refused),
        (4, 2, 0)
    );

    h.post(&sid, "6");
    assert_eq!(h.server.counts().engine.unused, 1);
    h.connect_websocket("/");
    assert_eq!(h.server.counts().engine.unused, 1);
}

#[test]
fn a_client_of_protocol_3_is_connected_and_goes_with_its_unused_session() {
    let mut h = Harness::<Server>::with(|config| {
        config.engine.allow_v3 = true;
        config.engine.max_unused_sessions = 1;
    });
    for _ in 0..2 {
        h.request("GET", "/socket.io/?EIO=3&transport=polling", &[]);
    }

    assert_eq!(
        h.told(),
        ["#1 connected / []", "#1 disconnected: transport error", "#2 connected / []"]
    );
    assert_eq!(h.server.counts().sockets, 1);
}

// What is kept of handshakes.

#[test]
fn the_bytes_of_handshakes_that_are_kept_are_counted() {
    let mut h = Harness::<Server>::with(|config| config.engine.keep_handshakes = true);
    let long = "x".repeat(5_000);
    let headers = [("x-long", long.as_bytes())];
    let count = |h: &Harness<Server>| h.server.counts().engine.handshakes;

    h.request("GET", "/socket.io/?EIO=4&transport=polling", &headers);
    let one = count(&h);
    assert!((5_000..5_500).contains(&one), "{one}");
    let ws = h.upgrade_with("/socket.io/?EIO=4&transport=websocket", &headers);
    assert!((2 * one..2 * one + 10).contains(&count(&h)));
    h.closed(ws, CloseCause::Peer);
    assert_eq!(count(&h), one);
    h.advance(secs(100));
    assert_eq!(h.server.counts(), Counts::default());
    let mut h = Harness::<Server>::new();
    h.request("GET", "/socket.io/?EIO=4&transport=polling", &headers);
    assert_eq!(count(&h), 0, "it is not kept");
}

#[test]
fn the_bytes_of_undecided_handshakes_are_counted_as_long_as_they_wait() {
    for keep in [false, true] {
        let mut h = Harness::<Server>::with(|config| {
            config.engine.manual_accept = true;
            config.engine.keep_handshakes = keep;
        });
        let requests: Vec<_> = (0..3)
            .map(|_| {
                let req = h.request("GET", "/socket.io/?EIO=4&transport=polling", &[]);
                match h.events().pop() {
                    Some(sockeye_core::Event::HandshakeRequested { id, .. }) => (req, id),
                    other => panic!("the application was not asked: {other:?}"),
                }
            })
            .collect();
        let three = h.server.counts().engine.handshakes;
        assert!(three > 3 * 50, "{three}");

        let now = h.now;
        h.abort(requests[0].0);
        h.server.reject_handshake(requests[1].1, "no");
        assert_eq!(h.server.counts().engine.handshakes, three / 3);
        h.server.accept_handshake(requests[2].1, Admission::default(), now);

        assert_eq!(h.server.counts().engine.handshakes, if keep { three / 3 } else { 0 });
    }
}

#[test]
fn the_handshakes_of_unused_sessions_take_no_more_than_they_may() {
    let mut h = Harness::<Server>::with(|config| {
        config.engine.keep_handshakes = true;
        config.engine.max_unused_bytes = 20_000;
    });
    let open = |h: &mut Harness<Server>, bytes: usize| {
        let long = "x".repeat(bytes);
        let headers = [("x-long", long.as_bytes())];
        let req = h.request("GET", "/socket.io/?EIO=4&transport=polling", &headers);
        assert!(h.answer(req).starts_with("200"));
        h.server.counts()
    };
    for _ in 0..20 {
        let counts = open(&mut h, 5_000);
        assert!(counts.engine.handshakes <= 20_000 && counts.engine.unused <= 3, "{counts:?}");
    }

    // One that is too long for itself is let in, and nobody beside it.
    let counts = open(&mut h, 30_000);
    assert_eq!(counts.engine.unused, 1);
    let counts = open(&mut h, 10);
    assert_eq!(counts.engine.unused, 1);
    assert!(counts.engine.handshakes < 1_000, "{counts:?}");
}

// Shares.

#[test]
fn an_address_has_no_more_than_its_share_of_sessions() {
    let mut h = engine(|config| config.max_sessions_per_address = Some(2));
    let (ws, _) = {
        h.remote = address("192.0.2.1");
        h.open_websocket()
    };
    let sid = open(&mut h, "192.0.2.1");

    assert_eq!(handshake(&mut h, "192.0.2.1", &[]), Err(BUSY.to_owned()));
    let refused = h.upgrade_with(WEBSOCKET, &[]);
    assert_eq!(h.refusal(refused), "503 Too many sessions");
    open(&mut h, "192.0.2.2");
    assert!(lives(&mut h, &sid), "what it has goes on");
    let upgrade = h.upgrade(&sid);
    assert!(h.is_open(upgrade), "that is no further session");

    h.remote = address("192.0.2.1");
    h.closed(ws, CloseCause::Peer);
    open(&mut h, "192.0.2.1");
    assert_eq!(handshake(&mut h, "192.0.2.1", &[]), Err(BUSY.to_owned()));
}

#[test]
fn handshakes_over_the_share_of_an_address_are_counted() {
    let mut h = Harness::<Server>::with(|config| config.engine.max_sessions_per_address = Some(1));
    h.remote = address("192.0.2.1");
    for _ in 0..3 {
        h.request("GET", "/socket.io/?EIO=4&transport=polling", &[]);
    }
    let totals = h.server.totals();
    assert_eq!(
        (totals.engine.sessions, totals.engine.addresses_refused, totals.engine.sessions_refused),
        (1, 2, 0)
    );
}

#[test]
fn undecided_handshakes_count_against_the_share_of_their_address() {
    let mut h = engine(|config| {
        config.manual_accept = true;
        config.max_sessions_per_address = Some(2);
    });
    let ask = |h: &mut Harness<Engine>| -> (RequestId, _) {
        h.remote = address("192.0.2.1");
        let req = h.request("GET", POLLING, &[]);
        match h.events().pop() {
            Some(Event::HandshakeRequested { id, .. }) => (req, Some(id)),
            _ => (req, None),
        }
    };
    let (given_up, _) = ask(&mut h);
    let (_, allowed) = ask(&mut h);
    let (refused, _) = ask(&mut h);
    assert_eq!(h.answer(refused), BUSY);

    let now = h.now;
    h.server.accept_handshake(allowed.expect("asked about"), Admission::default(), now);
    let (refused, _) = ask(&mut h);
    assert_eq!(h.answer(refused), BUSY);
    h.abort(given_up);
    let (_, denied) = ask(&mut h);
    h.server.reject_handshake(denied.expect("asked about"), "no");
    let (timed_out, _) = ask(&mut h);
    h.advance(secs(20));
    assert_eq!(h.response(timed_out).status, 403);
    let (_, last) = ask(&mut h);
    assert!(last.is_some());
}

#[test]
fn ipv6_clients_share_by_network_and_those_without_an_address_not_at_all() {
    let mut h = engine(|config| config.max_sessions_per_address = Some(1));
    open(&mut h, "2001:db8:0:1::1");
    assert_eq!(handshake(&mut h, "2001:db8:0:1:ffff::2", &[]), Err(BUSY.to_owned()));
    open(&mut h, "2001:db8:0:2::1");
    open(&mut h, "192.0.2.1");
    assert_eq!(handshake(&mut h, "::ffff:192.0.2.1", &[]), Err(BUSY.to_owned()));

    h.remote = None;
    for _ in 0..5 {
        let req = h.request("GET", POLLING, &[]);
        assert_eq!(h.response(req).status, 200);
    }
}

#[test]
fn by_default_an_address_may_have_a_quarter_of_all_sessions_or_a_thousand() {
    for (max_sessions, share) in [(500, 500), (2_000, 1_000), (8_000, 2_000)] {
        let mut h = engine(|config| config.max_sessions = max_sessions);
        let opened = (0..=share).take_while(|_| handshake(&mut h, "192.0.2.1", &[]).is_ok());
        assert_eq!(opened.count(), share);
    }
}

#[test]
fn behind_a_trusted_proxy_the_client_is_counted_and_otherwise_the_proxy() {
    let mut h = engine(|config| {
        config.max_sessions_per_address = Some(1);
        config.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    let mut from = |peer: &str, forwarded: &[u8]| {
        handshake(&mut h, peer, &[("X-Forwarded-For", forwarded)]).is_ok()
    };

    assert!(from("10.0.0.1", b"192.0.2.1"));
    assert!(from("10.0.0.1", b"192.0.2.2"));
    assert!(!from("10.0.0.2", b"192.0.2.2"), "by another proxy");
    assert!(
        !from("10.0.0.1", b"203.0.113.7, 192.0.2.1, 10.0.0.9"),
        "what clients say is no matter"
    );
    assert!(!from("192.0.2.1", b""), "nor is by which way it comes");
    // Whoever is not trusted can say what it likes.
    assert!(from("198.51.100.1", b"203.0.113.1"));
    assert!(!from("198.51.100.1", b"203.0.113.2"));
}

#[test]
fn the_application_can_ask_for_the_address_of_a_client() {
    let mut h = engine(|config| config.keep_handshakes = true);
    let trusted = ["10.0.0.0/8".parse().expect("a network")];
    let values: [(&str, &[u8]); 3] = [
        ("x-forwarded-for", b"203.0.113.7"),
        ("X-Forwarded-For", b"192.0.2.1, 10.0.0.3"),
        ("x-other", b"198.51.100.1"),
    ];
    handshake(&mut h, "10.0.0.1", &values).expect("it is let in");

    let Some(Event::Opened { handshake: Some(handshake), .. }) = h.events().pop() else {
        panic!("no handshake was kept");
    };
    let address = |text: &str| Some(text.parse().expect("an address"));
    assert_eq!(handshake.client_address(&trusted), address("192.0.2.1"));
    assert_eq!(handshake.client_address(&[]), address("10.0.0.1"));
}

#[test]
fn no_unused_session_at_all_is_refused_as_a_configuration() {
    let config = EngineConfig::default().max_unused_sessions(0);
    assert_eq!(
        Engine::new(config, common::SEED).err().map(|it| it.field),
        Some("max_unused_sessions")
    );
}

// The end of sessions that nobody uses.

#[test]
fn an_unused_session_that_is_closed_is_over_at_once() {
    let mut h = engine(|_| {});
    let (sid, session) = h.open_polling();

    h.server.close(session, h.now);

    assert!(h.server.is_idle());
    assert_eq!(h.told(), ["closed: forced close"]);
    assert_eq!(h.server.poll_timeout(), None);
    let get = h.get(&sid);
    assert_eq!(h.answer(get), UNKNOWN);
}

#[test]
fn an_unused_session_for_which_something_waits_can_still_fetch_it() {
    let mut h = engine(|_| {});
    let (sid, session) = h.open_polling();
    h.server.send(session, &Encoded::text("bye"), false);

    h.server.close(session, h.now);

    assert_eq!(h.fetch(&sid), "4bye");
    assert_eq!(h.fetch(&sid), "6\u{1e}1");
    assert!(h.server.is_idle());
}

#[test]
fn a_server_that_shuts_down_waits_for_no_client_that_has_not_come_back_yet() {
    let mut h = engine(|_| {});
    let (_, waiting) = h.open_polling();
    h.server.send(waiting, &Encoded::text("bye"), false);
    h.open_polling();
    let (used, _) = h.open_polling();
    h.post(&used, "6");

    h.server.shut_down(h.now);

    assert_eq!(h.server.counts().sessions, 1);
    assert_eq!(h.told(), ["closed: forced close"; 3]);
    assert_eq!(h.fetch(&used), "6\u{1e}1");
    assert!(h.server.is_idle());
}

#[test]
fn a_client_that_joins_nothing_and_never_polls_holds_up_no_shutdown() {
    let mut h = Harness::<Server>::with(|config: &mut ServerConfig| {
        config.connect_timeout = secs(10);
    });
    h.open_polling();
    h.advance(secs(10));
    assert_eq!(h.server.counts(), Counts::default());

    h.open_polling();
    h.server.shut_down(h.now);
    assert!(h.server.is_idle());
}
