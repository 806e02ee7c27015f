//! What keeps what alive: nothing that the application attaches to a socket or an app, whatever it
//! captures, outlives the connection and the server.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::future::Future;
use std::sync::{Arc, Mutex, Weak};

use common::World;
use common::client::ClientWorld;
use sockeye_app::client::{self, Client};
use sockeye_app::core::{Frame, RecoveryConfig};
use sockeye_app::{
    Ack, App, Args, BoxError, Captures, EngineApp, IntoMachine, Io, ServerConfig, Session, Socket,
    State,
};

/// Something whose end is seen.
#[derive(Clone, Default)]
struct Token(Arc<()>);

impl Token {
    fn watch(&self) -> Weak<()> {
        Arc::downgrade(&self.0)
    }

    /// Keeps this token for as long as a closure that calls this is there.
    fn touch(&self) {
        let _ = &self.0;
    }
}

fn is_gone(token: &Weak<()>) -> bool {
    token.strong_count() == 0
}

/// The most natural line for somebody from JavaScript: listeners that capture their socket.
fn add_listeners(socket: &Socket, token: &Token) {
    let (me, kept) = (socket.clone(), token.clone());
    socket.on("move", move |square: String| {
        kept.touch();
        me.emit("moved", square);
    });
    let (me, kept) = (socket.clone(), token.clone());
    socket.once("never", move || {
        kept.touch();
        me.close();
    });
    let (me, kept) = (socket.clone(), token.clone());
    socket.on_any(move |_: Args| {
        kept.touch();
        let _ = me.id();
    });
    let (me, kept) = (socket.clone(), token.clone());
    socket.on_any_outgoing(move || {
        kept.touch();
        let _ = me.id();
    });
}

/// Data that holds its socket.
struct Player {
    _socket: Socket,
    _token: Token,
}

#[test]
fn a_socket_that_its_listeners_and_data_hold_ends_with_its_connection() {
    let token = Token::default();
    let watch = token.watch();
    let app = App::new().on_connect(move |socket: Socket| {
        // One of each kind for each client.
        let token = Token(Arc::new(()));
        add_listeners(&socket, &token);
        socket.set_data(Player { _socket: socket.clone(), _token: token.clone() });
        socket.set_data(token.watch());
    });
    drop(token);
    let tokens: Arc<Mutex<Vec<Weak<()>>>> = Arc::default();
    let seen = Arc::clone(&tokens);
    let app = app.on_disconnect(move |socket: Socket| {
        assert!(socket.data::<Player>().is_some(), "data is there in on_disconnect");
        seen.lock().unwrap().push(Weak::clone(&socket.data::<Weak<()>>().unwrap()));
    });
    let mut world = World::new(app);
    for _ in 0..5 {
        let ws = world.connect();
        world.say(ws, r#"42["move","e4"]"#);
        assert!(world.texts(ws).iter().any(|text| text == r#"42["moved","e4"]"#));
        world.hang_up(ws);
    }
    let tokens = std::mem::take(&mut *tokens.lock().unwrap());
    assert_eq!(tokens.len(), 5);
    assert!(tokens.iter().all(is_gone));
    assert!(is_gone(&watch));
}

#[test]
fn data_is_there_until_the_last_handler_of_the_disconnection_is_done() {
    let (go, gate) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(None)));
    let (open, late) = (Arc::clone(&go), Arc::clone(&gate));
    let app = App::new().on_connect(|socket: Socket| socket.set_data(7_u32)).on_disconnect(
        move |socket: Socket| {
            let (open, late) = (Arc::clone(&open), Arc::clone(&late));
            async move {
                std::future::poll_fn(|_| {
                    if *open.lock().unwrap() {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })
                .await;
                *late.lock().unwrap() = Some((socket.data::<u32>(), socket));
            }
        },
    );
    let mut world = World::new(app);
    let ws = world.connect();
    world.hang_up(ws);
    *go.lock().unwrap() = true;
    world.settle();
    let (data, socket) = gate.lock().unwrap().take().unwrap();
    assert_eq!(data.as_deref(), Some(&7));
    assert_eq!(socket.data::<u32>(), None, "the handler is done");
    socket.set_data(8_u32);
    assert_eq!(socket.data::<u32>(), None, "there is nothing to keep it with");
}

#[test]
fn what_is_added_to_a_socket_after_its_end_is_dropped_at_once() {
    let kept: Arc<Mutex<Vec<Socket>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let app = App::new().on_connect(move |socket: Socket| keep.lock().unwrap().push(socket));
    let mut world = World::new(app);
    let ws = world.connect();
    world.hang_up(ws);
    let socket = kept.lock().unwrap().pop().unwrap();
    let token = Token::default();
    let watch = token.watch();
    add_listeners(&socket, &token);
    socket.set_data(Player { _socket: socket.clone(), _token: token.clone() });
    let id = socket.on("e", || {});
    assert!(!socket.off(id));
    drop(token);
    assert!(is_gone(&watch));
}

#[test]
fn data_that_is_kept_for_a_client_that_is_away_ends_when_it_can_not_return() {
    let token = Token::default();
    let watch = token.watch();
    let config = ServerConfig::default().recovery(RecoveryConfig::default());
    let given = Mutex::new(Some(token));
    let app = App::new().config(config).on_connect(move |socket: Socket| {
        if let Some(token) = given.lock().unwrap().take() {
            add_listeners(&socket, &token);
            socket.set_data(Player { _socket: socket.clone(), _token: token });
        }
    });
    let mut world = World::new(app.on_expired(|socket: Socket| {
        assert!(socket.data::<Player>().is_some());
    }));
    let ws = world.connect();
    world.hang_up(ws);
    assert_eq!(watch.strong_count(), 1, "the data alone");
    world.advance(std::time::Duration::from_secs(3600));
    assert!(is_gone(&watch));
}

#[test]
fn what_a_pattern_captures_may_hold_the_socket() {
    let watches: Arc<Mutex<Vec<Weak<()>>>> = Arc::default();
    let seen = Arc::clone(&watches);
    let app = App::new().of_matching(
        |_| Some(Mutex::new(Vec::<(Socket, Token)>::new())),
        move |namespace| {
            namespace.on_connect(
                move |socket: Socket, captures: Captures<Mutex<Vec<(Socket, Token)>>>| {
                    let token = Token::default();
                    seen.lock().unwrap().push(token.watch());
                    captures.0.lock().unwrap().push((socket, token));
                },
            )
        },
    );
    let mut world = World::new(app);
    let ws = world.open();
    world.say(ws, "40/some,");
    world.hang_up(ws);
    let watches = watches.lock().unwrap();
    assert!(watches.len() == 1 && watches.iter().all(is_gone));
}

/// A state that holds everything.
struct Everything {
    sockets: Mutex<Vec<Socket>>,
    io: Mutex<Option<Io>>,
    _token: Token,
}

#[test]
fn nothing_is_left_of_a_server_whatever_its_handlers_and_states_hold() {
    let token = Token::default();
    let watch = token.watch();
    let app = App::new();
    let (io, in_error, in_room) = (app.io(), app.io(), app.io());
    let (a, b, c, d, e) =
        (token.clone(), token.clone(), token.clone(), token.clone(), token.clone());
    let (sockets, io2) = (Mutex::default(), Mutex::new(Some(app.io())));
    let app = app
        .state(Everything { sockets, io: io2, _token: token })
        .on_error(move |_| {
            a.touch();
            let _ = in_error.len();
        })
        .allow_request(move |_| {
            b.touch();
            async { Ok::<_, BoxError>(()) }
        })
        .middleware(|_: Socket| async { Ok::<_, BoxError>(()) })
        .on_connect(move |socket: Socket, all: State<Everything>| {
            add_listeners(&socket, &c);
            all.sockets.lock().unwrap().push(socket.clone());
            *all.io.lock().unwrap() = Some(socket.io());
            socket.set_data(Player { _socket: socket.clone(), _token: c.clone() });
        })
        .on("count", move |io2: Io| {
            d.touch();
            let _ = (io.len(), io2.len());
        })
        .on("wait", move |socket: Socket| {
            let token = e.clone();
            async move {
                let answer = socket.emit_with_ack::<u8>("question", ()).await;
                token.touch();
                answer.map(drop)
            }
        })
        .of("/", move |namespace| {
            namespace.on_room(move |_: &Io, _: &str, _: &_| {
                let _ = in_room.len();
            })
        });
    let mut world = World::new(app);
    let (left, there) = (world.connect(), world.connect());
    for ws in [left, there] {
        world.say(ws, r#"42["count"]"#);
        world.say(ws, r#"42["wait"]"#);
    }
    world.hang_up(left);
    assert!(!is_gone(&watch));
    drop(world);
    assert!(is_gone(&watch));
}

#[test]
fn handles_outlive_their_server_and_say_so() {
    let kept: Arc<Mutex<Vec<Socket>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let app = App::new().on_connect(move |socket: Socket| keep.lock().unwrap().push(socket));
    let io = app.io();
    let mut world = World::new(app);
    world.connect();
    let socket = kept.lock().unwrap().pop().unwrap();
    assert!(socket.is_connected() && io.len() == 1);
    let mut answer = Box::pin(socket.emit_with_ack::<u8>("question", ()));
    let limit = std::time::Duration::from_secs(1);
    let mut answers = Box::pin(io.to("nobody").timeout(limit).emit_with_ack::<u8>("question", ()));
    let mut drained = Box::pin(socket.drained());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(answer.as_mut().poll(&mut cx).is_pending());
    drop(world);
    assert!(!socket.is_connected() && socket.rooms().is_empty() && io.is_empty());
    assert!(socket.try_emit("news", ()).is_err());
    assert!(matches!(answer.as_mut().poll(&mut cx), std::task::Poll::Ready(Err(_))));
    assert!(answers.as_mut().poll(&mut cx).is_ready());
    assert!(drained.as_mut().poll(&mut cx).is_ready());
    assert_eq!(socket.id().len(), 20);
}

#[test]
fn nothing_is_kept_for_an_answer_that_nobody_takes() {
    let app = App::new();
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    let socket = io.sockets().remove(0);
    let limit = std::time::Duration::from_secs(1);
    for _ in 0..3 {
        drop(socket.emit_with_ack::<u8>("question", ()));
        drop(socket.timeout(limit).emit_with_ack::<u8>("question", ()));
        drop(io.everybody().emit_with_ack::<u8>("question", ()));
        drop(socket.emit_with_ack::<u8>("question", ()).args());
    }
    assert_eq!(io.snapshot().counts.acks, 0);
    let mut taken = Box::pin(socket.emit_with_ack::<u8>("question", ()));
    world.settle();
    assert_eq!(world.texts(ws).len(), 14, "what is not waited for is sent all the same");
    world.say(ws, "430[1]");
    world.say(ws, "4312[2]");
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let answer = taken.as_mut().poll(&mut cx);
    assert!(matches!(answer, std::task::Poll::Ready(Ok(2))));
    assert_eq!(io.snapshot().counts.acks, 0);
}

#[test]
fn nothing_is_left_of_an_engine_whose_handlers_keep_its_sessions() {
    let token = Token::default();
    let watch = token.watch();
    let sessions: Mutex<Vec<Session>> = Mutex::default();
    let app = EngineApp::new()
        .on_open(move |session: &Session| {
            token.touch();
            sessions.lock().unwrap().push(session.clone());
        })
        .on_message(|session: &Session, message: Frame| session.send(message));
    let mut world = World::new(app);
    world.accept();
    drop(world);
    assert!(is_gone(&watch));
}

#[test]
fn nothing_is_left_of_an_app_that_is_never_served() {
    let token = Token::default();
    let watch = token.watch();
    let app = App::new();
    let io = app.io();
    let app = app.state(token).on("e", move || Ack(io.len()));
    drop(app.into_machine().unwrap());
    assert!(is_gone(&watch));
}

/// A state of a client that holds sockets of it.
struct Sockets(Mutex<Vec<client::Socket>>, #[allow(dead_code, reason = "to be dropped")] Token);

#[test]
fn nothing_is_left_of_a_client_whatever_its_handlers_and_states_hold() {
    let token = Token::default();
    let watch = token.watch();
    let kept = token.clone();
    let client = Client::new().state(Sockets(Mutex::default(), token)).on_connect(
        move |socket: client::Socket, all: State<Sockets>| {
            all.0.lock().unwrap().push(socket.clone());
            let (me, kept) = (socket.clone(), kept.clone());
            socket.on("move", move |square: String| {
                kept.touch();
                me.emit("moved", square);
            });
        },
    );
    let mut world = ClientWorld::new(client);
    world.connect();
    world.say(r#"42["move","e4"]"#);
    assert_eq!(world.texts(), [r#"42["moved","e4"]"#]);
    let socket = world.socket.clone();
    world.machine.abandon();
    drop(world);
    assert!(is_gone(&watch));
    assert!(!socket.is_connected() && socket.id().is_none());
    assert!(socket.try_emit("news", ()).is_err());
    let id = socket.on("e", || {});
    assert!(!socket.off(id));
}
