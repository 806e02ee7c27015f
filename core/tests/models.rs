//! Parts of the server against models that do everything the slow way: random commands, which
//! shrink to the few that matter.

#![allow(clippy::wildcard_enum_match_arm, reason = "most events are of no interest here")]

mod common;

use std::collections::BTreeSet;

use common::{Harness, WebSocketClient, secs};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sockeye_core::{
    AckId, CloseCause, EmitOptions, Event, RecoveryConfig, Selector, Server, SocketId, WsId,
};

// Acknowledgements.

#[derive(Clone, Debug)]
enum AckOp {
    Connect,
    Ask {
        who: Index,
        timeout: bool,
    },
    AskAll {
        timeout: bool,
    },
    /// Answers a question that is open, or was.
    Answer {
        who: Index,
        which: Index,
    },
    Wait,
    Leave(Index),
}

fn ack_op() -> impl Strategy<Value = AckOp> {
    let index = any::<Index>;
    prop_oneof![
        2 => Just(AckOp::Connect),
        4 => (index(), any::<bool>()).prop_map(|(who, timeout)| AckOp::Ask { who, timeout }),
        2 => any::<bool>().prop_map(|timeout| AckOp::AskAll { timeout }),
        6 => (index(), index()).prop_map(|(who, which)| AckOp::Answer { who, which }),
        1 => Just(AckOp::Wait),
        1 => index().prop_map(AckOp::Leave),
    ]
}

/// A question to one socket, or to several.
struct Question {
    ack: AckId,
    /// Its number on the wire.
    number: u64,
    alone: bool,
    owing: BTreeSet<SocketId>,
    answers: usize,
    lost: usize,
    due: Option<u64>,
}

impl Question {
    /// What is told when nobody owes an answer any more, or the time is up.
    fn outcome(&self, single: &str) -> String {
        let Self { ack, answers, lost, .. } = self;
        if self.alone {
            return format!("{ack:?} {single}");
        }
        format!("{ack:?} {answers} answers, {lost} lost, {} late", self.owing.len())
    }
}

/// Takes what was told about acknowledgements.
fn outcomes(h: &mut Harness<Server>) -> BTreeSet<String> {
    let tell = |event: &Event| match event {
        Event::Acked { ack, result: Ok(_), .. } => Some(format!("{ack:?} answered")),
        Event::Acked { ack, result: Err(error), .. } => Some(format!("{ack:?} {error}")),
        Event::BroadcastAcked { ack, answers, disconnected, timed_out } => Some(format!(
            "{ack:?} {} answers, {disconnected} lost, {timed_out} late",
            answers.len()
        )),
        _ => None,
    };
    h.events().iter().filter_map(tell).collect()
}

/// Settles what is over; returns what must be told.
fn settle(open: &mut Vec<Question>, single: &str, over: impl Fn(&Question) -> bool) -> Vec<String> {
    let (done, rest) = std::mem::take(open).into_iter().partition::<Vec<_>, _>(over);
    *open = rest;
    done.iter().map(|question| question.outcome(single)).collect()
}

proptest! {
    #[test]
    fn acknowledgements_are_settled_as_in_a_naive_model(ops in vec(ack_op(), 1..60)) {
        let mut h: Harness<Server> = Harness::new();
        let mut clients: Vec<WebSocketClient> = Vec::new();
        let mut open: Vec<Question> = Vec::new();
        let (mut clock, mut numbers) = (0, 0);
        for op in ops {
            let count = clients.len();
            let pick = |index: Index| (count > 0).then(|| index.index(count));
            let mut expected = Vec::new();
            let now = h.now;
            let time = |timeout: bool| timeout.then(|| secs(5));
            match op {
                AckOp::Connect => clients.push(h.connect_websocket("/")),
                AckOp::Ask { who, timeout } => if let Some(who) = pick(who) {
                    let id = clients[who].socket;
                    let ack = h.socket(id).emit_with_ack("q", &(), time(timeout), now).unwrap();
                    open.push(Question {
                        ack,
                        number: numbers,
                        alone: true,
                        owing: BTreeSet::from([id]),
                        answers: 0,
                        lost: 0,
                        due: timeout.then_some(clock + 5),
                    });
                    numbers += 1;
                },
                AckOp::AskAll { timeout } => {
                    let all = Selector::all();
                    let ack = h.server.emit_with_ack("/", &all, "q", &(), time(timeout), now);
                    open.push(Question {
                        ack: ack.unwrap(),
                        number: numbers,
                        alone: false,
                        owing: clients.iter().map(|client| client.socket).collect(),
                        answers: 0,
                        lost: 0,
                        due: timeout.then_some(clock + 5),
                    });
                    numbers += 1;
                }
                AckOp::Answer { who, which } => if let (Some(who), 1..) = (pick(who), numbers) {
                    let number = which.index(usize::try_from(numbers).unwrap()) as u64;
                    h.frame(clients[who].ws, format!("43{number}[]"));
                    let question = open.iter_mut().find(|question| question.number == number);
                    if let Some(question) = question {
                        question.answers += usize::from(question.owing.remove(&clients[who].socket));
                    }
                }
                AckOp::Wait => {
                    clock += 3;
                    h.advance(secs(3));
                    let late = |it: &Question| it.due.is_some_and(|due| due <= clock);
                    expected = settle(&mut open, "operation has timed out", late);
                }
                AckOp::Leave(who) => if let Some(who) = pick(who) {
                    let client = clients.remove(who);
                    h.frame(client.ws, "41");
                    for question in &mut open {
                        question.lost += usize::from(question.owing.remove(&client.socket));
                    }
                    let gone = |it: &Question| it.alone && it.owing.is_empty();
                    expected = settle(&mut open, "socket has been disconnected", gone);
                },
            }
            expected.extend(settle(&mut open, "answered", |question| question.owing.is_empty()));
            prop_assert_eq!(outcomes(&mut h), expected.into_iter().collect());
            let owed: usize = open.iter().map(|question| question.owing.len()).sum();
            prop_assert_eq!(h.server.counts().acks, owed);
        }
    }
}

// Namespaces.

#[derive(Clone, Debug)]
enum NamespaceOp {
    Join(&'static str),
    Leave(&'static str),
    Say(&'static str),
    /// The server removes the client.
    Expel(&'static str),
}

fn namespace_op() -> impl Strategy<Value = NamespaceOp> {
    let name = || select(vec!["/", "/admin", "/nowhere"]);
    prop_oneof![
        name().prop_map(NamespaceOp::Join),
        name().prop_map(NamespaceOp::Leave),
        name().prop_map(NamespaceOp::Say),
        name().prop_map(NamespaceOp::Expel),
    ]
}

proptest! {
    #[test]
    fn namespaces_are_joined_and_left_as_in_a_naive_model(ops in vec(namespace_op(), 1..60)) {
        let mut h: Harness<Server> = Harness::new();
        let mut ws = h.open_websocket();
        let (mut joined, mut left) = (BTreeSet::new(), BTreeSet::new());
        for op in ops {
            let mut breaks_a_rule = false;
            match op {
                NamespaceOp::Join(name) => {
                    h.frame(ws, format!("40{name},"));
                    left.remove(name);
                    breaks_a_rule = name != "/nowhere" && !joined.insert(name);
                }
                NamespaceOp::Leave(name) => {
                    h.frame(ws, format!("41{name},"));
                    breaks_a_rule = !joined.remove(name) && !left.contains(name);
                    left.insert(name);
                }
                NamespaceOp::Say(name) => {
                    h.frame(ws, format!("42{name},[\"said\"]"));
                    breaks_a_rule = !joined.contains(name) && !left.contains(name);
                    let told = h.told().iter().any(|event| event.contains("said"));
                    prop_assert_eq!(told, joined.contains(name));
                }
                NamespaceOp::Expel(name) => {
                    let now = h.now;
                    h.server.disconnect(name, &Selector::all(), false, now);
                    h.collect();
                    if joined.remove(name) {
                        left.insert(name);
                    }
                }
            }
            prop_assert_eq!(h.is_open(ws), !breaks_a_rule);
            if breaks_a_rule {
                joined.clear();
                left.clear();
                ws = h.open_websocket();
            }
            for name in ["/", "/admin", "/nowhere"] {
                prop_assert_eq!(h.server.socket_count(name), usize::from(joined.contains(name)));
            }
        }
    }
}

// Recovery.

#[derive(Clone, Debug)]
enum RecoveryOp {
    Emit {
        to: &'static str,
        except: &'static str,
        volatile: bool,
    },
    /// The connection is lost; the client has seen only a part of what was sent on it.
    Lose(Index),
    Return,
}

fn recovery_op() -> impl Strategy<Value = RecoveryOp> {
    let room = || select(vec!["", "in", "out"]);
    let emit = (room(), room(), any::<bool>());
    prop_oneof![
        6 => emit.prop_map(|(to, except, volatile)| RecoveryOp::Emit { to, except, volatile }),
        1 => any::<Index>().prop_map(RecoveryOp::Lose),
        2 => Just(RecoveryOp::Return),
    ]
}

/// The name and the offset of an event, as the client gets it.
fn parts(packet: &str) -> (String, Option<String>) {
    let mut parts = packet.split('"').skip(1).step_by(2).map(str::to_owned);
    (parts.next().unwrap_or_default(), parts.next())
}

/// Joins with this claim; returns the id, the key and what was sent before and after them.
fn enter(h: &mut Harness<Server>, claim: &str) -> (WsId, String, String, Vec<String>) {
    let ws = h.open_websocket();
    h.frame(ws, format!("40{claim}"));
    let mut received = h.received(ws);
    let welcome = received.iter().position(|packet| packet.starts_with("40")).expect("let in");
    let welcome = received.remove(welcome);
    let text = |place: usize| welcome.split('"').nth(place).expect("an id and a key").to_owned();
    (ws, text(3), text(7), received)
}

proptest! {
    #[test]
    fn what_was_missed_is_what_a_naive_model_says(ops in vec(recovery_op(), 1..60)) {
        let mut h = Harness::<Server>::with(|config| {
            config.recovery = Some(RecoveryConfig::default());
        });
        let (ws, mut sid, mut pid, _) = enter(&mut h, "");
        let mut ws = Some(ws);
        // All that the client should see, and what it has seen, since its socket is a new one.
        let (mut sent, mut seen): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        let mut offset = None;
        let mut number = 0;
        let id = h.server.find(&sid).expect("it is there");
        h.socket(id).join("in");
        for op in ops {
            match op {
                RecoveryOp::Emit { to, except, volatile } => {
                    let mut selector = Selector::all();
                    if !to.is_empty() {
                        selector = selector.to(to);
                    }
                    if !except.is_empty() {
                        selector = selector.except(except);
                    }
                    number += 1;
                    let name = format!("e{number}");
                    let options = EmitOptions::default().volatile(volatile);
                    h.server.emit("/", &selector, &name, &(), options).unwrap();
                    if to != "out" && except != "in" && !volatile {
                        sent.push(name);
                    }
                }
                RecoveryOp::Lose(how_much) => if let Some(ws) = ws.take() {
                    let got = h.received(ws);
                    let upto = how_much.index(got.len() + 1);
                    for packet in &got[..upto] {
                        let (name, mark) = parts(packet);
                        if mark.is_some() {
                            seen.push(name);
                            offset = mark;
                        }
                    }
                    prop_assert!(sent.starts_with(&seen));
                    h.closed(ws, CloseCause::Error);
                },
                RecoveryOp::Return => if ws.is_none() {
                    let claim = offset.as_ref().map_or_else(String::new, |offset| {
                        format!("{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}")
                    });
                    let (new, new_sid, new_pid, missed) = enter(&mut h, &claim);
                    ws = Some(new);
                    let missed: Vec<_> = missed.iter().map(|packet| parts(packet)).collect();
                    if offset.is_some() {
                        prop_assert_eq!((&new_sid, &new_pid), (&sid, &pid));
                        for (name, mark) in missed {
                            seen.push(name);
                            offset = mark;
                        }
                        prop_assert_eq!(&seen, &sent);
                    } else {
                        prop_assert!(new_sid != sid && missed.is_empty());
                        (sid, pid) = (new_sid, new_pid);
                        (sent, seen) = (Vec::new(), Vec::new());
                        let id = h.server.find(&sid).expect("it is there");
                        h.socket(id).join("in");
                    }
                },
            }
            h.collect();
        }
    }
}
