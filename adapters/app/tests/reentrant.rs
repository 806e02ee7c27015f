//! Code of the application that asks the server something wherever it is called, and panics of it.

mod common;

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::client::ClientWorld;
use common::{World, within_reason};
use sockeye_app::client::{self, Client};
use sockeye_app::core::Output;
use sockeye_app::{App, Io, ListenerId, Packet, Runtime, Socket, Task};

/// Asks when it is dropped.
struct AsksOnDrop(Socket, Arc<AtomicUsize>);

impl Drop for AsksOnDrop {
    fn drop(&mut self) {
        drop(self.0.data::<u8>());
        self.0.off_event("nothing");
        self.1.fetch_add(1 + self.0.io().sockets().len(), Ordering::Relaxed);
    }
}

#[test]
fn a_matcher_of_namespaces_may_ask_the_server() {
    within_reason(|| {
        let app = App::new();
        let io = app.io();
        let app = app.of_matching(
            move |name| io.sockets().is_empty() && name.starts_with("/room"),
            |namespace| namespace.on_connect(|socket: Socket| socket.emit("hello", ())),
        );
        let mut world = World::new(app);
        let ws = world.open();
        world.say(ws, "40/room,");
        assert_eq!(world.texts(ws).last().map(String::as_str), Some("42/room,[\"hello\"]"));
    });
}

/// A room whose name is asked for.
struct Asked(Io);

impl AsRef<str> for Asked {
    fn as_ref(&self) -> &str {
        if self.0.sockets().is_empty() { "empty" } else { "full" }
    }
}

#[test]
fn the_name_of_a_room_may_ask_the_server() {
    within_reason(|| {
        let app = App::new().on("join", |socket: Socket, io: Io| {
            socket.join([Asked(io.clone())]);
            io.sockets_join([Asked(io.clone())]);
            socket.leave([Asked(io.clone())]);
            io.sockets_leave([Asked(io.clone())]);
            socket.join([Asked(io)]);
            socket.emit("rooms", socket.rooms().len());
        });
        let mut world = World::new(app);
        let ws = world.connect();
        world.texts(ws);
        world.say(ws, "42[\"join\"]");
        assert_eq!(world.texts(ws), ["42[\"rooms\",2]"]);
    });
}

#[test]
fn what_is_dropped_with_data_and_listeners_may_ask_the_server() {
    within_reason(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&drops);
        let app = App::new().on("go", move |socket: Socket| {
            let guard = || AsksOnDrop(socket.clone(), Arc::clone(&count));
            socket.set_data(guard());
            socket.set_data(guard());
            let listen = |event: &str| -> ListenerId {
                let guard = guard();
                socket.on(event, move |_: Socket| assert!(!guard.0.id().is_empty()))
            };
            let first = listen("a");
            listen("b");
            listen("c");
            assert!(socket.off(first));
            assert!(!socket.off(first));
            socket.off_event("b");
            socket.off_all();
        });
        let mut world = World::new(app);
        let ws = world.connect();
        world.say(ws, "42[\"go\"]");
        assert_eq!(drops.load(Ordering::Relaxed), 4 * 2, "each saw the one socket");
    });
}

/// Asks the client when it is dropped.
struct AsksClientOnDrop(client::Socket, Arc<AtomicUsize>);

impl Drop for AsksClientOnDrop {
    fn drop(&mut self) {
        self.1.fetch_add(1 + self.0.buffered(), Ordering::Relaxed);
    }
}

#[test]
fn handlers_of_sockets_that_can_not_be_opened_may_ask_the_client_when_they_are_dropped() {
    within_reason(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let world = ClientWorld::new(Client::new());
        let open = |name: &str| {
            let guard = AsksClientOnDrop(world.socket.clone(), Arc::clone(&drops));
            world.socket.open(name, |namespace| {
                namespace.on("event", move |_: client::Socket| assert!(guard.0.is_active()))
            })
        };
        assert!(open("/").is_err(), "there is one");
        assert!(open("/a,b").is_err(), "it is no name");
        drop(world.socket.close());
        assert!(open("/late").is_err(), "the client is closed");
        assert_eq!(drops.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn a_matcher_that_panics_costs_its_namespace_alone() {
    let app = App::new().of_matching(
        |name| {
            assert_ne!(name, "/bad");
            true
        },
        |namespace| namespace.on_connect(|_: Socket| ()),
    );
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);

    world.say(ws, "40/bad,");
    assert_eq!(world.texts(ws), ["44/bad,{\"message\":\"Invalid namespace\"}"]);
    world.say(ws, "40/good,");
    assert!(world.texts(ws)[0].starts_with("40/good,{"));
    assert!(!world.is_closed(ws));
}

/// An adapter that fails to carry out an output.
struct Failing;

impl Runtime for Failing {
    fn perform(&mut self, output: Output<Infallible>) {
        panic!("on purpose: {output:?}");
    }

    fn spawn(&mut self, _: Task) {}
}

#[test]
fn an_emit_wakes_the_adapter_after_a_panic_has_cut_a_drive_short() {
    let app = App::new();
    let io = app.io();
    let mut world = World::new(app);
    world.connect();
    io.emit("lost", ());
    let before = world.wakes.load(Ordering::Relaxed);

    let shard = Arc::clone(&world.shard);
    let driven = std::panic::AssertUnwindSafe(|| shard.drive(&mut Failing));
    assert!(std::panic::catch_unwind(driven).is_err());
    assert_eq!(world.wakes.load(Ordering::Relaxed), before + 1, "there may be more to do");
    world.settle();

    io.emit("news", ());
    assert_eq!(world.wakes.load(Ordering::Relaxed), before + 2);
}

#[test]
fn a_handler_behind_middlewares_counts_once() {
    let limit = NonZeroUsize::new(10).expect("not zero");
    for slow in [false, true] {
        let app = App::new()
            .max_handlers(limit)
            .packet_middleware(move |_: Packet| async move {
                if slow {
                    yield_now().await;
                }
                Ok::<_, &str>(())
            })
            .on("wait", std::future::pending::<()>);
        let io = app.io();
        let mut world = World::new(app);
        let ws = world.connect();
        for _ in 0..9 {
            world.say(ws, "42[\"wait\"]");
        }
        assert_eq!(io.snapshot().handlers, 9, "slow: {slow}");
        assert!(!world.is_paused(ws));
        world.say(ws, "42[\"wait\"]");
        assert!(world.is_paused(ws));
    }
}

#[test]
fn a_middleware_that_waits_counts_as_a_handler() {
    let app = App::new()
        .max_handlers(NonZeroUsize::MIN)
        .packet_middleware(|_: Packet| std::future::pending::<Result<(), &str>>());
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, "42[\"wait\"]");
    assert_eq!(io.snapshot().handlers, 1);
    assert!(world.is_paused(ws));
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut yielded, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
