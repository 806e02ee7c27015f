//! Which pages may open WebSockets.

mod common;

use common::Harness;
use sockeye_core::engineio::{Cors, Engine, EngineConfig, Origins, WebSocketOrigins};

const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";
const GOOD: &str = "https://good.example";
const EVIL: &str = "https://evil.example";

fn with(websocket_origins: WebSocketOrigins) -> Harness<Engine> {
    Harness::engine(EngineConfig::default().websocket_origins(websocket_origins))
}

fn list() -> Origins {
    Origins::List(vec![GOOD.to_owned(), "http://localhost:3000".to_owned()])
}

/// Opens a WebSocket with these headers; returns whether it was let in.
fn is_let_in(h: &mut Harness<Engine>, headers: &[(&str, &[u8])]) -> bool {
    let ws = h.upgrade_with(WEBSOCKET, headers);
    let open = h.is_open(ws);
    if !open {
        assert_eq!(h.refusal(ws), "403 Origin not allowed");
    }
    open
}

/// The same for a page of one origin whose user has a cookie.
fn is_page_let_in(h: &mut Harness<Engine>, host: &str, origin: &str) -> bool {
    let headers = [("Host", host), ("Origin", origin), ("Cookie", "session=1")];
    is_let_in(h, &headers.map(|(name, value)| (name, value.as_bytes())))
}

#[test]
fn a_page_of_the_same_host_opens_a_websocket_with_the_cookies_of_its_user() {
    let mut h = Harness::engine(EngineConfig::default());

    for (host, origin) in [
        ("example.com", "https://example.com"),
        ("example.com", "http://example.com"),
        ("EXAMPLE.com", "https://example.COM"),
        // Proxies leave ports out, or put their own in; the port of a scheme is left out as well.
        ("example.com:443", "https://example.com"),
        ("example.com", "https://example.com:8443"),
        ("example.com:3000", "https://example.com:8443"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("[2001:db8::1]", "https://[2001:db8::1]:8443"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        // Other clients take the address that they connect to.
        ("example.com", "wss://example.com"),
        ("example.com", "capacitor://example.com"),
    ] {
        assert!(is_page_let_in(&mut h, host, origin), "{origin} at {host}");
    }
}

#[test]
fn a_page_of_another_host_opens_no_websocket_with_the_cookies_of_its_user() {
    let mut h = Harness::engine(EngineConfig::default());

    for (host, origin) in [
        ("example.com", EVIL),
        ("example.com", "null"),
        ("example.com", ""),
        ("example.com", "example.com"),
        ("example.com", "file://"),
        ("example.com", "https://"),
        ("example.com", "https://example.com.evil.example"),
        ("example.com", "https://evil-example.com"),
        ("example.com", "https://sub.example.com"),
        ("sub.example.com", "https://example.com"),
        ("example.com", "https://example.com@evil.example"),
        ("example.com", "https://evil.example/https://example.com"),
        ("example.com", "https://evil.example https://example.com"),
        ("example.com", "https://example.com:x"),
        ("127.0.0.1:3000", "http://localhost:3000"),
        ("[::1]:3000", "http://[::2]:3000"),
        ("", "null"),
        ("", "https://"),
        ("null", "null"),
        (":3000", "https://:3000"),
    ] {
        assert!(!is_page_let_in(&mut h, host, origin), "{origin} at {host}");
    }
    assert!(h.server.is_idle(), "nothing of them is kept");
}

#[test]
fn a_proxy_may_tell_the_host_that_it_was_asked_for() {
    let mut h = Harness::engine(EngineConfig::default());
    let mut is_let_in_by_proxy = |forwarded: &[&str]| {
        let mut headers = vec![
            ("host", &b"backend:3000"[..]),
            ("origin", b"https://example.com"),
            ("cookie", b"session=1"),
        ];
        headers.extend(forwarded.iter().map(|host| ("x-forwarded-host", host.as_bytes())));
        is_let_in(&mut h, &headers)
    };

    assert!(is_let_in_by_proxy(&["example.com"]));
    assert!(is_let_in_by_proxy(&["Example.com:443"]));
    assert!(is_let_in_by_proxy(&["example.com, inner.example"]));
    assert!(is_let_in_by_proxy(&["outer.example ,example.com"]));
    assert!(is_let_in_by_proxy(&["outer.example", "example.com"]));
    assert!(!is_let_in_by_proxy(&[]));
    assert!(!is_let_in_by_proxy(&["", ",", "other.example", "\u{e9}"]));
}

#[test]
fn websockets_without_origin_or_credentials_are_accepted() {
    let mut h = Harness::engine(EngineConfig::default());

    for headers in [
        &[][..],
        &[("Cookie", &b"session=1"[..])],
        &[("Authorization", b"Basic dTpw")],
        &[("Origin", EVIL.as_bytes())],
        &[("Origin", b"null")],
        &[("Origin", EVIL.as_bytes()), ("X-Token", b"secret")],
        // No browser adds these by itself.
        &[("Origin", EVIL.as_bytes()), ("Authorization", b"Bearer secret")],
        &[("Origin", EVIL.as_bytes()), ("Authorization", b"bearer secret")],
        // Boards with Arduino.
        &[("Origin", b"file://"), ("Authorization", b"Basic dTpw")],
    ] {
        assert!(is_let_in(&mut h, headers), "{headers:?}");
    }
}

#[test]
fn credentials_are_cookies_and_what_browsers_send_after_asking_once() {
    let mut h = Harness::engine(EngineConfig::default());

    for credentials in [
        ("cookie", &b"session=1"[..]),
        ("COOKIE", b""),
        ("Authorization", b"Basic dTpw"),
        ("authorization", b"Negotiate abc"),
        ("authorization", b"Bearerer abc"),
        ("authorization", b""),
    ] {
        let headers = [("Host", &b"example.com"[..]), ("Origin", EVIL.as_bytes()), credentials];
        assert!(!is_let_in(&mut h, &headers), "{credentials:?}");
    }
    let both = [("Authorization", &b"Bearer a"[..]), ("Authorization", b"Basic dTpw")];
    assert!(!is_let_in(&mut h, &[both[0], both[1], ("Origin", EVIL.as_bytes())]));
}

#[test]
fn each_origin_that_is_named_must_be_allowed() {
    let mut h = Harness::engine(EngineConfig::default());
    let (own, evil) = (("Origin", &b"https://example.com"[..]), ("Origin", EVIL.as_bytes()));
    let user = [("Host", &b"example.com"[..]), ("Cookie", b"session=1")];

    assert!(is_let_in(&mut h, &[user[0], user[1], own, own]));
    assert!(!is_let_in(&mut h, &[user[0], user[1], own, evil]));
    assert!(!is_let_in(&mut h, &[user[0], user[1], evil, own]));
    assert!(!is_let_in(&mut h, &[user[0], user[1], ("Origin", b"https://example.com\xff")]));
}

#[test]
fn pages_that_may_read_answers_may_open_websockets() {
    let cors = |origins| EngineConfig::default().cors(Cors::new(origins));
    let mut h = Harness::engine(cors(list()));

    assert!(is_page_let_in(&mut h, "example.com", GOOD));
    assert!(is_page_let_in(&mut h, "example.com", "https://example.com"));
    assert!(!is_page_let_in(&mut h, "example.com", EVIL));

    let mut h = Harness::engine(cors(Origins::Any));
    for origin in [EVIL, "null", "file://", "capacitor://localhost"] {
        assert!(is_page_let_in(&mut h, "example.com", origin), "{origin}");
    }
}

#[test]
fn any_page_opens_websockets_where_that_is_wanted() {
    let mut h = with(WebSocketOrigins::Any);

    for origin in [EVIL, "null", ""] {
        assert!(is_page_let_in(&mut h, "example.com", origin), "{origin}");
    }
}

#[test]
fn with_a_list_all_other_pages_are_turned_away_whatever_they_bring() {
    let mut h = with(WebSocketOrigins::Only(list()));
    let mut is_let_in = |origins: &[&[u8]]| {
        let headers: Vec<_> = origins.iter().map(|origin| ("Origin", *origin)).collect();
        is_let_in(&mut h, &headers)
    };

    assert!(is_let_in(&[GOOD.as_bytes()]));
    assert!(is_let_in(&[]), "it comes from no page");
    for origin in [
        &b""[..],
        b"null",
        b"file://",
        b"https://evil.example",
        b"https://good.example.evil.com",
        b"https://GOOD.example",
        b"https://good.example\xff",
    ] {
        assert!(!is_let_in(&[origin]), "{origin:?}");
    }
    assert!(!is_let_in(&[GOOD.as_bytes(), b"https://evil.example"]));
    assert!(!is_let_in(&[b"https://evil.example", GOOD.as_bytes()]));
    assert_eq!(h.told().len(), 2);
    assert!(!is_page_let_in(&mut h, "example.com", "https://example.com"));
}

#[test]
fn websockets_may_come_from_one_fixed_origin_alone() {
    let mut h = with(WebSocketOrigins::Only(Origins::Fixed(GOOD.to_owned())));

    assert!(is_let_in(&mut h, &[("Origin", GOOD.as_bytes())]));
    assert!(!is_let_in(&mut h, &[("Origin", EVIL.as_bytes())]));
}

#[test]
fn a_websocket_that_is_to_take_over_a_session_is_checked_like_a_new_one() {
    let mut h = Harness::engine(EngineConfig::default());
    let (sid, _) = h.open_polling();
    let target = Harness::<Engine>::target("websocket", Some(&sid));
    let user = [("Host", &b"good.example"[..]), ("Cookie", b"session=1")];

    let ws = h.upgrade_with(&target, &[user[0], user[1], ("Origin", EVIL.as_bytes())]);

    assert_eq!(h.refusal(ws), "403 Origin not allowed");
    let ws = h.upgrade_with(&target, &[user[0], user[1], ("Origin", GOOD.as_bytes())]);
    assert!(h.is_open(ws));
}

#[test]
fn a_page_of_another_host_can_not_use_what_it_opens_by_polling() {
    let mut h = Harness::engine(EngineConfig::default());
    let page = [
        ("Host", &b"example.com"[..]),
        ("Origin", EVIL.as_bytes()),
        ("Cookie", b"io=unknown"),
        ("Content-Type", b"text/plain"),
    ];

    let handshake = h.request("GET", "/engine.io/?EIO=4&transport=polling", &page);

    let response = h.response(handshake);
    assert_eq!(response.status, 200);
    let readable = |name: &str| name.to_ascii_lowercase().starts_with("access-control");
    assert!(!response.headers.iter().any(|(name, _)| readable(name)), "it learns no id");
    let blind = h.request("POST", "/engine.io/?EIO=4&transport=polling", &page);
    assert_eq!(h.response(blind).status, 400);
}
