//! Servers that send too much, too little, or for too long: the memory of a client is bounded.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;

use hostile::{Victim, secs};
use sockeye_core::EmitOptions;
use sockeye_core::client::{Config, Counts, Fault, SocketConfig, TransportFault};
use sockeye_core::engineio::{Encoded, Transport};

#[test]
fn any_number_of_pings_costs_little() {
    let pings = vec!["2"; 100_000].join("\x1e");
    let mut victim = Victim::connected(Transport::Polling);
    victim.say(&pings);
    victim.say(&pings);
    assert!(victim.client.counts().buffered <= 2 * (1 + Encoded::OVERHEAD));
    assert_eq!(victim.told(), Vec::<String>::new());

    let mut victim = Victim::connected(Transport::WebSocket);
    victim.drains = false;
    for _ in 0..100_000 {
        victim.say("2");
    }
    assert!(victim.client.counts().buffered <= 2 * (1 + Encoded::OVERHEAD));
}

#[test]
fn a_server_that_sends_messages_but_no_pings_times_out() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut victim = Victim::connected(transport);
        for _ in 0..4 {
            victim.advance(secs(11));
            victim.say("42[\"a\"]");
        }
        assert_eq!(victim.told(), ["a[]"; 4]);
        victim.advance(secs(1));
        assert_eq!(victim.told(), ["disconnected: ping timeout", "closed: ping timeout"]);
    }
}

#[test]
fn the_events_of_one_response_are_made_as_they_are_taken() {
    let mut victim = Victim::connected(Transport::Polling);
    victim.drains = false;
    let events = vec!["42[0]"; 100_000].join("\x1e");
    let (told, waiting) = victim.answer_slowly(&format!("{events}\x1e2"));
    assert_eq!(told, 100_000);
    assert!(waiting < 1000, "{waiting} outputs at once");
    victim.say("42[\"and\"]");
    assert_eq!(victim.told(), ["and[]"]);
}

#[test]
fn events_are_delivered_in_order_however_late_they_are_taken() {
    let mut victim = Victim::connected(Transport::Polling);
    victim.drains = false;
    let (now, id) = (victim.now, victim.socket);
    let options = EmitOptions::default();
    victim.client.socket(id).unwrap().emit("e", &1, options, now).unwrap();
    victim.collect();
    victim.answer_and_fail(&vec!["42[0]"; 1000].join("\x1e"));
    let told = victim.told();
    assert!(told[..1000].iter().all(|line| line == "0[]"), "all events come");
    assert_eq!(told[1000], "disconnected: transport error");
}

#[test]
fn a_response_or_a_message_may_be_as_large_as_allowed() {
    let text = "x".repeat(1000 - "42[\"a\",\"\"]".len());
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut victim = Victim::with(transport, |config| config.max_incoming = 1000);
        victim.open();
        victim.say("40{\"sid\":\"s\"}");
        victim.told();
        victim.say(&format!("42[\"a\",\"{text}\"]"));
        assert_eq!(victim.told(), [format!("a[\"{text}\"]")]);
    }
}

#[test]
fn a_response_or_a_message_that_is_too_large_ends_the_connection() {
    let change = |config: &mut Config| config.max_incoming = 1000;
    let large = format!("42[\"a\",\"{}\"]", "x".repeat(1000));
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut victim = Victim::with(transport, change);
        victim.open();
        victim.say("40{\"sid\":\"s\"}");
        victim.told();
        victim.say(&large);
        let fault = "closed: transport error: more than 1000 bytes at once";
        assert_eq!(victim.told(), ["disconnected: transport error", fault]);
    }
}

#[test]
fn a_packet_with_more_bytes_than_allowed_ends_the_connection() {
    let change = |config: &mut Config| config.max_packet_bytes = 1000;
    let mut victim = Victim::with(Transport::WebSocket, change);
    victim.open();
    victim.say("40{\"sid\":\"s\"}");
    victim.say("453-[\"a\"]");
    victim.say_binary(&[0; 600]);
    victim.told();
    victim.say_binary(&[0; 600]);
    let fault = "closed: parse error: malformed packet: packet too large";
    assert_eq!(victim.told(), ["disconnected: parse error", fault]);
}

#[test]
fn a_packet_that_is_never_completed_ends_the_connection() {
    let mut victim = Victim::connected(Transport::WebSocket);
    victim.say("452-[\"a\"]");
    victim.say_binary(&[0; 10]);
    for _ in 0..59 {
        victim.advance(secs(1));
        victim.say("2");
    }
    assert_eq!(victim.told(), Vec::<String>::new());
    victim.advance(secs(1));
    assert_eq!(
        victim.told()[..2],
        ["disconnected: parse error", "closed: parse error: a packet is not completed in time"]
    );
}

#[test]
fn an_incomplete_packet_has_no_effect_on_the_next_connection() {
    let mut victim = Victim::connected(Transport::WebSocket);
    victim.say("452-[\"a\"]");
    victim.close();
    victim.advance(secs(2));
    victim.open();
    victim.say("40{\"sid\":\"s\"}");
    victim.told();
    for _ in 0..10 {
        victim.advance(secs(10));
        victim.say("2");
    }
    victim.say("42[\"b\"]");
    assert_eq!(victim.told(), ["b[]"]);
}

#[test]
fn early_events_are_bounded_in_bytes() {
    for (message, least) in
        [("42[\"a\"]".to_owned(), 50), (format!("42[\"{}\"]", "x".repeat(900)), 5)]
    {
        let mut victim =
            Victim::with(Transport::WebSocket, |config| config.max_early_bytes = 10_000);
        victim.open();
        victim.told();
        let mut count = 0;
        while victim.connections() > 0 {
            victim.say(&message);
            count += 1;
            assert!(count < 1000);
        }
        assert!(count > least);
        let fault = "closed: parse error: more than 10000 bytes at once";
        assert_eq!(victim.told(), [fault]);
    }
}

#[test]
fn messages_that_arrive_after_the_close_are_ignored() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut victim = Victim::connected(transport);
        victim.drains = false;
        let now = victim.now;
        victim.client.socket(victim.socket).unwrap().disconnect(now);
        victim.collect();
        victim.told();
        victim.say("42[\"a\"]");
        victim.say("nonsense");
        victim.advance(secs(20));
        assert_eq!(victim.told(), Vec::<String>::new());
        assert!(victim.client.is_idle(), "the session is closed in time");
        let socket = victim.socket;
        victim.client.socket(socket).unwrap().remove(victim.now);
        assert_eq!(victim.client.counts(), Counts::default());
    }
}

#[test]
fn few_connections_are_closing_at_once() {
    let mut victim = Victim::new(Transport::Polling);
    victim.drains = false;
    for _ in 0..50 {
        victim.open();
        let now = victim.now;
        let socket = victim.socket;
        victim.client.socket(socket).unwrap().disconnect(now);
        victim.client.socket(socket).unwrap().connect(now);
        victim.collect();
    }
    let requests = victim.client.counts().requests;
    assert!(requests <= 2 * 5, "{requests}");
}

#[test]
fn only_short_error_messages_of_servers_are_reported() {
    let body = format!("{{\"code\":1,\"message\":\"{}\"}}", "x".repeat(100_000));
    let fault = hostile::status_fault(400, &body);
    let Fault::Transport(TransportFault::Status { code: None, message, .. }) = fault else {
        panic!("{fault}");
    };
    assert_eq!(message, "");
    let fault = hostile::status_fault(400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_eq!(fault.to_string(), "polling: status 400, code 1: Session ID unknown");
}

#[test]
fn retries_of_unsent_events_stay_within_the_buffer_limit() {
    let config = SocketConfig::default().retries(100).ack_timeout(secs(1));
    let change = |config: &mut Config| {
        config.transports = vec![Transport::WebSocket];
        config.max_buffered = 1500;
    };
    let mut victim = Victim::asking(Transport::WebSocket, change, config);
    victim.open();
    victim.say("40{\"sid\":\"s\"}");
    victim.drains = false;
    let (now, id) = (victim.now, victim.socket);
    for _ in 0..2 {
        let mut socket = victim.client.socket(id).unwrap();
        socket.emit("a", &"x".repeat(200), EmitOptions::default(), now).unwrap();
    }
    victim.collect();
    for _ in 0..30 {
        victim.advance(secs(1));
        let buffered = victim.client.counts().buffered;
        assert!(buffered <= 1500, "{buffered}");
    }
}
