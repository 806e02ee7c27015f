//! The order of the calls that build an app means nothing.

mod common;

use std::num::NonZeroUsize;
use std::time::Duration;

use common::World;
use sockeye_app::core::engineio::{Cors, EngineConfig, Handshake, Origins};
use sockeye_app::core::{RateLimit, RecoveryConfig, ServerConfig};
use sockeye_app::{
    App, Auth, ClientFiles, HeaderHook, HttpConfig, IntoMachine, Packet, Socket, State,
};

/// A call of the builder, and whether it has taken effect.
struct Step {
    name: &'static str,
    apply: fn(App) -> App,
    holds: fn(&mut World) -> bool,
}

/// Opens a connection to `/`, and says this; returns what is sent back, from the handshake on.
fn hear(world: &mut World, texts: &[&str]) -> Vec<String> {
    let ws = world.accept();
    world.say(ws, "40{\"name\":\"Ada\"}");
    texts.iter().for_each(|text| world.say(ws, text));
    world.texts(ws)
}

fn hears(world: &mut World, texts: &[&str], answer: &str) -> bool {
    hear(world, texts).iter().any(|text| text == answer)
}

fn steps() -> Vec<Step> {
    vec![
        Step {
            name: "config",
            apply: |app| {
                let engine = EngineConfig::default().path("/socket.io").max_payload(777);
                app.config(ServerConfig::default().engine(engine))
            },
            holds: |world| hear(world, &[])[0].contains("\"maxPayload\":777"),
        },
        Step {
            name: "ping",
            apply: |app| app.ping(Duration::from_millis(1234), Duration::from_millis(567)),
            holds: |world| {
                let open = &hear(world, &[])[0];
                open.contains(r#""pingInterval":1234,"pingTimeout":567"#)
            },
        },
        Step {
            name: "cors",
            apply: |app| app.cors(Cors::new(Origins::Fixed("https://example.com".into()))),
            holds: |world| {
                let (_, answer) = world.request("/socket.io/?EIO=4&transport=polling");
                answer.to_ascii_lowercase().contains("access-control-allow-origin")
            },
        },
        Step {
            name: "http",
            apply: |app| {
                let http = HttpConfig::default().header_hook(HeaderHook::new(|_, _, headers| {
                    headers.push(("x-hooked".into(), "1".into()));
                }));
                app.http(http)
            },
            holds: |world| {
                let (_, answer) = world.request("/socket.io/?EIO=4&transport=polling");
                answer.contains("x-hooked")
            },
        },
        Step {
            name: "allow_request",
            apply: |app| {
                app.allow_request(|handshake: Handshake| async move {
                    if handshake.query("deny").is_some() { Err("denied") } else { Ok(()) }
                })
            },
            holds: |world| {
                let (status, _) = world.request("/socket.io/?EIO=4&transport=polling&deny=1");
                status == 403
            },
        },
        Step {
            name: "keep_handshakes",
            apply: App::keep_handshakes,
            holds: |world| hears(world, &["42[\"has handshake\"]"], "42[\"handshake\",true]"),
        },
        Step {
            name: "client_files",
            apply: |app| app.client_files(ClientFiles::Off),
            holds: |world| world.request("/socket.io/socket.io.js").0 == 400,
        },
        Step {
            name: "state",
            apply: |app| app.state(7_u8),
            holds: |world| hears(world, &["42[\"state\"]"], "42[\"state\",7]"),
        },
        Step {
            name: "max_handlers",
            apply: |app| app.max_handlers(NonZeroUsize::MIN),
            holds: |world| {
                let ws = world.connect();
                world.say(ws, "42[\"wait\"]");
                world.is_paused(ws)
            },
        },
        Step {
            name: "middleware",
            apply: |app| {
                app.middleware(
                    |Auth(auth): Auth<serde_json::Value>| {
                        if auth["name"] == "Eve" { Err("not you") } else { Ok(()) }
                    },
                )
            },
            holds: |world| {
                let ws = world.open();
                world.say(ws, "40{\"name\":\"Eve\"}");
                world.texts(ws) == ["44{\"message\":\"not you\"}"]
            },
        },
        Step {
            name: "packet_middleware",
            apply: |app| {
                app.packet_middleware(|packet: Packet| {
                    if packet.name().as_str() == "forbidden" { Err("no") } else { Ok(()) }
                })
            },
            holds: |world| !hears(world, &["42[\"forbidden\"]"], "42[\"was forbidden\"]"),
        },
        Step {
            name: "of",
            apply: |app| app.of("/other", |namespace| namespace.on_connect(|_: Socket| ())),
            holds: |world| {
                let ws = world.open();
                world.say(ws, "40/other,");
                world.texts(ws)[0].starts_with("40/other,{\"sid\"")
            },
        },
        Step {
            name: "of_template",
            apply: |app| {
                app.of_template("/room-{id}", |namespace| namespace.on_connect(|_: Socket| ()))
            },
            holds: |world| {
                let ws = world.open();
                world.say(ws, "40/room-7,");
                world.texts(ws)[0].starts_with("40/room-7,{\"sid\"")
            },
        },
        Step {
            name: "on_any",
            apply: |app| app.on_any(|socket: Socket| socket.emit("any", ())),
            holds: |world| hears(world, &["42[\"whatever\"]"], "42[\"any\"]"),
        },
        Step {
            name: "on_connect",
            apply: |app| app.on_connect(|socket: Socket| socket.emit("hello", ())),
            holds: |world| hears(world, &[], "42[\"hello\"]"),
        },
    ]
}

/// What asks for the effects, whatever is built besides.
fn probes() -> App {
    App::new()
        .on("has handshake", |socket: Socket| {
            socket.emit("handshake", socket.handshake().is_some());
        })
        .on("state", |socket: Socket, number: State<u8>| socket.emit("state", *number))
        .on("wait", std::future::pending::<()>)
        .on("forbidden", |socket: Socket| socket.emit("was forbidden", ()))
}

#[test]
fn each_call_has_its_effect_before_and_after_each_other() {
    for first in steps() {
        for second in steps() {
            let mut world = World::new((second.apply)((first.apply)(probes())));
            for step in [&first, &second] {
                assert!(
                    (step.holds)(&mut world),
                    "{} then {}: {} has no effect",
                    first.name,
                    second.name,
                    step.name
                );
            }
        }
    }
}

#[test]
fn without_the_call_there_is_no_effect() {
    for step in steps() {
        let mut world = World::new(probes());
        assert!(!(step.holds)(&mut world), "{} shows nothing", step.name);
    }
}

#[test]
fn a_configuration_alone_does_not_leave_handshakes_undecided() {
    let engine = EngineConfig::default().manual_accept(true).path("/socket.io");
    let mut world = World::new(App::new().config(ServerConfig::default().engine(engine)));
    let request = "/socket.io/?EIO=4&transport=polling";
    assert_eq!(world.request(request).0, 200);
}

#[test]
fn settings_count_before_and_after_the_configuration() {
    let set = |app: App| {
        app.path("/live")
            .max_payload(777)
            .rate(RateLimit::per_second(9))
            .recovery(RecoveryConfig::default())
    };
    let before = set(App::new()).config(ServerConfig::default());
    let after = set(App::new().config(ServerConfig::default()));
    for app in [before, after] {
        let machine = app.into_machine().expect("the settings are valid");
        assert!(machine.matches("/live/"));
        assert!(!machine.matches("/socket.io/"));
    }
}

#[test]
fn a_setting_that_cannot_be_is_an_error_when_the_app_is_built() {
    let field = |app: App| app.into_machine().err().map(|error| error.field);
    assert_eq!(field(App::new().ping(Duration::ZERO, Duration::ZERO)), Some("ping_interval"));
    assert_eq!(field(App::new().rate(RateLimit::per_second(0))), Some("rate"));
    assert_eq!(field(App::new().max_payload(0)), Some("max_payload"));
}

#[test]
fn a_handler_for_an_event_of_a_reserved_name_is_an_error_when_the_app_is_built() {
    for name in ["connect", "connection", "connect_error", "disconnect", "disconnecting"] {
        let app = App::new().of("other", |namespace| namespace.on(name, |_: Socket| ()));
        let field = app.into_machine().err().map(|error| error.field);
        assert_eq!(field, Some("on"), "{name}");
    }
    assert!(App::new().on("connected", |_: Socket| ()).into_machine().is_ok());
}
