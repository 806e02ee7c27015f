//! What a client keeps for its handlers, and what becomes of what it emits, within bounds.

mod common;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use common::client::ClientWorld;
use sockeye_app::client::{Client, ConnectError, ConnectionFault, DisconnectReason, Error, Socket};
use sockeye_app::{AckError, Fault};

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, line: impl Into<String>) {
    log.lock().expect("nobody panics").push(line.into());
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().expect("nobody panics"))
}

fn limit(handlers: usize) -> NonZeroUsize {
    NonZeroUsize::new(handlers).expect("not zero")
}

#[test]
fn events_wait_while_too_many_handlers_do_and_acknowledgements_do_not() {
    let log = Log::default();
    let logs: [Log; 3] = std::array::from_fn(|_| Arc::clone(&log));
    let [first, second, third] = logs;
    let client = Client::new()
        .max_handlers(limit(2))
        .on("ask", move |socket: Socket, n: u32| {
            let log = Arc::clone(&first);
            async move {
                let _ = socket.emit_with_ack::<u32>("asked", n).await;
                note(&log, format!("done {n}"));
            }
        })
        .on("say", move |n: u32| note(&second, format!("say {n}")))
        .on_disconnect(move |reason: DisconnectReason| note(&third, reason.as_str()));
    let mut world = ClientWorld::new(client);
    world.connect();
    (0..2).for_each(|n| world.say(&format!("42[\"ask\",{n}]")));
    (0..2).for_each(|n| world.say(&format!("42[\"say\",{n}]")));
    assert_eq!(taken(&log), Vec::<String>::new());

    let asked = world.texts();
    let id = asked[1].trim_start_matches("42").split('[').next().expect("an id");
    world.say(&format!("43{id}[0]"));
    assert_eq!(taken(&log), ["done 1", "say 0", "say 1"]);

    world.say("42[\"ask\",2]");
    world.say("42[\"say\",2]");
    assert_eq!(taken(&log), Vec::<String>::new());
    // The end of the connection ends the wait of both.
    world.say("41");
    let mut told = taken(&log);
    assert_eq!(told.split_off(2), ["say 2", "io server disconnect"]);
    told.sort();
    assert_eq!(told, ["done 0", "done 2"]);
}

#[test]
fn nothing_more_is_read_while_many_bytes_of_events_wait() {
    let (open, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (gate, count) = (Arc::clone(&open), Arc::clone(&seen));
    let client = Client::new().max_handlers(limit(1)).on("e", move |_: String| {
        let (gate, count) = (Arc::clone(&gate), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::poll_fn(|_| match gate.load(Ordering::Relaxed) {
                0 => Poll::Pending,
                _ => Poll::Ready(()),
            })
            .await;
        }
    });
    let mut world = ClientWorld::new(client);
    world.connect();
    let event = format!("42[\"e\",\"{}\"]", "x".repeat(1 << 20));
    for n in 0..17 {
        assert!(!world.machine.is_full(), "{n} MiB");
        world.say(&event);
    }
    assert!(world.machine.is_full());
    open.store(1, Ordering::Relaxed);
    world.settle();
    assert!(!world.machine.is_full());
    assert_eq!(seen.load(Ordering::Relaxed), 17);
}

#[test]
fn an_event_that_is_given_up_after_all_retries_is_an_error() {
    let log = Log::default();
    let told = Arc::clone(&log);
    let client = Client::new()
        .of("/", |namespace| namespace.retries(2, Duration::from_secs(1)))
        .on_error(move |error: Error| match error.fault {
            Fault::GivenUp(AckError::Timeout) => note(&told, error.event),
            other @ (Fault::GivenUp(_) | _) => panic!("{other:?}"),
        });
    let mut world = ClientWorld::new(client);
    world.connect();
    world.socket.emit("precious", 1);
    let mut answer = Box::pin(world.socket.emit_with_ack::<u32>("asked", 2));
    for _ in 0..3 {
        assert_eq!(taken(&log), Vec::<String>::new());
        world.advance(Duration::from_millis(1100));
    }
    assert_eq!(taken(&log), ["precious"]);
    for _ in 0..3 {
        world.advance(Duration::from_millis(1100));
    }
    assert_eq!(taken(&log), Vec::<String>::new(), "whoever waits for an answer is told there");
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(answer.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn a_namespace_that_is_not_answered_is_an_error_of_its_own() {
    let log = Log::default();
    let told = Arc::clone(&log);
    let client = Client::new().on_error(move |error: Error| match error.fault {
        Fault::Unanswered => {
            note(&told, format!("{} of {}", error.event, error.socket.namespace()))
        }
        other @ (Fault::GivenUp(_) | _) => panic!("{other:?}"),
    });
    let mut world = ClientWorld::new(client);
    world.connect();
    let slow = world.socket.open("/slow", |it| it).expect("there is none yet");
    let mut hasty = Box::pin(slow.connected_at_once());
    let mut patient = Box::pin(slow.connected());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut patient_is_told = || patient.as_mut().poll(&mut cx).is_ready();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(hasty.as_mut().poll(&mut cx).is_pending() && !patient_is_told());
    for _ in 0..4 {
        assert_eq!(taken(&log), Vec::<String>::new());
        world.advance(Duration::from_secs(16));
        world.say("2");
    }
    assert_eq!(taken(&log), ["connect of /slow"]);
    match hasty.as_mut().poll(&mut cx) {
        Poll::Ready(Err(ConnectError::Failed(ConnectionFault::Unanswered))) => {}
        other @ (Poll::Ready(_) | Poll::Pending) => panic!("{other:?}"),
    }
    assert!(!patient_is_told() && world.socket.is_connected());
    world.say(r#"40/slow,{"sid":"c"}"#);
    assert!(patient_is_told() && slow.is_connected());
}
