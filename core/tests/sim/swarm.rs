//! What one world is like: its options, and which faults it knows, each on or off and at a rate of
//! its own. So quiet worlds and storms both occur, and worlds of one fault alone.

use std::time::Duration;

use sockeye_core::client::{Config, SocketConfig};
use sockeye_core::engineio::Transport;
use sockeye_core::{NamespaceConfig, OnOverflow, RateLimit, RecoveryConfig, ServerConfig};

use super::rng::Rng;

/// Time is counted in nanoseconds.
pub(crate) const MS: u64 = 1_000_000;
pub(crate) const S: u64 = 1000 * MS;

pub(crate) const NAMESPACES: [&str; 2] = ["/", "/a"];

/// How often each fault happens: per thousand steps, or per thousand of what it befalls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// One connection, or all of a client's, ends with FIN or RST.
    pub(crate) cut: u64,
    /// A connection ends right after the server has answered on it.
    pub(crate) cut_answer: u64,
    /// A connection ends while a body is on its way.
    pub(crate) cut_body: u64,
    /// A connection is dead, and one side or none notices.
    pub(crate) half_open: u64,
    /// Nothing gets through to or from a client for a time; then it does, or never.
    pub(crate) hole: u64,
    /// A client's machine sleeps.
    pub(crate) suspend: u64,
    /// A client can't make new connections for a time.
    pub(crate) down: u64,
    /// A client is told by its system that there is no network.
    pub(crate) offline: u64,
    /// The server dies, and another one is there that knows nothing.
    pub(crate) restart: u64,
    /// WebSockets are refused.
    pub(crate) refuse: u64,
    /// WebSockets are opened, and nothing is carried.
    pub(crate) swallow: u64,
    /// Requests end up at another server, which does not know the session.
    pub(crate) unsticky: u64,
    /// A proxy keeps data for a while before it passes them on.
    pub(crate) buffer: u64,
    /// A proxy makes a GET twice.
    pub(crate) repeat: u64,
    /// A proxy ends GETs that wait for that long, with 502.
    pub(crate) poll_limit: Option<u64>,
    /// A proxy ends WebSockets on which nothing was said for that long.
    pub(crate) idle_limit: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Swarm {
    pub(crate) clients: usize,
    pub(crate) latency: u64,
    pub(crate) jitter: u64,
    /// The time that a write takes.
    pub(crate) write: u64,
    /// How much time passes at most before somebody does something.
    pub(crate) gap: u64,
    pub(crate) faults: Faults,
    pub(crate) server: ServerConfig,
    pub(crate) retries: u32,
    /// The server's application decides who joins `/a`.
    pub(crate) manual_accept: bool,
    /// So little may wait to be sent that it gets too much.
    pub(crate) tight: bool,
    /// How often, of a thousand times, an answer is never given to somebody who has set a timeout.
    pub(crate) rude: u64,
    /// How the run ends: the clients leave, or the server goes.
    pub(crate) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    ClientsClose,
    ServerShutsDown,
    ServerRetires,
}

impl Faults {
    fn draw(rng: &mut Rng) -> Self {
        if rng.one_in(6) {
            return Self::default();
        }
        let chance = rng.pick(&[2, 3, 6]);
        let rate = |rng: &mut Rng, most: u64| {
            if rng.one_in(chance) { 1 + rng.below(most) } else { 0 }
        };
        let limit = |rng: &mut Rng, times: &[u64]| {
            let time = rng.pick(times);
            rng.one_in(2 * chance).then_some(time)
        };
        Self {
            cut: rate(rng, 20),
            cut_answer: rate(rng, 30),
            cut_body: rate(rng, 30),
            half_open: rate(rng, 10),
            hole: rate(rng, 15),
            suspend: rate(rng, 6),
            down: rate(rng, 8),
            offline: rate(rng, 6),
            restart: rate(rng, 3),
            refuse: rate(rng, 900),
            swallow: rate(rng, 400),
            unsticky: rate(rng, 20),
            buffer: rate(rng, 100),
            repeat: rate(rng, 20),
            poll_limit: limit(rng, &[500 * MS, 3 * S, 15 * S]),
            idle_limit: limit(rng, &[2 * S, 10 * S, 40 * S]),
        }
    }
}

impl Swarm {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let faults = Faults::draw(rng);
        let tight = rng.one_in(5);
        let manual_accept = rng.one_in(3);
        let mut server = ServerConfig::default();
        let engine = &mut server.engine;
        engine.ping_interval = Duration::from_nanos(rng.pick(&[2 * S, 10 * S, 25 * S]));
        engine.ping_timeout = Duration::from_nanos(rng.pick(&[8 * S, 20 * S]));
        if rng.one_in(4) {
            engine.max_payload = 3000;
        }
        if rng.one_in(6) {
            engine.upgrade_poll_hold = Duration::from_millis(100);
        }
        if tight {
            engine.max_buffered = rng.pick(&[3000, 12_000]);
            server.on_overflow = rng.pick(&[OnOverflow::Close, OnOverflow::Refuse]);
        }
        let mut second = NamespaceConfig::new(NAMESPACES[1]);
        second.manual_accept = manual_accept;
        server.namespaces.push(second);
        server.rate = rng.one_in(6).then(|| RateLimit::per_second(rng.pick(&[20, 100])));
        server.recovery = rng.one_in(2).then(|| {
            RecoveryConfig::default()
                .max_disconnection(Duration::from_nanos(rng.pick(&[3 * S, 30 * S, 120 * S])))
                .skip_middlewares(rng.one_in(2))
                .max_bytes(rng.pick(&[16 << 20, 16 << 20, 4000]))
                .max_saved_sockets(rng.pick(&[10_000, 10_000, 2]))
        });
        Self {
            clients: 2 + rng.index(7),
            latency: rng.pick(&[100_000, 5 * MS, 40 * MS, 300 * MS]),
            jitter: rng.pick(&[0, MS, 30 * MS, 200 * MS]),
            write: rng.pick(&[0, 100_000, 50 * MS]),
            gap: rng.pick(&[5 * MS, 50 * MS, 300 * MS, 3 * S]),
            faults,
            server,
            retries: rng.pick(&[0, 0, 3, 1_000_000]),
            manual_accept,
            tight,
            rude: rng.pick(&[0, 100]),
            ending: rng.pick(&[
                Ending::ClientsClose,
                Ending::ClientsClose,
                Ending::ServerShutsDown,
                Ending::ServerRetires,
            ]),
        }
    }

    /// The options of one client.
    pub(crate) fn client(&self, rng: &mut Rng) -> Config {
        let (polling, websocket) = (Transport::Polling, Transport::WebSocket);
        let mut config = Config::default()
            .transports(match rng.below(6) {
                0 => vec![polling],
                1 => vec![websocket],
                2 => vec![websocket, polling],
                _ => vec![polling, websocket],
            })
            .try_all_transports(rng.one_in(3))
            .remember_upgrade(rng.one_in(3))
            .force_base64(rng.one_in(5));
        if rng.one_in(6) {
            config.request_timeout = Some(Duration::from_secs(60));
        }
        if self.tight && rng.one_in(2) {
            config.max_buffered = 2000;
        }
        config
    }

    /// The options of a client's socket for one of the namespaces.
    pub(crate) fn socket(&self, namespace: usize) -> SocketConfig {
        let mut config =
            SocketConfig::default().auth(sockeye_core::client::Auth::ask()).auto_connect(false);
        if self.retries_in(namespace) {
            config.retries = self.retries;
            config.ack_timeout = Some(Duration::from_secs(2));
        }
        config
    }

    /// Whether what clients emit in this namespace is sent until it is acknowledged.
    pub(crate) const fn retries_in(&self, namespace: usize) -> bool {
        namespace == 1 && self.retries > 0
    }

    /// The time within which both sides know that a connection is dead.
    pub(crate) fn silence(&self) -> u64 {
        let engine = &self.server.engine;
        nanos(engine.ping_interval + engine.ping_timeout)
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("a time that fits")
}
