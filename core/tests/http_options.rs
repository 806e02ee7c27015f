//! What is configured about answers: cookies, further headers, files, the path.

mod common;

use std::sync::Arc;

use common::{Harness, secs};
use sockeye_core::engineio::{
    Cookie, Encoded, Engine, EngineConfig, HeaderHook, SameSite, Stage, StaticFile, Subprotocols,
};
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

// Further headers.

/// A hook that says at which stage it was asked, and by whom.
fn stages() -> HeaderHook {
    HeaderHook::new(|request, stage, headers| {
        let stage = match stage {
            Stage::Handshake => "handshake",
            Stage::Session => "session",
        };
        headers.push(("x-stage".into(), stage.into()));
        let name = request.header("x-name").unwrap_or("nobody").to_owned();
        headers.push(("x-name".into(), name.into()));
    })
}

#[test]
fn headers_are_added_to_handshakes_and_to_what_follows() {
    let mut h = engine(|config| config.header_hook = Some(stages()));
    let name: [(&str, &[u8]); 1] = [("X-Name", b"ann")];

    let response = get(&mut h, POLLING, &name);
    assert_eq!(values(&response.headers, "x-stage"), ["handshake"]);
    assert_eq!(values(&response.headers, "x-name"), ["ann"]);
    let sid = String::from_utf8_lossy(&response.body).split('"').nth(3).unwrap().to_owned();
    let post = h.post(&sid, "4a");
    assert_eq!(values(&h.response(post).headers, "x-stage"), ["session"]);
    let req = h.get(&sid);
    let ws = h.upgrade_with(&Harness::<Engine>::target("websocket", Some(&sid)), &name);
    let headers = [("x-stage".into(), "session".into()), ("x-name".into(), "ann".into())];
    assert_eq!(h.handshake_headers(ws), headers);
    h.frame(ws, "2probe");
    assert_eq!(values(&h.response(req).headers, "x-stage"), ["session"]);
    let ws = h.upgrade_with(WEBSOCKET, &[]);
    let headers = h.handshake_headers(ws);
    assert_eq!(
        headers,
        [("x-stage".into(), "handshake".into()), ("x-name".into(), "nobody".into())]
    );
}

#[test]
fn errors_get_no_further_headers() {
    let mut h = engine(|config| {
        config.header_hook = Some(stages());
        config.max_sessions = 1;
    });

    assert!(values(&get(&mut h, "/engine.io/", &[]).headers, "x-stage").is_empty());
    let (sid, _) = h.open_polling();
    assert!(values(&get(&mut h, POLLING, &[]).headers, "x-stage").is_empty());
    let ws = h.upgrade_with(WEBSOCKET, &[]);
    assert!(values(&h.handshake_headers(ws), "x-stage").is_empty());
    let post = h.post(&sid, "x");
    assert_eq!(h.response(post).status, 400);
    assert!(values(&h.response(post).headers, "x-stage").is_empty());
}

#[test]
fn invalid_headers_are_left_out() {
    let hook = HeaderHook::new(|_, _, headers| {
        for (name, value) in [
            ("x-good", "plain é"),
            ("X-Case", "1"),
            ("", "empty name"),
            ("x space", "1"),
            ("x:colon", "1"),
            ("x-é", "1"),
            ("x-break", "a\r\nb: c"),
            ("x-nul", "\0"),
            ("x-del", "\x7f"),
        ] {
            headers.push((name.into(), value.into()));
        }
    });
    let mut h = engine(|config| config.header_hook = Some(hook));

    let ws = h.upgrade_with(WEBSOCKET, &[]);

    let expected = [("x-good".into(), "plain é".into()), ("X-Case".into(), "1".into())];
    assert_eq!(h.handshake_headers(ws), expected);
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

#[test]
#[cfg(not(feature = "compression"))]
fn nothing_is_compressed_without_the_feature() {
    let mut h = engine(|_| {});
    let (sid, session) = h.open_polling();
    h.server.send(session, &Encoded::text(&"x".repeat(10_000)), false);

    let target = Harness::<Engine>::target("polling", Some(&sid));
    let response = get(&mut h, &target, &[("Accept-Encoding", b"gzip")]);

    assert!(values(&response.headers, "Content-Encoding").is_empty());
    assert_eq!(response.body.len(), 10_001);
}

// Files and the path.

fn with_files() -> Harness<Engine> {
    let file = |name: &'static str, body: &'static str| StaticFile {
        name: name.into(),
        content_type: "application/javascript; charset=utf-8".into(),
        etag: "\"4.8.3\"".into(),
        body: body.into(),
    };
    engine(|config| {
        config.files = Arc::new([file("socket.io.js", "one"), file("socket.io.min.js", "two")]);
    })
}

#[test]
fn files_have_their_type_and_tag_and_no_session() {
    let mut h = with_files();

    let response = get(&mut h, "/engine.io/socket.io.min.js?x=1&EIO=4", &[]);

    assert_eq!((response.status, &response.body[..]), (200, &b"two"[..]));
    let headers = &response.headers;
    assert_eq!(values(headers, "Content-Type"), ["application/javascript; charset=utf-8"]);
    assert_eq!(values(headers, "ETag"), ["\"4.8.3\""]);
    assert_eq!(values(headers, "Cache-Control"), ["public, max-age=0"]);
    assert!(h.server.is_idle());
    let req = h.request("HEAD", "/engine.io/socket.io.js", &[]);
    assert_eq!(h.response(req).status, 200);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
        let req = h.request(method, "/engine.io/socket.io.js", &[]);
        assert_eq!(h.response(req).status, 405, "{method}");
        assert_eq!(values(&h.response(req).headers, "Allow"), ["GET, HEAD"]);
    }
}

#[test]
fn a_client_that_has_a_file_is_told_so_by_the_exact_tag_alone() {
    let mut h = with_files();
    let status = |h: &mut Harness<Engine>, tag: &str| {
        let response = get(h, "/engine.io/socket.io.js", &[("If-None-Match", tag.as_bytes())]);
        assert_eq!(response.body.is_empty(), response.status == 304);
        assert_eq!(values(&response.headers, "ETag"), ["\"4.8.3\""]);
        response.status
    };

    assert_eq!(status(&mut h, "\"4.8.3\""), 304);
    assert_eq!(status(&mut h, "W/\"4.8.3\""), 304);
    for tag in ["", "*", "4.8.3", "\"4.8.2\"", "W/W/\"4.8.3\"", "w/\"4.8.3\"", "\"4.8.3"] {
        assert_eq!(status(&mut h, tag), 200, "{tag}");
    }
    assert_eq!(status(&mut h, &"x".repeat(10_000)), 200);
}

#[test]
fn only_names_of_the_list_are_files() {
    let h = with_files();
    let config = h.server.config();

    assert!(config.matches("/engine.io/socket.io.js"));
    for path in [
        "/engine.io/../../etc/passwd",
        "/engine.io/%2e%2e/",
        "/engine.io/socket.io.js/",
        "/engine.io//socket.io.js",
        "/engine.io/./socket.io.js",
        "/engine.io/constructor",
        "/engine.io/__proto__",
        "/engine.io/SOCKET.IO.JS",
        "/engine.io/socket.io%2ejs",
        "/engine.io/socket.io.js%00",
        "/engine.io/socket.io.js.map",
        "/engine.iosocket.io.js",
        "/socket.io.js",
    ] {
        assert!(!config.matches(path), "{path}");
    }
}

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
