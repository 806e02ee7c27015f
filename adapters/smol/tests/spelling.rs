//! Names of headers as they are written: small devices compare them with case.

mod support;

use sockeye_smol::core::ServerConfig;
use sockeye_smol::core::engineio::{Cookie, Cors, Origins};
use sockeye_smol::http::Request;
use sockeye_smol::{Full, HeaderHook, HttpConfig, Incoming, Serve};
use support::client::poll_head;
use support::wire::{ACCEPT, KEY, handshake, handshake_with};
use support::{TestServer, Wire, quick};

/// A server that uses all headers that there are.
fn server() -> TestServer {
    TestServer::start(|| {
        let mut config = ServerConfig::default();
        config.engine.cookie = Some(Cookie::default());
        config.engine.cors = Some(
            (Cors::new(Origins::List(vec!["https://good.example".to_owned()])))
                .credentials(true)
                .exposed_headers("X-Exposed".to_owned())
                .max_age(Some(600)),
        );
        let http = HttpConfig::default().header_hook(HeaderHook::new(|_, _, headers| {
            headers.push(("X-Request-ID".into(), "7".into()));
            headers.push(("x-lower".into(), "8".into()));
        }));
        let server = support::peer_app::app().config(config).http(http).bind("127.0.0.1:0");
        let page = |_: Request<Incoming>| async {
            let mut response = sockeye_smol::http::Response::new(Full::from("page"));
            for name in ["etag", "x-page", "www-authenticate"] {
                let value = "value".parse().expect("a value");
                response.headers_mut().insert(name, value);
            }
            response
        };
        server.expect("a free port").limits(quick()).fallback(page)
    })
}

/// The names in the head of an answer, in their order, and what they are worth.
fn head(server: &TestServer, request: impl AsRef<[u8]>) -> (String, Vec<(String, String)>) {
    let mut wire = Wire::connect(server.address);
    wire.send(request);
    let head = String::from_utf8(wire.until(b"\r\n\r\n")).expect("a head in ASCII");
    let mut lines = head.lines();
    let status = lines.next().expect("a status").to_owned();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    (status, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn names(server: &TestServer, request: impl AsRef<[u8]>) -> Vec<String> {
    let mut names: Vec<String> =
        head(server, request).1.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

const ORIGIN: &str = "Origin: https://good.example\r\nHost";
const CORS: [&str; 3] = [
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
];

fn sorted<'a>(lists: &[&[&'a str]]) -> Vec<&'a str> {
    let mut all = lists.concat();
    all.sort_unstable();
    all
}

#[test]
fn names_are_written_as_the_rfcs_do_and_those_of_the_application_as_it_did() {
    let server = server();
    let open = poll_head("").replacen("Host", ORIGIN, 1);
    let own = ["X-Request-ID", "x-lower"];
    let common = ["Content-Length", "Content-Type", "Date", "Vary"];
    assert_eq!(
        names(&server, &open),
        sorted(&[&CORS, &own, &common, &["Cache-Control", "Set-Cookie"]])
    );
    let unknown = poll_head("&sid=unknown").replacen("Host", ORIGIN, 1);
    assert_eq!(names(&server, unknown), sorted(&[&CORS, &common]));
    let preflight = open.replacen("GET", "OPTIONS", 1);
    let expected = ["Access-Control-Allow-Methods", "Access-Control-Max-Age", "Date", "Vary"];
    let found = names(&server, preflight);
    assert_eq!(found, sorted(&[&CORS, &expected]), "there is no length where there is no body");
    let file = "GET /socket.io/socket.io.js HTTP/1.1\r\nHost: test\r\n\r\n";
    assert!(names(&server, file).contains(&"ETag".to_owned()));
    let page = "GET /page HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let expected = ["Connection", "Content-Length", "Date", "ETag", "WWW-Authenticate", "X-Page"];
    assert_eq!(names(&server, page), expected);
}

#[test]
fn an_upgrade_and_its_refusals_are_written_as_the_rfc_does() {
    let server = server();
    let offered = format!(
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: a\r\n"
    );
    let own = ["X-Request-ID", "x-lower", "Vary"];
    let accepted =
        ["Connection", "Date", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Upgrade"];
    let cors = &CORS[..1];
    let (status, _) = head(&server, handshake(""));
    assert_eq!(status, "HTTP/1.1 101 Switching Protocols");
    assert_eq!(
        names(&server, handshake_with("", &offered)),
        sorted(&[&accepted, cors, &["Access-Control-Expose-Headers"], &own])
    );
    let (status, headers) = head(&server, handshake_with("", "Sec-WebSocket-Version: 8\r\n"));
    assert!(status.contains(" 426 "), "{status}");
    assert!(headers.contains(&("Sec-WebSocket-Version".to_owned(), "13".to_owned())));
    let (status, headers) = head(&server, handshake("&sid=unknown"));
    assert!(status.contains(" 400 "), "{status}");
    assert!(headers.contains(&("Connection".to_owned(), "close".to_owned())));
}

/// What small clients look for in the answer to a handshake, byte for byte.
#[test]
fn clients_that_compare_with_case_find_what_they_look_for() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send(handshake(""));
    let head = String::from_utf8(wire.until(b"\r\n\r\n")).expect("a head in ASCII");
    // The websocket transport of ESP-IDF: the value goes to the end of the line.
    let accept = head.split("Sec-WebSocket-Accept:").nth(1).expect("the header is there");
    assert_eq!(accept.split("\r\n").next().map(|value| value.trim_matches(' ')), Some(ACCEPT));
    // The Arduino library: a line begins with a name, and the value follows a colon and a space.
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    assert!(head.starts_with("HTTP/1.1 101"));
    assert_eq!(value("Sec-WebSocket-Accept: "), Some(ACCEPT));
    assert!(value("Connection: ").is_some_and(|value| value.contains("Upgrade")));
    // Defold: all three literally.
    for literal in ["Sec-WebSocket-Accept: ", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n"] {
        assert!(head.contains(literal), "{literal:?} in {head}");
    }
}
