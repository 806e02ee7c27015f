//! What clients that come back may get: what they would have got had they stayed, and no more.

mod common;
mod recovery_support;

use common::Harness;
use proptest::prelude::*;
use recovery_support::{ask, back, connect, connect_to, is_new, names, offset, returns, server};
use sockeye_core::{CloseCause, EmitOptions, Selector, Server};

fn all() -> Selector {
    Selector::all()
}

/// The number in an offset, and what stands before all of them.
fn parts(offset: &str) -> (&str, u64) {
    let (life, number) = offset.split_at(6);
    (life, u64::from_str_radix(number, 16).expect("a number"))
}

fn leave(h: &mut Harness<Server>, client: &recovery_support::Client) {
    h.closed(client.ws, CloseCause::Error);
    assert_eq!(returns(h), [true]);
}

#[test]
fn an_offset_from_before_the_connection_gives_no_earlier_packets() {
    let mut h = server();
    let first = connect(&mut h);
    let seen = offset(&mut h, &first);
    let (life, _) = parts(&seen);
    h.emit_to(&all(), "before");
    let client = connect(&mut h);
    h.emit_to(&all(), "after");
    leave(&mut h, &client);
    h.emit_to(&all(), "while away");

    let (_, received) = ask(&mut h, &back(&client.pid, &format!("{life}0")));

    assert_eq!(names(&received), ["after", "while away", "sid"]);
    assert!(received[2].contains(&client.id));
}

#[test]
fn an_offset_of_an_earlier_connection_counts_from_the_current_one() {
    let mut h = recovery_support::server_with(|config| config.max_bytes = 5_000);
    let first = connect(&mut h);
    let seen = offset(&mut h, &first);
    for _ in 0..100 {
        h.emit_to(&all(), "so that the first one is not kept any more");
    }
    // The official client keeps its offset when it becomes another socket.
    let client = connect(&mut h);
    h.emit_to(&all(), "after");
    leave(&mut h, &client);

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(names(&received), ["after", "sid"]);
    assert!(received[1].contains(&client.id));
}

#[test]
fn a_client_recovered_twice_keeps_its_rights() {
    let mut h = server();
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    h.emit_to(&all(), "first");
    leave(&mut h, &client);
    let (ws, _) = ask(&mut h, &back(&client.pid, &seen));
    h.closed(ws, CloseCause::Error);
    h.told();

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(names(&received), ["first", "sid"], "what was sent may not have arrived");
}

/// An offset with a letter in it.
fn tenth(h: &mut Harness<Server>, client: &recovery_support::Client) -> String {
    (0..9).for_each(|_| drop(offset(h, client)));
    offset(h, client)
}

#[test]
fn offsets_have_one_canonical_form() {
    for spelling in ["+N", "0N", "00N", " N", "N ", "0xN", "-N", "N\\u0000", "N.0", "N_"] {
        let mut h = server();
        let client = connect(&mut h);
        let seen = tenth(&mut h, &client);
        let (life, number) = seen.split_at(6);
        assert_eq!(number, "a");
        leave(&mut h, &client);
        let offset = format!("{life}{}", spelling.replace('N', number));
        is_new(&mut h, &back(&client.pid, &offset), &client);
    }
    let mut h = server();
    let client = connect(&mut h);
    let seen = tenth(&mut h, &client);
    leave(&mut h, &client);
    is_new(&mut h, &back(&client.pid, &seen.replace(&seen[6..], "A")), &client);
}

#[test]
fn packets_from_before_a_join_are_not_replayed() {
    let mut h = server();
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    h.emit_to(&all().to("a"), "before");
    h.emit_to(&all().to("a").to("b"), "before, to two");
    h.socket(client.socket).join("a");
    h.emit_to(&all().to("a"), "in it");
    h.socket(client.socket).leave("a");
    h.emit_to(&all().to("a"), "between");
    h.socket(client.socket).join("a");
    h.socket(client.socket).join("a");
    h.emit_to(&all().to("a"), "in it again");
    leave(&mut h, &client);
    h.emit_to(&all().to("a"), "while away");

    let (ws, received) = ask(&mut h, &back(&client.pid, &seen));
    let missed = ["in it", "in it again", "while away", "sid"];
    assert_eq!(names(&received), missed);

    // To come back is not to join: that is still as long ago as it was.
    h.closed(ws, CloseCause::Error);
    let (_, received) = ask(&mut h, &back(&client.pid, &seen));
    assert_eq!(names(&received), missed);
}

#[test]
fn a_client_that_left_too_many_rooms_is_new() {
    for rooms in [32, 33] {
        let mut h = server();
        let client = connect(&mut h);
        let seen = offset(&mut h, &client);
        h.emit_to(&all(), "missed by all");
        // Where nothing is sent meanwhile, there is nothing to remember.
        for _ in 0..100 {
            h.socket(client.socket).join("idle");
            h.socket(client.socket).leave("idle");
        }
        for _ in 0..rooms {
            h.socket(client.socket).join("busy");
            h.emit_to(&all().to("busy"), "missed");
            h.socket(client.socket).leave("busy");
        }
        leave(&mut h, &client);
        if rooms == 33 {
            is_new(&mut h, &back(&client.pid, &seen), &client);
        } else {
            let (_, received) = ask(&mut h, &back(&client.pid, &seen));
            assert_eq!(received.len(), 1 + 32 + 1);
        }
    }
}

#[test]
fn a_later_join_does_not_exclude_earlier_packets() {
    let mut h = server();
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    h.emit_to(&all().except("a"), "not in it yet");
    h.socket(client.socket).join("a");
    h.emit_to(&all().except("a"), "not for it");
    leave(&mut h, &client);

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(names(&received), ["not in it yet", "sid"]);
}

#[test]
fn a_room_that_is_called_like_a_socket_gets_nothing_that_is_for_the_socket_alone() {
    let mut h = server();
    let other = connect(&mut h);
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    h.socket(client.socket).join(&other.id);
    h.emit(other.socket, "direct", &());
    h.emit_to(&all().to(other.id.as_str()), "to the room");
    assert_eq!(names(&h.received(other.ws)), ["direct", "to the room"]);
    assert_eq!(names(&h.received(client.ws)), ["to the room"]);
    leave(&mut h, &client);
    leave(&mut h, &other);
    h.emit_to(&all().to(other.id.as_str()), "while away");

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));
    assert_eq!(names(&received), ["to the room", "while away", "sid"]);
    let (_, received) = ask(&mut h, &back(&other.pid, &seen));
    assert_eq!(names(&received), ["direct", "to the room", "while away", "sid"]);
}

#[test]
fn the_sender_is_left_out_by_its_id_and_not_those_in_a_room_of_that_name() {
    let mut h = server();
    let sender = connect(&mut h);
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    h.socket(client.socket).join(&sender.id);
    h.emit_to(&all().except_socket(sender.socket), "to the others");
    h.emit_to(&all().except(sender.id.as_str()), "not to the room");
    assert_eq!(names(&h.received(client.ws)), ["to the others"]);
    leave(&mut h, &client);

    let (_, received) = ask(&mut h, &back(&client.pid, &seen));

    assert_eq!(names(&received), ["to the others", "sid"]);
}

#[test]
fn a_client_takes_over_the_last_socket_of_a_dynamic_namespace() {
    let mut h = Harness::<Server>::with(|config| {
        config.recovery = Some(sockeye_core::RecoveryConfig::default());
        config.dynamic_namespaces = true;
    });
    let (ws, _) = ask(&mut h, "40/dynamic,");
    let socket = h.last_socket();
    h.server.accept(socket);
    let answer = h.received(ws);
    h.told();
    let client = recovery_support::joined(&h, ws, &answer[0]);
    h.server.emit("/dynamic", &all(), "e", &(), EmitOptions::default()).expect("it can be sent");
    let seen = h.received(ws)[0].split('"').nth(3).expect("an offset").to_owned();

    let packet = back(&client.pid, &seen).replacen("40", "40/dynamic,", 1);
    let (again, received) = ask(&mut h, &packet);

    assert!(!h.is_open(ws) && h.is_open(again));
    assert_eq!(recovery_support::joined(&h, again, &received[0]).id, client.id);
}

#[test]
fn a_namespace_that_was_left_by_all_and_joined_anew_has_no_past() {
    let mut h = Harness::<Server>::with(|config| {
        config.recovery = Some(sockeye_core::RecoveryConfig::default());
        config.dynamic_namespaces = true;
    });
    let join = |h: &mut Harness<Server>| {
        let (ws, _) = ask(h, "40/dynamic,");
        let socket = h.last_socket();
        h.server.accept(socket);
        let answer = h.received(ws);
        h.told();
        recovery_support::joined(h, ws, &answer[0])
    };
    let emit = |h: &mut Harness<Server>, name: &str| {
        h.server
            .emit("/dynamic", &all(), name, &(), EmitOptions::default())
            .expect("it can be sent");
    };
    let first = join(&mut h);
    emit(&mut h, "old");
    let seen = h.received(first.ws)[0].split('"').nth(3).expect("an offset").to_owned();
    emit(&mut h, "missed");
    leave(&mut h, &first);
    assert!(h.server.rooms("/dynamic").is_empty());
    emit(&mut h, "while nobody is there");
    let second = join(&mut h);
    emit(&mut h, "new");
    leave(&mut h, &second);

    let packet = |pid: &str| back(pid, &seen).replacen("40", "40/dynamic,", 1);
    let (_, received) = ask(&mut h, &packet(&second.pid));
    assert_eq!(names(&received), ["new", "sid"]);
    let (_, received) = ask(&mut h, &packet(&first.pid));
    assert_eq!(names(&received), ["missed", "while nobody is there", "new", "sid"]);
}

/// Something that is done to the rooms of two clients, or sent.
#[derive(Clone, Debug)]
enum Act {
    Join(usize),
    Leave(usize),
    Emit { to: Vec<usize>, except: Vec<usize>, from_other: bool },
}

const ROOMS: [&str; 3] = ["red", "green", "blue"];

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let rooms = || prop::collection::vec(0..ROOMS.len(), 0..3);
    let emit = (rooms(), rooms(), any::<bool>()).prop_map(|(to, except, from_other)| Act::Emit {
        to,
        except,
        from_other,
    });
    let act = prop_oneof![
        1 => (0..ROOMS.len()).prop_map(Act::Join),
        1 => (0..ROOMS.len()).prop_map(Act::Leave),
        4 => emit,
    ];
    prop::collection::vec(act, 0..40)
}

fn emit(h: &mut Harness<Server>, act: &Act, other: &recovery_support::Client) {
    let Act::Emit { to, except, from_other } = act else { return };
    let mut selector = all();
    to.iter().for_each(|&room| selector = std::mem::take(&mut selector).to(ROOMS[room]));
    except.iter().for_each(|&room| selector = std::mem::take(&mut selector).except(ROOMS[room]));
    if *from_other {
        selector = selector.except_socket(other.socket);
    }
    h.emit_to(&selector, "e");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]

    /// One of two clients that are in the same rooms goes away; when it comes back, it has got
    /// what the other one has got meanwhile.
    #[test]
    fn a_client_that_comes_back_has_got_what_it_would_have_got_had_it_stayed(
        before in acts(),
        meanwhile in acts(),
        forged in 0..100_u64,
    ) {
        let mut h = server();
        let other = connect(&mut h);
        h.emit_to(&all(), "before their time");
        let clients = [connect(&mut h), connect(&mut h)];
        let [client, twin] = &clients;
        h.emit(client.socket, "first", &());
        let first = h.received(client.ws);
        let seen = first[0].split('"').nth(3).expect("an offset");
        h.received(twin.ws);
        for act in &before {
            match act {
                Act::Join(room) => {
                    clients.iter().for_each(|it| h.socket(it.socket).join(ROOMS[*room]));
                }
                Act::Leave(room) => {
                    clients.iter().for_each(|it| h.socket(it.socket).leave(ROOMS[*room]));
                }
                Act::Emit { .. } => emit(&mut h, act, &other),
            }
        }
        let live = h.received(client.ws);
        prop_assert_eq!(&live, &h.received(twin.ws));
        let seen = live.last().and_then(|last| last.split('"').nth(3)).unwrap_or(seen).to_owned();
        leave(&mut h, client);
        for act in &meanwhile {
            emit(&mut h, act, &other);
        }
        let missed = h.received(twin.ws);

        let (ws, mut received) = ask(&mut h, &back(&client.pid, &seen));
        prop_assert!(received.pop().is_some_and(|answer| answer.contains(&client.id)));
        prop_assert_eq!(&received, &missed);

        // Whatever it says that it has seen, there is nothing but what it may have missed.
        h.closed(ws, CloseCause::Error);
        let (life, _) = parts(&seen);
        let (_, mut received) = ask(&mut h, &back(&client.pid, &format!("{life}{forged:x}")));
        let all = first.iter().chain(&live).chain(&missed);
        let number = |packet: &&String| parts(packet.split('"').nth(3).expect("an offset")).1;
        let unseen: Vec<_> = all.filter(|packet| number(packet) > forged).cloned().collect();
        let answer = received.pop().expect("an answer");
        prop_assert!(answer.contains(&client.id) || unseen.is_empty());
        prop_assert_eq!(received, unseen);
    }
}

#[test]
fn the_key_of_another_namespace_gives_nothing_of_either() {
    let mut h = server();
    let admin = connect_to(&mut h, "40/admin,");
    let client = connect(&mut h);
    let seen = offset(&mut h, &client);
    leave(&mut h, &admin);
    h.server.emit("/admin", &all(), "secret", &(), EmitOptions::default()).expect("it can be sent");

    is_new(&mut h, &back(&admin.pid, &seen), &admin);
}
