//! The page of `examples/chat`, served without an async runtime: people, rooms, messages.

#[path = "../../chat/src/pages.rs"]
mod pages;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use sockeye_tiny_http::{Ack, App, ServeBlocking, Socket, State};

/// The name and the room of everybody, by the ids of their sockets.
type People = Mutex<BTreeMap<String, (String, String)>>;

fn main() -> std::io::Result<()> {
    let port = std::env::args().skip_while(|it| it != "--port").nth(1);
    let address = format!("0.0.0.0:{}", port.as_deref().unwrap_or("3000"));
    let server = App::new()
        .state(People::default())
        .on("sign in", |socket: Socket, name: String, people: State<People>| {
            lock(&people).insert(socket.id().to_owned(), (name.clone(), String::new()));
            Ack(json!({ "name": name, "rooms": [{ "name": "Lobby", "people": 0 }] }))
        })
        .on("enter", |socket: Socket, room: String, people: State<People>| {
            let name = leave(&socket, &people);
            lock(&people).insert(socket.id().to_owned(), (name.clone(), room.clone()));
            socket.join(&*room);
            let here = here(&people, &room);
            socket.to(&*room).emit("joined", json!({ "name": name, "people": here }));
            Ack(json!({ "room": room, "people": here, "history": [] }))
        })
        .on("say", |socket: Socket, text: String, people: State<People>| {
            let (from, room) = lock(&people).get(socket.id()).cloned().unwrap_or_default();
            let at = std::time::UNIX_EPOCH.elapsed().map_or(0.0, |it| it.as_secs_f64() * 1e3);
            let message = json!({ "id": at, "at": at, "from": from, "text": text });
            socket.to(&*room).emit("message", message);
            Ack(json!({ "id": at, "at": at }))
        })
        .on_disconnect(|socket: Socket, people: State<People>| drop(leave(&socket, &people)));
    let server = server.bind(address)?;
    let server = pages::PAGES.iter().fold(server, |it, page| it.page(page.0, page.1, page.2));
    println!("listening on http://localhost:{}", server.local_addr().port());
    server.serve()
}

fn lock(people: &People) -> MutexGuard<'_, BTreeMap<String, (String, String)>> {
    people.lock().unwrap_or_else(PoisonError::into_inner)
}

fn here(people: &People, room: &str) -> Value {
    lock(people).values().filter(|it| it.1 == room).map(|it| &*it.0).collect()
}

fn leave(socket: &Socket, people: &People) -> String {
    let (name, room) = lock(people).remove(socket.id()).unwrap_or_default();
    socket.leave(&*room);
    socket.to(&*room).emit("left", json!({ "name": name, "people": here(people, &room) }));
    name
}
