//! What the recorder of the `metrics` crate gets.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test already")]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use common::World;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use sockeye_app::{App, Socket};

#[derive(Clone, Default)]
struct Figures(Arc<Mutex<BTreeMap<String, f64>>>);

struct Figure(Figures, String);

impl Figure {
    fn of(figures: &Figures, key: &Key) -> Arc<Self> {
        Arc::new(Self(figures.clone(), key.name().to_owned()))
    }

    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl CounterFn for Figure {
    fn increment(&self, _: u64) {
        panic!("figures are absolute");
    }

    #[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
    fn absolute(&self, value: u64) {
        self.set(value as f64);
    }
}

impl GaugeFn for Figure {
    fn increment(&self, _: f64) {
        panic!("figures are absolute");
    }

    fn decrement(&self, _: f64) {
        panic!("figures are absolute");
    }

    fn set(&self, value: f64) {
        self.set(value);
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Figure::of(self, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Figure::of(self, key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn the_figures_go_to_the_recorder_under_the_names_that_the_guide_tells() {
    let figures = Figures::default();
    metrics::with_local_recorder(&figures, || {
        let mut world = World::new(App::new().on_connect(|socket: Socket| socket.join("all")));
        world.connect();
        // At most once in a second, so what happened since is told later.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        world.settle();
    });

    let told = figures.0.lock().unwrap().clone();
    assert_eq!(told["sockeye_sessions"], 1.0);
    assert_eq!(told["sockeye_rooms"], 1.0);
    assert_eq!(told["sockeye_messages_in_total"], 1.0);
    let guide = include_str!("../src/guide/operation.md");
    for name in told.keys() {
        assert!(guide.contains(&format!("`{name}`")), "{name} is not in the guide");
    }
    assert_eq!(told.len(), guide.matches("`sockeye_").count());
}

#[test]
fn the_last_change_is_handed_over_when_nothing_follows_it() {
    let figures = Figures::default();
    metrics::with_local_recorder(&figures, || {
        let mut world = World::new(App::new());
        for _ in 0..50 {
            let ws = world.connect();
            world.hang_up(ws);
        }
        // The adapter comes back at the next deadline.
        let deadline = world.shard.poll_timeout().expect("there is something to hand over");
        std::thread::sleep(deadline.saturating_duration_since(std::time::Instant::now()));
        world.settle();
        assert_eq!(world.shard.poll_timeout(), None);
    });

    let told = figures.0.lock().unwrap().clone();
    assert_eq!(told["sockeye_sessions"], 0.0);
    assert_eq!(told["sockeye_messages_in_total"], 50.0);
}
