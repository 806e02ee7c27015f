//! What servers do for HTTP beside the protocol: compression, files, further headers.

mod web;

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sockeye_app::core::engineio::{Cookie, Cors, EngineConfig, Origins};
use sockeye_app::core::{Headers, Response, ServerConfig};
use sockeye_app::{
    App, Compression, EngineApp, HeaderHook, HttpConfig, Session, Stage, StaticFile,
};
use web::Web;

const POLLING: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

fn http() -> HttpConfig {
    HttpConfig::default()
}

/// A server that sends every message back.
fn echo() -> EngineApp {
    EngineApp::new().on_message(|session: &Session, message| session.send(message))
}

/// The values of all headers of this name.
fn values<'a>(headers: &'a Headers, name: &str) -> Vec<&'a str> {
    headers.iter().filter(|(key, _)| key == name).map(|(_, value)| &**value).collect()
}

fn encoding(response: &Response) -> String {
    values(&response.headers, "Content-Encoding").concat()
}

fn decoded(response: &Response) -> Vec<u8> {
    let mut body = Vec::new();
    match &*encoding(response) {
        "gzip" => flate2::read::GzDecoder::new(&response.body[..]).read_to_end(&mut body),
        "deflate" => flate2::read::ZlibDecoder::new(&response.body[..]).read_to_end(&mut body),
        "" => (&response.body[..]).read_to_end(&mut body),
        other => panic!("unknown encoding {other:?}"),
    }
    .expect("what was encoded");
    body
}

// Compression.

/// Fetches a message of this many bytes; returns the encoding and the body, which is checked.
fn fetch(length: usize, accept: &str, http: HttpConfig) -> (String, Vec<u8>) {
    let app = EngineApp::new().http(http).on_open(move |session: &Session| {
        session.send("abc".repeat(length).split_off(2 * length));
    });
    let mut web = Web::new(app);
    let sid = web.open(POLLING);
    let get = web.get(&format!("{POLLING}&sid={sid}"), &[("Accept-Encoding", accept)]);
    let text = "abc".repeat(length).split_off(2 * length);
    assert_eq!(decoded(&get), format!("4{text}").into_bytes());
    (encoding(&get), get.body.to_vec())
}

#[test]
fn answers_are_compressed_from_the_threshold_on_as_the_client_accepts() {
    for (accept, encoding) in [
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("GZIP", "gzip"),
        ("gzip;q=0.1,deflate;q=0.9", "deflate"),
        ("gzip; q=0.5", "gzip"),
        ("*", "gzip"),
        ("*;q=0.5, gzip;q=0", "deflate"),
        ("", ""),
        ("br", ""),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.0, deflate;q=0", ""),
        ("gzip;q=nonsense", ""),
        (",,;;q=", ""),
    ] {
        let (used, body) = fetch(1024, accept, http());
        assert_eq!(used, encoding, "{accept}");
        assert!(encoding.is_empty() || body.len() < 200);
    }
    assert_eq!(fetch(1023, "gzip", http()).0, "gzip", "with the type it is 1,024");
    assert_eq!(fetch(1022, "gzip", http()).0, "");
    let threshold = |threshold| http().compression(Compression::default().threshold(threshold));
    assert_eq!(fetch(10, "gzip", threshold(11)).0, "gzip");
    assert_eq!(fetch(10, "gzip", threshold(12)).0, "");
    assert_eq!(fetch(100_000, "gzip", http().compression(None)).0, "");
}

#[test]
fn an_answer_that_would_take_long_to_compress_is_not_compressed() {
    assert_eq!(fetch((512 << 10) - 1, "gzip", http()).0, "gzip");
    assert_eq!(fetch(512 << 10, "gzip", http()).0, "");
}

/// A server of Socket.IO, and a client of long-polling that has joined `/`.
fn joined(app: App) -> (Web, String) {
    let mut web = Web::new(app);
    let polling = "/socket.io/?EIO=4&transport=polling";
    let sid = web.open(polling);
    let session = format!("{polling}&sid={sid}");
    assert_eq!(&web.post(&session, "40").body[..], b"ok");
    assert!(web.get(&session, &[]).body.starts_with(b"40"));
    (web, session)
}

#[test]
fn an_event_may_ask_not_to_be_compressed() {
    let app = App::new();
    let io = app.io();
    let (mut web, session) = joined(app);
    let mut sent = || {
        let response = web.get(&session, &[("accept-encoding", "gzip")]);
        assert!(decoded(&response).starts_with(b"42"));
        encoding(&response)
    };
    let text = "x".repeat(2000);

    io.compress(false).emit("e", &text);
    assert_eq!(sent(), "");
    io.emit("e", &text);
    assert_eq!(sent(), "gzip");
    io.compress(false).emit("e", &text);
    io.emit("e", "another one that may be");
    assert_eq!(sent(), "gzip", "one that may be is enough");
    io.compress(false).emit("e", &text);
    assert_eq!(sent(), "");
}

#[test]
fn a_message_for_many_is_compressed_once() {
    let app = App::new();
    let io = app.io();
    let mut web = Web::new(app);
    let polling = "/socket.io/?EIO=4&transport=polling";
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let session = format!("{polling}&sid={}", web.open(polling));
        web.post(&session, "40");
        web.get(&session, &[]);
        waiting.push(web.request("GET", &session, &[("accept-encoding", "gzip")]));
    }
    let text = "x".repeat(100_000);
    io.emit("e", &text);
    web.drive();

    let answers: Vec<_> = waiting.into_iter().map(|req| web.answer(req)).collect();
    assert_eq!(encoding(&answers[0]), "gzip");
    assert_eq!(decoded(&answers[0]), format!("42[\"e\",\"{text}\"]").as_bytes());
    for answer in &answers {
        assert_eq!(answer.body.as_ptr(), answers[0].body.as_ptr(), "it is the same memory");
        assert_eq!(answer.headers, answers[0].headers);
    }
}

#[test]
fn compression_is_bounded_per_slice() {
    let mut web = Web::new(EngineApp::new().on_open(|session: &Session| {
        session.send("x".repeat(100_000));
    }));
    let sent = |web: &mut Web| {
        let session = format!("{POLLING}&sid={}", web.open(POLLING));
        let response = web.get(&session, &[("accept-encoding", "gzip")]);
        assert!(decoded(&response).len() > 100_000);
        encoding(&response)
    };
    let used: Vec<_> = (0..5).map(|_| sent(&mut web)).collect();
    assert_eq!(used, ["gzip", "gzip", "gzip", "", ""]);

    web.advance(Duration::from_millis(1));
    assert_eq!(sent(&mut web), "gzip");
}

#[test]
fn the_headers_of_a_compressed_answer_have_one_order() {
    let config = EngineConfig::default().cors(Cors::new(Origins::Any));
    let hook = HeaderHook::new(|_, _, headers| headers.push(("X-Last".into(), "1".into())));
    let app = EngineApp::new().config(config).http(http().header_hook(hook));
    let mut web = Web::new(app.on_open(|session: &Session| session.send("x".repeat(5_000))));
    let sid = web.open(POLLING);
    let response = web.get(&format!("{POLLING}&sid={sid}"), &[("accept-encoding", "gzip")]);
    let names: Vec<_> = response.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        [
            "Content-Type",
            "Cache-Control",
            "Content-Encoding",
            "Access-Control-Allow-Origin",
            "X-Last"
        ]
    );
}

// Further headers.

/// A hook that says at which stage it was called, and by whom.
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

fn hooked(hook: HeaderHook, config: EngineConfig) -> Web {
    Web::new(echo().config(config).http(http().header_hook(hook)))
}

#[test]
fn headers_are_added_to_handshakes_and_to_what_follows() {
    let mut web = hooked(stages(), EngineConfig::default().cookie(Cookie::default()));
    let name = [("X-Name", "ann")];

    let response = web.get(POLLING, &name);
    let names: Vec<_> = response.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["Content-Type", "Cache-Control", "Set-Cookie", "x-stage", "x-name"]);
    assert_eq!(values(&response.headers, "x-stage"), ["handshake"]);
    assert_eq!(values(&response.headers, "x-name"), ["ann"]);
    let sid = String::from_utf8_lossy(&response.body).split('"').nth(3).unwrap().to_owned();
    let session = format!("{POLLING}&sid={sid}");
    let post = web.post(&session, "4a");
    assert_eq!(values(&post.headers, "x-stage"), ["session"]);
    assert_eq!(values(&web.get(&session, &name).headers, "x-name"), ["ann"]);
    let ws = web.upgrade(&format!("{WEBSOCKET}&sid={sid}"), &name);
    let headers = vec![("x-stage".into(), "session".into()), ("x-name".into(), "ann".into())];
    assert_eq!(web.handshake(ws), &(101, headers));
    let ws = web.upgrade(WEBSOCKET, &[]);
    let headers = vec![("x-stage".into(), "handshake".into()), ("x-name".into(), "nobody".into())];
    assert_eq!(web.handshake(ws), &(101, headers));
}

#[test]
fn errors_and_preflights_get_no_further_headers() {
    let mut web =
        hooked(stages(), EngineConfig::default().max_sessions(1).cors(Cors::new(Origins::Any)));
    let hooked = |response: &Response| !values(&response.headers, "x-stage").is_empty();
    let outcome = |response: Response| (response.status, hooked(&response));

    assert_eq!(outcome(web.get("/engine.io/", &[])), (400, false));
    let sid = web.open(POLLING);
    assert_eq!(outcome(web.get(POLLING, &[])), (503, false));
    let ws = web.upgrade(WEBSOCKET, &[]);
    let (status, headers) = web.handshake(ws);
    assert_eq!((*status, values(headers, "x-stage").len()), (503, 0));
    let session = format!("{POLLING}&sid={sid}");
    let preflight = web.request("OPTIONS", &session, &[]);
    assert_eq!(outcome(web.answer(preflight)), (204, false));
    assert_eq!(outcome(web.post(&session, "x")), (400, false));
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
    let mut web = hooked(hook, EngineConfig::default());

    let ws = web.upgrade(WEBSOCKET, &[]);

    let expected = vec![("x-good".into(), "plain é".into()), ("X-Case".into(), "1".into())];
    assert_eq!(web.handshake(ws), &(101, expected));
}

#[test]
fn a_hook_may_call_the_server_and_a_panic_in_it_costs_its_request_alone() {
    let app = App::new();
    let io = app.io();
    let called = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&called);
    let hook = HeaderHook::new(move |request, _, _| {
        assert!(!request.target.contains("panic"), "as asked");
        io.emit("seen", request.target);
        calls.fetch_add(1, Ordering::Relaxed);
    });
    let (mut web, session) = joined(app.http(http().header_hook(hook)));
    let before = called.load(Ordering::Relaxed);

    let panic = AssertUnwindSafe(|| web.get(&format!("{session}&panic"), &[]));
    assert!(catch_unwind(panic).is_err());
    let response = web.get(&session, &[]);

    assert!(response.body.starts_with(b"42[\"seen\","), "{:?}", response.body);
    assert_eq!(called.load(Ordering::Relaxed), before + 1);
}

// Files.

fn file(name: &'static str, body: impl Into<sockeye_app::Bytes>) -> StaticFile {
    StaticFile {
        name: name.into(),
        content_type: "application/javascript; charset=utf-8".into(),
        etag: "\"4.8.3\"".into(),
        body: body.into(),
    }
}

fn with_files() -> Web {
    let files = [file("socket.io.js", "one"), file("socket.io.min.js", "two")];
    Web::new(echo().http(http().files(files)))
}

#[test]
fn a_file_is_compressed_once_for_each_encoding() {
    let body = |name: &str| format!("the body of {name}").repeat(1_000);
    let files = ["a.js", "b.js"].map(|name| file(name, body(name)));
    let mut web = Web::new(echo().http(http().files(files)));
    let mut bodies = Vec::new();
    for name in ["a.js", "b.js"] {
        for accepted in ["gzip", "deflate", ""] {
            let headers = [("accept-encoding", accepted)];
            let mut get = || web.get(&format!("/engine.io/{name}"), &headers);
            let (first, second) = (get(), get());
            assert_eq!(decoded(&first), body(name).as_bytes());
            assert_eq!(encoding(&first), accepted);
            assert_eq!(values(&first.headers, "Vary"), ["Accept-Encoding"]);
            assert_eq!(second, first);
            assert_eq!(second.body.as_ptr(), first.body.as_ptr(), "it is the same memory");
            bodies.push(first.body.as_ptr());
        }
    }
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), 6);
}

#[test]
fn files_have_their_type_and_tag_and_no_session() {
    let mut web = with_files();

    let response = web.get("/engine.io/socket.io.min.js?x=1&EIO=4", &[]);

    assert_eq!((response.status, &response.body[..]), (200, &b"two"[..]));
    let headers: Vec<_> = response.headers.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        headers,
        [
            ("Content-Type", "application/javascript; charset=utf-8"),
            ("Cache-Control", "public, max-age=0"),
            ("ETag", "\"4.8.3\"")
        ]
    );
    assert!(web.machine.is_idle());
    let head = web.request("HEAD", "/engine.io/socket.io.js", &[]);
    assert_eq!(web.answer(head).status, 200);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
        let req = web.request(method, "/engine.io/socket.io.js", &[]);
        let response = web.answer(req);
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(values(&response.headers, "Allow"), ["GET, HEAD"]);
    }
}

#[test]
fn a_client_that_has_a_file_is_told_so_by_the_exact_tag_alone() {
    let mut web = with_files();
    let mut status = |tag: &str| {
        let response = web.get("/engine.io/socket.io.js", &[("If-None-Match", tag)]);
        assert_eq!(response.body.is_empty(), response.status == 304);
        assert_eq!(values(&response.headers, "ETag"), ["\"4.8.3\""]);
        response.status
    };

    assert_eq!(status("\"4.8.3\""), 304);
    assert_eq!(status("W/\"4.8.3\""), 304);
    for tag in ["", "*", "4.8.3", "\"4.8.2\"", "W/W/\"4.8.3\"", "w/\"4.8.3\"", "\"4.8.3"] {
        assert_eq!(status(tag), 200, "{tag}");
    }
    assert_eq!(status(&"x".repeat(10_000)), 200);
}

#[test]
fn only_names_of_the_list_are_files() {
    let machine = with_files().machine;

    assert!(machine.matches("/engine.io/socket.io.js"));
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
        assert!(!machine.matches(path), "{path}");
    }
}

#[test]
fn files_get_the_cors_headers_and_preflights_are_answered() {
    let origin = [("Origin", "https://good.example")];
    let mut config = ServerConfig::default();
    config.engine.cors = Some(Cors::new(Origins::List(vec![origin[0].1.to_owned()])));
    let mut web = Web::new(App::new().config(config));
    for (method, status) in [("GET", 200), ("POST", 405), ("OPTIONS", 204)] {
        let req = web.request(method, "/socket.io/socket.io.js", &origin);
        let response = web.answer(req);
        assert_eq!(response.status, status);
        let allowed = values(&response.headers, "Access-Control-Allow-Origin");
        assert_eq!(allowed, ["https://good.example"]);
        assert!(values(&response.headers, "Vary").contains(&"Origin"));
    }
}
