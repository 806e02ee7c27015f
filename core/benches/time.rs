//! How long it takes: `cargo bench -p sockeye-core --bench time --all-features`.

mod bench_support;
mod cases;

use std::fmt;

use cases::{GROWTHS, Growth, OPERATIONS, Operation};
use divan::counter::ItemsCount;
use divan::{Bencher, bench};

fn main() {
    divan::main();
}

#[bench(args = OPERATIONS)]
fn operation(bencher: Bencher<'_, '_>, operation: &Operation) {
    bencher.bench_local((operation.make)());
}

/// Divide the times of deliveries by their number; the line below them has done it.
#[bench(args = all_sizes())]
fn growth(bencher: Bencher<'_, '_>, Sized(growth, size): &Sized) {
    let counter = ItemsCount::new((growth.at_once)(*size));
    bencher.counter(counter).bench_local((growth.make)(*size));
}

#[derive(Clone, Copy)]
struct Sized(Growth, usize);

fn all_sizes() -> impl Iterator<Item = Sized> {
    let sizes = |&growth: &Growth| growth.sizes.iter().map(move |&size| Sized(growth, size));
    GROWTHS.iter().flat_map(sizes)
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Sized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.1)
    }
}
