//! Listeners of single sockets, of everything, and middlewares for events.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use common::World;
use sockeye_app::{Ack, AckSender, App, Args, BoxError, Error, Name, Packet, Socket, State};

type Log = Arc<Mutex<Vec<String>>>;

fn entries(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// An app whose handlers write into a log, and that says what goes wrong there, too.
fn logging() -> (App, Log) {
    let log = Log::default();
    let errors = Arc::clone(&log);
    let app = App::new()
        .state(Arc::clone(&log))
        .on_error(move |error: Error| errors.lock().unwrap().push(error.to_string()));
    (app, log)
}

fn note(log: &Log, text: impl Into<String>) {
    log.lock().unwrap().push(text.into());
}

#[test]
fn a_socket_has_listeners_of_its_own() {
    let app = App::new().on("listen", |socket: Socket| {
        socket.on("e", |socket: Socket, n: u8| socket.emit("heard", n));
    });
    let mut world = World::new(app);
    let (a, b) = (world.connect(), world.connect());
    world.say(a, r#"42["listen"]"#);
    world.texts(a);
    world.texts(b);

    world.say(a, r#"42["e",1]"#);
    world.say(a, r#"42["e",2]"#);
    world.say(b, r#"42["e",3]"#);

    assert_eq!(world.texts(a), [r#"42["heard",1]"#, r#"42["heard",2]"#]);
    assert_eq!(world.texts(b), [""; 0]);
}

#[test]
fn a_listener_that_listens_once_does_so_even_if_it_emits_to_itself() {
    let app = App::new().on_connect(|socket: Socket| {
        socket.once("e", |socket: Socket| {
            socket.once("e", |socket: Socket| socket.emit("second", ()));
            socket.emit("first", ());
        });
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    for _ in 0..3 {
        world.say(ws, r#"42["e"]"#);
    }

    assert_eq!(world.texts(ws), [r#"42["first"]"#, r#"42["second"]"#]);
}

#[test]
fn listeners_can_be_removed_one_by_one_by_event_and_all() {
    let app = App::new()
        .on_connect(|socket: Socket| {
            let one = socket.on("e", |socket: Socket| socket.emit("one", ()));
            socket.on("e", |socket: Socket| socket.emit("two", ()));
            socket.on_any(|socket: Socket, name: Name| socket.emit("any", &*name));
            socket.set_data(one);
        })
        .on("one", |socket: Socket| {
            let one = *socket.data::<sockeye_app::ListenerId>().unwrap();
            Ack((socket.off(one), socket.off(one)))
        })
        .on("event", |socket: Socket| socket.off_event("e"))
        .on("all", |socket: Socket| socket.off_all());
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    let mut said = |text: &str| {
        world.say(ws, text);
        world.texts(ws)
    };

    let e = r#"42["e"]"#;
    assert_eq!(said(e), [r#"42["any","e"]"#, r#"42["one"]"#, r#"42["two"]"#]);
    assert_eq!(said(r#"421["one"]"#), [r#"42["any","one"]"#, "431[true,false]"]);
    assert_eq!(said(e), [r#"42["any","e"]"#, r#"42["two"]"#]);
    said(r#"42["event"]"#);
    assert_eq!(said(e), [r#"42["any","e"]"#]);
    said(r#"42["all"]"#);
    assert_eq!(said(e), [""; 0]);
}

#[test]
fn the_first_of_several_handlers_to_answer_gives_the_acknowledgement() {
    let app = App::new()
        .on_any(|ack: Option<AckSender>| {
            if let Some(ack) = ack {
                drop(ack);
            }
        })
        .on("e", |_: Socket| {})
        .on("e", |n: u8| Ack(format!("second {n}")))
        .on("e", |n: u8| Ack(format!("third {n}")));
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, r#"421["e",7]"#);

    assert_eq!(world.texts(ws), [r#"431["second 7"]"#]);
}

#[test]
fn what_is_emitted_is_told_to_those_who_want_to_hear_it() {
    let (app, log) = logging();
    let app = app
        .on_any_outgoing(|socket: Socket, name: Name, args: Args, log: State<Log>| async move {
            note(&log, format!("{} {name}{args:?}", socket.data::<char>().unwrap()));
        })
        .on("start", |socket: Socket, name: char| {
            socket.set_data(name);
            socket.join("all");
        })
        .on("go", |socket: Socket| {
            socket.emit("one", (1, "two"));
            socket.to("all").emit("others", ());
            socket.io().emit("everybody", ());
            drop(socket.emit_with_ack::<()>("question", 3));
            Ack("no event")
        });
    let mut world = World::new(app);
    let (a, b) = (world.connect(), world.connect());
    world.say(a, r#"42["start","a"]"#);
    world.say(b, r#"42["start","b"]"#);

    world.say(a, r#"421["go"]"#);

    let expected = [
        r#"a one["1", "\"two\""]"#,
        "b others[]",
        "a everybody[]",
        "b everybody[]",
        r#"a question["3"]"#,
    ];
    assert_eq!(entries(&log), expected);
}

#[test]
fn a_socket_can_have_what_is_emitted_to_it_told() {
    let (app, log) = logging();
    let app = app
        .on("watch", |socket: Socket| {
            socket.on_any_outgoing(|name: Name, log: State<Log>| note(&log, &*name));
        })
        .on("all", |socket: Socket| socket.io().emit("news", ()))
        .on("stop", |socket: Socket| socket.off_all());
    let mut world = World::new(app);
    let (a, b) = (world.connect(), world.connect());

    world.say(a, r#"42["all"]"#);
    assert_eq!(entries(&log), [""; 0]);
    world.say(a, r#"42["watch"]"#);
    world.say(b, r#"42["all"]"#);
    assert_eq!(entries(&log), ["news"], "once, for one of the two sockets");
    world.say(a, r#"42["stop"]"#);
    world.say(b, r#"42["all"]"#);
    assert_eq!(entries(&log), [""; 0]);
}

#[test]
fn a_middleware_decides_which_events_pass() {
    let (app, log) = logging();
    let app = app
        .packet_middleware(|name: Name| if &*name == "bad" { Err("not this one") } else { Ok(()) })
        .on_any(|name: Name, log: State<Log>| note(&log, format!("any {}", &*name)))
        .on("good", |log: State<Log>| note(&log, "handled"))
        .on("bad", |log: State<Log>| note(&log, "never"));
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, r#"42["good"]"#);
    assert_eq!(entries(&log), ["any good", "handled"]);
    world.say(ws, r#"421["bad"]"#);

    let told = entries(&log);
    assert_eq!(told[0], "any bad", "as with the official server");
    assert!(told[1].starts_with("event \"bad\" of socket "), "{told:?}");
    assert!(told[1].ends_with(": not this one"), "{told:?}");
    assert_eq!(told.len(), 2);
    assert_eq!(world.texts(ws), [""; 0], "the client is not told");
    assert!(!world.is_closed(ws));
}

#[test]
fn a_middleware_can_change_an_event_and_the_next_one_sees_it() {
    let app = App::new()
        .packet_middleware(|packet: Packet| {
            packet.set_name("renamed");
            packet.set_args((1, "two"))?;
            Ok::<_, BoxError>(())
        })
        .packet_middleware(|packet: Packet, name: Name, args: Args| {
            packet.set_args((&*name, args.len()))
        })
        .on("renamed", |name: String, count: usize| Ack((name, count)));
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, r#"421["original",[]]"#);

    assert_eq!(world.texts(ws), [r#"431["renamed",2]"#]);
}

#[test]
fn a_middleware_may_take_its_time_and_panic() {
    let (app, log) = logging();
    let open = Arc::new(AtomicUsize::new(0));
    let gate = Arc::clone(&open);
    let app = app
        .packet_middleware(move |name: Name| {
            let gate = Arc::clone(&gate);
            async move {
                assert!(&*name != "panic", "what a name");
                let passed = poll_fn(|_| match gate.load(Ordering::Relaxed) {
                    0 => Poll::Pending,
                    _ => Poll::Ready(()),
                });
                passed.await;
            }
        })
        .on("e", || Ack("through"));
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, r#"421["e"]"#);
    world.say(ws, r#"42["panic"]"#);
    assert_eq!(world.texts(ws), [""; 0]);
    assert!(entries(&log)[0].ends_with("handler panicked: what a name"));
    open.store(1, Ordering::Relaxed);
    world.settle();

    assert_eq!(world.texts(ws), [r#"431["through"]"#]);
    assert_eq!(world.waiting_tasks(), 0);
}

#[test]
fn an_event_whose_client_is_gone_when_it_has_passed_is_not_handled() {
    let (app, log) = logging();
    let open = Arc::new(AtomicUsize::new(0));
    let gate = Arc::clone(&open);
    let app = app
        .packet_middleware(move || {
            let gate = Arc::clone(&gate);
            poll_fn(move |_| match gate.load(Ordering::Relaxed) {
                0 => Poll::Pending,
                _ => Poll::Ready(()),
            })
        })
        .on("e", |log: State<Log>| note(&log, "never"));
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, r#"42["e"]"#);

    world.hang_up(ws);
    open.store(1, Ordering::Relaxed);
    world.settle();

    assert_eq!(entries(&log), [""; 0]);
}

#[test]
fn a_handler_that_panics_in_one_listener_does_not_keep_the_others_from_running() {
    let (app, log) = logging();
    let app = app
        .on("e", |_: Socket| -> () { panic!("first") })
        .on("e", |log: State<Log>| note(&log, "second"));
    let mut world = World::new(app);
    let ws = world.connect();

    world.say(ws, r#"42["e"]"#);

    let told = entries(&log);
    assert!(told[0].ends_with("handler panicked: first"), "{told:?}");
    assert_eq!(told[1], "second");
}
