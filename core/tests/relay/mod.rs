//! A server whose application sends events on, beside a driver that reads and writes in turns.

#![allow(dead_code, reason = "each test needs another part")]
#![allow(clippy::wildcard_enum_match_arm, reason = "most outputs are of no interest here")]

use std::time::Duration;

use super::common::{Harness, WebSocketClient};
use sockeye_core::{EmitOptions, Event, Selector, Server, SocketId};

/// A server that sends the events of its clients on to everybody, and disconnects those that ask
/// for it.
pub(crate) struct Relay {
    pub(crate) h: Harness<Server>,
    pub(crate) heard: Vec<String>,
    /// The greatest number of bytes that waited to be sent.
    pub(crate) most: usize,
}

impl Relay {
    pub(crate) fn new(change: impl FnOnce(&mut sockeye_core::ServerConfig)) -> Self {
        let mut h = Harness::with(change);
        h.eager = false;
        Self { h, heard: Vec::new(), most: 0 }
    }

    /// Lets the server act until it has nothing to do at this moment; returns how many events
    /// came.
    pub(crate) fn turn(&mut self) -> usize {
        let mut count = 0;
        while self.h.step() {
            self.most = self.most.max(self.h.server.counts().engine.buffered);
            for event in self.h.take_events() {
                count += usize::from(matches!(event, Event::Received { .. }));
                self.on_event(event);
            }
        }
        count
    }

    pub(crate) fn on_event(&mut self, event: Event) {
        let now = self.h.now;
        match event {
            Event::Received { socket, name, .. } => {
                self.heard.push(name.to_string());
                match name.as_str() {
                    "leave" => self.socket(socket).disconnect(false, now),
                    "close" => self.socket(socket).close(now),
                    "pause" => self.socket(socket).pause(now),
                    "shut down" => self.h.server.shut_down(now),
                    name => {
                        let all = Selector::all();
                        let sent = self.h.server.emit("/", &all, name, &(), EmitOptions::default());
                        sent.expect("an event that can be sent");
                    }
                }
            }
            Event::Disconnected { reason, .. } => self.heard.push(reason.to_string()),
            _ => {}
        }
    }

    pub(crate) fn socket(&mut self, socket: SocketId) -> sockeye_core::SocketMut<'_> {
        self.h.server.socket(socket).expect("a socket that is there")
    }

    /// What is being written is written.
    pub(crate) fn write(&mut self, clients: &[WebSocketClient]) {
        for client in clients {
            if self.h.is_in_flight(client.ws) {
                self.h.write_ended(client.ws);
            }
        }
    }

    /// Goes on until nothing more is to be done, a millisecond at a time; returns the numbers of
    /// events of each turn.
    pub(crate) fn run(&mut self, clients: &[WebSocketClient]) -> Vec<usize> {
        let mut turns = Vec::new();
        loop {
            turns.push(self.turn());
            self.write(clients);
            turns.push(self.turn());
            let soon = self.h.now + Duration::from_millis(20);
            let Some(next) = self.h.server.poll_timeout().filter(|&next| next < soon) else {
                return turns;
            };
            self.h.now = self.h.now.max(next);
            self.h.server.handle_timeout(self.h.now);
        }
    }

    pub(crate) fn connect(&mut self, count: usize) -> Vec<WebSocketClient> {
        self.h.eager = true;
        let clients: Vec<_> = (0..count).map(|_| self.h.connect_websocket("/")).collect();
        for client in &clients {
            self.h.stall(client.ws);
        }
        self.h.eager = false;
        clients
    }

    /// A client on long-polling that sends this POST; it does not ask for what is sent to it.
    pub(crate) fn post(&mut self, body: String) -> String {
        self.h.eager = true;
        let client = self.h.connect_polling("/");
        self.h.take_events();
        let req = self.h.post_head(&client.sid);
        assert!(self.h.wants_body(req).is_some());
        self.h.eager = false;
        self.h.body(req, body);
        client.sid
    }
}

pub(crate) fn events(names: &[&str]) -> String {
    let packets: Vec<_> = names.iter().map(|name| format!("42[\"{name}\"]")).collect();
    packets.join("\x1e")
}
