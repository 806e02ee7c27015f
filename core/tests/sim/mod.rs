//! A whole system in one thread: several clients, a server that may die, the network between them
//! with its proxies, and applications at both ends; one clock, and one seed for everything.
//!
//! A step is one thing that happens: something arrives, a deadline passes, somebody does
//! something, or something goes wrong. After each, everything that was said and heard is compared
//! with the [`model`].

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "most events are of no interest here")]

mod acks;
mod agenda;
mod app;
mod check;
mod deliver;
mod events;
mod faults;
mod model;
mod net;
mod rng;
mod swarm;
mod wire;

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::time::{Duration, Instant};

use sockeye_core::client::{self, Client, Input as ToClient};
use sockeye_core::{Output, Server, SocketId};

use agenda::Task;
use model::Model;
use net::{Arrival, Net};
use rng::Rng;
use swarm::{NAMESPACES, S, Swarm, nanos};

/// A client with its machine.
pub(crate) struct Node {
    client: Client,
    sockets: [SocketId; 2],
    /// How many connections it has opened.
    conn: u64,
    asleep: bool,
    asleep_since: u64,
    /// By how much its clock is behind, in nanoseconds.
    behind: u64,
    /// What came while it slept.
    inbox: VecDeque<(u64, Arrival)>,
}

pub(crate) struct World {
    net: Net,
    server: Server,
    nodes: Vec<Node>,
    model: Model,
    /// Whom the server's application has removed.
    expelled: BTreeSet<SocketId>,
    epoch: Instant,
    healed: bool,
    ending: bool,
    /// Everything that has happened, as a number.
    pub(crate) hash: u64,
    pub(crate) steps: u64,
    /// Print what happens.
    trace: bool,
}

/// What one run was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) hash: u64,
    pub(crate) steps: u64,
    pub(crate) heard: u64,
    pub(crate) acks: u64,
    pub(crate) lost: u64,
    pub(crate) recovered: u64,
    pub(crate) upgrades: u64,
    pub(crate) messages: u64,
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.hash ^= other.hash;
        self.steps += other.steps;
        self.heard += other.heard;
        self.acks += other.acks;
        self.lost += other.lost;
        self.recovered += other.recovered;
        self.upgrades += other.upgrades;
        self.messages += other.messages;
    }
}

/// Runs a world from its beginning to its end; `step` says where it is.
pub(crate) fn run(seed: u64, steps: u64, trace: bool, step: &mut u64) -> Summary {
    let mut world = World::new(seed, trace);
    for _ in 0..steps {
        world.step();
        *step = world.steps;
    }
    world.finish(step);
    world.summary()
}

impl World {
    fn new(seed: u64, trace: bool) -> Self {
        let mut rng = Rng::new(seed);
        let swarm = Swarm::draw(&mut rng);
        let server = Server::new(swarm.server.clone(), rng.seed()).unwrap();
        let epoch = epoch();
        let nodes: Vec<_> = (0..swarm.clients)
            .map(|_| {
                let config = swarm.client(&mut rng);
                let mut client = Client::new(config, rng.seed()).unwrap();
                let mut number = 0;
                let sockets = NAMESPACES.map(|namespace| {
                    number += 1;
                    client.open(namespace, swarm.socket(number - 1), epoch).unwrap()
                });
                Node {
                    client,
                    sockets,
                    conn: 0,
                    asleep: false,
                    asleep_since: 0,
                    behind: 0,
                    inbox: VecDeque::new(),
                }
            })
            .collect();
        let model = Model::new(nodes.len());
        let net = Net::new(rng, swarm);
        let world = Self {
            net,
            server,
            nodes,
            model,
            expelled: BTreeSet::new(),
            epoch,
            healed: false,
            ending: false,
            hash: 0,
            steps: 0,
            trace,
        };
        world.note(|| format!("{:#?}", world.net.swarm));
        world
    }

    fn summary(&self) -> Summary {
        Summary {
            hash: self.hash,
            steps: self.steps,
            heard: self.model.heard,
            acks: self.model.acks.settled,
            lost: self.model.lost,
            recovered: self.model.recovered,
            upgrades: self.model.upgrades,
            messages: self.net.wire.messages,
        }
    }

    /// Prints what happens, if it is wanted.
    fn note(&self, line: impl FnOnce() -> String) {
        if self.trace {
            let micros = self.net.agenda.now / 1000;
            // The macros for it print nothing while a test runs well.
            let mut out = std::io::stderr().lock();
            writeln!(out, "{:>5} {micros:>12} {}", self.steps, line()).unwrap();
        }
    }

    fn mix(&mut self, value: u64) {
        self.hash = (self.hash.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    // Time.

    fn now(&self) -> Instant {
        self.epoch + Duration::from_nanos(self.net.agenda.now)
    }

    fn client_now(&self, client: usize) -> Instant {
        let slept = Duration::from_nanos(self.nodes[client].behind);
        self.now() - slept
    }

    /// When a client's next deadline is, by the clock of the world.
    fn client_due(&self, client: usize) -> Option<u64> {
        let node = &self.nodes[client];
        let due = node.client.poll_timeout().filter(|_| !node.asleep)?;
        Some(nanos(due - self.epoch) + node.behind)
    }

    fn server_due(&self) -> Option<u64> {
        self.server.poll_timeout().map(|due| nanos(due - self.epoch))
    }

    pub(crate) fn step(&mut self) {
        self.steps += 1;
        if self.net.rng.one_in(3) {
            self.act();
            self.misfortune();
        } else {
            let gap = self.net.rng.below(self.net.swarm.gap);
            self.advance(gap);
        }
        self.check();
    }

    /// Lets the next thing happen, or some time pass if nothing is due in it.
    fn advance(&mut self, gap: u64) {
        for client in 0..self.nodes.len() {
            if self.catch_up(client) {
                return self.settle();
            }
        }
        let clients = (0..self.nodes.len()).filter_map(|client| self.client_due(client));
        let due = clients.chain(self.server_due()).chain(self.net.agenda.next()).min();
        let now = self.net.agenda.now;
        let Some(due) = due.filter(|due| *due <= now + gap) else {
            self.net.agenda.now += gap;
            return;
        };
        self.net.agenda.now = now.max(due);
        if let Some(task) = self.net.agenda.pop() {
            self.perform(task);
        } else if self.server_due().is_some_and(|due| due <= self.net.agenda.now) {
            self.note(|| "server timeout".to_owned());
            self.pass_time_at_server();
        } else {
            let is_due = |client: &usize| {
                self.client_due(*client).is_some_and(|due| due <= self.net.agenda.now)
            };
            let client = (0..self.nodes.len()).find(is_due).expect("something is due");
            self.note(|| format!("client {client} timeout"));
            self.pass_time_at_client(client);
        }
        self.settle();
        self.read_on();
    }

    fn pass_time_at_server(&mut self) {
        let now = self.now();
        self.server.handle_timeout(now);
        assert!(self.server.poll_timeout().is_none_or(|due| due > now), "I4: no busy loop");
    }

    fn pass_time_at_client(&mut self, client: usize) {
        let now = self.client_now(client);
        let machine = &mut self.nodes[client].client;
        machine.handle_timeout(now);
        assert!(machine.poll_timeout().is_none_or(|due| due > now), "I4: no busy loop");
    }

    fn perform(&mut self, task: Task) {
        self.mix(self.net.agenda.now);
        match task {
            Task::Arrive(key, arrival) => {
                self.note(|| format!("#{key} {arrival:?}"));
                self.mix(key);
                self.arrive(key, arrival);
            }
            Task::KillPoll(key) => self.net.kill_poll(key),
            Task::KillIdle(key) => self.net.kill_idle(key),
            Task::Release(client) => self.net.release(client),
            Task::Wake(client) => self.wake(client),
            Task::Up(client) => self.net.down[client] = false,
            Task::Online(client) => {
                if !self.nodes[client].asleep {
                    let now = self.client_now(client);
                    self.nodes[client].client.handle(ToClient::Online, now);
                }
            }
            Task::Admit(socket, who, welcome) => self.admit(socket, who, welcome),
            Task::Answer(socket, responder, tag) => self.answer(socket, responder, tag),
            Task::Reply(client, responder, tag) => self.reply(client, responder, tag),
            Task::Resume(socket) => {
                let now = self.now();
                if let Some(mut socket) = self.server.socket(socket) {
                    socket.resume(now);
                }
            }
        }
    }

    /// Carries out what all machines want.
    fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            self.note(|| format!("server: {output:?}"));
            match output {
                Output::Event(event) => self.on_server_event(event),
                output => self.net.take_from_server(output),
            }
        }
        for client in 0..self.nodes.len() {
            while let Some(output) = self.nodes[client].client.poll_output() {
                self.note(|| format!("client {client}: {output:?}"));
                match output {
                    client::Output::Event(event) => self.on_client_event(client, event),
                    output => {
                        let conn = self.nodes[client].conn;
                        self.net.take_from_client(client, conn, output);
                    }
                }
            }
        }
    }

    /// Lets a time pass with everything that happens in it.
    fn run_for(&mut self, time: u64, step: &mut u64) {
        let end = self.net.agenda.now + time;
        let most = self.steps + 50_000;
        while self.net.agenda.now < end {
            self.steps += 1;
            *step = self.steps;
            assert!(self.steps < most, "I4: something goes round in circles");
            self.advance((end - self.net.agenda.now).min(S));
            self.check();
        }
    }
}

/// Some time; which one is of no importance.
fn epoch() -> Instant {
    use std::sync::OnceLock;
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    *EPOCH.get_or_init(Instant::now)
}
