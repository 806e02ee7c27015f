//! What pages of other origins may do.

mod common;

use std::sync::Arc;

use common::Harness;
use sockeye_core::engineio::{Cors, Engine, EngineConfig, Origins};
use sockeye_core::{Headers, Input};

const HANDSHAKE: &str = "/engine.io/?EIO=4&transport=polling";
const GOOD: &str = "https://good.example";

fn engine(cors: Cors) -> Harness<Engine> {
    Harness::engine(EngineConfig::default().cors(cors))
}

fn list() -> Origins {
    Origins::List(vec![GOOD.to_owned(), "http://localhost:3000".to_owned()])
}

/// The headers that are about origins, as `name: value`.
fn about_origins(headers: &Headers) -> Vec<String> {
    let is_wanted = |name: &str| name.starts_with("Access-Control") || name == "Vary";
    let mut wanted: Vec<_> = headers
        .iter()
        .filter(|(name, _)| is_wanted(name))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    wanted.sort();
    wanted
}

/// What the answer to a request says about origins, and its status.
fn ask(h: &mut Harness<Engine>, method: &str, target: &str, origin: &str) -> (u16, Vec<String>) {
    let headers = [("Origin", origin.as_bytes())];
    let headers = if origin.is_empty() { &[][..] } else { &headers };
    let req = h.request(method, target, headers);
    let response = h.response(req);
    (response.status, about_origins(&response.headers))
}

fn handshake(h: &mut Harness<Engine>, origin: &str) -> Vec<String> {
    let (status, headers) = ask(h, "GET", HANDSHAKE, origin);
    assert_eq!(status, 200);
    headers
}

#[test]
fn there_are_no_cors_headers_by_default() {
    let mut h = Harness::engine(EngineConfig::default());

    assert!(handshake(&mut h, GOOD).is_empty());
    let ws = h.upgrade_with("/engine.io/?EIO=4&transport=websocket", &[("Origin", b"http://x")]);
    assert!(h.is_open(ws));
    assert!(h.handshake_headers(ws).is_empty());
    let (status, headers) = ask(&mut h, "OPTIONS", HANDSHAKE, GOOD);
    assert_eq!((status, headers.len()), (400, 0));
}

#[test]
fn any_origin_is_a_star_without_vary() {
    let mut h = engine(Cors::new(Origins::Any));

    for origin in ["", "null", GOOD, "https://evil.example"] {
        assert_eq!(handshake(&mut h, origin), ["Access-Control-Allow-Origin: *"], "{origin}");
    }
}

#[test]
fn an_origin_of_the_list_is_named_and_no_other_one() {
    let mut h = engine(Cors::new(list()));

    for origin in [GOOD, "http://localhost:3000"] {
        let expected =
            [format!("Access-Control-Allow-Origin: {origin}"), "Vary: Origin".to_owned()];
        assert_eq!(handshake(&mut h, origin), expected);
    }
    for origin in [
        "",
        "null",
        "*",
        "https://good.example.evil.com",
        "https://evilgood.example",
        "https://GOOD.example",
        "https://good.example/",
        "https://good.example:443",
        "http://good.example",
        "good.example",
        "https://good.example,https://evil.example",
        "https://good.example https://evil.example",
    ] {
        assert_eq!(handshake(&mut h, origin), ["Vary: Origin"], "{origin}");
    }
}

#[test]
fn a_fixed_origin_is_always_named() {
    let mut h = engine(Cors::new(Origins::Fixed(GOOD.to_owned())));

    for origin in ["", GOOD, "https://evil.example", "null"] {
        let expected = [format!("Access-Control-Allow-Origin: {GOOD}"), "Vary: Origin".to_owned()];
        assert_eq!(handshake(&mut h, origin), expected);
    }
}

#[test]
fn a_function_may_say_which_origins_match() {
    let ours = |origin: &str| origin.ends_with(".example.com");
    let mut h = engine(Cors::new(Origins::Matching(Arc::new(ours))));

    let expected = ["Access-Control-Allow-Origin: https://a.example.com", "Vary: Origin"];
    assert_eq!(handshake(&mut h, "https://a.example.com"), expected);
    assert_eq!(handshake(&mut h, "https://a.example.com.evil"), ["Vary: Origin"]);
    assert_eq!(handshake(&mut h, ""), ["Vary: Origin"]);
}

#[test]
fn a_preflight_is_answered_with_what_it_asks_for() {
    let mut h = engine(Cors::new(list()));

    let headers = [
        ("Origin", GOOD.as_bytes()),
        ("Access-Control-Request-Method", b"POST"),
        ("Access-Control-Request-Headers", b"content-type,x-token"),
    ];
    let req = h.request("OPTIONS", HANDSHAKE, &headers);

    let response = h.response(req);
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert_eq!(
        about_origins(&response.headers),
        [
            "Access-Control-Allow-Headers: content-type,x-token",
            "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE",
            "Access-Control-Allow-Origin: https://good.example",
            "Vary: Access-Control-Request-Headers",
            "Vary: Origin",
        ]
    );
    assert_eq!(response.headers.len(), 5);
    assert!(h.server.is_idle(), "it opens nothing");
}

#[test]
fn a_preflight_tells_what_is_configured() {
    let mut h = engine(
        Cors::new(list())
            .credentials(true)
            .methods("GET,POST")
            .allowed_headers("x-token".to_owned())
            .exposed_headers("x-node".to_owned())
            .max_age(Some(600)),
    );

    let headers = [("Origin", GOOD.as_bytes()), ("Access-Control-Request-Headers", b"x-other")];
    let req = h.request("OPTIONS", "/engine.io/", &headers);

    let response = h.response(req);
    assert_eq!(
        about_origins(&response.headers),
        [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Headers: x-token",
            "Access-Control-Allow-Methods: GET,POST",
            "Access-Control-Allow-Origin: https://good.example",
            "Access-Control-Expose-Headers: x-node",
            "Access-Control-Max-Age: 600",
            "Vary: Origin",
        ]
    );
    assert_eq!(
        handshake(&mut h, GOOD),
        [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Origin: https://good.example",
            "Access-Control-Expose-Headers: x-node",
            "Vary: Origin",
        ]
    );
}

#[test]
fn a_preflight_of_another_origin_names_no_origin() {
    let mut h = engine(Cors::new(list()));

    let (status, headers) = ask(&mut h, "OPTIONS", HANDSHAKE, "https://evil.example");

    assert_eq!(status, 204);
    assert!(!headers.iter().any(|header| header.contains("allow-origin")), "{headers:?}");
}

#[test]
fn wanted_headers_with_control_characters_are_not_echoed() {
    let mut h = engine(Cors::new(Origins::Any));

    let headers = [("Access-Control-Request-Headers", &b"x\r\nset-cookie: a=b"[..])];
    let req = h.request("OPTIONS", HANDSHAKE, &headers);

    let headers = about_origins(&h.response(req).headers);
    assert!(!headers.iter().any(|header| header.contains("allow-headers")), "{headers:?}");
}

#[test]
fn a_preflight_for_a_session_leaves_it_alone() {
    let mut h = engine(Cors::new(Origins::Any));
    let (sid, _) = h.open_polling();
    let get = h.get(&sid);

    let target = Harness::<Engine>::target("polling", Some(&sid));
    let req = h.request("OPTIONS", &target, &[("Origin", GOOD.as_bytes())]);

    assert_eq!(h.answer(req), "204");
    assert!(h.is_waiting(get));
}

#[test]
fn every_answer_has_the_cors_headers() {
    let expected = [format!("Access-Control-Allow-Origin: {GOOD}"), "Vary: Origin".to_owned()];
    let mut h = Harness::engine(
        EngineConfig::default().cors(Cors::new(list())).max_payload(5).max_sessions(3),
    );

    for (status, method, target) in [
        (400, "GET", "/engine.io/"),
        (400, "GET", "/engine.io/?EIO=3&transport=polling"),
        (400, "GET", "/engine.io/?EIO=4&transport=polling&sid=unknown"),
        (400, "POST", HANDSHAKE),
    ] {
        assert_eq!(ask(&mut h, method, target, GOOD), (status, expected.to_vec()), "{target}");
    }
    let origin = [("Origin", GOOD.as_bytes())];
    let (sid, _) = h.open_polling();
    let target = Harness::<Engine>::target("polling", Some(&sid));
    let post = h.request("POST", &target, &origin);
    h.body(post, "3");
    assert_eq!(about_origins(&h.response(post).headers), expected);
    let get = h.request("GET", &target, &origin);
    let post = h.request("POST", &target, &origin);
    h.feed(Input::BodyTooLarge { req: post });
    assert_eq!(h.response(post).status, 413);
    assert_eq!(about_origins(&h.response(post).headers), expected);
    assert_eq!(about_origins(&h.response(get).headers), expected);
    let (sid, _) = h.open_polling();
    let target = Harness::<Engine>::target("polling", Some(&sid));
    let post = h.request("POST", &target, &origin);
    h.body(post, "x");
    assert_eq!(h.response(post).status, 400);
    assert_eq!(about_origins(&h.response(post).headers), expected);

    let websocket = "/engine.io/?EIO=4&transport=websocket";
    for _ in 0..3 {
        let ws = h.upgrade_with(websocket, &origin);
        assert!(h.is_open(ws));
        assert_eq!(about_origins(&h.handshake_headers(ws)), expected);
    }
    let ws = h.upgrade_with(websocket, &origin);
    assert_eq!(h.refusal(ws), "503 Too many sessions");
    assert_eq!(about_origins(&h.handshake_headers(ws)), expected);
}

#[test]
fn credentials_for_any_origin_are_refused() {
    let cors = Cors::new(Origins::Any).credentials(true);
    let config = EngineConfig::default().cors(cors);

    assert_eq!(Engine::new(config, common::SEED).err().unwrap().field, "cors");
}

#[test]
fn control_characters_in_the_configuration_are_refused() {
    let bad = || "a\r\nset-cookie: b".to_owned();
    for cors in [
        Cors::new(Origins::Fixed(bad())),
        Cors::new(Origins::List(vec![GOOD.to_owned(), bad()])),
        Cors::new(list()).methods(bad()),
        Cors::new(list()).allowed_headers(bad()),
        Cors::new(list()).exposed_headers("\0".to_owned()),
    ] {
        let config = EngineConfig::default().cors(cors);
        assert_eq!(Engine::new(config, common::SEED).err().unwrap().field, "cors");
    }
}

#[test]
fn answers_of_a_driver_get_the_same_headers() {
    let cors = || Cors::new(Origins::Matching(Arc::new(|_| true)));
    let mut h = engine(cors());
    let origins = [GOOD, "https://a\u{7f}.example", "https://a.example\r\nx: y", ""];
    for origin in origins {
        let headers: &[(&str, &[u8])] = &[("Origin", origin.as_bytes())];
        let (method, target) = ("GET", "/engine.io/");
        let request =
            sockeye_core::Request { method, target, headers, remote: None, secure: false };

        let req = h.request(method, target, headers);
        let own = h.response(req).headers;

        assert_eq!(cors().headers(&request), own[1..], "after the type of the body");
    }
}
