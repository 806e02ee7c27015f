//! Which handlers count against the limit of those that wait.

mod common;

use std::future::Future;
use std::num::NonZeroUsize;
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
        std::future::poll_fn(|cx| {
            if let Some(asked) = &mut asked {
                assert!(std::pin::Pin::new(asked).poll(cx).is_pending());
            }
            asked = None;
            std::task::Poll::<()>::Pending
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
