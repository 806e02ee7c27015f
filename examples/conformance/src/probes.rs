//! Contract B: real clients of many versions, and protocol probes.

mod events;
mod rooms;
mod spread;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use sockeye_smol::core::RecoveryConfig;
use sockeye_smol::core::engineio::{Cookie, Cors, EngineConfig, Handshake, Origins};
use sockeye_smol::core::packet::DefaultParser;
use sockeye_smol::{
    App, Auth, DisconnectReason, IntoMachine, MsgpackParser, Namespace, Refusal, ServerConfig,
    Socket, State,
};

use crate::{flag, number};

/// Who left, and why, by tag; for as long as the server runs.
type Departures = Mutex<HashMap<String, Vec<Departure>>>;

#[derive(Clone, Serialize)]
struct Departure {
    nsp: String,
    reason: &'static str,
}

/// What a client said when it connected.
struct Said(Value);

pub(crate) fn app() -> impl IntoMachine {
    App::new()
        .config(config())
        .keep_handshakes()
        .state(Departures::default())
        .allow_request(|handshake: Handshake| async move {
            let denied = handshake.query("deny").is_some();
            if denied { Err("denied by contract") } else { Ok(()) }
        })
        .of("/", |namespace| {
            contract(namespace.middleware(|Auth(auth): Auth<Value>, request: Arc<Handshake>| {
                let data = json!({ "code": "E_REJECT", "list": [1, "two"] });
                let refusal = Refusal::new("rejected by middleware").with_data(data);
                if given(&auth, &request, "reject").is_some() { Err(refusal) } else { Ok(()) }
            }))
        })
        .of("/custom", contract)
        .of("/admin", |namespace| {
            contract(namespace.middleware(|Auth(auth): Auth<Value>, request: Arc<Handshake>| {
                let data = json!({ "code": "E_AUTH" });
                let refusal = Refusal::new("not authorized").with_data(data);
                match given(&auth, &request, "token") {
                    Some(token) if token == "secret" => Ok(()),
                    _ => Err(refusal),
                }
            }))
        })
        .of("/plain-error", |namespace| {
            contract(namespace.middleware(|| Err::<(), _>(Refusal::new("no data here"))))
        })
        .of_matching(is_dynamic, contract)
}

fn config() -> ServerConfig {
    let millis = |name, default| Duration::from_millis(number(name, default));
    let cors = (Cors::new(Origins::Fixed("http://allowed.example".to_owned()))).credentials(true);
    let engine = EngineConfig::default()
        .path("/socket.io")
        .ping_interval(millis("PING_INTERVAL", 2000))
        .ping_timeout(millis("PING_TIMEOUT", 2000))
        .upgrade_timeout(millis("UPGRADE_TIMEOUT", 3000))
        .max_payload(number("MAX_HTTP_BUFFER_SIZE", 1_000_000))
        .allow_v3(flag("ALLOW_EIO3", true))
        .allow_jsonp(flag("ALLOW_JSONP", true))
        .cors(flag("CORS", true).then_some(cors))
        .cookie(Cookie::default().name("conf-io"));
    let recovery = RecoveryConfig::default().max_disconnection(Duration::from_secs(60));
    ServerConfig::default()
        .engine(engine)
        .connect_timeout(millis("CONNECT_TIMEOUT", 3000))
        .recovery(flag("RECOVERY", true).then_some(recovery))
        .parser(match std::env::var("PARSER").as_deref() {
            Ok("msgpack") => Arc::new(MsgpackParser),
            _ => Arc::new(DefaultParser),
        })
}

fn is_dynamic(name: &str) -> bool {
    let digits = name.strip_prefix("/dynamic-").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What every namespace does.
fn contract(namespace: Namespace) -> Namespace {
    let namespace = namespace
        .on_connect(|socket: Socket, Auth(auth): Auth<Value>, request: Arc<Handshake>| {
            if let Some(tag) = given(&auth, &request, "tag") {
                socket
                    .set_data(Tag(tag.as_str().map_or_else(|| tag.to_string(), ToOwned::to_owned)));
            }
            socket.emit("auth", &auth);
            socket.set_data(Said(auth));
        })
        .on_disconnect(note);
    rooms::events(events::events(namespace))
}

fn note(socket: Socket, reason: DisconnectReason, departures: State<Departures>) {
    let Some(tag) = socket.data::<Tag>() else { return };
    let departure = Departure { nsp: socket.namespace().to_owned(), reason: reason.as_str() };
    let mut departures = departures.lock().unwrap_or_else(PoisonError::into_inner);
    departures.entry(tag.0.clone()).or_default().push(departure);
}

/// The tag under which the end of a socket is noted.
struct Tag(String);

/// A value of the CONNECT payload, else of the query, if it counts as true in JavaScript.
fn given(auth: &Value, request: &Handshake, key: &str) -> Option<Value> {
    let truthy = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    };
    let auth = auth.get(key).cloned().filter(truthy);
    auth.or_else(|| request.query(key).map(Value::from).filter(truthy))
}
