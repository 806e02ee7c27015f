//! Who is let in, and what those who are not are told.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use common::World;
use serde::Deserialize;
use sockeye_app::core::engineio::{Admission, Handshake};
use sockeye_app::{App, Auth, Refusal, Socket, State};

#[derive(Deserialize)]
struct Login {
    token: Option<String>,
}

#[test]
fn a_middleware_lets_in_or_refuses_with_message_and_data() {
    let app = App::new()
        .on_connect(|socket: Socket| socket.emit("welcome", socket.rooms().len()))
        .middleware(|socket: Socket, Auth(login): Auth<Login>| match login.token.as_deref() {
            Some("secret") => {
                socket.join("staff");
                Ok(())
            }
            Some(_) => Err(Refusal::new("wrong token").with_data([("code", 7)])),
            None => Err(Refusal::new("no token")),
        });
    let mut world = World::new(app);
    let ws = world.open();
    world.say(ws, "40");
    assert_eq!(world.texts(ws), [r#"44{"message":"no token"}"#]);
    world.say(ws, r#"40{"token":"x"}"#);
    assert_eq!(world.texts(ws), [r#"44{"message":"wrong token","data":[["code",7]]}"#]);
    world.say(ws, r#"40{"token":5}"#);
    assert_eq!(world.texts(ws), [r#"44{"message":"invalid auth"}"#]);
    world.say(ws, r#"40{"token":"secret"}"#);
    let texts = world.texts(ws);
    assert!(texts[0].starts_with(r#"40{"sid":"#));
    assert_eq!(texts[1], r#"42["welcome",2]"#);
}

#[test]
fn middlewares_are_asked_in_order_until_one_refuses() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let entry = |name: &'static str, verdict: Result<(), &'static str>| {
        let log = Arc::clone(&log);
        move || {
            log.lock().unwrap().push(name);
            verdict
        }
    };
    let app = App::new().of("/x", |namespace| {
        namespace
            .middleware(entry("first", Ok(())))
            .middleware(entry("second", Err("not here")))
            .middleware(entry("third", Ok(())))
    });
    let mut world = World::new(app);
    let ws = world.open();
    world.say(ws, "40/x,");
    assert_eq!(world.texts(ws), [r#"44/x,{"message":"not here"}"#]);
    assert_eq!(*log.lock().unwrap(), ["first", "second"]);
}

#[test]
fn a_middleware_that_waits_holds_up_nobody_and_may_outlive_its_client() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let app = App::new().on("ping", |socket: Socket| socket.emit("pong", ())).of("/slow", |ns| {
        ns.middleware(move || {
            let gate = Arc::clone(&gate);
            async move {
                poll_fn(
                    |_| if gate.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending },
                )
                .await;
                Ok::<_, Refusal>(())
            }
        })
    });
    let mut world = World::new(app);
    let (ws, gone) = (world.connect(), world.connect());
    world.texts(ws);
    world.say(ws, "40/slow,");
    world.say(gone, "40/slow,");
    world.say(ws, r#"42["ping"]"#);
    assert_eq!(world.texts(ws), [r#"42["pong"]"#]);
    world.hang_up(gone);
    open.store(true, Ordering::Relaxed);
    world.settle();
    assert!(world.texts(ws)[0].starts_with(r#"40/slow,{"sid":"#));
    assert_eq!(world.waiting_tasks(), 0);
}

#[test]
fn a_panic_in_a_middleware_refuses_without_details_and_is_reported() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let app = App::new()
        .middleware(|| -> Result<(), Refusal> { panic!("a secret") })
        .on_error(move |error| seen.lock().unwrap().push(error.to_string()));
    let mut world = World::new(app);
    let ws = world.open();
    std::panic::set_hook(Box::new(|_| {}));
    world.say(ws, "40");
    drop(std::panic::take_hook());
    assert_eq!(world.texts(ws), [r#"44{"message":"internal error"}"#]);
    assert!(log.lock().unwrap()[0].ends_with("a secret"));
}

#[test]
fn a_handshake_is_kept_where_a_handler_asks_for_it() {
    let with = App::new().on("q", |socket: Socket, handshake: Arc<Handshake>| {
        socket.emit("q", handshake.query("transport"));
    });
    let without = App::new().on("q", |socket: Socket| {
        socket.emit("q", socket.handshake().is_some());
    });
    let answer = |app| {
        let mut world = World::new(app);
        let ws = world.connect();
        world.texts(ws);
        world.say(ws, r#"42["q"]"#);
        world.texts(ws)
    };
    assert_eq!(answer(with), [r#"42["q","websocket"]"#]);
    assert_eq!(answer(without), [r#"42["q",false]"#]);
}

#[test]
fn a_request_is_allowed_with_an_id_and_headers_or_denied_with_a_reason() {
    let app = App::new().allow_request(|handshake: Handshake| async move {
        match handshake.query("name") {
            None => Err("who are you?"),
            Some(name) => {
                let headers = vec![("x-name".into(), name.clone().into())];
                Ok(Admission { sid: Some(name), headers })
            }
        }
    });
    let mut world = World::new(app);
    let (status, body) = world.request("/socket.io/?EIO=4&transport=polling");
    assert_eq!((status, &*body), (403, r#"{"code":4,"message":"who are you?"}"#));
    let (status, body) = world.request("/socket.io/?EIO=4&transport=polling&name=ann");
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"x-name: ann 0{"sid":"ann","#), "{body}");
    let (status, _) = world.request("/socket.io/?EIO=4&transport=polling&name=ann");
    assert_eq!(status, 400, "the id is in use");
    let (status, _) = world.request("/socket.io/?EIO=4&transport=polling&name=a%0d%0ab");
    assert_eq!(status, 400, "no id has line breaks in it");
}

#[test]
fn nobody_is_let_in_whose_handler_for_connections_lacks_its_state() {
    let faults = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&faults);
    let app = App::new()
        .on_connect(|socket: Socket, number: State<u8>| socket.emit("number", *number))
        .of("/lacking", |namespace| {
            namespace
                .on_connect(|_: State<u8>, _: State<String>| {})
                .on("event", |_: State<u16>| {})
        })
        .on_error(move |error| heard.lock().unwrap().push(error.to_string()))
        .state(7_u8);
    let mut world = World::new(app);
    let ws = world.connect();
    assert_eq!(world.texts(ws).last().map(|it| &**it), Some(r#"42["number",7]"#));

    world.say(ws, "40/lacking,");

    assert_eq!(world.texts(ws), [r#"44/lacking,{"message":"internal error"}"#]);
    let faults = faults.lock().unwrap();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("no state of type alloc::string::String"), "{}", faults[0]);
}

#[test]
fn auth_that_does_not_fit_a_handler_for_connections_refuses_the_client() {
    let faults = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&faults);
    let app = App::new()
        .on_connect(|socket: Socket| socket.emit("first", ()))
        .on_connect(|socket: Socket, Auth(login): Auth<Login>| socket.emit("second", login.token))
        .on_error(move |error| heard.lock().unwrap().push(error.to_string()));
    let mut world = World::new(app);
    let ws = world.open();

    world.say(ws, r#"40{"token":5}"#);
    assert_eq!(world.texts(ws), [r#"44{"message":"invalid auth"}"#]);
    let faults = std::mem::take(&mut *faults.lock().unwrap());
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("auth: argument 0, field `token`"), "{}", faults[0]);
    world.say(ws, r#"40{"token":"x"}"#);

    let texts = world.texts(ws);
    assert!(texts[0].starts_with(r#"40{"sid":"#));
    assert_eq!(texts[1..], [r#"42["first"]"#, r#"42["second","x"]"#]);
}
