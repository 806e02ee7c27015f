//! How sessions are opened, and which requests are refused with which words.

mod common;

use std::time::Duration;

use common::Harness;
use sockeye_core::engineio::{Cookie, Engine, EngineConfig, SameSite};
use sockeye_core::{RateLimit, Server, Sid};

const UNKNOWN_TRANSPORT: &str = r#"400 {"code":0,"message":"Transport unknown"}"#;
const UNKNOWN_SESSION: &str = r#"400 {"code":1,"message":"Session ID unknown"}"#;
const BAD_METHOD: &str = r#"400 {"code":2,"message":"Bad handshake method"}"#;
const BAD_REQUEST: &str = r#"400 {"code":3,"message":"Bad request"}"#;
const UNSUPPORTED: &str = r#"400 {"code":5,"message":"Unsupported protocol version"}"#;
const BUSY: &str = r#"503 {"code":3,"message":"Too many sessions"}"#;

/// What a GET with this query is answered with.
fn get(h: &mut Harness<Server>, query: &str) -> String {
    request(h, "GET", query)
}

fn request(h: &mut Harness<Server>, method: &str, query: &str) -> String {
    let req = h.request(method, &format!("/socket.io/{query}"), &[]);
    h.answer(req)
}

fn upgrade(h: &mut Harness<Server>, query: &str) -> String {
    let ws = h.upgrade_with(&format!("/socket.io/{query}"), &[]);
    h.refusal(ws)
}

#[test]
fn a_polling_handshake_is_answered_with_open() {
    let mut h = Harness::new();

    let req = h.request("GET", "/socket.io/?EIO=4&transport=polling&t=abc", &[]);

    let response = h.response(req);
    let body = String::from_utf8(response.body.to_vec()).unwrap();
    let sid = body.split('"').nth(3).unwrap().to_owned();
    assert_eq!(Sid::shard_of(&sid), Some(0));
    assert_eq!(
        body,
        format!(
            "0{{\"sid\":\"{sid}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}}"
        )
    );
    assert_eq!(response.status, 200);
    let headers: Vec<_> = response.headers.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        headers,
        [("Content-Type", "text/plain; charset=UTF-8"), ("Cache-Control", "no-store")]
    );
}

#[test]
fn a_websocket_handshake_is_accepted_and_open_has_no_upgrades() {
    let mut h = Harness::new();

    let ws = h.upgrade_with("/socket.io/?EIO=4&transport=websocket", &[]);

    let open = h.received(ws).concat();
    let sid = open.split('"').nth(3).unwrap();
    assert_eq!(
        open,
        format!(
            "0{{\"sid\":\"{sid}\",\"upgrades\":[],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}}"
        )
    );
}

#[test]
fn open_tells_what_is_configured() {
    let mut h = Harness::with(|config| {
        config.engine.ping_interval = Duration::from_millis(300);
        config.engine.ping_timeout = Duration::from_millis(200);
        config.engine.max_payload = 100;
        config.engine.allow_upgrades = false;
    });

    let open = get(&mut h, "?EIO=4&transport=polling");

    let told = "\"upgrades\":[],\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":100}";
    assert!(open.ends_with(told), "{open}");
}

#[test]
fn an_error_is_json_over_polling_and_text_over_websocket() {
    let mut h = Harness::new();

    let req = h.request("GET", "/socket.io/?EIO=4", &[]);
    let ws = h.upgrade_with("/socket.io/?EIO=4", &[]);

    let response = h.response(req);
    assert_eq!(response.headers, [("Content-Type".into(), "application/json".into())]);
    assert_eq!(h.refusal(ws), "400 Transport unknown");
}

#[test]
fn a_transport_that_does_not_exist_is_unknown() {
    let mut h = Harness::new();

    for query in [
        "",
        "?EIO=4",
        "?EIO=4&transport",
        "?EIO=4&transport=",
        "?EIO=4&transport=abc",
        "?EIO=4&transport=POLLING",
        "?EIO=4&transport=__proto__",
        "?EIO=4&transport=constructor",
        "?EIO=4&transport=webtransport",
        "?EIO=4&transport=polling%20",
    ] {
        assert_eq!(get(&mut h, query), UNKNOWN_TRANSPORT, "{query}");
        assert_eq!(upgrade(&mut h, query), "400 Transport unknown", "{query}");
    }
}

#[test]
fn a_transport_that_is_off_is_unknown() {
    let mut h = Harness::with(|config| config.engine.polling = false);
    assert_eq!(get(&mut h, "?EIO=4&transport=polling"), UNKNOWN_TRANSPORT);

    let mut h = Harness::with(|config| config.engine.websocket = false);
    let query = "?EIO=4&transport=websocket";
    assert_eq!(upgrade(&mut h, query), "400 Transport unknown");
    let open = get(&mut h, "?EIO=4&transport=polling");
    assert!(open.contains("\"upgrades\":[]"), "{open}");
}

#[test]
fn only_protocol_4_is_supported() {
    let mut h = Harness::new();

    for protocol in ["", "EIO=", "EIO=abc", "EIO=3", "EIO=5", "EIO=04", "EIO=4%20", "eio=4"] {
        let query = format!("?{protocol}&transport=polling");
        assert_eq!(get(&mut h, &query), UNSUPPORTED, "{query}");
        let query = format!("?{protocol}&transport=websocket");
        let refusal = upgrade(&mut h, &query);
        assert_eq!(refusal, "400 Unsupported protocol version", "{query}");
    }
}

#[test]
fn a_request_of_another_protocol_version_is_refused_by_a_session() {
    let mut h = Harness::new();
    let sid = h.open_polling();

    for protocol in ["", "EIO=3&", "EIO=5&"] {
        let query = format!("?{protocol}transport=polling&sid={sid}");
        assert_eq!(get(&mut h, &query), BAD_REQUEST, "{query}");
    }

    assert_eq!(answer_to_join(&mut h, &sid), "200 ok");
}

#[test]
fn a_duplicate_query_parameter_is_a_bad_request() {
    let mut h = Harness::new();
    let sid = h.open_polling();

    for query in [
        "?EIO=4&EIO=3&transport=polling".to_owned(),
        "?EIO=4&EIO=4&transport=polling".to_owned(),
        "?EIO=4&transport=polling&transport=websocket".to_owned(),
        "?EIO=4&transport=polling&transport=abc".to_owned(),
        format!("?EIO=4&transport=polling&sid={sid}&sid={sid}"),
        format!("?EIO=4&transport=polling&sid=x&sid={sid}"),
    ] {
        assert_eq!(get(&mut h, &query), BAD_REQUEST, "{query}");
        assert_eq!(upgrade(&mut h, &query), "400 Bad request", "{query}");
    }
}

#[test]
fn an_unknown_session_id_is_refused_and_not_echoed() {
    let mut h = Harness::new();

    for sid in [
        String::new(),
        "doesnotexist".to_owned(),
        "AAAAAAAAAAAAAAAAAAAA".to_owned(),
        "__proto__".to_owned(),
        "toString".to_owned(),
        "x".repeat(10_000),
        "%00".to_owned(),
        "%0d%0aset-cookie:x".to_owned(),
        "é".repeat(10),
        "a+b/c==".to_owned(),
        "%".to_owned(),
        "%zz".to_owned(),
        "%ff".to_owned(),
    ] {
        let query = format!("?EIO=4&transport=polling&sid={sid}");
        assert_eq!(get(&mut h, &query), UNKNOWN_SESSION);
        assert_eq!(request(&mut h, "POST", &query), UNKNOWN_SESSION);
        let query = format!("?EIO=4&transport=websocket&sid={sid}");
        assert_eq!(upgrade(&mut h, &query), "400 Session ID unknown");
    }
    assert_eq!(h.server.counts(), sockeye_core::Counts::default());
}

#[test]
fn a_handshake_must_be_a_get() {
    let mut h = Harness::new();

    for method in ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get"] {
        let answer = request(&mut h, method, "?EIO=4&transport=polling");
        assert_eq!(answer, BAD_METHOD, "{method}");
    }
}

#[test]
fn another_method_is_refused_and_the_session_lives() {
    let mut h = Harness::new();
    let sid = h.open_polling();

    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"] {
        let query = format!("?EIO=4&transport=polling&sid={sid}");
        assert_eq!(request(&mut h, method, &query), "400", "{method}");
    }

    assert_eq!(answer_to_join(&mut h, &sid), "200 ok");
}

#[test]
fn a_request_of_another_transport_is_refused() {
    let mut h = Harness::new();
    let sid = h.open_polling();

    assert_eq!(get(&mut h, "?EIO=4&transport=websocket"), BAD_REQUEST);
    let query = format!("?EIO=4&transport=websocket&sid={sid}");
    assert_eq!(get(&mut h, &query), BAD_REQUEST);
    let query = "?EIO=4&transport=polling";
    assert_eq!(upgrade(&mut h, query), "400 Bad request");
    let query = format!("?EIO=4&transport=polling&sid={sid}");
    assert_eq!(upgrade(&mut h, &query), "400 Bad request");

    assert_eq!(answer_to_join(&mut h, &sid), "200 ok");
}

#[test]
fn an_origin_with_control_characters_is_a_bad_request() {
    let mut h = Harness::new();
    let target = Harness::<Server>::target("polling", None);

    for origin in [&b"http://a\0b"[..], b"\x7f", b"a\r\nb"] {
        let req = h.request("GET", &target, &[("Origin", origin)]);
        assert_eq!(h.answer(req), BAD_REQUEST);
    }
    for origin in [&b"http://example.org"[..], b"null", "é".as_bytes(), b""] {
        let req = h.request("GET", &target, &[("Origin", origin)]);
        assert_eq!(h.response(req).status, 200);
    }
}

#[test]
fn unknown_query_parameters_are_ignored() {
    let mut h = Harness::new();

    for query in [
        "?EIO=4&transport=polling&b64=1".to_owned(),
        "?EIO=4&transport=polling&j=0".to_owned(),
        "?j=x&transport=polling&EIO=4".to_owned(),
        "?&&EIO=4&=&transport=polling&%zz&%".to_owned(),
        format!("?EIO=4&transport=polling{}", "&x=1".repeat(10_000)),
        format!("?EIO=4&transport=polling&t={}", "y".repeat(100_000)),
    ] {
        assert!(get(&mut h, &query).starts_with("200 0{"), "{query}");
    }
}

#[test]
fn a_cookie_does_not_name_a_session() {
    let mut h = Harness::new();
    let sid = h.open_polling();
    let cookie = format!("io={sid}");

    let target = Harness::<Server>::target("polling", None);
    let req = h.request("GET", &target, &[("Cookie", cookie.as_bytes())]);

    assert!(!h.answer(req).contains(&sid));
}

#[test]
fn the_endpoint_is_its_path_with_or_without_a_slash_and_nothing_else() {
    let config = sockeye_core::ServerConfig::default().engine;

    for path in ["/socket.io", "/socket.io/"] {
        assert!(config.matches(path), "{path}");
    }
    for path in [
        "/",
        "",
        "/socket.io/x",
        "/socket.iox",
        "/socket.iox/",
        "//socket.io/",
        "/SOCKET.IO/",
        "/socket.io//",
        "/socket.io/../admin",
        "/socket.io/.",
        "http://h/socket.io/",
        "socket.io",
    ] {
        assert!(!config.matches(path), "{path}");
    }
}

#[test]
fn a_handshake_over_max_sessions_is_answered_with_503() {
    let mut h = Harness::with(|config| config.engine.max_sessions = 2);
    let sid = h.open_polling();
    let ws = h.open_websocket();

    assert_eq!(get(&mut h, "?EIO=4&transport=polling"), BUSY);
    let query = "?EIO=4&transport=websocket";
    assert_eq!(upgrade(&mut h, query), "503 Too many sessions");

    assert_eq!(answer_to_join(&mut h, &sid), "200 ok");
    h.closed(ws, sockeye_core::CloseCause::Peer);
    assert!(get(&mut h, "?EIO=4&transport=polling").starts_with("200 0{"));
}

#[test]
fn a_config_error_names_its_field() {
    use sockeye_core::{NamespaceConfig, ServerConfig};
    let fault = |change: fn(&mut ServerConfig)| {
        let mut config = ServerConfig::default();
        change(&mut config);
        Server::new(config, common::SEED).err().unwrap().field
    };

    assert_eq!(fault(|c| c.engine.path = "socket.io".into()), "path");
    assert_eq!(fault(|c| c.engine.path = "/a?b".into()), "path");
    assert_eq!(fault(|c| c.engine.ping_interval = common::secs(0)), "ping_interval");
    assert_eq!(fault(|c| c.engine.ping_timeout = common::secs(0)), "ping_timeout");
    assert_eq!(fault(|c| c.engine.ping_interval = Duration::MAX), "ping_interval");
    assert_eq!(fault(|c| c.engine.ping_timeout = Duration::from_millis(1 << 31)), "ping_interval");
    let together = |c: &mut ServerConfig| {
        c.engine.ping_interval = Duration::from_millis(1 << 30);
        c.engine.ping_timeout = Duration::from_millis(1 << 30);
    };
    assert_eq!(fault(together), "ping_interval");
    let longest = EngineConfig::default()
        .ping_interval(Duration::from_millis(1 << 30))
        .ping_timeout(Duration::from_millis((1 << 30) - 1));
    assert!(Engine::new(longest, common::SEED).is_ok());
    assert_eq!(fault(|c| c.engine.max_payload = 0), "max_payload");
    assert_eq!(fault(|c| c.max_namespaces_per_client = 0), "max_namespaces_per_client");
    assert_eq!(fault(|c| c.connect_timeout = Duration::ZERO), "connect_timeout");
    assert_eq!(fault(|c| c.attachment_timeout = Duration::ZERO), "attachment_timeout");
    assert_eq!(fault(|c| c.rate = Some(RateLimit::new(2, Duration::from_nanos(1)))), "rate");
    let insecure =
        |c: &mut ServerConfig| c.engine.cookie = Some(Cookie::default().same_site(SameSite::None));
    assert_eq!(fault(insecure), "cookie");
    assert_eq!(fault(|c| c.engine.max_buffered = 0), "max_buffered");
    assert_eq!(fault(|c| c.engine.shard = 4096), "shard");
    let neither = |c: &mut ServerConfig| {
        c.engine.polling = false;
        c.engine.websocket = false;
    };
    assert_eq!(fault(neither), "polling");
    let names = |c: &mut ServerConfig| c.namespaces.push(NamespaceConfig::new("/"));
    assert_eq!(fault(names), "namespaces");
    let names = |c: &mut ServerConfig| c.namespaces.push(NamespaceConfig::new("/a,b"));
    assert_eq!(fault(names), "namespaces");
    let names = |c: &mut ServerConfig| c.namespaces.push(NamespaceConfig::new("chat"));
    assert_eq!(fault(names), "namespaces");
}

fn answer_to_join(h: &mut Harness<Server>, sid: &str) -> String {
    let req = h.post(sid, "40");
    h.answer(req)
}
