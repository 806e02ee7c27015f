//! What goes wrong.

use sockeye_core::client::Input as ToClient;
use sockeye_core::{CloseCause, Response, Server};

use super::World;
use super::agenda::Task;
use super::net::{Arrival, Net, To};
use super::swarm::{MS, S};

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// What is on its way arrives before the end does.
    Fin,
    /// What is on its way is lost.
    Rst,
    /// One side learns of it.
    HalfOpen(To),
    /// Nobody learns of it.
    Silent,
}

impl Net {
    /// The connections of a client that somebody cares about.
    fn alive(&self, client: usize) -> Vec<u64> {
        let links = self.links.iter().enumerate();
        let mine =
            links.filter(|(_, link)| link.client == client && (link.open[0] || link.open[1]));
        mine.map(|(key, _)| key as u64).collect()
    }

    fn cut(&mut self, key: u64, how: Cut) {
        self.harm(key);
        let (server, client) = {
            let link = self.link(key);
            let cause = if matches!(how, Cut::Fin) { CloseCause::Peer } else { CloseCause::Error };
            if link.websocket {
                (Arrival::ServerClosed(cause), Arrival::ClientClosed(cause))
            } else {
                (Arrival::Aborted, Arrival::Failed)
            }
        };
        match how {
            Cut::Fin => {
                self.toward(To::Server, key, server, 0);
                self.toward(To::Client, key, client, 0);
            }
            Cut::Rst => {
                self.agenda.after(0, Task::Arrive(key, server));
                self.agenda.after(0, Task::Arrive(key, client));
            }
            Cut::HalfOpen(To::Server) => self.agenda.after(0, Task::Arrive(key, server)),
            Cut::HalfOpen(To::Client) => self.agenda.after(0, Task::Arrive(key, client)),
            Cut::Silent => {}
        }
        let link = self.link(key);
        link.shut = [true; 2];
        if !matches!(how, Cut::Fin) {
            link.dead = [true; 2];
        }
    }

    /// A proxy gives up waiting for the answer to a GET.
    pub(crate) fn kill_poll(&mut self, key: u64) {
        let link = self.link(key);
        if !(link.open[0] && link.open[1]) {
            return;
        }
        self.harm(key);
        self.toward(To::Client, key, Arrival::Response(Response::empty(502)), 0);
        if self.rng.one_in(2) {
            self.toward(To::Server, key, Arrival::Aborted, 0);
        }
        self.link(key).shut = [true; 2];
    }

    /// A proxy ends a WebSocket on which nobody says anything.
    pub(crate) fn kill_idle(&mut self, key: u64) {
        let Some(limit) = self.swarm.faults.idle_limit else { return };
        let now = self.agenda.now;
        let link = self.link(key);
        if !(link.open[0] && link.open[1]) {
            return;
        }
        let idle = now - link.active;
        if idle >= limit {
            let how = self.rng.pick(&[Cut::Fin, Cut::Rst, Cut::Silent]);
            return self.cut(key, how);
        }
        self.agenda.after(limit - idle, Task::KillIdle(key));
    }

    /// Everything that a black hole keeps from going on goes on, or never does.
    pub(crate) fn release(&mut self, client: usize) {
        let mends = self.rng.one_in(2);
        for key in 0..self.links.len() as u64 {
            if self.link(key).client != client {
                continue;
            }
            for to in [To::Server, To::Client] {
                let Some(held) = self.link(key).held[to as usize].take() else { continue };
                if mends {
                    for arrival in held {
                        self.toward(to, key, arrival, 0);
                    }
                } else {
                    self.link(key).shut[to as usize] = true;
                }
            }
        }
    }

    fn hole(&mut self, client: usize) {
        let sides = self.rng.below(3);
        for key in self.alive(client) {
            self.harm(key);
            for to in [To::Server, To::Client] {
                if sides != to as u64 {
                    self.link(key).held[to as usize].get_or_insert_default();
                }
            }
        }
        let most = self.rng.pick(&[S, 10 * S, 60 * S]);
        let time = self.rng.below(most);
        self.agenda.after(time, Task::Release(client));
    }
}

impl World {
    /// Lets something go wrong, if it is time for it.
    pub(crate) fn misfortune(&mut self) {
        let faults = self.net.swarm.faults.clone();
        let client = self.net.rng.index(self.nodes.len());
        if self.net.rng.per_mille(faults.cut) {
            self.note(|| format!("cut {client}"));
            let how = self.net.rng.pick(&[Cut::Fin, Cut::Rst, Cut::Rst]);
            self.cut_some(client, how);
        }
        if self.net.rng.per_mille(faults.half_open) {
            let how = self.net.rng.pick(&[
                Cut::HalfOpen(To::Server),
                Cut::HalfOpen(To::Client),
                Cut::Silent,
            ]);
            self.note(|| format!("half-open {client} {how:?}"));
            self.cut_some(client, how);
        }
        if self.net.rng.per_mille(faults.hole) {
            self.note(|| format!("hole {client}"));
            self.net.hole(client);
        }
        if self.net.rng.per_mille(faults.suspend) && !self.nodes[client].asleep {
            let time = self.net.rng.pick(&[100 * MS, 5 * S, 60 * S, 36_000 * S]);
            self.note(|| format!("suspend {client} for {} ms", time / MS));
            let node = &mut self.nodes[client];
            node.asleep = true;
            node.asleep_since = self.net.agenda.now;
            self.harm(client);
            self.net.agenda.after(time, Task::Wake(client));
        }
        if self.net.rng.per_mille(faults.down) {
            self.note(|| format!("down {client}"));
            self.net.down[client] = true;
            let time = self.net.rng.below(20 * S);
            self.net.agenda.after(time, Task::Up(client));
        }
        if self.net.rng.per_mille(faults.offline) && !self.nodes[client].asleep {
            self.note(|| format!("offline {client}"));
            self.harm(client);
            let now = self.client_now(client);
            self.nodes[client].client.handle(ToClient::Offline, now);
            let time = self.net.rng.below(10 * S);
            self.net.agenda.after(time, Task::Online(client));
        }
        if self.net.rng.per_mille(faults.restart) {
            self.restart();
        }
        self.settle();
    }

    fn cut_some(&mut self, client: usize, how: Cut) {
        let mut keys = self.net.alive(client);
        if self.net.rng.one_in(2) && !keys.is_empty() {
            keys = vec![self.net.rng.pick(&keys)];
        }
        for key in keys {
            self.net.cut(key, how);
        }
    }

    /// Whatever becomes of this client's connection has a reason.
    pub(crate) fn harm(&mut self, client: usize) {
        let conn = self.nodes[client].conn;
        for conn in [conn, conn + 1] {
            if !self.net.harmed.contains(&(client, conn)) {
                self.net.harmed.push((client, conn));
            }
        }
    }

    /// The server dies, and another one is there that knows nothing.
    fn restart(&mut self) {
        self.note(|| "restart".to_owned());
        for client in 0..self.nodes.len() {
            self.harm(client);
            for key in self.net.alive(client) {
                let how = self.net.rng.pick(&[Cut::Fin, Cut::Rst, Cut::Rst, Cut::Silent]);
                self.net.cut(key, how);
                let link = self.net.link(key);
                link.open[0] = false;
                link.unread.clear();
            }
        }
        let seed = self.net.rng.seed();
        self.server = Server::new(self.net.swarm.server.clone(), seed).unwrap();
        self.model.restart();
        self.expelled.clear();
        self.net.agenda.forget_server();
    }

    /// Everything works again, as far as it can.
    pub(crate) fn heal(&mut self) {
        self.note(|| "heal".to_owned());
        let net = &mut self.net;
        net.swarm.faults = super::swarm::Faults::default();
        net.swarm.rude = 0;
        for client in 0..self.nodes.len() {
            self.net.release(client);
            self.net.down[client] = false;
            self.wake(client);
            let now = self.client_now(client);
            self.nodes[client].client.handle(ToClient::Online, now);
            self.settle();
        }
    }

    /// A client's machine goes on; its clock may have stood still meanwhile.
    pub(crate) fn wake(&mut self, client: usize) {
        if !self.nodes[client].asleep {
            return;
        }
        self.note(|| format!("wake {client}"));
        self.nodes[client].asleep = false;
        self.harm(client);
        if self.net.rng.one_in(2) {
            let slept = self.net.agenda.now - self.nodes[client].asleep_since;
            self.nodes[client].behind += slept;
        }
    }
}
