//! Random lives of whole systems: several clients, a server, applications at both ends, and a
//! network that does what networks, proxies and machines do; held against a naive model after
//! every step. See `sim/mod.rs` for how, and `sim/model.rs` for what is promised.
//!
//! - `SIM_SEED=7 cargo test -p sockeye-core --test simulation` runs one world and prints all that
//!   happens in it, up to where it fails if it does.
//! - `SIM_SEEDS=1000000 cargo test --release -p sockeye-core --test simulation` runs more worlds
//!   than usual, `SIM_FROM=..` others, and `SIM_STEPS=..` longer ones.
//!
//! A seed that has failed once is kept in `sim/seeds.txt`, and runs every time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod sim;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sim::Summary;

const SEEDS: u64 = 2000;
const STEPS: u64 = 500;

/// The tests that share the seeds, so that they run on several cores.
const SHARES: u64 = 4;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn run(seed: u64, trace: bool) -> Summary {
    let mut step = 0;
    let steps = number("SIM_STEPS").unwrap_or(STEPS);
    let outcome = catch_unwind(AssertUnwindSafe(|| sim::run(seed, steps, trace, &mut step)));
    outcome.unwrap_or_else(|_| {
        let failure = format!(
            "seed {seed} has failed at step {step}; to see how:\n    \
             SIM_SEED={seed} cargo test -p sockeye-core --test simulation"
        );
        // At once, because the other shares may take hours.
        let mut out = std::io::stderr().lock();
        writeln!(out, "{failure}").unwrap();
        drop(out);
        panic!("{failure}")
    })
}

fn share(n: u64) {
    if number("SIM_SEED").is_some() {
        return;
    }
    let from = number("SIM_FROM").unwrap_or(0);
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let mut all = Summary::default();
    for seed in from..from + seeds {
        if seed % SHARES == n {
            all += run(seed, false);
        }
    }
    if seeds >= SEEDS {
        // A world in which nothing happens proves nothing.
        let worlds = seeds / SHARES;
        assert!(all.steps > worlds * STEPS && all.heard > worlds * 20, "{all:?}");
        assert!(all.acks > worlds * 10 && all.lost > worlds, "{all:?}");
        assert!(all.upgrades > worlds && all.recovered > worlds / 10, "{all:?}");
    }
}

#[test]
fn simulation_keeps_all_guarantees_1_of_4() {
    share(0);
}

#[test]
fn simulation_keeps_all_guarantees_2_of_4() {
    share(1);
}

#[test]
fn simulation_keeps_all_guarantees_3_of_4() {
    share(2);
}

#[test]
fn simulation_keeps_all_guarantees_4_of_4() {
    share(3);
}

#[test]
fn simulation_keeps_all_guarantees_for_seeds_that_failed_before() {
    if number("SIM_SEED").is_some() {
        return;
    }
    let lines = include_str!("sim/seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for line in lines.filter(|line| !line.is_empty()) {
        let seed = line.split_once(':').map_or(line, |(seed, _)| seed);
        run(seed.parse().expect("a line begins with a seed"), false);
    }
}

#[test]
fn a_seed_reproduces_its_simulation() {
    if number("SIM_SEED").is_some() {
        return;
    }
    for seed in 0..12 {
        assert_eq!(run(seed, false), run(seed, false), "seed {seed}");
    }
}

#[test]
fn a_simulation_can_be_shown_by_its_seed() {
    if let Some(seed) = number("SIM_SEED") {
        run(seed, true);
    }
}
