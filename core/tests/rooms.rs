//! Rooms, and whom a selection of them means.

mod common;

use common::{Harness, WebSocketClient};
use sockeye_core::{CloseCause, Selector, Server, SocketId};

fn all() -> Selector {
    Selector::all()
}

/// A server with clients, each of them in the rooms that are listed for it.
fn clients(rooms: &[&[&str]]) -> (Harness<Server>, Vec<WebSocketClient>) {
    let mut h = Harness::new();
    let clients: Vec<_> = rooms
        .iter()
        .map(|rooms| {
            let client = h.connect_websocket("/");
            for room in *rooms {
                h.socket(client.socket).join(room);
            }
            client
        })
        .collect();
    (h, clients)
}

/// The numbers of those who receive an event.
fn receivers(h: &mut Harness<Server>, clients: &[WebSocketClient], to: &Selector) -> Vec<usize> {
    h.emit_to(to, "e");
    let mut numbers = Vec::new();
    for (number, client) in clients.iter().enumerate() {
        let received = h.received(client.ws);
        assert!(received.len() <= 1, "once for each");
        if !received.is_empty() {
            numbers.push(number);
        }
    }
    numbers
}

#[test]
fn an_event_reaches_the_sockets_in_the_room() {
    let (mut h, clients) = clients(&[&["a"], &["b"], &["a", "b"], &[]]);

    assert_eq!(receivers(&mut h, &clients, &all()), [0, 1, 2, 3]);
    assert_eq!(receivers(&mut h, &clients, &all().to("a")), [0, 2]);
    assert_eq!(receivers(&mut h, &clients, &all().to("b")), [1, 2]);
    assert_eq!(receivers(&mut h, &clients, &all().to("nobody")), [0; 0]);
}

#[test]
fn several_rooms_select_their_union_once() {
    let (mut h, clients) = clients(&[&["a", "b", "c"], &["b"], &["c"], &[]]);

    let union = all().to("c").to("a").to("b").to("a").to("nobody");

    assert_eq!(receivers(&mut h, &clients, &union), [0, 1, 2]);
}

#[test]
fn excepted_rooms_and_sockets_are_left_out() {
    let (mut h, clients) = clients(&[&["a"], &["a", "b"], &["b"], &[]]);

    assert_eq!(receivers(&mut h, &clients, &all().except("b")), [0, 3]);
    assert_eq!(receivers(&mut h, &clients, &all().to("a").except("b")), [0]);
    assert_eq!(receivers(&mut h, &clients, &all().except("a").except("b")), [3]);
    assert_eq!(receivers(&mut h, &clients, &all().except("nobody")), [0, 1, 2, 3]);
    let others = all().except_socket(clients[0].socket);
    assert_eq!(receivers(&mut h, &clients, &others), [1, 2, 3]);
    let others = others.to("a");
    assert_eq!(receivers(&mut h, &clients, &others), [1]);
}

#[test]
fn every_socket_is_in_the_room_of_its_own_id() {
    let (mut h, clients) = clients(&[&["a"], &["a"], &[]]);
    let id = |n: usize| clients[n].id.as_str();

    assert_eq!(receivers(&mut h, &clients, &all().to(id(1))), [1]);
    assert_eq!(receivers(&mut h, &clients, &all().to(id(2)).to("a")), [0, 1, 2]);
    assert_eq!(receivers(&mut h, &clients, &all().to(id(0)).to("a")), [0, 1]);
    assert_eq!(receivers(&mut h, &clients, &all().except(id(1))), [0, 2]);
    assert_eq!(receivers(&mut h, &clients, &all().to(id(1)).except(id(1))), [0; 0]);
    assert_eq!(receivers(&mut h, &clients, &all().to("AAAAAAAAAAAAAAAAAAAA")), [0; 0]);
    assert_eq!(h.server.counts().rooms, 1);
}

#[test]
fn the_room_of_an_own_id_cannot_be_left() {
    let (mut h, clients) = clients(&[&[]]);
    let id = clients[0].id.clone();

    h.socket(clients[0].socket).leave(&id);
    assert_eq!(receivers(&mut h, &clients, &all().to(id.as_str())), [0]);
    h.socket(clients[0].socket).join(&id);
    assert_eq!(h.socket(clients[0].socket).rooms().count(), 0, "it was in it before");
    h.closed(clients[0].ws, CloseCause::Peer);

    assert_eq!(h.told(), ["#1 disconnected: transport close"]);
}

#[test]
fn others_may_join_the_room_of_an_id() {
    let (mut h, clients) = clients(&[&[], &[], &[]]);
    let id = clients[0].id.clone();

    h.socket(clients[1].socket).join(&id);
    assert_eq!(receivers(&mut h, &clients, &all().to(id.as_str())), [0, 1]);
    assert_eq!(receivers(&mut h, &clients, &all().except(id.as_str())), [2]);
    h.socket(clients[1].socket).leave(&id);

    assert_eq!(receivers(&mut h, &clients, &all().to(id.as_str())), [0]);
}

#[test]
fn joining_twice_is_joining_once_and_leaving_ends_it() {
    let (mut h, clients) = clients(&[&["a", "a"]]);
    let socket = clients[0].socket;
    assert_eq!(h.socket(socket).rooms().count(), 1);

    h.socket(socket).leave("a");
    assert_eq!(receivers(&mut h, &clients, &all().to("a")), [0; 0]);
    h.socket(socket).leave("a");
    h.socket(socket).leave("never joined");

    assert_eq!(h.server.counts().rooms, 0, "an empty room does not exist");
}

#[test]
fn rooms_are_listed_in_alphabetical_order() {
    let (mut h, clients) = clients(&[&["b", "é", "a", ""]]);

    let rooms: Vec<_> = h.socket(clients[0].socket).rooms().map(ToString::to_string).collect();

    assert_eq!(rooms, ["", "a", "b", "é"]);
}

#[test]
fn disconnected_names_the_rooms_of_the_socket() {
    let (mut h, clients) = clients(&[&["b", "a"], &["a"]]);

    h.closed(clients[0].ws, CloseCause::Peer);

    assert_eq!(h.told(), ["#1 disconnected: transport close, was in a, was in b"]);
    assert_eq!(h.server.counts().rooms, 1);
    assert_eq!(receivers(&mut h, &clients[1..], &all().to("a")), [0]);
}

#[test]
fn a_selection_is_in_the_order_of_connection() {
    let (mut h, clients) = clients(&[&[], &[], &[], &[]]);
    for n in [2, 0, 3, 1] {
        h.socket(clients[n].socket).join("a");
        h.socket(clients[n].socket).join("b");
    }
    let sockets: Vec<_> = clients.iter().map(|client| client.socket).collect();

    assert_eq!(h.server.select("/", &all()), sockets);
    assert_eq!(h.server.select("/", &all().to("a")), sockets);
    assert_eq!(h.server.select("/", &all().to("b").to("a")), sockets);
    let first: SocketId = sockets[0];
    let last_first = all().to(clients[3].id.as_str()).to(clients[0].id.as_str());
    assert_eq!(h.server.select("/", &last_first), [first, sockets[3]]);
}

#[test]
fn rooms_of_different_namespaces_are_different() {
    let mut h = Harness::new();
    let client = h.connect_websocket("/");
    let (admin, admin_id) = h.join(client.ws, "/admin");
    h.socket(client.socket).join("a");
    h.socket(admin).join("b");

    assert_eq!(h.server.select("/", &all().to("a")), [client.socket]);
    assert_eq!(h.server.select("/admin", &all().to("a")), []);
    assert_eq!(h.server.select("/admin", &all().to("b")), [admin]);
    assert_eq!(h.server.select("/", &all().to(admin_id.as_str())), []);
    assert_eq!(h.server.select("/admin", &all().to(admin_id.as_str())), [admin]);
    assert_eq!((h.server.socket_count("/"), h.server.socket_count("/admin")), (1, 1));
}

#[test]
fn a_socket_that_left_is_in_no_room() {
    let (mut h, clients) = clients(&[&["a"], &["a"]]);

    h.frame(clients[0].ws, "41");

    assert_eq!(h.server.select("/", &all().to("a")), [clients[1].socket]);
    assert_eq!(h.server.select("/", &all().to(clients[0].id.as_str())), []);
    assert_eq!(h.server.socket_count("/"), 1);
}
