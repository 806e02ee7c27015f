//! Many sockets at once, namespaces made on demand, and clients that come back.

#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use common::World;
use sockeye_app::core::{RecoveryConfig, ServerConfig};
use sockeye_app::{Ack, Answers, App, Args, Io, Refusal, Socket, Value};

#[test]
fn the_answers_to_a_broadcast_are_gathered() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let app = App::new().on("vote", move |io: Io| {
        let seen = Arc::clone(&seen);
        async move {
            let limit = Duration::from_secs(5);
            let Answers { mut answers, lost, late, .. } =
                io.timeout(limit).emit_with_ack::<u8>("vote?", ()).await.unwrap();
            answers.sort_unstable();
            seen.lock().unwrap().push((answers, lost, late));
        }
    });
    let mut world = World::new(app);
    let ids = [world.connect(), world.connect(), world.connect(), world.connect()];
    let _ = ids.map(|ws| world.texts(ws));
    world.say(ids[0], r#"42["vote"]"#);
    assert_eq!(ids.map(|ws| world.texts(ws).concat()), [r#"420["vote?"]"#; 4]);
    world.say(ids[0], "430[7]");
    world.say(ids[1], r#"430["no number"]"#);
    world.hang_up(ids[2]);
    assert_eq!(world.waiting_tasks(), 1);
    world.advance(Duration::from_secs(6));
    assert_eq!(*log.lock().unwrap(), [(vec![7], 2, 1)]);
    assert_eq!(world.waiting_tasks(), 0);
}

#[test]
fn a_broadcast_to_nobody_has_its_answers_at_once() {
    let app = App::new().on("vote", |io: Io| async move {
        let votes = io.to("nobody").emit_with_ack::<u8>("vote?", ()).await.unwrap();
        Ack(votes.answers.len() + votes.lost + votes.late)
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(ws, r#"421["vote"]"#);
    assert_eq!(world.texts(ws), ["431[0]"]);
}

#[test]
fn many_sockets_join_leave_and_go_together() {
    let app = App::new()
        .on_connect(|socket: Socket| socket.join(["all", "new"]))
        .on("move", |io: Io| {
            io.in_("new").sockets_join("old");
            io.in_("old").sockets_leave(["new", "all"]);
        })
        .on("rooms", |io: Io| {
            let rooms = io.rooms();
            Ack(rooms.iter().map(|(room, size)| format!("{room} {size}")).collect::<Vec<_>>())
        })
        .on("count", |io: Io| Ack((io.len(), io.sockets().len(), io.to("old").count())))
        .on("clear", |socket: Socket| socket.except("x").disconnect_sockets(false));
    let mut world = World::new(app);
    let ids = [world.connect(), world.connect()];
    let _ = ids.map(|ws| world.texts(ws));
    world.say(ids[0], r#"421["rooms"]"#);
    world.say(ids[0], r#"42["move"]"#);
    world.say(ids[0], r#"422["rooms"]"#);
    world.say(ids[0], r#"423["count"]"#);
    assert_eq!(
        world.texts(ids[0]),
        [r#"431[["all 2","new 2"]]"#, r#"432[["old 2"]]"#, "433[2,2,2]"]
    );
    world.say(ids[0], r#"42["clear"]"#);
    assert_eq!(world.texts(ids[1]), ["41"]);
    world.say(ids[0], r#"424["count"]"#);
    assert_eq!(world.texts(ids[0]), ["434[1,1,1]"]);
}

#[test]
fn namespaces_that_match_come_into_being_on_demand() {
    let app = App::new()
        .of("/room-0", |namespace| namespace.on("who", || Ack("the first room")))
        .of_matching(
            |name| name.starts_with("/room-"),
            |namespace| namespace.on("who", |socket: Socket| Ack(socket.namespace().to_owned())),
        );
    let mut world = World::new(app);
    let ws = world.open();
    let mut answers = Vec::new();
    for namespace in ["/room-0", "/room-7"] {
        world.say(ws, &format!("40{namespace},"));
        assert!(world.texts(ws)[0].starts_with(&format!(r#"40{namespace},{{"sid":"#)));
        world.say(ws, &format!(r#"42{namespace},1["who"]"#));
        answers.extend(world.texts(ws));
    }
    assert_eq!(answers, [r#"43/room-0,1["the first room"]"#, r#"43/room-7,1["/room-7"]"#]);
    world.say(ws, "40/other,");
    assert_eq!(world.texts(ws), [r#"44/other,{"message":"Invalid namespace"}"#]);
}

#[test]
fn a_client_that_comes_back_finds_its_data_and_what_it_has_missed() {
    let recovery = Some(RecoveryConfig::default());
    let config = ServerConfig::default().recovery(recovery);
    let app = App::new()
        .config(config)
        .on_connect(|socket: Socket| {
            socket.emit("hello", (socket.is_recovered(), socket.data::<u8>().map(|data| *data)));
        })
        .on("keep", |socket: Socket, data: u8| {
            socket.set_data(data);
            socket.join("team");
        });
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    world.say(ws, r#"42["keep",7]"#);
    let texts = world.texts(ws);
    let pid = texts[0].split('"').nth(7).unwrap().to_owned();
    let offset = texts[1].rsplit('"').nth(1).unwrap().to_owned();
    world.hang_up(ws);
    io.to("team").emit("news", "missed");

    let back = |world: &mut World| {
        let ws = world.open();
        world.say(ws, &format!(r#"40{{"pid":"{pid}","offset":"{offset}"}}"#));
        world.texts(ws)
    };
    // The second time before its connection is known to be lost.
    for _ in 0..2 {
        let texts = back(&mut world);
        assert!(texts[0].starts_with(r#"42["news","missed","#), "{texts:?}");
        let [.., answer, hello] = &texts[..] else { panic!("{texts:?}") };
        assert!(answer.contains(&pid), "{texts:?}");
        assert!(hello.starts_with(r#"42["hello",true,7,"#), "{texts:?}");
    }
}

#[test]
fn a_client_that_is_cut_off_again_while_it_comes_back_still_has_its_data() {
    let recovery = Some(RecoveryConfig::default().skip_middlewares(false));
    let config = ServerConfig::default().recovery(recovery);
    let open = Arc::new(AtomicBool::new(true));
    let gate = Arc::clone(&open);
    let app = App::new()
        .config(config)
        .middleware(move || {
            let gate = Arc::clone(&gate);
            async move {
                let is_open = || gate.load(Ordering::Relaxed);
                poll_fn(|_| if is_open() { Poll::Ready(()) } else { Poll::Pending }).await;
                Ok::<_, Refusal>(())
            }
        })
        .on_connect(|socket: Socket| {
            socket.emit("hello", (socket.is_recovered(), socket.data::<u8>().map(|data| *data)));
            socket.set_data(7_u8);
        });
    let mut world = World::new(app);
    let ws = world.connect();
    let texts = world.texts(ws);
    let pid = texts[0].split('"').nth(7).unwrap().to_owned();
    let offset = texts[1].rsplit('"').nth(1).unwrap().to_owned();
    let back = format!(r#"40{{"pid":"{pid}","offset":"{offset}"}}"#);
    world.hang_up(ws);

    open.store(false, Ordering::Relaxed);
    let ws = world.open();
    world.say(ws, &back);
    world.hang_up(ws);
    open.store(true, Ordering::Relaxed);
    world.settle();

    let ws = world.open();
    world.say(ws, &back);
    let texts = world.texts(ws).concat();
    assert!(texts.contains(r#"42["hello",true,7,"#), "{texts}");
}

#[test]
fn who_comes_back_too_late_for_what_it_has_missed_is_a_new_socket() {
    let recovery = RecoveryConfig::default().skip_middlewares(false).max_bytes(10_000);
    let config = ServerConfig::default().recovery(recovery);
    let open = Arc::new(AtomicBool::new(true));
    let gate = Arc::clone(&open);
    let app = App::new()
        .config(config)
        .middleware(move |socket: Socket| {
            let gate = Arc::clone(&gate);
            socket.set_data("who it is");
            async move {
                let is_open = || gate.load(Ordering::Relaxed);
                poll_fn(|_| if is_open() { Poll::Ready(()) } else { Poll::Pending }).await;
                Ok::<_, Refusal>(())
            }
        })
        .on_connect(|socket: Socket| {
            let known = socket.data::<&'static str>().is_some();
            socket.emit("hello", (socket.id(), socket.is_recovered(), known));
        });
    let io = app.io();
    let mut world = World::new(app);
    let ws = world.connect();
    let texts = world.texts(ws);
    let pid = texts[0].split('"').nth(7).unwrap().to_owned();
    let offset = texts[1].rsplit('"').nth(1).unwrap().to_owned();
    world.hang_up(ws);

    open.store(false, Ordering::Relaxed);
    let ws = world.open();
    world.say(ws, &format!(r#"40{{"pid":"{pid}","offset":"{offset}"}}"#));
    (0..20).for_each(|_| io.emit("news", "x".repeat(2000)));
    open.store(true, Ordering::Relaxed);
    world.settle();

    let texts = world.texts(ws);
    let sid = texts[0].split('"').nth(3).unwrap();
    let hello = format!(r#"42["hello","{sid}",false,true,"#);
    assert!(texts[1].starts_with(&hello), "{texts:?}");
}

#[test]
fn volatile_events_and_arguments_of_any_form_go_out_as_they_are() {
    let app = App::new().on("echo", |socket: Socket, any: Value, rest: Args| {
        socket.volatile().compress(false).emit("echo", (any, rest.len()));
    });
    let mut world = World::new(app);
    let ws = world.connect();
    world.texts(ws);
    world.say(
        ws,
        r#"451-["echo",{"b":[1,-2,0.5,"x",null,true],"a":{"_placeholder":true,"num":0}},1]"#,
    );
    world.say_binary(ws, b"data");
    let expected =
        r#"451-["echo",{"b":[1,-2,0.5,"x",null,true],"a":{"_placeholder":true,"num":0}},1]"#;
    assert_eq!(world.texts(ws), [expected, "data"]);
}
