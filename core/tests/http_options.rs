//! What is configured about answers: cookies, the first message, the path, subprotocols.

mod common;

use common::{Harness, secs};
use sockeye_core::engineio::{Cookie, Encoded, Engine, EngineConfig, SameSite, Subprotocols};
use sockeye_core::{Headers, Response};

const POLLING: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

fn engine(change: impl FnOnce(&mut EngineConfig)) -> Harness<Engine> {
    let mut config = EngineConfig::default();
    change(&mut config);
    Harness::engine(config)
}

/// The values of all headers of this name.
fn values<'a>(headers: &'a Headers, name: &str) -> Vec<&'a str> {
    headers.iter().filter(|(key, _)| key == name).map(|(_, value)| &**value).collect()
}

fn get(h: &mut Harness<Engine>, target: &str, headers: &[(&str, &[u8])]) -> Response {
    let req = h.request("GET", target, headers);
    h.response(req)
}

fn fault(change: impl FnOnce(&mut EngineConfig)) -> Option<&'static str> {
    let mut config = EngineConfig::default();
    change(&mut config);
    Engine::new(config, common::SEED).err().map(|error| error.field)
}

// Cookies.

#[test]
fn a_cookie_is_set_by_the_handshake_over_polling_alone() {
    let mut h = engine(|config| config.cookie = Some(Cookie::default()));

    let response = get(&mut h, POLLING, &[]);
    let body = String::from_utf8(response.body.to_vec()).unwrap();
    let sid = body.split('"').nth(3).unwrap().to_owned();
    let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(values(&response.headers, "Set-Cookie"), [cookie]);

    let ws = h.upgrade_with(WEBSOCKET, &[]);
    assert!(h.handshake_headers(ws).is_empty());
    let post = h.post(&sid, "4a");
    assert!(values(&h.response(post).headers, "Set-Cookie").is_empty());
    let req = h.get(&sid);
    let ws = h.upgrade(&sid);
    assert!(h.handshake_headers(ws).is_empty());
    h.frame(ws, "2probe");
    assert!(values(&h.response(req).headers, "Set-Cookie").is_empty());
    let refused = get(&mut h, "/engine.io/?EIO=4", &[]);
    assert!(values(&refused.headers, "Set-Cookie").is_empty());
}

#[test]
fn a_cookie_has_the_attributes_that_are_configured() {
    let set = |cookie: Cookie| {
        let mut h = engine(|config| config.cookie = Some(cookie));
        let response = get(&mut h, POLLING, &[]);
        let value = values(&response.headers, "Set-Cookie").concat();
        value.split_once("; ").map(|(_, attributes)| attributes.to_owned()).unwrap_or_default()
    };

    let all = Cookie::default()
        .name("lb")
        .path("/socket.io".to_owned())
        .domain("example.com".to_owned())
        .secure(true)
        .same_site(SameSite::None)
        .max_age(86400);
    assert_eq!(
        set(all.clone()),
        "Max-Age=86400; Domain=example.com; Path=/socket.io; HttpOnly; Secure; SameSite=None"
    );
    let strict = Cookie::default().same_site(SameSite::Strict);
    assert_eq!(set(strict), "Path=/; HttpOnly; SameSite=Strict");
    let nothing =
        all.path(None).domain(None).http_only(false).secure(false).same_site(None).max_age(None);
    assert_eq!(set(nothing), "");
}

#[test]
fn a_cookie_with_invalid_characters_is_a_config_error() {
    let with = |change: fn(&mut Cookie)| {
        let mut cookie = Cookie::default();
        change(&mut cookie);
        fault(|config| config.cookie = Some(cookie))
    };

    assert_eq!(with(|_| {}), None);
    assert_eq!(with(|c| c.name = String::new()), Some("cookie"));
    for name in ["a b", "a=b", "a;b", "a\r\nb", "é", "a\"b", "a,b"] {
        let cookie = Cookie::default().name(name.to_owned());
        assert_eq!(fault(|config| config.cookie = Some(cookie)), Some("cookie"), "{name}");
    }
    assert_eq!(with(|c| c.path = Some("/; Secure".to_owned())), Some("cookie"));
    assert_eq!(with(|c| c.path = Some("/\r\nx: y".to_owned())), Some("cookie"));
    assert_eq!(with(|c| c.domain = Some("a;b".to_owned())), Some("cookie"));
    assert_eq!(with(|c| c.domain = Some("é".to_owned())), Some("cookie"));
}

// The first message.

#[test]
fn a_first_message_follows_the_handshake() {
    for message in [Encoded::text("welcome"), Encoded::binary((&b"\x01"[..]).into())] {
        let mut h = engine(|config| config.initial_message = Some(message.clone()));
        let ws = h.upgrade_with(WEBSOCKET, &[]);
        let mut received = h.received(ws);
        assert!(received.remove(0).starts_with("0{"));
        let req = h.request("GET", POLLING, &[]);
        let answer = h.answer(req);
        let (open, first) = answer.split_once('\x1e').expect("two packets in one answer");
        assert!(open.starts_with("200 0{"), "{open}");
        if message.len() == 1 {
            assert_eq!((received.concat().as_str(), first), ("<01>", "bAQ=="));
        } else {
            assert_eq!((received.concat().as_str(), first), ("4welcome", "4welcome"));
        }
    }
}

// The path.

#[test]
fn a_path_may_be_the_root_or_deep_and_ends_with_or_without_a_slash() {
    let matches =
        |own: &str, path: &str| EngineConfig::default().path(own.to_owned()).matches(path);

    for own in ["/a/b", "/a/b/"] {
        assert!(matches(own, "/a/b"), "{own}");
        assert!(matches(own, "/a/b/"), "{own}");
        for path in ["/a", "/a/", "/a/b/c", "/a/bc", "/a/b//", "a/b", "/A/b", ""] {
            assert!(!matches(own, path), "{own} {path}");
        }
    }
    assert!(matches("/", "/"));
    assert!(!matches("/", "/x"));
    assert!(!matches("/", "//"));
}

#[test]
fn a_get_may_wait_a_while_although_a_websocket_wants_to_take_over() {
    let hold = std::time::Duration::from_millis(100);
    let mut h = engine(|config| config.upgrade_poll_hold = hold);
    let (sid, _) = h.open_polling();
    let req = h.get(&sid);
    let ws = h.upgrade(&sid);

    h.frame(ws, "2probe");
    assert!(h.is_waiting(req));
    h.advance(hold);
    assert_eq!(h.answer(req), "200 6");
    h.frame(ws, "5");
    h.advance(secs(1));

    assert_eq!(h.told(), ["upgraded"]);
}

// Subprotocols.

const OFFER: &str = "Sec-WebSocket-Protocol";

#[test]
fn a_subprotocol_that_is_offered_is_chosen_and_told() {
    let known = |name: &str| Subprotocols::List(vec![name.to_owned()]);
    for (subprotocols, chosen) in [
        (Subprotocols::First, Some("one")),
        (known("two"), Some("two")),
        (known("three"), None),
        (Subprotocols::None, None),
    ] {
        let mut h = engine(|config| config.subprotocols = subprotocols.clone());
        let ws = h.upgrade_with(WEBSOCKET, &[(OFFER, b"one, two")]);
        assert_eq!(values(&h.handshake_headers(ws), OFFER), chosen.as_slice());
        // A session that comes from long-polling is no different.
        let (sid, _) = h.open_polling();
        let ws = h.upgrade_with(&format!("{WEBSOCKET}&sid={sid}"), &[(OFFER, b"one, two")]);
        assert_eq!(values(&h.handshake_headers(ws), OFFER), chosen.as_slice());
    }
    let mut h = engine(|_| {});
    let ws = h.upgrade_with(WEBSOCKET, &[]);
    assert!(values(&h.handshake_headers(ws), OFFER).is_empty());
}

#[test]
fn malformed_offers_of_subprotocols_are_a_bad_request() {
    for offers in ["", "a b", "a,", "a, a"] {
        let mut h = engine(|_| {});
        let ws = h.upgrade_with(WEBSOCKET, &[(OFFER, offers.as_bytes())]);
        assert_eq!(h.refusal(ws), "400 Bad request", "{offers:?}");
        assert!(values(&h.handshake_headers(ws), OFFER).is_empty());
        assert!(h.told().is_empty(), "no session is opened");
        // What is offered for long-polling means nothing.
        assert_eq!(get(&mut h, POLLING, &[(OFFER, offers.as_bytes())]).status, 200);
    }
    let mut h = engine(|_| {});
    let ws = h.upgrade_with("/engine.io/?EIO=4&transport=what", &[(OFFER, b"a,")]);
    assert_eq!(h.refusal(ws), "400 Transport unknown", "the request is looked at first");
}
