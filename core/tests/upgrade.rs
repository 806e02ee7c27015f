//! The way from long-polling to a WebSocket.

mod common;

use std::time::Duration;

use common::{Harness, secs};
use sockeye_core::engineio::{Encoded, Engine, EngineConfig, Transport};
use sockeye_core::{CloseCause, SessionId, WsId};

fn engine() -> Harness<Engine> {
    Harness::engine(EngineConfig::default())
}

fn send(h: &mut Harness<Engine>, session: SessionId, text: &str) -> bool {
    h.server.send(session, &Encoded::text(text), false)
}

/// A session whose WebSocket was probed but has not taken over yet.
fn probed(h: &mut Harness<Engine>) -> (String, SessionId, WsId) {
    let (sid, session) = h.open_polling();
    let ws = h.upgrade(&sid);
    h.frame(ws, "2probe");
    assert_eq!(h.received(ws), ["3probe"]);
    (sid, session, ws)
}

#[test]
fn a_websocket_takes_over_after_probe_and_upgrade() {
    let mut h = engine();
    let (_, session, ws) = probed(&mut h);
    assert_eq!(h.server.transport(session), Some(Transport::Polling));

    h.frame(ws, "5");
    h.frame(ws, "4a");
    send(&mut h, session, "b");

    assert_eq!(h.server.transport(session), Some(Transport::WebSocket));
    assert_eq!(h.told(), ["upgraded", "a"]);
    assert_eq!(h.received(ws), ["4b"]);
}

#[test]
fn gets_are_answered_with_noop_after_the_probe() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let waiting = h.get(&sid);
    let ws = h.upgrade(&sid);
    assert!(h.is_waiting(waiting));

    h.frame(ws, "2probe");

    assert_eq!(h.answer(waiting), "200 6");
    for _ in 0..5 {
        assert_eq!(h.fetch(&sid), "6");
    }
}

#[test]
fn a_stalled_upgrade_slows_polling_down() {
    let mut h = engine();
    let (sid, session, ws) = probed(&mut h);
    let mut at_once = 0;
    let mut waiting = h.get(&sid);
    while !h.is_waiting(waiting) {
        assert_eq!(h.answer(waiting), "200 6");
        at_once += 1;
        assert!(at_once < 10, "it goes round in circles");
        waiting = h.get(&sid);
    }
    assert_eq!(at_once, 8);

    send(&mut h, session, "a");
    assert_eq!(h.answer(waiting), "200 4a", "what there is to say is said at once");
    let waiting = h.get(&sid);
    h.advance(Duration::from_millis(99));
    assert!(h.is_waiting(waiting));
    h.advance(Duration::from_millis(1));
    assert_eq!(h.answer(waiting), "200 6");
    h.frame(ws, "5");
    assert_eq!(h.told(), ["upgraded"]);
}

#[test]
fn messages_are_polled_until_the_upgrade_and_sent_on_the_websocket_after_it() {
    let mut h = engine();
    let (sid, session, ws) = probed(&mut h);

    send(&mut h, session, "a");
    assert_eq!(h.fetch(&sid), "4a");
    send(&mut h, session, "b");
    send(&mut h, session, "c");
    assert_eq!(h.received(ws).len(), 0);
    h.frame(ws, "5");

    assert_eq!(h.received(ws), ["4b", "4c"]);
}

#[test]
fn the_probe_answer_uses_the_credit_of_the_websocket() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    let ws = h.upgrade(&sid);
    h.stall(ws);

    h.frame(ws, "2probe");
    h.frame(ws, "5");
    send(&mut h, session, "a");
    send(&mut h, session, "b");

    assert_eq!(h.received(ws), ["3probe"]);
    h.drained(ws);
    assert_eq!(h.received(ws), ["4a", "4b"]);
}

#[test]
fn polling_is_refused_after_the_upgrade_and_the_websocket_lives_on() {
    let mut h = engine();
    let (sid, _, ws) = probed(&mut h);
    h.frame(ws, "5");

    let get = h.get(&sid);
    let post = h.post(&sid, "4x");

    let bad_request = r#"400 {"code":3,"message":"Bad request"}"#;
    assert_eq!(h.answer(get), bad_request);
    assert_eq!(h.answer(post), bad_request);
    h.frame(ws, "4a");
    assert_eq!(h.told(), ["upgraded", "a"]);
}

#[test]
fn a_second_websocket_is_closed_during_the_upgrade_and_after_it() {
    let mut h = engine();
    let (sid, _, ws) = probed(&mut h);

    let second = h.upgrade(&sid);
    assert!(!h.is_open(second));
    h.frame(ws, "5");
    let third = h.upgrade(&sid);
    assert!(!h.is_open(third));

    h.frame(ws, "4a");
    assert_eq!(h.told(), ["upgraded", "a"]);
}

#[test]
fn a_session_that_began_on_a_websocket_is_not_upgraded() {
    let mut h = engine();
    let ws = h.upgrade_with(&Harness::<Engine>::target("websocket", None), &[]);
    let open = h.received(ws).concat();
    let sid = open.split('"').nth(3).unwrap();

    let second = h.upgrade(sid);

    assert!(!h.is_open(second));
    h.frame(ws, "4a");
    assert_eq!(h.told(), ["opened", "a"]);
}

#[test]
fn a_websocket_that_does_not_begin_with_a_probe_is_closed_and_polling_goes_on() {
    for first in ["4x", "2", "2probeX", "", "5", "6", "3probe", "1", "7", "é"] {
        let mut h = engine();
        let (sid, session) = h.open_polling();
        let ws = h.upgrade(&sid);

        h.frame(ws, first);

        assert!(!h.is_open(ws), "{first}");
        send(&mut h, session, "a");
        assert_eq!(h.fetch(&sid), "4a");
        assert_eq!(h.told().len(), 0);
    }
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let ws = h.upgrade(&sid);
    h.binary(ws, vec![1]);
    assert!(!h.is_open(ws));
}

#[test]
fn a_second_probe_closes_the_websocket() {
    let mut h = engine();
    let (sid, session, ws) = probed(&mut h);

    h.frame(ws, "2probe");

    assert!(!h.is_open(ws));
    let get = h.get(&sid);
    assert!(h.is_waiting(get));
    send(&mut h, session, "a");
    assert_eq!(h.answer(get), "200 4a");
}

#[test]
fn an_upgrade_that_takes_too_long_is_given_up_and_another_one_may_follow() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    let silent = h.upgrade(&sid);

    h.advance(secs(9));
    assert!(h.is_open(silent));
    h.advance(secs(1));

    assert!(!h.is_open(silent));
    let ws = h.upgrade(&sid);
    h.frame(ws, "2probe");
    h.frame(ws, "5");
    send(&mut h, session, "a");
    assert_eq!(h.received(ws), ["3probe", "4a"]);
}

#[test]
fn the_time_of_an_upgrade_that_was_given_up_does_not_end_the_next_one() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let first = h.upgrade(&sid);
    h.advance(secs(5));
    h.closed(first, CloseCause::Error);
    let second = h.upgrade(&sid);

    h.advance(secs(9));
    assert!(h.is_open(second));
    h.advance(secs(1));
    assert!(!h.is_open(second));
}

#[test]
fn a_websocket_that_breaks_during_the_probe_leaves_polling_intact() {
    for cause in [CloseCause::Peer, CloseCause::Error] {
        let mut h = engine();
        let (sid, session, ws) = probed(&mut h);
        send(&mut h, session, "a");

        h.closed(ws, cause);

        assert_eq!(h.fetch(&sid), "4a");
        assert_eq!(h.told().len(), 0);
    }
}

#[test]
fn the_end_of_a_session_closes_its_probing_websocket() {
    let mut h = engine();
    let (sid, _, ws) = probed(&mut h);
    h.post(&sid, "1");
    assert!(!h.is_open(ws));

    let (sid, session) = h.open_polling();
    let ws = h.upgrade(&sid);
    h.server.close(session, h.now);
    assert!(!h.is_open(ws), "one that has not asked yet");
}

#[test]
fn closing_waits_for_an_answered_upgrade() {
    let mut h = engine();
    let (_, session, ws) = probed(&mut h);
    send(&mut h, session, "bye");

    h.server.close(session, h.now);
    assert_eq!(h.told(), ["closed: forced close"]);
    assert!(h.is_open(ws));
    h.frame(ws, "5");

    assert_eq!(h.received(ws), ["4bye"]);
    assert!(!h.is_open(ws));
    assert_eq!(h.told().len(), 0);
}

#[test]
fn a_closing_session_falls_back_to_polling_if_the_upgrade_stalls() {
    let mut h = engine();
    let (sid, session, ws) = probed(&mut h);
    send(&mut h, session, "bye");
    h.server.close(session, h.now);

    h.advance(h.server.config().upgrade_timeout);

    assert!(!h.is_open(ws));
    assert_eq!(h.fetch(&sid), "4bye");
    assert_eq!(h.fetch(&sid), "6\x1e1");
}

#[test]
fn websocket_messages_wait_for_an_overtaken_post() {
    let mut h = engine();
    let (sid, _, ws) = probed(&mut h);

    let post = h.post_head(&sid);
    h.frame(ws, "5");
    h.frame(ws, "4c");
    h.frame(ws, "4d");
    assert_eq!(h.told(), ["upgraded"]);
    h.body(post, "4a\x1e4b");
    h.frame(ws, "4e");

    assert_eq!(h.answer(post), "200 ok");
    assert_eq!(h.told(), ["a", "b", "c", "d", "e"]);
}

#[test]
fn aborting_an_overtaken_post_ends_the_session() {
    let mut h = engine();
    let (sid, _, ws) = probed(&mut h);
    let post = h.post_head(&sid);
    h.frame(ws, "5");
    h.frame(ws, "4c");

    h.abort(post);

    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["upgraded", "closed: transport error"]);
}

#[test]
fn closing_the_websocket_before_the_overtaken_post_is_read_ends_the_session() {
    let mut h = engine();
    let (sid, _, ws) = probed(&mut h);
    let post = h.post_head(&sid);
    h.frame(ws, "5");
    h.frame(ws, "4c");

    h.closed(ws, CloseCause::Peer);

    assert_eq!(h.answer(post), "400");
    assert_eq!(h.told(), ["upgraded", "closed: transport close"]);
}

#[test]
fn frames_held_for_an_overtaken_post_are_limited_by_max_payload() {
    let held = |bytes: usize| {
        let mut h = engine();
        let (sid, _, ws) = probed(&mut h);
        let post = h.post_head(&sid);
        h.frame(ws, "5");
        h.frame(ws, vec![b'4'; bytes]);
        let open = h.is_open(ws);
        h.body(post, "4a");
        assert_eq!(h.answer(post), if open { "200 ok" } else { "400" });
        open
    };

    let overhead = size_of::<sockeye_core::Frame>();
    assert!(held(1_000_000 - overhead));
    assert!(!held(1_000_001 - overhead));
}

#[test]
fn an_upgrade_with_many_waiting_messages_completes() {
    let mut h = engine();
    let (_, session, ws) = probed(&mut h);
    for n in 0..10_000 {
        send(&mut h, session, &n.to_string());
    }

    h.frame(ws, "5");

    assert_eq!(h.sends(ws), [10_000]);
}

/// Three parties act on one session, each in its own order; what happens between them is open.
/// In every order of the whole, each side must get what the other one sent: all of it, once, in
/// order.
#[test]
fn no_interleaving_of_an_upgrade_loses_duplicates_or_reorders_a_message() {
    for stalled in [false, true] {
        let lanes: [&[Step]; 4] = [
            &[Step::Probe, Step::Upgrade, Step::Frame("c3")],
            &[Step::PostHead, Step::PostBody],
            &[Step::Send("s1"), Step::Send("s2")],
            &[Step::Get, Step::Get],
        ];
        let mut orders = 0;
        interleave(&lanes, &mut [0; 4], &mut Vec::new(), &mut |order| {
            play(order, stalled);
            orders += 1;
        });
        assert_eq!(orders, 7560);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Probe,
    Upgrade,
    Frame(&'static str),
    PostHead,
    PostBody,
    Send(&'static str),
    Get,
}

fn interleave(
    lanes: &[&[Step]; 4],
    at: &mut [usize; 4],
    order: &mut Vec<Step>,
    visit: &mut impl FnMut(&[Step]),
) {
    if (0..4).all(|lane| at[lane] == lanes[lane].len()) {
        return visit(order);
    }
    for lane in 0..4 {
        if let Some(&step) = lanes[lane].get(at[lane]) {
            at[lane] += 1;
            order.push(step);
            interleave(lanes, at, order, visit);
            order.pop();
            at[lane] -= 1;
        }
    }
}

fn play(order: &[Step], stalled: bool) {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    let ws = h.upgrade(&sid);
    if stalled {
        h.stall(ws);
    }
    let (mut gets, mut post, mut upgraded) = (Vec::new(), None, false);
    for &step in order {
        match step {
            Step::Probe => h.frame(ws, "2probe"),
            Step::Upgrade => {
                upgraded = true;
                h.frame(ws, "5");
            }
            Step::Frame(text) => h.frame(ws, format!("4{text}")),
            Step::PostHead => post = Some(h.post_head(&sid)),
            Step::PostBody => {
                let post = post.expect("the head came first");
                if h.wants_body(post).is_some() {
                    h.body(post, "4c1\x1e4c2");
                }
            }
            Step::Send(text) => assert!(send(&mut h, session, text)),
            // A client has one GET at a time, and none once it has sent the upgrade.
            Step::Get => {
                if !upgraded && !gets.last().is_some_and(|&get| h.is_waiting(get)) {
                    gets.push(h.get(&sid));
                }
            }
        }
    }
    let mut sent = Vec::new();
    for get in gets {
        let answer = h.answer(get);
        sent.extend(common::unpack(&answer[4..]).iter().map(ToString::to_string));
    }
    while h.is_open(ws) && stalled {
        let frames = h.received(ws);
        if frames.is_empty() {
            break;
        }
        sent.extend(frames);
        h.drained(ws);
    }
    sent.extend(h.received(ws));
    sent.retain(|packet| packet != "6" && packet != "3probe");
    assert_eq!(sent, ["4s1", "4s2"], "{order:?}");

    let position = |step| order.iter().position(|&other| other == step);
    let in_time = position(Step::PostHead) < position(Step::Upgrade);
    let mut arrived = h.told();
    arrived.retain(|event| event != "upgraded");
    if in_time {
        assert_eq!(arrived, ["c1", "c2", "c3"], "{order:?}");
    } else {
        assert_eq!(arrived, ["c3"], "{order:?}");
        let answer = h.answer(post.expect("it was sent"));
        assert!(answer.starts_with("400 "), "a late client is told: {order:?}");
    }
}
