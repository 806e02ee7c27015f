//! Random scenarios of a client and a server, on a network that delays and fails.
//!
//! What must hold at the end: events of one connection are a prefix of what was sent on it, in
//! order, with nothing but volatile ones missing; over all connections nothing comes twice, unless
//! it was retried; each acknowledgement that was asked for came once; what is recovered has no gap.
//! What holds at each step is checked by the pair itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "most events are of no interest here")]

mod pair;

use std::collections::{BTreeMap, BTreeSet};

use pair::{POLLING, Pair, Rng, WEBSOCKET, millis, secs};
use sockeye_core::client::{Event, SocketConfig};
use sockeye_core::{AckId, EmitOptions, Event as Heard, RecoveryConfig, SocketId, Value};

/// What the client has heard between `Connected` and `Disconnected`.
struct Life {
    sid: String,
    recovered: bool,
    numbers: Vec<u64>,
}

/// What was said and heard in one run.
struct Run {
    pair: Pair,
    rng: Rng,
    plain: SocketId,
    retrying: SocketId,
    /// The number of the next event of each sender.
    client_next: u64,
    retry_next: u64,
    asked: BTreeSet<AckId>,
    acked: BTreeSet<AckId>,
    /// What each of the server's sockets for `/` has heard, in the order of their making.
    heard: Vec<Vec<u64>>,
    /// Which of them are connected, and where in `heard` they are.
    peers: BTreeMap<SocketId, usize>,
    retried: Vec<u64>,
    /// What the client has heard in each life.
    client_lives: Vec<Life>,
    /// What was sent to each of the server's sockets, by its id on the wire.
    sent: BTreeMap<String, Vec<u64>>,
    recovering: bool,
    served: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let transports = match rng.below(4) {
            0 => vec![POLLING],
            1 => vec![WEBSOCKET],
            _ => vec![POLLING, WEBSOCKET],
        };
        let recovering = rng.one_in(2);
        let mut pair = Pair::with(
            |config| {
                config.transports = transports;
                config.remember_upgrade = seed % 3 == 0;
                config.try_all_transports = seed % 5 == 0;
            },
            |server| {
                server.recovery = recovering.then(RecoveryConfig::default);
                server.engine.max_payload = 500;
            },
        );
        pair.net = pair::Net::new(seed);
        pair.net.latency = (millis(1 + rng.below(80)), millis(1 + rng.below(80)));
        pair.net.jitter = millis(rng.below(60));
        pair.net.write = millis(rng.below(20));
        pair.server_acks = true;
        let plain = pair.open("/");
        let config = SocketConfig::default().retries(1_000_000).ack_timeout(secs(2));
        let retrying = pair.open_with("/admin", config);
        Self {
            pair,
            rng,
            plain,
            retrying,
            client_next: 0,
            retry_next: 0,
            asked: BTreeSet::new(),
            acked: BTreeSet::new(),
            heard: Vec::new(),
            retried: Vec::new(),
            client_lives: Vec::new(),
            sent: BTreeMap::new(),
            peers: BTreeMap::new(),
            recovering,
            served: 0,
        }
    }

    fn act(&mut self) {
        match self.rng.below(40) {
            0..=11 => self.client_emits(),
            12..=14 => self.client_asks(),
            15..=17 => {
                self.pair.emit(self.retrying, "retried", &self.retry_next);
                self.retry_next += 1;
            }
            18..=19 => {
                self.pair.emit_volatile(self.plain, "volatile");
            }
            20..=32 => self.server_emits(),
            33 if self.rng.one_in(3) => self.pair.cut(),
            34 if self.rng.one_in(6) => {
                self.pair.net.silent = (self.rng.one_in(2), self.rng.one_in(2));
            }
            35 if self.rng.one_in(3) => {
                self.pair.net.refuse_websockets = self.rng.one_in(2).then_some(400);
            }
            36 if self.rng.one_in(3) => self.pair.net.down = self.rng.one_in(2),
            37 if !self.recovering && self.rng.one_in(8) => {
                self.watch();
                self.peers.clear();
                self.pair.restart();
            }
            38 if self.rng.one_in(8) => {
                self.pair.disconnect(self.plain);
                let pause = millis(self.rng.below(100));
                self.pair.run(pause);
                self.pair.connect(self.plain);
            }
            39 => {
                let long = if self.rng.one_in(4) { 60_000 } else { 3_000 };
                let pause = millis(self.rng.below(long));
                self.pair.run(pause);
                if self.rng.one_in(2) {
                    self.pair.net.heal();
                }
            }
            _ => {}
        }
        let pause = millis(self.rng.below(30));
        self.pair.run(pause);
        self.watch();
    }

    fn client_emits(&mut self) {
        let number = self.client_next;
        self.client_next += 1;
        if self.rng.one_in(3) {
            let binary = Value::Bytes(vec![7; 300].into());
            self.pair.emit(self.plain, "c", &(number, &binary, vec![&binary; 2]));
        } else {
            self.pair.emit(self.plain, "c", &number);
        }
    }

    fn client_asks(&mut self) {
        let number = self.client_next;
        self.client_next += 1;
        let timeout = self.rng.one_in(2).then(|| secs(600));
        let now = self.pair.now;
        let ack = self.pair.socket(self.plain).emit_with_ack("c", &number, timeout, now).unwrap();
        self.pair.settle();
        assert!(self.asked.insert(ack));
    }

    fn server_emits(&mut self) {
        let connected: Vec<_> = self.peers.keys().copied().collect();
        for peer in connected {
            let number = self.served;
            let volatile = self.rng.one_in(5);
            let options = EmitOptions::default().volatile(volatile);
            let binary = self.rng.one_in(4).then(|| Value::Bytes(vec![9; 200].into()));
            if let Some(mut socket) = self.pair.server.socket(peer) {
                if volatile {
                    socket.emit("volatile", "a volatile text", options).unwrap();
                } else {
                    socket.emit("s", &(number, binary), options).unwrap();
                    let sid = socket.sid().to_string();
                    self.sent.entry(sid).or_default().push(number);
                    self.served += 1;
                }
            }
            self.pair.settle();
        }
    }

    /// Takes down what both sides have told.
    fn watch(&mut self) {
        for event in self.pair.server_events() {
            match event {
                Heard::Connected { socket, namespace, .. } if &*namespace == "/" => {
                    self.peers.insert(socket, self.heard.len());
                    self.heard.push(Vec::new());
                }
                Heard::Disconnected { socket, .. } => {
                    self.peers.remove(&socket);
                }
                Heard::Received { socket, name, args, .. } => match name.as_str() {
                    "c" => {
                        self.heard[self.peers[&socket]].push(args.get(0).unwrap());
                    }
                    "retried" => self.retried.push(args.get(0).unwrap()),
                    "volatile" => {}
                    other => panic!("{other}"),
                },
                _ => {}
            }
        }
        for event in self.pair.client_events() {
            match event {
                Event::Connected { socket, sid, recovered } if socket == self.plain => {
                    let (sid, numbers) = (sid.to_string(), Vec::new());
                    self.client_lives.push(Life { sid, recovered, numbers });
                }
                Event::Received { name, args, .. } if name.as_str() == "s" => {
                    let number = args.get(0).unwrap();
                    self.client_lives.last_mut().expect("connected").numbers.push(number);
                }
                Event::Acked { ack, .. } => assert!(self.acked.insert(ack)),
                Event::Closed { fault, .. } => {
                    let fault = fault.map(|fault| fault.to_string()).unwrap_or_default();
                    assert!(!fault.contains("malformed"), "{fault}");
                }
                _ => {}
            }
        }
    }

    /// Everything is well again, and everybody gets what is still to come.
    fn settle(&mut self) {
        self.pair.net.heal();
        self.pair.run(secs(120));
        self.watch();
        assert!(self.pair.socket(self.plain).is_connected(), "it is connected again");
        self.client_emits();
        self.pair.run(secs(1_000));
        self.watch();
        assert!(self.pair.socket(self.plain).is_connected());
        assert_eq!(self.pair.client.counts().buffered, 0, "nothing waits");
        assert_eq!(self.pair.client.counts().acks, 0, "nothing is owed");
    }

    fn check(&self) {
        // What the server has heard: in order, once, without a gap in one life.
        let mut last = None;
        for numbers in self.heard.iter().filter(|numbers| !numbers.is_empty()) {
            for pair in numbers.windows(2) {
                assert_eq!(pair[0] + 1, pair[1], "no gap within a connection: {numbers:?}");
            }
            assert!(last.is_none_or(|last| last < numbers[0]), "nothing twice");
            last = numbers.last().copied();
        }
        assert_eq!(last, self.client_next.checked_sub(1), "what was emitted last is there");
        // What the client has heard: for each place at the server the beginning of what was sent
        // to it, over all connections on which the place was kept.
        let mut heard = BTreeMap::<_, Vec<u64>>::new();
        for Life { sid, recovered, numbers } in &self.client_lives {
            assert_eq!(*recovered, heard.contains_key(sid), "a place is new or kept");
            heard.entry(sid).or_default().extend(numbers);
        }
        for (sid, numbers) in heard {
            let sent = self.sent.get(sid).map_or(&[][..], |sent| sent);
            assert!(sent.starts_with(&numbers), "{numbers:?} is no beginning of {sent:?}");
        }
        assert_eq!(self.asked, self.acked.iter().copied().collect(), "each answer once");
        // What is retried arrives, and for the first time in order.
        let mut first = Vec::new();
        for number in &self.retried {
            if !first.contains(number) {
                first.push(*number);
            }
        }
        assert_eq!(first, (0..self.retry_next).collect::<Vec<_>>());
    }
}

fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("SOCKEYE_SEEDS").ok().and_then(|count| count.parse().ok());
    0..count.unwrap_or(200)
}

#[test]
fn the_guarantees_hold_in_random_scenarios() {
    let mut lives = 0;
    let mut recovered = 0;
    for seed in seeds() {
        let result = std::panic::catch_unwind(|| {
            let mut run = Run::new(seed);
            for _ in 0..150 {
                run.act();
            }
            run.settle();
            run.check();
            run.pair.finish();
            let recovered = run.client_lives.iter().filter(|life| life.recovered).count();
            (run.client_lives.len(), recovered)
        });
        match result {
            Ok((these, back)) => {
                lives += these;
                recovered += back;
            }
            Err(_) => panic!("it was seed {seed}"),
        }
    }
    assert!(lives > 200 && recovered > 20, "{lives} lives, {recovered} recovered");
}

#[test]
fn the_same_seed_makes_the_same_transcript() {
    let transcript = |seed| {
        let mut run = Run::new(seed);
        run.pair.transcript = Some(Vec::new());
        for _ in 0..150 {
            run.act();
        }
        run.settle();
        run.pair.transcript.take().unwrap()
    };
    for seed in 1..5 {
        let first = transcript(seed);
        assert!(first.len() > 500);
        assert_eq!(first, transcript(seed));
    }
}
