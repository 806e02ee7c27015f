//! Plays what threads hand to each other in every order in which it can happen, with the sources of
//! the adapters themselves. A wake-up that is lost is a thread that waits for ever, which loom
//! reports; so it does what is read although nothing says that it was written before.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

/// What the sources take from `std::sync`.
mod sync {
    pub(crate) use std::sync::{Arc, OnceLock, PoisonError};

    pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
}

macro_rules! sources {
    ($($name:ident)*) => {$(
        #[allow(dead_code, reason = "not all of it is handed over")]
        mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
        }
    )*};
}
sources! { driven executor signal }

type Task = Pin<Box<dyn Future<Output = ()>>>;

use driven::{Driven, Source};
use executor::Executor;
use signal::Signal;

fn main() {
    for (name, model) in [
        ("a raised signal is seen with all that came before", a_raised_signal_is_seen as fn()),
        ("a signal that stays up is seen by all who wait", a_signal_that_stays_up_is_seen_by_all),
        ("a command is carried out by whoever drives", a_command_is_carried_out),
        ("a task that is woken elsewhere is polled again", a_woken_task_is_polled_again),
    ] {
        let runs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let mut orders = loom::model::Builder::new();
        // A thread is interrupted that often at most where it need not be; with every order there
        // is it would take hours.
        orders.preemption_bound = Some(3);
        orders.check(move || {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            model();
        });
        println!("{name}: {} orders", runs.load(std::sync::atomic::Ordering::Relaxed));
    }
}

/// Waits until the signal is up, and lowers it.
fn wait(signal: &Signal) {
    block_on(poll_fn(|cx| signal.poll_lower(cx)));
}

fn a_raised_signal_is_seen() {
    let signal = Arc::new(Signal::default());
    let said = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    for said in &said {
        let (said, signal) = (Arc::clone(said), Arc::clone(&signal));
        thread::spawn(move || {
            said.store(true, Ordering::Relaxed);
            signal.raise();
        });
    }
    while !said.iter().all(|said| said.load(Ordering::Relaxed)) {
        wait(&signal);
    }
}

fn a_signal_that_stays_up_is_seen_by_all() {
    let signal = Arc::new(Signal::default());
    let waiting = [(); 2].map(|()| {
        let signal = Arc::clone(&signal);
        thread::spawn(move || block_on(poll_fn(|cx| signal.poll_raised(cx))))
    });
    signal.raise();
    waiting.into_iter().for_each(|thread| thread.join().expect("it only waits"));
}

/// Outputs that wait.
struct Queue(Vec<u8>);

impl Source for Queue {
    type Output = u8;

    fn poll_output(&mut self) -> Option<u8> {
        self.0.pop()
    }
}

fn a_command_is_carried_out() {
    let driven = Arc::new(Driven::new(Queue(Vec::new())));
    let signal = Arc::new(Signal::default());
    let wake = Arc::clone(&signal);
    driven.set_waker(Box::new(move || wake.raise()));
    for output in [1, 2] {
        let driven = Arc::clone(&driven);
        thread::spawn(move || driven.command(|queue| queue.0.push(output)));
    }
    let mut carried_out = 0;
    loop {
        driven.drive(|output| carried_out += output);
        if carried_out == 3 {
            return;
        }
        wait(&signal);
    }
}

fn a_woken_task_is_polled_again() {
    let signal = Arc::new(Signal::default());
    let call = Arc::clone(&signal);
    let mut executor = Executor::new(move || call.raise());
    let said = Arc::new(Signal::default());
    let (heard, done) = (Arc::clone(&said), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&done);
    executor.spawn(Box::pin(async move {
        poll_fn(|cx| heard.poll_lower(cx)).await;
        over.store(true, Ordering::Relaxed);
    }));
    thread::spawn(move || said.raise());
    loop {
        executor.run();
        if done.load(Ordering::Relaxed) {
            return;
        }
        wait(&signal);
    }
}
