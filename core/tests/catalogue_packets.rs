//! What clients and servers may put into packets and headers that no other file has: rows of a
//! list of bad inputs that was gone through one by one; see the page `hostile` of the
//! documentation.

mod common;
mod hostile;
mod recovery_support;

use std::collections::BTreeSet;

use bytes::Bytes;
use common::{Harness, WebSocketClient, secs};
use hostile::Victim;
use sockeye_core::engineio::{Cors, Engine, EngineConfig, Origins, Transport};
use sockeye_core::{CloseCause, NamespaceConfig, Selector, Server, ServerConfig};

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

fn connected() -> (Harness<Server>, WebSocketClient) {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    (h, client)
}

// Packets of Socket.IO.

#[test]
fn numbers_of_very_many_digits_end_the_connection() {
    for digits in [17, 400, 900_000] {
        let number = "9".repeat(digits);
        for packet in
            [format!("42{number}[\"a\"]"), format!("43{number}[]"), format!("45{number}-[\"a\"]")]
        {
            let (mut h, client) = connected();
            h.frame(client.ws, packet);
            assert_eq!(h.told(), ["#1 disconnected: forced close"], "{digits} digits");
        }
    }
}

#[test]
fn an_answer_that_comes_after_the_socket_was_removed_is_ignored() {
    let (mut h, client) = connected();
    let (admin, _) = h.join(client.ws, "/admin");
    let now = h.now;
    h.socket(admin).emit_with_ack("q", &(), Some(secs(5)), now).expect("it can be asked");
    h.socket(admin).disconnect(false, now);
    assert_eq!(
        h.told(),
        [
            "#2 not acked: socket has been disconnected",
            "#2 disconnected: server namespace disconnect"
        ]
    );

    h.frame(client.ws, "43/admin,0[\"late\"]");

    assert_eq!(h.told().len(), 0);
    assert!(h.is_open(client.ws));
}

#[test]
fn an_answer_of_a_client_that_has_left_the_namespace_is_ignored() {
    let (mut h, client) = connected();
    let (admin, _) = h.join(client.ws, "/admin");
    let now = h.now;
    h.socket(admin).emit_with_ack("q", &(), Some(secs(5)), now).expect("it can be asked");
    h.frame(client.ws, "41/admin,");
    h.told();

    h.frame(client.ws, "43/admin,0[\"late\"]");

    assert_eq!(h.told().len(), 0);
    assert!(h.is_open(client.ws));
}

#[test]
fn a_separator_within_text_makes_the_way_over_polling_and_back() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");
    let event = "42[\"e\",\"a\\u001eb\u{2028}</script>\\u0000\"]";

    let post = h.post(&client.sid, event);
    assert_eq!(h.answer(post), "200 ok");
    let (socket, _, args, _) = h.arrived();
    let text: String = args.get(0).expect("text");
    assert_eq!(text, "a\x1eb\u{2028}</script>\0");

    h.emit(socket, "e", &text);
    assert_eq!(h.fetch(&client.sid), event);
    h.emit(socket, "e", &args);
    assert_eq!(h.fetch(&client.sid), event);
}

#[test]
fn a_bare_separator_within_text_cuts_the_packet_and_ends_the_session() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");

    h.post(&client.sid, "42[\"e\",\"a\x1eb\"]");

    assert_eq!(h.told(), ["#1 disconnected: forced close"]);
}

// Binary.

#[test]
fn binary_values_that_never_come_are_waited_for_a_minute_at_most() {
    let (mut h, client) = connected();
    h.frame(client.ws, "4510-[\"e\"]");
    for _ in 0..2 {
        h.advance(secs(25));
        h.frame(client.ws, "3");
    }
    h.advance(secs(9));
    assert!(h.is_open(client.ws));
    h.advance(secs(1));
    assert_eq!(h.told(), ["#1 disconnected: forced server close"]);
}

#[test]
fn ten_binary_values_of_a_megabyte_are_too_much_for_one_packet() {
    let (mut h, client) = connected();
    h.frame(client.ws, "4510-[\"e\"]");
    let megabyte = Bytes::from(vec![0; 1_000_000]);
    for _ in 0..9 {
        h.binary(client.ws, megabyte.clone());
    }
    assert!(h.is_open(client.ws));
    h.binary(client.ws, megabyte);
    assert_eq!(h.told(), ["#1 disconnected: forced close"]);
}

#[test]
fn a_placeholder_within_a_placeholder_is_nothing() {
    let within = format!(r#"{{"_placeholder":true,"num":0,"x":{PLACEHOLDER},"y":{{"num":9}}}}"#);
    let (mut h, client) = connected();
    h.frame(client.ws, format!("451-[\"e\",{within}]"));
    h.binary(client.ws, vec![1]);
    let (_, _, args, _) = h.arrived();
    assert_eq!(args.get::<Bytes>(0).expect("binary"), &[1][..]);

    let (mut h, client) = connected();
    let number = format!(r#"{{"_placeholder":true,"num":{PLACEHOLDER}}}"#);
    h.frame(client.ws, format!("451-[\"e\",{number}]"));
    h.binary(client.ws, vec![1]);
    assert_eq!(h.told(), ["#1 disconnected: forced close"]);
}

#[test]
fn a_binary_value_may_have_any_key() {
    let (mut h, client) = connected();
    let keys = ["__proto__", "constructor", "toString", "", "length"];
    for key in keys {
        h.frame(client.ws, format!("451-[\"e\",{{\"{key}\":{PLACEHOLDER}}}]"));
        h.binary(client.ws, vec![1, 2]);
        let (socket, _, args, _) = h.arrived();
        let object: std::collections::BTreeMap<String, Bytes> = args.get(0).expect("an object");
        assert_eq!(object.len(), 1);
        assert_eq!(object[key], &[1, 2][..]);
        h.emit(socket, "e", &args);
        let expected = format!("451-[\"e\",{{\"{key}\":{PLACEHOLDER}}}]");
        assert_eq!(h.received(client.ws), [expected.as_str(), "<01 02>"]);
    }
}

// What is around packets.

#[test]
fn of_two_origins_none_is_named_that_is_not_in_the_list() {
    let (good, evil) = (&b"https://good.example"[..], &b"https://evil.example"[..]);
    let list = Origins::List(vec!["https://good.example".to_owned()]);
    let cors = Some(Cors::new(list));
    let mut h = Harness::engine(EngineConfig::default().cors(cors));
    let mut named = |origins: [&[u8]; 2]| {
        let headers = origins.map(|origin| ("Origin", origin));
        let req = h.request("GET", &Harness::<Engine>::target("polling", None), &headers);
        let response = h.response(req);
        let mut headers = response.headers.into_iter();
        let named = headers.find(|(name, _)| name == "Access-Control-Allow-Origin");
        named.map(|(_, value)| value.into_owned())
    };
    // Who may send headers of its own is no page.
    assert_eq!(named([good, evil]).as_deref(), Some("https://good.example"));
    assert_eq!(named([evil, good]), None);
    assert_eq!(named([evil, evil]), None);
}

#[test]
fn invalid_configured_namespace_names_are_a_config_error() {
    let long = format!("/{}", "x".repeat(255));
    for name in ["", "/a\r\nb", "/\0", "/\u{7f}", "/\u{1e}", "/a,b", "/a?b", "a", &long] {
        let mut config = ServerConfig::default();
        config.namespaces.push(NamespaceConfig::new(name));
        let error = Server::new(config, common::SEED).err().expect("it is refused");
        assert_eq!(error.field, "namespaces", "{name:?}");
    }
}

#[test]
fn a_client_goes_over_to_nothing_but_a_websocket() {
    for upgrades in ["[\"evil\"]", "[\"WebSocket\",\"__proto__\",7,null,[\"websocket\"]]"] {
        let mut victim = Victim::new(Transport::Polling);
        let open = hostile::OPEN.replace("\"upgrades\":[]", &format!("\"upgrades\":{upgrades}"));
        assert!(open.contains(upgrades));
        victim.say(&open);
        victim.say("40{\"sid\":\"s\"}");
        assert_eq!(victim.told(), ["opened by polling", "connected"]);
        assert_eq!(victim.client.counts().websockets, 0, "{upgrades}");
    }
}

// Coming back.

#[test]
fn a_key_to_come_back_with_can_not_be_guessed() {
    let mut h = recovery_support::server();
    let keys: Vec<String> = (0..200).map(|_| recovery_support::connect(&mut h).pid).collect();
    // 24 characters of 64 are 144 bits.
    assert!(keys.iter().all(|key| key.len() == 24));
    for place in 0..24 {
        let there: BTreeSet<u8> = keys.iter().map(|key| key.as_bytes()[place]).collect();
        assert!(there.len() > 32, "character {place} takes {} values", there.len());
    }
}

#[test]
fn wrong_claims_find_nothing_among_very_many_packets_that_are_kept() {
    let mut h = recovery_support::server();
    let (client, seen) = recovery_support::away(&mut h);
    for _ in 0..20_000 {
        h.emit_to(&Selector::all(), "e");
    }
    let mut claims = vec![recovery_support::back("AAAAAAAAAAAAAAAAAAAAAAAA", &seen); 500];
    claims.push(recovery_support::back(&client.pid, "wrong"));
    claims.resize(1_000, recovery_support::back(&client.pid, &seen));
    for claim in claims {
        let (ws, received) = recovery_support::ask(&mut h, &claim);
        assert_eq!(received.len(), 1, "{claim}");
        assert_ne!(recovery_support::joined(&h, ws, &received[0]).id, client.id);
        h.frame(ws, "41");
        h.closed(ws, CloseCause::Peer);
    }
    assert_eq!(h.server.counts().away, 0);
}
