//! What is done to many sockets at once, and asked of them.

mod common;

use common::{Harness, WebSocketClient, secs};
use sockeye_core::engineio::Transport;
use sockeye_core::{
    AckId, CloseCause, Counts, EmitOptions, EncodeError, Event, NamespaceConfig, Selector, Server,
};

fn all() -> Selector {
    Selector::all()
}

fn clients(count: usize) -> (Harness<Server>, Vec<WebSocketClient>) {
    let mut h = Harness::new();
    let clients = (0..count).map(|_| h.connect_websocket("/")).collect();
    h.events();
    (h, clients)
}

/// Asks those who are meant in `/`, with 10 s to answer; returns the id that the packet has.
fn ask(h: &mut Harness<Server>, selector: &Selector) -> AckId {
    let now = h.now;
    h.server
        .emit_with_ack("/", selector, "ask", &1, Some(secs(10)), now)
        .expect("an event that can be sent")
}

/// Answers the question that a client was asked.
fn answer(h: &mut Harness<Server>, client: &WebSocketClient, value: &str) {
    let id = asked(h, client);
    h.frame(client.ws, format!("43{id}[{value}]"));
}

fn asked(h: &mut Harness<Server>, client: &WebSocketClient) -> String {
    let packet = h.received(client.ws).pop().expect("a question");
    let id = packet.strip_prefix("42").and_then(|rest| rest.split_once('['));
    assert_eq!(id.map(|(_, rest)| rest), Some("\"ask\",1]"));
    id.map(|(id, _)| id.to_owned()).expect("checked above")
}

// Questions to many.

#[test]
fn a_broadcast_with_ack_is_one_packet_and_one_event() {
    let (mut h, clients) = clients(3);

    let ack = ask(&mut h, &all());
    assert_eq!(h.server.counts().acks, 3);
    answer(&mut h, &clients[2], "\"two\"");
    answer(&mut h, &clients[0], "0,\"more\"");
    assert!(h.told().is_empty());
    answer(&mut h, &clients[1], "");

    let events = h.events();
    let [Event::BroadcastAcked { ack: of, answers, disconnected: 0, timed_out: 0 }] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(*of, ack);
    let who: Vec<_> = answers.iter().map(|(socket, _)| *socket).collect();
    assert_eq!(who, [clients[2].socket, clients[0].socket, clients[1].socket]);
    assert_eq!(answers[0].1.get::<String>(0).unwrap(), "two");
    assert_eq!(answers[1].1.len(), 2);
    assert!(answers[2].1.is_empty());
    assert_eq!(h.server.counts().acks, 0);
    let counts = h.server.counts();
    let timers = (counts.engine.timers, counts.timers);
    assert_eq!(timers, (3, 0), "the heartbeats alone; the deadline is cleared");
}

#[test]
fn an_answer_may_be_binary() {
    let (mut h, clients) = clients(1);
    ask(&mut h, &all());
    let id = asked(&mut h, &clients[0]);

    h.frame(clients[0].ws, format!("461-{id}[{{\"_placeholder\":true,\"num\":0}}]"));
    h.binary(clients[0].ws, vec![7]);

    let told = h.told();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("<07>"), "{told:?}");
}

#[test]
fn a_socket_that_leaves_before_its_ack_counts_as_disconnected() {
    let (mut h, clients) = clients(3);
    ask(&mut h, &all());

    answer(&mut h, &clients[0], "0");
    h.closed(clients[1].ws, CloseCause::Error);
    assert_eq!(h.told(), ["#2 disconnected: transport error"]);
    h.frame(clients[2].ws, "41");

    assert_eq!(
        h.told(),
        ["gathered [\"#1[0]\"], 2 lost, 0 late", "#3 disconnected: client namespace disconnect"]
    );
}

#[test]
fn a_socket_that_does_not_ack_in_time_counts_as_timed_out() {
    let (mut h, clients) = clients(3);
    ask(&mut h, &all());
    answer(&mut h, &clients[1], "1");
    h.closed(clients[2].ws, CloseCause::Error);
    h.told();

    h.advance(secs(9));
    assert!(h.told().is_empty());
    h.advance(secs(1));

    assert_eq!(h.told(), ["gathered [\"#2[1]\"], 1 lost, 1 late"]);
    assert_eq!(h.server.counts().acks, 0);
    answer(&mut h, &clients[0], "\"too late\"");
    assert!(h.told().is_empty());
    assert!(h.is_open(clients[0].ws), "that is no fault");
}

#[test]
fn a_broadcast_that_times_out_leaves_others_pending() {
    let (mut h, clients) = clients(3);
    let now = h.now;
    let first = asked_of(&mut h, &clients[0], 20);
    ask(&mut h, &all().except_socket(clients[2].socket));
    h.server.emit_with_ack("/", &all(), "ask", &1, Some(secs(20)), now).unwrap();
    let later = clients.iter().map(|client| asked(&mut h, client)).collect::<Vec<_>>();

    h.advance(secs(10));

    assert_eq!(h.told(), ["gathered [], 0 lost, 2 late"]);
    assert_eq!(h.server.counts().acks, 20 + 3);
    for (client, id) in clients.iter().zip(later) {
        h.frame(client.ws, format!("43{id}[\"in time\"]"));
    }
    h.frame(clients[0].ws, format!("43{first}[\"in time\"]"));
    let answers = r##"["#1[\"in time\"]", "#2[\"in time\"]", "#3[\"in time\"]"]"##;
    assert_eq!(
        h.told(),
        [&*format!("gathered {answers}, 0 lost, 0 late"), "#1 acked [\"in time\"]"]
    );
}

#[test]
fn a_cancelled_broadcast_is_not_waited_for() {
    let (mut h, clients) = clients(3);
    let timers = h.server.counts().timers;
    let ack = ask(&mut h, &all());
    answer(&mut h, &clients[1], "1");

    h.socket(clients[0].socket).cancel_ack(ack);
    assert_eq!(h.server.counts().acks, 2, "one part of a broadcast is not cancelled alone");
    h.server.cancel_broadcast_acks(ack);
    h.server.cancel_broadcast_acks(ack);

    assert_eq!((h.server.counts().acks, h.server.counts().timers), (0, timers));
    answer(&mut h, &clients[0], "\"nobody takes it\"");
    h.advance(secs(10));
    assert!(h.told().is_empty());
    assert!(h.is_open(clients[0].ws), "that is no fault");
}

/// Asks one client this often, without a deadline; returns the id of the last question.
fn asked_of(h: &mut Harness<Server>, client: &WebSocketClient, times: usize) -> String {
    for _ in 0..times {
        let now = h.now;
        h.socket(client.socket).emit_with_ack("ask", &1, None, now).expect("it can be asked");
    }
    asked(h, client)
}

#[test]
fn a_broadcast_with_ack_to_no_socket_completes_at_once() {
    let (mut h, _) = clients(1);
    let now = h.now;

    ask(&mut h, &all().to("nobody"));
    h.server.emit_with_ack("/nowhere", &all(), "ask", &1, None, now).unwrap();

    let nothing = "gathered [], 0 lost, 0 late";
    assert_eq!(h.told(), [nothing, nothing]);
    assert_eq!((h.server.counts().acks, h.server.counts().timers), (0, 0));
}

#[test]
fn duplicate_and_foreign_acks_do_not_count() {
    let (mut h, clients) = clients(3);
    ask(&mut h, &all().except_socket(clients[2].socket));
    let id = asked(&mut h, &clients[0]);

    h.frame(clients[0].ws, format!("43{id}[1]"));
    h.frame(clients[0].ws, format!("43{id}[2]"));
    h.frame(clients[2].ws, format!("43{id}[3]"));
    h.frame(clients[2].ws, "4399[3]");
    assert!(h.told().is_empty());
    answer(&mut h, &clients[1], "4");

    assert_eq!(h.told(), ["gathered [\"#1[1]\", \"#2[4]\"], 0 lost, 0 late"]);
    assert!(h.is_open(clients[0].ws) && h.is_open(clients[2].ws));
}

#[test]
fn an_ack_in_another_namespace_does_not_count() {
    let (mut h, clients) = clients(1);
    h.join(clients[0].ws, "/admin");
    h.events();
    ask(&mut h, &all());
    let id = asked(&mut h, &clients[0]);

    h.frame(clients[0].ws, format!("43/admin,{id}[1]"));
    assert!(h.told().is_empty());
    h.frame(clients[0].ws, format!("43{id}[2]"));

    assert_eq!(h.told(), ["gathered [\"#1[2]\"], 0 lost, 0 late"]);
}

#[test]
fn a_broadcast_without_a_timeout_waits_for_all_acks() {
    let (mut h, clients) = clients(2);
    let now = h.now;
    h.server.emit_with_ack("/", &all(), "ask", &1, None, now).unwrap();
    answer(&mut h, &clients[0], "0");
    for _ in 0..20 {
        h.advance(secs(25));
        clients.iter().for_each(|client| h.frame(client.ws, "3"));
    }
    assert!(h.told().is_empty());

    h.closed(clients[1].ws, CloseCause::Peer);

    assert_eq!(
        h.told(),
        ["gathered [\"#1[0]\"], 1 lost, 0 late", "#2 disconnected: transport close"]
    );
}

#[test]
fn acks_of_broadcasts_and_of_single_sockets_do_not_mix() {
    let (mut h, clients) = clients(1);
    let now = h.now;
    let socket = clients[0].socket;
    h.socket(socket).emit_with_ack("ask", &1, None, now).unwrap();
    let one = asked(&mut h, &clients[0]);
    ask(&mut h, &all());
    let many = asked(&mut h, &clients[0]);
    assert_ne!(one, many);

    h.frame(clients[0].ws, format!("43{many}[\"many\"]"));
    h.frame(clients[0].ws, format!("43{one}[\"one\"]"));

    assert_eq!(h.told(), ["gathered [\"#1[\\\"many\\\"]\"], 0 lost, 0 late", "#1 acked [\"one\"]"]);
}

#[test]
fn a_broadcast_that_can_not_be_encoded_asks_no_socket() {
    let (mut h, clients) = clients(1);
    let now = h.now;

    let result = h.server.emit_with_ack("/", &all(), "disconnect", &(), Some(secs(1)), now);

    assert!(matches!(result, Err(EncodeError::Reserved)));
    assert!(h.received(clients[0].ws).is_empty());
    assert_eq!((h.server.counts().acks, h.server.counts().timers), (0, 0));
    assert!(h.told().is_empty());
}

#[test]
fn a_socket_that_overflows_by_the_broadcast_counts_as_disconnected() {
    let mut h = Harness::<Server>::with(|config| config.engine.max_buffered = 500);
    let client = h.connect_websocket("/");
    h.stall(client.ws);
    h.emit(client.socket, "in flight", &());
    h.emit(client.socket, "waits", &"x".repeat(70));
    h.events();

    ask(&mut h, &all());
    ask(&mut h, &all());

    let told = h.told();
    assert_eq!(h.server.counts(), Counts::default());
    assert_eq!(told.iter().filter(|event| event.starts_with("gathered [], ")).count(), 2);
    assert!(told.contains(&"#1 disconnected: transport error".to_owned()), "{told:?}");
}

// Joining, leaving, disconnecting.

#[test]
fn many_sockets_join_and_leave_at_once() {
    let (mut h, clients) = clients(3);
    let first = clients[0].id.as_str();

    h.server.join("/", &all(), &["a", "b"]);
    h.server.join("/", &all().to(first), &["c"]);
    h.server.leave("/", &all().except(first), &["b".to_owned(), "never joined".to_owned()]);
    h.server.join("/nowhere", &all(), &["d"]);
    h.server.join("/", &all().to("nobody"), &["e"]);

    let rooms = h.server.rooms("/");
    let rooms: Vec<_> = rooms.iter().map(|(name, size)| (&**name, *size)).collect();
    assert_eq!(rooms, [("a", 3), ("b", 1), ("c", 1)]);
    assert_eq!(h.server.select("/", &all().to("b")), [clients[0].socket]);
    assert!(h.server.rooms("/admin").is_empty());
    assert!(h.server.rooms("/nowhere").is_empty());
}

#[test]
fn many_sockets_are_removed_and_their_connections_stay() {
    let (mut h, clients) = clients(3);
    h.server.join("/", &all().except_socket(clients[0].socket), &["a"]);
    let now = h.now;

    h.server.disconnect("/", &all().to("a"), false, now);

    let reason = "server namespace disconnect, was in a";
    assert_eq!(
        h.told(),
        [format!("#2 disconnected: {reason}"), format!("#3 disconnected: {reason}")]
    );
    for client in &clients[1..] {
        assert_eq!(h.received(client.ws), ["41"]);
        assert!(h.is_open(client.ws));
    }
    assert!(h.received(clients[0].ws).is_empty());
    assert!(h.server.rooms("/").is_empty());
    h.join(clients[1].ws, "/");
}

#[test]
fn many_connections_are_closed_with_all_their_namespaces() {
    let (mut h, clients) = clients(2);
    h.join(clients[0].ws, "/admin");
    h.events();
    let now = h.now;

    h.server.disconnect("/", &all(), true, now);

    assert_eq!(h.received(clients[0].ws), ["41", "41/admin,"]);
    assert_eq!(h.received(clients[1].ws), ["41"]);
    assert_eq!(h.told().len(), 3);
    assert!(!h.is_open(clients[0].ws) && !h.is_open(clients[1].ws));
    assert_eq!(h.server.counts(), Counts::default());
}

// The connection of a socket.

#[test]
fn upgraded_is_reported_for_every_socket_of_a_connection() {
    let mut h = Harness::<Server>::new();
    let client = h.connect_polling("/");
    let req = h.post(&client.sid, "40/admin,\x1e40/secret,");
    assert_eq!(h.answer(req), "200 ok");
    h.events();
    assert_eq!(h.socket(client.socket).transport(), Some(Transport::Polling));

    let ws = h.upgrade(&client.sid);
    h.frame(ws, "2probe");
    assert!(h.told().is_empty());
    h.frame(ws, "5");

    assert_eq!(h.told(), ["#1 upgraded", "#2 upgraded"], "not the one that is still asking");
    assert_eq!(h.socket(client.socket).transport(), Some(Transport::WebSocket));
}

#[test]
fn close_looks_like_a_lost_connection() {
    let mut h = Harness::<Server>::new();
    let client = h.connect_websocket("/");
    let (admin, _) = h.join(client.ws, "/admin");
    h.events();
    let now = h.now;

    h.emit(client.socket, "last", &());
    h.socket(admin).close(now);

    assert_eq!(h.received(client.ws), ["42[\"last\"]"]);
    assert!(!h.is_open(client.ws));
    assert_eq!(h.told(), ["#1 disconnected: forced close", "#2 disconnected: forced close"]);
    let client = h.connect_polling("/");
    h.events();
    let get = h.get(&client.sid);
    h.socket(client.socket).close(now);
    assert_eq!(h.answer(get), "200 1");
    assert_eq!(h.told(), ["#3 disconnected: forced close"]);
    assert_eq!(h.server.counts(), Counts::default());
}

#[test]
fn a_server_may_emit_without_clients() {
    let mut h = Harness::<Server>::with(|config| {
        config.namespaces.push(NamespaceConfig::new("/empty"));
    });

    h.server.emit("/empty", &all(), "e", &(), EmitOptions::default()).unwrap();
    h.server.emit("/nowhere", &all(), "e", &(), EmitOptions::default()).unwrap();

    assert!(h.told().is_empty());
}
