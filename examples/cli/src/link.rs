//! The client: what the options say, and what its handlers tell.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use smol::channel::Sender;
use sockeye_smol::MsgpackParser;
use sockeye_smol::client::{
    Client, Config, ConnectError, Connection, Connector, DisconnectReason, Namespace, Proxy,
    Refused, Socket,
};
use sockeye_smol::{AckFailure, AckSender, Args, Name};

use crate::json::Value;
use crate::options::Options;

/// What happened, from the thread of the client.
#[derive(Debug)]
pub(crate) enum Told {
    Connection(Connection),
    Connected(Socket),
    Refused(Socket, Refused),
    Disconnected(Socket, DisconnectReason),
    Event { socket: Socket, name: Name, args: Args, ack: Option<AckSender> },
    Answered { asked: Asked, result: Result<Args, AckFailure>, after: Duration },
    Problem(String),
}

/// A question to the server.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) number: u64,
    pub(crate) namespace: String,
    pub(crate) event: String,
}

/// How many things that happened may wait to be told. When there are more, nothing is read from
/// the server until somebody has taken some.
pub(crate) const MAX_TOLD: usize = 1_000;

/// Begins to connect. The socket is that of `/`, whether or not it is wanted.
pub(crate) fn start(
    options: &Options,
    tell: &Sender<Told>,
) -> Result<(Socket, JoinHandle<()>), ConnectError> {
    let (first, second) = (tell.clone(), tell.clone());
    let mut client = Client::new()
        .config(config(options))
        .on_connection(move |connection| {
            let _ = first.send_blocking(Told::Connection(connection.clone()));
        })
        .on_error(move |error| {
            let _ = second.send_blocking(Told::Problem(error.to_string()));
        });
    for name in &options.namespaces {
        client = client.of(name, |it| handlers(it, tell, options.auth.as_ref()));
    }
    if !options.namespaces.iter().any(|name| name == "/") {
        let auth = options.auth.as_ref();
        client = client.of("/", |it| handlers(it, tell, auth).connect_later());
    }
    let connector = match proxy(options.proxy.as_deref())? {
        Some(proxy) => Connector::new().proxy(proxy),
        None => Connector::new(),
    };
    let (socket, driver) = connector.build(client, &options.url)?;
    let thread = std::thread::Builder::new()
        .spawn(move || smol::block_on(driver.run()))
        .map_err(|error| ConnectError::System(error.to_string()))?;
    Ok((socket, thread))
}

/// The proxy that the options name, or the environment.
fn proxy(named: Option<&str>) -> Result<Option<Proxy>, ConnectError> {
    let Some(url) = named else { return Ok(Some(Proxy::from_env())) };
    if url.is_empty() {
        return Ok(None);
    }
    let exceptions = std::env::var("no_proxy").or_else(|_| std::env::var("NO_PROXY"));
    Ok(Some(Proxy::new(url)?.no_proxy(&exceptions.unwrap_or_default())))
}

fn config(options: &Options) -> Config {
    let headers = options.headers.iter().cloned();
    let mut config = Config::default()
        .query(options.query.clone())
        .extra_headers(headers.map(|(name, value)| (name.into(), value.into())).collect())
        .cookies(options.cookies)
        .upgrade(options.upgrade)
        .reconnection(options.reconnect)
        .reconnection_attempts(options.attempts)
        .close_timeout(options.timeout.unwrap_or(Duration::from_secs(5)));
    if let Some(path) = &options.path {
        config.path.clone_from(path);
    }
    if !options.transports.is_empty() {
        config.transports.clone_from(&options.transports);
        config.try_all_transports = options.transports.len() > 1;
    }
    if let Some(timeout) = options.timeout {
        config.timeout = Some(timeout);
    }
    if options.msgpack {
        config.parser = Arc::new(MsgpackParser);
    }
    config
}

/// Has all that happens in a namespace told, in its order.
pub(crate) fn handlers(
    namespace: Namespace,
    tell: &Sender<Told>,
    auth: Option<&Value>,
) -> Namespace {
    let [connected, refusing, disconnected, event] = std::array::from_fn(|_| tell.clone());
    let namespace = namespace
        .on_connect(move |socket: Socket| {
            let _ = connected.send_blocking(Told::Connected(socket));
        })
        .on_refused(move |socket: Socket, refused: Refused| {
            let _ = refusing.send_blocking(Told::Refused(socket, refused));
        })
        .on_disconnect(move |socket: Socket, reason: DisconnectReason| {
            let _ = disconnected.send_blocking(Told::Disconnected(socket, reason));
        })
        .on_any(move |socket: Socket, name: Name, args: Args, ack: Option<AckSender>| {
            let _ = event.send_blocking(Told::Event { socket, name, args, ack });
        });
    match auth {
        Some(auth) => namespace.auth(auth),
        None => namespace,
    }
}
