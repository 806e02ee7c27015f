//! Does one of the cases so many times, for the script `instructions`, which counts what the
//! processor does for it.
//!
//! Arguments are the name, the size (0 where there is none) and the number of times; without them
//! the cases are listed: name, size, operations that are done at once.

mod bench_support;
mod cases;

use std::io::Write;
use std::{env, io};

use cases::{Act, GROWTHS, OPERATIONS};

fn main() -> io::Result<()> {
    // Cargo adds options of its own.
    let arguments: Vec<_> = env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let [name, size, times] = &*arguments else { return list() };
    let number = |text: &str| text.parse().expect("a number");
    let (mut act, times) = (find(name, number(size)), number(times));
    // Buffers that stay have their size after that.
    (0..times).for_each(|_| act());
    counted(&mut act, times);
    Ok(())
}

/// Valgrind counts while this runs.
#[inline(never)]
fn counted(act: &mut Act, times: usize) {
    (0..times).for_each(|_| act());
}

fn find(name: &str, size: usize) -> Act {
    if let Some(operation) = OPERATIONS.iter().find(|it| it.name == name) {
        return (operation.make)();
    }
    let growth = GROWTHS.iter().find(|it| it.name == name);
    (growth.expect("the name of a case").make)(size)
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for operation in OPERATIONS {
        writeln!(out, "{}\t0\t1", operation.name)?;
    }
    for growth in GROWTHS {
        for &size in growth.sizes {
            writeln!(out, "{}\t{size}\t{}", growth.name, (growth.at_once)(size))?;
        }
    }
    Ok(())
}
