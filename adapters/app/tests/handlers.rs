//! What handlers take, what they return, and what becomes of their mistakes.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use common::World;
use serde::{Deserialize, Serialize};
use sockeye_app::{
    Ack, AckFailure, AckSender, App, Args, Auth, Bytes, DisconnectReason, Error, Fault, Io, Name,
    Rooms, Socket, State,
};

type Log = Arc<Mutex<Vec<String>>>;

fn log_errors(app: App) -> (App, Log) {
    let log = Log::default();
    let errors = Arc::clone(&log);
    let app = app.on_error(move |error: Error| errors.lock().unwrap().push(error.to_string()));
    (app, log)
}

fn entries(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

#[test]
fn arguments_come_by_position_and_type() {
    #[derive(Serialize, Deserialize)]
    struct User {
        name: String,
        picture: Bytes,
    }
    let app = App::new()
        .on("pair", |socket: Socket, a: i64, b: Option<String>| {
            socket.emit("pair", (a, b));
        })
        .on("user", |socket: Socket, mut user: User| {
            user.name.push('!');
            socket.emit("user", user);
        })
        .on("map", |socket: Socket, map: HashMap<u8, (bool, f64)>| socket.emit("map", map));
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"42["pair",1,"two"]"#);
    world.say(ws, r#"42["pair",1]"#);
    world.say(ws, r#"42["map",{"7":[true,0.5]}]"#);
    assert_eq!(
        world.texts(ws),
        [r#"42["pair",1,"two"]"#, r#"42["pair",1,null]"#, r#"42["map",{"7":[true,0.5]}]"#]
    );
    world.say(ws, r#"451-["user",{"name":"x","picture":{"_placeholder":true,"num":0}}]"#);
    world.say_binary(ws, b"data");
    assert_eq!(
        world.texts(ws),
        [r#"451-["user",{"name":"x!","picture":{"_placeholder":true,"num":0}}]"#, "data"]
    );
}

#[test]
fn the_rest_of_the_arguments_comes_as_it_is() {
    let app = App::new().on("rest", |socket: Socket, first: u8, name: Name, rest: Args| {
        socket.emit("rest", (first, name.as_str(), &rest));
        socket.emit("spread", rest);
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"452-["rest",1,[1e400],{"a":{"_placeholder":true,"num":1}}]"#);
    world.say_binary(ws, b"unused");
    world.say_binary(ws, b"used");
    assert_eq!(
        world.texts(ws),
        [
            r#"451-["rest",1,"rest",[[1e400],{"a":{"_placeholder":true,"num":0}}]]"#,
            "used",
            r#"451-["spread",[1e400],{"a":{"_placeholder":true,"num":0}}]"#,
            "used"
        ]
    );
}

#[test]
fn an_ack_is_a_return_value_or_is_sent_later() {
    let kept = Arc::new(Mutex::new(None::<AckSender>));
    let keep = Arc::clone(&kept);
    let app = App::new()
        .on("add", |a: i64, b: i64| Ack(a + b))
        .on("two", || async { Ack((1, "x")) })
        .on("none", || Ack(()))
        .on("nothing", || {})
        .on("maybe", |fine: bool| if fine { Ok(Ack(1)) } else { Err("not fine") })
        .on("later", move |ack: AckSender| *keep.lock().unwrap() = Some(ack));
    let (app, log) = log_errors(app);
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"421["add",2,3]"#);
    world.say(ws, r#"422["two"]"#);
    world.say(ws, r#"423["none"]"#);
    world.say(ws, r#"424["nothing"]"#);
    world.say(ws, r#"425["maybe",true]"#);
    assert_eq!(world.texts(ws), ["431[5]", r#"432[1,"x"]"#, "433[]", "435[1]"]);

    world.say(ws, r#"42["add",2,3]"#);
    world.say(ws, r#"426["maybe",false]"#);
    assert_eq!(world.texts(ws), [""; 0], "no ack for who wants none, nor for errors");
    assert!(entries(&log)[0].ends_with("not fine"));

    world.say(ws, r#"427["later"]"#);
    assert_eq!(world.texts(ws), [""; 0]);
    kept.lock().unwrap().take().expect("it was kept").send([Bytes::from_static(b"b")].as_slice());
    world.settle();
    assert_eq!(world.texts(ws), [r#"461-7[[{"_placeholder":true,"num":0}]]"#, "b"]);
}

#[test]
fn what_does_not_fit_is_reported_with_event_and_position_and_costs_nothing_else() {
    let app = App::new()
        .on("n", |socket: Socket, _: String, n: u8| socket.emit("n", n))
        .on("ack", |_: AckSender| {})
        .on("state", |_: State<String>| {});
    let (app, log) = log_errors(app);
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"42["n","x","not a number"]"#);
    world.say(ws, r#"42["n","x"]"#);
    world.say(ws, r#"42["ack"]"#);
    world.say(ws, r#"42["state"]"#);
    let errors = entries(&log);
    assert_eq!(errors.len(), 4);
    assert!(errors[0].contains("event \"n\"") && errors[0].contains("argument 1: invalid type"));
    assert!(errors[1].ends_with("argument 1: missing"), "{}", errors[1]);
    assert!(errors[2].ends_with("the client wants no acknowledgement"));
    assert!(errors[3].ends_with("no state of type alloc::string::String was given to the app"));
    world.say(ws, r#"42["n","x",1]"#);
    assert_eq!(world.texts(ws), [r#"42["n",1]"#]);
}

#[test]
fn a_panic_is_reported_and_costs_nothing_else() {
    let app = App::new()
        .on("now", || fail("at once"))
        .on("then", || async { fail("in the future") })
        .on("after", || async {
            yield_once().await;
            fail("after a wait");
        })
        .on("fine", || Ack("fine"));
    let (app, log) = log_errors(app);
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    std::panic::set_hook(Box::new(|_| {}));
    for event in ["now", "then", "after"] {
        world.say(ws, &format!("42[{event:?}]"));
    }
    drop(std::panic::take_hook());
    let errors = entries(&log);
    let ends = ["panicked: at once", "panicked: in the future", "panicked: after a wait"];
    assert_eq!(errors.len(), 3);
    assert!(errors.iter().zip(ends).all(|(error, end)| error.ends_with(end)), "{errors:?}");
    world.say(ws, r#"421["fine"]"#);
    assert_eq!(world.texts(ws), [r#"431["fine"]"#]);
}

fn fail(message: &str) {
    panic!("{message}");
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn handlers_start_in_event_order_and_a_waiting_one_delays_nobody() {
    let release = Arc::new(AtomicUsize::new(0));
    let gate = Arc::clone(&release);
    let app = App::new().on("slow", move |socket: Socket, n: u32| {
        let gate = Arc::clone(&gate);
        async move {
            socket.emit("start", n);
            poll_fn(|_| match gate.load(Ordering::Relaxed) {
                0 => Poll::Pending,
                _ => Poll::Ready(()),
            })
            .await;
            socket.emit("end", n);
        }
    });
    let app = app.on("quick", |socket: Socket| socket.emit("quick", ()));
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"42["slow",1]"#);
    world.say(ws, r#"42["slow",2]"#);
    world.say(ws, r#"42["quick"]"#);
    assert_eq!(world.texts(ws), [r#"42["start",1]"#, r#"42["start",2]"#, r#"42["quick"]"#]);
    release.store(1, Ordering::Relaxed);
    world.settle();
    assert_eq!(world.texts(ws), [r#"42["end",1]"#, r#"42["end",2]"#]);
    assert_eq!(world.waiting_tasks(), 0);
}

#[test]
fn a_connect_handler_sees_the_auth_and_emits_after_the_client_is_connected() {
    #[derive(Deserialize)]
    struct Login {
        token: Option<String>,
    }
    let app = App::new().on_connect(|socket: Socket, Auth(login): Auth<Login>| {
        socket.emit("welcome", login.token);
    });
    let (app, log) = log_errors(app);
    let mut world = World::new(app);
    let ws = world.open();
    world.say(ws, r#"40{"token":"secret"}"#);
    let texts = world.texts(ws);
    assert!(texts[0].starts_with(r#"40{"sid":""#));
    assert_eq!(texts[1], r#"42["welcome","secret"]"#);

    let ws = world.open();
    world.say(ws, "40");
    assert_eq!(world.texts(ws)[1], r#"42["welcome",null]"#);

    let ws = world.open();
    world.say(ws, r#"40{"token":1}"#);
    assert_eq!(world.texts(ws).len(), 1);
    assert!(entries(&log)[0].contains("event \"connect\""));
}

#[test]
fn a_disconnect_handler_sees_reason_rooms_and_data() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let app = App::new()
        .on_connect(|socket: Socket| {
            socket.join("b");
            socket.join("a");
            socket.set_data(7_u8);
            socket.set_data(8_u8);
        })
        .on_disconnect(move |socket: Socket, reason: DisconnectReason, Rooms(rooms): Rooms| {
            let data = socket.data::<u8>();
            let text = format!("{reason} {rooms:?} {data:?} {:?}", socket.rooms());
            seen.lock().unwrap().push(text);
        })
        .on("bye", |socket: Socket| socket.disconnect(false));
    let mut world = World::new(app);
    let ws = world.connect();
    world.hang_up(ws);
    let ws = world.connect();
    world.say(ws, "41");
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"42["bye"]"#);
    assert_eq!(world.texts(ws), ["41"]);
    assert_eq!(
        entries(&log),
        [
            r#"transport close ["a", "b"] Some(8) []"#,
            r#"client namespace disconnect ["a", "b"] Some(8) []"#,
            r#"server namespace disconnect ["a", "b"] Some(8) []"#,
        ]
    );
}

#[test]
fn broadcasts_reach_whom_they_mean() {
    let app = App::new()
        .on("join", |socket: Socket, room: String| socket.join(room))
        .on("all", |io: Io| io.emit("all", ()))
        .on("others", |socket: Socket| socket.broadcast().emit("others", ()))
        .on("room", |socket: Socket| socket.to("r").emit("room", ()))
        .on("not", |socket: Socket| socket.io().except("r").emit("not", ()));
    let mut world = World::new(app);
    let ids = [world.connect(), world.connect(), world.connect()];
    world.say(ids[0], r#"42["join","r"]"#);
    world.say(ids[1], r#"42["join","r"]"#);
    let mut reached = |event: &str| {
        let _ = ids.map(|ws| world.texts(ws));
        world.say(ids[0], &format!("42[{event:?}]"));
        ids.map(|ws| world.texts(ws) == [format!("42[{event:?}]")])
    };
    assert_eq!(reached("all"), [true, true, true]);
    assert_eq!(reached("others"), [false, true, true]);
    assert_eq!(reached("room"), [false, true, false]);
    assert_eq!(reached("not"), [false, false, true]);
}

#[test]
fn namespaces_have_handlers_of_their_own() {
    let app = App::new()
        .on("who", || Ack("root"))
        .of("admin", |ns| ns.on("who", |socket: Socket| Ack(socket.namespace().to_owned())));
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, "40/admin,");
    world.say(ws, "40/other,");
    let texts = world.texts(ws);
    assert!(texts[1].starts_with(r#"40/admin,{"sid":"#));
    assert_eq!(texts[2], r#"44/other,{"message":"Invalid namespace"}"#);
    world.say(ws, r#"42/admin,1["who"]"#);
    world.say(ws, r#"421["who"]"#);
    assert_eq!(world.texts(ws), [r#"43/admin,1["/admin"]"#, r#"431["root"]"#]);
}

#[test]
fn an_awaited_answer_resolves_whatever_happens() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let app = App::new().on("ask", move |socket: Socket, limited: bool| {
        let seen = Arc::clone(&seen);
        async move {
            let answer: Result<(u8, String), AckFailure> = if limited {
                socket.timeout(Duration::from_secs(1)).emit_with_ack("q", "?").await
            } else {
                socket.emit_with_ack("q", "?").await
            };
            seen.lock().unwrap().push(match answer {
                Ok((n, text)) => format!("{n} {text}"),
                Err(error) => error.to_string(),
            });
        }
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"42["ask",false]"#);
    world.say(ws, r#"42["ask",false]"#);
    assert_eq!(world.texts(ws), [r#"420["q","?"]"#, r#"421["q","?"]"#]);
    world.say(ws, r#"430[7,"x"]"#);
    world.say(ws, r#"431[7]"#);
    let results = entries(&log);
    assert_eq!(results[0], "7 x");
    assert!(results[1].starts_with("argument 0: invalid length 1"), "{}", results[1]);

    world.say(ws, r#"42["ask",true]"#);
    world.advance(Duration::from_secs(2));
    assert_eq!(entries(&log), ["operation has timed out"]);

    world.say(ws, r#"42["ask",false]"#);
    world.hang_up(ws);
    assert_eq!(entries(&log), ["socket has been disconnected"]);
    assert_eq!(world.waiting_tasks(), 0);
}

#[test]
fn a_handle_works_on_other_threads_and_wakes_the_adapter() {
    let kept = Arc::new(Mutex::new(None::<Socket>));
    let keep = Arc::clone(&kept);
    let app = App::new().on_connect(move |socket: Socket| *keep.lock().unwrap() = Some(socket));
    let io = app.io();
    assert!(io.is_empty(), "before the app is served, nobody is there");
    io.emit("lost", ());
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    let socket = kept.lock().unwrap().clone().expect("it was kept");
    let wakes = world.wakes.load(Ordering::Relaxed);
    std::thread::spawn(move || {
        io.emit("tick", 1);
        socket.emit("tick", 2);
    })
    .join()
    .unwrap();
    assert_eq!(world.wakes.load(Ordering::Relaxed), wakes + 1, "one wake is enough");
    world.settle();
    assert_eq!(world.texts(ws), [r#"42["tick",1]"#, r#"42["tick",2]"#]);
}

#[test]
fn what_can_not_be_emitted_is_an_error_or_is_reported() {
    let app = App::new().on("bad", |socket: Socket| {
        socket.emit("connect", ());
        assert!(socket.try_emit("disconnect", ()).is_err());
        assert!(socket.io().to("nobody").try_emit("connect_error", ()).is_err());
        let many = vec![Bytes::from_static(b"x"); 11];
        assert!(
            matches!(socket.try_emit("many", many), Err(error) if error.to_string().contains("11"))
        );
        socket.disconnect(true);
        socket.emit("fine", ());
        assert!(socket.try_emit("fine", ()).is_err());
    });
    let log = Log::default();
    let seen = Arc::clone(&log);
    let app = app.on_error(move |error| {
        assert!(matches!(error.fault, Fault::Emit(_)), "{error}");
        seen.lock().unwrap().push(error.event);
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, r#"42["bad"]"#);
    assert_eq!(entries(&log), ["connect"]);
    assert!(world.is_closed(ws));
}

#[test]
fn several_handlers_for_one_event_run_in_order_after_those_for_all() {
    let app = App::new()
        .on("e", |socket: Socket| {
            socket.emit("first", ());
            Ack(1)
        })
        .on("e", |socket: Socket| {
            socket.emit("second", ());
            Ack(2)
        })
        .on_any(|socket: Socket, name: Name, args: Args| {
            socket.emit("any", (name.as_str(), args));
        });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"420["e",5]"#);
    world.say(ws, r#"42["unknown"]"#);
    assert_eq!(
        world.texts(ws),
        [
            r#"42["any","e",[5]]"#,
            r#"42["first"]"#,
            "430[1]",
            r#"42["second"]"#,
            r#"42["any","unknown",[]]"#
        ]
    );
}
