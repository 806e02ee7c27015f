//! The reference: who has said what to whom, in lists, and what must therefore be heard.
//!
//! It knows nothing of packets, transports or timers. A connection is what a client has opened; a
//! line is all that is said to one id of a socket, over all connections on which it has that id.

use std::collections::{BTreeMap, BTreeSet};

use sockeye_core::{DisconnectReason, SocketId};

use super::acks::Acks;

/// The number of an event, which it carries.
pub(crate) type Tag = u64;

/// The number of an id of a socket.
pub(crate) type Sid = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Volatile,
    /// It is to be acknowledged.
    Ask,
    /// It is sent until it is acknowledged.
    Retried,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The client that says it, or the server.
    pub(crate) from: Option<usize>,
    pub(crate) namespace: usize,
    pub(crate) kind: Kind,
    /// The length of its text, and how many binary values it has.
    pub(crate) text: usize,
    pub(crate) binary: usize,
    /// How often it was heard by the server.
    pub(crate) heard: u32,
    /// Nobody waits for it to be heard any more.
    pub(crate) given_up: bool,
    /// Whoever says it will not wait for the answer for ever.
    pub(crate) impatient: bool,
}

/// A socket at a client.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// The id under which it is connected.
    pub(crate) sid: Option<Sid>,
    /// The id under which it was connected last.
    last: Option<Sid>,
    /// What was said while it was not connected.
    pub(crate) pending: Vec<Tag>,
    /// What is sent until it is acknowledged, all of it.
    pub(crate) queue: Vec<Tag>,
}

/// A socket at the server.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) client: usize,
    pub(crate) conn: u64,
    pub(crate) namespace: usize,
    pub(crate) sid: Sid,
    pub(crate) rooms: BTreeSet<String>,
    /// It is to be told when everything is sent.
    pub(crate) watching: bool,
}

/// A client that may come back.
#[derive(Debug)]
pub(crate) struct Away {
    pub(crate) client: usize,
    pub(crate) namespace: usize,
    pub(crate) rooms: BTreeSet<String>,
}

/// Something that was said on one connection.
#[derive(Clone, Copy, Debug)]
struct Said {
    tag: Tag,
    volatile: bool,
    sid: Sid,
}

/// What was said on one connection, in each direction, and how much of it was heard.
#[derive(Debug, Default)]
struct Conn {
    up: Vec<Said>,
    heard_up: usize,
    down: Vec<Said>,
    heard_down: usize,
}

/// Something that was said to one id of a socket.
#[derive(Debug)]
struct Entry {
    tag: Tag,
    kind: Kind,
    /// To which socket at the server; none while the client was away.
    peer: Option<SocketId>,
}

#[derive(Debug, Default)]
struct Line {
    entries: Vec<Entry>,
    heard: usize,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) messages: Vec<Message>,
    /// By client and namespace.
    pub(crate) seats: Vec<[Seat; 2]>,
    pub(crate) peers: BTreeMap<SocketId, Peer>,
    pub(crate) away: BTreeMap<Sid, Away>,
    conns: BTreeMap<(usize, u64), Conn>,
    lines: Vec<Line>,
    sids: BTreeMap<String, Sid>,
    pub(crate) names: Vec<String>,
    /// The socket at the server that has an id on a connection, and whether it came back.
    bound: BTreeMap<(Sid, u64), (SocketId, bool)>,
    pub(crate) acks: Acks,
    /// The sockets that were gone when they were told of, and whether they came back; nothing else
    /// is known of them.
    pub(crate) ghosts: BTreeMap<SocketId, bool>,
    /// How many of them may come back.
    absent_ghosts: usize,
    /// How many events were heard, how many sockets came back, and how many were lost.
    pub(crate) heard: u64,
    pub(crate) recovered: u64,
    pub(crate) lost: u64,
    pub(crate) upgrades: u64,
}

impl Model {
    pub(crate) fn new(clients: usize) -> Self {
        let seats = (0..clients).map(|_| Default::default()).collect();
        Self { seats, ..Self::default() }
    }

    pub(crate) fn sid(&mut self, text: &str) -> Sid {
        if let Some(&sid) = self.sids.get(text) {
            return sid;
        }
        self.lines.push(Line::default());
        self.names.push(text.to_owned());
        self.sids.insert(text.to_owned(), self.lines.len() - 1);
        self.lines.len() - 1
    }

    /// The socket that has this id at the server now.
    pub(crate) fn holder(&self, sid: Sid) -> Option<SocketId> {
        self.peers.iter().find(|(_, peer)| peer.sid == sid).map(|(id, _)| *id)
    }

    /// Whether the socket with this id on this connection is still there at the server.
    fn is_there(&self, sid: Sid, conn: u64) -> bool {
        let socket = self.bound.get(&(sid, conn)).and_then(|(id, _)| self.peers.get(id));
        // A server that was started anew counts its sockets anew.
        socket.is_some_and(|peer| (peer.sid, peer.conn) == (sid, conn))
    }

    // From clients to the server.

    pub(crate) fn client_says(&mut self, client: usize, conn: u64, tag: Tag) {
        let Message { namespace, kind, .. } = self.messages[index(tag)];
        let seat = &mut self.seats[client][namespace];
        match (kind, seat.sid) {
            (Kind::Retried, _) => seat.queue.push(tag),
            (_, None) => seat.pending.push(tag),
            (_, Some(sid)) => {
                let volatile = kind == Kind::Volatile;
                let conn = self.conns.entry((client, conn)).or_default();
                conn.up.push(Said { tag, volatile, sid });
            }
        }
    }

    pub(crate) fn server_hears(&mut self, socket: SocketId, tag: Tag) {
        self.heard += 1;
        let peer = self.peers.get(&socket).expect("M7: events come while connected");
        let (client, namespace) = (peer.client, peer.namespace);
        let message = &mut self.messages[index(tag)];
        assert_eq!((message.from, message.namespace), (Some(client), namespace), "whose is it?");
        message.heard += 1;
        if message.kind == Kind::Retried {
            if message.heard == 1 && !message.given_up {
                let queue = &self.seats[client][namespace].queue;
                let later = queue.iter().rev().take_while(|other| **other != tag);
                let overtaken = later.filter(|other| self.messages[index(**other)].heard > 0);
                assert_eq!(overtaken.count(), 0, "M3: first receptions are in order");
                let earlier = queue.iter().take_while(|other| **other != tag);
                let silent = |other: &Message| other.heard == 0 && !other.given_up;
                let skipped = earlier.filter(|other| silent(&self.messages[index(**other)]));
                assert_eq!(skipped.count(), 0, "M3: nothing is skipped");
            }
            return;
        }
        assert_eq!(message.heard, 1, "M1: event {tag} comes twice");
        let key = (client, peer.conn);
        let conn = self.conns.get_mut(&key).expect("X1: it was said on this connection");
        let rest = &conn.up[conn.heard_up..];
        let place = rest.iter().position(|said| said.tag == tag);
        let place = place.unwrap_or_else(|| panic!("X1: event {tag} comes late, or elsewhere"));
        let skipped = rest[..place].to_vec();
        conn.heard_up += place + 1;
        for Said { tag: other, volatile, sid } in skipped {
            let gone = !self.is_there(sid, key.1);
            assert!(volatile || gone, "X1: event {other} is missing before event {tag}");
        }
    }

    /// A client knows whether an event of its was answered.
    pub(crate) fn client_learns(
        &mut self,
        client: usize,
        namespace: usize,
        tag: Tag,
        answered: bool,
    ) {
        if !answered {
            self.messages[index(tag)].given_up = true;
            // What nobody waits for any more is not sent either.
            self.seats[client][namespace].pending.retain(|other| *other != tag);
        }
    }

    // From the server to clients.

    /// The server says something to a socket that is connected.
    pub(crate) fn server_says(&mut self, socket: SocketId, tag: Tag) {
        let kind = self.messages[index(tag)].kind;
        let Peer { client, conn, sid, .. } = self.peers[&socket];
        self.lines[sid].entries.push(Entry { tag, kind, peer: Some(socket) });
        let volatile = kind == Kind::Volatile;
        self.conns.entry((client, conn)).or_default().down.push(Said { tag, volatile, sid });
    }

    /// The server says something that a client which is away will hear if it comes back.
    pub(crate) fn server_says_to_absent(&mut self, sid: Sid, tag: Tag) {
        self.lines[sid].entries.push(Entry { tag, kind: Kind::Plain, peer: None });
    }

    pub(crate) fn client_hears(&mut self, client: usize, conn: u64, namespace: usize, tag: Tag) {
        self.heard += 1;
        let sid = self.seats[client][namespace].sid.expect("M7: events come while connected");
        let current = self.bound[&(sid, conn)].0;
        let line = &mut self.lines[sid];
        let rest = &line.entries[line.heard..];
        let place = rest.iter().position(|entry| entry.tag == tag);
        let place = place.unwrap_or_else(|| {
            panic!("M1: event {tag} comes to client {client} twice, late, or is not for it")
        });
        let mut replayed = rest[place].peer != Some(current);
        for entry in &rest[..place] {
            let other = entry.tag;
            assert!(entry.may_miss(current), "M4: event {other} is missing before event {tag}");
        }
        line.heard += place + 1;
        let conns = self.conns.entry((client, conn)).or_default();
        let rest = &conns.down[conns.heard_down..];
        let place = rest.iter().position(|said| said.tag == tag && said.sid == sid);
        replayed &= place.is_none();
        if replayed {
            return;
        }
        let place = place.unwrap_or_else(|| panic!("X1: event {tag} comes late, or elsewhere"));
        for said in &rest[..place] {
            let other = said.tag;
            let there = self.seats[client].iter().any(|seat| seat.sid == Some(said.sid));
            assert!(said.volatile || !there, "X1: event {other} is missing before event {tag}");
        }
        conns.heard_down += place + 1;
    }

    /// Whether a client has heard all that it must hear before it is told to leave.
    fn check_heard(&self, sid: Sid, current: SocketId) {
        let line = &self.lines[sid];
        for entry in &line.entries[line.heard..] {
            assert!(entry.may_miss(current), "X1: event {} is lost at a farewell", entry.tag);
        }
    }

    // Comings and goings.

    pub(crate) fn client_connects(
        &mut self,
        (client, conn, namespace): (usize, u64, usize),
        sid: Sid,
        recovered: bool,
    ) {
        let (_, back) = *self.bound.get(&(sid, conn)).expect("the server has let it in");
        assert_eq!(back, recovered, "M4: both sides know whether a socket came back");
        let seat = &mut self.seats[client][namespace];
        assert!(seat.sid.is_none(), "M7: connected once");
        assert_eq!(seat.last == Some(sid), recovered, "M4: who comes back has its id, and only it");
        (seat.sid, seat.last) = (Some(sid), Some(sid));
        let pending = std::mem::take(&mut seat.pending);
        pending.into_iter().for_each(|tag| self.client_says(client, conn, tag));
    }

    pub(crate) fn client_disconnects(
        &mut self,
        (client, conn, namespace): (usize, u64, usize),
        reason: DisconnectReason,
    ) {
        let sid = self.seats[client][namespace].sid.take();
        let sid = sid.expect("M7: disconnected once, after it was connected");
        self.acks.check_client_owes_nothing(client, namespace, &self.messages);
        let current = self.bound[&(sid, conn)].0;
        if reason == DisconnectReason::ServerDisconnect {
            assert!(!self.is_there(sid, conn), "M7: the server has ended it");
            self.check_heard(sid, current);
        }
    }

    pub(crate) fn server_connects(&mut self, socket: SocketId, peer: Peer, recovered: bool) {
        let (sid, conn) = (peer.sid, peer.conn);
        assert!(self.holder(sid).is_none(), "M4: two sockets have one id");
        if recovered {
            let away = self.away.remove(&sid).expect("M4: only who is away comes back");
            assert_eq!((away.client, away.namespace), (peer.client, peer.namespace), "M4: whose?");
            assert_eq!(away.rooms, peer.rooms, "M4: rooms are kept");
            self.recovered += 1;
        } else {
            assert!(peer.rooms.is_empty(), "M4: a new socket is in no rooms");
            assert!(self.lines[sid].entries.is_empty(), "a new socket has a new id");
        }
        let before = self.bound.insert((sid, conn), (socket, recovered));
        assert!(before.is_none(), "an id stands for one socket on each connection");
        assert!(self.peers.insert(socket, peer).is_none(), "M7: connected once");
    }

    pub(crate) fn server_disconnects(
        &mut self,
        socket: SocketId,
        reason: DisconnectReason,
        rooms: BTreeSet<String>,
        may_return: bool,
    ) {
        if let Some(recovered) = self.ghosts.remove(&socket) {
            self.absent_ghosts += usize::from(may_return && !recovered);
            return;
        }
        let peer = self.peers.remove(&socket).expect("M7: disconnected once, after connected");
        let Peer { client, conn, namespace, sid, .. } = peer;
        assert_eq!(rooms, peer.rooms, "M7: the rooms can be read at the end");
        self.acks.check_server_owed_nothing(socket);
        if reason == DisconnectReason::ClientNamespaceDisconnect {
            // It has said so after everything else.
            let conn = self.conns.entry((client, conn)).or_default();
            let lost = conn.up[conn.heard_up..].iter().find(|it| it.sid == sid && !it.volatile);
            assert!(lost.is_none(), "X1: {lost:?} is lost at a farewell");
        } else {
            self.lost += 1;
        }
        if may_return {
            let away = Away { client, namespace, rooms };
            assert!(self.away.insert(sid, away).is_none());
        }
    }

    pub(crate) fn expires(&mut self, sid: Sid) {
        if self.away.remove(&sid).is_none() {
            assert!(self.absent_ghosts > 0, "M4: only who is away expires, and once");
            self.absent_ghosts -= 1;
        }
    }

    /// The server has forgotten everything.
    pub(crate) fn restart(&mut self) {
        self.peers.clear();
        self.away.clear();
        self.ghosts.clear();
        self.absent_ghosts = 0;
        self.acks.restart();
    }

    /// Whether something that is sent until it is acknowledged was not heard yet.
    pub(crate) fn is_waiting(&self) -> bool {
        let mut queues = self.seats.iter().flatten().flat_map(|seat| &seat.queue);
        queues.any(|tag| {
            let message = &self.messages[index(*tag)];
            message.heard == 0 && !message.given_up
        })
    }

    /// Both sides agree about who is connected, and nothing is on its way: so nothing is missing.
    pub(crate) fn check_settled(&self, conns: &[u64]) {
        let mut seated = 0;
        for (client, seats) in self.seats.iter().enumerate() {
            let conn = conns[client];
            for seat in seats {
                assert!(seat.pending.is_empty(), "what waited was sent");
                let silent = |tag: &&Tag| {
                    let message = &self.messages[index(**tag)];
                    message.heard == 0 && !message.given_up
                };
                assert_eq!(seat.queue.iter().find(silent), None, "M3: what is retried arrives");
                let Some(sid) = seat.sid else { continue };
                seated += 1;
                let current = self.bound[&(sid, conn)].0;
                assert!(self.is_there(sid, conn), "both sides know who is connected");
                self.check_heard(sid, current);
                let Some(conn) = self.conns.get(&(client, conn)) else { continue };
                let lost = conn.up[conn.heard_up..].iter().find(|it| it.sid == sid && !it.volatile);
                assert!(lost.is_none(), "X1: {lost:?} is lost without a disconnect");
            }
        }
        assert_eq!(seated, self.peers.len(), "both sides know who is connected");
    }
}

impl Entry {
    /// Whether it need not be heard by the client of this socket.
    fn may_miss(&self, current: SocketId) -> bool {
        match self.kind {
            Kind::Volatile => true,
            // What asks for an answer is not kept for those who are away.
            Kind::Ask => self.peer != Some(current),
            Kind::Plain | Kind::Retried => false,
        }
    }
}

pub(crate) fn index(tag: Tag) -> usize {
    usize::try_from(tag).unwrap()
}
