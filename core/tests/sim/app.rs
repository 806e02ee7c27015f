//! The applications: what clients and the server do of their own accord.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use sockeye_core::engineio::Encoded;
use sockeye_core::{
    Args, EmitError, EmitOptions, OnOverflow, RespondError, Responder, Selector, SocketId, Value,
};

use super::World;
use super::agenda::Task;
use super::model::{Kind, Message, Sid, Tag, index};
use super::swarm::{MS, NAMESPACES, S};

const ROOMS: [&str; 4] = ["r0", "r1", "r2", "r3"];

/// What an event carries besides its number.
type Load = (String, Vec<Value>);

/// The binary value at a place in an event.
fn blob(tag: Tag, place: usize) -> Bytes {
    let len = 1 + index(tag * 31) % 280 + place;
    vec![u8::try_from((index(tag) + place) % 251).unwrap(); len].into()
}

impl Message {
    fn load(&self, tag: Tag) -> Load {
        let blobs = (0..self.binary).map(|place| Value::Bytes(blob(tag, place)));
        ("x".repeat(self.text), blobs.collect())
    }

    /// Whether these are the arguments that were emitted.
    pub(crate) fn check(&self, tag: Tag, args: &Args) {
        let text = args.iter().nth(1).expect("a text comes second");
        assert_eq!(text.len(), self.text + 2, "I10: event {tag} arrives as it was");
        let attachments = args.attachments();
        assert_eq!(attachments.len(), self.binary, "X3: event {tag} has its binary values");
        for (place, data) in attachments.iter().enumerate() {
            assert_eq!(*data, blob(tag, place), "X3: event {tag} has its binary values");
        }
    }
}

impl World {
    /// Makes an event; it counts as said only when it is.
    fn compose(&mut self, from: Option<usize>, namespace: usize, kind: Kind) -> (Tag, Load) {
        let rng = &mut self.net.rng;
        let message = Message {
            from,
            namespace,
            kind,
            text: rng.index(if rng.clone().one_in(10) { 700 } else { 40 }),
            binary: if rng.one_in(3) { 1 + rng.index(3) } else { 0 },
            heard: 0,
            given_up: false,
            impatient: false,
        };
        let tag = self.model.messages.len() as Tag;
        let load = message.load(tag);
        self.model.messages.push(message);
        (tag, load)
    }

    /// Somebody does something.
    pub(crate) fn act(&mut self) {
        let client = self.net.rng.index(self.nodes.len());
        let namespace = self.net.rng.index(2);
        let kind =
            self.net.rng.pick(&[Kind::Plain, Kind::Plain, Kind::Plain, Kind::Volatile, Kind::Ask]);
        let chance = self.net.rng.below(100);
        if chance < 45 {
            if !self.nodes[client].asleep {
                match chance {
                    0..=35 => self.client_emits(client, namespace, kind),
                    36..=42 => self.connect_all(client),
                    43 => self.client_leaves(client, namespace),
                    _ => self.pass_time_at_client(client),
                }
            }
        } else if chance < 62 {
            self.broadcast(namespace);
        } else if let Some(peer) = self.some_peer() {
            match chance {
                62..=87 => self.server_emits(peer, kind),
                88..=93 => self.move_rooms(peer),
                94 => self.server_removes(peer),
                95..=96 => self.pause(peer),
                97..=98 => self.watch(peer),
                _ => self.pass_time_at_server(),
            }
        }
        self.settle();
        self.read_on();
    }

    fn some_peer(&mut self) -> Option<SocketId> {
        let peers: Vec<_> = self.model.peers.keys().copied().collect();
        (!peers.is_empty()).then(|| self.net.rng.pick(&peers))
    }

    /// A time to wait for an answer.
    fn patience(&mut self) -> Option<u64> {
        let time = self.net.rng.below(20 * S);
        // Where answers may be impossible because too much waits to be sent, nobody can wait for
        // them for ever.
        (self.net.rng.one_in(2) || self.net.swarm.tight).then_some(time)
    }

    // Clients.

    pub(crate) fn client_emits(&mut self, client: usize, namespace: usize, kind: Kind) {
        // A machine lets time pass before it takes a command, which may end the connection.
        if self.client_due(client).is_some_and(|due| due <= self.net.agenda.now) {
            self.pass_time_at_client(client);
            self.settle();
        }
        let now = self.client_now(client);
        let retried = self.net.swarm.retries_in(namespace) && kind != Kind::Volatile;
        // What is given up after some tries is told only to those who ask.
        let kind = if retried { Kind::Retried } else { kind };
        let (tag, (text, blobs)) = self.compose(Some(client), namespace, kind);
        let patience = self.patience();
        let node = &mut self.nodes[client];
        let limit = node.client.config().max_buffered;
        let id = node.sockets[namespace];
        let mut socket = node.client.socket(id).unwrap();
        let data = (tag, text, blobs);
        let sent = match kind {
            Kind::Plain | Kind::Volatile => {
                let options = EmitOptions::default().volatile(kind == Kind::Volatile);
                socket.emit("e", &data, options, now)
            }
            Kind::Ask => {
                let timeout = patience.map(Duration::from_nanos);
                socket.emit_with_ack("e", &data, timeout, now).map(|ack| {
                    self.model.messages[index(tag)].impatient = patience.is_some();
                    let until = patience.map(|time| self.net.agenda.now - node.behind + time);
                    self.model.acks.client_asks(client, ack, tag, until);
                    true
                })
            }
            Kind::Retried => socket.emit_with_ack("e", &data, None, now).map(|ack| {
                self.model.messages[index(tag)].impatient = true;
                self.model.acks.client_asks(client, ack, tag, Some(0));
                true
            }),
        };
        match sent {
            Ok(true) => self.model.client_says(client, self.nodes[client].conn, tag),
            Ok(false) => assert_eq!(kind, Kind::Volatile, "only volatile events are dropped"),
            Err(EmitError::Full { .. }) => {
                let buffered = self.nodes[client].client.counts().buffered;
                assert!(buffered + 2048 > limit, "I2: refused at {buffered} bytes");
            }
            Err(error) => panic!("{error}"),
        }
        self.note(|| format!("client {client} emits {tag} {kind:?} {sent:?}"));
    }

    /// A client wants to be connected to all namespaces.
    pub(crate) fn connect_all(&mut self, client: usize) {
        let now = self.client_now(client);
        let node = &mut self.nodes[client];
        for id in node.sockets {
            node.client.socket(id).unwrap().connect(now);
        }
        self.settle();
    }

    fn client_leaves(&mut self, client: usize, namespace: usize) {
        self.note(|| format!("client {client} leaves {namespace}"));
        let now = self.client_now(client);
        let id = self.nodes[client].sockets[namespace];
        self.nodes[client].client.socket(id).unwrap().disconnect(now);
        self.settle();
        self.excuse_leaving(client);
    }

    /// Who wants to be nowhere any more closes the connection.
    pub(crate) fn excuse_leaving(&mut self, client: usize) {
        let node = &mut self.nodes[client];
        let wanted = node.sockets.map(|id| node.client.socket(id).unwrap().is_active());
        if wanted == [false; 2] {
            self.harm(client);
        }
    }

    pub(crate) fn reply(&mut self, client: usize, responder: Responder, tag: Tag) {
        if self.nodes[client].asleep {
            return self.net.agenda.after(S, Task::Reply(client, responder, tag));
        }
        let now = self.client_now(client);
        let namespace = self.model.messages[index(tag)].namespace;
        let node = &mut self.nodes[client];
        let id = node.sockets[namespace];
        let sent = node.client.socket(id).unwrap().ack(responder, &tag, now);
        match sent {
            Ok(true) => self.model.acks.answers(tag, Some(client)),
            Ok(false) => {}
            Err(RespondError::Full { .. }) => assert!(self.net.swarm.tight),
            Err(error) => panic!("{error}"),
        }
    }

    // The server.

    pub(crate) fn server_emits(&mut self, id: SocketId, kind: Kind) {
        let now = self.now();
        let namespace = self.model.peers[&id].namespace;
        let (tag, (text, blobs)) = self.compose(None, namespace, kind);
        let patience = self.patience();
        let limit = self.net.swarm.server.engine.max_buffered;
        let Some(mut socket) = self.server.socket(id) else { return };
        let data = (tag, text, blobs);
        let sent = match kind {
            Kind::Ask => {
                let timeout = patience.map(Duration::from_nanos);
                socket.emit_with_ack("e", &data, timeout, now).map(|ack| {
                    self.model.messages[index(tag)].impatient = patience.is_some();
                    let until = patience.map(|time| self.net.agenda.now + time);
                    self.model.acks.server_asks(id, ack, tag, until);
                    true
                })
            }
            Kind::Volatile if self.net.rng.one_in(10) => {
                // What looks like an offset must not do more harm than to end a recovery.
                let data = (data.0, data.1, data.2, format!("like-an-offset-{tag}"));
                socket.emit("e", &data, EmitOptions::default().volatile(true))
            }
            _ => {
                let options = EmitOptions::default().volatile(kind == Kind::Volatile);
                socket.emit("e", &data, options)
            }
        };
        self.note(|| format!("server emits {tag} {kind:?} to {id:?}: {sent:?}"));
        match sent {
            Ok(false) if kind == Kind::Volatile => {}
            Ok(_) => self.model.server_says(id, tag),
            Err(EmitError::Full { .. }) => {
                assert_eq!(self.server.config().on_overflow, OnOverflow::Refuse);
                let buffered = self.server.socket(id).map_or(limit, |socket| socket.buffered());
                assert!(buffered + super::check::MOST > limit, "I2: refused at {buffered} bytes");
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn broadcast(&mut self, namespace: usize) {
        let rng = &mut self.net.rng;
        let some = |rng: &mut super::Rng, most: u64| -> BTreeSet<String> {
            let count = rng.below(most + 1);
            (0..count).map(|_| rng.pick(&ROOMS).to_owned()).collect()
        };
        let (mut rooms, except) = (some(rng, 2), some(rng, 1));
        let mut sender = None;
        if let Some(id) = self.some_peer() {
            let peer = &self.model.peers[&id];
            match self.net.rng.below(4) {
                0 => {
                    rooms.insert(self.model.names[peer.sid].clone());
                }
                1 => sender = Some(id),
                _ => {}
            }
        }
        let mut selector = Selector::all();
        for room in &rooms {
            selector = selector.to(room.as_str());
        }
        for room in &except {
            selector = selector.except(room.as_str());
        }
        selector.except_socket = sender;
        let means = |own: &String, joined: &BTreeSet<String>| {
            let is_in = |room: &String| room == own || joined.contains(room);
            (rooms.is_empty() || rooms.iter().any(is_in)) && !except.iter().any(is_in)
        };
        let model = &self.model;
        let targets: BTreeSet<_> = model
            .peers
            .iter()
            .filter(|(id, peer)| peer.namespace == namespace && Some(**id) != sender)
            .filter(|(_, peer)| means(&model.names[peer.sid], &peer.rooms))
            .map(|(id, _)| *id)
            .collect();
        let absent: Vec<Sid> = model
            .away
            .iter()
            .filter(|(sid, away)| {
                away.namespace == namespace && means(&model.names[**sid], &away.rooms)
            })
            .map(|(sid, _)| *sid)
            .collect();
        let selected = self.server.select(NAMESPACES[namespace], &selector);
        assert!(selected.iter().eq(&targets), "M6: who is meant");
        self.broadcast_to(namespace, &selector, targets, absent);
    }

    fn broadcast_to(
        &mut self,
        namespace: usize,
        selector: &Selector,
        targets: BTreeSet<SocketId>,
        absent: Vec<Sid>,
    ) {
        let kind =
            self.net.rng.pick(&[Kind::Plain, Kind::Plain, Kind::Plain, Kind::Volatile, Kind::Ask]);
        let (tag, (text, blobs)) = self.compose(None, namespace, kind);
        let patience = self.patience();
        let (name, now) = (NAMESPACES[namespace], self.now());
        let data = (tag, text, blobs);
        self.note(|| format!("server broadcasts {tag} {kind:?} to {targets:?} and {absent:?}"));
        if kind == Kind::Ask {
            self.model.messages[index(tag)].impatient = patience.is_some();
            let timeout = patience.map(Duration::from_nanos);
            let ack = self.server.emit_with_ack(name, selector, "e", &data, timeout, now).unwrap();
            let until = patience.map(|time| self.net.agenda.now + time);
            self.model.acks.server_asks_all(targets.clone(), ack, tag, until);
        } else {
            let options = EmitOptions::default().volatile(kind == Kind::Volatile);
            self.server.emit(name, selector, "e", &data, options).unwrap();
        }
        for target in targets {
            self.model.server_says(target, tag);
        }
        if kind == Kind::Plain {
            for sid in absent {
                self.model.server_says_to_absent(sid, tag);
            }
        }
    }

    pub(crate) fn move_rooms(&mut self, id: SocketId) {
        let room = self.net.rng.pick(&ROOMS);
        let joins = self.net.rng.one_in(2);
        let Some(mut socket) = self.server.socket(id) else { return };
        let peer = self.model.peers.get_mut(&id).expect("who is there is known");
        if joins {
            socket.join(room);
            peer.rooms.insert(room.to_owned());
        } else {
            socket.leave(room);
            peer.rooms.remove(room);
        }
        assert!(socket.rooms().map(|room| &**room).eq(peer.rooms.iter()), "M6: rooms");
    }

    fn server_removes(&mut self, id: SocketId) {
        let now = self.now();
        let client = self.model.peers[&id].client;
        let how = self.net.rng.below(3);
        self.note(|| format!("server removes {id:?}: {how}"));
        let Some(socket) = self.server.socket(id) else { return };
        match how {
            0 => {
                self.expelled.insert(id);
                let conn = self.model.peers[&id].conn;
                self.excuse_if_full(id, (client, conn), "41/a,".len());
                if let Some(socket) = self.server.socket(id) {
                    socket.disconnect(false, now);
                }
            }
            1 => {
                let conn = self.model.peers[&id].conn;
                let all = self.model.peers.iter();
                let all = all.filter(|(_, peer)| peer.client == client && peer.conn == conn);
                self.expelled.extend(all.map(|(id, _)| *id));
                socket.disconnect(true, now);
                self.excuse(client, conn);
            }
            _ => {
                let conn = self.model.peers[&id].conn;
                socket.close(now);
                self.excuse(client, conn);
            }
        }
    }

    /// A packet of the protocol ends the connection of a client for which no more may wait.
    pub(crate) fn excuse_if_full(&mut self, id: SocketId, who: (usize, u64), packet: usize) {
        let limit = self.server.config().engine.max_buffered;
        let socket = self.server.socket(id);
        if socket.is_some_and(|it| it.buffered() + packet + Encoded::OVERHEAD > limit) {
            self.excuse(who.0, who.1);
        }
    }

    /// What becomes of this connection has a reason.
    pub(crate) fn excuse(&mut self, client: usize, conn: u64) {
        if !self.net.harmed.contains(&(client, conn)) {
            self.net.harmed.push((client, conn));
        }
    }

    fn pause(&mut self, id: SocketId) {
        let now = self.now();
        if let Some(mut socket) = self.server.socket(id) {
            socket.pause(now);
            let time = self.net.rng.below(5 * S);
            self.net.agenda.after(time, Task::Resume(id));
        }
    }

    fn watch(&mut self, id: SocketId) {
        let Some(mut socket) = self.server.socket(id) else { return };
        let peer = self.model.peers.get_mut(&id).expect("who is there is known");
        if !socket.watch_drained() {
            peer.watching = true;
        }
    }

    pub(crate) fn answer(&mut self, id: SocketId, responder: Responder, tag: Tag) {
        let Some(mut socket) = self.server.socket(id) else { return };
        socket.ack(responder, &tag).unwrap();
        self.model.acks.answers(tag, None);
    }

    /// After what time somebody answers; none if he never does.
    pub(crate) fn thinks(&mut self, tag: Tag) -> Option<u64> {
        let rude = self.net.swarm.rude;
        if self.model.messages[index(tag)].impatient && self.net.rng.per_mille(rude) {
            return None;
        }
        Some(if self.net.rng.one_in(2) { 0 } else { self.net.rng.below(500 * MS) })
    }
}
