//! Handlers that wait end with their connection.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::future::{Future, pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use common::{World, within_reason};
use sockeye_app::{Ack, App, BoxError, Detached, EngineApp, Packet, Socket, State, events};

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, text: impl Into<String>) {
    log.lock().unwrap().push(text.into());
}

fn entries(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// Notes that it is dropped.
struct Noting(Log, &'static str);

impl Drop for Noting {
    fn drop(&mut self) {
        note(&self.0, self.1);
    }
}

/// Waits until this is set.
async fn until(gate: &AtomicBool) {
    poll_fn(|_| if gate.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn app(log: &Log) -> App {
    App::new().state(Arc::clone(log))
}

#[test]
fn handlers_that_wait_are_dropped_after_those_of_the_disconnection_were_called() {
    let log = Log::default();
    let app = app(&log)
        .on_connect(|log: State<Log>| async move {
            let _noting = Noting(Arc::clone(&log), "connect dropped");
            pending::<()>().await;
        })
        .on("wait", |log: State<Log>| async move {
            let _noting = Noting(Arc::clone(&log), "event dropped");
            pending::<()>().await;
        })
        .on_disconnecting(|log: State<Log>| note(&log, "disconnecting"))
        .on_disconnect(|log: State<Log>| note(&log, "disconnect"));
    let io = app.io();
    let mut world = World::new(app);
    let (ws, other) = (world.connect(), world.connect());
    world.say(ws, r#"42["wait"]"#);
    world.say(other, r#"42["wait"]"#);
    assert_eq!((world.waiting_tasks(), io.snapshot().handlers), (4, 2));

    world.hang_up(ws);

    let mut log = entries(&log);
    log[2..].sort();
    assert_eq!(log, ["disconnecting", "disconnect", "connect dropped", "event dropped"]);
    assert_eq!((world.waiting_tasks(), io.snapshot().handlers), (2, 1), "those of the other");
}

#[test]
fn each_way_to_end_a_connection_ends_its_handlers() {
    let ends: [fn(&mut World, &Socket, sockeye_app::core::WsId); 4] = [
        |world, _, ws| world.hang_up(ws),
        |world, _, ws| world.say(ws, "41"),
        |world, socket, _| {
            socket.disconnect(false);
            world.settle();
        },
        |world, socket, _| {
            socket.close();
            world.settle();
        },
    ];
    for end in ends {
        let app = App::new().on("wait", pending::<()>);
        let io = app.io();
        let mut world = World::new(app);
        let ws = world.connect();
        world.say(ws, r#"42["wait"]"#);
        let socket = io.sockets().remove(0);
        end(&mut world, &socket, ws);
        assert_eq!(world.waiting_tasks(), 0);
    }
}

#[test]
fn a_handler_may_wait_for_the_end_of_its_connection() {
    let log = Log::default();
    let app = app(&log)
        .on("wait", |socket: Socket, log: State<Log>| async move {
            let _noting = Noting(Arc::clone(&log), "dropped");
            socket.closed().await;
            note(&log, "closed");
            pending::<()>().await;
            note(&log, "never");
        })
        .on_disconnect(|log: State<Log>| note(&log, "disconnect"));
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, r#"42["wait"]"#);
    world.hang_up(ws);
    assert_eq!(entries(&log), ["disconnect", "closed", "dropped"]);
    assert_eq!(world.waiting_tasks(), 0);
}

#[test]
fn a_task_of_the_application_may_wait_for_the_end_of_a_connection() {
    let app = App::new();
    let io = app.io();
    let mut world = World::new(app);
    let (first, _second) = (world.connect(), world.connect());
    let sockets = io.sockets();
    let woken = Arc::new(AtomicBool::new(false));
    let waker = std::task::Waker::from(Arc::new(Flag(Arc::clone(&woken))));
    let mut cx = std::task::Context::from_waker(&waker);
    let mut closed: Vec<_> = sockets.iter().map(|socket| Box::pin(socket.closed())).collect();
    drop(sockets[0].closed());
    for future in &mut closed {
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert!(future.as_mut().poll(&mut cx).is_pending());
    }
    world.hang_up(first);
    assert!(woken.swap(false, Ordering::Relaxed));
    assert!(closed[0].as_mut().poll(&mut cx).is_ready());
    assert!(Box::pin(sockets[0].closed()).as_mut().poll(&mut cx).is_ready());
    assert!(closed[1].as_mut().poll(&mut cx).is_pending());
    drop(world);
    assert!(woken.load(Ordering::Relaxed), "the server has ended");
    assert!(closed[1].as_mut().poll(&mut cx).is_ready());
}

struct Flag(Arc<AtomicBool>);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

events! {
    /// Saves a text.
    pub struct Save = "save typed" { text: String } -> String;
}

#[test]
fn a_detached_handler_goes_on_with_the_data_of_its_socket() {
    let (log, gate) = (Log::default(), Arc::new(AtomicBool::new(false)));
    let app = app(&log)
        .state(Arc::clone(&gate))
        .on_connect(|socket: Socket| socket.set_data("data".to_owned()))
        .on(
            "save",
            Detached(|socket: Socket, log: State<Log>, gate: State<Arc<AtomicBool>>| async move {
                until(&gate).await;
                note(&log, socket.data::<String>().map_or("none", |_| "data"));
                Ack("saved")
            }),
        )
        .on_event(Detached(|socket: Socket, event: Save| async move {
            pending_until_told(&socket).await;
            event.text
        }))
        .on("sync", Detached(|n: u8| Ack(n)));
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"421["sync",7]"#);
    assert_eq!(world.texts(ws), ["431[7]"]);
    world.say(ws, r#"42["save"]"#);
    world.say(ws, r#"42["save typed","x"]"#);
    let socket = io.sockets().remove(0);
    world.hang_up(ws);
    assert_eq!(world.waiting_tasks(), 2);
    assert!(socket.data::<String>().is_some(), "a handler needs it");
    gate.store(true, Ordering::Relaxed);
    world.settle();
    assert_eq!(entries(&log), ["data"]);
}

/// Waits for what does not come.
async fn pending_until_told(socket: &Socket) {
    let _ = socket;
    pending::<()>().await;
}

#[test]
fn middlewares_end_with_their_connection() {
    let log = Log::default();
    let app = app(&log)
        .packet_middleware(|packet: Packet, log: State<Log>| async move {
            if &*packet.name() == "pass" {
                return Ok::<_, BoxError>(());
            }
            let _noting = Noting(Arc::clone(&log), "packet middleware dropped");
            pending().await
        })
        .on("pass", Detached(pending::<()>))
        .of("/slow", |namespace| {
            namespace.middleware(|log: State<Log>| async move {
                let _noting = Noting(Arc::clone(&log), "middleware dropped");
                pending::<Result<(), BoxError>>().await
            })
        });
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, r#"42["e"]"#);
    world.say(ws, r#"42["pass"]"#);
    world.say(ws, "40/slow,");
    assert_eq!(world.waiting_tasks(), 3);
    world.hang_up(ws);
    let mut log = entries(&log);
    log.sort();
    assert_eq!(log, ["middleware dropped", "packet middleware dropped"]);
    assert_eq!(world.waiting_tasks(), 1, "the detached one");
}

#[test]
fn a_middleware_ends_when_its_client_is_refused_for_the_time_it_takes() {
    let app =
        App::new().of("/slow", |namespace| namespace.middleware(pending::<Result<(), BoxError>>));
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, "40/slow,");
    assert_eq!(world.waiting_tasks(), 1);
    for _ in 0..10 {
        world.advance(std::time::Duration::from_secs(5));
        world.say(ws, "3");
    }
    assert!(world.texts(ws).iter().any(|text| text.starts_with("44/slow,")));
    assert_eq!(world.waiting_tasks(), 0);
}

/// Asks the server something when it is dropped.
struct Nosy(Socket);

impl Drop for Nosy {
    fn drop(&mut self) {
        assert!(!self.0.is_connected());
        self.0.emit("gone", ());
        assert!(self.0.io().is_empty());
        panic!("when a handler is dropped");
    }
}

#[test]
fn what_a_handler_holds_may_ask_the_server_and_panic_when_it_is_dropped() {
    within_reason(|| {
        let log = Log::default();
        let errors = Arc::clone(&log);
        let app = App::new().on_error(move |error| note(&errors, error.to_string())).on(
            "wait",
            |socket: Socket| async move {
                let _nosy = Nosy(socket);
                pending::<()>().await;
            },
        );
        let mut world = World::new(app);
        let ws = world.connect();
        world.say(ws, r#"42["wait"]"#);
        world.hang_up(ws);
        let entries = entries(&log);
        assert_eq!(entries.len(), 1);
        assert!(entries[0].ends_with("when a handler is dropped"));
        let other = world.connect();
        assert!(!world.is_closed(other));
    });
}

#[test]
fn a_decision_about_a_handshake_ends_with_it() {
    let ends: [fn(&mut World); 2] = [
        |world| world.abort_last_request(),
        |world| world.advance(std::time::Duration::from_secs(20)),
    ];
    for end in ends {
        let log = Log::default();
        let asked = Arc::clone(&log);
        let hang = move |_| {
            let noting = Noting(Arc::clone(&asked), "dropped");
            async move {
                let _noting = noting;
                pending::<Result<(), BoxError>>().await
            }
        };
        let hangs = hang.clone();
        let mut socket_io = World::new(App::new().allow_request(hang));
        let mut engine_io = World::new(EngineApp::new().allow_request(hangs));
        for (world, path) in [(&mut socket_io, "/socket.io/"), (&mut engine_io, "/engine.io/")] {
            world.ask(&format!("{path}?EIO=4&transport=polling"));
            assert_eq!((world.waiting_tasks(), entries(&log).len()), (1, 0));
            end(world);
            assert_eq!((world.waiting_tasks(), entries(&log).len()), (0, 1));
        }
    }
}
