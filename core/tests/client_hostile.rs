//! Servers that violate a protocol: the client ends the connection with a reason, or ignores the
//! packet.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;

use hostile::{Victim, secs};
use sockeye_core::client::SocketConfig;
use sockeye_core::engineio::Transport;

const OPEN: &str = hostile::OPEN;

#[test]
fn an_invalid_handshake_is_refused() {
    for (body, fault) in [
        ("", "malformed data: not an Engine.IO packet"),
        ("hello", "malformed data: not an Engine.IO packet"),
        ("<html>not found</html>", "malformed data: not an Engine.IO packet"),
        ("0", "unusable handshake: not JSON of the expected form"),
        ("0notjson", "unusable handshake: not JSON of the expected form"),
        ("0{}", "unusable handshake: not JSON of the expected form"),
        (
            "0{\"pingInterval\":1,\"pingTimeout\":1}",
            "unusable handshake: not JSON of the expected form",
        ),
        (
            "0{\"sid\":\"\",\"pingInterval\":1,\"pingTimeout\":1}",
            "unusable handshake: unusable session id",
        ),
        (
            "0{\"sid\":\"a\",\"pingInterval\":0,\"pingTimeout\":1}",
            "unusable handshake: unusable ping interval",
        ),
        (
            "0{\"sid\":\"a\",\"pingInterval\":1e300,\"pingTimeout\":1}",
            "unusable handshake: unusable ping interval",
        ),
        (
            "0{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":-7}",
            "unusable handshake: unusable ping timeout",
        ),
        ("4hello", "unusable handshake: missing"),
        ("bAAA=", "unusable handshake: missing"),
        ("1", "unusable handshake: missing"),
        ("2", "unusable handshake: missing"),
        ("6", "unusable handshake: missing"),
    ] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut victim = Victim::new(transport);
            victim.say(body);
            assert_eq!(victim.told(), [format!("failed 0: {fault}")], "{body}");
            assert_eq!(victim.connections(), 0);
            // It tries again as ever.
            victim.advance(secs(2));
            assert_eq!(victim.told(), ["reconnecting 1"]);
        }
    }
}

#[test]
fn a_binary_message_is_not_a_handshake() {
    let mut victim = Victim::new(Transport::WebSocket);
    victim.say_binary(b"0{}");
    let fault = "failed 0: malformed data: a message comes before the session is open";
    assert_eq!(victim.told(), [fault]);
}

#[test]
fn text_that_is_not_utf8_ends_the_connection_with_a_parse_error() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        for text in [
            &b"42[\"\xff\\n\"]"[..],
            b"42[\"e\",\"\xff\"]",
            b"42[\"e\",{\"\xc3\":1}]",
            b"41/\xff,",
            b"44\"\xff\"",
            b"\xff",
        ] {
            let mut victim = Victim::opened(transport);
            victim.say_raw(b"44\"\xff\\n\"");
            let fault = "closed: parse error: malformed data: not UTF-8";
            assert_eq!(victim.told().last().map(|told| &**told), Some(fault));
            let mut victim = Victim::connected(transport);
            victim.say_raw(text);
            let told = victim.told();
            assert_eq!(told.last().map(|told| &**told), Some(fault));
        }
    }
}

#[test]
fn a_redirect_or_an_error_page_is_a_failure() {
    for status in [100, 204, 301, 302, 307, 401, 403, 404, 500, 503, 999] {
        let mut victim = Victim::new(Transport::Polling);
        victim.answer(status, OPEN);
        assert_eq!(victim.told(), [format!("failed 0: polling: status {status}")]);
    }
}

#[test]
fn malformed_data_ends_the_connection_with_a_parse_error() {
    for (data, fault) in [
        ("", "malformed data: not an Engine.IO packet"),
        ("7", "malformed data: not an Engine.IO packet"),
        ("é", "malformed data: not an Engine.IO packet"),
        ("b====", "malformed data: not an Engine.IO packet"),
        (OPEN, "malformed data: a second handshake"),
        ("4", "malformed packet: unknown packet type"),
        ("47", "malformed packet: unknown packet type"),
        ("4{}", "malformed packet: unknown packet type"),
        ("bAAAA", "malformed packet: got binary data when not reconstructing a packet"),
        ("40[]", "malformed packet: invalid payload"),
        ("40notjson", "malformed packet: invalid payload"),
        ("41{}", "malformed packet: invalid payload"),
        ("42", "malformed packet: invalid payload"),
        ("42{}", "malformed packet: invalid payload"),
        ("42[]", "malformed packet: invalid event name"),
        ("42[{}]", "malformed packet: invalid event name"),
        ("42[\"connect\"]", "malformed packet: invalid event name"),
        ("42[\"disconnect\"]", "malformed packet: invalid event name"),
        ("4299999999999999999999[\"a\"]", "malformed packet: illegal ack id"),
        ("43[]", "malformed packet: illegal ack id"),
        ("431", "malformed packet: invalid payload"),
        ("44[]", "malformed packet: invalid payload"),
        ("44true", "malformed packet: invalid payload"),
        ("45[\"a\"]", "malformed packet: illegal number of attachments"),
        ("450-[\"a\"]", "malformed packet: illegal number of attachments"),
        ("4511-[\"a\"]", "malformed packet: too many attachments"),
        (
            "451-[\"a\"]\x1e42[\"b\"]",
            "malformed packet: got plaintext data when reconstructing a packet",
        ),
        (
            "451-[\"a\",{\"_placeholder\":true,\"num\":1}]\x1ebAAAA",
            "malformed packet: illegal attachments",
        ),
        ("42[\"a\"", "malformed packet: invalid payload"),
    ] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut victim = Victim::connected(transport);
            victim.say(data);
            let told = victim.told();
            assert_eq!(
                told,
                ["disconnected: parse error", &format!("closed: parse error: {fault}")],
                "{data:?}"
            );
            assert_eq!(victim.connections(), 0, "{data:?}");
            victim.advance(secs(2));
            assert_eq!(victim.told(), ["reconnecting 1"]);
        }
    }
}

#[test]
fn packets_behind_the_end_of_a_session_have_no_effect_on_the_next_one() {
    for end in ["47", "41"] {
        let mut victim = Victim::connected(Transport::Polling);
        victim.say(&format!("{end}\x1e42[\"b\"]\x1e451-[\"a\"]"));
        assert!(victim.told()[0].starts_with("disconnected"));
        let (now, socket) = (victim.now, victim.socket);
        victim.client.socket(socket).unwrap().connect(now);
        victim.collect();
        victim.advance(secs(2));
        victim.open();
        victim.told();
        victim.say("40{\"sid\":\"s\"}\x1e42[\"c\"]");
        assert_eq!(victim.told(), ["connected", "c[]"], "after {end}");
    }
}

#[test]
fn early_events_are_dropped_if_connect_is_never_answered() {
    let mut victim = Victim::opened(Transport::Polling);
    victim.say("42[\"a\"]");
    victim.fail();
    victim.advance(secs(2));
    victim.open();
    victim.told();
    victim.say("40{\"sid\":\"s\"}");
    assert_eq!(victim.told(), ["connected"]);
}

#[test]
fn early_events_are_delivered_after_connected_also_to_a_socket_that_had_left() {
    let mut victim = Victim::connected(Transport::Polling);
    let (now, socket) = (victim.now, victim.socket);
    victim.client.socket(socket).unwrap().disconnect(now);
    victim.client.socket(socket).unwrap().connect(now);
    victim.collect();
    victim.open();
    victim.told();
    victim.say("42[\"a\"]\x1e421[\"b\"]");
    assert_eq!(victim.told(), Vec::<String>::new());
    victim.say("40{\"sid\":\"s\"}");
    assert_eq!(victim.told(), ["connected", "a[]", "b[] wants ack"]);
}

#[test]
fn a_connection_that_ends_during_an_upgrade_closes_the_websocket() {
    let mut victim = Victim::probing();
    victim.fail();
    assert!(victim.is_forgotten());
    assert_eq!(victim.told()[0], "disconnected: transport error");

    let mut victim = Victim::probing();
    let (now, socket) = (victim.now, victim.socket);
    victim.client.socket(socket).unwrap().disconnect(now);
    victim.collect();
    assert!(victim.is_forgotten());
}

#[test]
fn unrequested_packets_are_ignored() {
    for data in [
        "40/other,{\"sid\":\"x\"}",
        "41/other,",
        "42/other,[\"a\"]",
        "43/other,1[]",
        "44/other,{\"message\":\"x\"}",
        "452-/other,[\"a\"]\x1ebAAAA\x1ebAAAA",
        "437[\"an answer\"]",
        "439007199254740991[]",
        "461-7[{\"_placeholder\":true,\"num\":0}]\x1ebAAAA",
        "44{\"message\":\"too late\"}",
        "40{\"sid\":\"another\"}",
        "3",
        "3probe",
        "5",
        "6",
    ] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut victim = Victim::connected(transport);
            victim.say(data);
            victim.say("42[\"and\"]");
            assert_eq!(victim.told(), ["and[]"], "{data:?}");
        }
    }
}

#[test]
fn an_attachment_that_is_named_twice_ends_the_connection() {
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    for packet in [
        format!("451-[\"a\",{placeholder},{placeholder}]"),
        format!("451-[\"a\",[{placeholder}],{{\"b\":{placeholder}}}]"),
        format!("461-0[{placeholder},{placeholder}]"),
    ] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut victim = Victim::connected(transport);
            victim.say(&format!("{packet}\x1ebAQ=="));
            assert_eq!(
                victim.told(),
                [
                    "disconnected: parse error",
                    "closed: parse error: malformed packet: illegal attachments"
                ],
                "{packet}"
            );
        }
    }
}

#[test]
fn a_connect_error_of_any_form_refuses_the_socket() {
    for (data, words) in [
        ("44", "refused:  []"),
        ("44\"text\"", "refused: text []"),
        ("44{}", "refused:  []"),
        ("44{\"message\":7}", "refused:  []"),
        ("44{\"message\":null,\"data\":null}", "refused:  []"),
        ("44{\"message\":\"a\",\"data\":{\"b\":[1]}}", "refused: a [{\"b\":[1]}]"),
        ("44{\"message\":\"\\ud800\"}", "refused: \u{fffd} []"),
        (
            "44{\"message\":\"a\",\"message\":\"b\"}",
            "refused:  [{\"message\":\"a\",\"message\":\"b\"}]",
        ),
        ("40", "refused: the server speaks another protocol: it gives sockets no id []"),
        ("40{}", "refused: the server speaks another protocol: it gives sockets no id []"),
        ("40{\"sid\":7}", "refused: the server speaks another protocol: it gives sockets no id []"),
        (
            "40{\"sid\":\"\"}",
            "refused: the server speaks another protocol: it gives sockets no id []",
        ),
    ] {
        let mut victim = Victim::opened(Transport::WebSocket);
        victim.say(data);
        let told = victim.told();
        assert_eq!(told.last().unwrap(), words, "{data}");
        assert!(victim.client.is_idle());
    }
}

#[test]
fn an_ack_packet_of_any_form_is_delivered_once() {
    let mut victim = Victim::connected(Transport::WebSocket);
    let now = victim.now;
    let mut socket = victim.client.socket(victim.socket).unwrap();
    let ack = socket.emit_with_ack("a", &(), None, now).unwrap();
    assert_eq!(format!("{ack:?}"), "AckId(0)");
    victim.say("430[null]");
    victim.say("430[2]");
    assert_eq!(victim.told(), ["acked [null]"]);
}

#[test]
fn an_event_that_was_not_sent_yet_cannot_be_acknowledged() {
    let config = SocketConfig::default().retries(3);
    let mut victim = Victim::asking(
        Transport::WebSocket,
        |config| config.transports = vec![Transport::WebSocket],
        config,
    );
    victim.open();
    victim.say("40{\"sid\":\"s\"}");
    victim.told();
    let (now, id) = (victim.now, victim.socket);
    for _ in 0..2 {
        victim.client.socket(id).unwrap().emit_with_ack("a", &(), None, now).unwrap();
    }
    victim.collect();
    victim.say("431[\"too soon\"]");
    assert_eq!(victim.told(), Vec::<String>::new());
    victim.say("430[1]");
    victim.say("431[2]");
    assert_eq!(victim.told(), ["acked [1]", "acked [2]"]);
}

#[test]
fn a_wrong_answer_to_the_probe_keeps_the_connection() {
    for answer in ["", "2probe", "3", "3probf", "4hello", "5", "6", "1", "0{}", "é"] {
        let mut victim = Victim::probing();
        victim.say_to_probe(answer);
        assert_eq!(
            victim.told(),
            ["not upgraded: malformed data: not the answer to a probe"],
            "{answer}"
        );
        victim.say("42[\"and\"]");
        assert_eq!(victim.told(), ["and[]"]);
    }
}

#[test]
fn a_second_answer_to_the_probe_keeps_the_connection() {
    let mut victim = Victim::probing();
    victim.drains = false;
    victim.say_to_probe("3probe");
    assert_eq!(victim.told(), [""; 0], "the GET is still to be answered");
    victim.say_to_probe("3probe");
    assert_eq!(victim.told(), ["not upgraded: malformed data: not the answer to a probe"]);
    victim.say("42[\"and\"]");
    assert_eq!(victim.told(), ["and[]"]);
}

#[test]
fn no_request_follows_the_close_packet_of_the_server() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut victim = Victim::connected(transport);
        victim.say("1");
        assert_eq!(victim.told()[0], "disconnected: transport close");
        assert!(victim.is_forgotten());
    }
}

#[test]
fn queued_packets_are_dropped_when_the_server_closes() {
    let mut victim = Victim::connected(Transport::WebSocket);
    victim.drains = false;
    let (now, socket) = (victim.now, victim.socket);
    for name in ["on its way", "waiting"] {
        let options = sockeye_core::EmitOptions::default();
        victim.client.socket(socket).unwrap().emit(name, &(), options, now).unwrap();
    }
    victim.collect();
    victim.say("1");
    assert_eq!(victim.told()[0], "disconnected: transport close");
    assert!(victim.is_forgotten());
}

#[test]
fn an_upgrade_that_fails_midway_leaves_the_connection_with_polling() {
    for silent in [false, true] {
        let mut victim = Victim::probing();
        victim.drains = false;
        victim.say_to_probe("3probe");
        let (now, socket) = (victim.now, victim.socket);
        let options = sockeye_core::EmitOptions::default();
        victim.client.socket(socket).unwrap().emit("e", &1, options, now).unwrap();
        victim.collect();
        assert_eq!(victim.client.counts().requests, 1, "the event waits for the way to be clear");
        if silent {
            victim.advance(secs(10));
            assert_eq!(victim.told(), ["not upgraded: timeout"]);
        } else {
            victim.close();
            assert_eq!(victim.told(), ["not upgraded: websocket: closed, code 1000"]);
        }
        assert_eq!(victim.client.counts().requests, 2, "it takes the old way");
        assert_eq!(victim.client.counts().websockets, 0);
        victim.say("42[\"and\"]");
        victim.say("42[\"so on\"]");
        assert_eq!(victim.told(), ["and[]", "so on[]"]);
    }
}

#[test]
fn inputs_for_unknown_requests_and_websockets_are_ignored() {
    let mut victim = Victim::connected(Transport::WebSocket);
    let before = victim.client.counts();
    victim.nonsense();
    assert_eq!(victim.told(), Vec::<String>::new());
    assert_eq!(victim.client.counts(), before);
}
