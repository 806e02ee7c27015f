//! What surrounds the connections: starting, stopping, limits, other pages and other streams.

mod support;

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use sockeye_smol::http::{Request, Response, StatusCode};
use sockeye_smol::{
    AckError, AckFailure, App, DisconnectReason, Full, HeaderHook, HttpConfig, Incoming, Limits,
    Peer, Serve, Server,
};
use support::client::{open, poll, poll_head, post, sid_of};
use support::peer_app::app;
use support::{Bystander, Frame, PATIENCE, TestServer, Wire, eventually, quick};

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
fn a_server_that_does_not_listen_says_so() {
    let server = Server::new(app()).expect("a valid configuration");
    assert!(server.local_addr().is_err());
    assert!(server.serve().is_err());
}

#[test]
fn a_server_restarts_on_the_same_port_at_once() {
    let server = TestServer::new();
    let address = server.address;
    let mut client = Bystander::new(address);
    client.echo("before");
    server.stop();
    client.wire.rest();
    let again = TestServer::start(move || app().bind(address).expect("the port is free again"));
    Bystander::new(again.address).echo("after");
}

#[test]
fn shutting_down_closes_everybody_and_then_ends() {
    let limits = Limits { shutdown_timeout: PATIENCE * 10, head_timeout: PATIENCE * 10, ..quick() };
    let server = TestServer::with(limits);
    let address = server.address;
    let mut by_websocket = Bystander::new(address);
    let sid = open(address);
    let mut by_polling = Wire::connect(address);
    by_polling.send(poll_head(&format!("&sid={sid}")));
    let mut idle = Wire::connect(address);
    idle.send(poll_head("&sid=unknown"));
    assert_eq!(idle.answer().status, 400);
    by_websocket.echo("the poll is under way");

    let stopping = thread::spawn(move || server.stop());
    assert_eq!(by_websocket.wire.close_code(), None);
    drop(by_websocket);
    assert_eq!(by_polling.answer().status, 200);
    by_polling.rest();
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
    let server = TestServer::with(Limits { close_timeout: PATIENCE * 10, ..quick() });
    let mut deaf = Bystander::new(server.address);
    deaf.echo("here");
    let begun = Instant::now();
    server.stop();
    let taken = begun.elapsed();
    assert!(taken >= quick().shutdown_timeout && taken < PATIENCE / 2, "{taken:?}");
    deaf.wire.rest();
}

#[test]
fn a_connection_over_the_limit_is_closed_and_the_others_stay() {
    let server = TestServer::with(Limits { max_connections: 2, ..quick() });
    let mut first = Bystander::new(server.address);
    let second = Bystander::new(server.address);
    let mut third = Wire::connect(server.address);
    third.try_send(poll_head(""));
    assert_eq!(third.rest(), b"", "it is closed without an answer");
    first.echo("still here");
    drop(second);
    eventually("a seat becomes free", || {
        let mut wire = Wire::connect(server.address);
        wire.try_send(poll_head("&sid=unknown"));
        !wire.rest().is_empty()
    });
}

#[test]
fn a_handler_that_panics_hurts_nobody_else() {
    let server = TestServer::new();
    let mut bystander = Bystander::new(server.address);
    let mut client = Bystander::new(server.address);
    for event in [r#"42["panic"]"#, r#"420["panic later"]"#] {
        client.wire.send_frame(&Frame::text(event));
        client.echo("not worse for it");
    }
    client.wire.send_frame(&Frame::text(r#"421["wait",20,"the panic was meanwhile"]"#));
    assert_eq!(client.wire.text(), r#"431["the panic was meanwhile"]"#);
    bystander.assert_works();
}

#[test]
fn a_handler_that_waits_holds_up_nobody() {
    let server = TestServer::new();
    let mut client = Bystander::new(server.address);
    client.wire.send_frame(&Frame::text(r#"421["wait",50,"late"]"#));
    client.wire.send_frame(&Frame::text(r#"422["wait",0,"early"]"#));
    assert_eq!(client.wire.text(), r#"432["early"]"#);
    assert_eq!(client.wire.text(), r#"431["late"]"#);
}

#[test]
fn what_another_thread_emits_arrives() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = TestServer::start(move || {
        let app = app();
        sender.send(app.io()).expect("the test waits for it");
        app.bind("127.0.0.1:0").expect("a free port")
    });
    let io = receiver.recv().expect("the server starts");
    let mut clients = [Bystander::new(server.address), Bystander::new(server.address)];
    for word in ["one", "two"] {
        io.emit("news", word);
        for client in &mut clients {
            assert_eq!(client.wire.text(), format!(r#"42["news","{word}"]"#));
        }
    }
}

#[test]
fn other_pages_are_served_on_the_same_port() {
    let server = TestServer::start(|| {
        let server = app().bind("127.0.0.1:0").expect("a free port");
        server.page("/", "text/html; charset=utf-8", "<h1>Chat</h1>").fallback(
            |request: Request<Incoming>| async move {
                smol::Timer::after(Duration::from_millis(10)).await;
                let mut response =
                    Response::new(Full::from(format!("no {}", request.uri().path())));
                *response.status_mut() = StatusCode::IM_A_TEAPOT;
                response
            },
        )
    });
    let mut wire = Wire::connect(server.address);
    wire.send("GET /?x=y HTTP/1.1\r\nHost: test\r\n\r\n");
    let page = wire.answer();
    assert_eq!((page.status, page.text()), (200, "<h1>Chat</h1>"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    wire.send("DELETE / HTTP/1.1\r\nHost: test\r\n\r\n");
    let refused = wire.answer();
    assert_eq!((refused.status, refused.header("allow")), (405, Some("get, head")));
    wire.send("GET /tea HTTP/1.1\r\nHost: test\r\n\r\n");
    let other = wire.answer();
    assert_eq!((other.status, other.text()), (418, "no /tea"));
    wire.send("HEAD / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let head = String::from_utf8(wire.rest()).expect("a head in ASCII");
    assert!(head.contains("Content-Length: 13") && head.ends_with("\r\n\r\n"), "{head}");
    Bystander::new(server.address).assert_works();
}

#[test]
fn pages_that_panic_are_answered_with_500() {
    let server = TestServer::start(|| {
        let http = HttpConfig::default().header_hook(HeaderHook::new(|request, _, _| {
            assert!(!request.target.contains("panic"), "as asked");
        }));
        let server = app().http(http).bind("127.0.0.1:0").expect("a free port");
        server.fallback(|request: Request<Incoming>| {
            assert_ne!(request.uri().path(), "/at-once", "as asked");
            async move {
                smol::Timer::after(Duration::from_millis(1)).await;
                assert_ne!(request.uri().path(), "/later", "as asked");
                Response::new(Full::from("fine"))
            }
        })
    });
    let mut bystander = Bystander::new(server.address);
    let mut wire = Wire::connect(server.address);
    let polling = "/socket.io/?EIO=4&transport=polling";
    for path in ["/at-once", "/later", &format!("{polling}&panic=1")] {
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(wire.answer().status, 500, "{path}");
    }
    for path in ["/fine", polling] {
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(wire.answer().status, 200, "{path}");
    }
    bystander.assert_works();
}

#[test]
fn what_nobody_serves_is_not_found() {
    let server = TestServer::new();
    let mut wire = Wire::connect(server.address);
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.answer().status, 404);
}

#[test]
fn any_stream_can_be_served() {
    let (here, there) = UnixStream::pair().expect("a pair of sockets");
    let serving = thread::spawn(move || {
        let server = Server::new(app()).expect("a valid configuration");
        let stream = smol::Async::new(there).expect("a socket");
        smol::block_on(server.connection(stream, Peer { address: None, secure: true }));
    });
    let mut client = Bystander::over(Wire::over(here));
    client.echo("by other means");
    drop(client);
    serving.join().expect("the connection ends");
}

#[test]
fn a_stream_from_elsewhere_is_served_on_when_the_one_before_it_ends() {
    let pairs: Vec<_> = (0..3).map(|_| UnixStream::pair().expect("a pair of sockets")).collect();
    let (here, there): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let serving = thread::spawn(move || {
        let server = Server::new(app()).expect("a valid configuration");
        let local = smol::LocalExecutor::new();
        let all: Vec<_> = there
            .into_iter()
            .map(|there| {
                let stream = smol::Async::new(there).expect("a socket");
                let server = server.clone();
                local.spawn(async move { server.connection(stream, Peer::default()).await })
            })
            .collect();
        smol::block_on(local.run(async {
            for one in all {
                one.await;
            }
        }));
    });
    for mut client in here.into_iter().map(|here| Bystander::over(Wire::over(here))) {
        // Its handler waits, which somebody has to see to.
        client.wire.send(Frame::text(r#"427["wait",5,"word"]"#).bytes());
        assert_eq!(client.text(), r#"437["word"]"#);
    }
    serving.join().expect("the connections end");
}

#[test]
fn a_server_runs_on_a_listener_made_elsewhere() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (sender, receiver) = std::sync::mpsc::channel();
    let serving = thread::spawn(move || {
        let server = Server::new(app()).expect("a valid configuration");
        sender.send(server.handle()).expect("the test waits for it");
        let listener = smol::Async::new(listener).expect("a socket");
        smol::block_on(server.limits(quick()).run_on(listener));
    });
    let handle = receiver.recv().expect("the server starts");
    Bystander::new(address).assert_works();
    handle.shutdown();
    serving.join().expect("the server ends");
}

#[test]
fn a_session_that_is_idle_is_pinged_in_time_and_dropped_without_an_answer() {
    let server = TestServer::start(|| {
        support::peer_app::impatient_app().bind("127.0.0.1:0").expect("a free port")
    });
    let mut wire = Wire::websocket(server.address, "");
    assert!(wire.text().starts_with("0{"), "the session opens");
    assert_eq!(wire.text(), "2");
    assert_eq!(wire.close_code(), None);

    let sid = sid_of(&poll(server.address, ""));
    assert_eq!(poll(server.address, &format!("&sid={sid}")).text(), "2");
    eventually("the session ends", || !support::client::session_exists(server.address, &sid));
}

#[test]
fn clients_of_a_server_that_is_dropped_are_disconnected_and_no_answer_stays_out() {
    let (tell, told) = std::sync::mpsc::channel();
    let app = App::new().on_disconnect(move |reason: DisconnectReason| {
        tell.send(reason).expect("the test listens");
    });
    let io = app.io();
    let server = app.bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("it is bound");
    let client = thread::spawn(move || Bystander::new(address));
    let answer = smol::block_on(async {
        let connected = async {
            loop {
                match io.sockets().pop() {
                    Some(socket) if client.is_finished() => {
                        let patience = Duration::from_secs(3600);
                        return Some(socket.timeout(patience).emit_with_ack::<()>("question", ()));
                    }
                    _ => smol::Timer::after(Duration::from_millis(1)).await,
                };
            }
        };
        let running = async {
            server.run().await.expect("it listens");
            None
        };
        let asked = smol::future::or(running, connected).await;
        asked.expect("it connects first").await
    });

    assert!(io.sockets().is_empty());
    assert_eq!(told.recv_timeout(PATIENCE), Ok(DisconnectReason::ServerShuttingDown));
    let answer = answer.expect_err("there is nobody to answer");
    assert!(matches!(answer, AckFailure::Ack(AckError::Disconnected)), "{answer}");
    drop(client.join().expect("it connects"));
}
