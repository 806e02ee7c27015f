//! The harness around a [`Server`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sockeye_core::{
    AckId, Args, Counts, EmitOptions, Event, Input, NamespaceConfig, Output, Responder, RoomChange,
    Selector, Server, ServerConfig, SocketId, SocketMut, WsId,
};

use super::{Harness, Machine, SEED};

/// The lives of sockets.
#[derive(Default)]
pub(crate) struct Lives {
    violations: Vec<String>,
    lives: BTreeMap<SocketId, Life>,
    acked: BTreeSet<(SocketId, AckId)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Connecting,
    Connected,
    Over,
}

impl Machine for Server {
    type Event = Event;
    type Watch = Lives;
    const PATH: &'static str = "/socket.io";

    fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.handle(input, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.poll_output()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn watch(watch: &mut Lives, event: &Event) -> bool {
        use Life::{Connected, Connecting, Over};
        let (socket, before, after) = match event {
            Event::Connecting { socket, .. } => (socket, None, Connecting),
            Event::Connected { socket, .. } => {
                let before = watch.lives.get(socket).map(|_| Connecting);
                (socket, before, Connected)
            }
            Event::Received { socket, .. }
            | Event::Upgraded { socket }
            | Event::Drained { socket } => (socket, Some(Connected), Connected),
            Event::Acked { socket, ack, .. } => {
                assert!(watch.acked.insert((*socket, *ack)), "acked once");
                (socket, Some(Connected), Connected)
            }
            Event::Disconnected { socket, .. } => (socket, Some(Connected), Over),
            Event::ConnectAborted { socket } => (socket, Some(Connecting), Over),
            Event::HandshakeRequested { .. }
            | Event::HandshakeAborted { .. }
            | Event::RecoveryExpired { .. }
            | Event::Room { .. }
            | Event::BroadcastAcked { .. } => return true,
            Event::Violation { violation, .. } => {
                watch.violations.push(violation.to_string());
                return false;
            }
            other => panic!("unknown event {other:?}"),
        };
        assert_eq!(watch.lives.insert(*socket, after), before, "{event:?}");
        true
    }

    fn assert_forgotten(&self) {
        assert_eq!(self.counts(), Counts::default());
        assert!(self.is_idle());
    }
}

/// A client on long-polling that has joined a namespace.
#[derive(Clone, Debug)]
pub(crate) struct PollingClient {
    /// The id of its session.
    pub(crate) sid: String,
    pub(crate) socket: SocketId,
    /// The id of its socket on the wire.
    pub(crate) id: String,
}

/// A client on a WebSocket that has joined a namespace.
#[derive(Clone, Debug)]
pub(crate) struct WebSocketClient {
    pub(crate) ws: WsId,
    pub(crate) socket: SocketId,
    pub(crate) id: String,
}

impl Harness<Server> {
    /// A server with the namespaces `/`, `/admin`, and `/secret`, which decides.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = ServerConfig::default();
        let mut secret = NamespaceConfig::new("/secret");
        secret.manual_accept = true;
        config.namespaces.extend([NamespaceConfig::new("/admin"), secret]);
        change(&mut config);
        Self::around(Server::new(config, SEED).expect("a valid configuration"))
    }

    /// Opens a session over long-polling; returns its id on the wire.
    pub(crate) fn open_polling(&mut self) -> String {
        let req = self.request("GET", &Self::target("polling", None), &[]);
        let open = self.answer(req);
        open.split('"').nth(3).expect("OPEN holds a sid").to_owned()
    }

    /// Opens a session over a WebSocket.
    pub(crate) fn open_websocket(&mut self) -> WsId {
        let ws = self.upgrade_with(&Self::target("websocket", None), &[]);
        assert_eq!(self.received(ws).len(), 1);
        ws
    }

    pub(crate) fn connect_polling(&mut self, namespace: &str) -> PollingClient {
        let sid = self.open_polling();
        let req = self.post(&sid, format!("40{}", prefix(namespace)));
        assert_eq!(self.answer(req), "200 ok");
        let reply = self.fetch(&sid);
        let (socket, id) = self.joined(namespace, &reply);
        PollingClient { sid, socket, id }
    }

    pub(crate) fn connect_websocket(&mut self, namespace: &str) -> WebSocketClient {
        let ws = self.open_websocket();
        let (socket, id) = self.join(ws, namespace);
        WebSocketClient { ws, socket, id }
    }

    /// Joins a further namespace.
    pub(crate) fn join(&mut self, ws: WsId, namespace: &str) -> (SocketId, String) {
        self.frame(ws, format!("40{}", prefix(namespace)));
        let reply = self.received(ws).pop().expect("a reply");
        self.joined(namespace, &reply)
    }

    fn joined(&mut self, namespace: &str, reply: &str) -> (SocketId, String) {
        self.collect();
        let Some(Event::Connected { socket, .. }) = self.events.pop() else {
            panic!("nobody joined");
        };
        let id = self.sid(socket);
        let expected = format!("40{}{{\"sid\":\"{id}\"}}", prefix(namespace));
        assert_eq!(reply, expected);
        (socket, id)
    }

    pub(crate) fn sid(&mut self, socket: SocketId) -> String {
        self.socket(socket).sid().to_string()
    }

    pub(crate) fn socket(&mut self, socket: SocketId) -> SocketMut<'_> {
        self.server.socket(socket).expect("a socket that is there")
    }

    /// The newest socket of all.
    pub(crate) fn last_socket(&self) -> SocketId {
        *self.watch.lives.keys().next_back().expect("there was a socket")
    }

    /// Emits to one socket; returns whether it is sent.
    pub(crate) fn emit(
        &mut self,
        socket: SocketId,
        name: &str,
        data: &(impl serde::Serialize + ?Sized),
    ) -> bool {
        self.socket(socket)
            .emit(name, data, EmitOptions::default())
            .expect("an event that can be sent")
    }

    pub(crate) fn emit_volatile(&mut self, socket: SocketId, name: &str) -> bool {
        self.socket(socket)
            .emit(name, &(), EmitOptions::default().volatile(true))
            .expect("an event that can be sent")
    }

    /// Emits to a selection of `/`.
    pub(crate) fn emit_to(&mut self, selector: &Selector, name: &str) {
        self.server
            .emit("/", selector, name, &(), EmitOptions::default())
            .expect("an event that can be sent");
    }

    /// Takes the events that came, in words. `#1` is the first socket ever, `#2` the next one.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let events = self.events();
        events.iter().map(|event| self.describe(event)).collect()
    }

    fn describe(&self, event: &Event) -> String {
        let number = |socket: &SocketId| {
            let position = self.watch.lives.keys().position(|known| known == socket);
            format!("#{}", position.expect("a known socket") + 1)
        };
        match event {
            Event::Connecting { socket, namespace, auth } => {
                format!("{} connecting {namespace} {}", number(socket), list(auth))
            }
            Event::Connected { socket, namespace, auth, recovered } => {
                let word = if *recovered { "recovered" } else { "connected" };
                format!("{} {word} {namespace} {}", number(socket), list(auth))
            }
            Event::Received { socket, name, args, ack } => {
                let wants = if ack.is_some() { " wants ack" } else { "" };
                format!("{} {name}{}{wants}", number(socket), list(args))
            }
            Event::Acked { socket, result, .. } => match result {
                Ok(args) => format!("{} acked {}", number(socket), list(args)),
                Err(error) => format!("{} not acked: {error}", number(socket)),
            },
            Event::Disconnected { socket, reason, rooms, .. } => {
                let mut text = format!("{} disconnected: {reason}", number(socket));
                for room in rooms {
                    text = format!("{text}, was in {room}");
                }
                text
            }
            Event::ConnectAborted { socket } => format!("{} withdrawn", number(socket)),
            Event::Upgraded { socket } => format!("{} upgraded", number(socket)),
            Event::Drained { socket } => format!("{} drained", number(socket)),
            Event::Room { namespace, room, change } => match change {
                RoomChange::Joined(_) => format!("{room} in {namespace}: joined"),
                RoomChange::Left(_) => format!("{room} in {namespace}: left"),
                other => format!("{room} in {namespace}: {other:?}").to_lowercase(),
            },
            Event::HandshakeRequested { .. } => "requested".to_owned(),
            Event::HandshakeAborted { .. } => "aborted".to_owned(),
            Event::RecoveryExpired { .. } => "expired".to_owned(),
            Event::BroadcastAcked { answers, disconnected, timed_out, .. } => {
                let answers: Vec<_> =
                    answers.iter().map(|(id, args)| number(id) + &list(args)).collect();
                format!("gathered {answers:?}, {disconnected} lost, {timed_out} late")
            }
            other => panic!("unknown event {other:?}"),
        }
    }

    /// How clients violated the protocol since this was asked last.
    pub(crate) fn violations(&mut self) -> Vec<String> {
        std::mem::take(&mut self.watch.violations)
    }

    /// The only event that came, which must be one that arrived.
    pub(crate) fn arrived(&mut self) -> (SocketId, String, Args, Option<Responder>) {
        let mut events = self.events();
        match (events.pop(), events.pop()) {
            (Some(Event::Received { socket, name, args, ack }), None) => {
                (socket, name.to_string(), args, ack)
            }
            other => panic!("expected one event: {other:?}"),
        }
    }
}

/// Arguments as they stand on the wire.
fn list(args: &Args) -> String {
    let json: Vec<_> = args.iter().collect();
    let binary: Vec<_> = args
        .attachments()
        .iter()
        .map(|data| super::show(&sockeye_core::Frame::Binary(data.clone())))
        .collect();
    format!("[{}]{}", json.join(","), binary.concat())
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}

/// Cuts a payload of long-polling into its packets.
pub(crate) fn unpack(payload: &str) -> Vec<&str> {
    payload.split('\x1e').collect()
}
