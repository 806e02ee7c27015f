//! Acknowledgements in both directions.

mod common;

use common::{Harness, WebSocketClient, secs};
use sockeye_core::{AckId, CloseCause, EmitError, EncodeError, Event, RespondError, Server};

fn connected() -> (Harness<Server>, WebSocketClient) {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    (h, client)
}

fn ask(h: &mut Harness<Server>, client: &WebSocketClient, timeout: Option<u64>) -> AckId {
    let now = h.now;
    h.socket(client.socket).emit_with_ack("q", &1, timeout.map(secs), now).expect("it can be asked")
}

// What clients want acknowledged.

#[test]
fn an_event_is_acknowledged_with_its_own_id() {
    let (mut h, client) = connected();
    for (id, data, reply) in [("0", "a", r#"430["a"]"#), ("007", "b", r#"437["b"]"#)] {
        h.frame(client.ws, format!("42{id}[\"q\"]"));
        let (socket, _, _, ack) = h.arrived();

        h.socket(socket).ack(ack.unwrap(), data).unwrap();

        assert_eq!(h.received(client.ws), [reply]);
    }
}

#[test]
fn an_ack_carries_the_largest_id_that_javascript_knows() {
    let (mut h, client) = connected();
    h.frame(client.ws, "429007199254740991[\"q\"]");
    let (socket, _, _, ack) = h.arrived();

    h.socket(socket).ack(ack.unwrap(), &()).unwrap();

    assert_eq!(h.received(client.ws), ["439007199254740991[]"]);
}

#[test]
fn an_ack_takes_its_arguments_like_an_event() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/admin");
    let mut reply = |data: &dyn Fn(&mut Harness<Server>, sockeye_core::Responder)| {
        h.frame(client.ws, "42/admin,1[\"q\"]");
        let (_, _, _, ack) = h.arrived();
        data(&mut h, ack.unwrap());
        h.received(client.ws)
    };

    let socket = client.socket;
    let replies = reply(&|h, ack| h.socket(socket).ack(ack, &()).map(drop).unwrap());
    assert_eq!(replies, ["43/admin,1[]"]);
    let replies = reply(&|h, ack| h.socket(socket).ack(ack, &(1, "two")).map(drop).unwrap());
    assert_eq!(replies, [r#"43/admin,1[1,"two"]"#]);
    let replies = reply(&|h, ack| h.socket(socket).ack(ack, &vec![1]).map(drop).unwrap());
    assert_eq!(replies, ["43/admin,1[[1]]"]);
    let replies = reply(&|h, ack| h.socket(socket).ack(ack, &(1,)).map(drop).unwrap());
    assert_eq!(replies, ["43/admin,1[1]"]);
    let bytes = serde_bytes::Bytes::new(&[7]);
    let replies = reply(&|h, ack| h.socket(socket).ack(ack, &("b", bytes)).map(drop).unwrap());
    assert_eq!(replies, [r#"461-/admin,1["b",{"_placeholder":true,"num":0}]"#, "<07>"]);
}

#[test]
fn acks_may_be_given_later_and_in_any_order() {
    let (mut h, client) = connected();
    h.frame(client.ws, "421[\"q\"]");
    let (_, _, _, first) = h.arrived();
    h.frame(client.ws, "422[\"q\"]");
    let (_, _, _, second) = h.arrived();
    h.advance(secs(1));

    h.socket(client.socket).ack(second.unwrap(), "b").unwrap();
    h.socket(client.socket).ack(first.unwrap(), "a").unwrap();

    assert_eq!(h.received(client.ws), [r#"432["b"]"#, r#"431["a"]"#]);
}

#[test]
fn an_answer_is_refused_on_any_other_socket_than_that_of_the_event() {
    let (mut h, client) = connected();
    let other = h.connect_websocket("/");
    let (elsewhere, _) = h.join(client.ws, "/admin");
    h.events();
    let mut question = || {
        h.frame(client.ws, "427[\"q\"]");
        h.arrived().3.unwrap()
    };
    let questions = [question(), question()];

    for (socket, responder) in [other.socket, elsewhere].into_iter().zip(questions) {
        let refused = h.socket(socket).ack(responder, &1).unwrap_err();
        assert!(matches!(refused, RespondError::OtherSocket), "{refused:?}");
    }

    assert!(h.received(other.ws).is_empty() && h.received(client.ws).is_empty());
    h.frame(client.ws, "428[\"q\"]");
    let responder = h.arrived().3.unwrap();
    h.socket(client.socket).ack(responder, &1).unwrap();
    assert_eq!(h.received(client.ws), ["438[1]"]);
}

#[test]
fn an_event_without_an_id_wants_no_ack() {
    let (mut h, client) = connected();
    h.frame(client.ws, "42[\"q\"]");
    assert!(h.arrived().3.is_none());
}

// What clients owe.

#[test]
fn an_ack_is_reported_once() {
    let (mut h, client) = connected();
    let asked = ask(&mut h, &client, None);
    assert_eq!(h.received(client.ws), [r#"420["q",1]"#]);
    assert_eq!(h.server.counts().acks, 1);

    h.frame(client.ws, "430[\"yes\",2]");

    match &h.events()[..] {
        [Event::Acked { socket, ack, result: Ok(args) }] => {
            assert_eq!((*socket, *ack), (client.socket, asked));
            assert_eq!(args.parse::<(String, u8)>().unwrap(), ("yes".to_owned(), 2));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(h.server.counts().acks, 0);
}

#[test]
fn an_ack_may_be_empty_or_binary() {
    let (mut h, client) = connected();
    ask(&mut h, &client, None);
    ask(&mut h, &client, None);

    h.frame(client.ws, "430[]");
    h.frame(client.ws, "461-1[{\"_placeholder\":true,\"num\":0}]");
    h.binary(client.ws, vec![1, 2]);

    assert_eq!(h.told(), ["#1 acked []", r#"#1 acked [{"_placeholder":true,"num":0}]<01 02>"#]);
}

#[test]
fn an_unexpected_ack_is_ignored() {
    let (mut h, client) = connected();
    ask(&mut h, &client, None);

    for answer in ["431[]", "439007199254740991[]", "430[1]", "430[2]"] {
        h.frame(client.ws, answer);
    }

    assert_eq!(h.told(), ["#1 acked [1]"], "the first answer counts");
    assert!(h.is_open(client.ws));
}

#[test]
fn an_ack_without_id_or_data_ends_the_connection() {
    for packet in ["3", "31", "3[\"a\"]", "3[]", "31{}", "31\"x\"", "31null", "31 []"] {
        let (mut h, client) = connected();

        h.frame(client.ws, format!("4{packet}"));

        assert_eq!(h.told(), ["#1 disconnected: forced close"], "{packet}");
    }
}

#[test]
fn a_socket_can_not_ack_for_another_one() {
    let mut h = Harness::new();
    let asked = h.connect_websocket("/");
    let other = h.connect_websocket("/");
    let (elsewhere, _) = h.join(asked.ws, "/admin");
    ask(&mut h, &asked, None);

    h.frame(other.ws, "430[\"wrong\"]");
    h.frame(asked.ws, "43/admin,0[\"wrong\"]");
    assert_eq!(h.told().len(), 0);
    h.frame(asked.ws, "430[\"right\"]");

    assert_eq!(h.told(), ["#1 acked [\"right\"]"]);
    assert!(h.server.socket(elsewhere).is_some());
}

#[test]
fn an_unanswered_ack_times_out() {
    let (mut h, client) = connected();
    ask(&mut h, &client, Some(5));

    h.advance(secs(4));
    assert_eq!(h.told().len(), 0);
    h.advance(secs(1));
    assert_eq!(h.told(), ["#1 not acked: operation has timed out"]);
    h.frame(client.ws, "430[\"late\"]");

    assert_eq!(h.told().len(), 0);
    assert!(h.is_open(client.ws));
}

#[test]
fn an_ack_in_time_clears_its_deadline() {
    let (mut h, client) = connected();
    ask(&mut h, &client, Some(5));
    let timers = h.server.counts().timers;

    h.frame(client.ws, "430[]");
    h.advance(secs(10));

    assert_eq!(h.told(), ["#1 acked []"]);
    assert_eq!(h.server.counts().timers, timers - 1);
}

#[test]
fn a_cancelled_ack_is_not_waited_for() {
    let (mut h, client) = connected();
    let counts = h.server.counts();
    let ack = ask(&mut h, &client, Some(5));
    let other = ask(&mut h, &client, None);

    h.socket(client.socket).cancel_ack(ack);
    h.socket(client.socket).cancel_ack(ack);

    assert_eq!(h.server.counts().acks, 1);
    assert_eq!(h.server.counts().timers, counts.timers);
    assert_eq!(h.socket(client.socket).pending_acks(), 1);
    assert!(h.socket(client.socket).is_ack_pending(other));
    h.frame(client.ws, "430[\"nobody takes it\"]");
    h.frame(client.ws, "431[\"taken\"]");
    assert_eq!(h.told(), ["#1 acked [\"taken\"]"]);
}

#[test]
fn simultaneous_timeouts_come_in_the_order_of_the_emits() {
    let mut h = Harness::new();
    let clients: Vec<_> = (0..3).map(|_| h.connect_websocket("/")).collect();
    for client in clients.iter().rev() {
        ask(&mut h, client, Some(5));
    }

    h.advance(secs(5));

    let timed_out = |n| format!("#{n} not acked: operation has timed out");
    assert_eq!(h.told(), [timed_out(3), timed_out(2), timed_out(1)]);
}

#[test]
fn an_ack_timeout_may_be_zero_or_huge() {
    let (mut h, client) = connected();
    let now = h.now;

    h.socket(client.socket).emit_with_ack("q", &1, Some(secs(0)), now).unwrap();
    h.socket(client.socket).emit_with_ack("q", &1, Some(std::time::Duration::MAX), now).unwrap();
    h.advance(secs(0));

    assert_eq!(h.told(), ["#1 not acked: operation has timed out"]);
}

#[test]
fn the_end_of_a_socket_fails_its_pending_acks() {
    type End = fn(&mut Harness<Server>, &WebSocketClient);
    let ends: [(End, &str); 3] = [
        (|h, c| h.closed(c.ws, CloseCause::Peer), "transport close"),
        (|h, c| h.frame(c.ws, "41"), "client namespace disconnect"),
        (
            |h, c| {
                let now = h.now;
                h.socket(c.socket).disconnect(false, now);
            },
            "server namespace disconnect",
        ),
    ];
    for (end, reason) in ends {
        let (mut h, client) = connected();
        ask(&mut h, &client, Some(5));
        ask(&mut h, &client, None);

        end(&mut h, &client);
        h.advance(secs(10));

        assert_eq!(
            h.told(),
            [
                "#1 not acked: socket has been disconnected".to_owned(),
                "#1 not acked: socket has been disconnected".to_owned(),
                format!("#1 disconnected: {reason}"),
            ]
        );
    }
}

#[test]
fn an_event_that_cannot_be_encoded_has_no_pending_ack() {
    let (mut h, client) = connected();
    let now = h.now;

    let result = h.socket(client.socket).emit_with_ack("connect", &1, Some(secs(1)), now);

    assert!(matches!(result, Err(EmitError::Encode(EncodeError::Reserved))));
    assert_eq!(h.server.counts().acks, 0);
    h.advance(secs(10));
    assert_eq!(h.told().len(), 0);
}

#[test]
fn ack_ids_are_unique() {
    let mut h = Harness::new();
    let first = h.connect_websocket("/");
    let second = h.connect_websocket("/");

    let ids = [ask(&mut h, &first, None), ask(&mut h, &second, None), ask(&mut h, &first, None)];

    assert!(ids[0] < ids[1] && ids[1] < ids[2]);
    assert_eq!(h.received(first.ws), [r#"420["q",1]"#, r#"422["q",1]"#]);
    assert_eq!(h.received(second.ws), [r#"421["q",1]"#]);
}
