//! Beginnings and ends, flow in both directions, and figures.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use common::World;
use sockeye_app::{
    Ack, App, Captures, DisconnectReason, EmitError, IntoMachine, Io, OnOverflow, Params,
    RoomChange, ServerConfig, Socket, State,
};

type Log = Arc<Mutex<Vec<String>>>;

fn entries(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

fn note(log: &Log, text: impl Into<String>) {
    log.lock().unwrap().push(text.into());
}

fn config(change: impl FnOnce(&mut ServerConfig)) -> ServerConfig {
    let mut config = ServerConfig::default();
    change(&mut config);
    config
}

#[test]
fn a_socket_that_is_going_still_knows_its_rooms() {
    let log = Log::default();
    let app = App::new()
        .state(Arc::clone(&log))
        .on_connect(|socket: Socket| socket.join(["blue", "red"]))
        .on_disconnecting(|socket: Socket, reason: DisconnectReason, log: State<Log>| {
            for room in &socket.rooms()[1..] {
                socket.to(room.clone()).emit("left", &**room);
            }
            note(&log, format!("{reason}, {} rooms", socket.rooms().len()));
        })
        .on_disconnect(|socket: Socket, log: State<Log>| {
            note(&log, format!("gone, {} rooms", socket.rooms().len()));
        });
    let mut world = World::new(app);
    let (a, b) = (world.connect(), world.connect());
    world.texts(b);

    world.hang_up(a);

    assert_eq!(entries(&log), ["transport close, 3 rooms", "gone, 0 rooms"]);
    assert_eq!(world.texts(b), [r#"42["left","blue"]"#, r#"42["left","red"]"#]);
}

#[test]
fn changes_of_rooms_are_told_to_the_namespace_they_are_in() {
    let log = Log::default();
    let told = Arc::clone(&log);
    let app = App::new()
        .on("join", |socket: Socket, room: String| socket.join(room))
        .on("leave", |socket: Socket, room: String| socket.leave(room))
        .of("/", move |namespace| {
            namespace.on_room(move |io: &Io, room: &str, change: &RoomChange| {
                assert!(room != "bad", "a panic is not the end");
                let change = match change {
                    RoomChange::Joined(_) => format!("joined, {} in it", io.to(room).count()),
                    RoomChange::Left(_) => "left".to_owned(),
                    RoomChange::Created => "created".to_owned(),
                    RoomChange::Deleted | _ => "deleted".to_owned(),
                };
                note(&told, format!("{room} {change}"));
            })
        });
    let mut world = World::new(app);
    let ws = world.connect();

    world.say(ws, r#"42["join","bad"]"#);
    world.say(ws, r#"42["join","red"]"#);
    world.say(ws, r#"42["leave","red"]"#);

    assert_eq!(entries(&log), ["red created", "red joined, 1 in it", "red left", "red deleted"]);
}

#[test]
fn what_a_template_captures_is_there_for_handlers() {
    let app = App::new()
        .of_template("/{team}/room-{id}", |namespace| {
            namespace.on("where", |Captures(found): Captures<Params>| {
                Ack((found.get("team").unwrap().to_owned(), found.parse::<u32>("id")))
            })
        })
        .of_matching(
            |name| name.strip_prefix("/user-")?.parse::<u32>().ok(),
            |namespace| namespace.on("where", |user: Captures<u32>| Ack(*user.0)),
        );
    let mut world = World::new(app);
    let ws = world.open();
    let mut ask = |namespace: &str| {
        world.say(ws, &format!("40{namespace},"));
        world.texts(ws);
        world.say(ws, &format!(r#"42{namespace},1["where"]"#));
        world.texts(ws)
    };

    assert_eq!(ask("/blue/room-7"), [r#"43/blue/room-7,1["blue",7]"#]);
    assert_eq!(ask("/user-9"), ["43/user-9,1[9]"]);
}

#[test]
fn a_handler_that_wants_what_is_not_captured_is_at_fault() {
    let log = Log::default();
    let errors = Arc::clone(&log);
    let app = App::new()
        .on_error(move |error| note(&errors, error.to_string()))
        .on("e", |_: Captures<u32>| {});
    let mut world = World::new(app);
    let ws = world.connect();

    world.say(ws, r#"42["e"]"#);

    assert!(entries(&log)[0].ends_with("the pattern of the namespace captures no u32"));
}

#[test]
fn a_malformed_template_is_an_error_when_the_app_is_served() {
    let app = App::new().of_template("/room-{id", |namespace| namespace);
    let error = app.into_machine().err().expect("an error");
    assert_eq!(error.to_string(), "of_template: a brace is not closed");
}

// Flow.

/// Keeps handlers waiting until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicUsize>);

impl Gate {
    async fn pass(&self) {
        poll_fn(|_| match self.0.load(Ordering::Relaxed) {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
    }

    fn open(&self) {
        self.0.store(1, Ordering::Relaxed);
    }
}

fn slow_app(gate: &Gate) -> App {
    let limit = NonZeroUsize::new(4).expect("not zero");
    App::new().state(gate.clone()).max_handlers(limit).on(
        "slow",
        |_: Socket, gate: State<Gate>| async move {
            gate.pass().await;
        },
    )
}

#[test]
fn a_client_is_not_read_while_too_many_of_its_handlers_wait() {
    let gate = Gate::default();
    let app = slow_app(&gate);
    let io = app.io();
    let mut world = World::new(app);
    let (a, b) = (world.connect(), world.connect());

    for _ in 0..3 {
        world.say(a, r#"42["slow"]"#);
    }
    assert!(!world.is_paused(a));
    world.say(a, r#"42["slow"]"#);

    assert!(world.is_paused(a));
    assert!(!world.is_paused(b), "nobody else has to wait");
    assert_eq!(io.snapshot().handlers, 4);
    assert_eq!(io.snapshot().totals.engine.pauses, 1);
    gate.open();
    world.settle();
    assert!(!world.is_paused(a));
    assert_eq!(io.snapshot().handlers, 0);
}

#[test]
fn handlers_that_wait_for_the_client_do_not_keep_its_answers_from_being_read() {
    let limit = NonZeroUsize::new(2).expect("not zero");
    let app = App::new().max_handlers(limit).on("ask", |socket: Socket| async move {
        let answer: u8 = socket.emit_with_ack("question", ()).await?;
        socket.emit("got", answer);
        Ok::<_, sockeye_app::AckFailure>(())
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    for _ in 0..5 {
        world.say(ws, r#"42["ask"]"#);
    }
    assert!(!world.is_paused(ws));
    world.say(ws, "433[7]");

    assert_eq!(world.texts(ws).pop().unwrap(), r#"42["got",7]"#);
}

#[test]
fn handlers_whose_client_is_gone_count_no_more_when_they_are_done() {
    let gate = Gate::default();
    let app = slow_app(&gate);
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    for _ in 0..4 {
        world.say(ws, r#"42["slow"]"#);
    }

    world.hang_up(ws);
    gate.open();
    world.settle();

    assert_eq!(io.snapshot().handlers, 0);
}

#[test]
fn a_sender_can_wait_until_the_client_has_caught_up() {
    let log = Log::default();
    let app = App::new()
        .config(config(|config| {
            config.engine = config.engine.clone().max_buffered(1300);
            config.on_overflow = OnOverflow::Refuse;
        }))
        .state(Arc::clone(&log))
        .on("send", |socket: Socket, log: State<Log>| async move {
            for n in 0..5 {
                socket.emit_when_ready("chunk", (n, "x".repeat(80))).await?;
                note(&log, format!("sent {n}"));
            }
            socket.drained().await?;
            note(&log, "drained");
            Ok::<_, EmitError>(())
        });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.stall(ws);

    world.say(ws, r#"42["send"]"#);
    assert_eq!(entries(&log), ["sent 0", "sent 1"]);
    world.drain(ws);
    assert_eq!(entries(&log), [""; 0], "the second one is on its way");
    world.drain(ws);
    assert_eq!(entries(&log), ["sent 2", "sent 3"]);
    for _ in 0..5 {
        world.drain(ws);
    }

    assert_eq!(entries(&log).pop().unwrap(), "drained");
    assert_eq!(world.texts(ws).len(), 5);
}

#[test]
fn who_waits_for_a_client_that_goes_is_told_so() {
    let log = Log::default();
    let app = App::new().state(Arc::clone(&log)).on(
        "wait",
        |socket: Socket, log: State<Log>| async move {
            socket.emit("a", ());
            let error = socket.drained().await.expect_err("the client is gone");
            note(&log, error.to_string());
        },
    );
    let mut world = World::new(app);
    let ws = world.connect();
    world.stall(ws);
    world.say(ws, r#"42["wait"]"#);

    world.hang_up(ws);

    assert_eq!(entries(&log), ["the socket is not connected"]);
}

#[test]
fn what_is_refused_is_reported_unless_the_caller_takes_it() {
    let log = Log::default();
    let errors = Arc::clone(&log);
    let app = App::new()
        .config(config(|config| {
            config.engine = config.engine.clone().max_buffered(100);
            config.on_overflow = OnOverflow::Refuse;
        }))
        .on_error(move |error| note(&errors, error.to_string()))
        .on("flood", |socket: Socket| {
            socket.emit("big", "x".repeat(200));
            assert!(matches!(socket.try_emit("e", ()), Err(EmitError::Full { limit: 100 })));
            socket.emit("e", ());
        });
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    world.stall(ws);

    world.say(ws, r#"42["flood"]"#);

    assert!(entries(&log)[0].ends_with("more than 100 bytes wait to be sent"));
    assert_eq!(io.snapshot().totals.refused, 2);
}

// The whole server.

#[test]
fn everybody_can_be_sent_away_over_a_time() {
    let app = App::new();
    let io = app.io();
    let mut world = World::new(app);
    let clients = [world.connect(), world.connect()];

    io.retire(Duration::from_secs(10));
    world.settle();
    assert_eq!(clients.map(|ws| world.is_closed(ws)), [true, false]);
    world.advance(Duration::from_secs(6));

    assert_eq!(clients.map(|ws| world.is_closed(ws)), [true, true]);
    assert!(world.shard.is_idle());
    assert_eq!(world.request("/socket.io/?EIO=4&transport=polling").0, 503);
}

#[test]
fn sockets_are_found_wherever_they_are() {
    let app = App::new().on_connect(|socket: Socket| socket.join("all")).on(
        "find",
        |io: Io| async move {
            let found = io.in_("all").fetch_sockets().await?;
            for socket in &found {
                assert_eq!(socket.rooms()[0], socket.id());
                assert!(socket.local().is_some());
                socket.emit("found", socket.rooms().len());
                socket.join("found");
                socket.leave("all");
            }
            let all = io.fetch_sockets().await?;
            Ok::<_, sockeye_app::FetchError>(Ack((found.len(), all.len(), io.rooms())))
        },
    );
    let mut world = World::new(app);
    let (a, b) = (world.connect(), world.connect());
    world.texts(a);
    world.texts(b);

    world.say(a, r#"421["find"]"#);

    assert_eq!(world.texts(b), [r#"42["found",2]"#]);
    assert_eq!(world.texts(a), [r#"42["found",2]"#, r#"431[2,2,[["found",2]]]"#]);
}

#[test]
fn a_socket_found_elsewhere_answers_and_can_be_disconnected() {
    let app = App::new().on("ask", |io: Io, socket: Socket| async move {
        let found = io.except(socket.id()).fetch_sockets().await.expect("one server");
        let second = Duration::from_secs(1);
        let answer = found[0].emit_with_ack::<String>(second, "who", ()).await;
        let late = found[0].emit_with_ack::<String>(second, "who", ()).await;
        found[0].disconnect(true);
        socket.emit("answer", (answer.unwrap(), late.unwrap_err().to_string()));
    });
    let mut world = World::new(app);
    let (a, b) = (world.connect(), world.connect());
    world.texts(a);
    world.texts(b);

    world.say(a, r#"42["ask"]"#);
    world.say(b, r#"430["me"]"#);
    world.advance(Duration::from_secs(2));

    assert_eq!(world.texts(a), [r#"42["answer","me","operation has timed out"]"#]);
    assert!(world.is_closed(b));
}

#[test]
fn the_event_message_has_a_verb_of_its_own() {
    let app = App::new().on("e", |socket: Socket, io: Io| {
        socket.send("one");
        io.send(("two", 3));
        io.compress(false).send("four");
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, r#"42["e"]"#);

    let expected =
        [r#"42["message","one"]"#, r#"42["message","two",3]"#, r#"42["message","four"]"#];
    assert_eq!(world.texts(ws), expected);
}

#[test]
fn a_snapshot_counts_what_there_is() {
    let app = App::new().on_connect(|socket: Socket| socket.join("all"));
    let io = app.io();
    assert_eq!(io.snapshot(), sockeye_app::Snapshot::default());
    let mut world = World::new(app);
    let ws = world.connect();

    let snapshot = io.snapshot();
    assert_eq!((snapshot.counts.engine.sessions, snapshot.counts.sockets), (1, 1));
    assert_eq!((snapshot.counts.rooms, snapshot.totals.engine.sessions), (1, 1));
    assert_eq!((snapshot.totals.engine.messages_in, snapshot.totals.engine.messages_out), (1, 1));
    world.hang_up(ws);
    assert_eq!(io.snapshot().counts.sockets, 0);
    assert_eq!(io.snapshot().totals.engine.sessions, 1);
}

#[test]
fn the_event_that_ends_a_client_is_an_error() {
    let log = Log::default();
    let app = App::new()
        .config(config(|config| config.engine.max_buffered = 1000))
        .state(Arc::clone(&log))
        .on("flood", |socket: Socket, log: State<Log>| {
            for n in 0..10 {
                let sent = socket.try_emit("e", (n, "x".repeat(200)));
                note(&log, sent.map_or_else(|error| error.to_string(), |()| "sent".to_owned()));
            }
        });
    let mut world = World::new(app);
    let ws = world.connect();
    world.stall(ws);

    world.say(ws, r#"42["flood"]"#);

    let entries = entries(&log);
    let sent = entries.iter().filter(|entry| *entry == "sent").count();
    assert_eq!(sent, 2, "each counts some 400 bytes");
    assert!(world.is_closed(ws));
    assert_eq!(entries.len(), 10);
    assert!(entries[2..].iter().all(|entry| entry.contains("not connected")), "{entries:?}");
}
