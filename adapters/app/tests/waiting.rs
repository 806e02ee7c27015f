//! Which handlers count against the limit of those that wait.

mod common;

use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use common::World;
use sockeye_app::{App, Packet, Socket};

fn limit(handlers: usize) -> NonZeroUsize {
    NonZeroUsize::new(handlers).expect("not zero")
}

#[test]
fn acknowledgements_that_a_client_owes_to_others_give_it_no_more_handlers() {
    let app = App::new().max_handlers(limit(10)).on("wait", std::future::pending::<()>);
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    let socket = io.sockets().remove(0);
    let _asked: Vec<_> = (0..500).map(|_| socket.emit_with_ack::<()>("asked", ())).collect();
    let _all_asked = io.everybody().emit_with_ack::<()>("all asked", ());
    world.settle();

    for handlers in 1..=10 {
        assert!(!world.is_paused(ws), "{handlers}");
        world.say(ws, "42[\"wait\"]");
    }
    assert!(world.is_paused(ws));
    assert_eq!(io.snapshot().handlers, 10);
}

#[test]
fn handlers_that_asked_the_client_and_wait_for_something_else_count() {
    let app = App::new().max_handlers(limit(10)).on("wait", |socket: Socket| async move {
        let asked = socket.emit_with_ack::<()>("asked", ());
        std::future::pending::<()>().await;
        drop(asked);
    });
    let mut world = World::new(app);
    let ws = world.connect();
    (0..10).for_each(|_| world.say(ws, "42[\"wait\"]"));
    assert!(world.is_paused(ws));
}

#[test]
fn handlers_that_await_an_answer_of_the_client_itself_leave_it_read() {
    let app = App::new()
        .max_handlers(limit(2))
        .on("alone", |socket: Socket| async move {
            let _ = socket.emit_with_ack::<u8>("asked", ()).await;
            std::future::pending::<()>().await;
        })
        .on("args", |socket: Socket| async move {
            let _ = socket
                .timeout(Duration::from_secs(9))
                .emit_with_ack::<u8>("asked", ())
                .args()
                .await;
            std::future::pending::<()>().await;
        })
        .on("together", |socket: Socket| async move {
            let _ = socket.io().everybody().emit_with_ack::<u8>("asked", ()).await;
            std::future::pending::<()>().await;
        });
    let io = app.io();
    let mut world = World::new(app);
    for event in ["alone", "args", "together"] {
        let ws = world.connect();
        world.texts(ws);
        (0..5).for_each(|_| world.say(ws, &format!("42[\"{event}\"]")));
        assert!(!world.is_paused(ws), "{event}: they wait for the client itself");
        let asked = world.texts(ws);
        assert_eq!(asked.len(), 5, "{asked:?}");
        let before = io.snapshot().handlers;

        // From now on they wait for something else.
        for text in &asked[..2] {
            assert!(!world.is_paused(ws), "{event}");
            let id = text.trim_start_matches("42").split('[').next().expect("an id");
            world.say(ws, &format!("43{id}[1]"));
        }
        assert!(world.is_paused(ws), "{event}");
        assert_eq!(io.snapshot().handlers, before, "{event}: all of them wait for something");
        world.hang_up(ws);
    }
}

#[test]
fn handlers_that_await_an_answer_of_another_client_count() {
    let app = App::new()
        .max_handlers(limit(2))
        .on_connect(|socket: Socket| {
            socket.join(if socket.io().len() == 1 { "first" } else { "others" });
        })
        .on("one", |socket: Socket| async move {
            let others = socket.io().to("first").sockets();
            let _ = others[0].emit_with_ack::<u8>("asked", ()).await;
        })
        .on("room", |socket: Socket| async move {
            let _ = socket.io().to("first").emit_with_ack::<u8>("asked", ()).await;
        });
    let mut world = World::new(app);
    let _first = world.connect();
    for event in ["one", "room"] {
        let ws = world.connect();
        (0..2).for_each(|_| world.say(ws, &format!("42[\"{event}\"]")));
        assert!(world.is_paused(ws), "{event}");
    }
}

#[test]
fn an_answer_that_is_not_awaited_any_more_exempts_nobody() {
    let app = App::new().max_handlers(limit(1)).on("wait", |socket: Socket| async move {
        let mut asked = Some(socket.emit_with_ack::<()>("asked", ()));
        poll_fn(|cx| {
            if let Some(asked) = &mut asked {
                assert!(std::pin::Pin::new(asked).poll(cx).is_pending());
            }
            asked = None;
            Poll::<()>::Pending
        })
        .await;
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, "42[\"wait\"]");
    assert!(world.is_paused(ws));
}

#[test]
fn a_middleware_that_awaits_an_answer_of_the_client_leaves_it_read() {
    let app = App::new()
        .max_handlers(limit(1))
        .packet_middleware(|socket: Socket, _: Packet| async move {
            socket.emit_with_ack::<()>("may I?", ()).await
        })
        .on("wait", std::future::pending::<()>);
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, "42[\"wait\"]");
    assert!(!world.is_paused(ws));
    world.say(ws, "430[]");
    assert!(world.is_paused(ws), "the handler behind it counts");
}

/// An app whose handlers of `wait` are done when somebody says `go`, which can't be read once they
/// are two; with what its handler of errors hears.
fn app_that_can_get_stuck() -> (App, Arc<Mutex<Vec<String>>>) {
    let errors = Arc::<Mutex<Vec<String>>>::default();
    let (log, gate) = (Arc::clone(&errors), Arc::<AtomicUsize>::default());
    let open = Arc::clone(&gate);
    let app = App::new()
        .max_handlers(limit(2))
        .stall_timeout(Duration::from_secs(5))
        .on_error(move |error| log.lock().expect("no panic").push(error.to_string()))
        .on("wait", move || {
            let gate = Arc::clone(&gate);
            poll_fn(move |_| {
                let goes = |n: usize| n.checked_sub(1);
                let went = gate.fetch_update(Ordering::Relaxed, Ordering::Relaxed, goes);
                if went.is_ok() { Poll::Ready(()) } else { Poll::Pending }
            })
        })
        .on("go", move |count: usize| {
            open.fetch_add(count, Ordering::Relaxed);
        });
    (app, errors)
}

#[test]
fn handlers_that_wait_for_what_can_not_be_read_end_with_their_connection() {
    let (app, errors) = app_that_can_get_stuck();
    let mut world = World::new(app);
    let (ws, other) = (world.connect(), world.connect());
    (0..2).for_each(|_| world.say(ws, "42[\"wait\"]"));
    assert!(world.is_paused(ws));

    world.advance(Duration::from_secs(4));
    assert!(!world.is_closed(ws));
    world.advance(Duration::from_secs(2));

    assert!(world.is_closed(ws) && !world.is_closed(other));
    assert_eq!(world.waiting_tasks(), 0);
    let errors = errors.lock().expect("no panic");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].ends_with("too many handlers wait, and none of them was done in time"));
}

#[test]
fn handlers_that_are_done_one_by_one_are_not_stuck() {
    let (app, errors) = app_that_can_get_stuck();
    let mut world = World::new(app);
    let (ws, other) = (world.connect(), world.connect());
    (0..2).for_each(|_| world.say(ws, "42[\"wait\"]"));
    assert!(world.is_paused(ws));

    world.say(other, "42[\"go\",1]");
    assert!(!world.is_paused(ws), "half of them are done");
    world.advance(Duration::from_secs(60 * 60));
    assert!(errors.lock().expect("no panic").is_empty());
}
