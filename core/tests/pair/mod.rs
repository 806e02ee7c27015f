//! A client and a server, joined by a network that can be slow, break, or fall silent; in virtual
//! time, and from a seed.
//!
//! Every step checks what must hold whatever happens: one session has one GET and one POST under
//! way at most, and none after the upgrade to a WebSocket or after a request failed; a WebSocket
//! has one `Send` in flight; nothing is sent on what is not open; no deadline is left in the past;
//! `Connected` and `Disconnected` take turns, and events come between them; each acknowledgement
//! comes once.

#![allow(dead_code, reason = "each test file uses some of the helpers")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

mod arrivals;
mod net;
mod words;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sockeye_core::client::{self, Client, Config, SocketConfig};
use sockeye_core::{AckId, EmitOptions, Event, NamespaceConfig, Server, ServerConfig, SocketId};

pub(crate) use net::Net;
#[allow(unused_imports, reason = "each test file uses some of them")]
pub(crate) use net::Rng;

pub(crate) const SEED: [u8; 32] = [7; 32];

pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) server: Server,
    server_config: ServerConfig,
    restarts: u8,
    pub(crate) now: Instant,
    pub(crate) net: Net,
    /// What the client tells and was not taken yet.
    told: Vec<client::Event>,
    /// What the server tells and was not taken yet.
    heard: Vec<Event>,
    connected: BTreeSet<SocketId>,
    acked: BTreeSet<AckId>,
    /// The socket that has sent CONNECT last.
    pub(crate) socket_asking: Option<SocketId>,
    /// Lets the server answer every event that asks for it.
    pub(crate) server_acks: bool,
    /// Everything that was done, if it is wanted.
    pub(crate) transcript: Option<Vec<String>>,
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A server with the namespaces `/`, `/admin`, and `/secret`, which decides.
pub(crate) fn server_config() -> ServerConfig {
    let mut config = ServerConfig::default();
    let mut secret = NamespaceConfig::new("/secret");
    secret.manual_accept = true;
    config.namespaces.extend([NamespaceConfig::new("/admin"), secret]);
    config
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub(crate) fn with(
        client: impl FnOnce(&mut Config),
        server: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        let (mut config, mut server_config) = (Config::default(), server_config());
        client(&mut config);
        server(&mut server_config);
        Self {
            client: Client::new(config, SEED).unwrap(),
            server: Server::new(server_config.clone(), SEED).unwrap(),
            server_config,
            restarts: 0,
            now: epoch(),
            net: Net::new(1),
            told: Vec::new(),
            heard: Vec::new(),
            connected: BTreeSet::new(),
            acked: BTreeSet::new(),
            socket_asking: None,
            server_acks: false,
            transcript: None,
        }
    }

    /// A client that talks by WebSocket alone.
    pub(crate) fn websocket() -> Self {
        Self::with(|config| config.transports = vec![WEBSOCKET], |_| {})
    }

    /// A client that talks by long-polling alone.
    pub(crate) fn polling() -> Self {
        Self::with(|config| config.transports = vec![POLLING], |_| {})
    }

    // Commands.

    pub(crate) fn open(&mut self, namespace: &str) -> SocketId {
        self.open_with(namespace, SocketConfig::default())
    }

    pub(crate) fn open_with(&mut self, namespace: &str, config: SocketConfig) -> SocketId {
        let id = self.client.open(namespace, config, self.now).unwrap();
        self.settle();
        id
    }

    /// Opens a socket and waits until it is connected; returns the handles of both sides.
    pub(crate) fn join(&mut self, namespace: &str) -> (SocketId, SocketId) {
        let id = self.open(namespace);
        self.run(secs(2));
        (id, self.peer(id))
    }

    /// The server's handle of a socket that is connected.
    pub(crate) fn peer(&mut self, id: SocketId) -> SocketId {
        let sid = self.socket(id).sid().expect("a connected socket").to_string();
        self.server.find(&sid).expect("the server knows it")
    }

    pub(crate) fn socket(&mut self, id: SocketId) -> client::SocketMut<'_> {
        self.client.socket(id).expect("a socket that is there")
    }

    pub(crate) fn emit(
        &mut self,
        id: SocketId,
        name: &str,
        data: &(impl serde::Serialize + ?Sized),
    ) -> bool {
        let now = self.now;
        let sent = self.socket(id).emit(name, data, EmitOptions::default(), now).unwrap();
        self.settle();
        sent
    }

    pub(crate) fn emit_volatile(&mut self, id: SocketId, name: &str) -> bool {
        let now = self.now;
        let options = EmitOptions::default().volatile(true);
        let sent = self.socket(id).emit(name, &(), options, now).unwrap();
        self.settle();
        sent
    }

    pub(crate) fn ask(&mut self, id: SocketId, name: &str, timeout: Option<Duration>) -> AckId {
        let now = self.now;
        let ack = self.socket(id).emit_with_ack(name, &(), timeout, now).unwrap();
        self.settle();
        ack
    }

    pub(crate) fn disconnect(&mut self, id: SocketId) {
        let now = self.now;
        self.socket(id).disconnect(now);
        self.settle();
    }

    pub(crate) fn connect(&mut self, id: SocketId) {
        let now = self.now;
        self.socket(id).connect(now);
        self.settle();
    }

    pub(crate) fn serve(
        &mut self,
        peer: SocketId,
        name: &str,
        data: &(impl serde::Serialize + ?Sized),
    ) {
        let mut socket = self.server.socket(peer).expect("a socket that is there");
        socket.emit(name, data, EmitOptions::default()).unwrap();
        self.settle();
    }

    pub(crate) fn feed(&mut self, input: client::Input) {
        self.client.handle(input, self.now);
        self.settle();
    }

    /// The server dies, and another one is there at once.
    pub(crate) fn restart(&mut self) {
        self.restarts += 1;
        self.server = Server::new(self.server_config.clone(), [100 + self.restarts; 32]).unwrap();
        self.cut();
    }

    /// All connections break, and both sides notice.
    pub(crate) fn cut(&mut self) {
        self.net.cut(self.now);
        self.settle();
    }

    // Time.

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        let mut steps = 0;
        while let Some(next) = self.next().filter(|&next| next <= end) {
            steps += 1;
            assert!(steps < 200_000, "something goes round in circles");
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn next(&self) -> Option<Instant> {
        let timeouts = self.client.poll_timeout().into_iter().chain(self.server.poll_timeout());
        timeouts.chain(self.net.next()).min()
    }

    fn step(&mut self) {
        let now = self.now;
        if let Some(arrival) = self.net.pop(now) {
            self.record(|| format!("{arrival:?}"));
            self.net.deliver(arrival, &mut self.client, &mut self.server, now);
        } else if self.client.poll_timeout().is_some_and(|due| due <= now) {
            self.client.handle_timeout(now);
            assert!(self.client.poll_timeout().is_none_or(|due| due > now), "no busy loop");
        } else if self.server.poll_timeout().is_some_and(|due| due <= now) {
            self.server.handle_timeout(now);
        }
        self.settle();
    }

    fn record(&mut self, line: impl FnOnce() -> String) {
        let time = self.now - epoch();
        if let Some(transcript) = &mut self.transcript {
            transcript.push(format!("{time:?} {}", line()));
        }
    }

    /// Carries out what both machines want.
    pub(crate) fn settle(&mut self) {
        while let Some(output) = self.client.poll_output() {
            self.record(|| format!("client {output:?}"));
            match output {
                client::Output::Event(event) => self.tell(event),
                output => self.net.take_from_client(output, self.now),
            }
        }
        while let Some(output) = self.server.poll_output() {
            self.record(|| format!("server {output:?}"));
            match output {
                sockeye_core::Output::Event(event) => self.hear(event),
                output => self.net.take_from_server(output, self.now),
            }
        }
    }

    fn tell(&mut self, event: client::Event) {
        use client::Event;
        match &event {
            Event::Connected { socket, .. } => {
                assert!(self.connected.insert(*socket), "connected once");
            }
            Event::Disconnected { socket, .. } => {
                assert!(self.connected.remove(socket), "disconnected once, after it was connected");
            }
            Event::Received { socket, .. } => {
                assert!(self.connected.contains(socket), "events come while connected");
            }
            Event::Acked { ack, .. } => assert!(self.acked.insert(*ack), "acked once"),
            Event::Closed { .. } => assert!(self.connected.is_empty(), "sockets go first"),
            _ => {}
        }
        self.told.push(event);
    }

    fn hear(&mut self, event: Event) {
        if let Event::Connecting { socket, .. } = &event {
            self.socket_asking = Some(*socket);
        }
        match event {
            Event::Received { socket, name, args, ack: Some(ack) } if self.server_acks => {
                if let Some(mut peer) = self.server.socket(socket) {
                    peer.ack(ack, &args).unwrap();
                }
                self.heard.push(Event::Received { socket, name, args, ack: None });
            }
            event => self.heard.push(event),
        }
    }

    /// Takes what the client has told.
    pub(crate) fn client_events(&mut self) -> Vec<client::Event> {
        std::mem::take(&mut self.told)
    }

    /// Takes what the server has told.
    pub(crate) fn server_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.heard)
    }

    /// Takes what the client has told, in words.
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.client_events().iter().map(words::client).collect()
    }

    /// Takes what the server has told, in words.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        self.server_events().iter().map(words::server).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.told.clear();
        self.heard.clear();
    }

    /// Everybody leaves; nothing must remain.
    pub(crate) fn finish(&mut self) {
        self.net.heal();
        self.client.close(self.now);
        self.settle();
        self.run(secs(60));
        assert!(self.client.is_idle(), "the client is idle");
        let counts = self.client.counts();
        assert_eq!((counts.requests, counts.websockets), (0, 0), "{counts:?}");
        assert_eq!(self.net.abandoned(), [0; 0], "everything that was opened was closed");
        for name in ["/", "/admin", "/secret"] {
            if let Some(id) = self.client.find(name) {
                self.client.socket(id).unwrap().remove(self.now);
            }
        }
        self.settle();
        assert_eq!(self.client.counts(), client::Counts::default());
    }
}

pub(crate) const POLLING: sockeye_core::engineio::Transport =
    sockeye_core::engineio::Transport::Polling;
pub(crate) const WEBSOCKET: sockeye_core::engineio::Transport =
    sockeye_core::engineio::Transport::WebSocket;

/// Some time; which one is of no importance.
fn epoch() -> Instant {
    use std::sync::OnceLock;
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    *EPOCH.get_or_init(Instant::now)
}
