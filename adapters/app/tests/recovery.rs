//! Which handlers run for clients that are away, and for those that do not come back.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::World;
use sockeye_app::core::{RecoveryConfig, WsId};
use sockeye_app::{App, DisconnectReason, Refusal, ServerConfig, Socket};

/// What handlers did, in their order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn write(&self, what: &str, socket: &Socket) {
        let name = socket.data::<&'static str>().map_or("nobody", |name| *name);
        let (back, may) = (socket.is_recovered(), socket.may_return());
        let mut entry = format!("{what} {name}");
        entry += if back { " back" } else { "" };
        entry += if may { " may return" } else { "" };
        self.0.lock().expect("nobody panics").push(entry);
    }

    fn read(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics"))
    }
}

fn app(diary: &Diary, recovery: RecoveryConfig) -> App {
    let write = |what: &'static str| {
        let diary = diary.clone();
        move |socket: Socket| diary.write(what, &socket)
    };
    let connected = diary.clone();
    App::new()
        .config(ServerConfig::default().recovery(recovery))
        .on_connect(move |socket: Socket| {
            connected.write("connect", &socket);
            socket.set_data("Ada");
            socket.emit("hello", ());
        })
        .on("bye", |socket: Socket| socket.disconnect(false))
        .on_disconnecting(write("disconnecting"))
        .on_disconnect(write("disconnect"))
        .on_expired(write("expired"))
}

/// A client, with what it has to say to come back.
fn connect(world: &mut World) -> (WsId, String) {
    let ws = world.connect();
    let texts = world.texts(ws);
    let pid = texts[0].split('"').nth(7).expect("a key").to_owned();
    let offset = texts[1].rsplit('"').nth(1).expect("an offset").to_owned();
    (ws, format!(r#"40{{"pid":"{pid}","offset":"{offset}"}}"#))
}

#[test]
fn who_comes_back_does_not_expire() {
    let diary = Diary::default();
    let mut world = World::new(app(&diary, RecoveryConfig::default()));
    let (ws, back) = connect(&mut world);
    assert_eq!(diary.read(), ["connect nobody"]);
    world.hang_up(ws);
    assert_eq!(diary.read(), ["disconnecting Ada may return", "disconnect Ada may return"]);
    let ws = world.open();
    world.say(ws, &back);
    assert_eq!(diary.read(), ["connect Ada back"]);
    world.advance(Duration::from_secs(10));
    world.say(ws, "42[\"bye\"]");
    assert_eq!(diary.read(), ["disconnecting Ada back", "disconnect Ada back"]);
    world.advance(Duration::from_secs(1_000));
    assert_eq!(diary.read(), Vec::<String>::new());
}

#[test]
fn who_does_not_come_back_expires_once() {
    let diary = Diary::default();
    let last = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&last);
    let app = app(&diary, RecoveryConfig::default())
        .on_disconnect(move |socket: Socket| *keep.lock().expect("nobody panics") = Some(socket));
    let mut world = World::new(app);
    let (ws, back) = connect(&mut world);
    world.hang_up(ws);
    let socket = last.lock().expect("nobody panics").take().expect("it was told");
    assert!(socket.may_return());
    diary.read();
    for _ in 0..4 {
        world.advance(Duration::from_secs(60));
    }
    assert_eq!(diary.read(), ["expired Ada"]);
    assert!(!socket.may_return());

    let ws = world.open();
    world.say(ws, &back);
    assert_eq!(diary.read(), ["connect nobody"]);
}

#[test]
fn who_left_or_was_sent_away_or_has_a_server_without_recovery_can_not_return() {
    let diary = Diary::default();
    let mut world = World::new(app(&diary, RecoveryConfig::default()));
    for end in ["41", "42[\"bye\"]"] {
        let ws = world.connect();
        diary.read();
        world.say(ws, end);
        assert_eq!(diary.read(), ["disconnecting Ada", "disconnect Ada"], "{end}");
    }

    let config = ServerConfig::default();
    let mut world = World::new(app(&diary, RecoveryConfig::default()).config(config));
    let ws = world.connect();
    diary.read();
    world.hang_up(ws);
    assert_eq!(diary.read(), ["disconnecting Ada", "disconnect Ada"]);
    world.advance(Duration::from_secs(1_000));
    assert_eq!(diary.read(), Vec::<String>::new());
}

#[test]
fn nobody_may_return_to_a_server_that_shuts_down() {
    let diary = Diary::default();
    let app = app(&diary, RecoveryConfig::default()).on_disconnect(|reason: DisconnectReason| {
        assert_eq!(reason, DisconnectReason::ServerShuttingDown)
    });
    let mut world = World::new(app);
    world.connect();
    diary.read();
    world.shard.close(world.now);
    world.settle();
    assert_eq!(diary.read(), ["disconnecting Ada", "disconnect Ada"]);
    world.advance(Duration::from_secs(1_000));
    assert_eq!(diary.read(), Vec::<String>::new());
}

#[test]
fn who_is_refused_when_it_comes_back_expires_with_its_data() {
    let diary = Diary::default();
    let refuses = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let gate = Arc::clone(&refuses);
    let recovery = RecoveryConfig::default().skip_middlewares(false);
    let app = app(&diary, recovery).middleware(move |socket: Socket| {
        assert!(!socket.may_return(), "it is here");
        let no = gate.load(std::sync::atomic::Ordering::Relaxed);
        if no { Err(Refusal::new("no")) } else { Ok(()) }
    });
    let mut world = World::new(app);
    let (ws, back) = connect(&mut world);
    world.hang_up(ws);
    diary.read();
    refuses.store(true, std::sync::atomic::Ordering::Relaxed);
    let ws = world.open();
    world.say(ws, &back);
    assert_eq!(world.texts(ws), ["44{\"message\":\"no\"}"]);
    assert_eq!(diary.read(), ["expired Ada"]);
}

#[test]
fn who_has_missed_too_much_expires_and_is_somebody_new() {
    let diary = Diary::default();
    let recovery = RecoveryConfig::default().max_bytes(10_000);
    let app = app(&diary, recovery);
    let io = app.io();
    let mut world = World::new(app);
    let (ws, back) = connect(&mut world);
    world.hang_up(ws);
    diary.read();
    (0..20).for_each(|_| io.emit("news", "x".repeat(2000)));
    let ws = world.open();
    world.say(ws, &back);
    assert_eq!(diary.read(), ["expired Ada", "connect nobody"]);
}

#[test]
fn who_makes_room_for_others_who_are_away_expires() {
    let diary = Diary::default();
    let recovery = RecoveryConfig::default().max_saved_sockets(1);
    let mut world = World::new(app(&diary, recovery));
    let (first, second) = (world.connect(), world.connect());
    world.hang_up(first);
    diary.read();
    world.hang_up(second);
    let mut all = diary.read();
    all.sort();
    let expected = ["disconnect Ada may return", "disconnecting Ada may return", "expired Ada"];
    assert_eq!(all, expected);
}
