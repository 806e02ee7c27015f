//! How sockets join and leave their namespaces: methods of the [`Client`].
//!
//! Socket.IO protocol, sections "Connection to a namespace" and "Disconnection from a namespace":
//! the client sends `0/admin,{"token":"123"}` (CONNECT), the server answers
//! `0/admin,{"sid":"wZX3oN0bSVIhsaknAAAI"}` or `44/admin,{"message":"Not authorized"}`
//! (CONNECT_ERROR). Either side leaves with `1/admin,` (DISCONNECT), which is not answered. In the
//! packets of the main namespace `/` no name is written.
//!
//! ```text
//! Inactive --- connect ---> Waiting ---> Authenticating ---> Connecting --- 0{..} ---> Connected
//!    ^                      ^  there is    payload, if it       |                         |
//!    |                      |  a session   is asked for         | 4{..}                   | 1
//!    |                      +---- the session is lost ----------+-------------------------+
//!    +--------------------------- refused, disconnected --------+-------------------------+
//! ```
//!
//! The answer to CONNECT names nothing but the namespace. So there is at most one CONNECT without
//! an answer for each namespace; a socket that is disconnected and connected again meanwhile waits
//! for the answer to the old one.

use std::sync::Arc;
use std::time::Instant;

use crate::args::Args;
use crate::engineio::client::PacketClass;
use crate::id::{Sid, SocketId};
use crate::socketio::client::alarm::Alarm;
use crate::socketio::client::auth::Kind;
use crate::socketio::client::client::Client;
use crate::socketio::client::connect_error::ConnectError;
use crate::socketio::client::error::Fault;
use crate::socketio::client::event::Event;
use crate::socketio::client::socket::{EarlyEvent, Phase, Socket};
use crate::socketio::client::state::State;
use crate::socketio::error::DisconnectReason;
use crate::socketio::packet;

/// The greatest length in bytes of the id or the recovery key of a socket, which are kept.
const MAX_ID: usize = 255;

impl Client {
    /// Has a socket connected, and the connection opened if there is none.
    pub(super) fn connect(&mut self, id: SocketId, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        match socket.phase {
            Phase::Inactive => socket.phase = Phase::Waiting,
            Phase::Waiting => {}
            Phase::Authenticating | Phase::Connecting | Phase::Connected => return,
        }
        // If the session is still being opened, its opening calls `begin_connect`.
        self.ensure_session(now);
        self.begin_connect(id, now);
    }

    /// Begins to join the namespace, if the socket waits for that and there is a connection.
    pub(super) fn begin_connect(&mut self, id: SocketId, now: Instant) {
        if !matches!(self.state, State::Open) {
            return;
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.phase != Phase::Waiting {
            return;
        }
        if self.unanswered.contains(&socket.namespace) {
            return self.start_connect_timer(id, now);
        }
        // It has run for the answer to an earlier CONNECT, which has arrived.
        self.timers.cancel(&mut socket.connect_timer);
        match socket.config.auth.kind() {
            Kind::Ask => {
                socket.phase = Phase::Authenticating;
                self.push_event(Event::Authenticating { socket: id });
            }
            Kind::None => self.send_connect(id, None, now),
            Kind::Object(json) => {
                let json = Arc::clone(json);
                self.send_connect(id, Some(&json), now);
            }
        }
    }

    /// Sends CONNECT, with the payload of the application if there is one, and with what recovers
    /// the socket if the server has given that before.
    pub(super) fn send_connect(&mut self, id: SocketId, auth: Option<&str>, now: Instant) {
        let parser = Arc::clone(&self.config.parser);
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        // Missed events arrive before the answer. So do events from before the socket has left,
        // and nothing tells one kind from the other.
        if self.left.contains(&socket.namespace) {
            socket.recovery.reset(None);
        }
        let claim = socket.recovery.claim();
        let packet = packet::connect_request(&*parser, &socket.namespace, auth, claim)
            .expect("texts can be written as JSON");
        // The key and the offset stay: the connection may be lost before the answer.
        socket.phase = Phase::Connecting;
        self.unanswered.insert(socket.namespace.clone());
        self.start_connect_timer(id, now);
        self.push_packet(PacketClass::Control, &packet);
    }

    /// Limits the time that the server takes to answer the CONNECT of this socket, or the one that
    /// an earlier socket of the namespace has sent.
    fn start_connect_timer(&mut self, id: SocketId, now: Instant) {
        let Some(timeout) = self.config.connect_timeout else { return };
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let alarm = Alarm::ConnectTimeout(id);
        socket.connect_timer.get_or_insert_with(|| self.timers.set(now, timeout, alarm));
    }

    /// The server has answered CONNECT with CONNECT.
    pub(super) fn on_connect(&mut self, namespace: &str, auth: &Args, now: Instant) {
        /// The payload of the answer; further fields are ignored.
        #[derive(serde::Deserialize)]
        struct Answer {
            /// The id of the socket at the server.
            sid: String,
            /// The secret key with which the socket is recovered; servers without recovery send
            /// none.
            pid: Option<String>,
        }
        // A second answer, or one to a CONNECT that was never sent.
        if !self.unanswered.remove(namespace) {
            return;
        }
        let Some(id) = self.find_connecting(namespace) else {
            return self.on_late_connect(namespace, now);
        };
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let is_usable = |id: &str| !id.is_empty() && id.len() <= MAX_ID;
        let answer = auth.get::<Answer>(0).ok().filter(|answer| is_usable(&answer.sid));
        let Some(Answer { sid, pid }) = answer else {
            // Servers of Socket.IO protocol 4 and before send nothing with CONNECT.
            let message = "the server speaks another protocol: it gives sockets no id".to_owned();
            return self.refuse(id, message, Args::none(), now);
        };
        let pid = pid.filter(|pid| is_usable(pid)).map(String::into_boxed_str);
        let claimed = socket.recovery.claim().map(|(pid, _)| pid);
        // A server that can't recover the socket gives it a new key.
        let recovered = claimed.is_some() && claimed == pid.as_deref();
        if !recovered {
            socket.recovery.reset(pid);
        }
        let sid = Sid::new(&sid);
        self.timers.cancel(&mut socket.connect_timer);
        socket.phase = Phase::Connected;
        socket.sid = Some(sid.clone());
        socket.recovered = recovered;
        socket.generation += 1;
        socket.early_bytes = 0;
        // `Connected` comes first, then what has arrived before it, then what the application
        // sends.
        let early = std::mem::take(&mut socket.early);
        self.push_event(Event::Connected { socket: id, sid, recovered });
        for EarlyEvent { name, args, ack } in early {
            self.receive(id, name, args, ack);
        }
        self.send_buffered(id, now);
    }

    /// Returns the socket that has sent CONNECT for a namespace and still waits for the answer.
    fn find_connecting(&self, namespace: &str) -> Option<SocketId> {
        let id = self.find(namespace)?;
        self.sockets.get(&id).filter(|socket| socket.phase == Phase::Connecting).map(|_| id)
    }

    /// The server has accepted a socket that was disconnected meanwhile. If it was connected
    /// again, its payload may be another one, so CONNECT is sent anew.
    fn on_late_connect(&mut self, namespace: &str, now: Instant) {
        self.send_disconnect(namespace);
        if let Some(id) = self.find(namespace) {
            self.begin_connect(id, now);
        }
    }

    /// Sends DISCONNECT, behind all data that was emitted before.
    fn send_disconnect(&mut self, namespace: &str) {
        self.left.insert(namespace.into());
        let packet = packet::disconnect(&*self.config.parser, namespace);
        self.push_packet(PacketClass::AfterData, &packet);
    }

    /// The server has answered CONNECT with CONNECT_ERROR.
    pub(super) fn on_connect_error(&mut self, namespace: &str, error: &Args, now: Instant) {
        if !self.unanswered.remove(namespace) {
            return;
        }
        if let Some(id) = self.find_connecting(namespace) {
            let ConnectError { message, data } = ConnectError::parse(error);
            self.refuse(id, message, data, now);
        } else if let Some(id) = self.find(namespace) {
            self.begin_connect(id, now);
        }
    }

    /// Ends the attempt of a socket to connect; it makes no other by itself.
    fn refuse(&mut self, id: SocketId, message: String, data: Args, now: Instant) {
        self.stop_connecting(id, Phase::Inactive);
        self.push_event(Event::Refused { socket: id, message, data });
        self.close_unused_session(now);
    }

    /// Sets the phase of a socket that is not connected, and forgets the attempt to connect it.
    fn stop_connecting(&mut self, id: SocketId, phase: Phase) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        self.timers.cancel(&mut socket.connect_timer);
        socket.phase = phase;
        socket.drop_early();
    }

    /// The server did not answer CONNECT in time. The connection is given up, unless another socket
    /// is connected on it.
    pub(super) fn on_connect_timeout(&mut self, id: SocketId, now: Instant) {
        // A server whose other namespaces answer is not lost.
        let is_used = self.sockets.values().any(Socket::is_connected);
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.connect_timer = None;
        if !is_used {
            return self.drop_session(DisconnectReason::TransportError, Fault::Unanswered, now);
        }
        self.start_connect_timer(id, now);
        self.push_event(Event::Unanswered { socket: id });
    }

    /// The server has sent DISCONNECT.
    pub(super) fn on_disconnect(&mut self, id: SocketId, now: Instant) {
        // To a socket that waits for its answer it is a packet from before, if it is one at all.
        if self.sockets.get(&id).is_some_and(Socket::is_connected) {
            let reason = DisconnectReason::ServerDisconnect;
            self.end_connected(id, Phase::Inactive, reason, None);
            self.close_unused_session(now);
        }
    }

    /// Disconnects a socket by a command. Events that have arrived for it and were not taken yet
    /// are dropped.
    pub(super) fn disconnect(&mut self, id: SocketId, now: Instant) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        match socket.phase {
            Phase::Inactive => return,
            Phase::Waiting | Phase::Authenticating | Phase::Connecting => {
                self.stop_connecting(id, Phase::Inactive);
            }
            Phase::Connected => {
                let namespace = socket.namespace.clone();
                self.send_disconnect(&namespace);
                self.outputs.drop_received(id);
                let reason = DisconnectReason::ClientDisconnect;
                self.end_connected(id, Phase::Inactive, reason, None);
            }
        }
        self.close_unused_session(now);
    }

    /// The session of a socket is lost; the socket waits for the next one.
    pub(super) fn on_session_lost(
        &mut self,
        id: SocketId,
        reason: DisconnectReason,
        fault: Option<&Fault>,
    ) {
        let Some(socket) = self.sockets.get(&id) else { return };
        match socket.phase {
            Phase::Inactive => {}
            Phase::Waiting | Phase::Authenticating | Phase::Connecting => {
                self.stop_connecting(id, Phase::Waiting);
            }
            Phase::Connected => self.end_connected(id, Phase::Waiting, reason, fault.cloned()),
        }
    }

    /// Makes a connected socket one that is not, and tells the application.
    fn end_connected(
        &mut self,
        id: SocketId,
        phase: Phase,
        reason: DisconnectReason,
        fault: Option<Fault>,
    ) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.phase = phase;
        socket.sid = None;
        // Before `Disconnected`, which is the last event of a socket.
        self.fail_acks(id);
        let returns = phase != Phase::Inactive && self.config.reconnection;
        self.push_event(Event::Disconnected { socket: id, reason, fault, returns });
    }
}
