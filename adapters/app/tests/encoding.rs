//! Types of the application that ask and command the machine while they are being encoded.

mod common;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::client::ClientWorld;
use common::{World, within_reason};
use serde::{Serialize, Serializer};
use sockeye_app::client::{self, Client};
use sockeye_app::{
    Ack, AckSender, App, Args, Bytes, EncodeError, Io, Name, Refusal, Socket, TypedEvent,
};

/// Does everything that handlers do while it is being encoded.
#[derive(Clone)]
struct Meddling {
    io: Io,
    socket: Option<Socket>,
}

impl Serialize for Meddling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sockets = self.io.sockets();
        self.io.emit("from within", self.io.len());
        self.io.sockets_join("within");
        drop(self.io.everybody().emit_with_ack::<()>("asked within", ()));
        let mut fetching = std::pin::pin!(self.io.fetch_sockets());
        let fetched = fetching.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(fetched, Poll::Ready(Ok(fetched)) if fetched.len() == sockets.len()));
        if let Some(socket) = &self.socket {
            socket.join("also within");
            socket.emit("direct", socket.rooms().len());
            drop(socket.emit_with_ack::<()>("asked directly", socket.buffered()));
        }
        serializer.serialize_str("done")
    }
}

impl TypedEvent for Meddling {
    const NAME: &'static str = "typed";
    type Answer = ();

    fn from_args(args: &Args) -> Result<Self, sockeye_app::core::ArgError> {
        args.get::<()>(0).map(|()| unreachable!("it is only sent"))
    }
}

#[test]
fn what_a_server_sends_may_command_the_server_while_it_is_encoded() {
    within_reason(|| {
        let meddling = |socket: &Socket| Meddling { io: socket.io(), socket: Some(socket.clone()) };
        let app = App::new()
            .on("go", move |socket: Socket| {
                let data = meddling(&socket);
                socket.emit("plain", &data);
                socket.try_emit("tried", &data).expect("it can be sent");
                socket.volatile().emit("volatile", &data);
                socket.send(&data);
                socket.emit_event(data.clone());
                drop(socket.emit_with_ack::<()>("asked", &data));
                drop(socket.timeout(Duration::from_secs(1)).emit_with_ack::<()>("asked", &data));
                drop(socket.ask(data.clone()));
                let io = socket.io();
                io.emit("to all", &data);
                io.to("nobody is here").emit("to nobody", &data);
                io.to("within").try_emit("to some", &data).expect("it can be sent");
                drop(io.everybody().emit_with_ack::<()>("all asked", &data));
                socket.broadcast().emit("to others", &data);
            })
            .on("later", move |socket: Socket, ack: AckSender| ack.send(meddling(&socket)))
            .on("now", move |socket: Socket| Ack(meddling(&socket)))
            .on("wait", move |socket: Socket| async move {
                socket.emit_when_ready("waited", meddling(&socket)).await
            });
        let mut world = World::new(app);
        let ws = world.connect();
        world.texts(ws);
        world.say(ws, "42[\"go\"]");
        let texts = world.texts(ws);
        let count = |what: &str| texts.iter().filter(|text| text.contains(what)).count();
        assert_eq!(count("\"done\""), 11, "{texts:?}");
        assert_eq!(count("\"direct\""), 13, "{texts:?}");

        world.say(ws, "421[\"later\"]");
        assert_eq!(world.texts(ws).last().map(String::as_str), Some("431[\"done\"]"));
        world.say(ws, "422[\"now\"]");
        assert_eq!(world.texts(ws).last().map(String::as_str), Some("432[\"done\"]"));
        world.say(ws, "42[\"wait\"]");
        let last = world.texts(ws);
        assert_eq!(last.last().map(String::as_str), Some("42[\"waited\",\"done\"]"));
    });
}

#[test]
fn data_of_a_refusal_may_ask_the_server_while_it_is_encoded() {
    within_reason(|| {
        let app = App::new().middleware(|io: Io| {
            Err::<(), _>(Refusal::new("no").with_data(Meddling { io, socket: None }))
        });
        let mut world = World::new(app);
        let ws = world.connect();
        assert_eq!(world.texts(ws), ["44{\"message\":\"no\",\"data\":\"done\"}"]);
    });
}

#[test]
fn what_is_emitted_from_another_thread_is_encoded_beside_the_server() {
    /// Lets the thread that serves go on in the middle of it.
    struct Big(std::sync::mpsc::SyncSender<()>, Arc<std::sync::Barrier>);

    impl Serialize for Big {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.send(()).expect("the test waits");
            self.1.wait();
            serializer.serialize_unit()
        }
    }

    within_reason(|| {
        let app = App::new().on("echo", |socket: Socket, text: String| socket.emit("echo", text));
        let io = app.io();
        let mut world = World::new(app);
        let ws = world.connect();
        world.texts(ws);
        let (began, begins) = std::sync::mpsc::sync_channel(1);
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let big = Big(began, Arc::clone(&barrier));
        let other = std::thread::spawn(move || io.to("nobody").emit("big", big));
        begins.recv().expect("it is being encoded");

        world.say(ws, "42[\"echo\",\"hi\"]");
        assert_eq!(world.texts(ws), ["42[\"echo\",\"hi\"]"]);
        barrier.wait();
        other.join().expect("it was emitted");
    });
}

#[test]
fn what_was_emitted_is_encoded_once_for_those_who_hear_of_it() {
    struct Counted(Arc<AtomicUsize>);

    impl Serialize for Counted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let before = self.0.fetch_add(1, Ordering::Relaxed);
            (before, "text", Bytes::from_static(b"bytes")).serialize(serializer)
        }
    }

    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let app = App::new()
        .on("go", move |socket: Socket| {
            socket.emit("one", Counted(Arc::clone(&counted)));
            socket.io().emit("all", Counted(Arc::clone(&counted)));
            socket.emit("none", ());
        })
        .on_any_outgoing(move |name: Name, args: Args| {
            let first: Option<usize> = args.get(0)?;
            let bytes = args.binary(2).map_or(0, |bytes| bytes.len());
            hears.lock().expect("nobody panics").push((name.to_string(), args.len(), first, bytes));
            Ok::<_, sockeye_app::BoxError>(())
        });
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, "42[\"go\"]");

    assert_eq!(count.load(Ordering::Relaxed), 2);
    let heard = heard.lock().expect("nobody panics");
    let told: Vec<_> =
        heard.iter().map(|(name, len, first, bytes)| (&**name, *len, *first, *bytes)).collect();
    assert_eq!(told, [("one", 3, Some(0), 5), ("all", 3, Some(1), 5), ("none", 0, None, 0)]);
}

#[test]
fn data_of_a_refusal_that_is_too_deep_is_left_out() {
    let deep = |levels| (0..levels).fold(serde_json::Value::Null, |inner, _| [inner].into());
    for (levels, told) in [(127, true), (128, false), (500, false)] {
        let app =
            App::new().middleware(move || Err::<(), _>(Refusal::new("no").with_data(deep(levels))));
        let mut world = World::new(app);
        let ws = world.connect();
        let texts = world.texts(ws);
        assert!(texts[0].starts_with("44{\"message\":\"no\""), "{levels}: {texts:?}");
        assert_eq!(texts[0].contains("\"data\":"), told, "{levels}: {texts:?}");
    }
}

/// Does everything that handlers of a client do while it is being encoded.
struct ClientMeddling(client::Socket);

impl Serialize for ClientMeddling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let socket = &self.0;
        socket.emit("within", (socket.is_connected(), socket.buffered(), socket.transport()));
        drop(socket.emit_with_ack::<()>("asked within", socket.id()));
        assert_eq!(socket.of("/").map(|socket| socket.namespace().len()), Some(1));
        serializer.serialize_str("done")
    }
}

#[test]
fn what_a_client_sends_may_command_the_client_while_it_is_encoded() {
    within_reason(|| {
        let client = Client::new()
            .on("go", |socket: client::Socket| {
                let data = || ClientMeddling(socket.clone());
                socket.emit("plain", data());
                socket.try_emit("tried", data()).expect("it can be sent");
                socket.volatile().emit("volatile", data());
                drop(socket.emit_with_ack::<()>("asked", data()));
                let timeout = Duration::from_secs(1);
                drop(socket.timeout(timeout).emit_with_ack::<()>("asked", data()));
            })
            .on("later", |socket: client::Socket, ack: AckSender| {
                ack.send(ClientMeddling(socket));
            })
            .on("now", |socket: client::Socket| Ack(ClientMeddling(socket)));
        let mut world = ClientWorld::new(client);
        let socket = world.socket.clone();
        socket.emit("early", ClientMeddling(socket.clone()));
        assert!(matches!(
            socket.set_auth(ClientMeddling(socket.clone())),
            Err(sockeye_app::core::client::AuthError::NotAnObject)
        ));
        world.connect();

        world.say("42[\"go\"]");
        let texts = world.texts();
        let count = |what: &str| texts.iter().filter(|text| text.contains(what)).count();
        assert_eq!((count("\"done\""), count("\"within\"")), (5, 5), "{texts:?}");
        world.say("421[\"later\"]");
        assert_eq!(world.texts().last().map(String::as_str), Some("431[\"done\"]"));
        world.say("422[\"now\"]");
        assert_eq!(world.texts().last().map(String::as_str), Some("432[\"done\"]"));
    });
}

#[test]
fn data_that_can_not_be_sent_fails_as_before() {
    let app = App::new();
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    assert!(matches!(io.everybody().try_emit("connect", ()), Err(EncodeError::Reserved)));
    let deep = (0..200).fold(serde_json::Value::Null, |inner, _| [inner].into());
    assert!(matches!(
        io.everybody().try_emit("deep", deep),
        Err(EncodeError::TooDeep { limit: 128 })
    ));
    let many = vec![Bytes::from_static(b"x"); 11];
    assert!(matches!(
        io.everybody().try_emit("many", many),
        Err(EncodeError::TooManyAttachments { count: 11, limit: 10 })
    ));
    assert_eq!(world.texts(ws), Vec::<String>::new());
}
