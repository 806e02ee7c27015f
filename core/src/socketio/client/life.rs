//! The life of a socket: connecting, connected, away, connected again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::args::Args;
use crate::args::Name;
use crate::engineio::client::PacketClass;
use crate::id::{AckId, Sid, SocketId};
use crate::socketio::client::client::{Alarm, Client};
use crate::socketio::client::config::Kind;
use crate::socketio::client::error::Refusal;
use crate::socketio::client::link::State;
use crate::socketio::client::outbound::{Buffered, Queued};
use crate::socketio::client::recovery::Recovery;
use crate::socketio::client::{DisconnectReason, Event, Fault, SocketConfig};
use crate::socketio::packet;
use crate::timers::TimerId;

pub(super) struct Socket {
    pub(super) namespace: Box<str>,
    pub(super) config: SocketConfig,
    pub(super) phase: Phase,
    /// The id on the wire, while it is connected.
    pub(super) sid: Option<Sid>,
    pub(super) recovered: bool,
    /// How often it was connected.
    pub(super) life: u64,
    pub(super) recovery: Recovery,
    /// Events that came before the server let the socket in.
    pub(super) early: VecDeque<Early>,
    pub(super) early_bytes: usize,
    /// What was emitted while it was not connected.
    pub(super) buffer: BTreeMap<AckId, Buffered>,
    /// What is sent one by one, and again if need be.
    pub(super) queue: BTreeMap<AckId, Queued>,
    /// How many acknowledgements are owed to it.
    pub(super) owed: usize,
    /// To give up waiting for the server to let it in.
    joining: Option<TimerId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does not want to be connected.
    Inactive,
    /// It waits for the connection, or for an answer of before.
    Waiting,
    /// The application is asked what to tell the server.
    Asking,
    /// The server is asked.
    Joining,
    Connected,
}

pub(super) struct Early {
    pub(super) name: Name,
    pub(super) args: Args,
    pub(super) ack: Option<u64>,
}

/// What an event takes besides its payload, in bytes.
const OVERHEAD: usize = 128;

/// Ids are for people and programs to read, and are kept.
const MAX_ID: usize = 255;

impl Socket {
    pub(super) fn new(namespace: &str, config: SocketConfig) -> Self {
        Self {
            namespace: namespace.into(),
            config,
            phase: Phase::Inactive,
            sid: None,
            recovered: false,
            life: 0,
            recovery: Recovery::default(),
            early: VecDeque::new(),
            early_bytes: 0,
            buffer: BTreeMap::new(),
            queue: BTreeMap::new(),
            owed: 0,
            joining: None,
        }
    }

    /// Whether it is connected or wants to be.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Inactive
    }

    pub(super) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether something waits for it to be connected, or for an acknowledgement.
    pub(super) fn holds_data(&self) -> bool {
        !self.buffer.is_empty() || !self.queue.is_empty()
    }

    /// Keeps an event for later; false if there are too many.
    pub(super) fn keep(&mut self, early: Early, limit: usize) -> bool {
        let early = Early { args: early.args.detached(), ..early };
        self.early_bytes += OVERHEAD + early.name.len() + early.args.size();
        self.early.push_back(early);
        self.early_bytes <= limit
    }

    fn drop_early(&mut self) {
        self.early.clear();
        self.early_bytes = 0;
    }
}

impl Client {
    /// Lets a socket want to be connected.
    pub(super) fn connect(&mut self, id: SocketId, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        match socket.phase {
            Phase::Inactive => socket.phase = Phase::Waiting,
            Phase::Waiting => {}
            Phase::Asking | Phase::Joining | Phase::Connected => return,
        }
        self.ensure_link(now);
        self.begin_join(id, now);
    }

    /// Asks the server to let a socket in, if it waits for that and there is a connection.
    pub(super) fn begin_join(&mut self, id: SocketId, now: Instant) {
        if !matches!(self.state, State::Open) {
            return;
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.phase != Phase::Waiting {
            return;
        }
        if self.unanswered.contains(&socket.namespace) {
            return self.await_answer(id, now);
        }
        socket.joining.take().into_iter().for_each(|timer| self.timers.clear(timer));
        match socket.config.auth.kind() {
            Kind::Ask => {
                self.set_phase(id, Phase::Asking);
                self.report(Event::Authenticating { socket: id });
            }
            Kind::None => self.join(id, None, now),
            Kind::Object(json) => {
                let json = Arc::clone(json);
                self.join(id, Some(&json), now);
            }
        }
    }

    fn set_phase(&mut self, id: SocketId, phase: Phase) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.phase = phase;
        }
    }

    /// Sends the CONNECT packet.
    pub(super) fn join(&mut self, id: SocketId, auth: Option<&str>, now: Instant) {
        let parser = Arc::clone(&self.config.parser);
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        // What it has missed would be taken for leftovers of before it left.
        if self.left.contains(&socket.namespace) {
            socket.recovery.reset(None);
        }
        let claim = socket.recovery.claim();
        let packet = packet::join(&*parser, &socket.namespace, auth, claim)
            .expect("texts can be written as JSON");
        socket.phase = Phase::Joining;
        self.unanswered.insert(socket.namespace.clone());
        self.await_answer(id, now);
        self.write_as(PacketClass::Control, &packet);
    }

    /// Limits the time that the server takes to answer, to this socket or to one of before.
    fn await_answer(&mut self, id: SocketId, now: Instant) {
        let Some(timeout) = self.config.connect_timeout else { return };
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.joining.get_or_insert_with(|| self.timers.set(now, timeout, Alarm::Joining(id)));
    }

    /// The server has let a socket in.
    pub(super) fn on_connect(&mut self, namespace: &str, auth: &Args, now: Instant) {
        #[derive(serde::Deserialize)]
        struct Welcome {
            sid: String,
            pid: Option<String>,
        }
        if !self.unanswered.remove(namespace) {
            return;
        }
        let Some(id) = self.joining(namespace) else { return self.leave_again(namespace, now) };
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let good = |id: &str| !id.is_empty() && id.len() <= MAX_ID;
        let welcome = auth.get::<Welcome>(0).ok().filter(|welcome| good(&welcome.sid));
        let Some(Welcome { sid, pid }) = welcome else {
            let message = "the server speaks another protocol: it gives sockets no id".to_owned();
            return self.refuse(id, message, Args::none(), now);
        };
        let pid = pid.filter(|pid| good(pid)).map(String::into_boxed_str);
        let claimed = socket.recovery.claim().map(|(pid, _)| pid);
        let recovered = claimed.is_some() && claimed == pid.as_deref();
        if !recovered {
            socket.recovery.reset(pid);
        }
        let sid = Sid::new(&sid);
        socket.joining.take().into_iter().for_each(|timer| self.timers.clear(timer));
        socket.phase = Phase::Connected;
        socket.sid = Some(sid.clone());
        socket.recovered = recovered;
        socket.life += 1;
        socket.early_bytes = 0;
        let early = std::mem::take(&mut socket.early);
        self.report(Event::Connected { socket: id, sid, recovered });
        for Early { name, args, ack } in early {
            self.receive(id, name, args, ack);
        }
        self.send_buffered(id, now);
    }

    /// The socket that waits for an answer of the server's.
    fn joining(&self, namespace: &str) -> Option<SocketId> {
        let id = self.find(namespace)?;
        self.sockets.get(&id).filter(|socket| socket.phase == Phase::Joining).map(|_| id)
    }

    /// The server has let in a socket that has left since it asked. Whoever wants to be in now
    /// has to ask anew.
    fn leave_again(&mut self, namespace: &str, now: Instant) {
        self.leave(namespace);
        if let Some(id) = self.find(namespace) {
            self.begin_join(id, now);
        }
    }

    fn leave(&mut self, namespace: &str) {
        self.left.insert(namespace.into());
        let farewell = packet::disconnect(&*self.config.parser, namespace);
        self.write_as(PacketClass::AfterData, &farewell);
    }

    /// The server does not let a socket in.
    pub(super) fn on_refusal(&mut self, namespace: &str, error: &Args, now: Instant) {
        if !self.unanswered.remove(namespace) {
            return;
        }
        if let Some(id) = self.joining(namespace) {
            let Refusal { message, data } = Refusal::parse(error);
            self.refuse(id, message, data, now);
        } else if let Some(id) = self.find(namespace) {
            self.begin_join(id, now);
        }
    }

    fn refuse(&mut self, id: SocketId, message: String, data: Args, now: Instant) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.joining.take().into_iter().for_each(|timer| self.timers.clear(timer));
            socket.phase = Phase::Inactive;
            socket.drop_early();
        }
        self.report(Event::Refused { socket: id, message, data });
        self.release_link(now);
    }

    /// The server does not say whether it lets a socket in. The connection is not of use to anybody
    /// unless another socket is connected on it.
    pub(super) fn on_joining_timeout(&mut self, id: SocketId, now: Instant) {
        let is_of_use = self.sockets.values().any(Socket::is_connected);
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.joining = None;
        if !is_of_use {
            return self.lose(DisconnectReason::TransportError, Fault::Unanswered, now);
        }
        self.await_answer(id, now);
        self.report(Event::Unanswered { socket: id });
    }

    /// The server has removed a socket from its namespace.
    pub(super) fn on_disconnect(&mut self, id: SocketId, now: Instant) {
        if self.sockets.get(&id).is_some_and(Socket::is_connected) {
            self.part(id, Phase::Inactive, DisconnectReason::ServerDisconnect, None);
            self.release_link(now);
        }
    }

    /// Lets a socket not want to be connected any more.
    pub(super) fn disconnect(&mut self, id: SocketId, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        match socket.phase {
            Phase::Inactive => return,
            Phase::Waiting | Phase::Asking | Phase::Joining => {
                socket.joining.take().into_iter().for_each(|timer| self.timers.clear(timer));
                socket.phase = Phase::Inactive;
                socket.drop_early();
            }
            Phase::Connected => {
                let namespace = socket.namespace.clone();
                self.leave(&namespace);
                self.outputs.drop_received(id);
                self.part(id, Phase::Inactive, DisconnectReason::ClientDisconnect, None);
            }
        }
        self.release_link(now);
    }

    /// The connection is lost under a socket.
    pub(super) fn on_link_lost(
        &mut self,
        id: SocketId,
        reason: DisconnectReason,
        fault: Option<&Fault>,
    ) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        match socket.phase {
            Phase::Inactive => {}
            Phase::Waiting | Phase::Asking | Phase::Joining => {
                socket.joining.take().into_iter().for_each(|timer| self.timers.clear(timer));
                socket.phase = Phase::Waiting;
                socket.drop_early();
            }
            Phase::Connected => self.part(id, Phase::Waiting, reason, fault.cloned()),
        }
    }

    /// Ends a life of a socket.
    fn part(&mut self, id: SocketId, phase: Phase, reason: DisconnectReason, fault: Option<Fault>) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.phase = phase;
        socket.sid = None;
        self.abandon_acks(id);
        let returns = phase != Phase::Inactive && self.config.reconnection;
        self.report(Event::Disconnected { socket: id, reason, fault, returns });
    }
}
