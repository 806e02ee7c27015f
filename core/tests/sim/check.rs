//! What must hold after every step, and at the end.

use sockeye_core::{Counts, client};

use super::World;
use super::model::Kind;
use super::swarm::{Ending, MS, NAMESPACES, S, nanos};

/// The greatest event that the applications make, in bytes on the wire.
pub(super) const MOST: usize = 4000;

impl World {
    pub(crate) fn check(&mut self) {
        assert!(self.server.poll_output().is_none(), "I5: outputs come of inputs");
        let counts = self.server.counts();
        let config = self.server.config();
        // What waits, and what is being written.
        let each = config.engine.max_buffered + MOST;
        assert!(counts.engine.buffered <= counts.engine.sessions * each, "I2: {counts:?}");
        if let Some(recovery) = config.recovery {
            assert!(counts.logged <= recovery.max_bytes, "I2: {counts:?}");
            assert!(counts.away <= recovery.max_saved_sockets, "I2: {counts:?}");
        }
        assert!(counts.sockets <= 2 * counts.engine.sessions, "I2: {counts:?}");
        assert!(counts.engine.requests <= 2 * counts.engine.sessions, "I2: {counts:?}");
        assert!(counts.engine.websockets <= 2 * counts.engine.sessions, "I2: {counts:?}");
        // A heartbeat, an upgrade and its hold; to join, to be completed, to be read again.
        let most = 6 * counts.engine.sessions + counts.acks + 2 + self.model.acks.gathering();
        assert!(counts.engine.timers + counts.timers <= most, "I2: {counts:?}");
        for node in &mut self.nodes {
            assert!(node.client.poll_output().is_none(), "I5: outputs come of inputs");
            let counts = node.client.counts();
            let limit = node.client.config().max_buffered;
            // Pongs and farewells count, too. So does what is tried, one packet for each socket,
            // besides the same packet in the queue.
            let tried = if self.net.swarm.retries > 0 { 2 } else { 0 };
            let most = limit + MOST * (2 + tried);
            assert!(counts.buffered <= most, "I2: {counts:?}");
            assert!(counts.requests <= 2 + 2 * 4, "I2: {counts:?}");
            assert!(counts.websockets <= 2 + 4, "I2: {counts:?}");
        }
        self.mix(counts.engine.buffered as u64);
    }

    /// The world is mended; then everybody must get what he is still to get, and leave, and
    /// nothing must remain.
    pub(crate) fn finish(&mut self, step: &mut u64) {
        self.healed = true;
        self.heal();
        for client in 0..self.nodes.len() {
            self.connect_all(client);
        }
        // A connection that is dead has to be noticed, an attempt at one to be given up.
        let swarm = &self.net.swarm;
        let delay = 20 * S + 8 * S + 20 * (swarm.latency + swarm.jitter + swarm.write);
        self.run_for(swarm.silence() + delay, step);
        for client in 0..self.nodes.len() {
            // Who was turned away meanwhile by what was said before asks again.
            self.connect_all(client);
        }
        self.run_for(5 * S + delay, step);
        let namespaces: Vec<_> = (0..NAMESPACES.len()).collect();
        for client in 0..self.nodes.len() {
            for &namespace in &namespaces {
                let there = self.model.seats[client][namespace].sid.is_some();
                assert!(there, "L: client {client} is connected to {}", NAMESPACES[namespace]);
                self.client_emits(client, namespace, Kind::Ask);
            }
        }
        for socket in self.model.peers.keys().copied().collect::<Vec<_>>() {
            self.server_emits(socket, Kind::Plain);
        }
        self.settle();
        self.drain(step);
        self.check_quiet();
        self.close(step);
    }

    /// Gives everybody the time to get what waits, as long as some of it does.
    fn drain(&mut self, step: &mut u64) {
        for _ in 0..40 {
            self.run_for(5 * S, step);
            if self.model.acks.is_settled() && !self.model.is_waiting() {
                break;
            }
        }
        self.run_for(5 * S, step);
    }

    fn check_quiet(&mut self) {
        self.model.acks.check_settled();
        let conns: Vec<_> = self.nodes.iter().map(|node| node.conn).collect();
        self.model.check_settled(&conns);
        let counts = self.server.counts();
        assert_eq!(counts.acks, 0, "L: {counts:?}");
        for node in &mut self.nodes {
            let counts = node.client.counts();
            assert_eq!((counts.acks, counts.buffered), (0, 0), "L: {counts:?}");
            let polling =
                node.client.transport() == Some(sockeye_core::engineio::Transport::Polling);
            assert_eq!(counts.websockets, usize::from(!polling), "L: no upgrade is under way");
            assert_eq!(counts.requests > 0, polling, "L: a GET waits");
        }
    }

    /// Everybody leaves.
    fn close(&mut self, step: &mut u64) {
        self.ending = true;
        let now = self.now();
        match self.net.swarm.ending {
            Ending::ClientsClose => {}
            Ending::ServerShutsDown => self.server.shut_down(now),
            Ending::ServerRetires => self.server.retire(std::time::Duration::from_secs(3), now),
        }
        for client in 0..self.nodes.len() {
            self.harm(client);
        }
        self.settle();
        if self.net.swarm.ending != Ending::ClientsClose {
            self.run_for(10 * S, step);
        }
        for client in 0..self.nodes.len() {
            self.harm(client);
            let now = self.client_now(client);
            self.nodes[client].client.close(now);
            self.settle();
        }
        let away = self.net.swarm.server.recovery.map_or(0, |it| 2 * nanos(it.max_disconnection));
        let closing = 40 * S + self.net.swarm.silence();
        self.run_for(away + closing + 100 * MS, step);
        assert!(self.server.is_idle(), "I1: the server is idle");
        assert_eq!(self.server.counts(), Counts::default(), "I1: nothing is left at the server");
        assert!(self.model.peers.is_empty() && self.model.away.is_empty(), "I1");
        for client in 0..self.nodes.len() {
            let now = self.client_now(client);
            let node = &mut self.nodes[client];
            assert!(node.client.is_idle(), "I1: client {client} is idle");
            for socket in node.sockets {
                node.client.socket(socket).unwrap().remove(now);
            }
            let counts = node.client.counts();
            assert_eq!(counts, client::Counts::default(), "I1: nothing is left at a client");
            assert_eq!(node.client.poll_timeout(), None, "I1: no deadline is left");
            self.settle();
        }
        let open = self.net.links.iter().filter(|link| link.open[1]).count();
        assert_eq!(open, 0, "I1: every connection that was opened was closed");
        self.model.acks.check_settled();
    }
}
