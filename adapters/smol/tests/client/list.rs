//! What has to hold against every server.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};
use smol::future::{self, block_on};
use smol::stream::StreamExt;
use sockeye_smol::client::{
    Client, Config, Connect, ConnectError, Connection, DisconnectReason, Event, Refused, Socket,
    Transport,
};
use sockeye_smol::{Ack, AckFailure, Args, Bytes, Value};

pub(crate) use crate::ending::{
    a_client_that_is_detached_goes_on_without_handles, what_was_emitted_before_the_end_arrives,
    what_was_emitted_before_the_last_handle_was_dropped_arrives,
};
use crate::host::{Host, Kind};

const PATIENCE: Duration = Duration::from_secs(20);

fn with_transports(transports: &[Transport]) -> Client {
    Client::new().config(quick(Config::default().transports(transports.to_vec())))
}

/// Does not wait for long before it connects again.
pub(crate) fn quick(config: Config) -> Config {
    let reconnection_delay = Duration::from_millis(50);
    let reconnection_delay_max = Duration::from_millis(200);
    config.reconnection_delay(reconnection_delay).reconnection_delay_max(reconnection_delay_max)
}

pub(crate) fn ways() -> [Vec<Transport>; 3] {
    let (polling, websocket) = (Transport::Polling, Transport::WebSocket);
    [vec![polling, websocket], vec![polling], vec![websocket]]
}

/// Has a client that tells all events of a name.
fn telling(client: Client, event: &str) -> (Client, Receiver<Args>) {
    let (tell, told) = channel();
    let client = client.on(event, move |args: Args| {
        let _ = tell.send(args);
    });
    (client, told)
}

fn next(told: &Receiver<Args>) -> Args {
    told.recv_timeout(PATIENCE).expect("the event comes")
}

pub(crate) fn a_client_connects_by_each_transport(kind: Kind) {
    let host = Host::start(kind);
    for transport in [Transport::Polling, Transport::WebSocket] {
        let client = with_transports(&[transport]);
        let socket = block_on(client.connect(&host.url(""))).unwrap();
        assert!(socket.is_connected() && socket.id().is_some());
        assert_eq!(socket.transport(), Some(transport.as_str()));
        let seen: String = block_on(socket.emit_with_ack("transport", ())).unwrap();
        assert_eq!(seen, transport.as_str());
        // Longer than a ping and its answer may take.
        std::thread::sleep(Duration::from_millis(1_000));
        assert!(socket.is_connected());
        block_on(socket.close()).unwrap();
    }
}

pub(crate) fn a_client_upgrades(kind: Kind) {
    let host = Host::start(kind);
    let (tell, told) = channel();
    let client = Client::new().on_connection(move |connection: &Connection| {
        let _ = tell.send(format!("{connection:?}"));
    });
    let socket = block_on(client.connect(&host.url(""))).unwrap();
    let opened = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(opened, "Opened { transport: Polling, attempts: 0 }");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "Upgraded");
    let seen: String = block_on(socket.emit_with_ack("transport", ())).unwrap();
    assert_eq!(seen, "websocket");
    block_on(socket.close()).unwrap();
}

pub(crate) fn a_client_may_offer_subprotocols(kind: Kind) {
    let host = Host::start(kind);
    let (tell, told) = channel();
    for transports in [vec![Transport::WebSocket], vec![Transport::Polling, Transport::WebSocket]] {
        let protocols = vec!["my-app".to_owned(), "other".to_owned()];
        let config = Config::default().transports(transports).protocols(protocols);
        let tell = tell.clone();
        let client = Client::new().config(quick(config)).on_connection(move |it: &Connection| {
            let _ = tell.send(format!("{it:?}"));
        });
        let socket = block_on(client.connect(&host.url(""))).unwrap();
        let opened = told.recv_timeout(PATIENCE).unwrap();
        if !opened.contains("WebSocket") {
            assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "Upgraded");
        }
        let seen: String = block_on(socket.emit_with_ack("transport", ())).unwrap();
        assert_eq!(seen, "websocket");
        block_on(socket.close()).unwrap();
    }
}

fn values() -> Vec<Value> {
    fn value(data: impl serde::Serialize) -> Value {
        Args::of(&(data,)).unwrap().get(0).unwrap()
    }
    vec![
        value("text \u{20ac} \u{1f642} \0 \u{1e} \u{2028} \" \\ \n"),
        value(json!([1, -2.5, null, true, { "deep": [[]] }])),
        value(Bytes::from_static(&[0, 30, 255])),
        value("x".repeat(200_000)),
        value(Bytes::from(vec![7; 200_000])),
    ]
}

pub(crate) fn values_come_back_as_they_were_sent(kind: Kind) {
    let host = Host::start(kind);
    for transports in ways() {
        let (client, told) = telling(with_transports(&transports), "echo");
        let socket = block_on(client.connect(&host.url(""))).unwrap();
        for value in values() {
            socket.emit("echo", (&value, 1));
            // An offset may follow, which is for recovery.
            let back = next(&told);
            assert_eq!(back.get::<Value>(0).unwrap(), value);
            assert_eq!(back.get::<u8>(1).unwrap(), 1);
        }
        block_on(socket.close()).unwrap();
    }
}

pub(crate) fn values_come_back_in_acknowledgements(kind: Kind) {
    let host = Host::start(kind);
    for transports in ways() {
        let socket = block_on(with_transports(&transports).connect(&host.url(""))).unwrap();
        for value in values() {
            let answer = socket.emit_with_ack::<(Value, u8)>("ack", (&value, 1));
            assert_eq!(block_on(answer).unwrap(), (value, 1));
        }
        block_on(socket.close()).unwrap();
    }
}

pub(crate) fn a_server_gets_its_answers(kind: Kind) {
    let host = Host::start(kind);
    for transports in ways() {
        let client = with_transports(&transports)
            .on("question", |n: i64, bytes: Bytes| async move { Ack((n * 2, bytes)) });
        let (client, told) = telling(client, "answered");
        let socket = block_on(client.connect(&host.url(""))).unwrap();
        socket.emit("ask me", (21, Bytes::from_static(b"ab")));
        let answer = next(&told);
        assert_eq!(answer.get::<i64>(0).unwrap(), 42);
        assert_eq!(answer.get::<Bytes>(1).unwrap(), Bytes::from_static(b"ab"));
        block_on(socket.close()).unwrap();
    }
}

pub(crate) fn many_events_keep_their_order(kind: Kind) {
    let host = Host::start(kind);
    for transports in ways() {
        let (client, told) = telling(with_transports(&transports), "number");
        let socket = block_on(client.connect(&host.url(""))).unwrap();
        socket.emit("numbers", 500);
        let numbers: Vec<u32> = (0..500).map(|_| next(&told).get(0).unwrap()).collect();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
        let answers: Vec<_> = (0..500).map(|n| socket.emit_with_ack::<u32>("ack", n)).collect();
        for (n, answer) in (0..500).zip(answers) {
            assert_eq!(block_on(answer).unwrap(), n);
        }
        block_on(socket.close()).unwrap();
    }
}

pub(crate) fn several_namespaces_share_a_connection(kind: Kind) {
    let host = Host::start(kind);
    let (tell, told) = channel();
    let client = Client::new().auth(json!({ "n": 1 })).of("custom", |namespace| {
        namespace.auth(json!({ "n": 2, "name": "x" })).on("auth", move |auth: Json| {
            let _ = tell.send(auth);
        })
    });
    let socket = block_on(client.connect(&host.url("/custom"))).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), json!({ "n": 2, "name": "x" }));
    let root = socket.of("/").unwrap();
    block_on(root.connected()).unwrap();
    assert_ne!(root.id(), socket.id());
    assert_eq!(block_on(root.emit_with_ack::<u8>("ack", 1)).unwrap(), 1);
    socket.disconnect();
    assert_eq!(block_on(root.emit_with_ack::<u8>("ack", 2)).unwrap(), 2);
    assert!(!socket.is_connected());
    socket.connect();
    block_on(socket.connected()).unwrap();
    assert_eq!(block_on(socket.emit_with_ack::<u8>("ack", 3)).unwrap(), 3);
    block_on(socket.close()).unwrap();
}

pub(crate) fn a_namespace_can_be_joined_later(kind: Kind) {
    let host = Host::start(kind);
    let root = block_on(Client::new().connect(&host.url(""))).unwrap();
    assert!(root.of("custom").is_none());
    let (tell, told) = channel();
    let custom = root.open("custom", |namespace| {
        namespace.auth(json!({ "n": 3 })).on("auth", move |auth: Json| {
            let _ = tell.send(auth);
        })
    });
    let custom = custom.unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), json!({ "n": 3 }));
    block_on(custom.connected()).unwrap();
    assert_eq!(block_on(custom.emit_with_ack::<u8>("ack", 1)).unwrap(), 1);
    assert_eq!(root.of("/custom").unwrap().id(), custom.id());

    let (tell, told) = channel();
    let secret = root.open("/secret", |namespace| {
        namespace.on_refused(move |_: Refused| tell.send(()).expect("somebody waits"))
    });
    let secret = secret.unwrap();
    told.recv_timeout(PATIENCE).unwrap();
    let refused = block_on(secret.connected()).unwrap_err();
    assert_eq!(refused.to_string(), "the server refuses: not authorized", "it came before");
    secret.connect();
    let refused = block_on(secret.connected()).unwrap_err();
    assert_eq!(refused.to_string(), "the server refuses: not authorized");
    secret.disconnect();
    let disconnected = block_on(secret.connected()).unwrap_err();
    assert_eq!(disconnected.to_string(), "the socket is disconnected");
    for (name, auth) in [("/custom", json!({})), ("/a,b", json!({})), ("/new", json!(1))] {
        let unsound = root.open(name, |namespace| namespace.auth(auth));
        assert!(matches!(unsound, Err(ConnectError::Config(_))), "{name} {unsound:?}");
    }
    block_on(root.close()).unwrap();
    let late = root.open("/later", |namespace| namespace);
    assert!(matches!(late, Err(ConnectError::Disconnected)), "{late:?}");
}

pub(crate) fn what_is_told_at_connect_may_be_asked_anew(kind: Kind) {
    let host = Host::start(kind);
    let count = std::sync::atomic::AtomicU32::new(0);
    let (tell, told) = channel();
    let client = Client::new().config(quick(Config::default())).of("custom", |namespace| {
        namespace
            .auth_with(move || {
                let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                async move {
                    future::yield_now().await;
                    Ok::<_, std::io::Error>(json!({ "n": n }))
                }
            })
            .on("auth", move |auth: Json| {
                let _ = tell.send(auth["n"].clone());
            })
    });
    let socket = block_on(client.connect(&host.url("/custom"))).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 0);
    socket.disconnect();
    socket.connect();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 1);
    block_on(socket.close()).unwrap();
}

pub(crate) fn a_client_that_is_refused_learns_why(kind: Kind) {
    let host = Host::start(kind);
    let refused = block_on(Client::new().connect(&host.url("/secret")));
    let Err(ConnectError::Refused(Refused { message, data })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(message, "not authorized");
    assert_eq!(data.get::<Json>(0).unwrap(), json!({ "code": 7 }));
    let unknown = block_on(Client::new().connect(&host.url("/unknown")));
    assert_eq!(unknown.unwrap_err().to_string(), "the server refuses: Invalid namespace");
    let client = Client::new().of("secret", |it| it.auth(json!({ "token": "let me in" })));
    let socket = block_on(client.connect(&host.url("/secret"))).unwrap();
    block_on(socket.close()).unwrap();
}

pub(crate) fn a_client_that_is_removed_stays_so_until_it_connects_again(kind: Kind) {
    let host = Host::start(kind);
    let (tell, told) = channel();
    let client = Client::new().on_disconnect(move |reason: DisconnectReason| {
        let _ = tell.send(reason.as_str());
    });
    let socket = block_on(client.connect(&host.url(""))).unwrap();
    socket.emit("kick me", ());
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "io server disconnect");
    assert!(!socket.is_active());
    let waited = block_on(socket.connected());
    assert!(matches!(waited, Err(ConnectError::Disconnected)), "{waited:?}");
    socket.connect();
    block_on(socket.connected()).unwrap();
    block_on(socket.close()).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "io client disconnect");
}

pub(crate) fn a_client_comes_back_to_a_server_that_was_away(kind: Kind) {
    for transports in ways() {
        let mut host = Host::start(kind);
        let (tell, told) = channel();
        let client = with_transports(&transports).on_disconnect(move |socket: Socket| {
            // Sent when it is back.
            socket.emit("echo", "buffered");
            let _ = tell.send(());
        });
        let (client, echo) = telling(client, "echo");
        let socket = block_on(client.connect(&host.url(""))).unwrap();
        let first = socket.id();
        host.stop();
        told.recv_timeout(PATIENCE).unwrap();
        assert!(socket.is_active() && !socket.is_connected());
        std::thread::sleep(Duration::from_millis(300));
        host.resume();
        block_on(socket.connected()).unwrap();
        assert_ne!(socket.id(), first);
        assert_eq!(next(&echo).get::<String>(0).unwrap(), "buffered");
        block_on(socket.close()).unwrap();
    }
}

pub(crate) fn a_client_that_was_cut_off_gets_what_it_has_missed(kind: Kind) {
    let host = Host::start(kind);
    for transports in ways() {
        let (client, word) = telling(with_transports(&transports), "word");
        let (client, joined) = telling(client, "joined");
        let socket = block_on(client.connect(&host.url(""))).unwrap();
        let id = socket.id();
        socket.emit("cut me off", ("room", ["one", "two", "three"].as_slice()));
        next(&joined);
        let words: Vec<String> = (0..3).map(|_| next(&word).get(0).unwrap()).collect();
        assert_eq!(words, ["one", "two", "three"]);
        assert!(socket.is_recovered());
        assert_eq!(socket.id(), id);
        block_on(socket.close()).unwrap();
    }
}

pub(crate) fn an_answer_that_does_not_come_is_an_error(kind: Kind) {
    let mut host = Host::start(kind);
    let client = Client::new().config(Config::default().reconnection(false));
    let socket = block_on(client.connect(&host.url(""))).unwrap();
    let limit = Duration::from_millis(100);
    let late = block_on(socket.timeout(limit).emit_with_ack::<()>("swallow", ()));
    assert_eq!(late.unwrap_err().to_string(), "operation has timed out");
    let never = socket.emit_with_ack::<()>("swallow", ());
    host.stop();
    let gone = block_on(never).unwrap_err();
    assert!(matches!(gone, AckFailure::Ack(sockeye_smol::AckError::Disconnected)), "{gone}");
}

pub(crate) fn a_socket_can_be_listened_to_in_a_loop(kind: Kind) {
    let host = Host::start(kind);
    let socket = Client::new().start(&host.url("")).unwrap();
    let mut events = socket.events();
    let loops = async {
        let mut told = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Connected { .. } => {
                    socket.emit("ask me", 1);
                    told.push("connected".to_owned());
                }
                Event::Received { name, args, ack } => {
                    told.push(format!("{name}{args:?}"));
                    match ack {
                        Some(ack) => ack.send((args, "yes")),
                        None => socket.emit("kick me", ()),
                    }
                }
                Event::Disconnected(reason) => {
                    told.push(reason.to_string());
                    socket.close().await.unwrap();
                }
                other @ (Event::Refused(_) | Event::Lagged(_) | _) => panic!("{other:?}"),
            }
        }
        told
    };
    let told = block_on(loops);
    let expected =
        ["connected", r#"question["1"]"#, r#"answered["1", "\"yes\""]"#, "io server disconnect"];
    // What the server answers with is a tuple of what it was given.
    assert_eq!(told[0], expected[0]);
    assert_eq!(told[1], expected[1]);
    assert!(told[2].starts_with("answered"), "{told:?}");
    assert_eq!(told[3], expected[3]);
    assert_eq!(told.len(), 4);
}

pub(crate) fn a_client_that_is_closed_is_gone(kind: Kind) {
    let host = Host::start(kind);
    let (client, echo) = telling(Client::new(), "echo");
    let socket = block_on(client.connect(&host.url(""))).unwrap();
    let answer = socket.emit_with_ack::<u8>("ack", 1);
    assert_eq!(block_on(answer).unwrap(), 1);
    block_on(socket.close()).unwrap();
    assert!(!socket.is_active());
    socket.emit("echo", 1);
    let failed = block_on(socket.emit_with_ack::<u8>("ack", 1));
    assert!(failed.is_err());
    socket.connect();
    assert!(echo.recv_timeout(Duration::from_millis(300)).is_err());
}
