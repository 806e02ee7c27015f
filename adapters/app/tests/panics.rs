//! Panics of the application's code that is no handler: everybody stays, and everything goes on.

mod common;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::client::ClientWorld;
use common::{World, within_reason};
use sockeye_app::client::{self, Client};
use sockeye_app::core::engineio::{Cors, Origins};
use sockeye_app::{Ack, App, Packet, ServerConfig, Socket};

#[test]
fn a_handler_of_errors_that_panics_disconnects_nobody() {
    let reported = Arc::new(AtomicUsize::new(0));
    let reports = Arc::clone(&reported);
    let app = App::new()
        .on("fail", || Err::<(), _>("on purpose"))
        .on("fail", || Ack("the second one"))
        .on("later", || async {
            yield_now().await;
            Err::<(), _>("on purpose")
        })
        .on("wrong", |_: u8| ())
        .on("emit", |socket: Socket| socket.emit("connect", ()))
        .on_disconnect(|| Err::<(), _>("on purpose"))
        .packet_middleware(|packet: Packet| {
            if packet.name().as_str() == "stop" { Err("on purpose") } else { Ok(()) }
        })
        .on_error(move |_| {
            reports.fetch_add(1, Ordering::Relaxed);
            panic!("in the handler of errors")
        });
    let io = app.io();
    let mut world = World::new(app);
    let (ws, other) = (world.connect(), world.connect());
    world.texts(ws);

    world.say(ws, "421[\"fail\"]");
    assert_eq!(world.texts(ws), ["431[\"the second one\"]"]);
    for event in ["later", "wrong", "emit", "stop"] {
        world.say(ws, &format!("42[\"{event}\"]"));
    }
    assert_eq!(reported.load(Ordering::Relaxed), 5);
    world.hang_up(other);
    assert_eq!(reported.load(Ordering::Relaxed), 6);
    assert_eq!((io.len(), world.waiting_tasks()), (1, 0));
    world.say(ws, "422[\"fail\"]");
    assert_eq!(world.texts(ws), ["432[\"the second one\"]"]);
}

/// An error that can't be put into words.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in the words of an error")
    }
}

impl std::error::Error for Unspeakable {}

#[test]
fn an_error_whose_words_panic_refuses_its_client_and_is_none_elsewhere() {
    let app = App::new()
        .on("fail", || Err::<(), _>(Unspeakable))
        .of("/closed", |namespace| namespace.middleware(|| Err::<(), _>(Unspeakable)));
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, "40/closed,");
    assert_eq!(world.texts(ws), ["44/closed,{\"message\":\"internal error\"}"]);
    world.say(ws, "42[\"fail\"]");
    assert!(!world.is_closed(ws));
}

/// Panics when the last handle is dropped.
struct Grenade(Arc<AtomicUsize>);

impl Drop for Grenade {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("when it is dropped");
    }
}

#[test]
fn data_that_panics_when_it_is_dropped_cuts_nothing_short() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let drops = Arc::clone(&dropped);
    let app = App::new()
        .on_connect(move |socket: Socket| socket.set_data(Grenade(Arc::clone(&drops))))
        .on("echo", |text: String| Ack(text));
    let mut world = World::new(app);
    let (ws, other) = (world.connect(), world.connect());
    world.texts(ws);
    world.hang_up(other);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    world.say(ws, "421[\"echo\",\"hi\"]");
    assert_eq!(world.texts(ws), ["431[\"hi\"]"]);
}

#[test]
fn a_function_of_the_configuration_that_asks_the_server_is_a_panic_and_no_hang() {
    within_reason(|| {
        let app = App::new();
        let io = app.io();
        let mut config = ServerConfig::default();
        config.engine.cors = Some(Cors::new(Origins::Matching(Arc::new(move |origin| {
            origin == "ask" && io.is_empty()
        }))));
        let mut world = World::new(app.config(config));
        let polling = "/socket.io/?EIO=4&transport=polling";
        let ask = || world.request_with(polling, &[("origin", b"ask")]);
        assert!(catch_unwind(AssertUnwindSafe(ask)).is_err());
        assert_eq!(world.request(polling).0, 200);
        world.connect();
    });
}

#[test]
fn a_client_goes_on_after_panics_of_its_handlers_of_errors_and_of_the_connection() {
    let client = Client::new()
        .on("fail", || Err::<(), _>("on purpose"))
        .on("fail", |_: client::Socket| Ack("the second one"))
        .on_connection(|_| panic!("in the handler of the connection"))
        .on_error(|_| panic!("in the handler of errors"));
    let mut world = ClientWorld::new(client);
    world.connect();
    world.say("421[\"fail\"]");
    assert_eq!(world.texts(), ["431[\"the second one\"]"]);
    assert!(world.socket.is_connected());
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
