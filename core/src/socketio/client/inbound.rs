//! What the server says: the packets of one connection.

use std::time::Instant;

use crate::args::Args;
use crate::args::Name;
use crate::engineio::client::TransportFault;
use crate::id::{AckId, SocketId};
use crate::io::Frame;
use crate::socketio::client::client::{Alarm, Client};
use crate::socketio::client::life::{Early, Phase};
use crate::socketio::client::{Event, Fault, Responder};
use crate::socketio::packet::{FromServer, Packet};

impl Client {
    pub(super) fn on_message(&mut self, message: Frame, now: Instant) {
        let config = &self.config;
        let decoded = self.decoder.add_from_server(&*config.parser, message, config.limits());
        self.watch_attachments(now);
        match decoded {
            Ok(None) => {}
            Ok(Some(packet)) => self.on_packet(packet, now),
            Err(error) => self.break_off(Fault::Packet(error), now),
        }
    }

    fn watch_attachments(&mut self, now: Instant) {
        match (self.decoder.is_waiting(), self.attachment_timer) {
            (true, None) => {
                let delay = self.config.attachment_timeout;
                self.attachment_timer = Some(self.timers.set(now, delay, Alarm::Attachments));
            }
            (false, Some(timer)) => {
                self.attachment_timer = None;
                self.timers.clear(timer);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Packets for namespaces that were never asked for are ignored.
    fn on_packet(&mut self, packet: FromServer, now: Instant) {
        let name = |namespace: bytes::Bytes| String::from_utf8(namespace.to_vec()).ok();
        match packet {
            FromServer::Refusal { namespace, error } => {
                if let Some(name) = name(namespace) {
                    self.on_refusal(&name, &error, now);
                }
            }
            FromServer::Packet(Packet::Connect { namespace, auth }) => {
                if let Some(name) = name(namespace) {
                    self.on_connect(&name, &auth, now);
                }
            }
            FromServer::Packet(Packet::Disconnect { namespace }) => {
                if let Some(id) = self.addressee(&namespace) {
                    self.on_disconnect(id, now);
                }
            }
            FromServer::Packet(Packet::Event { namespace, name, args, ack }) => {
                if let Some(id) = self.addressee(&namespace) {
                    self.on_event(id, Early { name, args, ack }, now);
                }
            }
            FromServer::Packet(Packet::Ack { namespace, id: ack, args }) => {
                if let Some(id) = self.addressee(&namespace) {
                    self.on_ack(id, AckId(ack), args, now);
                }
            }
        }
    }

    fn addressee(&self, namespace: &[u8]) -> Option<SocketId> {
        self.find(std::str::from_utf8(namespace).ok()?)
    }

    fn on_event(&mut self, id: SocketId, event: Early, now: Instant) {
        let limit = self.config.max_early_bytes;
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        match socket.phase {
            Phase::Connected => {
                let Early { name, args, ack } = event;
                self.receive(id, name, args, ack);
            }
            // What was on its way to a socket that has left is nobody's.
            Phase::Joining if self.left.contains(&socket.namespace) => {}
            Phase::Joining => {
                if !socket.keep(event, limit) {
                    self.break_off(TransportFault::TooLarge { limit }.into(), now);
                }
            }
            Phase::Inactive | Phase::Waiting | Phase::Asking => {}
        }
    }

    /// Hands an event to the application.
    pub(super) fn receive(&mut self, id: SocketId, name: Name, args: Args, ack: Option<u64>) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        // Only events that ask for nothing are kept for those who are away.
        if ack.is_none() {
            socket.recovery.note(&args);
        }
        let life = socket.life;
        let ack = ack.map(|ack| Responder { id: ack, socket: id, life });
        self.report(Event::Received { socket: id, name, args, ack });
    }
}
