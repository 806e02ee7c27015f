//! What surrounds the connections: starting, stopping, limits and other pages.

mod support;

use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_tiny_http::tiny_http::{Request, Response};
use sockeye_tiny_http::{App, HeaderHook, HttpConfig, Limits, ServeBlocking, Server, client_addr};
use support::client::{open, poll, poll_head, post, sid_of};
use support::peer_app::app;
use support::{Bystander, PATIENCE, TestServer, Wire, eventually, quick};

fn bind() -> Server {
    bind_app(app())
}

fn bind_app(app: App) -> Server {
    let limits = Limits { head_timeout: PATIENCE, write_timeout: PATIENCE, ..quick() };
    app.bind("127.0.0.1:0").expect("a free port").limits(limits)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let error = app().bind(address).expect_err("the port is taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("in use"), "{text}");
}

#[test]
fn an_address_that_is_none_is_an_error() {
    let error = app().bind("no port here").expect_err("it has no port");
    assert!(error.to_string().contains("cannot resolve"), "{error}");
}

#[test]
fn a_server_that_is_not_run_can_be_dropped_and_one_stopped_before_ends_at_once() {
    drop(bind());
    let server = bind();
    server.handle().shutdown();
    server.serve().expect("there are threads");
}

#[test]
fn a_server_restarts_on_the_same_port_at_once() {
    let server = TestServer::new();
    let address = server.address;
    Bystander::new(address).echo("before");
    server.stop();
    let again = app().bind(address).expect("the port is free again").limits(quick());
    let again = TestServer::start(again);
    Bystander::new(again.address).echo("after");
}

#[test]
fn shutting_down_closes_everybody_and_then_ends() {
    let limits = Limits { shutdown_timeout: PATIENCE * 10, head_timeout: PATIENCE * 10, ..quick() };
    let server = TestServer::with(limits);
    let address = server.address;
    let sid = open(address);
    let mut polling = Wire::connect(address);
    polling.send(poll_head(&format!("&sid={sid}")));
    let mut idle = Wire::connect(address);
    idle.send(poll_head("&sid=unknown"));
    assert_eq!(idle.answer().status, 400);

    let stopping = thread::spawn(move || server.stop());
    assert_eq!(polling.answer().status, 200);
    polling.rest();
    assert_eq!(idle.rest(), b"");
    stopping.join().expect("the server ends");
    TcpListener::bind(address).expect("the port is free");
}

/// A server that waits for everybody for as long as it takes.
fn patient() -> TestServer {
    let hour = Duration::from_secs(3600);
    TestServer::with(Limits { shutdown_timeout: hour, head_timeout: hour, ..quick() })
}

/// Fails unless the server ends by itself soon.
fn assert_ends(mut server: TestServer) {
    let thread = server.thread.take().expect("it has not been stopped");
    eventually("the server ends", || thread.is_finished());
    thread.join().expect("no panic on the server's thread");
}

#[test]
fn shutting_down_waits_for_clients_that_come_to_fetch_their_last_messages() {
    let server = patient();
    let sid = open(server.address);
    assert_eq!(post(server.address, &sid, r#"42["echo","the last word"]"#).text(), "ok");
    server.handle.shutdown();
    eventually("newcomers are told", || poll(server.address, "").status == 503);
    for message in [r#"42["echo","the last word"]"#, "6\u{1e}1"] {
        let answer = poll(server.address, &format!("&sid={sid}"));
        assert_eq!((answer.text(), answer.header("connection")), (message, Some("close")));
    }
    assert_ends(server);
}

#[test]
fn a_connection_that_a_client_keeps_is_good_for_its_last_messages() {
    let server = patient();
    let mut kept = Wire::connect(server.address);
    kept.send(poll_head(""));
    let sid = sid_of(&kept.answer());
    assert_eq!(post(server.address, &sid, "6").text(), "ok");
    server.handle.shutdown();
    eventually("newcomers are told", || poll(server.address, "").status == 503);
    kept.send(poll_head(&format!("&sid={sid}")));
    let last = kept.answer();
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert_eq!(kept.rest_without_reset(), b"");
    assert_ends(server);
}

#[test]
fn sessions_that_nobody_has_used_do_not_keep_a_server_from_its_end() {
    let server = patient();
    for _ in 0..3 {
        sid_of(&poll(server.address, ""));
    }
    server.handle.shutdown();
    assert_ends(server);
}

#[test]
fn connections_on_which_nothing_is_asked_do_not_keep_a_server_from_its_end() {
    let server = patient();
    let address = server.address;
    let sid = open(address);
    let mut early = Wire::connect(address);
    server.handle.shutdown();
    eventually("newcomers are told", || poll(address, "").status == 503);
    let mut late = Wire::connect(address);
    assert_eq!(poll(address, &format!("&sid={sid}")).status, 200);
    assert_eq!(early.rest(), b"");
    assert_eq!(late.rest(), b"");
    assert_ends(server);
    TcpListener::bind(address).expect("the port is free");
}

#[test]
fn shutting_down_does_not_wait_for_ever() {
    let server = TestServer::with(Limits { head_timeout: PATIENCE * 10, ..quick() });
    let mut stuck = Wire::connect(server.address);
    stuck.send("GET / HTT");
    Bystander::new(server.address).echo("the others are served");
    let begun = Instant::now();
    server.stop();
    let taken = begun.elapsed();
    assert!(taken >= quick().shutdown_timeout && taken < PATIENCE / 2, "{taken:?}");
    stuck.rest();
}

#[test]
fn retiring_sends_everybody_away_and_then_ends() {
    let server = TestServer::new();
    let address = server.address;
    let sids: Vec<String> = (0..5).map(|_| open(address)).collect();
    let mut polls: Vec<Wire> = sids.iter().map(|_| Wire::connect(address)).collect();
    for (wire, sid) in polls.iter_mut().zip(&sids) {
        wire.send(poll_head(&format!("&sid={sid}")));
    }
    server.handle.retire(Duration::from_millis(200));
    eventually("newcomers are told", || poll(address, "").status == 503);
    polls.iter_mut().for_each(|wire| assert_eq!(wire.answer().status, 200));
    drop(polls);
    eventually("the port is free", || TcpListener::bind(address).is_ok());
}

#[test]
fn a_connection_over_the_limit_is_closed_and_the_others_stay() {
    for limits in [
        Limits { max_connections: 2, ..quick() },
        Limits { max_connections_per_address: 2, ..quick() },
    ] {
        let server = TestServer::with(Limits { head_timeout: PATIENCE, ..limits });
        let (mut first, mut second) =
            (Wire::connect(server.address), Wire::connect(server.address));
        for wire in [&mut first, &mut second] {
            wire.send(poll_head("&sid=unknown"));
            assert_eq!(wire.answer().status, 400);
        }
        let mut third = Wire::connect(server.address);
        third.try_send(poll_head(""));
        assert_eq!(third.rest(), b"", "it is closed without an answer");
        first.send(poll_head("&sid=unknown"));
        assert_eq!(first.answer().status, 400);
        drop(second);
        eventually("a seat becomes free", || {
            let mut wire = Wire::connect(server.address);
            wire.try_send(poll_head("&sid=unknown"));
            wire.end_sending();
            !wire.rest().is_empty()
        });
    }
}

#[test]
fn requests_that_take_too_much_memory_together_are_cut_off() {
    let server = TestServer::with(Limits { max_memory: 1_500_000, ..quick() });
    let mut bystander = Bystander::new(server.address);
    let (one, other) = (open(server.address), open(server.address));
    let body = "x".repeat(900_000);
    let mut wires = [one, other].map(|sid| {
        let mut wire = Wire::connect(server.address);
        wire.send(support::client::post_head(&sid, "Content-Length: 950000\r\n"));
        wire
    });
    let taken = wires.iter_mut().filter_map(|wire| wire.try_send(&body).then_some(())).count();
    wires.iter_mut().for_each(|wire| drop(wire.rest()));
    assert!(taken <= 2);
    bystander.assert_works();
}

#[test]
fn a_handler_that_panics_hurts_nobody_else() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let sid = open(server.address);
    for event in [r#"42["panic"]"#, r#"42["panic later"]"#] {
        assert_eq!(post(server.address, &sid, event).text(), "ok");
    }
    assert!(poll(server.address, &format!("&sid={sid}")).text().contains("question"));
    thread::sleep(Duration::from_millis(20));
    let waiting = r#"421["wait",20,"the panics were meanwhile"]"#;
    assert_eq!(post(server.address, &sid, waiting).text(), "ok");
    let answer = poll(server.address, &format!("&sid={sid}"));
    assert_eq!(answer.text(), r#"431["the panics were meanwhile"]"#);
    bystander.assert_works();
}

#[test]
fn what_other_threads_emit_is_sent_at_once() {
    let app = app();
    let io = app.io();
    let server = TestServer::start(app.bind("127.0.0.1:0").expect("a free port").limits(quick()));
    let sid = open(server.address);
    for number in 0..20 {
        let io = io.clone();
        let emitter = thread::spawn(move || {
            thread::sleep(Duration::from_millis(2));
            io.emit("tick", number);
        });
        let begun = Instant::now();
        let answer = poll(server.address, &format!("&sid={sid}"));
        assert_eq!(answer.text(), format!(r#"42["tick",{number}]"#));
        assert!(begun.elapsed() < Duration::from_secs(1));
        emitter.join().expect("it only emits");
    }
}

#[test]
fn pages_are_served_beside_the_endpoint() {
    let http = HttpConfig::default().header_hook(HeaderHook::new(|request, _, _| {
        assert!(!request.target.contains("panic"), "as asked");
    }));
    let server = bind_app(app().http(http))
        .page("/", "text/html", "<h1>Hello</h1>")
        .page("/large", "text/plain", "x".repeat(5_000_000))
        .fallback(|mut request: Request| {
            if request.url() == "/panic" {
                panic!("as asked");
            }
            let mut body = String::new();
            let _ = request.as_reader().read_to_string(&mut body);
            let address = client_addr(&request).map(|address| address.ip());
            let text = format!("{} {} {body:?} {address:?}", request.method(), request.url());
            let _ = request.respond(Response::from_string(text));
        });
    let server = TestServer::start(server);
    let mut wire = Wire::connect(server.address);
    wire.send(get("/"));
    let answer = wire.answer();
    assert_eq!(
        (answer.text(), answer.header("content-type")),
        ("<h1>Hello</h1>", Some("text/html"))
    );
    wire.send(get("/large?x"));
    assert_eq!(wire.answer().body.len(), 5_000_000);
    wire.send("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    let answer = wire.answer();
    assert_eq!((answer.status, answer.header("allow")), (405, Some("get, head")));
    wire.send("POST /other?x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(wire.answer().text(), r#"POST /other?x "hi" Some(127.0.0.1)"#);
    wire.send(get("/panic"));
    assert_eq!(wire.answer().status, 500);
    wire.send(get("/socket.io/?EIO=4&transport=polling&panic=1"));
    assert_eq!(wire.answer().status, 500);
    wire.send(get("/socket.io/?EIO=4&transport=polling"));
    assert_eq!(wire.answer().status, 200);
}

#[test]
fn a_page_may_be_answered_from_anywhere_and_at_any_length() {
    let server = bind().fallback(|request: Request| {
        thread::spawn(move || {
            let endless = std::io::Read::take(std::io::repeat(b'x'), 20_000_000);
            let response = Response::new(200.into(), Vec::new(), endless, None, None);
            let _ = request.respond(response);
        });
    });
    let server = TestServer::start(server);
    let mut bystander = Bystander::new(server.address);
    let mut wire = Wire::connect(server.address);
    wire.send(get("/"));
    bystander.echo("meanwhile");
    assert_eq!(wire.answer().header("transfer-encoding"), Some("chunked"));
    // The connection goes on after the last chunk.
    wire.send(get("/socket.io/").replace("Host", "Connection: close\r\nHost"));
    let rest = wire.rest();
    assert!(rest.len() > 20_000_000);
    let end = String::from_utf8_lossy(&rest[rest.len() - 300..]);
    assert!(
        end.contains("\r\n0\r\n\r\nHTTP/1.1 400 Bad Request\r\nConnection: close\r\n"),
        "{end}"
    );
}

#[test]
fn a_page_that_blocks_holds_up_no_events() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let server = bind().fallback(move |request: Request| {
        // Ends when nobody can send any more.
        let _ = released.lock().expect("nobody panics").recv();
        drop(request);
    });
    let server = TestServer::start(server);
    let mut bystander = Bystander::new(server.address);
    let mut crowd: Vec<Wire> = (0..8).map(|_| Wire::connect(server.address)).collect();
    crowd.iter_mut().for_each(|wire| wire.send(get("/slow")));
    bystander.assert_works();
    drop(release);
    crowd.iter_mut().for_each(|wire| assert_eq!(wire.answer().status, 500));
}
