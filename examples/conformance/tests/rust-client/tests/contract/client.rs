//! A client of either kind that keeps what it hears.

use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use futures_util::FutureExt;
use rust_socketio::asynchronous;
use rust_socketio::{Error, Event, Payload, TransportType};
use serde_json::Value;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(10);
/// What ends the thread that reads, when it comes back from the server.
const LAST: &str = "nothing more is read";
static TOKIO: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads can be started"));

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Threads,
    Tokio,
}

pub(crate) struct Options<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) auth: Value,
    pub(crate) reconnects: bool,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { namespace: "/", auth: Value::Null, reconnects: false }
    }
}

pub(crate) struct Client {
    io: Io,
    heard: Receiver<(String, Payload)>,
    /// What came while something else was waited for.
    aside: Vec<(String, Payload)>,
}

enum Io {
    Threads(rust_socketio::client::Client),
    Tokio(asynchronous::Client),
}

impl Client {
    /// Connects; whether the namespace is joined is heard as `connect` or `error`.
    pub(crate) fn dial(
        kind: Kind,
        transport: TransportType,
        url: &str,
        options: Options<'_>,
    ) -> Result<Self, Box<Error>> {
        let (sender, heard) = channel();
        let io = match kind {
            Kind::Threads => Io::Threads(with_threads(transport, url, options, &sender)?),
            Kind::Tokio => Io::Tokio(TOKIO.block_on(on_tokio(transport, url, options, &sender))?),
        };
        Ok(Self { io, heard, aside: Vec::new() })
    }

    pub(crate) fn emit(&self, event: &str, args: impl Into<Payload>) {
        match &self.io {
            Io::Threads(io) => io.emit(event, args),
            Io::Tokio(io) => TOKIO.block_on(io.emit(event, args)),
        }
        .expect("the connection is open");
    }

    /// Emits with an acknowledgement, and gives the arguments of that.
    pub(crate) fn ask(&self, event: &str, args: impl Into<Payload>) -> Vec<Value> {
        match text(self.call(event, args.into())).pop() {
            Some(Value::Array(answer)) => answer,
            answer => panic!("{event} was answered by {answer:?}"),
        }
    }

    pub(crate) fn ask_for_binary(&self, event: &str, args: impl Into<Payload>) -> Vec<u8> {
        binary(self.call(event, args.into()))
    }

    pub(crate) fn disconnect(&mut self) {
        if matches!(self.io, Io::Threads(_)) {
            self.emit("message", LAST);
            self.hear("message-back");
        }
        match &self.io {
            Io::Threads(io) => io.disconnect(),
            Io::Tokio(io) => TOKIO.block_on(io.disconnect()),
        }
        .expect("the connection is open");
    }

    /// Waits for an event, and gives its arguments.
    pub(crate) fn hear(&mut self, event: &str) -> Vec<Value> {
        text(self.wait_for(event))
    }

    pub(crate) fn hear_binary(&mut self, event: &str) -> Vec<u8> {
        binary(self.wait_for(event))
    }

    pub(crate) fn has_heard(&mut self, event: &str) -> bool {
        self.aside.extend(self.heard.try_iter());
        self.aside.iter().any(|(name, _)| name == event)
    }

    fn call(&self, event: &str, args: Payload) -> Payload {
        let (sender, answer) = channel();
        match &self.io {
            Io::Threads(io) => io.emit_with_ack(event, args, PATIENCE, move |answer, _| {
                let _ = sender.send(answer);
            }),
            Io::Tokio(io) => TOKIO.block_on(io.emit_with_ack(event, args, PATIENCE, {
                move |answer, _| {
                    let _ = sender.send(answer);
                    async {}.boxed()
                }
            })),
        }
        .expect("the connection is open");
        answer.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{event} was not acknowledged"))
    }

    fn wait_for(&mut self, event: &str) -> Payload {
        if let Some(known) = self.aside.iter().position(|(name, _)| name == event) {
            return self.aside.remove(known).1;
        }
        loop {
            match self.heard.recv_timeout(PATIENCE) {
                Ok((name, payload)) if name == event => return payload,
                Ok(other) => self.aside.push(other),
                Err(_) => panic!("no {event}, but {:?}", self.aside),
            }
        }
    }
}

fn text(payload: Payload) -> Vec<Value> {
    match payload {
        Payload::Text(values) => values,
        other => panic!("{other:?} is not text"),
    }
}

fn binary(payload: Payload) -> Vec<u8> {
    match payload {
        Payload::Binary(bytes) => bytes.to_vec(),
        other => panic!("{other:?} is not binary"),
    }
}

fn with_threads(
    transport: TransportType,
    url: &str,
    options: Options<'_>,
    heard: &Sender<(String, Payload)>,
) -> Result<rust_socketio::client::Client, Box<Error>> {
    // Without an end like this, its thread reads from a closed connection for ever.
    let end_if = |ended| {
        if ended {
            resume_unwind(Box::new(LAST));
        }
    };
    let [events, connects, closes, errors] = [(); 4].map(|()| heard.clone());
    let mut builder = rust_socketio::ClientBuilder::new(url)
        .namespace(options.namespace)
        .transport_type(transport)
        .reconnect(options.reconnects)
        .reconnect_delay(20, 50)
        .on_any(move |event, payload, _| {
            let last = matches!(&payload, Payload::Text(args) if args[0] == LAST);
            let _ = events.send((event.to_string(), payload));
            end_if(last);
        })
        .on(Event::Connect, move |payload, _| drop(connects.send(("connect".into(), payload))))
        .on(Event::Close, move |payload, _| {
            let _ = closes.send(("close".into(), payload));
            end_if(!options.reconnects);
        })
        .on(Event::Error, move |payload, _| {
            let _ = errors.send(("error".into(), payload));
            end_if(!options.reconnects);
        });
    if !options.auth.is_null() {
        builder = builder.auth(options.auth);
    }
    Ok(builder.connect()?)
}

async fn on_tokio(
    transport: TransportType,
    url: &str,
    options: Options<'_>,
    heard: &Sender<(String, Payload)>,
) -> Result<asynchronous::Client, Box<Error>> {
    let events = heard.clone();
    let tell = |name: &'static str| {
        let heard = heard.clone();
        move |payload: Payload, _: asynchronous::Client| {
            let _ = heard.send((name.into(), payload));
            async {}.boxed()
        }
    };
    let mut builder = asynchronous::ClientBuilder::new(url)
        .namespace(options.namespace)
        .transport_type(transport)
        .reconnect(options.reconnects)
        .reconnect_delay(20, 50)
        .on_any(move |event, payload, _| {
            let _ = events.send((event.to_string(), payload));
            async {}.boxed()
        })
        .on(Event::Connect, tell("connect"))
        .on(Event::Close, tell("close"))
        .on(Event::Error, tell("error"));
    if !options.auth.is_null() {
        builder = builder.auth(options.auth);
    }
    Ok(builder.connect().await?)
}
