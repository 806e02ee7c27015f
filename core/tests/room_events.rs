//! What is told of rooms.

mod common;

use common::Harness;
use sockeye_core::{Event, RoomChange, Selector, Server};

fn watching() -> Harness<Server> {
    Harness::with(|config| config.room_events = true)
}

#[test]
fn a_room_is_created_joined_left_and_deleted() {
    let mut h = watching();
    let (a, b) = (h.connect_websocket("/"), h.connect_websocket("/"));
    h.told();

    h.socket(a.socket).join("red");
    h.socket(b.socket).join("red");
    h.socket(b.socket).join("red");
    h.socket(a.socket).leave("red");
    h.socket(b.socket).leave("red");
    h.socket(b.socket).leave("red");

    let told = h.told();
    let told: Vec<_> = told.iter().map(|line| line.trim_start_matches("red in /: ")).collect();
    assert_eq!(told, ["created", "joined", "joined", "left", "left", "deleted"]);
}

#[test]
fn the_changes_name_the_ids_that_clients_know() {
    let mut h = watching();
    let client = h.connect_websocket("/admin");

    h.socket(client.socket).join("red");

    let last = h.events().pop();
    let Some(Event::Room { namespace, change: RoomChange::Joined(sid), .. }) = last else {
        panic!("{last:?}");
    };
    assert_eq!((&*namespace, sid.as_str()), ("/admin", &*client.id));
}

#[test]
fn those_that_come_with_the_end_of_a_socket_follow_it() {
    let mut h = watching();
    let client = h.connect_websocket("/");
    h.socket(client.socket).join("red");
    h.told();

    h.closed(client.ws, sockeye_core::CloseCause::Peer);

    let expected =
        ["#1 disconnected: transport close, was in red", "red in /: left", "red in /: deleted"];
    assert_eq!(h.told(), expected);
}

#[test]
fn rooms_joined_by_selection_count_too() {
    let mut h = watching();
    let (_a, _b) = (h.connect_websocket("/"), h.connect_websocket("/"));
    h.told();

    h.server.join("/", &Selector::all(), &["red", "blue"]);
    assert_eq!(h.told().len(), 6);
    h.server.leave("/", &Selector::all().to("red"), &["red"]);

    assert_eq!(h.told(), ["red in /: left", "red in /: left", "red in /: deleted"]);
}

#[test]
fn a_room_joined_by_one_who_is_then_refused_is_left() {
    let mut h = watching();
    let ws = h.open_websocket();
    h.frame(ws, "40/secret,");
    h.told();
    let socket = h.last_socket();
    h.socket(socket).join("red");
    h.server.reject(socket, "no", &()).expect("a message");

    let told = h.told();
    assert_eq!(told.len(), 4);
    assert_eq!(told[3], "red in /secret: deleted");
    h.closed(ws, sockeye_core::CloseCause::Peer);
    h.events();
}

#[test]
fn room_events_are_off_by_default() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");

    h.socket(client.socket).join("red");
    h.socket(client.socket).leave("red");

    assert_eq!(h.told(), [""; 0]);
}
