//! The lifecycle of a socket: CONNECT, the answer to it, DISCONNECT.

use std::collections::BTreeSet;

use crate::args::Args;
use crate::id::{SessionId, Sid, SocketId};
use crate::socketio::ack::PendingAck;
use crate::socketio::error::{AckError, DisconnectReason};
use crate::socketio::packet;
use crate::socketio::server::names::{Namespace, Room};
use crate::socketio::server::recovery::{RecoveryState, Restored};
use crate::socketio::server::server::Server;
use crate::socketio::server::socket::{Phase, Socket};
use crate::socketio::server::{Event, RoomChange};

impl Server {
    /// Makes a socket whose CONNECT is not answered yet.
    pub(super) fn add(
        &mut self,
        session: SessionId,
        namespace: usize,
        restored: Option<Restored>,
    ) -> SocketId {
        let (sid, recovery) = match restored {
            Some(Restored { sid, mut state }) => {
                state.address = self.engine.address(session);
                (sid, Some(Box::new(state)))
            }
            None => {
                // Recovery is part of version 5 of the protocol.
                let old = self.connections.get(&session).is_some_and(|client| client.is_v4);
                let returns = self.recovery.is_some() && !old;
                let pid = returns.then(|| self.generator.long_sid());
                let address = self.engine.address(session);
                let recovery = pid.map(|pid| Box::new(RecoveryState::new(pid, address)));
                (self.new_sid(session, namespace), recovery)
            }
        };
        let rooms = recovery.as_ref().map(|state| state.rooms());
        let id = SocketId { serial: self.generator.serial(), index: self.vacant_index() };
        let phase = Phase::Connecting(Args::none(), None);
        let socket = Socket {
            id,
            session,
            namespace,
            sid,
            phase,
            rooms: BTreeSet::new(),
            pending_acks: 0,
            recovery,
            paused: false,
            watched: false,
        };
        self.sockets.insert(socket);
        self.namespaces[namespace].sockets += 1;
        if let Some(mut socket) = self.socket(id) {
            rooms.iter().flatten().for_each(|room| socket.join(room));
        }
        if let Some(client) = self.connections.get_mut(&session) {
            client.sockets.push(id);
        }
        id
    }

    fn vacant_index(&self) -> u32 {
        u32::try_from(self.sockets.vacant_key()).expect("memory does not hold that many sockets")
    }

    fn new_sid(&mut self, session: SessionId, namespace: usize) -> Sid {
        let old = self.connections.get(&session).is_some_and(|client| client.is_v4);
        match self.engine.sid(session) {
            // In version 4 of the protocol, clients take the id of their session for that of their
            // socket.
            Some(sid) if old => match &*self.namespaces[namespace].name {
                "/" => sid.clone(),
                name => Sid::new(&format!("{name}#{sid}")),
            },
            _ => self.generator.sid(),
        }
    }

    pub(super) fn set_phase(&mut self, socket: SocketId, phase: Phase) {
        if let Some(socket) = self.get_mut(socket) {
            socket.phase = phase;
        }
    }

    /// Answers the CONNECT of a socket: `40{"sid":"..","pid":".."}`.
    pub(super) fn connect(&mut self, id: SocketId, auth: Args) {
        self.set_phase(id, Phase::Connected);
        let missed = self.missed_packets(id);
        let Some(socket) = self.get_mut(id) else { return };
        let (session, namespace, sid) = (socket.session, socket.namespace, socket.sid.clone());
        let pid = socket.recovery.as_ref().map(|state| state.pid.clone());
        if let Some((recovery, pid)) = self.recovery.as_mut().zip(pid.as_ref()) {
            recovery.add_connected(pid, id);
        }
        let recovered = missed.is_some();
        self.by_sid.insert(sid.clone(), id);
        // As with the official server, missed packets come before the answer.
        for encoded in missed.into_iter().flatten() {
            self.engine.send(session, &encoded, false);
        }
        let Some(client) = self.connections.get_mut(&session) else { return };
        let told = (!client.is_v4).then_some(&sid);
        if let Some(timer) = client.connect_timer.take() {
            self.timers.clear(timer);
        }
        let namespace = &mut self.namespaces[namespace];
        namespace.members.add(id);
        let name = Namespace::clone(&namespace.name);
        let answer = packet::connect_response(&*self.config.parser, &name, told, pid.as_ref());
        self.engine.send_first(session, &answer);
        self.tell(Event::Connected { socket: id, namespace: name, auth, recovered });
    }

    /// Removes a socket and reports its end. Its connection must not list it any more.
    pub(super) fn remove(&mut self, id: SocketId, reason: DisconnectReason) {
        let connected = self.is_connected(id);
        let returning = self.get(id).and_then(Socket::returning_sid);
        let may_return = (connected || returning.is_some()) && self.save(id, reason);
        while let Some((ack, owed)) = self.acks.take_any(id) {
            match owed {
                PendingAck::Broadcast => self.add_broadcast_ack(ack, id, None),
                PendingAck::Single(timer) => {
                    timer.into_iter().for_each(|timer| self.timers.clear(timer));
                    let result = Err(AckError::Disconnected);
                    self.tell(Event::Acked { socket: id, ack, result });
                }
            }
        }
        let Some(socket) = self.take(id) else { return };
        let rooms = socket.rooms.iter().cloned().collect();
        self.tell(if connected {
            Event::Disconnected { socket: id, reason, rooms, may_return }
        } else {
            Event::ConnectAborted { socket: id }
        });
        self.leave_all_rooms(&socket);
        self.tell_expired(returning.filter(|_| !may_return));
    }

    pub(super) fn forget(&mut self, id: SocketId) {
        if let Some(socket) = self.take(id) {
            self.leave_all_rooms(&socket);
        }
    }

    /// Removes a socket from its namespace, but not from its rooms.
    fn take(&mut self, id: SocketId) -> Option<Socket> {
        self.get(id)?;
        let socket = self.sockets.remove(id.index as usize);
        if let Phase::Connecting(_, Some(timer)) = socket.phase {
            self.timers.clear(timer);
        }
        if let Some((recovery, state)) = self.recovery.as_mut().zip(socket.recovery.as_ref()) {
            recovery.remove_connected(&state.pid);
        }
        // The application may have chosen the same id for another socket meanwhile.
        if self.by_sid.get(&socket.sid) == Some(&id) {
            self.by_sid.remove(&socket.sid);
        }
        self.namespaces[socket.namespace].members.remove(id);
        Some(socket)
    }

    /// Removes a socket from its rooms, and its namespace if it was the last socket of a dynamic
    /// one.
    fn leave_all_rooms(&mut self, socket: &Socket) {
        for room in &socket.rooms {
            self.leave_room(socket.namespace, socket.id, &socket.sid, room);
        }
        let namespace = &mut self.namespaces[socket.namespace];
        namespace.sockets -= 1;
        if namespace.dynamic && namespace.sockets == 0 {
            let namespace = self.namespaces.remove(socket.namespace);
            self.by_name.remove(&namespace.name);
            self.dynamic.remove(namespace.address);
        }
        if let Some(now) = self.now.filter(|_| socket.paused) {
            self.adjust_pause(socket.session, now);
        }
    }

    pub(super) fn leave_room(&mut self, namespace: usize, id: SocketId, sid: &Sid, room: &Room) {
        let ended = self.namespaces[namespace].members.leave(id, room);
        self.tell_room(namespace, room, RoomChange::Left(sid.clone()));
        if ended {
            self.tell_room(namespace, room, RoomChange::Deleted);
        }
    }

    pub(super) fn tell_room(&mut self, namespace: usize, room: &Room, change: RoomChange) {
        if self.config.room_events {
            let namespace = Namespace::clone(&self.namespaces[namespace].name);
            self.tell(Event::Room { namespace, room: Room::clone(room), change });
        }
    }

    /// Sends DISCONNECT, `41`, and removes the socket.
    pub(super) fn disconnect_from_namespace(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let (session, namespace) = (socket.session, socket.namespace);
        let farewell = packet::disconnect(&*self.config.parser, &self.namespaces[namespace].name);
        self.note_left(id);
        self.engine.send(session, &farewell, false);
        self.remove(id, DisconnectReason::ServerNamespaceDisconnect);
    }
}
