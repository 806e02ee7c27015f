//! The packets that the server sends: methods of the [`Client`].
//!
//! Socket.IO protocol, section "Sending and receiving data". Decoding is done in
//! [`packet`](crate::packet); this finds the socket that a packet is for.
//!
//! | Packet | Form | Handled by |
//! |---|---|---|
//! | CONNECT | `0/admin,{"sid":".."}` | `on_connect` |
//! | CONNECT_ERROR | `4/admin,{"message":".."}` | `on_connect_error` |
//! | DISCONNECT | `1/admin,` | `on_disconnect` |
//! | EVENT | `2/admin,12["name",..]` | `on_event` |
//! | ACK | `3/admin,12[..]` | `on_ack` |
//!
//! BINARY_EVENT and BINARY_ACK (`51-..`, `61-..`) arrive here as EVENT and ACK: the decoder has put
//! their attachments in.

use std::time::Instant;

use crate::args::{Args, Name};
use crate::engineio::Transport;
use crate::engineio::client::TransportFault;
use crate::id::{AckId, SocketId};
use crate::io::Frame;
use crate::socketio::ack::Responder;
use crate::socketio::client::alarm::Alarm;
use crate::socketio::client::client::Client;
use crate::socketio::client::error::Fault;
use crate::socketio::client::event::Event;
use crate::socketio::client::socket::{EarlyEvent, Phase};
use crate::socketio::packet::{Packet, ServerPacket};

impl Client {
    /// Handles a message of the session, which is a packet, the head of one, or an attachment.
    pub(super) fn on_message(&mut self, message: Frame, now: Instant) {
        let config = &self.config;
        let decoded = self.decoder.add_from_server(&*config.parser, message, config.limits());
        // A server that never completes a packet would block those behind it.
        let (waits, delay) = (self.decoder.is_waiting(), config.attachment_timeout);
        let transport = self.session.as_ref().map(|session| session.transport());
        if waits && transport == Some(Transport::Polling) {
            self.decoder.detach();
        }
        let timer = &mut self.attachment_timer;
        self.timers.set_while(waits, timer, now, delay, Alarm::AttachmentTimeout);
        match decoded {
            Ok(None) => {}
            Ok(Some(packet)) => self.on_packet(packet, now),
            // Whatever stands behind it can't be trusted.
            Err(error) => self.fail_to_parse(Fault::Packet(error), now),
        }
    }

    /// Handles a packet. Packets for namespaces without a socket are ignored, as by the official
    /// client.
    fn on_packet(&mut self, packet: ServerPacket, now: Instant) {
        let name = |namespace: bytes::Bytes| String::from_utf8(namespace.to_vec()).ok();
        match packet {
            ServerPacket::ConnectError { namespace, error } => {
                if let Some(name) = name(namespace) {
                    self.on_connect_error(&name, &error, now);
                }
            }
            ServerPacket::Packet(Packet::Connect { namespace, auth }) => {
                if let Some(name) = name(namespace) {
                    self.on_connect(&name, &auth, now);
                }
            }
            ServerPacket::Packet(Packet::Disconnect { namespace }) => {
                if let Some(id) = self.find_addressee(&namespace) {
                    self.on_disconnect(id, now);
                }
            }
            ServerPacket::Packet(Packet::Event { namespace, name, args, ack }) => {
                if let Some(id) = self.find_addressee(&namespace) {
                    self.on_event(id, EarlyEvent { name, args, ack }, now);
                }
            }
            ServerPacket::Packet(Packet::Ack { namespace, id: ack, args }) => {
                if let Some(id) = self.find_addressee(&namespace) {
                    self.on_ack(id, AckId(ack), args, now);
                }
            }
        }
    }

    /// Returns the socket for the namespace of a packet.
    fn find_addressee(&self, namespace: &[u8]) -> Option<SocketId> {
        self.find(std::str::from_utf8(namespace).ok()?)
    }

    /// The server has sent an EVENT packet.
    fn on_event(&mut self, id: SocketId, event: EarlyEvent, now: Instant) {
        let limit = self.config.max_early_bytes;
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        match socket.phase {
            Phase::Connected => {
                let EarlyEvent { name, args, ack } = event;
                self.receive(id, name, args, ack);
            }
            // The event may have been sent to the socket before it left the namespace. Missed
            // events can't be among them, because recovery is not asked for on such a connection.
            Phase::Connecting if self.left.contains(&socket.namespace) => {}
            Phase::Connecting => {
                if !socket.keep(event, limit) {
                    self.fail_to_parse(TransportFault::TooLarge { limit }.into(), now);
                }
            }
            // An event from before the socket was disconnected.
            Phase::Inactive | Phase::Waiting | Phase::Authenticating => {}
        }
    }

    /// Hands an event to the application.
    pub(super) fn receive(&mut self, id: SocketId, name: Name, args: Args, ack: Option<u64>) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        // A server keeps no events for recovery that ask for an acknowledgement, so these have no
        // offset.
        if ack.is_none() {
            socket.recovery.note(&args);
        }
        let generation = socket.generation;
        let ack = ack.map(|ack| Responder { id: ack, socket: id, generation });
        self.push_event(Event::Received { socket: id, name, args, ack });
    }
}
