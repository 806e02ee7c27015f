//! What the suite of `socket.io-client` expects at `/socket.io/`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sockeye_smol::core::engineio::Handshake;
use sockeye_smol::core::{RecoveryConfig, ServerConfig};
use sockeye_smol::{Ack, App, Args, Auth, Bytes, Namespace, Refusal, Socket};

use crate::time;

pub(crate) fn app() -> App {
    let mut config = ServerConfig::default();
    config.engine.ping_interval = Duration::from_secs(2);
    // One test counts the packets of the first 100 ms.
    config.engine.upgrade_poll_hold = Duration::from_millis(100);
    config.recovery = Some(RecoveryConfig::default());
    let plain = |namespace: Namespace| namespace;
    App::new()
        .config(config)
        .allow_request(|_: Handshake| async {
            smol::Timer::after(Duration::from_millis(10)).await;
            Ok::<_, Refusal>(())
        })
        .of("/", main)
        .of("/no", |namespace| {
            namespace.middleware(|| Err::<(), _>(Refusal::new("Auth failed (custom namespace)")))
        })
        .of("/foo", |namespace| namespace.on("getId", |socket: Socket| Ack(socket.id().to_owned())))
        .of("/timeout_socket", plain)
        .of("/valid", plain)
        .of("/asd", plain)
        .of("/abc", |namespace| {
            namespace.on_connect(
                |socket: Socket, request: Arc<Handshake>, Auth(auth): Auth<Value>| {
                    socket.emit("handshake", describe(&request, auth));
                },
            )
        })
}

fn main(namespace: Namespace) -> Namespace {
    namespace
        .middleware(|request: Arc<Handshake>| match request.query("fail") {
            Some(fail) if !fail.is_empty() => Err(Refusal::new("Auth failed (main namespace)")),
            _ => Ok(()),
        })
        .on_connect(|socket: Socket, Auth(auth): Auth<Value>| socket.set_data(auth))
        .on("hi", |socket: Socket| socket.emit("hi", ()))
        .on("echo", |args: Args| Ack(args))
        .on("ack", |socket: Socket| async move {
            let answer: (u32, Value) = socket.emit_with_ack("ack", ()).await?;
            if answer.0 == 5 && answer.1["test"].as_bool() == Some(true) {
                socket.emit("got it", ());
            }
            Ok::<_, sockeye_smol::AckFailure>(())
        })
        .on("getAckDate", |_: Value| Ack(time::iso()))
        .on("getDate", |socket: Socket| socket.emit("takeDate", time::iso()))
        .on("getDateObj", |socket: Socket| {
            socket.emit("takeDateObj", json!({ "date": time::iso() }));
        })
        .on("getUtf8", |socket: Socket| {
            let texts = ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"];
            texts.iter().for_each(|text| socket.emit("takeUtf8", text));
        })
        .on("false", |socket: Socket| socket.emit("false", false))
        .on("doge", |socket: Socket| socket.emit("doge", Bytes::from_static(b"asdfasdf")))
        .on("getbin", |socket: Socket| socket.emit("takebin", Bytes::from_static(b"asdfasdf")))
        .on("getHandshake", |socket: Socket, request: Arc<Handshake>| {
            let auth = socket.data::<Value>();
            Ack(describe(&request, auth.as_deref().cloned().unwrap_or_default()))
        })
        .on("getId", |socket: Socket| Ack(socket.id().to_owned()))
        .on("buffa", |socket: Socket, _: Bytes| socket.emit("buffack", ()))
        .on("blob", |socket: Socket, _: Bytes| socket.emit("back", ()))
        .on("jsonbuff", |socket: Socket, message: Message| message.check(&socket, "jsonbuff-ack"))
        .on("jsonblob", |socket: Socket, message: Message| message.check(&socket, "jsonblob-ack"))
        .on("abuff1", |socket: Socket, _: Bytes| socket.set_data(Step(1)))
        .on("abuff2", |socket: Socket, _: Value| {
            if socket.data::<Step>().is_some_and(|step| step.0 == 1) {
                socket.emit("abuff2-ack", ());
            }
        })
        .on("blob1", |socket: Socket, _: Bytes| socket.set_data(Step(1)))
        .on("blob2", |socket: Socket, text: String| {
            if text == "second" && socket.data::<Step>().is_some_and(|step| step.0 == 1) {
                socket.set_data(Step(2));
            }
        })
        .on("blob3", |socket: Socket, _: Bytes| {
            if socket.data::<Step>().is_some_and(|step| step.0 == 2) {
                socket.emit("blob3-ack", ());
            }
        })
        // What is not expected at all goes unanswered, whatever its arguments are.
        .on_any(|_: Args| {})
}

/// How far a sequence of events has come.
struct Step(u8);

#[derive(Deserialize)]
struct Message {
    hello: String,
    #[serde(rename = "message")]
    _message: Bytes,
    goodbye: String,
}

impl Message {
    fn check(&self, socket: &Socket, event: &str) {
        if self.hello == "lol" && self.goodbye == "gotcha" {
            socket.emit(event, ());
        }
    }
}

#[derive(Serialize)]
struct Description<'a> {
    headers: BTreeMap<&'a str, &'a str>,
    time: String,
    address: String,
    xdomain: bool,
    secure: bool,
    issued: u64,
    url: &'a str,
    query: BTreeMap<String, String>,
    auth: Value,
}

fn describe(request: &Handshake, auth: Value) -> Value {
    let pairs = request.query_pairs().map(|(key, value)| (key.into(), value.into()));
    json!(Description {
        headers: request.headers.iter().map(|(name, value)| (&**name, &**value)).collect(),
        time: time::http(),
        address: request.remote.map(|address| address.ip().to_string()).unwrap_or_default(),
        xdomain: request.header("origin").is_some(),
        secure: request.secure,
        issued: time::millis(),
        url: &request.target,
        query: pairs.collect(),
        auth,
    })
}
