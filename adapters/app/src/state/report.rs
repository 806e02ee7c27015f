//! Where errors of handlers go: to the application, to the log, or to stderr.

use std::fmt::Display;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter};

/// What hears of errors.
pub(crate) type OnError<E> = Box<dyn Fn(E) + Send + Sync>;

/// Tells an error to the application, or writes it down. Both run code of the application, whose
/// panic concerns nobody else.
pub(crate) fn report<E: Display>(handler: Option<&OnError<E>>, level: Level, error: E) {
    let told = catch_unwind(AssertUnwindSafe(|| match handler {
        Some(handler) => handler(error),
        None => write(level, &error),
    }));
    if told.is_err() {
        write(Level::Error, &"reporting an error panicked; everything else goes on");
    }
}

/// Writes something to the log. Without a logger nobody would know why nothing happens, so it goes
/// to stderr then.
pub(crate) fn write(level: Level, text: &impl Display) {
    if log::max_level() != LevelFilter::Off {
        log::log!(level, "{text}");
    } else {
        write_on_stderr(&text.to_string());
    }
}

/// How many lines are written on stderr in a second: peers can bring errors about.
const MOST: u32 = 10;
/// How many characters of a line are written.
const LENGTH: usize = 500;

/// What was written on stderr in a second.
struct Written {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

fn write_on_stderr(text: &str) {
    static WRITTEN: Mutex<Written> = Mutex::new(Written { since: None, lines: 0, left_out: 0 });

    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = written.since.is_none();
    if written.since.is_none_or(|since| since.elapsed() >= Duration::from_secs(1)) {
        (written.since, written.lines) = (Some(Instant::now()), 0);
    }
    if written.lines == MOST {
        written.left_out += 1;
        return;
    }
    written.lines += 1;
    let left_out = std::mem::take(&mut written.left_out);
    drop(written);
    let mut lines = String::new();
    if is_first {
        lines += "sockeye: no logger is installed, so errors of handlers are written here\n";
    }
    if left_out > 0 {
        lines += &format!("sockeye: {left_out} errors were left out\n");
    }
    let cut: String = text.chars().take(LENGTH).collect();
    lines += &format!("sockeye: {cut}\n");
    // There is nowhere else to say that it can't be written.
    let _ = std::io::stderr().write_all(lines.as_bytes());
}
