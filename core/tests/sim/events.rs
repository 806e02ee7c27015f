//! What the machines tell the applications; each event is held against the model.

use serde::{Deserialize, Serialize};
use sockeye_core::client::{Event as Told, Fault, TransportFault};
use sockeye_core::{AckError, Args, DisconnectReason, Event as Heard, SocketId};

use super::World;
use super::agenda::Task;
use super::model::{Kind, Peer, Tag, index};
use super::swarm::{MS, NAMESPACES};

/// What a client says of itself when it joins a namespace.
#[derive(Serialize, Deserialize)]
struct Who {
    client: usize,
    conn: u64,
}

fn tag(args: &Args) -> Tag {
    args.get(0).expect("a number comes first")
}

fn tagged(result: &Result<Args, AckError>) -> Result<Tag, AckError> {
    result.as_ref().map(tag).map_err(|error| *error)
}

impl World {
    fn has_reason(&self, client: usize, conn: u64) -> bool {
        self.ending || self.net.harmed.contains(&(client, conn))
    }

    // The server.

    pub(crate) fn on_server_event(&mut self, event: Heard) {
        match event {
            Heard::Connecting { socket, auth, .. } => {
                assert!(self.net.swarm.manual_accept);
                let delay = self.net.rng.below(400 * MS);
                let Who { client, conn } = auth.get(0).expect("it says who it is");
                let who = (client, conn);
                let welcome = self.healed || !self.net.rng.one_in(8);
                self.net.agenda.after(delay, Task::Admit(socket, who, welcome));
            }
            Heard::Connected { socket, namespace, auth, recovered } => {
                let Who { client, conn } = auth.get(0).expect("it says who it is");
                let namespace = NAMESPACES.iter().position(|name| *name == &*namespace).unwrap();
                self.on_server_connected(socket, (client, conn, namespace), recovered);
            }
            Heard::Received { socket, name, args, ack } => {
                assert_eq!(name.as_str(), "e");
                let tag = tag(&args);
                self.model.server_hears(socket, tag);
                self.model.messages[index(tag)].check(tag, &args);
                let delay = ack.is_some().then(|| self.thinks(tag)).flatten();
                match (ack, delay) {
                    (Some(ack), Some(0)) => self.answer(socket, ack, tag),
                    (Some(ack), Some(delay)) => {
                        self.net.agenda.after(delay, Task::Answer(socket, ack, tag));
                    }
                    _ => {}
                }
            }
            Heard::Acked { socket, ack, result } => {
                let client = self.model.peers.get(&socket).map(|peer| peer.client);
                let now = self.net.agenda.now;
                self.model.acks.server_learns(socket, client, ack, tagged(&result), now);
            }
            Heard::BroadcastAcked { ack, answers, disconnected: lost, timed_out: late } => {
                let who = |socket: &SocketId| self.model.peers.get(socket).map(|it| it.client);
                let answers: Vec<_> = answers
                    .iter()
                    .map(|(socket, args)| (*socket, who(socket), tag(args)))
                    .collect();
                let now = self.net.agenda.now;
                self.model.acks.gathers(ack, &answers, lost, late, now);
            }
            Heard::Upgraded { socket } => {
                assert!(self.model.peers.contains_key(&socket), "M7: events come while connected");
                self.model.upgrades += 1;
            }
            Heard::Drained { socket } => {
                let peer = self.model.peers.get_mut(&socket);
                let peer = peer.expect("M7: events come while connected");
                assert!(std::mem::take(&mut peer.watching), "it is told once, to who asks");
            }
            Heard::Disconnected { socket, reason, rooms, may_return } => {
                self.check_server_reason(socket, reason);
                let rooms = rooms.iter().map(ToString::to_string).collect();
                self.model.server_disconnects(socket, reason, rooms, may_return);
            }
            Heard::RecoveryExpired { sid } => {
                let sid = self.model.sid(sid.as_str());
                self.model.expires(sid);
            }
            Heard::ConnectAborted { .. } => assert!(self.net.swarm.manual_accept),
            other => panic!("not expected: {other:?}"),
        }
    }

    fn on_server_connected(
        &mut self,
        socket: SocketId,
        (client, conn, namespace): (usize, u64, usize),
        recovered: bool,
    ) {
        // The end of the connection may have come in one body with the wish to join, or what it is
        // told is too much for it.
        let Some(there) = self.server.socket(socket) else {
            let full =
                !recovered && self.net.swarm.tight && self.server.totals().engine.overflows > 0;
            let excused = full || self.has_reason(client, conn);
            assert!(excused, "a socket ends as soon as it is there");
            self.excuse(client, conn);
            self.model.ghosts.insert(socket, recovered);
            return;
        };
        let rooms = there.rooms().map(ToString::to_string).collect();
        let sid = self.model.sid(there.sid().as_str());
        let peer = Peer { client, conn, namespace, sid, rooms, watching: false };
        self.model.server_connects(socket, peer, recovered);
        if !recovered {
            self.move_rooms(socket);
            self.move_rooms(socket);
        }
        if self.net.rng.one_in(3) {
            let kind = self.net.rng.pick(&[Kind::Plain, Kind::Volatile]);
            self.server_emits(socket, kind);
        }
    }

    fn check_server_reason(&mut self, socket: SocketId, reason: DisconnectReason) {
        let Some(peer) = self.model.peers.get(&socket) else { return };
        let (client, conn) = (peer.client, peer.conn);
        match reason {
            DisconnectReason::ClientNamespaceDisconnect => {}
            DisconnectReason::ServerNamespaceDisconnect => {
                assert!(self.expelled.remove(&socket), "the application has removed it");
            }
            DisconnectReason::ServerShuttingDown => assert!(self.ending),
            DisconnectReason::ParseError => panic!("I10: what was sent makes no sense"),
            DisconnectReason::TransportError if self.net.swarm.tight => {
                // Too much waited for it.
                let excused =
                    self.has_reason(client, conn) || self.server.totals().engine.overflows > 0;
                assert!(excused, "a connection ends without a reason");
                self.excuse(client, conn);
            }
            DisconnectReason::TransportError
            | DisconnectReason::TransportClose
            | DisconnectReason::ForcedClose
            | DisconnectReason::ForcedServerClose
            | DisconnectReason::PingTimeout => {
                let excused = self.has_reason(client, conn);
                assert!(excused, "client {client} is lost without a reason: {reason}");
            }
            other => panic!("M7: no official reason: {other}"),
        }
    }

    pub(crate) fn admit(&mut self, socket: SocketId, who: (usize, u64), welcome: bool) {
        if welcome {
            self.server.accept(socket);
        } else {
            self.excuse_if_full(socket, who, r#"44/a,{"message":"no"}"#.len());
            self.server.reject(socket, "no", &()).unwrap();
        }
    }

    // Clients.

    pub(crate) fn on_client_event(&mut self, client: usize, event: Told) {
        let conn = self.nodes[client].conn;
        let sockets = self.nodes[client].sockets;
        let place = |socket| sockets.iter().position(|id| *id == socket).unwrap();
        match event {
            Told::Opened { .. } => self.nodes[client].conn += 1,
            Told::Upgraded | Told::Reconnecting { .. } => {}
            Told::NotUpgraded { fault } => self.check_fault(client, conn, &fault),
            Told::Failed { fault, .. } => {
                self.check_fault(client, conn + 1, &fault);
                // The next attempt has to have a reason of its own to fail.
                self.net.harmed.retain(|mark| *mark != (client, conn + 1));
            }
            Told::Closed { reason, fault } => {
                assert_ne!(reason, DisconnectReason::ParseError, "I10: {fault:?}");
                let excused = self.has_reason(client, conn);
                assert!(excused, "client {client} is lost without a reason: {reason} {fault:?}");
            }
            // The answer to CONNECT was lost, or the application takes its time.
            Told::Unanswered { .. } => {
                assert!(self.has_reason(client, conn) || self.net.swarm.manual_accept);
            }
            Told::Authenticating { socket } => {
                let now = self.client_now(client);
                let mut socket = self.nodes[client].client.socket(socket).unwrap();
                socket.authenticate(&Who { client, conn }, now).unwrap();
            }
            Told::Connected { socket, sid, recovered } => {
                let sid = self.model.sid(sid.as_str());
                let who = (client, conn, place(socket));
                self.model.client_connects(who, sid, recovered);
            }
            Told::Refused { socket, message, .. } => {
                assert!(self.net.swarm.manual_accept && place(socket) == 1 && message == "no");
                self.excuse_leaving(client);
            }
            Told::Received { socket, name, args, ack } => {
                assert_eq!(name.as_str(), "e");
                let tag = tag(&args);
                self.model.client_hears(client, conn, place(socket), tag);
                self.model.messages[index(tag)].check(tag, &args);
                let delay = ack.is_some().then(|| self.thinks(tag)).flatten();
                if let (Some(ack), Some(delay)) = (ack, delay) {
                    self.net.agenda.after(delay, Task::Reply(client, ack, tag));
                }
            }
            Told::Acked { socket, ack, result } => {
                let now = self.net.agenda.now - self.nodes[client].behind;
                let result = tagged(&result);
                let tag = self.model.acks.client_learns(client, ack, result, now);
                self.model.client_learns(client, place(socket), tag, result.is_ok());
            }
            Told::Disconnected { socket, reason, .. } => {
                let who = (client, conn, place(socket));
                self.model.client_disconnects(who, reason);
                if reason == DisconnectReason::ServerDisconnect {
                    self.excuse_leaving(client);
                }
            }
            other => panic!("not expected: {other:?}"),
        }
    }

    /// An attempt may fail for a reason, and the reason is never what somebody has said.
    fn check_fault(&self, client: usize, conn: u64, fault: &Fault) {
        assert!(
            !matches!(
                fault,
                Fault::Packet(_)
                    | Fault::Transport(TransportFault::Malformed(_) | TransportFault::Handshake(_))
            ),
            "I10: client {client}: {fault}"
        );
        let excused = self.has_reason(client, conn);
        assert!(excused, "client {client} fails without a reason: {fault}");
    }
}
