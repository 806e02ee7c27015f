//! Long-polling: what a GET is answered with and when, and what a POST may hold.

mod common;

use common::{Harness, secs, unpack};
use sockeye_core::engineio::{Encoded, Engine, EngineConfig};
use sockeye_core::{RequestId, Server};

const UNKNOWN_SESSION: &str = r#"400 {"code":1,"message":"Session ID unknown"}"#;

fn engine() -> Harness<Engine> {
    Harness::engine(EngineConfig::default())
}

fn is_over(h: &mut Harness<Engine>, sid: &str) -> bool {
    let req = h.get(sid);
    !h.is_waiting(req) && h.answer(req) == UNKNOWN_SESSION
}

#[test]
fn a_get_waits_for_a_packet() {
    let mut h = engine();
    let (sid, session) = h.open_polling();

    let req = h.get(&sid);
    assert!(h.is_waiting(req));
    h.server.send(session, &Encoded::text("hello"), false);

    assert_eq!(h.answer(req), "200 4hello");
}

#[test]
fn a_get_takes_all_waiting_packets_in_order() {
    let mut h = engine();
    let (sid, session) = h.open_polling();

    h.server.send(session, &Encoded::text("a"), false);
    h.server.send(session, &Encoded::binary(vec![1, 2, 3].into()), false);
    h.server.send(session, &Encoded::text("é€"), false);

    assert_eq!(unpack(&h.fetch(&sid)), ["4a", "bAQID", "4é€"]);
    let req = h.get(&sid);
    assert!(h.is_waiting(req));
}

#[test]
fn packets_after_an_answered_get_wait_for_the_next_one() {
    let mut h = engine();
    let (sid, session) = h.open_polling();
    let req = h.get(&sid);

    for text in ["a", "b", "c"] {
        h.server.send(session, &Encoded::text(text), false);
    }

    assert_eq!(h.answer(req), "200 4a");
    assert_eq!(unpack(&h.fetch(&sid)), ["4b", "4c"]);
}

#[test]
fn a_post_is_answered_with_ok_and_its_packets_arrive_in_order() {
    let mut h = engine();
    let (sid, _) = h.open_polling();

    let req = h.post(&sid, "4a\x1e4b\x1ebAQID\x1e4");

    let response = h.response(req);
    assert_eq!((response.status, &response.body[..]), (200, &b"ok"[..]));
    let headers: Vec<_> = response.headers.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(headers, [("Content-Type", "text/html"), ("Cache-Control", "no-store")]);
    assert_eq!(h.told(), ["a", "b", "<01 02 03>", ""]);
}

#[test]
fn a_body_over_max_payload_ends_the_session_with_413() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let get = h.get(&sid);

    let req = h.post_head(&sid);
    assert_eq!(h.wants_body(req), Some(1_000_000));
    h.feed(sockeye_core::Input::BodyTooLarge { req });

    assert_eq!(h.answer(req), "413");
    assert_eq!(h.answer(get), "400", "no clean close for one who broke a limit");
    assert_eq!(h.told(), ["closed: transport error"]);
    assert!(is_over(&mut h, &sid));
}

#[test]
fn a_body_that_does_not_arrive_in_time_ends_the_session_with_408() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let get = h.get(&sid);

    let req = h.post_head(&sid);
    h.feed(sockeye_core::Input::BodyTimedOut { req });
    // Nothing of it counts any more.
    h.feed(sockeye_core::Input::BodyTimedOut { req });
    h.feed(sockeye_core::Input::Body { req, body: "4a".into() });

    assert_eq!(h.answer(req), "408");
    assert_eq!(h.answer(get), "400", "no clean close for one whose message was lost");
    assert_eq!(h.told(), ["closed: transport error"]);
    assert!(is_over(&mut h, &sid));
}

#[test]
fn a_body_of_max_payload_is_accepted() {
    let mut h = engine();
    let (sid, _) = h.open_polling();

    let req = h.post(&sid, format!("4{}", "x".repeat(999_999)));

    assert_eq!(h.answer(req), "200 ok");
    assert_eq!(h.told()[0].len(), 999_999);
}

#[test]
fn a_second_get_ends_the_session() {
    let mut h = engine();
    let (sid, _) = h.open_polling();

    let first = h.get(&sid);
    let second = h.get(&sid);

    assert_eq!(h.answer(first), "200 1");
    assert_eq!(h.answer(second), "400");
    assert_eq!(h.told(), ["closed: transport error"]);
    assert!(is_over(&mut h, &sid));
}

#[test]
fn a_second_post_ends_the_session_and_aborts_the_first() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let get = h.get(&sid);

    let first = h.post_head(&sid);
    let second = h.post_head(&sid);
    h.body(first, "4late");

    assert!(h.is_aborted(first));
    assert_eq!(h.answer(second), "400");
    assert_eq!(h.answer(get), "200 1");
    assert_eq!(h.told(), ["closed: transport error"]);
}

#[test]
fn sequential_posts_are_accepted_while_a_get_waits() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let get = h.get(&sid);

    for text in ["4a", "4b", "4c"] {
        let req = h.post(&sid, text);
        assert_eq!(h.answer(req), "200 ok");
    }

    assert!(h.is_waiting(get));
    assert_eq!(h.told(), ["a", "b", "c"]);
}

#[test]
fn an_aborted_get_ends_the_session() {
    let mut h = engine();
    let (sid, _) = h.open_polling();

    let req = h.get(&sid);
    h.abort(req);

    assert_eq!(h.told(), ["closed: transport error"]);
    assert!(is_over(&mut h, &sid));
}

#[test]
fn an_aborted_post_ends_the_session_without_a_message() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let get = h.get(&sid);

    let req = h.post_head(&sid);
    h.abort(req);

    assert_eq!(h.answer(get), "200 1");
    assert_eq!(h.told(), ["closed: transport error"]);
}

#[test]
fn aborting_an_answered_request_is_ignored() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let req = h.post(&sid, "4a");
    assert_eq!(h.answer(req), "200 ok");

    h.feed(sockeye_core::Input::Aborted { req });
    h.feed(sockeye_core::Input::Body { req, body: "4b".into() });
    h.feed(sockeye_core::Input::BodyTooLarge { req });
    h.feed(sockeye_core::Input::Aborted { req: RequestId(999) });

    assert_eq!(h.told(), ["a"]);
    assert!(!is_over(&mut h, &sid));
}

#[test]
fn a_binary_post_is_refused_and_ends_the_session() {
    let mut h = engine();
    let (sid, _) = h.open_polling();

    let target = Harness::<Engine>::target("polling", Some(&sid));
    let kind: &[u8] = b"application/octet-stream";
    let req = h.request("POST", &target, &[("Content-Type", kind)]);

    assert_eq!(h.answer(req), "400");
    assert_eq!(h.told(), ["closed: transport error"]);
}

#[test]
fn packets_before_a_malformed_one_arrive_and_those_after_it_do_not() {
    for (body, arrive) in [
        ("", &[][..]),
        ("\x1e", &[]),
        ("\x1e4a", &[]),
        ("4a\x1e", &["a"]),
        ("4a\x1e\x1e4b", &["a"]),
        ("4a\x1e7\x1e4b", &["a"]),
        ("4a\x1eb====\x1e4b", &["a"]),
        ("4a\x1e2:40\x1e4b", &["a"]),
        ("6:4hello", &[]),
        ("é", &[]),
        ("\u{feff}4a", &[]),
        (" 4a", &[]),
        ("\0", &[]),
    ] {
        let mut h = engine();
        let (sid, _) = h.open_polling();
        let get = h.get(&sid);

        let req = h.post(&sid, body);

        assert_eq!(h.answer(req), "400", "{body:?}");
        assert_eq!(h.answer(get), "200 1", "{body:?}");
        let mut told = h.told();
        assert_eq!(told.pop().unwrap(), "closed: parse error", "{body:?}");
        assert_eq!(told, arrive, "{body:?}");
    }
}

#[test]
fn a_body_that_is_not_utf8_is_malformed() {
    for body in [&b"4\xff\xfe"[..], b"4a\x1e4\xc3", b"4\x00\xd8"] {
        let mut h = engine();
        let (sid, _) = h.open_polling();

        let req = h.post(&sid, body);

        assert_eq!(h.answer(req), "400");
        assert_eq!(h.told(), ["closed: parse error"]);
    }
}

#[test]
fn a_close_packet_ends_the_session_and_releases_the_get() {
    let mut h = engine();
    let (sid, _) = h.open_polling();
    let get = h.get(&sid);

    let req = h.post(&sid, "4a\x1e1\x1e4b");

    assert_eq!(h.answer(req), "200 ok");
    assert_eq!(h.answer(get), "200 6");
    assert_eq!(h.told(), ["a", "closed: transport close"]);
    assert!(is_over(&mut h, &sid));
}

#[test]
fn a_ping_from_a_client_ends_the_session() {
    for ping in ["2", "2probe"] {
        let mut h = engine();
        let (sid, _) = h.open_polling();

        let req = h.post(&sid, ping);

        assert_eq!(h.answer(req), "200 ok");
        assert_eq!(h.told(), ["closed: transport error"]);
    }
}

#[test]
fn open_and_noop_packets_of_a_client_are_ignored() {
    let mut h = engine();
    let (sid, _) = h.open_polling();

    let req = h.post(&sid, "0{\"sid\":\"x\"}\x1e5\x1e6\x1e3\x1e3probe\x1e4a");

    assert_eq!(h.answer(req), "200 ok");
    assert_eq!(h.told(), ["a"]);
}

#[test]
fn a_payload_of_many_packets_is_accepted() {
    let mut h = engine();
    let (sid, _) = h.open_polling();

    let req = h.post(&sid, vec!["4"; 333_333].join("\x1e"));

    assert_eq!(h.answer(req), "200 ok");
    assert!(h.told().len() < 2000, "they are handled bit by bit");
    h.advance(secs(1));
    assert_eq!(1040 + h.told().len(), 333_333);
}

#[test]
fn a_client_that_never_polls_times_out() {
    let mut h = engine();
    let (_, _) = h.open_polling();

    h.advance(secs(44));
    assert_eq!(h.told().len(), 0);
    h.advance(secs(1));

    assert_eq!(h.told(), ["closed: ping timeout"]);
}

#[test]
fn a_record_separator_in_an_event_is_escaped_in_a_payload() {
    let mut h: Harness<Server> = Harness::new();
    let client = h.connect_polling("/");

    h.emit(client.socket, "a\x1eb", &"c\x1ed");
    h.emit(client.socket, "next", &());

    let payload = h.fetch(&client.sid);
    assert_eq!(unpack(&payload), [r#"42["a\u001eb","c\u001ed"]"#, r#"42["next"]"#]);
}
