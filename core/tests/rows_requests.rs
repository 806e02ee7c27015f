//! What clients may do with sessions, requests and packets that no other file has: rows of a list
//! of bad inputs that was gone through one by one; see the page `hostile` of the documentation.

mod common;

use std::net::SocketAddr;

use common::{Harness, secs};
use serde_json::Value;
use sockeye_core::{Input, Output, Request, RequestId, Server};

#[test]
fn a_session_goes_with_its_client_to_another_address() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");
    let target = Harness::<Server>::target("polling", Some(&client.sid));
    for (number, remote) in [(1_001, "192.0.2.1:1"), (1_002, "[2001:db8::1]:2")] {
        h.emit(client.socket, "news", &number);
        let remote: SocketAddr = remote.parse().expect("an address");
        let (method, target, headers) = ("GET", &*target, &[][..]);
        let request = Request { method, target, headers, remote: Some(remote), secure: true };
        h.server.handle(Input::Request { req: RequestId(number), request }, h.now);
        match h.server.poll_output() {
            Some(Output::Respond { response, .. }) => {
                assert_eq!(response.body, format!("42[\"news\",{number}]"));
            }
            other => panic!("no answer: {other:?}"),
        }
    }
}

#[test]
fn a_post_that_arrives_twice_counts_twice() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");
    for _ in 0..2 {
        let post = h.post(&client.sid, r#"42["pay",1]"#);
        assert_eq!(h.answer(post), "200 ok");
    }
    // Nothing in the protocol tells a second event from the same one sent twice.
    assert_eq!(h.told(), ["#1 pay[1]", "#1 pay[1]"]);
}

#[test]
fn a_query_without_measure_is_read_once_and_names_nothing() {
    let mut h: Harness<Server> = Harness::new();
    for query in [
        "&a=b".repeat(10_000),
        format!("&t={}", "x".repeat(1_000_000)),
        format!("&sid{}=1", "%".repeat(100_000)),
        "&&&===&%zz=%ff&+%".to_owned(),
        "&b64=1&j=x".to_owned(),
    ] {
        let target = format!("/socket.io/?EIO=4&transport=polling{query}");
        let req = h.request("GET", &target, &[]);
        assert!(h.answer(req).starts_with("200 0{"), "{query:.40}");
    }
    assert_eq!(h.server.counts().sessions, 5);
}

#[test]
fn an_object_of_very_many_keys_arrives_and_of_equal_ones_the_last_counts() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");
    let keys: Vec<String> = (0..60_000).map(|number| format!("\"{number:05}\":1")).collect();
    h.frame(client.ws, format!("42[\"e\",{{{}}}]", keys.join(",")));
    let (_, _, args, _) = h.arrived();
    let (value,): (Value,) = args.parse().expect("an object");
    assert_eq!(value.as_object().map(serde_json::Map::len), Some(60_000));

    h.frame(client.ws, r#"42["e",{"x":1,"x":2}]"#);
    let (value,): (Value,) = h.arrived().2.parse().expect("an object");
    assert_eq!(value["x"], 2);
}

#[test]
fn what_is_sent_along_may_be_long_but_not_deep() {
    let auth = |value: String| {
        let mut h: Harness<Server> = Harness::new();
        let ws = h.open_websocket();
        h.frame(ws, format!("40{{\"token\":{value}}}"));
        h.told();
        h.is_open(ws)
    };
    assert!(auth(format!("\"{}\"", "x".repeat(900_000))));
    assert!(auth(format!("{}{}", "[".repeat(100), "]".repeat(100))));
    assert!(!auth(format!("{}{}", "[".repeat(500), "]".repeat(500))));
}

#[test]
fn a_second_connect_while_the_first_is_being_decided_ends_the_connection() {
    let mut h: Harness<Server> = Harness::new();
    let ws = h.open_websocket();
    h.frame(ws, "40/secret,");
    h.frame(ws, "40/secret,{\"again\":true}");
    assert!(!h.is_open(ws));
    assert_eq!(h.told(), ["#1 connecting /secret []", "#1 withdrawn"]);
}

#[test]
fn a_clock_that_jumps_by_hours_makes_one_ping_and_one_timeout() {
    let mut h: Harness<Server> = Harness::new();
    let clients: Vec<_> = (0..10).map(|_| h.connect_websocket("/")).collect();
    h.now += secs(10 * 3600);
    h.server.handle_timeout(h.now);
    h.collect();
    for client in &clients {
        assert_eq!(h.received(client.ws), ["2"], "one ping, however many were missed");
    }
    assert!(h.server.poll_timeout().is_some_and(|due| due > h.now), "no busy loop");
    h.now += secs(10 * 3600);
    h.server.handle_timeout(h.now);
    let told = h.told();
    assert_eq!(told.len(), clients.len());
    assert!(told.iter().all(|it| it.ends_with("disconnected: ping timeout")), "{told:?}");
}

#[test]
fn events_that_want_answers_which_nobody_gives_leave_nothing_behind() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_websocket("/");
    let before = h.server.counts();
    for id in 0..20_000 {
        h.frame(client.ws, format!("42{id}[\"e\"]"));
        drop(h.events());
    }
    assert_eq!(h.server.counts(), before);
}
