//! `rust_socketio`, with threads and on Tokio, against the conformance server (contract B).
//!
//! This client can't acknowledge, holds one namespace a connection, sends and takes one binary
//! argument alone, and emits binary with an acknowledgement as an acknowledgement, so none of that
//! is asked of it.
//!
//! Needs the server, as built by cargo in release mode or named by the environment variable
//! `CONFORMANCE_SERVER`.

mod client;
mod server;

use rust_socketio::TransportType;
use serde_json::{Value, json};

use client::{Client, Kind, Options};
use server::Server;

const NOTHING: Vec<Value> = Vec::new();

/// One way to connect, and the server to connect to.
struct Setting {
    kind: Kind,
    transport: TransportType,
    server: Server,
}

impl Setting {
    fn open(&self, namespace: &str, auth: Value) -> Client {
        let mut client = self.dial(Options { namespace, auth, ..Options::default() });
        client.hear("connect");
        client
    }

    fn dial(&self, options: Options<'_>) -> Client {
        Client::dial(self.kind, self.transport.clone(), &self.server.url, options)
            .expect("the handshake succeeds")
    }

    /// Gives what the server says to those it refuses.
    fn refusal(&self, namespace: &str, auth: Value) -> Value {
        let mut client = self.dial(Options { namespace, auth, ..Options::default() });
        let error = client.hear("error");
        let said = error[0].as_str().and_then(|text| text.split_once("ConnectError frame: "));
        serde_json::from_str(said.expect("a refusal").1).expect("JSON")
    }

    /// Whether this client takes each piece that it reads of an answer to a poll for the whole.
    fn reads_pieces(&self) -> bool {
        matches!((self.kind, &self.transport), (Kind::Tokio, TransportType::Polling))
    }

    fn is_polling(&self) -> bool {
        matches!(self.transport, TransportType::Polling)
    }
}

fn the_server_knows_it(setting: &Setting) {
    let mut client = setting.open("/custom", json!({ "token": "abc" }));
    assert_eq!(client.hear("auth")[0], json!({ "token": "abc" }));
    client.ask("set-data", json!({ "kept": [1, null] }));
    let info = client.ask("info", NOTHING).remove(0);
    let transport = if setting.is_polling() { "polling" } else { "websocket" };
    assert_eq!(info["transport"], transport);
    assert_eq!(info["nsp"], "/custom");
    assert_eq!(info["protocol"], 4);
    assert_eq!(info["data"], json!({ "kept": [1, null] }));
    assert_eq!(info["rooms"], json!([info["sid"]]));
    let dynamic = setting.open("/dynamic-3", Value::Null);
    assert_eq!(dynamic.ask("info", NOTHING)[0]["nsp"], "/dynamic-3");
}

fn values_come_back_as_they_were_sent(setting: &Setting) {
    let mut client = setting.open("/", Value::Null);
    let size = if setting.reads_pieces() { 1000 } else { 500_000 };
    let all = [
        vec![json!("hello")],
        vec![json!("€ 🙂 \u{0}\u{2028}"), json!(2), json!(-1.5), json!(true), Value::Null],
        vec![json!({ "three": [{}, [], { "deep": "\"\\" }] })],
        vec![json!("x".repeat(size))],
    ];
    for args in all {
        client.emit("message", args.clone());
        assert_eq!(client.hear("message-back")[..args.len()], args);
    }
}

fn the_server_acknowledges(setting: &Setting) {
    let client = setting.open("/", Value::Null);
    let args = vec![json!(1), json!("two"), json!({ "three": null })];
    assert_eq!(client.ask("message-with-ack", args.clone()), args);
    assert_eq!(client.ask("slow-ack", vec![json!(30), json!("late")]), [json!("late")]);
    assert_eq!(client.ask("double-ack", NOTHING), [json!("first")]);
    assert_eq!(client.ask("join", json!("room")), [] as [Value; 0]);
}

fn the_server_does_not_wait_for_ever_for_an_acknowledgement(setting: &Setting) {
    let mut client = setting.open("/", Value::Null);
    let timed_out = json!("operation has timed out");
    client.emit("ask-timeout", json!(30));
    assert_eq!(client.hear("ask-timeout-result")[0]["error"], timed_out);
    client.ask("join", json!("mute"));
    let vote = json!({ "to": ["mute"], "event": "vote", "args": [1], "timeout": 30 });
    let votes = client.ask("room-ack", vote).remove(0);
    assert_eq!(votes, json!({ "error": timed_out, "responses": [] }));
    assert_eq!(client.hear("vote")[0], 1);
}

fn binary_keeps_its_bytes(setting: &Setting) {
    // The offset of a server that recovers sessions would become a part of the event's name.
    let server = Server::start(0, &[("RECOVERY", "0")]);
    let setting = Setting { kind: setting.kind, transport: setting.transport.clone(), server };
    let mut client = setting.open("/", Value::Null);
    // By WebSocket it takes the separator of polling for the end of a packet.
    let (bytes, size) = match (setting.is_polling(), setting.reads_pieces()) {
        (true, true) => (0..=255, 1000),
        (true, false) => (0..=255, 200_000),
        (false, _) => (0x1f..=255, 200_000),
    };
    let data: Vec<u8> = bytes.cycle().take(size).collect();
    client.emit("message", data.clone());
    assert_eq!(client.hear_binary("message-back"), data);
    let size = if setting.is_polling() { size } else { 0x1e };
    let pattern: Vec<u8> = (0..=250).cycle().take(size).collect();
    client.emit("send-bin", json!(size));
    assert_eq!(client.hear_binary("bin"), pattern);
    assert_eq!(client.ask_for_binary("get-bin", json!(size)), pattern);
}

fn events_arrive_in_order(setting: &Setting) {
    let mut client = setting.open("/", Value::Null);
    let count = if setting.reads_pieces() { 50 } else { 1000 };
    client.emit("burst", vec![json!(count), json!("n")]);
    for i in 0..count {
        assert_eq!(client.hear("n")[0], i);
    }
}

fn middlewares_refuse_with_a_message_and_data(setting: &Setting) {
    let unauthorized = json!({ "message": "not authorized", "data": { "code": "E_AUTH" } });
    assert_eq!(setting.refusal("/admin", Value::Null), unauthorized);
    assert_eq!(setting.refusal("/admin", json!({ "token": "guessed" })), unauthorized);
    setting.open("/admin", json!({ "token": "secret" }));
    let data = json!({ "code": "E_REJECT", "list": [1, "two"] });
    let rejected = json!({ "message": "rejected by middleware", "data": data });
    assert_eq!(setting.refusal("/", json!({ "reject": true })), rejected);
    assert_eq!(setting.refusal("/plain-error", Value::Null), json!({ "message": "no data here" }));
    assert_eq!(setting.refusal("/nowhere", Value::Null), json!({ "message": "Invalid namespace" }));
    let url = format!("{}/?deny=1", setting.server.url);
    let denied = Client::dial(setting.kind, setting.transport.clone(), &url, Options::default());
    assert!(denied.is_err(), "the handshake is refused");
}

fn catch_all_listeners_and_packet_middlewares_see_events(setting: &Setting) {
    let mut client = setting.open("/", Value::Null);
    client.emit("any-thing", vec![json!(1), json!("two")]);
    assert_eq!(client.hear("any-seen")[..2], [json!("any-thing"), json!([1, "two"])]);
    client.emit("forbidden", json!("fruit"));
    assert_eq!(client.hear("middleware-error")[0], "forbidden event");
    client.emit("later", vec![json!(10), json!("soon"), json!("x")]);
    assert_eq!(client.hear("soon")[0], "x");
}

fn rooms_reach_whom_they_mean_once(setting: &Setting) {
    let mut people = [(); 3].map(|()| setting.open("/custom", Value::Null));
    let ids = [0, 1, 2].map(|i| people[i].ask("info", NOTHING)[0]["sid"].clone());
    let [ann, bob, eve] = &mut people;
    ann.ask("join", json!("room"));
    bob.ask("join", json!("room"));
    let mut both = [ids[0].as_str(), ids[1].as_str()];
    both.sort_unstable();
    assert_eq!(eve.ask("sockets", json!("room")), [json!(both)]);
    let say = |via, to: &[&Value], except: &[&Value], what| json!({ "via": via, "to": to, "except": except, "event": "hey", "args": [what] });
    let room = json!("room");
    ann.ask("room-emit", say("socket", &[&room, &ids[1]], &[], 1));
    ann.ask("room-emit", say("nsp", &[&room], &[&ids[1]], 2));
    ann.ask("room-emit", say("socket", &[], &[&room], 3));
    bob.ask("leave", json!("room"));
    eve.ask("sockets-leave", vec![json!("room"), json!("room")]);
    eve.ask("room-emit", say("nsp", &[], &[], 4));
    for (person, expected) in people.iter_mut().zip([[2, 4], [1, 4], [3, 4]]) {
        assert_eq!([(); 2].map(|()| person.hear("hey")[0].clone()), expected.map(Value::from));
        person.ask("rooms", NOTHING);
        assert!(!person.has_heard("hey"));
    }
}

fn each_side_learns_that_the_other_left(setting: &Setting) {
    let witness = setting.open("/", Value::Null);
    let ends: [(&str, &[&str]); 4] = [
        ("", &["client namespace disconnect", "transport close"]),
        ("server-disconnect", &["server namespace disconnect"]),
        ("sockets-disconnect", &["server namespace disconnect"]),
        ("server-kill", &["forced close"]),
    ];
    for (count, (end, expected)) in (1..).zip(ends) {
        let mut client = setting.open("/custom", json!({ "tag": "left" }));
        match end {
            "" => client.disconnect(),
            "sockets-disconnect" => {
                let id = client.ask("info", NOTHING)[0]["sid"].clone();
                client.emit(end, vec![id, json!(true)]);
            }
            _ => client.emit(end, json!(false)),
        }
        if end.ends_with("disconnect") {
            client.hear("close");
        }
        let noted = loop {
            let noted = witness.ask("get-disconnects", json!("left")).remove(0);
            if noted.as_array().is_some_and(|noted| noted.len() == count) {
                break noted;
            }
        };
        let reason = noted[count - 1]["reason"].as_str();
        assert!(reason.is_some_and(|reason| expected.contains(&reason)), "{noted}");
    }
}

fn it_comes_back_after_a_restart(setting: &Setting) {
    let first = Server::start(0, &[]);
    let port = first.port;
    let options = Options { reconnects: true, ..Options::default() };
    let transport = setting.transport.clone();
    let mut client =
        Client::dial(setting.kind, transport, &first.url, options).expect("the handshake succeeds");
    client.hear("connect");
    drop(first);
    let _second = Server::start(port, &[]);
    client.hear("connect");
    assert_eq!(client.ask("message-with-ack", json!("back")), [json!("back")]);
}

macro_rules! tests {
    ($($way:ident: $kind:ident over $transport:ident;)*) => {
        $(tests!($way $kind $transport
            the_server_knows_it
            values_come_back_as_they_were_sent
            the_server_acknowledges
            the_server_does_not_wait_for_ever_for_an_acknowledgement
            binary_keeps_its_bytes
            events_arrive_in_order
            middlewares_refuse_with_a_message_and_data
            catch_all_listeners_and_packet_middlewares_see_events
            rooms_reach_whom_they_mean_once
            each_side_learns_that_the_other_left
            it_comes_back_after_a_restart
        );)*
    };
    ($way:ident $kind:ident $transport:ident $($test:ident)*) => {
        mod $way {
            $(
                #[test]
                fn $test() {
                    let server = super::Server::start(0, &[]);
                    let transport = super::TransportType::$transport;
                    super::$test(&super::Setting { kind: super::Kind::$kind, transport, server });
                }
            )*
        }
    };
}

tests! {
    threads_polling: Threads over Polling;
    threads_websocket: Threads over Websocket;
    threads_upgrade: Threads over WebsocketUpgrade;
    tokio_polling: Tokio over Polling;
    tokio_websocket: Tokio over Websocket;
    tokio_upgrade: Tokio over WebsocketUpgrade;
}
