//! What happens when one side is faster than the other.

mod common;

use std::time::Duration;

use common::{Harness, secs};
use sockeye_core::{
    EmitError, EmitOptions, OnExceeded, OnOverflow, RateLimit, Selector, Server, ServerConfig,
};

const LIMIT: usize = 1000;

fn limited(change: impl FnOnce(&mut ServerConfig)) -> Harness<Server> {
    Harness::with(|config| {
        config.engine.max_buffered = LIMIT;
        change(config);
    })
}

fn refusing() -> Harness<Server> {
    limited(|config| config.on_overflow = OnOverflow::Refuse)
}

// What the server sends.

#[test]
fn volatile_events_give_way_before_the_client_is_closed() {
    let mut h = limited(|_| {});
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    // The second and third are queued: all come in one turn, in which the client was ready.
    h.emit(client.socket, "first", &());
    for name in ["position", "position"] {
        assert!(h.emit_volatile(client.socket, name));
    }

    assert!(h.emit(client.socket, "news", &"x".repeat(400)));

    assert_eq!(h.server.totals().engine.dropped, 2);
    assert_eq!(h.server.totals().engine.overflows, 0);
    h.drained(client.ws);
    let names = h.received(client.ws);
    assert_eq!(names.len(), 2);
    assert!(names[0].contains("first") && names[1].contains("news"), "{names:?}");
}

#[test]
fn a_client_for_which_too_much_waits_is_closed_and_that_is_counted() {
    let mut h = limited(|_| {});
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "first", &());

    assert!(!h.emit(client.socket, "news", &"x".repeat(LIMIT)));

    assert_eq!(h.told(), ["#1 disconnected: transport error"]);
    assert_eq!(h.server.totals().engine.overflows, 1);
}

#[test]
fn emit_to_a_full_client_returns_full_with_overflow_policy_refuse() {
    let mut h = refusing();
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "first", &"x".repeat(500));
    assert!(h.emit(client.socket, "fits", &()));

    let refused = h.socket(client.socket).emit("second", &(), EmitOptions::default());

    assert!(matches!(refused, Err(EmitError::Full { limit: LIMIT })), "{refused:?}");
    assert_eq!(h.server.totals().refused, 1);
    assert!(h.is_open(client.ws));
    h.drained(client.ws);
    assert!(h.emit(client.socket, "second", &()));
}

#[test]
fn an_event_with_an_ack_is_refused_like_one_without() {
    let mut h = refusing();
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "first", &"x".repeat(LIMIT));
    let now = h.now;

    let refused = h.socket(client.socket).emit_with_ack("ask", &(), None, now);

    assert!(matches!(refused, Err(EmitError::Full { .. })), "{refused:?}");
    assert_eq!(h.server.counts().acks, 0);
}

#[test]
fn a_broadcast_closes_full_clients_even_with_overflow_policy_refuse() {
    let mut h = refusing();
    let (slow, fast) = (h.connect_websocket("/"), h.connect_websocket("/"));
    h.stall(slow.ws);

    for _ in 0..20 {
        h.emit_to(&Selector::all(), "news");
        h.collect();
    }

    assert_eq!(h.told(), ["#1 disconnected: transport error"]);
    assert_eq!(h.received(fast.ws).len(), 20);
}

#[test]
fn drained_is_reported_once() {
    let mut h = refusing();
    let client = h.connect_websocket("/");
    assert!(h.socket(client.socket).watch_drained(), "nothing waits");
    h.stall(client.ws);
    h.emit(client.socket, "a", &());
    h.emit(client.socket, "b", &());

    assert!(!h.socket(client.socket).watch_drained());
    assert!(!h.socket(client.socket).watch_drained());
    h.drained(client.ws);
    assert_eq!(h.told(), [""; 0], "b is being written");
    h.drained(client.ws);

    assert_eq!(h.told(), ["#1 drained"]);
    h.emit(client.socket, "c", &());
    h.drained(client.ws);
    assert_eq!(h.told(), [""; 0], "nobody has asked again");
}

#[test]
fn a_polling_client_has_caught_up_when_it_has_fetched_everything() {
    let mut h = Harness::new();
    let client = h.connect_polling("/");
    h.emit(client.socket, "a", &());
    assert!(!h.socket(client.socket).watch_drained());

    h.fetch(&client.sid);

    assert_eq!(h.told(), ["#1 drained"]);
}

#[test]
fn drained_is_reported_for_each_watching_socket() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    let (admin, _) = h.join(client.ws, "/admin");
    h.stall(client.ws);
    h.emit(client.socket, "a", &());
    assert!(!h.socket(admin).watch_drained());

    h.drained(client.ws);

    assert_eq!(h.told(), ["#2 drained"]);
}

#[test]
fn disconnected_replaces_drained() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "a", &());
    assert!(!h.socket(client.socket).watch_drained());

    h.closed(client.ws, sockeye_core::CloseCause::Peer);

    assert_eq!(h.told(), ["#1 disconnected: transport close"]);
}

// What the client sends.

#[test]
fn a_paused_client_is_not_read_until_it_is_resumed() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    let now = h.now;

    h.socket(client.socket).pause(now);
    assert!(h.is_paused(client.ws));
    h.socket(client.socket).pause(now);
    assert_eq!(h.server.totals().engine.pauses, 1);
    h.frame(client.ws, r#"42["read before"]"#);
    assert_eq!(h.told(), [""; 0], "what was read already has to wait");
    h.socket(client.socket).resume(now);
    assert_eq!(h.told(), ["#1 read before[]"]);

    assert!(!h.is_paused(client.ws));
}

#[test]
fn a_client_is_read_again_when_none_of_its_sockets_is_paused() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    let (admin, _) = h.join(client.ws, "/admin");
    let now = h.now;
    h.socket(client.socket).pause(now);
    h.socket(admin).pause(now);

    h.socket(client.socket).resume(now);
    assert!(h.is_paused(client.ws));
    h.socket(admin).disconnect(false, now);

    assert!(!h.is_paused(client.ws));
}

#[test]
fn a_paused_polling_client_has_to_wait_with_its_post() {
    let mut h = Harness::new();
    let client = h.connect_polling("/");
    let now = h.now;
    h.socket(client.socket).pause(now);

    let post = h.post_head(&client.sid);
    assert_eq!(h.wants_body(post), None);
    h.socket(client.socket).resume(now);

    assert!(h.wants_body(post).is_some());
    h.body(post, r#"42["late"]"#);
    assert_eq!(h.told(), ["#1 late[]"]);
}

#[test]
fn a_second_post_while_the_first_one_waits_is_a_violation_as_ever() {
    let mut h = Harness::new();
    let client = h.connect_polling("/");
    let now = h.now;
    h.socket(client.socket).pause(now);
    h.post_head(&client.sid);

    let second = h.post_head(&client.sid);

    assert_eq!(h.answer(second), "400");
    assert_eq!(h.told(), ["#1 disconnected: transport error"]);
}

#[test]
fn a_client_that_is_paused_stays_so_on_its_websocket() {
    let mut h = Harness::new();
    let client = h.connect_polling("/");
    let now = h.now;
    let ws = h.upgrade(&client.sid);
    h.frame(ws, "2probe");
    h.socket(client.socket).pause(now);
    let post = h.post_head(&client.sid);

    h.frame(ws, "5");

    assert!(h.is_paused(ws));
    assert!(h.wants_body(post).is_some(), "nothing on the WebSocket overtakes it");
    h.body(post, r#"42["late"]"#);
    assert_eq!(h.told(), ["#1 upgraded"]);
    h.socket(client.socket).resume(now);
    assert_eq!(h.told(), ["#1 late[]"]);
}

#[test]
fn a_post_of_a_paused_client_does_not_hold_up_its_upgrade() {
    let mut h = Harness::new();
    let client = h.connect_polling("/");
    let now = h.now;
    h.socket(client.socket).pause(now);
    let ws = h.upgrade(&client.sid);
    let post = h.post_head(&client.sid);
    assert_eq!(h.wants_body(post), None);

    h.frame(ws, "2probe");

    assert!(h.wants_body(post).is_some());
    h.body(post, r#"42["early"]"#);
    assert_eq!(h.answer(post), "200 ok");
    assert_eq!(h.told(), [""; 0]);
    h.socket(client.socket).resume(now);
    assert_eq!(h.told(), ["#1 early[]"]);
}

#[test]
fn a_paused_client_that_only_pretends_to_upgrade_has_to_wait_with_its_posts() {
    let mut h = Harness::new();
    let client = h.connect_polling("/");
    let now = h.now;
    h.socket(client.socket).pause(now);
    let mut read = 0;
    loop {
        let ws = h.upgrade(&client.sid);
        h.frame(ws, "2probe");
        let post = h.post_head(&client.sid);
        if h.wants_body(post).is_none() {
            break;
        }
        h.body(post, r#"42["more"]"#);
        h.closed(ws, sockeye_core::CloseCause::Peer);
        read += 1;
        assert!(read < 10, "it goes round in circles");
    }
    assert_eq!(read, 2);
    assert_eq!(h.told(), [""; 0]);
    h.socket(client.socket).resume(now);
    assert_eq!(h.told(), ["#1 more[]", "#1 more[]"]);
}

#[test]
fn a_client_that_pretends_to_upgrade_gains_nothing_when_it_is_paused_again_and_again() {
    let mut h = rated(OnExceeded::Delay);
    let client = h.connect_polling("/");
    h.post(&client.sid, vec![r#"42["more"]"#; 1000].join("\x1e"));
    let mut read = 0;
    for _ in 0..20 {
        let ws = h.upgrade(&client.sid);
        h.frame(ws, "2probe");
        let post = h.post_head(&client.sid);
        h.advance(Duration::from_millis(500));
        if h.wants_body(post).is_none() {
            break;
        }
        h.body(post, r#"42["more"]"#);
        h.closed(ws, sockeye_core::CloseCause::Peer);
        read += 1;
    }
    assert_eq!(read, 2);
}

#[test]
fn a_paused_client_that_takes_pings_does_not_time_out() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    let now = h.now;
    h.socket(client.socket).pause(now);

    h.advance(secs(200));
    assert!(h.is_open(client.ws));
    let pings = h.received(client.ws);
    assert!(pings.len() > 4, "it hears that the server is there: {pings:?}");
    let now = h.now;
    h.socket(client.socket).resume(now);
    assert_eq!(h.received(client.ws), ["2"], "the last one was long ago");
    h.frame(client.ws, "3");
    h.advance(secs(26));

    assert_eq!(h.received(client.ws), ["2"]);
}

#[test]
fn a_paused_client_that_takes_no_pings_times_out() {
    let mut h = Harness::new();
    let (polling, slow) = (h.connect_polling("/"), h.connect_websocket("/"));
    h.stall(slow.ws);
    let now = h.now;
    h.socket(polling.socket).pause(now);
    h.socket(slow.socket).pause(now);

    h.advance(secs(100));

    assert_eq!(h.told(), ["#1 disconnected: ping timeout", "#2 disconnected: ping timeout"]);
}

#[test]
fn a_dead_client_times_out_after_resume() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    let now = h.now;
    h.socket(client.socket).pause(now);
    h.advance(secs(200));
    let now = h.now;

    h.socket(client.socket).resume(now);
    h.advance(secs(45));

    assert_eq!(h.told(), ["#1 disconnected: ping timeout"]);
}

// How fast it may be.

fn rated(excess: OnExceeded) -> Harness<Server> {
    Harness::with(|config| {
        config.rate = Some(RateLimit::per_second(10).on_exceeded(excess));
    })
}

#[test]
fn a_client_within_its_rate_is_left_alone() {
    let mut h = rated(OnExceeded::Disconnect);
    let client = h.connect_websocket("/");
    h.advance(secs(5));

    for _ in 0..100 {
        h.frame(client.ws, r#"42["e"]"#);
        h.advance(Duration::from_millis(100));
    }

    assert_eq!(h.told().len(), 100);
    assert_eq!(h.server.totals().throttled, 0);
}

#[test]
fn a_client_over_its_rate_is_read_again_when_it_has_waited_long_enough() {
    let mut h = rated(OnExceeded::Delay);
    let client = h.connect_websocket("/");
    h.advance(secs(5));

    for _ in 0..10 {
        h.frame(client.ws, r#"42["e"]"#);
    }
    assert!(!h.is_paused(client.ws));
    for _ in 0..5 {
        h.frame(client.ws, r#"42["e"]"#);
    }

    assert!(h.is_paused(client.ws));
    assert_eq!(h.told().len(), 11, "the others wait");
    h.advance(Duration::from_millis(99));
    assert_eq!(h.told().len(), 0);
    h.advance(Duration::from_millis(1));
    assert_eq!(h.told().len(), 1);
    h.advance(Duration::from_millis(300));
    assert_eq!(h.told().len(), 3, "nothing is lost");
    assert!(h.is_paused(client.ws));
    h.advance(Duration::from_millis(100));
    assert!(!h.is_paused(client.ws));
}

#[test]
fn a_client_over_its_rate_is_closed_with_on_exceeded_disconnect() {
    let mut h = rated(OnExceeded::Disconnect);
    let client = h.connect_websocket("/");
    h.advance(secs(5));

    for _ in 0..11 {
        h.frame(client.ws, r#"42["e"]"#);
    }

    let told = h.told();
    assert_eq!(told.len(), 11);
    assert_eq!(told[10], "#1 disconnected: forced close");
    assert!(!h.is_open(client.ws));
}

#[test]
fn a_zero_rate_limit_is_a_config_error() {
    let config = ServerConfig::default().rate(RateLimit::per_second(0));
    let error = Server::new(config, common::SEED).err().expect("an error");
    assert_eq!(error.field, "rate");
}

#[test]
fn a_socket_with_max_pending_acks_is_left_out_of_a_broadcast_with_ack() {
    let mut h = Harness::with(|config| config.max_pending_acks = 1);
    let (busy, free) = (h.connect_websocket("/"), h.connect_websocket("/"));
    let now = h.now;
    let owed = h.socket(busy.socket).emit_with_ack("first", &(), None, now);
    assert!(owed.is_ok());
    h.received(busy.ws);

    let all = Selector::all();
    assert!(h.server.emit_with_ack("/", &all, "ask", &(), None, now).is_ok());

    assert_eq!(h.received(busy.ws), [""; 0]);
    assert_eq!(h.received(free.ws), [r#"421["ask"]"#]);
    h.frame(free.ws, r#"431["yes"]"#);
    let expected = r##"gathered ["#2[\"yes\"]"], 1 lost, 0 late"##;
    assert_eq!(h.told(), [expected]);
    assert_eq!(h.server.totals().acks_refused, 1);
}
